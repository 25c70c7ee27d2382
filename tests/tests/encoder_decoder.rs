//! Models whose encoder reads the prompt: the rooms of prompt and text, what of a prompt is read again, what is kept of a
//! conversation, files as llama.cpp writes them, and files that lie.

#![allow(clippy::unwrap_used)]

use ocelli_convert::Options;
use ocelli_engine::{
    Conversation, Engine, Error, Finish, GenerateOptions, Generation, Item, Model, Prompt, Sampling, Session,
    SessionOptions, Wanted, prompt_ids,
};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use ocelli_tests::text_golden::TextGolden;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A golden's model as a file.
fn file(name: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    TextGolden::load(name).unwrap().write(&dir.path().join("hf")).unwrap();
    let out = dir.path().join("model.gguf");
    ocelli_convert::convert(&dir.path().join("hf"), &out, &Options::new(TensorType::F32), &()).unwrap();
    std::fs::read(out).unwrap()
}

/// A copy with other keys and tensors: `key` and `keeps` say which are left out, `set` what is put in.
fn altered(
    bytes: &[u8],
    key: impl Fn(&str) -> bool,
    keeps: impl Fn(&str) -> bool,
    set: &[(&str, MetaValue)],
) -> Vec<u8> {
    let file = Gguf::parse(Arc::new(bytes.to_vec())).unwrap();
    let mut writer = Writer::new();
    for (name, value) in file.keys().filter(|(name, _)| key(name)) {
        writer.set(name, MetaValue::from(value));
    }
    for (name, value) in set {
        writer.set(*name, value.clone());
    }
    let tensors = || file.tensors().iter().filter(|tensor| keeps(&tensor.name));
    for tensor in tensors() {
        writer.tensor(tensor.name.clone(), &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    tensors().for_each(|tensor| body.write(file.data(tensor)).unwrap());
    body.finish().unwrap()
}

fn open(bytes: Vec<u8>) -> Result<Model, Error> {
    Engine::new(2).unwrap().open_bytes(Arc::new(bytes))
}

fn session(model: &Model, context: usize) -> Session {
    model.session(&SessionOptions { context, beams: 5, batch: 7, ..SessionOptions::default() }).unwrap()
}

fn generate(session: &mut Session, prompt: &Prompt, options: &GenerateOptions) -> Result<Generation, Error> {
    session.generate(prompt, options, &mut |_| ControlFlow::Continue(()))
}

fn new(max_new_tokens: usize) -> GenerateOptions {
    GenerateOptions { max_new_tokens, ..GenerateOptions::default() }
}

/// So many different ids.
fn ids(count: usize) -> Vec<u32> {
    (0..u32::try_from(count).unwrap()).map(|i| 7 + i * 37 % 250).collect()
}

fn score(session: &mut Session, prompt: &Prompt, text: &str) -> Result<Vec<f32>, Error> {
    Ok(session.score(prompt, &[text], &mut |_| ControlFlow::Continue(()))?.remove(0).logprobs)
}

#[test]
fn a_prompt_and_a_text_have_a_room_each() {
    let model = open(file("t5_gated")).unwrap();
    let mut session = session(&model, 40);
    let full = |result: Result<Generation, Error>| match result {
        Err(Error::ContextFull { needed, prompt, new, context }) => (needed, prompt, new, context),
        other => panic!("{other:?}"),
    };
    let fits = Prompt::new().tokens(ids(40));
    assert_eq!(full(generate(&mut session, &Prompt::new().tokens(ids(41)), &new(1))), (41, 41, 0, 40));
    assert!(matches!(session.all_logits(&Prompt::new().tokens(ids(41))), Err(Error::ContextFull { .. })));
    assert!(matches!(score(&mut session, &Prompt::new().tokens(ids(41)), "a"), Err(Error::ContextFull { .. })));
    for beams in [1, 5] {
        // None ends by itself.
        let sampling = Sampling { min_new_tokens: 400, ..Sampling::default() };
        let options = GenerateOptions { beams, sampling, ..new(400) };
        let all = generate(&mut session, &fits, &options).unwrap();
        // One position is the start's, and the last token is never read.
        assert_eq!((all.ids.len(), all.finish, all.timings.prompt), (40, Finish::Context, 40), "{beams} beams");
        let some = generate(&mut session, &fits, &GenerateOptions { max_new_tokens: 30, ..options }).unwrap();
        assert_eq!((some.ids.len(), some.finish), (30, Finish::Length), "{beams} beams");
    }
    assert_eq!(session.logits_behind(&fits, &ids(39)).unwrap().len() / 40, 320);
    assert!(matches!(session.logits_behind(&fits, &ids(40)), Err(Error::ContextFull { needed: 41, .. })));
    assert!(matches!(session.logits_behind(&fits, &[320]), Err(Error::BadOption { .. })));
    let long = "x9".repeat(30);
    assert!(matches!(score(&mut session, &fits, &long), Err(Error::ContextFull { prompt: 1, context: 40, .. })));
    assert_eq!(model.context_for(40, 10), 40);
    assert_eq!(model.context_for(4, 10), 11);
    assert_eq!(model.room_behind(40, 40), 39);
    // A larger context than the model's is cut to it, for both.
    let mut most = model.session(&SessionOptions { context: 100_000, ..SessionOptions::default() }).unwrap();
    assert_eq!(full(generate(&mut most, &Prompt::new().tokens(ids(257)), &new(1))), (257, 257, 0, 256));
    generate(&mut most, &Prompt::new().tokens(ids(256)), &new(2)).unwrap();
}

/// The plan has room for both: a source's keys and values, and the encoder's rows.
#[test]
fn the_plan_grows_with_the_source() {
    let model = open(file("t5_gated")).unwrap();
    let plan = |context| model.plan(&SessionOptions { context, batch: 16, ..SessionOptions::default() }).unwrap();
    let (small, large) = (plan(64), plan(128));
    // Keys and values of 3 layers and 4 heads of 16 numbers, twice: of the text and of the source.
    assert_eq!(large.cache - small.cache, 2 * 64 * 2 * 3 * 4 * 16 * 4);
    assert!(large.scratch > small.scratch + 64 * 64 * 4, "{} {}", large.scratch, small.scratch);
    let needed = large.total();
    let budget =
        |budget| model.session(&SessionOptions { context: 128, batch: 16, budget, ..SessionOptions::default() });
    assert!(budget(needed).is_ok());
    assert!(matches!(budget(needed - 1), Err(Error::OverBudget { .. })));
}

/// Only the very same prompt is not read again, whatever was done between.
#[test]
fn a_source_serves_again_whole_or_not_at_all() {
    let model = open(file("t5_buckets")).unwrap();
    let text = |ids: &[u32]| Prompt::new().tokens(ids.to_vec());
    let [one, two] = [ids(20), ids(21)];
    let mut changed = one.clone();
    changed[19] = 3;
    let fresh = |prompt: &Prompt, beams| {
        generate(&mut session(&model, 64), prompt, &GenerateOptions { beams, ..new(8) }).unwrap().ids
    };
    let mut kept = session(&model, 64);
    kept.keep_prefix(true);
    for (prompt, reused) in [(&one, 0), (&one, 20), (&two, 0), (&one, 0), (&one, 20), (&changed, 0), (&one, 0)] {
        for (beams, reused) in [(1, reused), (5, prompt.len())] {
            let got = generate(&mut kept, &text(prompt), &GenerateOptions { beams, ..new(8) }).unwrap();
            assert_eq!((got.ids, got.timings.reused), (fresh(&text(prompt), beams), reused));
        }
    }
    let logits = kept.logits_behind(&text(&one), &ids(9)).unwrap();
    assert_eq!(session(&model, 64).logits_behind(&text(&one), &ids(9)).unwrap(), logits);
    // Another reader has taken the place.
    kept.tokens().read(&two).unwrap();
    let got = generate(&mut kept, &text(&one), &new(8)).unwrap();
    assert_eq!((got.ids, got.timings.reused), (fresh(&text(&one), 1), 0));
    let handle = kept.cancel_handle();
    let mut stop = |event: ocelli_engine::Event<'_>| {
        if matches!(event, ocelli_engine::Event::Within { done, .. } if done > 0) {
            handle.cancel();
        }
        ControlFlow::Continue(())
    };
    assert!(matches!(kept.generate(&text(&two), &new(8), &mut stop), Err(Error::Cancelled)));
    let got = generate(&mut kept, &text(&two), &new(8)).unwrap();
    assert_eq!((got.ids, got.timings.reused), (fresh(&text(&two), 1), 0));
    // Sessions that keep nothing read every time.
    let mut plain = session(&model, 64);
    for _ in 0..2 {
        assert_eq!(generate(&mut plain, &text(&one), &new(1)).unwrap().timings.reused, 0);
    }
}

/// Texts that are scored side by side share one source and say what each says alone.
#[test]
fn scores_side_by_side_are_those_of_each_alone() {
    let model = open(file("t5_erf")).unwrap();
    let prompt = Prompt::new().text("this is what they are");
    let texts = [" a cat", "", " two dogs and the river", "x"];
    let mut session = session(&model, 64);
    let all = session.score(&prompt, &texts, &mut |_| ControlFlow::Continue(())).unwrap();
    for (text, together) in texts.iter().zip(&all) {
        let alone = score(&mut session, &prompt, text).unwrap();
        assert_eq!(alone.len(), together.logprobs.len());
        let close = alone.iter().zip(&together.logprobs).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close, "{text}: {alone:?} {:?}", together.logprobs);
    }
}

