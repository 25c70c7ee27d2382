//! Where texts end: at a stop string however tokens are cut, and where the room ends, which is no failure.

#![allow(clippy::unwrap_used)]

use ocelli_engine::{
    Conversation, Engine, Event, Finish, GenerateOptions, Generation, Model, Prompt, Sampling, SessionOptions,
};
use ocelli_tests::saying::saying;
use std::ops::ControlFlow;
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");

fn open(bytes: Vec<u8>) -> Model {
    Engine::new(2).unwrap().open_bytes(Arc::new(bytes)).unwrap()
}

/// A model that says these tokens behind ">".
fn chain(tokens: &[&str]) -> Model {
    open(saying(&[&[">"], tokens].concat()))
}

/// What is generated, with what was streamed of it.
fn generate(model: &Model, session: &SessionOptions, options: &GenerateOptions, prompt: &Prompt) -> Generation {
    let mut session = model.session(session).unwrap();
    let mut streamed = String::new();
    let generation = session.generate(prompt, options, &mut |event| {
        if let Event::Piece(piece) = event {
            streamed.push_str(piece);
        }
        ControlFlow::Continue(())
    });
    let generation = generation.unwrap();
    assert_eq!(streamed, generation.text, "{options:?}");
    generation
}

fn stopping(stop: &[&str], beams: usize) -> GenerateOptions {
    let stop = stop.iter().map(|&text| text.to_owned()).collect();
    GenerateOptions { max_new_tokens: 40, stop, beams, ..GenerateOptions::default() }
}

#[test]
fn a_stop_string_is_found_across_tokens() {
    let model = chain(&["one", "\u{120}tw", "o\u{10a}Us", "er:\u{120}x", "y"]);
    let layout = SessionOptions { beams: 3, ..SessionOptions::default() };
    let whole = "one two\nUser: xy";
    for (stop, text, ids, said) in [
        (&["\nUser:"][..], "one two", 4, 2 + 1),
        (&["User"], "one two\n", 4, 2 + 2),
        (&["nothing", "o"], "", 1, 0),
        (&["wo\nUser: x"], "one t", 4, 1 + 2),
        (&["\nUsed", "xyz"], whole, 6, 6),
        (&[" "], "one", 2, 1),
        (&["xy"], "one two\nUser: ", 5, 3 + 4),
        (&["<|im_end|>"], whole, 6, 6),
    ] {
        for beams in [1, 3] {
            let got = generate(&model, &layout, &stopping(stop, beams), &Prompt::new().text(">"));
            assert_eq!((got.text.as_str(), got.ids.len()), (text, ids), "{stop:?} {beams}");
            let finish = if text == whole { Finish::Eos } else { Finish::StopString };
            assert_eq!(got.finish, finish, "{stop:?} {beams}");
            if finish == Finish::StopString {
                assert_eq!(model.tokenizer().decode(got.said(), true).unwrap(), text, "{stop:?}");
            }
            assert_eq!(got.said().len(), said, "{stop:?}");
        }
    }
}

/// A special token has no text, but a stop string may be spelled as one.
#[test]
fn a_special_token_may_stop_a_text() {
    let model = chain(&["a", "<|im_start|>", "b"]);
    for beams in [1, 2] {
        let layout = SessionOptions { beams, ..SessionOptions::default() };
        let plain = generate(&model, &layout, &stopping(&[], beams), &Prompt::new().text(">"));
        assert_eq!((plain.text.as_str(), plain.finish), ("ab", Finish::Eos));
        let got = generate(&model, &layout, &stopping(&["<|im_start|>"], beams), &Prompt::new().text(">"));
        assert_eq!((got.text.as_str(), got.ids.len(), got.said().len()), ("a", 2, 1), "{beams}");
        assert_eq!(got.finish, Finish::StopString);
    }
}

#[test]
fn a_conversation_goes_on_without_the_stop_string() {
    let model = chain(&["yes", ".\u{10a}Us", "er:", "no"]);
    let write = |steps: bool| {
        let mut c = Conversation::new(&model, &SessionOptions::default(), false).unwrap();
        c.add_text(">").unwrap();
        let mut streamed = String::new();
        if steps {
            c.start(&stopping(&["\nUser:"], 1), &mut |_| ControlFlow::Continue(())).unwrap();
            while let Some(next) = c.step().unwrap() {
                streamed.push_str(&next.text);
                assert_eq!(next.finish.is_some(), next.text.is_empty(), "nothing of the stop string is given");
            }
        } else {
            streamed
                .clone_from(&c.generate(&stopping(&["\nUser:"], 1), &mut |_| ControlFlow::Continue(())).unwrap().text);
        }
        let answer = c.answer().unwrap();
        assert_eq!((answer.text.as_str(), answer.finish), ("yes.", Finish::StopString));
        assert_eq!(streamed, "yes.");
        let ids = ocelli_engine::prompt_ids(&c.items().unwrap());
        model.tokenizer().decode(&ids, true).unwrap()
    };
    assert_eq!(write(false), ">yes.");
    assert_eq!(write(true), ">yes.");
}

