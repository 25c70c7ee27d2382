//! Texts that are held to something: by a caller's own constraint, by JSON schemas and by grammars, whichever way tokens are
//! chosen and whatever the vocabulary is made of.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{
    Constraint, Conversation, Engine, Error, Finish, GenerateOptions, Generation, Grammar, Model, Prompt, Sampling,
    SessionOptions,
};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{MetaValue, Writer};
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");

fn tiny() -> Model {
    Engine::new(2).unwrap().open_bytes(Arc::new(TINY)).unwrap()
}

fn question() -> Prompt {
    let picture = Picture::new(64, 64, vec![90; 64 * 64 * 3], &ImageLimits::default()).unwrap();
    Prompt::new().image(Arc::new(picture)).text("Question: what color is the shape? Answer:")
}

/// Ways to choose: greedy, three seeds, beams.
fn ways(new: usize, constraint: &dyn Constraint) -> Vec<GenerateOptions> {
    let with = |beams, temperature, seed| GenerateOptions {
        max_new_tokens: new,
        beams,
        sampling: Sampling { temperature, seed, ..Sampling::default() },
        constraint: Some(constraint.fork()),
        ..GenerateOptions::default()
    };
    let mut ways = vec![with(1, 0.0, 0), with(3, 0.0, 0)];
    ways.extend((1..4).map(|seed| with(1, 1.0, seed)));
    ways
}

/// What is generated, after its stream was seen to be the same text.
fn generate(model: &Model, prompt: &Prompt, options: &GenerateOptions) -> Result<Generation, Error> {
    let new_tokens = options.max_new_tokens;
    let layout = SessionOptions { beams: options.beams, new_tokens, ..SessionOptions::default() };
    let mut streamed = String::new();
    let got = model.session(&layout)?.generate(prompt, options, &mut |event| {
        if let ocelli_engine::Event::Piece(piece) = event {
            streamed.push_str(piece);
        }
        ControlFlow::Continue(())
    })?;
    assert_eq!(streamed, got.text);
    Ok(got)
}

// --- A caller's own ---

/// What constraints were told, text by text.
type Log = Arc<Mutex<Vec<Vec<u32>>>>;

/// Allows one text, and says what it was told.
struct Only {
    ids: Vec<u32>,
    told: Vec<u32>,
    log: Log,
}