/// The encoder reads the prompt with all that was answered; no answer is there by its keys and values alone.
#[test]
fn a_conversation_is_read_anew_with_its_answers() {
    let bytes = file("t5_gated");
    let model = open(bytes).unwrap();
    let options = SessionOptions { context: 128, ..SessionOptions::default() };
    let mut talk = Conversation::new(&model, &options, false).unwrap();
    let quiet = &mut |_: ocelli_engine::Event<'_>| ControlFlow::Continue(());
    talk.add_text("Question: what is it? Answer:").unwrap();
    let mut prompt = Prompt::new().text("Question: what is it? Answer:");
    for turn in 0..3 {
        let wanted = generate(&mut session(&model, 128), &prompt, &new(5)).unwrap().ids;
        let state = talk.save().unwrap();
        let mut fork = talk.fork().unwrap();
        let mut restored = Conversation::new(&model, &options, false).unwrap();
        restored.restore(&state).unwrap();
        for (who, talk) in [("fork", &mut fork), ("restored", &mut restored), ("first", &mut talk)] {
            assert_eq!(talk.generate(&new(5), quiet).unwrap().ids, wanted, "{who}, turn {turn}");
        }
        let said: Vec<u32> = wanted.into_iter().filter(|&id| !model.defaults().ends(id)).collect();
        prompt = prompt.tokens(said).text(" Question: and this?");
        talk.add_text(" Question: and this?").unwrap();
        let used = talk.used().unwrap();
        assert_eq!((used.positions, used.kept), (model.count(&model.compose(&prompt).unwrap()), 0));
    }
    // The same prompt again is there.
    let before = talk.used().unwrap().positions;
    let scores = talk.score(&[" a cat"], quiet).unwrap();
    assert_eq!(scores[0].logprobs, score(&mut session(&model, 128), &prompt, " a cat").unwrap());
    assert_eq!(talk.used().unwrap().kept, before);
    talk.clear();
    talk.add_text("Question:").unwrap();
    assert_eq!(talk.used().unwrap().kept, 0);
}

