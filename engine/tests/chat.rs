//! Chat templates against transformers (`chat_golden.json`, made by `chat_golden.py`), and templates that mean harm.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../fuzz/keep.rs"]
mod seeds;

use ocelli_engine::Error;
use ocelli_engine::chat::{ChatError, ChatTemplate, Content, Message};
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

const BOTH: [(&str, &str); 2] = [("bos_token", "<s>"), ("eos_token", "</s>")];
const HELLO: [Message<'static>; 1] = [Message { role: "user", content: Content::Text("Hello") }];

#[test]
fn conversations_are_rendered_as_transformers_renders_them() {
    let golden: Value = serde_json::from_str(include_str!("chat_golden.json")).unwrap();
    let mut refused = 0;
    for case in golden["cases"].as_array().unwrap() {
        let name = case[0].as_str().unwrap();
        let source = golden["templates"][name].as_str().unwrap();
        let told = case[1].as_array().unwrap().iter().map(|m| [&m[0], &m[1]].map(|v| v.as_str().unwrap()).join("\0"));
        seeds::keep("chat", [source.to_owned()].into_iter().chain(told).collect::<Vec<_>>().join("\0").as_bytes());
        let template = ChatTemplate::new(source, &BOTH).unwrap();
        let messages: Vec<Message<'_>> = case[1]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| Message { role: m[0].as_str().unwrap(), content: m[1].as_str().unwrap().into() })
            .collect();
        match (template.render(&messages, case[2].as_bool().unwrap()), case[3].as_str()) {
            (Ok(text), Some(wanted)) => assert_eq!(text, wanted, "{name} {messages:?}"),
            (Err(ChatError::Refused { reason }), None) => {
                assert_eq!(reason, case[4].as_str().unwrap());
                refused += 1;
            }
            (got, wanted) => panic!("{name} {messages:?}: {got:?} for {wanted:?}"),
        }
    }
    assert!(refused > 0);
}

fn file(template: Option<&str>) -> Gguf {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let tokens = ["<unk>", "<begin>", "<end>"].map(str::to_owned);
    let mut writer = Writer::new();
    writer.set("tokenizer.ggml.tokens", MetaValue::from(tokens.to_vec()));
    writer.set("tokenizer.ggml.bos_token_id", MetaValue::from(1u32));
    if let Some(template) = template {
        writer.set("tokenizer.chat_template", MetaValue::from(template));
    }
    writer.begin(&mut bytes).unwrap().finish().unwrap();
    Gguf::parse(Arc::new(bytes.into_inner())).unwrap()
}

#[test]
fn templates_come_from_files() {
    let text = "{{ bos_token }}[{{ eos_token }}]{{ messages[0].content }}";
    let template = ChatTemplate::from_gguf(&file(Some(text))).unwrap().unwrap();
    assert_eq!(template.render(&HELLO, true).unwrap(), "<begin>[]Hello");
    assert!(ChatTemplate::from_gguf(&file(None)).unwrap().is_none());
    let missing = ChatTemplate::required(&file(None)).unwrap_err();
    assert!(matches!(missing, Error::Chat(ChatError::Missing)), "{missing}");
    assert_eq!(missing.code(), "chat");
}

/// A file with a tokenizer's special tokens, as `special_golden.py` names them.
fn file_with(golden: &Value, tokenizer: &Value, template: &str) -> Gguf {
    let tokens: Vec<String> = strings(&golden["tokens"]);
    let id = |token: &Value| tokens.iter().position(|t| t == token.as_str().unwrap()).unwrap() as u32;
    let mut writer = Writer::new();
    writer.set("tokenizer.ggml.model", MetaValue::from("gpt2"));
    writer.set("tokenizer.chat_template", MetaValue::from(template));
    for (name, key) in [
        ("bos_token", "bos"),
        ("eos_token", "eos"),
        ("unk_token", "unknown"),
        ("sep_token", "seperator"),
        ("pad_token", "padding"),
        ("cls_token", "cls"),
        ("mask_token", "mask"),
    ] {
        if let Some(token) = tokenizer.get(name) {
            writer.set(format!("tokenizer.ggml.{key}_token_id"), MetaValue::from(id(token)));
        }
    }
    if let Some(named) = tokenizer.get("extra_special_tokens").and_then(Value::as_object) {
        let names: Vec<String> = named.keys().cloned().collect();
        writer.set("ocelli.tokenizer.special_names", MetaValue::from(names));
        writer.set("ocelli.tokenizer.special_ids", MetaValue::from(named.values().map(id).collect::<Vec<u32>>()));
    }
    if let Some(all) = tokenizer.get("additional_special_tokens") {
        writer.set("tokenizer.ggml.additional_special_tokens", MetaValue::from(strings(all)));
    }
    writer.set("tokenizer.ggml.tokens", MetaValue::from(tokens));
    let mut bytes = std::io::Cursor::new(Vec::new());
    writer.begin(&mut bytes).unwrap().finish().unwrap();
    Gguf::parse(Arc::new(bytes.into_inner())).unwrap()
}

fn strings(values: &Value) -> Vec<String> {
    values.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

#[test]
fn special_tokens_are_what_transformers_passes_to_templates() {
    let golden: Value = serde_json::from_str(include_str!("special_golden.json")).unwrap();
    let templates = strings(&golden["templates"]);
    for case in golden["cases"].as_array().unwrap() {
        for (template, wanted) in templates.iter().zip(strings(&case["texts"])) {
            let file = file_with(&golden, &case["tokenizer"], template);
            let text = ChatTemplate::required(&file).unwrap().render(&HELLO, false).unwrap();
            assert_eq!(text, wanted, "{template} with {}", case["tokenizer"]);
        }
    }
    let mut writer = Writer::new();
    writer.set("tokenizer.chat_template", MetaValue::from("x"));
    writer.set("tokenizer.ggml.additional_special_tokens", MetaValue::from("<a>"));
    let mut bytes = std::io::Cursor::new(Vec::new());
    writer.begin(&mut bytes).unwrap().finish().unwrap();
    let wrong = ChatTemplate::from_gguf(&Gguf::parse(Arc::new(bytes.into_inner())).unwrap()).unwrap_err();
    assert!(wrong.to_string().contains("additional_special_tokens"), "{wrong}");
}

#[test]
fn todays_date_is_a_date() {
    let text = ChatTemplate::new("{{ strftime_now('%Y-%m-%d') }}", &[]).unwrap().render(&HELLO, false).unwrap();
    assert_eq!(text.len(), 10, "{text}");
    assert!(text.as_str() > "2024-01-01", "{text}");
}

/// No template takes more than its fuel, whatever it does with time, memory or the stack.
#[test]
fn hostile_templates_end() {
    let doubling = "{% set a = 'x' %}".to_owned() + &"{% set a = a ~ a %}".repeat(60);
    let nested = "{% for i in range(9999) %}".repeat(5) + "x" + &"{% endfor %}".repeat(5);
    let brackets = format!("{{{{ {}1{} }}}}", "[".repeat(100_000), "]".repeat(100_000));
    let ifs = "{% if true %}".repeat(8_000) + &"{% endif %}".repeat(8_000);
    let split = "{% set c = messages[0].content %}{% for i in range(99999) %}{% set p = c.split('l') %}{% endfor %}";
    let deep = |after: &str| {
        let grow = "{% set ns.a = [ns.a] %}".repeat(200);
        "{% set ns = namespace(a=[]) %}{% for i in range(60) %}".to_owned() + &grow + "{% endfor %}" + after
    };
    let tops =
        ["ns.a", "ns.a|string", "ns.a|tojson", "ns.a == [ns.a]", "ns.a|pprint", "[ns.a, [ns.a]]|sort", "{ns.a: 1}"];
    for top in tops {
        // Each ends somehow; what counts is that it does.
        let source = deep(&format!("{{{{ {top} }}}}"));
        seeds::keep("chat", source.as_bytes());
        let template = ChatTemplate::new(&source, &[]).unwrap();
        let outcome = template.render(&HELLO, false);
        assert!(outcome.is_err() || outcome.is_ok_and(|text| text.len() < 100 << 20), "{top}");
    }
    // A tuple that holds another twice, which holds a third twice, and so on.
    let twice = |after: &str| "{% set a = (1,) %}".to_owned() + &"{% set a = (a, a) %}".repeat(60) + after;
    let [key, unique, compared, told] = [
        twice("{{ {a: 1} }}"),
        twice("{{ [a, a]|unique|list|length }}"),
        twice("{{ (a, 1) < (a, 2) }}"),
        twice("{{ a|tojson }}"),
    ];
    let [minus, powers, nots] = ["-", "2 ** ", "not "].map(|part| format!("{{{{ {}1 }}}}", part.repeat(40_000)));
    for source in [
        &key,
        &unique,
        &compared,
        &told,
        &minus,
        &powers,
        &nots,
        &doubling,
        &nested,
        &brackets,
        &ifs,
        "{{ 'x' * 1000000000000 }}",
        "{{ range(10 ** 12)|list }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ 'x'|center(1000000000) }}",
        "{{ strftime_now('%1000d' * 100000) }}",
        "{{ [1]|batch(1000000000, 0)|list }}",
        "{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}",
        "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
        "{{ 'a'.join(['b'] * 100000000) }}",
        "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set ns = namespace(a=[]) %}{% for i in range(99999) %}{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a|tojson }}",
        "{{ messages[0].nothing.at.all }}",
        "{{ messages[0].content.nothing() }}",
        "{% include 'other' %}",
        "{{ open('/etc/passwd') }}",
        "{{ 1 // 0 }}",
        "{{ messages[0].content.split('') }}",
        "{% for",
        "{{ }}",
        "{%",
    ] {
        seeds::keep("chat", source.as_bytes());
        let start = Instant::now();
        let outcome = ChatTemplate::new(source, &[]).and_then(|template| template.render(&HELLO, false));
        let error = outcome.expect_err(source.get(..80).unwrap_or(source));
        assert!(error.to_string().len() < 1000);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?} for {error}", start.elapsed());
    }
    // A long text makes each step dearer, not longer.
    let long = "hello ".repeat(100_000);
    let template = ChatTemplate::new(split, &[]).unwrap();
    let start = Instant::now();
    let outcome = template.render(&[Message { role: "user", content: long.as_str().into() }], false);
    assert!(matches!(outcome, Err(ChatError::OutOfFuel { .. })), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());

    let huge = "x".repeat(300 << 10);
    let limit = 256 << 10;
    assert_eq!(ChatTemplate::new(&huge, &[]).unwrap_err(), ChatError::TooLong { bytes: huge.len(), limit });
    let endless = "x".repeat((4 << 20) + 1);
    let outcome = template.render(&[Message { role: "", content: endless.as_str().into() }], false);
    assert!(matches!(outcome, Err(ChatError::ConversationTooLong { .. })), "{outcome:?}");
    let outcome = template.render(&[HELLO[0]; 4097], false);
    assert_eq!(outcome, Err(ChatError::TooManyMessages { messages: 4097, limit: 4096 }));
}

#[test]
fn long_conversations_are_rendered() {
    let source = "{% for m in messages %}<{{ m.role }}>{{ m.content|trim }}{% endfor %}";
    let template = ChatTemplate::new(source, &[]).unwrap();
    let content = "word ".repeat(200);
    let messages = vec![Message { role: "user", content: content.as_str().into() }; 2000];
    assert_eq!(template.render(&messages, false).unwrap().len(), 2000 * (6 + 999));
}
