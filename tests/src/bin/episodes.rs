//! How often a model tells two made-up names apart that its prompt has just taught it, on the episodes of `tests/zoo`.
//!
//!     cargo run --release -p ocelli-tests --bin episodes -- --model FILE [--data DIR] [--threads N]
//!
//! DIR holds `episodes.json` and `episodes.png`, whose tiles are the pictures; without it, `tests/zoo`. A name counts as
//! chosen if it is the likelier one with the full stop behind it, and as said if greedy generation gives it.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use ocelli_engine::image::{self, ImageLimits, Picture};
use ocelli_engine::{Engine, GenerateOptions, Load, SessionOptions, Shot, ShotFormat, Told};
use ocelli_tests::Result;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

#[derive(Deserialize)]
struct Game {
    side: u32,
    columns: u32,
    /// What is said of a picture, up to its name.
    begun: String,
    episodes: Vec<Episode>,
}

#[derive(Deserialize)]
struct Episode {
    kind: String,
    names: [String; 2],
    /// Tiles in order, and which name each has.
    shown: Vec<u32>,
    named: Vec<usize>,
    asked: u32,
    answer: usize,
}

#[derive(Default)]
struct Tally {
    episodes: usize,
    chosen: usize,
    said: usize,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (mut model, mut data, mut threads) = (None, Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo"), 0);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--model" => model = Some(PathBuf::from(value()?)),
            "--data" => data = PathBuf::from(value()?),
            "--threads" => threads = value()?.parse()?,
            _ => {
                println!("usage: episodes --model FILE [--data DIR] [--threads N]");
                return Ok(());
            }
        }
    }
    let game: Game = serde_json::from_slice(&std::fs::read(data.join("episodes.json"))?)?;
    let sheet = image::decode(&std::fs::read(data.join("episodes.png"))?, &ImageLimits::default())?;
    let tiles = tiles(&sheet, game.side, game.columns)?;
    let tile = |number: u32| tiles.get(number as usize).cloned().ok_or(format!("no tile {number}"));

    let model = Engine::new(threads)?.open(&model.ok_or("--model is missing")?, Load::Map)?;
    let format = ShotFormat::from_gguf(model.file())?;
    let mut session = model.session(&SessionOptions { images: tiles.len(), ..SessionOptions::default() })?;
    let options = GenerateOptions { max_new_tokens: 8, ..GenerateOptions::default() };
    let start = Instant::now();
    let mut tallies: BTreeMap<(&str, usize), Tally> = BTreeMap::new();
    for episode in &game.episodes {
        let shot = |(&place, &which): (&u32, &usize)| -> Result<Shot> {
            let name = episode.names.get(which).ok_or(format!("no name {which}"))?;
            Ok(Shot { picture: Some(tile(place)?), told: Told::Text(format!("{} {name}.", game.begun)) })
        };
        let shots = episode.shown.iter().zip(&episode.named).map(shot).collect::<Result<Vec<_>>>()?;
        let query = Shot { picture: Some(tile(episode.asked)?), told: Told::Text(game.begun.clone()) };
        let prompt = format.prompt(&shots, &query)?;
        // The tokenizer puts the blank before a text by itself.
        let names = episode.names.each_ref().map(|name| format!("{name}."));
        let scores =
            session.score(&prompt, &names.each_ref().map(String::as_str), &mut |_| ControlFlow::Continue(()))?;
        let said = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?.text;
        let tally = tallies.entry((episode.kind.as_str(), shots.len() / 2)).or_default();
        tally.episodes += 1;
        tally.chosen += usize::from(usize::from(scores[1].sum() > scores[0].sum()) == episode.answer);
        let name = said.split('.').next().unwrap_or_default().trim();
        tally.said += usize::from(Some(name) == episode.names.get(episode.answer).map(String::as_str));
    }
    for ((kind, shots), tally) in tallies {
        let share = |count: usize| 100.0 * count as f64 / tally.episodes as f64;
        let (chosen, said) = (share(tally.chosen), share(tally.said));
        println!("{kind:8} {shots} shots  {} episodes  chosen of two {chosen:.2} %  said {said:.2} %", tally.episodes);
    }
    println!("{:.1} s", start.elapsed().as_secs_f64());
    Ok(())
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
