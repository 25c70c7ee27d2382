//! How often a model tells two made-up names apart that its prompt has just taught it, on the episodes of `tests/zoo`.
//!
//!     cargo run --release -p ocelli-tests --bin episodes -- --model FILE [--data DIR] [--threads N]
//!
//! DIR holds `episodes.json` and `episodes.png`; without it, `tests/zoo`. What counts is said in the library's
//! `naming_game`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use ocelli_engine::{Engine, Load, SessionOptions, ShotFormat};
use ocelli_tests::Result;
use ocelli_tests::naming_game::{self, Game};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Default)]
struct Tally {
    episodes: usize,
    chosen: usize,
    said: usize,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (mut model, mut data, mut threads) = (None, naming_game::folder(), 0);
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
    let game = Game::load(&data)?;
    let model = Engine::new(threads)?.open(&model.ok_or("--model is missing")?, Load::Map)?;
    let format = ShotFormat::from_gguf(model.file())?;
    let mut session = model.session(&SessionOptions { images: game.pictures(), ..SessionOptions::default() })?;
    let start = Instant::now();
    let mut tallies: BTreeMap<(&str, usize), Tally> = BTreeMap::new();
    for episode in &game.episodes {
        let answer = game.play(episode, &mut session, &format)?;
        let tally = tallies.entry((episode.kind.as_str(), episode.shots())).or_default();
        tally.episodes += 1;
        tally.chosen += usize::from(answer.0 == episode.answer);
        tally.said += usize::from(Some(&answer.1) == episode.names.get(episode.answer));
    }
    for ((kind, shots), tally) in tallies {
        let share = |count: usize| 100.0 * count as f64 / tally.episodes as f64;
        let (chosen, said) = (share(tally.chosen), share(tally.said));
        println!("{kind:8} {shots} shots  {} episodes  chosen of two {chosen:.2} %  said {said:.2} %", tally.episodes);
    }
    println!("{:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
