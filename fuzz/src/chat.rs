//! A chat template and a conversation: texts with a NUL between them. The first is the template, then come roles and
//! contents by turns; one text over asks for the beginning of an answer.
//!
//! A template runs on fuel, so each ends; what it wrote is bounded, too.

use ocelli_engine::chat::{ChatTemplate, Message};

/// What the tokens that a template may name are called.
const SPECIAL: [(&str, &str); 3] = [("bos_token", "<s>"), ("eos_token", "</s>"), ("pad_token", "<pad>")];

/// The target.
pub fn chat(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut texts = text.split('\0');
    let template = texts.next().unwrap_or_default();
    let texts: Vec<&str> = texts.collect();
    let mut messages: Vec<Message<'_>> =
        texts.chunks_exact(2).map(|pair| Message { role: pair[0], content: pair[1].into() }).collect();
    if messages.is_empty() {
        messages.push(Message { role: "user", content: "Hello".into() });
    }
    match ChatTemplate::new(template, &SPECIAL) {
        Ok(template) => {
            if let Err(error) = template.render(&messages, texts.len() % 2 == 1) {
                let _ = error.to_string();
            }
        }
        Err(error) => assert!(error.to_string().len() < 1000),
    }
}
