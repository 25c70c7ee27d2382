//! The naming game's test episodes, `zoo/episodes.json` and `zoo/episodes.png`: two made-up names are taught in the prompt, and
//! the name of one more picture is asked for, as in Frozen's open-ended few-shot test (Tsimpoukelli et al. 2021).
//!
//! A name counts as chosen if it is the likelier one with the full stop behind it, and as said if greedy generation gives
//! it: `zoo/evaluate_episodes.py` does the same in PyTorch.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ocelli_engine::image::{self, ImageLimits, Picture};
use ocelli_engine::{GenerateOptions, Session, Shot, ShotFormat, Told};
use serde::Deserialize;

use crate::Result;

/// The folder of the episodes.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo")
}

/// Episodes with their pictures.
#[derive(Debug)]
pub struct Game {
    /// What is said of a picture, up to its name.
    pub begun: String,
    /// In the order of the file.
    pub episodes: Vec<Episode>,
    tiles: Vec<Arc<Picture>>,
}

/// What the file holds beside the pictures.
#[derive(Deserialize)]
struct Listed {
    side: u32,
    columns: u32,
    begun: String,
    episodes: Vec<Episode>,
}

/// A prompt of named pictures with the question behind it.
#[derive(Debug, Deserialize)]
pub struct Episode {
    /// In what the two classes differ.
    pub kind: String,
    /// Of the two classes.
    pub names: [String; 2],
    shown: Vec<u32>,
    named: Vec<usize>,
    asked: u32,
    /// Which name is right.
    pub answer: usize,
}

impl Episode {
    /// Pictures of each class in the prompt.
    #[must_use]
    pub fn shots(&self) -> usize {
        self.shown.len() / 2
    }
}

/// What a model makes of an episode; in files a list of the two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answer(
    /// Which of the two names is the likelier one.
    pub usize,
    /// What is said by itself, up to the full stop.
    pub String,
);

impl Game {
    /// Reads `episodes.json` and `episodes.png` of a folder.
    ///
    /// # Errors
    /// Where one is missing or the two do not fit.
    pub fn load(folder: &Path) -> Result<Self> {
        let Listed { side, columns, begun, episodes } =
            serde_json::from_slice(&std::fs::read(folder.join("episodes.json"))?)?;
        let sheet = image::decode(&std::fs::read(folder.join("episodes.png"))?, &ImageLimits::default())?;
        Ok(Self { begun, episodes, tiles: tiles(&sheet, side, columns)? })
    }

    /// Different pictures there are.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.tiles.len()
    }

    fn tile(&self, number: u32) -> Result<Option<Arc<Picture>>> {
        Ok(Some(Arc::clone(self.tiles.get(number as usize).ok_or(format!("no tile {number}"))?)))
    }

    /// Plays an episode.
    ///
    /// # Errors
    /// What the session refuses, and an episode that names what is not there.
    pub fn play(&self, episode: &Episode, session: &mut Session, format: &ShotFormat) -> Result<Answer> {
        let shot = |(&place, &which): (&u32, &usize)| -> Result<Shot> {
            let name = episode.names.get(which).ok_or(format!("no name {which}"))?;
            Ok(Shot { picture: self.tile(place)?, told: Told::Text(format!("{} {name}.", self.begun)) })
        };
        let shots = episode.shown.iter().zip(&episode.named).map(shot).collect::<Result<Vec<_>>>()?;
        let query = Shot { picture: self.tile(episode.asked)?, told: Told::Text(self.begun.clone()) };
        let prompt = format.prompt(&shots, &query)?;
        // The tokenizer puts the blank before a text by itself.
        let names = episode.names.each_ref().map(|name| format!("{name}."));
        let scores =
            session.score(&prompt, &names.each_ref().map(String::as_str), &mut |_| ControlFlow::Continue(()))?;
        let options = GenerateOptions { max_new_tokens: 8, ..GenerateOptions::default() };
        let said = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?.text;
        let chosen = usize::from(scores[1].sum() > scores[0].sum());
        Ok(Answer(chosen, said.split('.').next().unwrap_or_default().trim().to_owned()))
    }
}

/// The pictures of a sheet, row by row.
fn tiles(sheet: &Picture, side: u32, columns: u32) -> Result<Vec<Arc<Picture>>> {
    let (side, columns, width) = (side as usize, columns as usize, sheet.width() as usize);
    if side == 0 || width != side * columns || !(sheet.height() as usize).is_multiple_of(side) {
        return Err(format!("a sheet {width} wide is not {columns} tiles of {side}").into());
    }
    let cut = |number: usize| {
        let (left, top) = (number % columns * side, number / columns * side);
        let rows = (top..top + side).flat_map(|y| &sheet.rgb()[3 * (y * width + left)..][..3 * side]);
        Ok(Arc::new(Picture::new(side as u32, side as u32, rows.copied().collect(), &ImageLimits::default())?))
    };
    (0..columns * (sheet.height() as usize / side)).map(cut).collect()
}
