//! A tokenizer's tables and a text. The input is lines:
//!
//! 1. `MODEL PRE KEY=VALUE...`: the values of `tokenizer.ggml.model` and `.pre`, then keys below `tokenizer.ggml.` with
//!    numbers; `add_...` and `remove_...` keys are truth values, `precompiled_charsmap` is bytes in hexadecimal;
//! 2. tokens, a line each: the text, or the text, a tab and type and score;
//! 3. an empty line, then merges, a line each;
//! 4. an empty line, then the text to be encoded, as long as it likes.
//!
//! They become the keys of a GGUF file and are read from it, as a model's are.

use std::sync::Arc;

use ocelli_engine::tokenizer::{EncodeOptions, Tokenizer};
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};

/// The target.
pub fn tokenizer(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let (head, text) = tables(input);
    let Ok(body) = head.begin(Vec::new()) else { return };
    let Ok(file) = body.finish() else { return };
    let Ok(file) = Gguf::parse(Arc::new(file)) else { return };
    match Tokenizer::from_gguf(&file) {
        Ok(tokenizer) => {
            for add_special in [false, true] {
                for parse_special in [false, true] {
                    round(&tokenizer, text, EncodeOptions { add_special, parse_special });
                }
            }
        }
        Err(error) => {
            let _ = error.to_string();
        }
    }
}

/// The file's keys, and the text.
fn tables(input: &str) -> (Writer, &str) {
    let (tables, rest) = input.split_once("\n\n").unwrap_or((input, ""));
    let (merges, text) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let mut lines = tables.split('\n');
    let mut names = lines.next().unwrap_or_default().split(' ');
    let mut writer = Writer::new();
    for key in ["tokenizer.ggml.model", "tokenizer.ggml.pre"] {
        if let Some(value) = names.next().filter(|value| !value.is_empty()) {
            writer.set(key, value);
        }
    }
    for (key, value) in names.filter_map(|pair| pair.split_once('=')) {
        let switch = key.starts_with("add_") || key.starts_with("remove_");
        let bytes = key == "precompiled_charsmap";
        let key = format!("tokenizer.ggml.{key}");
        match value.parse::<u32>() {
            _ if bytes => writer.set(key, MetaValue::U8s(hexadecimal(value))),
            Ok(number) if switch => writer.set(key, number != 0),
            Ok(number) => writer.set(key, number),
            Err(_) => writer.set(key, value),
        };
    }
    let (mut tokens, mut types, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        let (token, numbers) = line.split_once('\t').unwrap_or((line, ""));
        let (ty, score) = numbers.split_once(' ').unwrap_or((numbers, ""));
        tokens.push(token.to_owned());
        types.push(ty.parse().unwrap_or(1i32));
        scores.push(score.parse().unwrap_or(0f32));
    }
    writer.set("tokenizer.ggml.tokens", tokens);
    writer.set("tokenizer.ggml.token_type", types);
    writer.set("tokenizer.ggml.scores", scores);
    writer.set(
        "tokenizer.ggml.merges",
        MetaValue::Strings(merges.split('\n').filter(|m| !m.is_empty()).map(str::to_owned).collect()),
    );
    (writer, text)
}

/// Bytes of two digits each, as far as they are digits.
fn hexadecimal(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8; 2]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    text.as_bytes().as_chunks::<2>().0.iter().map_while(byte).collect()
}

fn round(tokenizer: &Tokenizer, text: &str, options: EncodeOptions) {
    let Ok(ids) = tokenizer.encode(text, options) else { return };
    assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
    let whole = tokenizer.decode(&ids, false).expect("ids of the tokenizer's own");
    let _ = tokenizer.decode(&ids, true).expect("ids of the tokenizer's own");
    let mut stream = tokenizer.stream(false);
    let mut pieces = String::new();
    for &id in &ids {
        pieces.push_str(stream.push(tokenizer, id).expect("ids of the tokenizer's own"));
    }
    pieces.push_str(stream.flush());
    assert_eq!(pieces, whole, "pieces are the whole");
}
