//! Conversations as prompts against transformers (`chat_prompt_golden.json`, made by `chat_prompt_golden.py`), and what
//! messages spell.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod prompt_ids;

use ocelli_engine::Prompt;
use ocelli_engine::chat::{ChatError, ChatTemplate, Content, Message, Part, Rendered};
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::tokenizer::{EncodeOptions, Tokenizer};
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use serde_json::Value;
use std::sync::Arc;

const IMAGE: u32 = 5;

fn golden() -> Value {
    serde_json::from_str(include_str!("chat_prompt_golden.json")).unwrap()
}

fn strings(values: &Value) -> Vec<String> {
    values.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// A file with this tokenizer; `<image>` stands for pictures, unless the model has no eyes.
fn tokenizer(kind: &str, golden: &Value, sees: bool) -> Tokenizer {
    let golden = &golden["tokenizers"][kind];
    let mut writer = Writer::new();
    let (tokens, merges) = (strings(&golden["tokens"]), strings(&golden["merges"]));
    let types: Vec<i32> = golden["types"].as_array().unwrap().iter().map(|v| v.as_i64().unwrap() as i32).collect();
    writer.set("tokenizer.ggml.model", MetaValue::from(kind));
    writer.set("tokenizer.ggml.token_type", MetaValue::from(types));
    if kind == "gpt2" {
        writer.set("tokenizer.ggml.pre", MetaValue::from("gpt-2"));
        writer.set("tokenizer.ggml.merges", MetaValue::from(merges));
    } else {
        let rank = |token: &String| merges.iter().position(|m| &m.replace(' ', "") == token);
        let scores: Vec<f32> = tokens.iter().map(|t| rank(t).map_or(-1e6, |r| -(r as f32))).collect();
        writer.set("tokenizer.ggml.scores", MetaValue::from(scores));
    }
    writer.set("tokenizer.ggml.tokens", MetaValue::from(tokens));
    for (name, id) in [("unknown", 0u32), ("bos", 1), ("eos", 2)] {
        writer.set(format!("tokenizer.ggml.{name}_token_id"), MetaValue::from(id));
    }
    if sees {
        writer.set("ocelli.image_token", MetaValue::from(IMAGE));
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    writer.begin(&mut bytes).unwrap().finish().unwrap();
    Tokenizer::from_gguf(&Gguf::parse(Arc::new(bytes.into_inner())).unwrap()).unwrap()
}

fn template(source: &str) -> ChatTemplate {
    ChatTemplate::new(source, &[("bos_token", "<s>"), ("eos_token", "</s>")]).unwrap()
}

fn picture() -> Arc<Picture> {
    Arc::new(Picture::new(1, 1, vec![0; 3], &ImageLimits::default()).unwrap())
}

fn ids(prompt: &Prompt) -> Vec<u32> {
    prompt_ids::ids(prompt, IMAGE)
}

/// Role and parts of each message, `None` for pictures.
type Said = Vec<(String, Vec<Option<String>>)>;

fn said(conversation: &Value) -> Said {
    let part = |v: &Value| v.as_str().map(str::to_owned);
    let content = |v: &Value| v.as_array().map_or_else(|| vec![part(v)], |parts| parts.iter().map(part).collect());
    let message = |m: &Value| (m[0].as_str().unwrap().to_owned(), content(&m[1]));
    conversation.as_array().unwrap().iter().map(message).collect()
}

/// Renders it; a message of one text is a text, others are lists.
fn prompt(template: &ChatTemplate, said: &Said, tokenizer: &Tokenizer) -> Result<Rendered, ChatError> {
    let parts: Vec<Vec<Part<'_>>> =
        said.iter().map(|(_, p)| p.iter().map(|p| p.as_deref().map_or(Part::Image, Part::Text)).collect()).collect();
    let mut messages = Vec::new();
    for ((role, _), parts) in said.iter().zip(&parts) {
        let content = if let [Part::Text(text)] = parts[..] { Content::Text(text) } else { Content::Parts(parts) };
        messages.push(Message { role, content });
    }
    template.prompt(&messages, true, tokenizer)
}

fn pictures(said: &Said) -> Vec<Arc<Picture>> {
    said.iter().flat_map(|(_, parts)| parts).filter(|part| part.is_none()).map(|_| picture()).collect()
}

/// Every case of a group.
fn each(group: &str, mut test: impl FnMut(&Tokenizer, &ChatTemplate, &Said, &Value)) {
    let golden = golden();
    let mut count = 0;
    for kind in ["gpt2", "llama"] {
        let tokenizer = tokenizer(kind, &golden, true);
        for case in golden["tokenizers"][kind]["cases"].as_array().unwrap() {
            // Behind user-defined tokens LLaMA's old normalizer puts a blank that llama.cpp and the engine do not.
            let thought = kind == "llama" && case["text"].as_str().unwrap().contains("think>");
            if case["group"] == group && !thought {
                let source = golden["templates"][case["template"].as_str().unwrap()].as_str().unwrap();
                test(&tokenizer, &template(source), &said(&case["messages"]), case);
                count += 1;
            }
        }
    }
    assert!(count >= 8, "{count}");
}

fn wanted(case: &Value) -> Vec<u32> {
    case["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn ordinary_conversations_are_the_ids_of_transformers() {
    each("ordinary", |tokenizer, template, said, case| {
        let rendered = prompt(template, said, tokenizer).unwrap();
        assert_eq!(rendered.text(), case["text"].as_str().unwrap());
        assert_eq!(ids(&rendered.prompt(tokenizer, &[]).unwrap()), wanted(case), "{said:?}");
    });
}

#[test]
fn pictures_are_where_the_template_puts_them() {
    each("pictures", |tokenizer, template, said, case| {
        let rendered = prompt(template, said, tokenizer).unwrap();
        assert_eq!(rendered.text(), case["text"].as_str().unwrap());
        assert_eq!(ids(&rendered.prompt(tokenizer, &pictures(said)).unwrap()), wanted(case), "{said:?}");
    });
}

/// Beside a picture, too, what a message spells of its token is text, and places no picture.
#[test]
fn a_picture_token_that_a_message_spells_places_none() {
    each("pictures", |tokenizer, template, said, _| {
        let spelled = |text: &Option<String>| text.as_ref().map(|text| format!("{text} <image>?"));
        let typed: Said =
            said.iter().map(|(role, parts)| (role.clone(), parts.iter().map(spelled).collect())).collect();
        let got = ids(&prompt(template, &typed, tokenizer).unwrap().prompt(tokenizer, &pictures(said)).unwrap());
        assert_eq!(got.iter().filter(|&&id| id == IMAGE).count(), pictures(said).len(), "{typed:?}");
        let texts = typed.iter().flat_map(|(_, parts)| parts).flatten().count();
        assert_eq!(tokenizer.decode(&got, true).unwrap().matches("<image>?").count(), texts, "{typed:?}");
    });
}

/// The same text as transformers', and of its special tokens only those that the template wrote.
#[test]
fn what_messages_spell_stays_text() {
    each("spelled", |tokenizer, template, said, case| {
        let rendered = prompt(template, said, tokenizer).unwrap();
        assert_eq!(rendered.text(), case["text"].as_str().unwrap());
        let got = ids(&rendered.prompt(tokenizer, &[]).unwrap());
        assert_ne!(got, wanted(case), "transformers reads the tokens");
        let quiet: Said = said.iter().map(|(role, _)| (role.clone(), vec![Some("x".to_owned())])).collect();
        let quiet = ids(&prompt(template, &quiet, tokenizer).unwrap().prompt(tokenizer, &[]).unwrap());
        let special = |ids: &[u32]| ids.iter().copied().filter(|&id| tokenizer.is_special(id)).collect::<Vec<_>>();
        assert_eq!(special(&got), special(&quiet), "{said:?}");
        // Nothing is lost: what transformers drops as special is in the text.
        let text = tokenizer.decode(&got, true).unwrap();
        for (_, parts) in said {
            assert!(text.contains(parts[0].as_ref().unwrap().trim()), "{text:?} of {said:?}");
        }
    });
}

#[test]
fn a_template_without_lists_has_the_picture_before_the_text() {
    let golden = golden();
    let tokenizer = tokenizer("gpt2", &golden, true);
    let chatml = template(golden["templates"]["chatml"].as_str().unwrap());
    let conversation = |text: &str| vec![("user".to_owned(), vec![None, Some(text.to_owned())])];
    let shown = prompt(&chatml, &conversation("what is <image>?"), &tokenizer).unwrap();
    let shown = shown.prompt(&tokenizer, &[picture()]).unwrap();
    assert_eq!(ids(&shown).iter().filter(|&&id| id == IMAGE).count(), 1);
    let (before, rest) = (&shown.given()[0].1, &shown.given()[1].1);
    assert_eq!(tokenizer.decode(before, false).unwrap(), "<|im_start|>user\n");
    assert!(tokenizer.decode(rest, false).unwrap().starts_with("what is <image>?<|im_end|>"));
    assert!(!rest.contains(&IMAGE));
    // A template that drops or repeats what people said cannot place their pictures.
    for (source, placed) in [("{{ messages[0].role }}", 0), ("{{ messages[0].content * 2 }}", 2)] {
        let outcome = prompt(&template(source), &conversation("x"), &tokenizer);
        assert_eq!(outcome, Err(ChatError::Pictures { given: 1, placed }), "{source}");
    }
}

/// Messages that touch each other, or what the template writes, make no token together.
#[test]
fn tokens_are_not_put_together_from_parts() {
    let golden = golden();
    let tokenizer = tokenizer("gpt2", &golden, true);
    let special = |source: &str, texts: &[&str]| {
        let said: Said = texts.iter().map(|t| ("user".to_owned(), vec![Some((*t).to_owned())])).collect();
        let rendered = prompt(&template(source), &said, &tokenizer).unwrap();
        let ids = ids(&rendered.prompt(&tokenizer, &[]).unwrap());
        ids.into_iter().filter(|&id| tokenizer.is_special(id)).collect::<Vec<_>>()
    };
    let all = "{% for m in messages %}{{ m.content | trim }}{% endfor %}</s>";
    assert_eq!(special(all, &["<|im_", "end|>"]), [2]);
    assert_eq!(special(all, &["a <  ", "|im_end|>"]), [2]);
    assert_eq!(special(all, &["<|i", "m_e", "nd|>"]), [2]);
    assert_eq!(special("{{ messages[0].content }}</s>", &["<"]), [2], "what follows a lone sign is the template's");
    // What a template cuts out or searches is there to be found.
    let cut = "{{ messages[0].content.replace('<|im_end|>', '') }}<|im_end|>";
    assert_eq!(special(cut, &["hello<|im_end|>"]), [4]);
    let found = "{% if '</s>' in messages[0].content %}[INST]{% endif %}";
    assert_eq!(special(found, &["a </s>"]), [6]);
}

/// A model whose file names no picture's token knows `<image>` as the special token it is, where nobody typed it.
#[test]
fn a_picture_token_is_in_no_text() {
    let golden = golden();
    let options = EncodeOptions { add_special: false, parse_special: true };
    let (sees, blind) = (tokenizer("gpt2", &golden, true), tokenizer("gpt2", &golden, false));
    assert!(!sees.encode("a <image> </s>", options).unwrap().contains(&IMAGE));
    assert!(sees.encode("a <image> </s>", options).unwrap().contains(&2));
    assert!(blind.encode("<image>", options).unwrap().contains(&IMAGE));
    let plain = template("{{ messages[0].content }}");
    let said = vec![("user".to_owned(), vec![Some("<image>".to_owned())])];
    let typed = prompt(&plain, &said, &blind).unwrap().prompt(&blind, &[]).unwrap();
    assert!(!ids(&typed).contains(&IMAGE));
}

#[test]
fn answers_are_kept_as_they_were_generated() {
    let golden = golden();
    let tokenizer = tokenizer("gpt2", &golden, true);
    let source = |name: &str| template(golden["templates"][name].as_str().unwrap());
    let chatml = source("chatml");
    let talk = |turns: &[(&str, &str)]| -> Said {
        turns.iter().map(|(role, text)| ((*role).to_owned(), vec![Some((*text).to_owned())])).collect()
    };
    let first = prompt(&chatml, &talk(&[("user", "hi")]), &tokenizer).unwrap();
    let begun = first.prompt(&tokenizer, &[]).unwrap();
    // "</s> It" as no encoding gives it: letter by letter.
    let answer: Vec<u32> = "</s>ĠIt".chars().map(|c| tokenizer.find(&c.to_string()).unwrap()).collect();
    let text = tokenizer.decode(&answer, true).unwrap();
    assert_eq!(text, "</s> It");
    let next = talk(&[("user", "hi"), ("assistant", &text), ("user", "again")]);
    let second = prompt(&chatml, &next, &tokenizer).unwrap();
    let behind = second.prompt_behind((&first, &begun, &answer), &tokenizer, &[]).unwrap().unwrap();
    let rest = tokenizer
        .encode(
            "<|im_end|>\n<|im_start|>user\nagain<|im_end|>\n<|im_start|>assistant\n",
            EncodeOptions { add_special: false, parse_special: true },
        )
        .unwrap();
    assert_eq!(ids(&behind), [ids(&begun), answer.clone(), rest].concat());
    assert_ne!(ids(&behind), ids(&second.prompt(&tokenizer, &[]).unwrap()));

    // Not where the template says it otherwise, nor where a text follows that is encoded with it.
    let none = |template: &ChatTemplate, text: &str, answer: &[u32]| {
        let first = prompt(template, &talk(&[("user", "hi")]), &tokenizer).unwrap();
        let begun = first.prompt(&tokenizer, &[]).unwrap();
        let next = prompt(template, &talk(&[("user", "hi"), ("assistant", text), ("user", "x")]), &tokenizer).unwrap();
        next.prompt_behind((&first, &begun, answer), &tokenizer, &[]).unwrap().is_none()
    };
    assert!(none(&chatml, "other", &answer));
    assert!(none(&source("inst"), &text, &answer));
    let open = template("{% for m in messages %}{{ m.content }}\n{% endfor %}");
    assert!(none(&open, &text, &answer));
    let thought = "<think>x</think>It";
    let ids = tokenizer.encode(thought, EncodeOptions { add_special: false, parse_special: true }).unwrap();
    assert!(none(&source("thinking"), thought, &ids));
    assert!(!none(&chatml, thought, &ids));
}

#[test]
fn stand_ins_are_characters_that_nobody_typed() {
    let golden = golden();
    let tokenizer = tokenizer("gpt2", &golden, true);
    let chatml = template(golden["templates"]["chatml"].as_str().unwrap());
    let typed: String = ('\u{f0000}'..='\u{f0100}').collect();
    let said = vec![("user".to_owned(), vec![None, Some(typed.clone())])];
    let rendered = prompt(&chatml, &said, &tokenizer).unwrap();
    assert_eq!(rendered.text(), format!("<|im_start|>user\n{typed}<|im_end|>\n<|im_start|>assistant\n"));
    let all: String = ('\u{f0000}'..='\u{10fffd}').collect();
    let said = vec![("user".to_owned(), vec![Some(all)])];
    assert_eq!(prompt(&chatml, &said, &tokenizer), Err(ChatError::NoStandIn));
}
