//! The pages of the key/value cache as callers meet them: what was planned is enough, whatever the lengths, and scores do
//! not depend on how many continuations run side by side.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{CacheType, Engine, GenerateOptions, Model, Prompt, Sampling, Score, Session, SessionOptions};
use std::ops::ControlFlow;
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");

fn model() -> Model {
    Engine::new(2).unwrap().open_bytes(Arc::new(TINY)).unwrap()
}

fn question() -> Prompt {
    let picture = Picture::new(64, 64, vec![40; 64 * 64 * 3], &ImageLimits::default()).unwrap();
    Prompt::new().image(Arc::new(picture)).text("Question: what color is the shape? Answer:")
}

#[test]
fn a_search_that_was_planned_has_room_at_any_length() {
    let model = model();
    for (beams, new_tokens) in [(2, 1), (5, 2), (3, 17), (5, 18), (8, 34)] {
        for prompt in [1, 2, 15, 16, 17, 31, 33] {
            // The last new token takes no position.
            let context = prompt + new_tokens - 1;
            let options = SessionOptions { context, beams, new_tokens, ..SessionOptions::default() };
            let mut session = model.session(&options).unwrap();
            let ids: Vec<u32> = (5..).take(prompt).collect();
            let sampling = Sampling { min_new_tokens: new_tokens, ..Sampling::default() };
            let options = GenerateOptions { max_new_tokens: new_tokens, beams, sampling, ..GenerateOptions::default() };
            for keep in [false, true, true] {
                session.keep_prefix(keep);
                let generated = session
                    .generate(&Prompt::new().tokens(ids.as_slice()), &options, &mut |_| ControlFlow::Continue(()));
                let generated = generated.unwrap_or_else(|e| panic!("{beams} beams, {prompt} + {new_tokens}: {e}"));
                assert_eq!(generated.ids.len(), new_tokens);
            }
        }
    }
}

fn score(session: &mut Session, texts: &[&str]) -> Vec<Score> {
    session.score(&question(), texts, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn close(got: &[Score], wanted: &[Score]) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert_eq!((&got.ids, got.logprobs.len()), (&wanted.ids, wanted.logprobs.len()));
        for (a, b) in got.logprobs.iter().zip(&wanted.logprobs) {
            // The model's input is rounded to integers, so other batches give other bits: a wrong past is off by more than 1.
            assert!((a - b).abs() <= 5e-3 * b.abs().max(1.0), "{got:?} {wanted:?}");
        }
    }
}

/// Texts of many lengths, an empty one and more than run side by side at once.
fn texts() -> Vec<String> {
    let words = [" red", " blue", " a green circle", "", " the shape is a yellow rectangle", " teal triangle and"];
    (0..70).map(|i| words[i % words.len()].repeat(1 + i % 3)).collect()
}

#[test]
fn scores_side_by_side_are_those_of_each_alone() {
    let model = model();
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for cache in [CacheType::F32, CacheType::F16] {
        let options = SessionOptions { cache: Some(cache), ..SessionOptions::default() };
        let mut session = model.session(&options).unwrap();
        let alone: Vec<Score> = texts.iter().flat_map(|text| score(&mut session, &[*text])).collect();
        close(&score(&mut session, &texts), &alone);
        session.keep_prefix(true);
        close(&score(&mut session, &texts), &alone);
        close(&score(&mut session, &texts), &alone);
        // No more room than one needs: then they take turns, and the bits are those of each alone.
        let longest = alone.iter().map(|score| score.ids.len()).max().unwrap();
        let positions = model.count(&model.compose(&question()).unwrap());
        let narrow = SessionOptions { context: positions + longest - 1, ..options.clone() };
        close(&score(&mut model.session(&narrow).unwrap(), &texts), &alone);
        // Batches that are shorter than a continuation.
        let short = SessionOptions { batch: 3, ..options };
        close(&score(&mut model.session(&short).unwrap(), &texts), &alone);
    }
}