impl Constraint for Only {
    fn allow(&mut self, logits: &mut [f32]) -> Result<(), Error> {
        let allowed = self.ids.get(self.told.len()).map(|&id| id as usize);
        for (id, logit) in logits.iter_mut().enumerate() {
            if Some(id) != allowed {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<(), Error> {
        if self.ids.get(self.told.len()) != Some(&id) {
            return Err(Error::Refused { id, reason: "another was wanted".to_owned() });
        }
        self.told.push(id);
        self.log.lock().unwrap().push(self.told.clone());
        Ok(())
    }

    fn fork(&self) -> Box<dyn Constraint> {
        Box::new(Self { ids: self.ids.clone(), told: self.told.clone(), log: Arc::clone(&self.log) })
    }
}

fn only(ids: &[u32]) -> (Box<dyn Constraint>, Log) {
    let log = Arc::new(Mutex::new(Vec::new()));
    (Box::new(Only { ids: ids.to_vec(), told: Vec::new(), log: Arc::clone(&log) }), log)
}

#[test]
fn a_callers_constraint_has_the_last_word_and_is_told_of_every_token() {
    let model = tiny();
    let end = model.defaults().eos_ids[0];
    let ids = [20, 30, 20, 40, end];
    let (constraint, log) = only(&ids);
    for options in ways(8, &*constraint) {
        let got = generate(&model, &question(), &options).unwrap();
        assert_eq!((&got.ids[..], got.finish), (&ids[..], Finish::Eos), "{options:?}");
        let told = std::mem::take(&mut *log.lock().unwrap());
        let last = told.iter().max_by_key(|told| told.len()).unwrap();
        // A search ends when it sees the last token chosen, with no text to go on with.
        assert_eq!(last[..], if options.beams > 1 { &ids[..4] } else { &ids[..] }[..], "{options:?}");
    }
    // Penalties and suppressed n-grams come before it.
    let mut options = ways(8, &*constraint).remove(0);
    options.sampling.no_repeat_ngram = 1;
    let error = generate(&model, &question(), &options).unwrap_err();
    assert!(matches!(error, Error::NothingAllowed { .. }), "20 may not come again: {error}");
    options.beams = 3;
    let error = generate(&model, &question(), &options).unwrap_err();
    assert!(matches!(error, Error::NothingAllowed { .. }), "{error}");
}

#[test]
fn a_conversation_goes_on_behind_a_held_text() {
    let model = tiny();
    let end = model.defaults().eos_ids[0];
    let (constraint, _) = only(&[20, 30, end]);
    let options = ways(8, &*constraint).remove(0);
    let mut conversation = Conversation::new(&model, &SessionOptions::default(), false).unwrap();
    conversation.add_text("Question:").unwrap();
    conversation.start(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut ids = Vec::new();
    while let Some(next) = conversation.step().unwrap() {
        ids.push(next.id);
    }
    assert_eq!(ids, [20, 30, end]);
    conversation.add_text(" And?").unwrap();
    // The same options again: the constraint in them stands at the beginning still.
    assert_eq!(conversation.generate(&options, &mut |_| ControlFlow::Continue(())).unwrap().ids, [20, 30, end]);
}

#[test]
fn what_a_constraint_leaves_or_refuses_wrongly_is_an_error_and_the_session_goes_on() {
    struct Never;
    impl Constraint for Never {
        fn allow(&mut self, _: &mut [f32]) -> Result<(), Error> {
            Ok(())
        }
        fn accept(&mut self, id: u32) -> Result<(), Error> {
            Err(Error::Refused { id, reason: "never".to_owned() })
        }
        fn fork(&self) -> Box<dyn Constraint> {
            Box::new(Self)
        }
    }
    let model = tiny();
    let mut session = model.session(&SessionOptions { beams: 3, ..SessionOptions::default() }).unwrap();
    let (nothing, _) = only(&[]);
    for beams in [1, 3] {
        for (constraint, wanted) in [(nothing.fork(), "nothing-allowed"), (Box::new(Never), "refused")] {
            let options =
                GenerateOptions { max_new_tokens: 4, beams, constraint: Some(constraint), ..Default::default() };
            let error = session.generate(&question(), &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
            assert_eq!(error.code(), wanted, "{beams} beams: {error}");
        }
    }
    session.generate(&question(), &GenerateOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
}

// --- Schemas and grammars ---

/// A schema, and whether a value is as it says.
type Case = (&'static str, fn(&Value) -> bool);

const SCHEMAS: &[Case] = &[
    (r#"{"enum": ["red", "grün", "日本", 7, null, true]}"#, |v| {
        ["red", "grün", "日本"].iter().any(|text| v == text) || *v == 7 || v.is_null() || *v == true
    }),
    (
        r##"{"type": "object", "required": ["name", "at"], "additionalProperties": false, "properties": {
            "name": {"type": "string", "maxLength": 5},
            "at": {"type": "object", "required": ["x", "y"], "additionalProperties": false, "properties": {
                "x": {"type": "integer", "minimum": -9, "maximum": 99}, "y": {"$ref": "#/$defs/y"}}}},
            "$defs": {"y": {"type": "boolean"}}}"##,
        |v| {
            let keys = |v: &Value| v.as_object().map(serde_json::Map::len);
            keys(v) == Some(2)
                && v["name"].as_str().is_some_and(|name| name.chars().count() <= 5)
                && keys(&v["at"]) == Some(2)
                // -0 is an integer of JSON, and a real number to Rust.
                && v["at"]["x"].as_f64().is_some_and(|x| x.fract() == 0.0 && (-9.0..=99.0).contains(&x))
                && v["at"]["y"].is_boolean()
        },
    ),
    (r#"{"type": "array", "minItems": 2, "maxItems": 3, "items": {"enum": ["a", "b"]}}"#, |v| {
        v.as_array().is_some_and(|all| (2..=3).contains(&all.len()) && all.iter().all(|v| v == "a" || v == "b"))
    }),
    (r#"{"type": "number", "minimum": 0.5, "maximum": 2}"#, |v| v.as_f64().is_some_and(|x| (0.5..=2.0).contains(&x))),
    (r#"{"type": "string", "minLength": 2, "maxLength": 4}"#, |v| {
        v.as_str().is_some_and(|text| (2..=4).contains(&text.chars().count()))
    }),
    (r#"{"const": "naïve “日本” 😀"}"#, |v| v == "naïve “日本” 😀"),
    (r#"{"type": "string", "pattern": "^[a-f]{2}-[0-9]{1,3}$"}"#, |v| {
        let Some((a, b)) = v.as_str().and_then(|text| text.split_once('-')) else { return false };
        a.len() == 2 && a.bytes().all(|b| (b'a'..=b'f').contains(&b)) && (1..=3).contains(&b.len())
    }),
];

/// Kinds of vocabularies, each with what all bytes need and a few longer tokens.
const KINDS: [&str; 3] = ["gpt2", "llama", "bert"];

/// The character of a byte in GPT-2's alphabet.
fn alphabet(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let others = (0..byte).filter(|&b| !printable(b)).count();
    if printable(byte) { char::from(byte) } else { char::from_u32(256 + others as u32).unwrap() }
}

/// A language model of one layer with weights as they come, around a vocabulary of a kind.
fn babbling(kind: &str) -> Model {
    const WIDTH: usize = 32;
    const LONGER: [&str; 8] = ["{\"", "\":", "\",", "true", "null", "red", "name", "]}"];
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    let mut types = vec![2i32, 3, 3];
    let mut add = |text: String, ty| {
        if !tokens.contains(&text) {
            tokens.push(text);
            types.push(ty);
        }
    };
    match kind {
        "gpt2" => (0..=255).for_each(|byte| add(alphabet(byte).to_string(), 1)),
        "llama" => {
            (0..=255).for_each(|byte| add(format!("<0x{byte:02X}>"), 6));
            (0x21..0x7f).for_each(|byte| add(char::from(byte).to_string(), 1));
            ["▁", "▁{", "▁a", "▁\"", "ü", "本"].iter().for_each(|&text| add(text.to_owned(), 1));
        }
        _ => {
            // Without the blank a token goes on with a word.
            for text in (0x21..0x7f).map(|byte| char::from(byte).to_string()).chain(["ü", "本"].map(str::to_owned)) {
                add(text.clone(), 1);
                add(format!("▁{text}"), 1);
            }
            "日naïve“”😀gr".chars().for_each(|c| add(c.to_string(), 1));
            "日“".chars().for_each(|c| add(format!("▁{c}"), 1));
            add("▁😀".to_owned(), 1);
        }
    }
    LONGER.iter().for_each(|&text| add(text.to_owned(), 1));
    let rows = tokens.len();
    let mut writer = Writer::new();
    writer.set("general.architecture", MetaValue::from("llama"));
    let numbers = [("context_length", 1024u32), ("embedding_length", 32), ("block_count", 1)];
    for (key, value) in numbers.into_iter().chain([("feed_forward_length", 32), ("attention.head_count", 2)]) {
        writer.set(format!("llama.{key}"), MetaValue::from(value));
    }
    writer.set("llama.attention.layer_norm_rms_epsilon", MetaValue::from(1e-5f32));
    writer.set("tokenizer.ggml.model", MetaValue::from(kind));
    match kind {
        "gpt2" => {
            writer.set("tokenizer.ggml.pre", MetaValue::from("gpt-2"));
            writer.set("tokenizer.ggml.merges", MetaValue::from(Vec::<String>::new()));
        }
        "llama" => _ = writer.set("tokenizer.ggml.scores", MetaValue::F32s(vec![0.0; rows])),
        _ => {}
    }
    writer.set("tokenizer.ggml.token_type", MetaValue::from(types));
    for (key, id) in [("unknown", 0u32), ("bos", 1), ("eos", 2)] {
        writer.set(format!("tokenizer.ggml.{key}_token_id"), MetaValue::from(id));
    }
    writer.set("tokenizer.ggml.tokens", MetaValue::from(tokens));
    let (wide, rows) = (WIDTH as u64, rows as u64);
    let square = [wide, wide];
    let mut tensors =
        vec![("token_embd.weight".to_owned(), vec![wide, rows]), ("output.weight".to_owned(), vec![wide, rows])];
    for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
        tensors.push((format!("blk.0.{name}.weight"), square.to_vec()));
    }
    for name in ["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"] {
        tensors.push((format!("{name}.weight"), vec![wide]));
    }
    for (name, shape) in &tensors {
        writer.tensor(name.clone(), shape, TensorType::F32);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    let mut state = 1u64;
    for (_, shape) in &tensors {
        let count = shape.iter().product::<u64>();
        let numbers = (0..count).flat_map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            ((state >> 40) as f32 / (1 << 23) as f32 - 1.0).to_le_bytes()
        });
        body.write(&numbers.collect::<Vec<_>>()).unwrap();
    }
    Engine::new(1).unwrap().open_bytes(Arc::new(body.finish().unwrap())).unwrap()
}

/// Bytes, pieces and words; greedy, drawn and searched for.
#[test]
fn texts_are_json_as_the_schema_says() {
    for kind in KINDS {
        let model = babbling(kind);
        for &(schema, fits) in SCHEMAS {
            // In a WordPiece vocabulary a blank stands before words and nowhere else.
            if kind == "bert" && schema.contains("const") {
                continue;
            }
            let constraint = model.constraint(Grammar::JsonSchema(schema)).unwrap();
            for options in ways(700, &*constraint) {
                let got = generate(&model, &Prompt::new().text("a"), &options).unwrap();
                let what = format!("{kind}, {schema}, {} beams: {:?}", options.beams, got.text);
                if got.finish == Finish::Length && schema.contains(r#""number""#) {
                    // Nothing ends the digits behind a point: what is there of them is in the range already.
                    let digits = got.text.trim_end_matches(|c: char| !c.is_ascii_digit());
                    assert!(fits(&serde_json::from_str(digits).unwrap()), "{what}");
                    continue;
                }
                assert_eq!(got.finish, Finish::Eos, "{what}");
                let value: Value = serde_json::from_str(&got.text).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert!(fits(&value), "{what}");
            }
        }
    }
}

/// The model in the binary, whose text is byte-level and whose end is a token with a text.
#[test]
fn a_model_with_eyes_answers_in_json() {
    let model = tiny();
    let schema = r#"{"type": "object", "properties": {"colour": {"enum": ["red", "green", "blue"]}}, "required": ["colour"],
        "additionalProperties": false}"#;
    let constraint = model.constraint(Grammar::JsonSchema(schema)).unwrap();
    for options in ways(100, &*constraint) {
        let got = generate(&model, &question(), &options).unwrap();
        let value: Value = serde_json::from_str(&got.text).unwrap_or_else(|e| panic!("{got:?}: {e}"));
        assert!(["red", "green", "blue"].contains(&value["colour"].as_str().unwrap()), "{value}");
    }
}

