//! Messages by roles: what the model is given is what the file's template makes of them, answers stay as they were
//! generated, and a full context drops the oldest turns.

#![allow(clippy::unwrap_used)]

use ocelli_engine::chat::{ChatTemplate, Content, Message};
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Conversation, Engine, Error, GenerateOptions, Model, SessionOptions, prompt_ids};
use ocelli_tests::saying::saying;
use std::ops::ControlFlow;
use std::sync::Arc;

fn model(chain: &[&str]) -> Model {
    Engine::new(2).unwrap().open_bytes(Arc::new(saying(chain))).unwrap()
}

/// One that answers "yes" in two tokens.
fn agreeing() -> Model {
    model(&["\u{10a}", "ye", "s"])
}

fn conversation(model: &Model, context: usize) -> Conversation {
    let options = SessionOptions { context, ..SessionOptions::default() };
    Conversation::new(model, &options, false).unwrap()
}

fn ask(conversation: &mut Conversation, text: &str) -> Result<String, Error> {
    let options = GenerateOptions { max_new_tokens: 8, ..GenerateOptions::default() };
    conversation.say("user", Vec::new(), text)?;
    Ok(conversation.generate(&options, &mut |_| ControlFlow::Continue(()))?.text.clone())
}

/// What a model is given, as text.
fn given(conversation: &Conversation) -> String {
    let ids = prompt_ids(&conversation.items().unwrap());
    conversation.model().tokenizer().decode(&ids, false).unwrap()
}

