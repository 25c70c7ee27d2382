//! Sessions side by side beside the same requests one by one.

#![allow(clippy::unwrap_used)]

use crate::blocks::cache::Sequence;
use crate::error::Error;
use crate::image::{ImageLimits, Picture};
use crate::model::{Engine, Model};
use crate::plan::SessionOptions;
use crate::prompt::Prompt;
use crate::sampling::{GenerateOptions, Sampling};
use crate::session::{Event, Session, Wants};
use crate::weights::Load;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::Duration;

fn tiny() -> Model {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/models/tiny-blip2.gguf"));
    Engine::new(2).unwrap().open(file, Load::Map).unwrap()
}

fn side_by_side(parallel: usize) -> SessionOptions {
    SessionOptions { parallel, ..SessionOptions::default() }
}

#[test]
fn what_is_run_at_the_same_time_is_one_pass() {
    const SESSIONS: usize = 4;
    let model = tiny();
    let options = side_by_side(SESSIONS);
    let prompts = ["Question: what shape", "a photo of", "Question: is it", "red"];
    let sampling = Sampling { min_new_tokens: 24, ..Sampling::default() };
    let most = GenerateOptions { max_new_tokens: 24, sampling, ..GenerateOptions::default() };
    let alone = |text: &str| {
        let mut session = model.session(&SessionOptions::default()).unwrap();
        session.generate(&Prompt::new().text(text), &most, &mut |_| ControlFlow::Continue(())).unwrap()
    };
    let wanted: Vec<_> = prompts.iter().map(|text| alone(text).ids).collect();
    let tokens: u64 = wanted.iter().map(|ids| ids.len() as u64).sum();
    let longest = wanted.iter().map(Vec::len).max().unwrap() as u64;
    let round = || {
        let sessions: Vec<_> = prompts.iter().map(|_| model.session(&options).unwrap()).collect();
        let begin = Barrier::new(SESSIONS);
        let run = |(mut session, text): (Session, &&str)| {
            begin.wait();
            let prompt = Prompt::new().text(*text);
            let ids = session.generate(&prompt, &most, &mut |_| ControlFlow::Continue(())).unwrap().ids;
            begin.wait();
            (ids, session.passes().unwrap())
        };
        let found: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = sessions.into_iter().zip(&prompts).map(|one| scope.spawn(|| run(one))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for ((ids, _), wanted) in found.iter().zip(&wanted) {
            assert_eq!(ids, wanted);
        }
        let counts = found[0].1;
        assert_eq!(counts.requests, tokens, "a request for the prompt, and one for each token but the last");
        counts
    };
    // How many meet is chance where other programs take the processor: these passes last microseconds.
    let fewest = (0..20).map(|_| round().passes).find(|&passes| passes < 2 * longest);
    assert!(fewest.is_some(), "{tokens} tokens were never in passes of several");
}

#[test]
fn there_are_as_many_sessions_as_were_asked_for_and_a_place_is_free_again() {
    let model = tiny();
    let options = side_by_side(2);
    let (one, two) = (model.session(&options).unwrap(), model.session(&options).unwrap());
    let third = model.session(&options).map(|_| ());
    assert!(matches!(third, Err(Error::BeyondPlan { what: "sessions", got: 3, planned: 2 })), "{third:?}");
    drop(one);
    assert!(model.session(&options).is_ok());
    drop(two);
    assert!(model.session(&side_by_side(65)).is_err());
    let alone = model.plan(&SessionOptions::default()).unwrap();
    assert_eq!(model.plan(&options).unwrap().cache, 2 * alone.cache);
}

fn shown() -> Prompt {
    let picture = Picture::new(64, 64, vec![9; 64 * 64 * 3], &ImageLimits::default()).unwrap();
    Prompt::new().image(Arc::new(picture)).text("Question: what is it")
}

/// Runs `others` while `holder` is within a picture or the prompt itself, and holds what computes that; `others` can have it let go.
fn while_held<T>(holder: &mut Session, prompt: &Prompt, picture: bool, others: impl FnOnce(&dyn Fn()) -> T) -> T {
    let (held, free) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut prefill = false;
            let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
            let held_up = holder.generate(prompt, &options, &mut |event| {
                prefill |= matches!(event, Event::Prefill { .. });
                if matches!(event, Event::Within { .. }) && prefill != picture && !held.swap(true, SeqCst) {
                    let turns = (0..2000).take_while(|_| !free.load(SeqCst));
                    turns.for_each(|_| std::thread::sleep(Duration::from_millis(5)));
                }
                ControlFlow::Continue(())
            });
            held.store(true, SeqCst);
            held_up.unwrap();
        });
        while !held.load(SeqCst) {
            std::thread::yield_now();
        }
        let result = others(&|| free.store(true, SeqCst));
        free.store(true, SeqCst);
        result
    })
}

