//! SentencePiece's `tokenizer.model` where nothing else is there: right and wrong files. That the ids are the library's is
//! compared in `tests/`.

use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::Value as Key;
use serde_json::json;

use crate::text::model;
use crate::tiny::*;

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 2, &mut out);
    varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

pub fn integer(number: u64, value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3, &mut out);
    varint(value as u64, &mut out);
    out
}

pub fn piece(text: &str, score: f32, kind: i64) -> Vec<u8> {
    let score = [&[2 << 3 | 5][..], &score.to_le_bytes()].concat();
    bytes(1, &[bytes(1, text.as_bytes()), score, integer(3, kind)].concat())
}

/// Special tokens, bytes, and a few pieces.
fn pieces() -> Vec<u8> {
    let mut all = [piece("<unk>", 0.0, 2), piece("<s>", 0.0, 3), piece("</s>", 0.0, 3)].concat();
    for byte in 0..256 {
        all.extend(piece(&format!("<0x{byte:02X}>"), 0.0, 6));
    }
    all.extend([piece("▁a", -1.0, 1), piece("▁", -2.0, 1), piece("a", -3.0, 1), piece("<sym>", 0.0, 4)].concat());
    all
}

/// The two specifications, as LLaMA has them but for `more`.
fn specs(trainer: &[u8], normalizer: &[u8]) -> Vec<u8> {
    let own = [integer(3, 2), integer(35, 1), trainer.to_vec()].concat();
    [bytes(2, &own), bytes(3, &[integer(4, 0), normalizer.to_vec()].concat())].concat()
}

fn with(content: Vec<u8>) -> (Model, Vec<u8>) {
    let mut model = model("llama");
    model.files.remove("tokenizer.json");
    model.files.remove("tokenizer_config.json");
    (model, content)
}

/// The conversion of a directory with these bytes as its `tokenizer.model`.
fn run(
    (model, content): &(Model, Vec<u8>),
) -> Result<(ocelli_quant::gguf::Gguf, Vec<String>), ocelli_convert::ConvertError> {
    let scratch = Scratch::new();
    model.write(&scratch.0);
    std::fs::write(scratch.0.join("tokenizer.model"), content).unwrap();
    let out = scratch.0.join("o.gguf");
    let report = ocelli_convert::convert(&scratch.0, &out, &ocelli_convert::Options::new(F32), &())?;
    Ok((parse(&out), report.notes))
}

#[test]
fn pieces_become_keys() {
    let (file, notes) = run(&with([pieces(), specs(&[], &[])].concat())).unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    let tokens = file.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    assert_eq!(
        (tokens.get(0), tokens.get(259), tokens.get(262), tokens.get(263)),
        (Some("<unk>"), Some("▁a"), Some("<sym>"), Some("[unused 263]"))
    );
    let types = file.i32s("tokenizer.ggml.token_type").unwrap().unwrap();
    assert_eq!((&types[..4], &types[258..264]), (&[2, 3, 3, 6][..], &[6, 1, 1, 1, 4, 5][..]));
    assert_eq!(file.f32s("tokenizer.ggml.scores").unwrap().unwrap()[259..262], [-1.0, -2.0, -3.0]);
    for (key, value) in [
        ("tokenizer.ggml.model", Key::Str("llama")),
        ("tokenizer.ggml.bos_token_id", Key::U32(1)),
        ("tokenizer.ggml.eos_token_id", Key::U32(2)),
        ("tokenizer.ggml.unknown_token_id", Key::U32(0)),
        ("tokenizer.ggml.add_bos_token", Key::Bool(true)),
        ("tokenizer.ggml.add_space_prefix", Key::Bool(true)),
        ("ocelli.tokenizer.blank", Key::Str("always")),
        ("ocelli.tokenizer.normalizes_blanks", Key::Bool(true)),
    ] {
        assert_eq!(file.get(key), Some(value), "{key}");
    }
    assert_eq!(file.u32s("ocelli.tokenizer.symbol_ids").unwrap(), Some(vec![262]));
}

