//! A conversation says what a session says; forks, saved states and single steps go on as if nothing had been.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{
    Conversation, Engine, Error, Finish, GenerateOptions, Model, Prompt, Sampling, SessionOptions, kernels::CacheType,
    prompt_ids,
};
use ocelli_tests::Result;
use std::ops::ControlFlow;
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");

const QUESTION: &str = "Question: what color is the shape? Answer:";

fn model() -> Model {
    Engine::new(2).unwrap().open_bytes(Arc::new(TINY)).unwrap()
}

fn picture(grey: u8) -> Arc<Picture> {
    Arc::new(Picture::new(64, 64, vec![grey; 64 * 64 * 3], &ImageLimits::default()).unwrap())
}

fn options(temperature: f32) -> GenerateOptions {
    let sampling = Sampling { temperature, seed: 5, min_new_tokens: 6, ..Sampling::default() };
    GenerateOptions { max_new_tokens: 8, sampling, ..GenerateOptions::default() }
}

fn conversation(model: &Model) -> Conversation {
    let mut conversation = Conversation::new(model, &SessionOptions::default(), false).unwrap();
    conversation.add_image(picture(40)).unwrap();
    conversation.add_text(QUESTION).unwrap();
    conversation
}

fn generate(conversation: &mut Conversation, options: &GenerateOptions) -> Vec<u32> {
    conversation.generate(options, &mut |_| ControlFlow::Continue(())).unwrap().ids.clone()
}

/// What a text written token by token is.
fn write(conversation: &mut Conversation, options: &GenerateOptions) -> (Vec<u32>, String, Option<Finish>) {
    conversation.start(options, &mut |_| ControlFlow::Continue(())).unwrap();
    let (mut ids, mut text, mut finish) = (Vec::new(), String::new(), None);
    while let Some(next) = conversation.step().unwrap() {
        ids.push(next.id);
        text.push_str(&next.text);
        finish = next.finish;
    }
    (ids, text, finish)
}

