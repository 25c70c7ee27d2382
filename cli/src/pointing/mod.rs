//! What a model that points says: its text without the marks of places, its phrases with their boxes, and these on the picture.
//!
//! The non-obvious thing: where a prompt asks for places, or has some, its own text is part of what is read, as in the originals:
//! a phrase that the prompt begins with is the one whose place the answer tells.

mod draw;
mod show;

use crate::failure::Failure;
use crate::output::Out;
use ocelli_convert::write_atomically;
use ocelli_engine::image::Picture;
use ocelli_engine::pointing::Pointed;
use ocelli_engine::{Error, Generation, Model, Piece, Prompt, prompt_ids};
use serde_json::{Value, json};
use show::Protocol;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the picture goes with what was found on it.
#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
pub struct PointArgs {
    /// Write the picture with the boxes of all phrases, labelled, as PNG; of several pictures the last one
    #[arg(long, value_name = "OUT.png", conflicts_with_all = ["batch", "keep_special"])]
    draw: Option<PathBuf>,
    /// Show it in the terminal as well
    #[arg(long, value_name = "PROTOCOL", num_args = 0..=1, require_equals = true, default_missing_value = "auto",
        conflicts_with_all = ["json", "batch", "keep_special"])]
    show: Option<Protocol>,
}

/// What an answer says of places.
pub struct Found {
    pub pointed: Pointed,
    /// The picture that they are on.
    picture: Option<Arc<Picture>>,
}

impl PointArgs {
    /// Refuses to draw what no model said, or on nothing.
    pub fn check(&self, model: &Model, prompt: &Prompt, constrained: bool) -> Result<(), Failure> {
        if self.draw.is_none() && self.show.is_none() {
            return Ok(());
        }
        if constrained {
            let what = "--draw and --show: an answer that a grammar or a schema holds to a form is not read for places";
            return Err(Failure::usage("usage", what));
        }
        if model.pointing().is_some() {
            return picture_of(prompt).map(|_| ()).ok_or_else(no_picture);
        }
        let hint = "KOSMOS-2 points, and other models whose files have the key ocelli.pointing.kind".to_owned();
        Err(Failure::usage(
            "no-pointing",
            "--draw and --show are for models that point, and this file names no way of it",
        )
        .with_hint(hint))
    }

    /// Writes and shows the picture.
    pub fn picture(&self, found: &Found, out: &mut Out) -> Result<(), Failure> {
        if self.draw.is_none() && self.show.is_none() {
            return Ok(());
        }
        let picture = found.picture.as_deref().ok_or_else(no_picture)?;
        let failed = || Failure::new("draw", "the picture is too large to be drawn on");
        let drawn = draw::drawn(picture, &found.pointed.phrases).ok_or_else(failed)?;
        if let Some(path) = &self.draw {
            write_atomically(path, &crate::encoded::png(&drawn).ok_or_else(failed)?)?;
        }
        let Some(protocol) = self.show else { return Ok(()) };
        let told = || Protocol::of_terminal(|name| std::env::var(name).ok());
        let protocol = if protocol == Protocol::Auto { told() } else { Some(protocol) };
        let Some(protocol) = protocol else {
            let what = "the terminal does not say which pictures it shows";
            return Err(
                Failure::usage("terminal", what).with_hint("--show=kitty, --show=iterm2 or --show=sixel".to_owned())
            );
        };
        out.text(&protocol.written(&drawn).ok_or_else(failed)?)?;
        out.flush()
    }
}

/// The picture that places are on: the last one.
fn picture_of(prompt: &Prompt) -> Option<Arc<Picture>> {
    let seen = |piece: &Piece| if let Piece::Image(picture) = piece { Some(Arc::clone(picture)) } else { None };
    prompt.pieces().iter().rev().find_map(seen)
}

fn no_picture() -> Failure {
    Failure::usage("no-picture", "--draw and --show need a picture: -i PATH")
}

impl Found {
    /// What the answer to a prompt says, where the model points.
    pub fn of(model: &Model, prompt: &Prompt, generation: &Generation) -> Result<Option<Self>, Failure> {
        let Some(pointing) = model.pointing() else { return Ok(None) };
        let decoded = |ids: &[u32]| model.tokenizer().decode(ids, true).map_err(Error::from);
        let before = prompt_ids(&model.compose(prompt)?);
        let text = if pointing.reads_prompt(&decoded(&before)?) {
            decoded(&[&before[..], generation.said()].concat())?
        } else {
            decoded(generation.said())?
        };
        Ok(Some(Self { pointed: pointing.read(&text), picture: picture_of(prompt) }))
    }

    /// The phrases as --json has them.
    pub fn phrases(&self) -> Value {
        self.pointed.phrases.iter().map(|phrase| json!({ "text": phrase.text, "boxes": phrase.boxes })).collect()
    }

    /// A line for each phrase; `text` says that the text goes before.
    pub fn print(&self, text: bool, out: &mut Out) -> Result<(), Failure> {
        if text {
            out.model_text(&self.pointed.text)?;
            out.line("")?;
        }
        for phrase in &self.pointed.phrases {
            out.model_text(&phrase.text)?;
            for [left, top, right, bottom] in &phrase.boxes {
                out.text(&format!("  {left:.3},{top:.3},{right:.3},{bottom:.3}"))?;
            }
            out.line("")?;
        }
        out.flush()
    }
}