#[test]
fn grammars_hold_texts_too() {
    for kind in ["gpt2", "llama"] {
        let model = babbling(kind);
        for (grammar, texts) in [
            ("start: /yes|no/", &["yes", "no"][..]),
            (
                "start: greeting \" \" name\ngreeting: \"hi\" | \"ho\"\nname: \"Ada\" | \"Émile\"",
                &["hi Ada", "hi Émile", "ho Ada", "ho Émile"],
            ),
            // Blanks at both ends are part of what the grammar wants.
            ("start: \"  a . \"", &["  a . "]),
        ] {
            let constraint = model.constraint(Grammar::Lark(grammar)).unwrap();
            for options in ways(40, &*constraint) {
                let got = generate(&model, &Prompt::new().text("a"), &options).unwrap();
                assert!(texts.contains(&&*got.text), "{kind} {grammar}: {:?}", got.text);
            }
        }
    }
    // A special token is no text, and a grammar may ask for one.
    let model = babbling("gpt2");
    let constraint = model.constraint(Grammar::Lark("start: \"a\" <s> \"b\"")).unwrap();
    let mut options = ways(9, &*constraint).remove(0);
    assert_eq!(generate(&model, &Prompt::new().text("a"), &options).unwrap().ids[1], 1);
    options.keep_special = true;
    assert_eq!(generate(&model, &Prompt::new().text("a"), &options).unwrap().text, "ab", "it begins texts");
}