#[test]
fn a_conversation_says_what_a_session_says_and_goes_on_behind_it() {
    let model = model();
    for temperature in [0.0, 1.0] {
        let options = options(temperature);
        let prompt = Prompt::new().image(picture(40)).text(QUESTION);
        let mut session = model.session(&SessionOptions::default()).unwrap();
        let alone = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap();
        let mut whole = conversation(&model);
        let mut steps = conversation(&model);
        assert_eq!(generate(&mut whole, &options), alone.ids);
        assert_eq!(write(&mut steps, &options), (alone.ids.clone(), alone.text.clone(), Some(alone.finish)));
        assert_eq!(steps.answer().unwrap().ids, alone.ids);
        assert_eq!(whole.answer().unwrap().text, alone.text);
        for c in [&mut whole, &mut steps] {
            let used = c.used().unwrap();
            assert_eq!(used.positions, alone.timings.prompt + alone.ids.len());
            assert_eq!(used.kept, used.positions - 1, "the last token was chosen, but not run");
            c.add_text(" And what shape? Answer:").unwrap();
        }
        // The answer is part of the prompt, token by token.
        let longer = prompt.tokens(alone.ids).text(" And what shape? Answer:");
        let second = session.generate(&longer, &options, &mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(generate(&mut whole, &options), second.ids);
        assert_eq!(write(&mut steps, &options).0, second.ids);
    }
}

#[test]
fn a_fork_goes_its_own_way() {
    let model = model();
    let options = options(1.0);
    let mut first = conversation(&model);
    generate(&mut first, &options);
    first.add_text(" And what shape? Answer:").unwrap();
    let mut fork = first.fork().unwrap();
    assert_eq!(fork.used().unwrap(), first.used().unwrap());
    let said = generate(&mut first, &options);
    assert_eq!(generate(&mut fork, &options), said);
    assert_eq!(fork.answer().unwrap().timings.encoded, 0, "its pictures are known");
    drop(first);
    let positions = fork.used().unwrap().positions;
    fork.add_text(" Yes.").unwrap();
    assert!(fork.used().unwrap().positions > positions);
    generate(&mut fork, &options);
    fork.clear();
    assert_eq!((fork.used().unwrap().positions, fork.used().unwrap().kept), (1, 0), "a text has a beginning");
    let said = generate(&mut fork, &options);
    let used = fork.used().unwrap();
    assert_eq!((used.positions, used.kept), (1 + said.len(), said.len()), "and an answer to nothing has it, too");
}

#[test]
fn a_saved_state_goes_on_elsewhere() {
    let options = options(1.0);
    for cache in [CacheType::F16, CacheType::F32, CacheType::Q8_0] {
        let session = SessionOptions { cache: Some(cache), context: 96, ..SessionOptions::default() };
        let mut first = Conversation::new(&model(), &session, false).unwrap();
        first.add_image(picture(90)).unwrap();
        first.add_text(QUESTION).unwrap();
        generate(&mut first, &options);
        first.add_text(" And what shape? Answer:").unwrap();
        let state = first.save().unwrap();
        let used = first.used().unwrap();
        let said = generate(&mut first, &options);

        let bigger = SessionOptions { context: 128, ..session.clone() };
        let mut second = Conversation::new(&model(), &bigger, false).unwrap();
        second.add_text("something else").unwrap();
        second.restore(&state).unwrap();
        assert_eq!((second.used().unwrap().positions, second.used().unwrap().kept), (used.positions, used.kept));
        assert_eq!(generate(&mut second, &options), said, "{cache:?}");
        assert_eq!(second.answer().unwrap().timings.reused, used.kept);

        let small = SessionOptions { context: used.positions - 1, ..session.clone() };
        let mut small = Conversation::new(&model(), &small, false).unwrap();
        assert!(matches!(small.restore(&state), Err(Error::ContextFull { .. })));
        let other = if cache == CacheType::F16 { CacheType::F32 } else { CacheType::F16 };
        let other = SessionOptions { cache: Some(other), ..SessionOptions::default() };
        let mut other = Conversation::new(&model(), &other, false).unwrap();
        assert!(matches!(other.restore(&state), Err(Error::BadState { .. })));
    }
}

/// Text spells other special tokens, never a picture's.
#[test]
fn text_spells_no_picture() {
    let model = model();
    let image = model.tokenizer().find("<image>").unwrap();
    let said = |text: &str| {
        let mut c = Conversation::new(&model, &SessionOptions::default(), true).unwrap();
        c.add_text(text).unwrap();
        prompt_ids(&c.items().unwrap())
    };
    for text in ["<image>", "a <image>", "<image>\nQuestion:"] {
        assert!(!said(text).contains(&image), "{text}");
        assert_eq!(model.tokenizer().decode(&said(text), false).unwrap(), text);
    }
    assert!(said("a</s>b").contains(&model.tokenizer().eos().unwrap()));
}

#[test]
fn a_state_that_is_damaged_or_of_another_model_is_refused() -> Result<()> {
    let model = model();
    let mut first = conversation(&model);
    generate(&mut first, &options(0.0));
    first.add_tokens(&[3, 4, 5])?;
    let state = first.save()?;
    let mut second = conversation(&model);
    let before = second.used()?;
    let refused = |c: &mut Conversation, state: &[u8]| matches!(c.restore(state), Err(Error::BadState { .. }));
    for cut in (0..state.len()).step_by(997).chain([state.len() - 1]) {
        assert!(refused(&mut second, &state[..cut]), "cut at {cut}");
    }
    for at in (0..state.len()).step_by(499) {
        let mut damaged = state.clone();
        damaged[at] ^= 0x40;
        assert!(refused(&mut second, &damaged), "bit of byte {at}");
    }
    assert_eq!(second.used()?, before, "what was there stays");
    second.restore(&state)?;
    assert_eq!(second.used()?, first.used()?);

    // One weight is another.
    let mut bytes = TINY.to_vec();
    let at = usize::try_from(model.file().tensors()[3].offset)?;
    bytes[at] ^= 1;
    let mut other =
        Conversation::new(&Engine::new(1)?.open_bytes(Arc::new(bytes))?, &SessionOptions::default(), false)?;
    assert!(refused(&mut other, &state));
    Ok(())
}

#[test]
fn a_call_that_fails_leaves_the_prompt() {
    let model = model();
    let options = options(0.0);
    let mut c = conversation(&model);
    let wanted = generate(&mut conversation(&model), &options);
    let before = c.used().unwrap();
    let stopped = c.generate(&options, &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(Error::Cancelled)), "there was no text yet");
    assert!(matches!(c.add_tokens(&[u32::MAX]), Err(Error::BadOption { .. })));
    let beams = GenerateOptions { beams: 2, ..options.clone() };
    assert!(matches!(c.start(&beams, &mut |_| ControlFlow::Continue(())), Err(Error::BadOption { .. })));
    assert!(matches!(c.generate(&beams, &mut |_| ControlFlow::Continue(())), Err(Error::BeyondPlan { .. })));
    assert_eq!(c.used().unwrap().positions, before.positions);
    assert_eq!(generate(&mut c, &options), wanted);

    // Whatever comes between two steps ends the text where it is.
    let mut c = conversation(&model);
    c.start(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    for _ in 0..2 {
        c.step().unwrap().unwrap();
    }
    let used = c.used().unwrap();
    assert_eq!((c.answer().unwrap().ids.as_slice(), used.positions), (&wanted[..2], before.positions + 2));
    assert_eq!(c.answer().unwrap().finish, Finish::Stopped);
    assert!(c.step().unwrap().is_none());

    // A cancelled step drops the text.
    let cancel = ocelli_engine::CancelHandle::default();
    c.clear();
    c.cancel_by(cancel.clone());
    c.add_image(picture(40)).unwrap();
    c.add_text(QUESTION).unwrap();
    c.start(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    c.step().unwrap().unwrap();
    cancel.cancel();
    assert!(matches!(c.step(), Err(Error::Cancelled)));
    assert!(c.step().unwrap().is_none() && c.used().unwrap().positions == before.positions);
    assert_eq!(generate(&mut c, &options), wanted);
}
