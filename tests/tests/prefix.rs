//! A session that keeps what it has read says what one that does not says, and runs less.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Engine, GenerateOptions, Generation, Prompt, Sampling, Session, SessionOptions};
use std::ops::ControlFlow;
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");

const QUESTION: &str = "Question: what color is the shape? Answer:";

fn picture(grey: u8) -> Arc<Picture> {
    Arc::new(Picture::new(64, 64, vec![grey; 64 * 64 * 3], &ImageLimits::default()).unwrap())
}

fn generate(session: &mut Session, prompt: &Prompt, beams: usize) -> Generation {
    let sampling = Sampling { min_new_tokens: 6, ..Sampling::default() };
    let options = GenerateOptions { max_new_tokens: 6, beams, sampling, ..GenerateOptions::default() };
    session.generate(prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn turns_are_the_same_with_and_without() {
    let model = Engine::new(2).unwrap().open_bytes(Arc::new(TINY)).unwrap();
    let options = SessionOptions { beams: 2, image_cache: Some(0), ..SessionOptions::default() };
    let mut plain = model.session(&options).unwrap();
    let mut keeping = model.session(&options).unwrap();
    keeping.keep_prefix(true);
    for beams in [1, 2] {
        let mut text = QUESTION.to_owned();
        let mut last = 0;
        for turn in 0..3 {
            let prompt = Prompt::new().image(picture(40)).text(text.as_str());
            let (wanted, got) = (generate(&mut plain, &prompt, beams), generate(&mut keeping, &prompt, beams));
            assert_eq!((&got.ids, &got.text), (&wanted.ids, &wanted.text), "{beams} beams, turn {turn}");
            assert_eq!((wanted.timings.reused, got.timings.prompt), (0, wanted.timings.prompt));
            if turn > 0 {
                // Beams leave the prompt, one sequence its answer too; the last token of either was not run.
                let least = if beams == 1 { last + 5 } else { last };
                assert_eq!(got.timings.reused, least, "{beams} beams, turn {turn}");
            }
            last = got.timings.prompt;
            let scores =
                |s: &mut Session| s.score(&prompt, &[" blue", " red circle"], &mut |_| ControlFlow::Continue(()));
            // A score between turns leaves the prompt, so it is only asked for where that is all there is.
            if beams == 2 {
                for (a, b) in scores(&mut plain).unwrap().iter().zip(&scores(&mut keeping).unwrap()) {
                    assert!((a.sum() - b.sum()).abs() < 1e-3 * a.sum().abs(), "{a:?} {b:?}");
                }
            }
            text = format!("{text}{} And what", got.text);
        }
        // Something else: nothing but what is the same is kept, and all slots serve again.
        let other = Prompt::new().image(picture(200)).text(QUESTION);
        let (wanted, got) = (generate(&mut plain, &other, beams), generate(&mut keeping, &other, beams));
        assert_eq!((got.ids, got.timings.reused), (wanted.ids, 0));
    }
    // Whoever needs the whole cache gets it.
    let most = model.context();
    let mut tokens = keeping.tokens();
    tokens.feed(&vec![5; most]).unwrap();
    tokens.truncate(most - 3);
    tokens.feed(&[5; 3]).unwrap();
    assert!(tokens.feed(&[5]).is_err());
}

#[test]
fn what_was_cancelled_is_not_kept() {
    let model = Engine::new(1).unwrap().open_bytes(Arc::new(TINY)).unwrap();
    let mut session = model.session(&SessionOptions::default()).unwrap();
    session.keep_prefix(true);
    let prompt = Prompt::new().image(picture(40)).text(QUESTION);
    let whole = generate(&mut session, &prompt, 1);
    session.cancel_handle().cancel();
    let options = GenerateOptions::default();
    assert!(session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).is_err());
    let again = generate(&mut session, &prompt, 1);
    assert_eq!((again.ids, again.timings.reused), (whole.ids, 0));
    // An answer that the caller stopped is one.
    let stopped = session.generate(&prompt, &options, &mut |_| ControlFlow::Break(()));
    assert!(stopped.is_err(), "stopped before there was text");
    let again = generate(&mut session, &prompt, 1);
    assert_eq!(again.timings.reused, 0);
    let again = generate(&mut session, &prompt, 1);
    assert_eq!(again.timings.reused, again.timings.prompt - 1, "all but the last position");
}

#[test]
fn whole_batches_change_no_bit() {
    let model = Engine::new(2).unwrap().open_bytes(Arc::new(TINY)).unwrap();
    let options = SessionOptions { batch: 16, beams: 2, ..SessionOptions::default() };
    let mut keeping = model.session(&options).unwrap();
    keeping.keep_whole_batches();
    let mut reused = Vec::new();
    let texts = [" blue", " red circle"];
    let long = QUESTION.repeat(3);
    for (grey, text) in
        [(40, QUESTION), (40, &long), (40, &format!("{long} yes")), (40, &long), (200, &long), (200, "")]
    {
        let prompt = Prompt::new().image(picture(grey)).text(text);
        for beams in [1, 2] {
            let mut plain = model.session(&options).unwrap();
            let (wanted, got) = (generate(&mut plain, &prompt, beams), generate(&mut keeping, &prompt, beams));
            assert_eq!(got.ids, wanted.ids);
            reused.push(got.timings.reused);
            let scores = |s: &mut Session| s.score(&prompt, &texts, &mut |_| ControlFlow::Continue(())).unwrap();
            let bits = |s: &mut Session| -> Vec<u32> {
                scores(s).iter().flat_map(|score| score.logprobs.iter().map(|p| p.to_bits())).collect()
            };
            assert_eq!(bits(&mut keeping), bits(&mut model.session(&options).unwrap()), "{text}");
        }
    }
    assert!(reused.iter().all(|reused| reused % 16 == 0) && reused.contains(&0), "{reused:?}");
    assert!(reused.iter().any(|&reused| reused >= 32), "{reused:?}");
}
