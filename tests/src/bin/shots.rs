//! What demonstrations cost: prompts of 0, 1, 2, … pictures with a sentence each and one picture more that is asked about,
//! run by any model, and a second question behind the same demonstrations.
//!
//!     cargo run --release -p ocelli-tests --bin shots -- --model FILE [--threads N]
//!
//! Every picture is another one. Prints a Markdown table.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Engine, GenerateOptions, Load, Prompt, SessionOptions, Timings};
use ocelli_tests::Result;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

const SHOTS: [usize; 6] = [0, 1, 2, 4, 8, 16];

/// A picture of noise.
fn noise(seed: u64) -> Result<Picture> {
    let (width, height) = (320, 240);
    let mut state = seed;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let rgb = (0..3 * width * height).map(|_| byte()).collect();
    Ok(Picture::new(width, height, rgb, &ImageLimits::default())?)
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (mut model, mut threads) = (None, 0);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--model" => model = Some(PathBuf::from(value()?)),
            "--threads" => threads = value()?.parse()?,
            _ => {
                println!("usage: shots --model FILE [--threads N]");
                return Ok(());
            }
        }
    }
    let model = Engine::new(threads)?.open(&model.ok_or("--model is missing")?, Load::Map)?;
    let begun = |shots: usize| -> Result<Prompt> {
        (0..shots).try_fold(Prompt::new(), |prompt, i| {
            let prompt = prompt.image(noise(i as u64)?);
            Ok(prompt.text(format!("An image of number {i}, which has a sentence of its own.")))
        })
    };
    let asked = |prompt: Prompt, seed: u64| -> Result<Prompt> { Ok(prompt.image(noise(seed)?).text("An image of")) };
    let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
    println!(
        "| shots | positions | tower | resampler or bridge | prefill | in all | keys and values | of pictures | second question | of the first |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for shots in SHOTS {
        let first = asked(begun(shots)?, 1000)?;
        let positions = model.count(&model.compose(&first)?);
        let layout = SessionOptions { context: positions + 2, images: shots + 2, ..SessionOptions::default() };
        let cache = model.plan(&layout)?.cache;
        let more = model.plan(&SessionOptions { images: layout.images + 1, ..layout })?.cache;
        let media = (more - cache) * layout.images as u64;
        let mut session = model.session(&layout)?;
        session.keep_prefix(true);
        let mut run = |prompt: &Prompt| -> Result<(f64, Timings)> {
            let start = Instant::now();
            let answer = session.generate(prompt, &options, &mut |_| ControlFlow::Continue(()))?;
            Ok((start.elapsed().as_secs_f64(), answer.timings))
        };
        let (whole, t) = run(&first)?;
        let (second, _) = run(&asked(begun(shots)?, 2000)?)?;
        println!(
            "| {shots} | {positions} | {:.2} s | {:.2} s | {:.2} s | {whole:.2} s | {:.1} MiB | {:.1} MiB | {second:.2} s | {:.0} % |",
            (t.encode - t.bridge).as_secs_f64(),
            t.bridge.as_secs_f64(),
            t.prefill.as_secs_f64(),
            (cache - media) as f64 / f64::from(1 << 20),
            media as f64 / f64::from(1 << 20),
            second / whole * 100.0
        );
    }
    Ok(())
}
