//! As examples/c/caption.c, in Rust: `caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]`.

#![allow(clippy::print_stdout)] // a program

use ocelli_engine::{Engine, Load, Prompt, SessionOptions, Wanted, image};
use std::ops::ControlFlow;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, picture, prompt, rest @ ..] = arguments.as_slice() else {
        return Err("usage: caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]".into());
    };
    let number = |at: usize| rest.get(at).map_or("0", String::as_str);
    let model = Engine::new(0)?.open(Path::new(path), Load::Map)?;
    let picture = image::decode(&std::fs::read(picture)?, &model.image_limits())?;
    let prompt = Prompt::new().image(picture).text(prompt.as_str());
    // What was asked for, and what the file suggests for the rest.
    let (temperature, seed, max_new_tokens) = (number(0).parse()?, number(1).parse()?, number(2).parse()?);
    let wanted = Wanted { temperature, seed, max_new_tokens, ..Wanted::default() };
    let positions = model.count(&model.compose(&prompt)?);
    let options = model.defaults().resolve(&wanted, positions)?;
    let mut session = model.session(&SessionOptions { beams: options.beams, ..SessionOptions::default() })?;
    let answer = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?;
    let ids: Vec<String> = answer.ids.iter().map(u32::to_string).collect();
    println!("{}\ntokens: {}", answer.text, ids.join(" "));
    Ok(())
}