#[test]
fn tokens_are_fed_beside_what_was_read() {
    let model = open(file("t5_plain")).unwrap();
    let (source, text) = (ids(30), ids(17));
    let wanted = session(&model, 64).logits_behind(&Prompt::new().tokens(source.clone()), &text).unwrap();
    let mut session = session(&model, 64);
    let mut tokens = session.tokens();
    for refused in [tokens.feed(&text).map(drop), tokens.read(&[]).map(drop), tokens.read(&[320]).map(drop)] {
        assert!(matches!(refused, Err(Error::BadOption { .. })), "{refused:?}");
    }
    assert!(matches!(tokens.read(&ids(65)), Err(Error::ContextFull { needed: 65, .. })));
    for _ in 0..2 {
        let mut fed = tokens.read(&source).unwrap().to_vec();
        assert_eq!(tokens.len(), 1);
        tokens.feed_each(&text, &mut |_, logits| fed.extend_from_slice(logits)).unwrap();
        assert_eq!(fed, wanted);
        tokens.truncate(1);
        assert!(matches!(tokens.feed(&ids(64)), Err(Error::ContextFull { needed: 65, .. })));
    }
    tokens.clear();
    assert!(matches!(tokens.feed(&text), Err(Error::BadOption { .. })));
    drop(tokens);
    let alone = open(file("llama")).unwrap();
    let mut session = alone.session(&SessionOptions::default()).unwrap();
    assert!(matches!(session.tokens().read(&[1]), Err(Error::BadOption { name: "source", .. })));
}

