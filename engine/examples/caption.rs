//! As examples/c/caption.c, in Rust: `caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]`.

#![allow(clippy::print_stdout)] // a program

use ocelli_engine::{Engine, GenerateOptions, Load, Prompt, Sampling, SessionOptions, image};
use std::ops::ControlFlow;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, picture, prompt, rest @ ..] = arguments.as_slice() else {
        return Err("usage: caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]".into());
    };
    let number = |at: usize| rest.get(at).map_or("0", String::as_str);
    let model = Engine::new(0)?.open(Path::new(path), Load::Map)?;
    let mut session = model.session(&SessionOptions::default())?;
    let picture = image::decode(&std::fs::read(picture)?, &model.image_limits())?;
    let prompt = Prompt::new().image(picture).text(prompt.as_str());
    // What the file suggests, and what was asked for.
    let file = model.defaults().generate.clone();
    let sampling = Sampling { temperature: number(0).parse()?, seed: number(1).parse()?, ..file.sampling };
    let beams = if sampling.temperature > 0.0 { 1 } else { file.beams };
    let options = GenerateOptions { max_new_tokens: number(2).parse()?, sampling, beams, ..file };
    let answer = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?;
    let ids: Vec<String> = answer.ids.iter().map(u32::to_string).collect();
    println!("{}\ntokens: {}", answer.text, ids.join(" "));
    Ok(())
}