#[test]
fn what_cannot_be_read_is_told() {
    let model = babbling("gpt2");
    for (grammar, words) in [
        (Grammar::JsonSchema("{"), "no JSON"),
        (Grammar::JsonSchema("[1]"), "neither an object nor true"),
        (Grammar::JsonSchema("false"), "allows nothing"),
        (Grammar::JsonSchema(r#"{"type": "strin"}"#), "strin"),
        (Grammar::JsonSchema(r#"{"type": "array", "uniqueItems": true}"#), "uniqueItems"),
        (Grammar::JsonSchema(r##"{"$ref": "#/$defs/none"}"##), "none"),
        (Grammar::JsonSchema(r#"{"type": "string", "pattern": "("}"#), ""),
        (Grammar::JsonSchema(r#"{"type": "integer", "minimum": 3, "maximum": 2}"#), ""),
        (Grammar::Lark(""), ""),
        (Grammar::Lark("start: nobody"), "nobody"),
        (Grammar::Lark("start: \"open"), ""),
        (Grammar::Lark("start: <no_such_token>"), "no_such_token"),
    ] {
        let Err(error) = model.constraint(grammar) else { panic!("{grammar:?} was read") };
        let text = error.to_string();
        assert!(matches!(error, Error::Constraint { .. }) && text.contains(words), "{grammar:?}: {text}");
        assert!(text.len() < 600 && !text.contains("backtrace") && !text.contains("panic"), "{text}");
    }
}

/// Each is an error or a constraint, in bounded time and memory, and none takes the process with it.
#[test]
fn hostile_grammars_are_bounded() {
    let model = babbling("gpt2");
    let json = |open: &str, inner: &str, close: &str, n: usize| open.repeat(n) + inner + &close.repeat(n);
    let chain = |n: usize, link: &dyn Fn(usize) -> String| (0..n).map(link).collect::<String>();
    let schemas = [
        json(r#"{"items":"#, "{}", "}", 20_000),
        format!(r#"{{"type":"string","minLength":{0},"maxLength":{0}}}"#, u32::MAX),
        r#"{"type":"array","minItems":1000000000,"items":{"type":"integer"}}"#.to_owned(),
        r#"{"type":"string","pattern":"^((a{1000}){1000}){1000}$"}"#.to_owned(),
        format!(r#"{{"enum":[{}0]}}"#, chain(20_000, &|i| format!("\"v{i}\","))),
        format!(
            r##"{{"$ref":"#/$defs/a0","$defs":{{{}"a5000":{{}}}}}}"##,
            chain(5000, &|i| format!(r##""a{i}":{{"allOf":[{{"$ref":"#/$defs/a{}"}}]}},"##, i + 1))
        ),
        r##"{"$ref":"#"}"##.to_owned(),
        r##"{"allOf":[{"$ref":"#"}]}"##.to_owned(),
        format!("{{\"const\":\"{}\"}}", "x".repeat(1 << 20)),
    ];
    let grammars = [
        json("start: (", "\"a\"", ")", 20_000),
        format!("start: {}", json("(", "\"a\"", ")", 20_000)),
        format!("start: /{}/", json("(", "a", ")", 20_000)),
        format!("start: A0\n{}A5000: \"a\"", chain(5000, &|i| format!("A{i}: A{} \"x\"\n", i + 1))),
        format!("start: a0\n{}a5000: \"a\"", chain(5000, &|i| format!("a{i}: a{} | a{} \"x\"\n", i + 1, i + 1))),
        "start: s\ns: s s | \"a\" |".to_owned(),
        "start: A{1000000}\nA: \"a\"".to_owned(),
        "start: /(.*a.{1000}){1000}/".to_owned(),
        "start: start".to_owned(),
    ];
    let all =
        schemas.iter().map(|text| Grammar::JsonSchema(text)).chain(grammars.iter().map(|text| Grammar::Lark(text)));
    for grammar in all {
        let begun = std::time::Instant::now();
        let result = model.constraint(grammar).and_then(|constraint| {
            let options = ways(8, &*constraint).remove(0);
            generate(&model, &Prompt::new().text("a"), &options).map(|_| ())
        });
        let name: String = format!("{grammar:?}").chars().take(60).collect();
        if let Err(error) = result {
            let known = matches!(error, Error::Constraint { .. } | Error::NothingAllowed { .. });
            assert!(known && error.to_string().len() < 600, "{name}: {error}");
        }
        assert!(begun.elapsed().as_secs() < 60, "{name}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_model_that_never_ends_has_no_grammar() {
    let mut writer = Writer::new();
    let file = ocelli_quant::gguf::Gguf::parse(Arc::new(TINY)).unwrap();
    for (key, value) in file.keys().filter(|(key, _)| *key != "ocelli.generation.eos_ids") {
        writer.set(key, value);
    }
    writer.set("ocelli.generation.eos_ids", MetaValue::U32s(Vec::new()));
    for tensor in file.tensors() {
        writer.tensor(tensor.name.clone(), &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for tensor in file.tensors() {
        body.write(file.data(tensor)).unwrap();
    }
    let model = Engine::new(1).unwrap().open_bytes(Arc::new(body.finish().unwrap())).unwrap();
    let error = model.constraint(Grammar::Lark("start: \"a\"")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("no token that ends a text"), "{error}");
}