/// What the least length and the repetition penalty count are the decoder's tokens, the start included.
#[test]
fn lengths_and_penalties_see_the_decoder_s_tokens() {
    let bytes = altered(&file("t5_gated"), |_| true, |_| true, &[("ocelli.generation.min_length", MetaValue::U32(5))]);
    let model = open(bytes).unwrap();
    let options = model.defaults().resolve(&Wanted::default(), 200).unwrap();
    assert_eq!(options.sampling.min_new_tokens, 4, "however long the prompt is");
    let prompt = Prompt::new().tokens(ids(12));
    let mut session = session(&model, 64);
    let logits = session.all_logits(&prompt).unwrap();
    assert_eq!(logits.len(), 320, "behind the start");
    let mut ranked: Vec<u32> = (0..320).collect();
    ranked.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
    // With a penalty that nothing survives, the best token stays: it stands in the prompt only.
    let seen = Prompt::new().tokens([ids(11), vec![ranked[0]]].concat());
    let best = session.all_logits(&seen).unwrap();
    let best = (0..320u32).max_by(|&a, &b| best[a as usize].total_cmp(&best[b as usize])).unwrap();
    let seen = Prompt::new().tokens([vec![best], ids(11)].concat());
    let first = generate(&mut session, &seen, &new(1)).unwrap().ids;
    let penalty = Sampling { repetition_penalty: 1e6, ..Sampling::default() };
    let penalised = generate(&mut session, &seen, &GenerateOptions { sampling: penalty, ..new(1) }).unwrap().ids;
    assert_eq!(first, penalised);
}

/// Keys that only this program writes may be missing, and layers may have numbers of their own for distances.
#[test]
fn files_as_llama_cpp_writes_them_say_the_same() {
    let ours = ["t5.activation", "t5.logit_scale", "t5.attention.relative_max_distance", "t5.vocab_size", "ocelli."];
    for name in ["t5_gated", "t5_plain"] {
        let bytes = file(name);
        let theirs = altered(&bytes, |key| !ours.iter().any(|ours| key.starts_with(ours)), |_| true, &[]);
        let prompt = Prompt::new().tokens(ids(150));
        let logits = [bytes, theirs].map(|bytes| {
            let model = open(bytes).unwrap();
            model.session(&SessionOptions::default()).unwrap().logits_behind(&prompt, &ids(40)).unwrap()
        });
        assert!(logits[0] == logits[1], "{name}");
    }
}