#[test]
fn messages_are_rendered_by_the_files_template() {
    let model = agreeing();
    let template = ChatTemplate::required(model.file()).unwrap();
    let mut c = conversation(&model, 0);
    c.say("system", Vec::new(), "Be <|im_end|> brief.").unwrap();
    for text in ["one?", "<image>?"] {
        assert_eq!(ask(&mut c, text).unwrap(), "yes");
        let messages: Vec<Message<'_>> =
            c.messages().iter().map(|said| Message { role: &said.role, content: Content::Text(&said.text) }).collect();
        // The line break behind the answer's end is the template's and comes with the next message.
        let wanted = template.render(&messages, false).unwrap();
        assert_eq!(given(&c), wanted.trim_end_matches('\n'));
    }
    let roles: Vec<&str> = c.messages().iter().map(|said| said.role.as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant"]);
    assert_eq!(c.dropped(), 0);
    // Whole and step by step are one.
    let mut steps = conversation(&model, 0);
    steps.say("system", Vec::new(), "Be <|im_end|> brief.").unwrap();
    for text in ["one?", "<image>?"] {
        steps.say("user", Vec::new(), text).unwrap();
        steps.start(&GenerateOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
        while steps.step().unwrap().is_some() {}
    }
    assert_eq!((steps.messages(), given(&steps)), (c.messages(), given(&c)));
}

#[test]
fn an_answer_stays_the_tokens_that_it_was() {
    let model = agreeing();
    let mut c = conversation(&model, 0);
    ask(&mut c, "a").unwrap();
    let answer = c.answer().unwrap().ids.clone();
    assert_eq!(answer.len(), 3, "ye, s and the end");
    let before = c.used().unwrap();
    assert_eq!(before.kept, before.positions - 1, "the end was chosen, but not run");
    c.say("user", Vec::new(), "b").unwrap();
    let used = c.used().unwrap();
    assert_eq!(used.kept, before.kept, "nothing is read again");
    let ids = prompt_ids(&c.items().unwrap());
    assert!(ids.windows(2).any(|pair| pair == &answer[..2]), "{ids:?} has {answer:?}");
}

#[test]
fn a_full_context_drops_the_oldest_turns() {
    let model = agreeing();
    for system in [false, true] {
        let mut c = conversation(&model, 200);
        if system {
            c.say("system", Vec::new(), "SYSTEM").unwrap();
        }
        let mut dropped = 0;
        for turn in 0..40 {
            assert_eq!(ask(&mut c, &format!("question {turn}")).unwrap(), "yes");
            dropped += c.dropped();
            let text = given(&c);
            assert!(c.used().unwrap().positions <= 200);
            assert_eq!(text.contains("SYSTEM"), system, "{text}");
            assert!(text.contains(&format!("question {turn}<|im_end|>")), "{text}");
            let first = &c.messages()[usize::from(system)];
            assert_eq!(first.role, "user", "turns are dropped whole");
            assert_eq!(c.messages().len() + dropped, usize::from(system) + 2 * (turn + 1));
        }
        assert!(dropped > 40, "{dropped}");
        // Several at once, so that they need not go each time.
        let before = c.messages().len();
        let times = (0..10).filter(|turn| {
            ask(&mut c, &format!("question {turn}")).unwrap();
            c.dropped() > 0
        });
        assert!((1..=6).contains(&times.count()), "{before} messages");
    }
}

/// The newest turn is never dropped: where it has no room, that is an error, and the conversation is as before.
#[test]
fn what_has_no_room_fails_and_leaves_the_rest() {
    let model = agreeing();
    let mut c = conversation(&model, 120);
    for text in ["one", "two"] {
        ask(&mut c, text).unwrap();
    }
    let (messages, text) = (c.messages().to_vec(), given(&c));
    let error = ask(&mut c, &"long ".repeat(100)).unwrap_err();
    assert_eq!(error.code(), "context-full");
    assert_eq!(c.take_back().unwrap().text.len(), 500);
    assert_eq!((c.messages(), given(&c)), (messages.as_slice(), text));
    assert_eq!(ask(&mut c, "three").unwrap(), "yes");
    // An answer that is taken back may be asked for again.
    let ids = c.answer().unwrap().ids.clone();
    assert_eq!(c.take_back().unwrap().role, "assistant");
    c.generate(&GenerateOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(c.answer().unwrap().ids, ids);
}

#[test]
fn messages_and_other_pieces_do_not_mix() {
    let model = agreeing();
    let mut c = conversation(&model, 0);
    c.say("user", Vec::new(), "a").unwrap();
    for refused in [c.add_text("b"), c.add_tokens(&[3])] {
        assert_eq!(refused.unwrap_err().to_string().split(':').next(), Some("prompt is messages by roles"));
    }
    let picture = Arc::new(Picture::new(2, 2, vec![0; 12], &ImageLimits::default()).unwrap());
    assert!(matches!(c.say("user", vec![picture], "c"), Err(Error::NoVision { images: 1 })));
    c.clear();
    c.add_text("raw").unwrap();
    assert_eq!(c.say("user", Vec::new(), "a").unwrap_err().code(), "option");
    c.clear();
    assert_eq!(ask(&mut c, "a").unwrap(), "yes");
    while c.take_back().is_some() {}
    c.add_text("raw").unwrap();
}

#[test]
fn forks_and_states_have_the_messages() {
    let model = agreeing();
    let mut first = conversation(&model, 0);
    first.say("system", Vec::new(), "short").unwrap();
    ask(&mut first, "one").unwrap();
    // Saved between question and answer, too.
    first.say("user", Vec::new(), "two").unwrap();
    let mut fork = first.fork().unwrap();
    let state = first.save().unwrap();
    let mut restored = conversation(&model, 300);
    restored.restore(&state).unwrap();
    for other in [&mut fork, &mut restored] {
        assert_eq!(other.messages(), first.messages());
        assert_eq!(prompt_ids(&other.items().unwrap()), prompt_ids(&first.items().unwrap()));
        let (used, wanted) = (other.used().unwrap(), first.used().unwrap());
        assert_eq!((used.positions, used.kept), (wanted.positions, wanted.kept));
        other.generate(&GenerateOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(ask(other, "three").unwrap(), "yes");
        assert_eq!(other.messages().len(), 7);
    }
}
