//! What holding a text to a JSON schema or a grammar costs a token: `grammar_speed MODEL FILE...`, where files that begin
//! with '{' are schemas. Tokens are drawn evenly from those that are allowed, so that the text goes where a model would not.

#![allow(clippy::print_stdout)] // a program

use ocelli_engine::{Engine, Grammar, Load};
use std::path::Path;
use std::time::Instant;

/// Tokens that are drawn, in texts of at most so many.
const TOKENS: usize = 2000;
const LONGEST: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, files @ ..] = arguments.as_slice() else { return Err("usage: grammar_speed MODEL FILE...".into()) };
    let model = Engine::new(1)?.open(Path::new(path), Load::Map)?;
    let start = Instant::now();
    model.constraint(Grammar::Lark("start: \"a\""))?;
    println!("{} tokens: {:.0} ms to prepare", model.tokenizer().vocab_size(), millis(start));
    for file in files {
        let text = std::fs::read_to_string(file)?;
        let schema = text.trim_start().starts_with('{');
        let start = Instant::now();
        let constraint = model.constraint(if schema { Grammar::JsonSchema(&text) } else { Grammar::Lark(&text) })?;
        let compiled = millis(start);
        let (mut steps, mut forks, mut seed) = (Vec::new(), Vec::new(), 1u64);
        while steps.len() < TOKENS {
            let mut text = constraint.fork();
            for _ in 0..LONGEST {
                let mut logits = vec![0.0f32; model.tokenizer().vocab_size()];
                let start = Instant::now();
                text.allow(&mut logits)?;
                let allowed: Vec<usize> = (0..logits.len()).filter(|&id| logits[id] == 0.0).collect();
                seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let id = u32::try_from(allowed[(seed >> 33) as usize % allowed.len()])?;
                text.accept(id)?;
                steps.push(millis(start));
                if model.defaults().ends(id) {
                    break;
                }
                let start = Instant::now();
                drop(text.fork());
                forks.push(millis(start));
            }
        }
        steps.sort_by(f64::total_cmp);
        forks.sort_by(f64::total_cmp);
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        println!(
            "{file}: {compiled:.1} ms to compile; a token {mean:.3} ms, median {:.3}, worst {:.3}; a fork {:.4} ms",
            steps[steps.len() / 2],
            steps[steps.len() - 1],
            forks[forks.len() / 2],
        );
    }
    Ok(())
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