/// Layers may have numbers of their own for distances (as UMT5's have, which llama.cpp calls by the same name); those of the
/// first layer are the others' only where they have none.
#[test]
fn layers_may_have_distances_of_their_own() {
    let bytes = file("t5_gated");
    let source = Gguf::parse(Arc::new(bytes.clone())).unwrap();
    let logits = |of: &dyn Fn(&str, usize) -> Vec<u8>| {
        let table = |stack: &str, layer: usize| format!("{stack}.blk.{layer}.attn_rel_b.weight");
        let others = ["enc", "dec"].into_iter().flat_map(|stack| [(stack, 1), (stack, 2)]);
        let shape = source.tensor(&table("enc", 0)).unwrap().shape.clone();
        let mut writer = Writer::new();
        for (name, value) in source.keys() {
            writer.set(name, MetaValue::from(value));
        }
        for tensor in source.tensors() {
            writer.tensor(tensor.name.clone(), &tensor.shape, tensor.ty);
        }
        for (stack, layer) in others.clone() {
            writer.tensor(table(stack, layer), &shape, TensorType::F32);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        source.tensors().iter().for_each(|tensor| body.write(source.data(tensor)).unwrap());
        others.for_each(|(stack, layer)| body.write(&of(&table(stack, 0), layer)).unwrap());
        let model = open(body.finish().unwrap()).unwrap();
        let prompt = Prompt::new().tokens(ids(60));
        model.session(&SessionOptions::default()).unwrap().logits_behind(&prompt, &ids(20)).unwrap()
    };
    let first = |name: &str| source.data(source.tensor(name).unwrap()).to_vec();
    let shared = open(bytes.clone()).unwrap();
    let prompt = Prompt::new().tokens(ids(60));
    let shared = shared.session(&SessionOptions::default()).unwrap().logits_behind(&prompt, &ids(20)).unwrap();
    assert!(logits(&|name, _| first(name)) == shared, "the same numbers everywhere");
    let zeros = |name: &str, layer: usize| if layer == 2 { vec![0; first(name).len()] } else { first(name) };
    assert!(logits(&zeros) != shared, "none in the last layer");
}

/// A model that opened cannot miss a tensor later.
#[test]
fn every_tensor_that_is_missing_is_named() {
    for name in ["t5_gated", "t5_plain"] {
        let bytes = file(name);
        let file = Gguf::parse(Arc::new(bytes.clone())).unwrap();
        let names: Vec<String> = file.tensors().iter().map(|tensor| tensor.name.clone()).collect();
        assert!(names.len() > 50);
        for missing in &names {
            match open(altered(&bytes, |_| true, |tensor| tensor != missing, &[])) {
                Err(Error::MissingTensor { name }) => assert_eq!(name, *missing),
                Ok(_) => assert_eq!(missing, "output.weight", "the embedding stands in for the head alone"),
                Err(error) => panic!("{missing}: {error}"),
            }
        }
    }
}

#[test]
fn absurd_keys_are_refused_by_name() {
    let bytes = file("t5_gated");
    let number = MetaValue::U32;
    for (key, value) in [
        ("t5.decoder_start_token_id", number(320)),
        ("t5.decoder_start_token_id", number(u32::MAX)),
        ("t5.decoder_block_count", number(0)),
        ("t5.decoder_block_count", number(1 << 30)),
        ("t5.block_count", number(0)),
        ("t5.attention.relative_buckets_count", number(0)),
        ("t5.attention.relative_buckets_count", number(3)),
        ("t5.attention.relative_buckets_count", number(u32::MAX)),
        ("t5.attention.relative_max_distance", number(16)),
        ("t5.attention.relative_max_distance", number(u32::MAX)),
        ("t5.attention.head_count_kv", number(2)),
        ("t5.attention.key_length", number(0)),
        ("t5.attention.sliding_window", number(8)),
        ("t5.embedding_projection_length", number(32)),
        ("t5.norm_before", MetaValue::Bool(false)),
        ("t5.logit_scale", MetaValue::F32(-1.0)),
        ("t5.logit_scale", MetaValue::F32(f32::NAN)),
        ("t5.attention.causal", MetaValue::Bool(false)),
        ("ocelli.family", MetaValue::from("frozen")),
        ("ocelli.family", MetaValue::from("flamingo")),
        ("general.architecture", MetaValue::from("t5encoder")),
    ] {
        let changed = altered(&bytes, |name| name != key, |_| true, &[(key, value.clone())]);
        let Err(error) = open(changed) else { panic!("{key} {value:?} is taken") };
        assert_ne!(error.code(), "missing-tensor", "{key} {value:?}: {error}");
        let named = ["t5.attention.relative_buckets_count", key].iter().any(|key| error.to_string().contains(key));
        assert!(named || key == "ocelli.family", "{key} {value:?}: {error}");
    }
    let without = altered(&bytes, |name| name != "t5.decoder_start_token_id", |_| true, &[]);
    assert!(open(without).err().unwrap().to_string().contains("t5.decoder_start_token_id"));
}

/// A source of text, ids and text is what its parts are, one behind the other.
#[test]
fn parts_of_a_source_stand_one_behind_the_other() {
    let bytes = altered(
        &file("t5_gated"),
        |key| !key.ends_with("add_eos_token"),
        |_| true,
        &[("tokenizer.ggml.add_eos_token", MetaValue::Bool(true))],
    );
    let model = open(bytes).unwrap();
    let (begin, end) = (2, 2);
    let items = |prompt: &Prompt| -> Vec<u32> {
        let items: Vec<Item> = model.compose(prompt).unwrap();
        prompt_ids(&items)
    };
    let text = items(&Prompt::new().text("what is it?"));
    assert_eq!((text[0], text[text.len() - 1]), (begin, end));
    let inner = &text[1..text.len() - 1];
    let behind = [&text[..text.len() - 1], &[9, 8], inner, &[end]].concat();
    assert_eq!(items(&Prompt::new().text("what is it?").tokens([9, 8]).text("what is it?")), behind);
    assert_eq!(items(&Prompt::new().text("what is it?").tokens([9])), [&text[..text.len() - 1], &[9, end]].concat());
    assert_eq!(
        items(&Prompt::new().text("what is it?").tokens([9, end])),
        [&text[..text.len() - 1], &[9, end]].concat()
    );
    assert_eq!(items(&Prompt::new().tokens([9, 8])), [9, 8], "ids alone stand as they are");
    assert_eq!(items(&Prompt::new().complete().text("what is it?")), inner);
    assert_eq!(items(&Prompt::new()), [begin, end]);
}
