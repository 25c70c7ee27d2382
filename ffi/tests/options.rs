//! What C leaves open is what the engine fills in; schemas, grammars and special tokens by the same call.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // calls the C interface

use ocelli::abi::{
    OCELLI_FEATURE_GRAMMAR, OCELLI_NONE, ocelli_features, ocelli_generate_options, ocelli_last_error, ocelli_model,
    ocelli_model_close, ocelli_model_open_memory, ocelli_session, ocelli_session_add_text, ocelli_session_answer,
    ocelli_session_close, ocelli_session_generate, ocelli_session_open,
};
use ocelli::status::{
    OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_CONSTRAINT, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_NULL_PARAMETER,
    OCELLI_ERR_UNSUPPORTED, OCELLI_OK,
};
use ocelli_engine::{Engine, Prompt, SessionOptions, Wanted};
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use std::ffi::{CStr, c_char};
use std::ops::ControlFlow;
use std::ptr::{null, null_mut};
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");
const TEXT: &str = "Question: what color is the shape? Answer:";

fn suggesting() -> Vec<u8> {
    let tiny = Gguf::parse(Arc::new(TINY)).unwrap();
    let suggestions = [
        ("num_beams", MetaValue::U32(3)),
        ("length_penalty", MetaValue::F32(-1.0)),
        ("early_stopping", MetaValue::Bool(true)),
        ("repetition_penalty", MetaValue::F32(1.5)),
        ("no_repeat_ngram_size", MetaValue::U32(2)),
        ("min_new_tokens", MetaValue::U32(3)),
        ("min_length", MetaValue::U32(20)),
    ]
    .map(|(name, value)| (format!("ocelli.generation.{name}"), value));
    let mut writer = Writer::new();
    for (key, value) in tiny.keys().filter(|(key, _)| suggestions.iter().all(|(other, _)| other != key)) {
        writer.set(key, value);
    }
    for (key, value) in suggestions {
        writer.set(key, value);
    }
    for tensor in tiny.tensors() {
        writer.tensor(&tensor.name, &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for tensor in tiny.tensors() {
        body.write(tiny.data(tensor)).unwrap();
    }
    body.finish().unwrap()
}

struct Open(*mut ocelli_model);

impl Open {
    fn new(bytes: &[u8]) -> Self {
        let mut model = null_mut();
        // SAFETY: the bytes are there during the call, which copies them.
        let status = unsafe { ocelli_model_open_memory(bytes.as_ptr().cast(), bytes.len(), null(), &mut model) };
        assert_eq!(status, OCELLI_OK, "{}", message());
        Self(model)
    }

    /// A status, and the text and tokens where it is success.
    fn answer(&self, options: &ocelli_generate_options) -> (i32, String, Vec<u32>) {
        let mut session: *mut ocelli_session = null_mut();
        let (mut buffer, mut tokens, mut count) = ([0 as c_char; 4096], [0u32; 256], 0usize);
        // SAFETY: every pointer is to a value that outlives the call, and sizes are as said.
        unsafe {
            assert_eq!(ocelli_session_open(self.0, null(), &mut session), OCELLI_OK);
            assert_eq!(ocelli_session_add_text(session, TEXT.as_ptr().cast(), TEXT.len()), OCELLI_OK);
            let status = ocelli_session_generate(session, options, None, null_mut(), null_mut());
            let mut said = (status, message(), Vec::new());
            if status == OCELLI_OK {
                let got = ocelli_session_answer(
                    session,
                    buffer.as_mut_ptr(),
                    buffer.len(),
                    null_mut(),
                    tokens.as_mut_ptr(),
                    tokens.len(),
                    &mut count,
                );
                assert_eq!(got, OCELLI_OK);
                said.1 = CStr::from_ptr(buffer.as_ptr()).to_str().unwrap().to_owned();
                said.2 = tokens[..count].to_vec();
            }
            assert_eq!(ocelli_session_close(session), OCELLI_OK);
            said
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: opened in `new`.
        unsafe { ocelli_model_close(self.0) };
    }
}

fn message() -> String {
    let mut buffer = [0 as c_char; 8192];
    // SAFETY: the buffer is as long as said, and what is written ends with a NUL.
    unsafe {
        ocelli_last_error(buffer.as_mut_ptr(), buffer.len(), null_mut());
        CStr::from_ptr(buffer.as_ptr()).to_str().unwrap().to_owned()
    }
}

fn zeroes() -> ocelli_generate_options {
    // SAFETY: zeroes are a value of every struct of the header.
    let zeroes: ocelli_generate_options = unsafe { std::mem::zeroed() };
    ocelli_generate_options { struct_size: size_of::<ocelli_generate_options>() as u32, max_new_tokens: 12, ..zeroes }
}

#[test]
fn what_c_leaves_open_is_what_the_engine_fills_in() {
    let bytes = suggesting();
    let model = Engine::new(1).unwrap().open_bytes(Arc::new(bytes.clone())).unwrap();
    let open = Open::new(&bytes);
    let prompt = Prompt::new().text(TEXT);
    let positions = model.count(&model.compose(&prompt).unwrap());
    let wanted = Wanted { max_new_tokens: 12, ..Wanted::default() };
    let z = zeroes();
    let cases = [
        (z, wanted.clone()),
        (
            ocelli_generate_options { temperature: 1.0, seed: 9, top_k: 20, ..z },
            Wanted { temperature: 1.0, seed: 9, top_k: 20, ..wanted.clone() },
        ),
        (ocelli_generate_options { beams: 1, ..z }, Wanted { beams: Some(1), ..wanted.clone() }),
        (
            ocelli_generate_options { beams: 2, length_penalty: 2.0, ..z },
            Wanted { beams: Some(2), length_penalty: Some(2.0), ..wanted.clone() },
        ),
        (
            ocelli_generate_options { beams: 1, min_new_tokens: OCELLI_NONE, ..z },
            Wanted { beams: Some(1), min_new_tokens: Some(0), ..wanted.clone() },
        ),
        (
            ocelli_generate_options { beams: 1, no_repeat_ngram: OCELLI_NONE, ..z },
            Wanted { beams: Some(1), no_repeat_ngram: Some(0), ..wanted.clone() },
        ),
        (
            ocelli_generate_options { early_stopping: OCELLI_NONE, repetition_penalty: 1.0, ..z },
            Wanted { early_stopping: Some(false), repetition_penalty: Some(1.0), ..wanted.clone() },
        ),
    ];
    let mut all = Vec::new();
    for (c, rust) in cases {
        let options = model.defaults().resolve(&rust, positions).unwrap();
        let layout = SessionOptions { beams: 3, ..SessionOptions::default() };
        let mut session = model.session(&layout).unwrap();
        let wanted = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap();
        let (status, text, ids) = open.answer(&c);
        assert_eq!((status, &text, &ids), (OCELLI_OK, &wanted.text, &wanted.ids), "{rust:?}");
        all.push(ids);
    }
    all.sort_unstable();
    all.dedup();
    assert!(all.len() > 2, "the options make a difference: {all:?}");
    for (c, words) in [
        (ocelli_generate_options { length_penalty: f32::NAN, ..z }, "length-penalty is NaN"),
        (ocelli_generate_options { temperature: 1.0, beams: 2, ..z }, "beams is 2"),
        (ocelli_generate_options { beams: 4, ..z }, "laid out for 3"),
        (ocelli_generate_options { keep_special: 2, ..z }, "keep_special is 2"),
        (ocelli_generate_options { speculate: 2, ..z }, "speculate is 2"),
        (ocelli_generate_options { speculate: 1, beams: 2, ..z }, "at most 1 with speculate"),
    ] {
        let (status, text, _) = open.answer(&c);
        assert!(status == OCELLI_ERR_BAD_PARAMETER && text.contains(words), "{status} {text}");
    }
    let guessed = open.answer(&ocelli_generate_options { speculate: 1, beams: 1, ..z });
    assert_eq!(guessed, open.answer(&ocelli_generate_options { beams: 1, ..z }));
}

#[test]
fn logits_are_biased_and_texts_begin_with_forced_tokens() {
    let bytes = suggesting();
    let open = Open::new(&bytes);
    let z = zeroes();
    let (_, _, plain) = open.answer(&ocelli_generate_options { beams: 1, ..z });
    let first = plain[0];
    let other = (first + 1) % 100 + 200;
    let forced = [other, first, other];
    for beams in [1, 2] {
        let z = ocelli_generate_options { beams, ..z };
        // What would come first is taken out, and something else is made certain.
        let (tokens, values) = ([first, other], [f32::NEG_INFINITY, 1000.0]);
        let bias = |count| ocelli_generate_options {
            bias_tokens: tokens.as_ptr(),
            bias_values: values.as_ptr(),
            bias_count: count,
            no_repeat_ngram: OCELLI_NONE,
            ..z
        };
        let (status, _, ids) = open.answer(&bias(2));
        assert!(status == OCELLI_OK && ids.iter().all(|&id| id == other), "{ids:?}");
        assert!(!open.answer(&bias(1)).2.contains(&first));
        let options = ocelli_generate_options { forced: forced.as_ptr(), forced_count: 3, ..z };
        let (status, _, ids) = open.answer(&options);
        assert!(status == OCELLI_OK && ids.starts_with(&forced) && ids.len() > 3, "{ids:?}");
        assert_eq!(open.answer(&ocelli_generate_options { max_new_tokens: 2, ..options }).2, forced[..2]);
    }
    let (far, one) = ([u32::MAX], [1.0f32]);
    for (options, words) in [
        (
            ocelli_generate_options { bias_tokens: far.as_ptr(), bias_values: one.as_ptr(), bias_count: 1, ..z },
            "logit-bias",
        ),
        (ocelli_generate_options { bias_count: (1 << 20) + 1, ..z }, "bias_count is 1048577"),
        (ocelli_generate_options { forced: far.as_ptr(), forced_count: 1, ..z }, "forced is 4294967295"),
        (ocelli_generate_options { forced_count: u32::MAX, ..z }, "forced_count"),
    ] {
        let (status, text, _) = open.answer(&options);
        assert!(status == OCELLI_ERR_BAD_PARAMETER && text.contains(words), "{status} {text}");
    }
    let (status, text, _) = open.answer(&ocelli_generate_options { bias_tokens: far.as_ptr(), bias_count: 1, ..z });
    assert!(status == OCELLI_ERR_NULL_PARAMETER && text.contains("bias_values is NULL"), "{status} {text}");
}

/// A continuation that is given as tokens is as likely as the text that has these tokens.
#[test]
fn forced_tokens_are_as_likely_as_the_text_that_has_them() {
    let bytes = suggesting();
    let model = Engine::new(1).unwrap().open_bytes(Arc::new(bytes)).unwrap();
    let prompt = Prompt::new().text(TEXT);
    let mut session = model.session(&SessionOptions::default()).unwrap();
    let score = &session.score(&prompt, &[" a b"], &mut |_| ControlFlow::Continue(())).unwrap()[0];
    let wanted = Wanted { max_new_tokens: score.ids.len(), beams: Some(1), ..Wanted::default() };
    let wanted = Wanted { forced: score.ids.clone(), logprobs: true, temperature: 1.0, ..wanted };
    let options = model.defaults().resolve(&wanted, 1).unwrap();
    let text = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(text.ids, score.ids);
    for (got, wanted) in text.logprobs.iter().zip(&score.logprobs) {
        assert!((got - wanted).abs() < 1e-4, "{:?} {:?}", text.logprobs, score.logprobs);
    }
    assert_eq!(text.logprobs.len(), score.logprobs.len());
}

#[test]
fn texts_are_held_to_schemas_and_grammars() {
    let open = Open::new(TINY);
    let with = |schema: Option<&CStr>, grammar: Option<&CStr>| {
        let pointer = |text: Option<&CStr>| text.map_or(null(), CStr::as_ptr);
        let options = ocelli_generate_options { json_schema: pointer(schema), grammar: pointer(grammar), ..zeroes() };
        open.answer(&ocelli_generate_options { max_new_tokens: 40, ..options })
    };
    // SAFETY: takes nothing.
    let built = ocelli_features() & OCELLI_FEATURE_GRAMMAR != 0;
    assert_eq!(built, ocelli_engine::GRAMMARS);
    if !built {
        assert_eq!(with(Some(c"{}"), None).0, OCELLI_ERR_UNSUPPORTED);
        return;
    }
    let (status, text, _) = with(Some(c"{\"enum\": [\"red\", \"blue\"]}"), None);
    assert_eq!(status, OCELLI_OK, "{text}");
    assert!(["\"red\"", "\"blue\""].contains(&text.trim_end()), "{text}");
    let (status, text, _) = with(None, Some(c"start: /yes|no/"));
    assert_eq!(status, OCELLI_OK, "{text}");
    assert!(["yes", "no"].contains(&text.trim_end()), "{text}");
    let (status, text, _) = with(Some(c"{\"type\": \"strin\"}"), None);
    assert!(status == OCELLI_ERR_CONSTRAINT && text.contains("strin"), "{text}");
    assert_eq!(with(None, Some(c"start: nobody")).0, OCELLI_ERR_CONSTRAINT);
    assert_eq!(with(Some(c"{}"), Some(c"start: \"a\"")).0, OCELLI_ERR_BAD_PARAMETER);
    assert_eq!(with(Some(c"\xff"), None).0, OCELLI_ERR_INVALID_UTF8);
}