/// Runs a token, of which `wants` is wanted.
fn one_token(session: &mut Session, wants: &mut Wants<'_>) -> Result<(), Error> {
    let mut sequence = Sequence::default();
    let done = session.run(std::slice::from_mut(&mut sequence), &[5], &[1], wants);
    session.slots().release(sequence);
    session.done();
    done
}

#[test]
fn who_waits_for_others_hears_a_cancel() {
    type Call = fn(&mut Session) -> Result<(), Error>;
    let pass: Call = |session| one_token(session, &mut Wants::All);
    let turn: Call = |session| one_token(session, &mut Wants::Each(&mut |_| ()));
    let sight: Call = |session| {
        session.generate(&shown(), &GenerateOptions::default(), &mut |_| ControlFlow::Continue(())).map(|_| ())
    };
    let model = tiny();
    let mut sessions: Vec<_> = (0..2).map(|_| model.session(&side_by_side(2)).unwrap()).collect();
    let [holder, other] = &mut sessions[..] else { unreachable!() };
    // The picture first: behind that it is kept.
    for (picture, call) in [(true, sight), (false, pass), (false, turn)] {
        let cancel = other.cancel_handle();
        let told = while_held(holder, &shown(), picture, |_| {
            let (tell, told) = channel();
            std::thread::scope(|scope| {
                scope.spawn(|| tell.send(call(other)).unwrap());
                std::thread::sleep(Duration::from_millis(30));
                cancel.cancel();
                told.recv_timeout(Duration::from_secs(5))
            })
        });
        assert!(matches!(told, Ok(Err(Error::Cancelled))), "{told:?}");
        call(other).unwrap();
    }
}

#[test]
fn who_is_beside_a_call_that_fails_is_told_so_and_the_next_call_is_its_own() {
    let model = tiny();
    let mut sessions: Vec<_> = (0..3).map(|_| model.session(&side_by_side(3)).unwrap()).collect();
    let [holder, broken, beside] = &mut sessions[..] else { unreachable!() };
    let (panicked, told) = while_held(holder, &shown(), false, |free| {
        std::thread::scope(|scope| {
            // A token that there is not.
            let broken = scope.spawn(|| one_token(broken, &mut Wants::Only(&[u32::MAX])));
            std::thread::sleep(Duration::from_millis(30));
            let beside = scope.spawn(|| one_token(beside, &mut Wants::All));
            std::thread::sleep(Duration::from_millis(30));
            free();
            (broken.join().is_err(), beside.join().unwrap())
        })
    });
    assert!(panicked, "the call with a token that there is not");
    assert!(matches!(&told, Err(error) if error.code() == "beside"), "{told:?}");
    for session in [broken, beside] {
        one_token(session, &mut Wants::All).unwrap();
        assert_eq!(session.logits().len(), session.vocabulary());
    }
}

#[test]
fn how_far_a_prompt_is_is_told_behind_passes_of_several() {
    const BATCH: usize = 4;
    let model = tiny();
    let options = SessionOptions { batch: BATCH, ..side_by_side(2 * BATCH) };
    let mut sessions: Vec<_> = (0..4).map(|_| model.session(&options).unwrap()).collect();
    let [holder, short, long, idle] = &mut sessions[..] else { unreachable!() };
    let first = while_held(holder, &Prompt::new().text("red"), false, |free| {
        std::thread::scope(|scope| {
            scope.spawn(|| one_token(short, &mut Wants::All).unwrap());
            std::thread::sleep(Duration::from_millis(30));
            let long = scope.spawn(move || {
                let (mut first, most) = (None, GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() });
                let prompt = Prompt::new().text("Question: is there a blue square, or a green triangle? Answer:");
                let generated = long.generate(&prompt, &most, &mut |event| {
                    if let Event::Within { done, .. } = event {
                        first.get_or_insert((done, idle.passes().unwrap().passes));
                    }
                    ControlFlow::Continue(())
                });
                generated.map(|_| first).unwrap()
            });
            std::thread::sleep(Duration::from_millis(30));
            free();
            long.join().unwrap()
        })
    });
    assert_eq!(first, Some((BATCH, 2)), "the holder's pass, then one of both");
}

#[test]
fn all_that_are_side_by_side_share_a_budget() {
    let model = tiny();
    let plan = |options: &SessionOptions| model.plan(options).unwrap();
    let (first, second) = (side_by_side(2), SessionOptions { context: 32, ..side_by_side(2) });
    let total = plan(&first).total() + plan(&second).own();
    let within = |options: &SessionOptions, budget| model.session(&SessionOptions { budget, ..options.clone() });
    let one = within(&first, total - 1).unwrap();
    let refused = within(&second, total - 1).map(|_| ());
    assert!(matches!(refused, Err(Error::OverBudget { needed, .. }) if needed == total), "{refused:?}");
    assert!(within(&second, total).is_ok());
    drop(one);
    assert!(within(&second, total - 1).is_ok());
}
