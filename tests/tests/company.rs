//! Sessions side by side, with everything that a session can be asked for at random, beside the same requests one by one.
//!
//! `OCELLI_ENDURANCE=full` asks ten thousand times.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{
    Conversation, Engine, Error, Event, GenerateOptions, Model, Prompt, Sampling, Session, SessionOptions,
};
use std::ops::ControlFlow;
use std::sync::Arc;

const THREADS: usize = 8;

fn picture(shade: u8) -> Arc<Picture> {
    let rgb = (0..64 * 64 * 3u32).map(|i| shade.wrapping_mul((i % 5) as u8 + 1)).collect();
    Arc::new(Picture::new(64, 64, rgb, &ImageLimits::default()).unwrap())
}

/// What a session is asked for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Greedy,
    Drawn,
    Guessing,
    Beams,
    Scores,
    /// A conversation of two answers, saved and restored between them.
    Saved,
    /// The same, forked.
    Forked,
}

const KINDS: [Kind; 7] =
    [Kind::Greedy, Kind::Drawn, Kind::Guessing, Kind::Beams, Kind::Scores, Kind::Saved, Kind::Forked];

#[derive(Clone, Debug)]
struct Ask {
    kind: Kind,
    picture: Option<u8>,
    text: &'static str,
    new: usize,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Ids(Vec<u32>),
    Sums(Vec<f64>),
}

impl Answer {
    /// Rows in company are summed in another order, so sums are not the same to the last bit.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sums(a), Self::Sums(b)) => a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3 * a.abs().max(1.0)),
            _ => self == other,
        }
    }
}

fn asks() -> Vec<Ask> {
    let texts = [
        "Question: what color is the shape? Answer:",
        "a photo of a red circle and a photo of a red circle and a photo of",
        "Question: is there a blue square, or a green triangle, or a red circle in the picture of the shape? Answer:",
        "no",
    ];
    let mut asks = Vec::new();
    for kind in KINDS {
        for (number, text) in texts.into_iter().enumerate() {
            for picture in [None, Some(40), Some(201)] {
                asks.push(Ask { kind, picture, text, new: 4 + 5 * number });
            }
        }
    }
    asks
}

/// A session and a conversation side by side with others', or by themselves.
struct Asked<'a> {
    model: &'a Model,
    options: SessionOptions,
    session: Session,
    /// The picture of requests that have none, where the model must have one.
    always: bool,
}

impl Asked<'_> {
    fn prompt(&self, ask: &Ask) -> Prompt {
        let shade = ask.picture.or(self.always.then_some(90));
        shade.map_or(Prompt::new(), |shade| Prompt::new().image(picture(shade))).text(ask.text)
    }

    fn answer(&mut self, ask: &Ask, cancelled: bool) -> Result<Answer, Error> {
        let mut options = GenerateOptions { max_new_tokens: ask.new, ..GenerateOptions::default() };
        let prompt = self.prompt(ask);
        match ask.kind {
            Kind::Greedy => {}
            Kind::Drawn => options.sampling = Sampling { temperature: 0.7, seed: 11, ..Sampling::default() },
            Kind::Guessing => options.speculate = true,
            Kind::Beams => options.beams = 3,
            Kind::Scores => {
                let texts = [" red", " a blue square", " a long text about a circle that nobody has drawn"];
                let scores = self.session.score(&prompt, &texts, &mut |_| ControlFlow::Continue(()))?;
                return Ok(Answer::Sums(scores.iter().map(|score| score.sum()).collect()));
            }
            Kind::Saved | Kind::Forked => return self.talk(ask, &options),
        }
        let cancel = self.session.cancel_handle();
        let mut pieces = 0;
        let generation = self.session.generate(&prompt, &options, &mut |event| {
            pieces += usize::from(matches!(event, Event::Piece(_)));
            if cancelled && pieces == 2 {
                cancel.cancel();
            }
            ControlFlow::Continue(())
        });
        // One that came when there was nothing to stop any more is not for the next call.
        cancel.reset();
        Ok(Answer::Ids(generation?.ids))
    }

    fn talk(&self, ask: &Ask, options: &GenerateOptions) -> Result<Answer, Error> {
        let mut conversation = Conversation::new(self.model, &self.options, false)?;
        if let Some(shade) = ask.picture.or(self.always.then_some(90)) {
            conversation.add_image(picture(shade))?;
        }
        conversation.add_text(ask.text)?;
        let sink = &mut |_: Event<'_>| ControlFlow::Continue(());
        let first = conversation.generate(options, sink)?.ids.clone();
        if matches!(ask.kind, Kind::Saved) {
            let state = conversation.save()?;
            conversation.clear();
            conversation.restore(&state)?;
        } else {
            conversation = conversation.fork()?;
        }
        conversation.add_text(" And what")?;
        let second = conversation.generate(options, sink)?.ids.clone();
        Ok(Answer::Ids([first, second].concat()))
    }
}

fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 33) as usize
}

fn side_by_side(bytes: &'static [u8], always: bool, requests: usize) {
    let model = &Engine::new(2).unwrap().open_bytes(Arc::new(bytes)).unwrap();
    let options = SessionOptions { beams: 3, context: 256, ..SessionOptions::default() };
    let asks = &asks();
    let session = model.session(&options).unwrap();
    let mut alone = Asked { model, options: options.clone(), session, always };
    let wanted: &Vec<Answer> = &asks.iter().map(|ask| alone.answer(ask, false).unwrap()).collect();
    // A session a thread, its conversation and a fork of that.
    let options = &SessionOptions { parallel: 3 * THREADS, ..options };
    let counts: Vec<_> = std::thread::scope(|scope| {
        let run = |thread: usize| {
            let session = model.session(options).unwrap();
            let mut asked = Asked { model, options: options.clone(), session, always };
            asked.session.set_priority(u8::from(thread == 0));
            let mut state = 0x9e37_79b9_7f4a_7c15 ^ (thread as u64 + 1);
            let mut stopped = 0;
            for _ in 0..requests / THREADS {
                let (number, cancelled) = (random(&mut state) % asks.len(), random(&mut state).is_multiple_of(8));
                match asked.answer(&asks[number], cancelled) {
                    Ok(answer) => {
                        assert!(answer.is(&wanted[number]), "{:?}: {answer:?} {:?}", asks[number], wanted[number])
                    }
                    Err(Error::Cancelled) if cancelled => stopped += 1,
                    Err(other) => panic!("{:?}: {other}", asks[number]),
                }
            }
            (stopped, asked.session.passes().unwrap())
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let stopped: usize = counts.iter().map(|(stopped, _)| stopped).sum();
    let passes = counts.iter().map(|(_, passes)| *passes).max_by_key(|passes| passes.passes).unwrap();
    println!("{requests} requests, {stopped} of them cancelled: {passes:?}");
    assert!(stopped > 0 && passes.requests > 2 * passes.passes, "{stopped} {passes:?}");
    let alone = model.session(&SessionOptions::default()).unwrap();
    assert!(alone.passes().is_none());
}

fn requests() -> usize {
    if std::env::var_os("OCELLI_ENDURANCE").is_some_and(|full| full == "full") { 10_000 } else { 400 }
}

#[test]
fn sessions_side_by_side_answer_as_one_by_one() {
    side_by_side(include_bytes!("../../cli/models/tiny-blip2.gguf"), false, requests());
}

#[test]
fn so_do_those_that_attend_to_pictures_apart() {
    side_by_side(include_bytes!("../zoo/tiny-flamingo.gguf"), true, requests());
}
