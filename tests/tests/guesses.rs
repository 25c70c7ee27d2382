//! Tokens that are run before they are chosen change no token.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use ocelli_engine::{Conversation, Engine, Event, GenerateOptions, Prompt, Sampling, SessionOptions};
use std::ops::ControlFlow;
use std::sync::Arc;

const FILES: [(&[u8], &str); 3] = [
    (include_bytes!("../../cli/models/tiny-blip2.gguf"), "BLIP-2"),
    (include_bytes!("../zoo/tiny-flamingo.gguf"), "Flamingo"),
    (include_bytes!("../zoo/tiny-kosmos.gguf"), "KOSMOS-2"),
];

const WORDS: [&str; 12] =
    ["red", "blue", "circle", "square", "Question:", "what", "color", "is", "the", "shape?", "Answer:", "a photo of"];

/// A text that has some of its words several times.
fn text(number: usize) -> String {
    let word = |i: usize| WORDS[(number * 7 + i * (1 + number % 5)) % WORDS.len()];
    let once: Vec<&str> = (0..4 + number % 9).map(word).collect();
    vec![once.join(" "); 1 + number % 3].join(", ")
}

#[test]
fn guesses_change_no_token() {
    let (mut guessed, mut right) = (0, 0);
    for (bytes, name) in FILES {
        let model = Engine::new(2).unwrap().open_bytes(Arc::new(bytes)).unwrap();
        let mut session = model.session(&SessionOptions { context: 192, ..SessionOptions::default() }).unwrap();
        for number in 0..70 {
            let prompt = Prompt::new().text(text(number));
            let temperature = [0.0, 0.0, 0.6][number % 3];
            let sampling = Sampling { temperature, seed: number as u64, min_new_tokens: 24, ..Sampling::default() };
            // Some until the context is full.
            let most = [40, 40, 40, 400][number % 4];
            let plain =
                GenerateOptions { max_new_tokens: most, sampling, logprobs: true, ..GenerateOptions::default() };
            let mut answer = |speculate: bool| {
                let options = GenerateOptions { speculate, ..plain.clone() };
                session.generate(&prompt, &options, &mut |_: Event<'_>| ControlFlow::Continue(())).unwrap()
            };
            let (wanted, found) = (answer(false), answer(true));
            assert_eq!((&found.ids, &found.logprobs), (&wanted.ids, &wanted.logprobs), "{name} {number}");
            assert_eq!((&found.text, found.finish), (&wanted.text, wanted.finish), "{name} {number}");
            assert_eq!((wanted.timings.guessed, wanted.timings.guessed_right), (0, 0));
            guessed += found.timings.guessed;
            right += found.timings.guessed_right;
        }
    }
    println!("{guessed} guesses, {right} of them right");
    assert!(right > 100 && guessed > right, "{guessed} guesses, {right} of them right");
}

#[test]
fn a_conversation_goes_on_behind_guesses_as_behind_none() {
    let model = Engine::new(2).unwrap().open_bytes(Arc::new(FILES[0].0)).unwrap();
    let talk = |speculate: bool| {
        let mut conversation = Conversation::new(&model, &SessionOptions::default(), false).unwrap();
        let sampling = Sampling { min_new_tokens: 20, ..Sampling::default() };
        let options = GenerateOptions { max_new_tokens: 20, speculate, sampling, ..GenerateOptions::default() };
        let mut all = Vec::new();
        for turn in 0..4 {
            conversation.add_text("red circle, red circle, a red").unwrap();
            if turn % 2 == 0 {
                conversation.generate(&options, &mut |_| ControlFlow::Continue(())).unwrap();
            } else {
                conversation.start(&options, &mut |_| ControlFlow::Continue(())).unwrap();
                while conversation.step().unwrap().is_some() {}
            }
            all.push(conversation.answer().unwrap().ids.clone());
            all.push(vec![u32::try_from(conversation.used().unwrap().kept).unwrap()]);
        }
        all
    };
    assert_eq!(talk(true), talk(false));
}

#[test]
fn beams_are_not_guessed() {
    let model = Engine::new(1).unwrap().open_bytes(Arc::new(FILES[0].0)).unwrap();
    let mut session = model.session(&SessionOptions { beams: 2, ..SessionOptions::default() }).unwrap();
    let options = GenerateOptions { beams: 2, speculate: true, ..GenerateOptions::default() };
    let refused = session.generate(&Prompt::new().text("a"), &options, &mut |_| ControlFlow::Continue(()));
    assert!(refused.unwrap_err().to_string().contains("at most 1 with speculate"));
}