/// What is held back when a text ends for another reason is given out.
#[test]
fn what_never_became_a_stop_string_is_text() {
    let model = chain(&["a", "\u{10a}", "U", "s", "e"]);
    let options = |new| GenerateOptions { max_new_tokens: new, ..stopping(&["\nUser:"], 1) };
    for (new, text) in [(2, "a\n"), (3, "a\nU"), (40, "a\nUse")] {
        assert_eq!(generate(&model, &SessionOptions::default(), &options(new), &Prompt::new().text(">")).text, text);
    }
}

/// The most new tokens are a limit: a full context ends a text and says so.
#[test]
fn a_text_ends_where_the_context_does() {
    let model = chain(&["a", "b", "c", "d", "e", "f", "a"]);
    let prompt = Prompt::new().text(">");
    let positions = model.count(&model.compose(&prompt).unwrap());
    for beams in [1, 2] {
        for (room, asked, ids, finish) in [
            (3, 1 << 30, 4, Finish::Context),
            (3, 5, 4, Finish::Context),
            (3, 4, 4, Finish::Length),
            (3, 2, 2, Finish::Length),
            (0, 9, 1, Finish::Context),
            (3, 0, 4, Finish::Context),
        ] {
            let session = SessionOptions { context: positions + room, beams, ..SessionOptions::default() };
            let options = GenerateOptions { max_new_tokens: asked, beams, ..GenerateOptions::default() };
            let got = generate(&model, &session, &options, &prompt);
            // The last new token is never read, so it takes no position. What a search is laid out for is the context.
            let ids = if beams > 1 { ids.min(positions + room) } else { ids };
            assert_eq!((got.ids.len(), got.finish), (ids, finish), "{beams} beams, room {room}, {asked} asked");
        }
        let session = SessionOptions { context: 64, beams: 2, new_tokens: 3, ..SessionOptions::default() };
        let options = GenerateOptions { max_new_tokens: 9, beams, ..GenerateOptions::default() };
        let got = generate(&model, &session, &options, &prompt);
        let wanted = if beams > 1 { (3, Finish::Context) } else { (9, Finish::Length) };
        assert_eq!((got.ids.len(), got.finish), wanted, "a search has what the session was laid out for");
    }
}

/// The log-probability of each token is what scoring the text gives, whatever was done to the logits.
#[test]
fn logprobs_are_the_models_own() {
    let model = open(TINY.to_vec());
    let prompt = Prompt::new().text("Question: what color is the shape? Answer:");
    let sampled = Sampling { temperature: 1.3, top_k: 20, seed: 3, repetition_penalty: 1.3, ..Sampling::default() };
    for (sampling, beams) in [(Sampling::default(), 1), (sampled, 1), (Sampling::default(), 3)] {
        let options =
            GenerateOptions { max_new_tokens: 7, logprobs: true, sampling, beams, ..GenerateOptions::default() };
        let layout = SessionOptions { beams, ..SessionOptions::default() };
        let got = generate(&model, &layout, &options, &prompt);
        assert_eq!(got.logprobs.len(), got.ids.len());
        let mut session = model.session(&layout).unwrap();
        let mut tokens = session.tokens();
        let mut before = model.compose(&prompt).map(|items| ocelli_engine::prompt_ids(&items)).unwrap();
        for (&id, &wanted) in got.ids.iter().zip(&got.logprobs) {
            tokens.clear();
            let logits = tokens.feed(&before).unwrap();
            let most = logits.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit - most).exp()).sum();
            let own = f64::from(logits[id as usize] - most) - sum.ln();
            assert!((own - f64::from(wanted)).abs() < 2e-2, "{own} {wanted}");
            before.push(id);
        }
        let none = GenerateOptions { logprobs: false, ..options };
        assert!(generate(&model, &layout, &none, &prompt).logprobs.is_empty());
    }
}

/// A character that is not complete shows, whether the text was cut there or the model ended it: as in the reference.
#[test]
fn a_text_that_ends_inside_a_character_says_so() {
    // The bytes of "é" in GPT-2's alphabet.
    let model = chain(&["a", "\u{c3}", "\u{a9}"]);
    let options = |new| GenerateOptions { max_new_tokens: new, ..GenerateOptions::default() };
    for (new, text) in [(1, "a"), (2, "a\u{fffd}"), (3, "aé"), (9, "aé")] {
        for beams in [1, 2] {
            let layout = SessionOptions { beams, ..SessionOptions::default() };
            let got = generate(&model, &layout, &GenerateOptions { beams, ..options(new) }, &Prompt::new().text(">"));
            assert_eq!(got.text, text, "{new} {beams}");
        }
    }
    let broken = chain(&["a", "\u{c3}"]);
    let got = generate(&broken, &SessionOptions::default(), &options(9), &Prompt::new().text(">"));
    assert_eq!((got.text.as_str(), got.finish), ("a\u{fffd}", Finish::Eos));
}