#[test]
fn the_class_around_the_library_says_where_blanks_go() {
    let plain = [pieces(), specs(&[], &[])].concat();
    let none = [pieces(), specs(&[], &integer(3, 0))].concat();
    for (content, config, blank) in [
        (&plain, json!({"tokenizer_class": "LlamaTokenizer", "legacy": true}), "always"),
        (&plain, json!({"tokenizer_class": "LlamaTokenizerFast", "legacy": false}), "first"),
        (&plain, json!({"legacy": false, "add_prefix_space": false}), "never"),
        (&plain, json!({"tokenizer_class": "GemmaTokenizer"}), "always"),
        (&none, json!({"tokenizer_class": "GemmaTokenizer"}), "never"),
    ] {
        let mut input = with(content.clone());
        input.0.files.insert("tokenizer_config.json".to_owned(), config.to_string());
        let (file, notes) = run(&input).unwrap();
        assert_eq!(file.str("ocelli.tokenizer.blank").unwrap(), Some(blank), "{config}");
        assert_eq!(notes.len(), usize::from(config["add_prefix_space"] == false), "{notes:?}");
    }
    let mut input = with(plain);
    input.0.files.insert("tokenizer_config.json".to_owned(), json!({"tokenizer_class": "T5Tokenizer"}).to_string());
    check(&run(&input).unwrap_err(), "unsupported", &["tokenizer_class", "T5Tokenizer"]);
}

/// The class without a library around it looks for added tokens in the text as it is, whatever they wish.
#[test]
fn added_tokens_are_looked_for_in_the_text_as_it_is() {
    let token = |normalized: bool| {
        json!({"content": "<new>", "lstrip": true, "normalized": normalized, "rstrip": false, "single_word": false,
               "special": false})
    };
    for normalized in [true, false] {
        let mut input = with([pieces(), specs(&[], &[])].concat());
        let config = json!({"added_tokens_decoder": {"263": token(normalized)}});
        input.0.files.insert("tokenizer_config.json".to_owned(), config.to_string());
        let (file, _) = run(&input).unwrap();
        assert_eq!(file.u32s("ocelli.tokenizer.lstrip_ids").unwrap(), Some(vec![263]));
        assert!(file.get("ocelli.tokenizer.normalized_ids").is_none());
        assert_eq!(file.u32s("ocelli.tokenizer.symbol_ids").unwrap(), Some(vec![262]));
    }
}

#[test]
fn what_the_runtime_does_not_do_is_refused() {
    for (trainer, normalizer, part) in [
        (integer(3, 3), vec![], "WORD"),
        (integer(3, 9), vec![], "model_type = 9"),
        (integer(35, 0), vec![], "byte_fallback = false"),
        (integer(24, 1), vec![], "treat_whitespace_as_suffix"),
        (bytes(53, b"|"), vec![], "pretokenization_delimiter"),
        (vec![], bytes(2, &[1, 2, 3]), "precompiled_charsmap, of 3 bytes"),
        (vec![], integer(4, 1), "remove_extra_whitespaces"),
        (vec![], integer(5, 0), "escape_whitespaces"),
    ] {
        let content = [pieces(), specs(&trainer, &normalizer)].concat();
        check(&run(&with(content)).unwrap_err(), "tokenizer", &["tokenizer.model", part]);
    }
    let more = |extra: Vec<u8>| [pieces(), extra, specs(&[], &[])].concat();
    for (extra, part) in [
        (piece("x", 0.0, 5), "UNUSED"),
        (piece("x", 0.0, 7), "type 7"),
        (piece("x", f32::NAN, 1), "not a number"),
        (piece("", 0.0, 1), "no text"),
        (piece("a", 0.0, 1), "'a' appears twice"),
        (bytes(1, &bytes(1, &[0xff])), "not UTF-8"),
        (bytes(1, &integer(1, 3)), "number where a text"),
        (integer(1, 3), "number where a message"),
        ((0..20).flat_map(|n| piece(&format!("w{n}"), 0.0, 1)).collect(), "270 rows"),
    ] {
        check(&run(&with(more(extra))).unwrap_err(), "tokenizer", &["tokenizer.model", part]);
    }
    let no_byte = [piece("<unk>", 0.0, 2), specs(&[], &[])].concat();
    check(&run(&with(no_byte)).unwrap_err(), "tokenizer", &["'<0x00>'"]);
    check(&run(&with(Vec::new())).unwrap_err(), "tokenizer", &["0 pieces"]);
}

/// Every prefix and every flipped bit of a small file either converts or gives an error of the tokenizer's.
#[test]
fn damaged_files_are_errors() {
    let whole = [pieces(), specs(&[], &[])].concat();
    let try_one = |content: Vec<u8>| {
        if let Err(error) = run(&with(content)) {
            assert_eq!(error.code(), "tokenizer", "{error}");
        }
    };
    for cut in (0..whole.len()).step_by(whole.len() / 40) {
        try_one(whole[..cut].to_vec());
    }
    for n in 0..60 {
        let mut damaged = whole.clone();
        let at = (n * 7919) % damaged.len();
        damaged[at] ^= 1 << (n % 8);
        try_one(damaged);
    }
}
