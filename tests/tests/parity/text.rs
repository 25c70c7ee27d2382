//! Language models by themselves: logits, greedy and beam text and scores of random LLaMA, Gemma 3, MPT, GPT-NeoX, OPT and
//! T5 checkpoints.

use crate::{check_generations, check_logits, check_scores, quiet};
use ocelli_convert::Options;
use ocelli_engine::{
    Conversation, Engine, Error, GenerateOptions, Load, Model, Prompt, Session, SessionOptions, prompt_ids,
};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use ocelli_tests::text_golden::{TEXT, TextGolden};
use std::path::Path;
use std::sync::Arc;

fn open(golden: &TextGolden, dir: &Path, threads: usize) -> Model {
    golden.write(&dir.join("hf")).unwrap();
    let file = dir.join("model.gguf");
    ocelli_convert::convert(&dir.join("hf"), &file, &Options::new(TensorType::F32), &())
        .unwrap_or_else(|e| panic!("{}: {e}", golden.name));
    opened(golden, &file, threads)
}

fn opened(golden: &TextGolden, file: &Path, threads: usize) -> Model {
    Engine::new(threads).unwrap().open(file, Load::Map).unwrap_or_else(|e| panic!("{}: {e}", golden.name))
}

/// A batch of 7 cuts every prompt into several, at places that fall inside Gemma's windows.
fn agrees(golden: &TextGolden, batch: usize) {
    let dir = tempfile::tempdir().unwrap();
    as_golden(golden, &open(golden, dir.path(), 2), batch);
}

fn as_golden(golden: &TextGolden, model: &Model, batch: usize) {
    let mut session = model.session(&SessionOptions { beams: 5, batch, ..SessionOptions::default() }).unwrap();
    for (i, case) in golden.cases.iter().enumerate() {
        let what = format!("{} case {i}, batch {batch}", golden.name);
        let prompt = Prompt::new().text(case.prompt.as_str());
        assert_eq!(prompt_ids(&model.compose(&prompt).unwrap()), case.ids, "{what}");
        let all = match &case.targets {
            None => session.all_logits(&prompt),
            Some(targets) => session.logits_behind(&prompt, targets),
        };
        check_logits(&all.unwrap(), &case.logits, &what);
        check_generations(&mut session, &prompt, &case.generate, &what);
        check_scores(&mut session, &prompt, &case.score, &what);
    }
}

#[test]
fn models_agree_whole_and_in_pieces() {
    for name in TEXT {
        let golden = TextGolden::load(name).unwrap();
        for batch in [7, 256] {
            agrees(&golden, batch);
        }
    }
}

/// Goldens that are not kept, made by `text.py --random FIRST COUNT DIR`, and files of llama.cpp's layout beside goldens that
/// are, made by `llama_cpp.py DIR NAME...`.
#[test]
#[ignore = "OCELLI_GOLDENS names a folder of goldens that are not kept"]
fn configurations_in_a_folder_agree() {
    let folder = std::env::var_os("OCELLI_GOLDENS").expect("OCELLI_GOLDENS names the folder");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.starts_with("text_") || !name.ends_with(".json") {
            continue;
        }
        let golden = TextGolden::read(&path).unwrap();
        let file = path.with_extension("gguf");
        for batch in [5, 256] {
            if file.exists() {
                as_golden(&golden, &opened(&golden, &file, 2), batch);
            } else {
                agrees(&golden, batch);
            }
        }
        count += 1;
    }
    eprintln!("{count} configurations agree");
}

/// A text scored from the begin token on, across many batches, gives what its rows of logits say.
#[test]
fn a_long_text_is_scored_from_nothing() {
    for name in ["llama", "gemma"] {
        let golden = TextGolden::load(name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        let mut session = model.session(&SessionOptions { batch: 32, ..SessionOptions::default() }).unwrap();
        let text: String = (0..200).map(|i| ["e", " cat", "x", " the", "9"][i * i % 5]).collect();
        let scores = session.score(&Prompt::new(), &[&text], &mut quiet).unwrap();
        assert!(scores[0].ids.len() > 150, "{name}: {} tokens", scores[0].ids.len());
        assert_eq!(scores[0].ids.len(), scores[0].logprobs.len());
        let rows = session.all_logits(&Prompt::new().text(text.as_str())).unwrap();
        for (i, (&id, &logprob)) in scores[0].ids.iter().zip(&scores[0].logprobs).enumerate() {
            let row = &rows[i * 320..(i + 1) * 320];
            let sum: f64 = row.iter().map(|&l| f64::from(l).exp()).sum();
            let want = f64::from(row[id as usize]) - sum.ln();
            assert!((f64::from(logprob) - want).abs() < 1e-4, "{name}: token {i}: {logprob} for {want}");
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for name in ["llama_linear", "gemma"] {
        let golden = TextGolden::load(name).unwrap();
        let prompt = Prompt::new().text(golden.cases[1].prompt.as_str());
        let logits = [1, 3].map(|threads| {
            let dir = tempfile::tempdir().unwrap();
            let model = open(&golden, dir.path(), threads);
            let all = model.session(&SessionOptions::default()).unwrap().all_logits(&prompt).unwrap();
            all.iter().map(|l| l.to_bits()).collect::<Vec<_>>()
        });
        assert_eq!(logits[0], logits[1], "{name}");
    }
}

/// Ids that a caller feeds, whole or one by one, give the logits of a prompt; ids that cannot be fed change nothing.
#[test]
fn fed_ids_give_the_logits_of_a_prompt() {
    let golden = TextGolden::load(TEXT[0]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 2);
    let mut session = model.session(&SessionOptions { batch: 3, ..SessionOptions::default() }).unwrap();
    let case = &golden.cases[0];
    let all = session.all_logits(&Prompt::new().text(case.prompt.as_str())).unwrap();
    let vocabulary = all.len() / case.ids.len();
    {
        let mut tokens = session.tokens();
        let mut fed = Vec::new();
        let mut each = |i: usize, logits: &[f32]| {
            assert_eq!(i * vocabulary, fed.len());
            fed.extend_from_slice(logits);
        };
        tokens.feed_each(&case.ids, &mut each).unwrap();
        assert_eq!(fed, all);
        tokens.clear();
        fed.clear();
        for &id in &case.ids {
            let wrong = [vec![], vec![u32::try_from(vocabulary).unwrap()], vec![0; model.context() + 1]];
            for ids in wrong {
                let error = tokens.feed(&ids).unwrap_err();
                assert!(matches!(error, Error::BadOption { .. } | Error::ContextFull { .. }), "{error}");
            }
            fed.extend_from_slice(tokens.feed(&[id]).unwrap());
        }
        assert_eq!(tokens.len(), case.ids.len());
        check_logits(&fed, &case.logits, "one by one");
    }
    assert_eq!(session.all_logits(&Prompt::new().text(case.prompt.as_str())).unwrap(), all);
}

/// What a convolution reads of a position is the position's: cut anywhere, gone on with otherwise, kept ahead of another prompt,
/// forked and saved, a sequence has what it would have had from the beginning.
#[test]
fn convolutions_read_what_is_kept() {
    for name in ["lfm2", "lfm2_own"] {
        let golden = TextGolden::load(name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        let options = SessionOptions { batch: 5, ..SessionOptions::default() };
        let (mut session, mut fresh) = (model.session(&options).unwrap(), model.session(&options).unwrap());
        let ids = &golden.cases[1].ids[..40];
        let others = &golden.cases[2].ids[1..4];
        let mut tokens = session.tokens();
        tokens.feed(ids).unwrap();
        // Within pages and at their edges; what is read behind the cut is not what stood there.
        for len in [39, 33, 32, 31, 17, 16, 2, 1] {
            tokens.truncate(len);
            let got = tokens.feed(others).unwrap().to_vec();
            let mut from_nothing = fresh.tokens();
            from_nothing.clear();
            let wanted = from_nothing.feed(&[&ids[..len], others].concat()).unwrap();
            let off = got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-4, "{name}: cut at {len}: {off}");
            tokens.truncate(len);
        }
        let generate = GenerateOptions { max_new_tokens: 6, ..GenerateOptions::default() };
        let quiet = &mut |_: ocelli_engine::Event<'_>| std::ops::ControlFlow::Continue(());
        let mut talk = Conversation::new(&model, &options, false).unwrap();
        talk.add_text(&golden.cases[1].prompt).unwrap();
        talk.generate(&generate, quiet).unwrap();
        let state = talk.save().unwrap();
        let mut restored = Conversation::new(&model, &options, false).unwrap();
        restored.restore(&state).unwrap();
        let mut fork = talk.fork().unwrap();
        let said = [&mut talk, &mut restored, &mut fork].map(|talk| {
            talk.add_text(" the cat").unwrap();
            let ids = talk.generate(&generate, quiet).unwrap().ids.clone();
            assert!(talk.answer().unwrap().timings.reused > 40, "{name}: what was read is kept");
            ids
        });
        assert!(said[0] == said[1] && said[0] == said[2], "{name}: {said:?}");
    }
}

/// A file with one projection for queries, keys and values, as llama.cpp's conversion leaves it, runs to the same bits.
#[test]
fn fused_projections_run_as_they_are() {
    for name in ["mpt_heads", "neox"] {
        let golden = TextGolden::load(name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let split = open(&golden, dir.path(), 2);
        let file = Gguf::parse(Arc::new(std::fs::read(dir.path().join("model.gguf")).unwrap())).unwrap();
        let mut tensors: Vec<(String, Vec<u64>, TensorType, Vec<u8>)> = Vec::new();
        for tensor in file.tensors() {
            let data = file.data(tensor).to_vec();
            let fused = [".attn_q.", ".attn_k.", ".attn_v."].iter().find(|part| tensor.name.contains(**part));
            let name = fused.map_or(tensor.name.clone(), |part| tensor.name.replace(part, ".attn_qkv."));
            match tensors.iter_mut().find(|(other, ..)| *other == name) {
                Some((_, shape, _, rows)) => {
                    *shape.last_mut().unwrap() += tensor.shape.last().unwrap();
                    rows.extend(data);
                }
                None => tensors.push((name, tensor.shape.clone(), tensor.ty, data)),
            }
        }
        let mut writer = Writer::new();
        for (key, value) in file.keys() {
            writer.set(key, MetaValue::from(value));
        }
        for (name, shape, ty, _) in &tensors {
            writer.tensor(name.clone(), shape, *ty);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        tensors.iter().for_each(|(.., data)| body.write(data).unwrap());
        let path = dir.path().join("fused.gguf");
        std::fs::write(&path, body.finish().unwrap()).unwrap();
        let fused = Engine::new(2).unwrap().open(&path, Load::Map).unwrap();
        let logits = [&split, &fused].map(|model| {
            let prompt = Prompt::new().text(golden.cases[1].prompt.as_str());
            model.session(&SessionOptions::default()).unwrap().all_logits(&prompt).unwrap()
        });
        assert_eq!(logits[0], logits[1], "{name}");
    }
}

/// Phi 3 turns what it has read otherwise once that is longer than its original context, however it came to be.
#[test]
fn sequences_that_grow_long_are_what_they_are_when_read_at_once() {
    for name in ["phi3_long", "phi3_partial"] {
        let golden = TextGolden::load(name).unwrap();
        let short = usize::try_from(golden.config["original_max_position_embeddings"].as_u64().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        let mut session = model.session(&SessionOptions { batch: 16, ..SessionOptions::default() }).unwrap();
        let ids = &golden.cases[1].ids;
        assert!(ids.len() > short + 8, "{name}: {} tokens", ids.len());
        let mut tokens = session.tokens();
        let agree = |got: &[f32], want: &[f32], what: &str| {
            let most = want.iter().fold(0f32, |most, x| most.max(x.abs()));
            let off = got.iter().zip(want).fold(0f32, |off, (a, b)| off.max((a - b).abs()));
            assert!(off < 1e-4 * most, "{name}: {what}: {off} of {most}");
        };
        let mut all = Vec::new();
        for end in [short - 1, short, short + 1, short + 8] {
            tokens.clear();
            let whole = tokens.feed(&ids[..end]).unwrap().to_vec();
            for first in [1, short - 5] {
                tokens.clear();
                tokens.feed(&ids[..first]).unwrap();
                let mut last = Vec::new();
                for id in &ids[first..end] {
                    last = tokens.feed(&[*id]).unwrap().to_vec();
                }
                agree(&last, &whole, &format!("{end} from {first} on"));
            }
            all.push(whole);
        }
        tokens.truncate(short - 4);
        let back = tokens.feed(&ids[short - 4..short]).unwrap().to_vec();
        agree(&back, &all[1], "short again");
        drop(tokens);
        let prompt = Prompt::new().text(golden.cases[0].prompt.as_str());
        let one = |session: &mut Session, text: &str| session.score(&prompt, &[text], &mut quiet).unwrap().remove(0);
        let texts = [" cat", &" the old house by the river".repeat(4), " two", &" and a dog".repeat(9)];
        let together = session.score(&prompt, &texts, &mut quiet).unwrap();
        for (text, score) in texts.iter().zip(together) {
            agree(&score.logprobs, &one(&mut session, text).logprobs, text);
        }
    }
}

/// A session that was planned for a search has room where all of it is read again beside its prompt.
#[test]
fn beams_that_grow_long_have_room() {
    let golden = TextGolden::load("phi3_long").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 2);
    let prompt = Prompt::new().text(golden.cases[0].prompt.as_str());
    let read = prompt_ids(&model.compose(&prompt).unwrap()).len();
    for (beams, new_tokens) in [(1, 48 - read + 2), (2, 48 - read + 2), (3, 48 - read + 9), (5, 48 - read + 20)] {
        let context = read + new_tokens - 1;
        let options = SessionOptions { context, beams, new_tokens, batch: 8, ..SessionOptions::default() };
        for keep in [false, true] {
            let mut session = model.session(&options).unwrap();
            session.keep_prefix(keep);
            let options = GenerateOptions { beams, max_new_tokens: new_tokens, ..GenerateOptions::default() };
            let one = session.generate(&prompt, &options, &mut quiet).unwrap();
            let two = session.generate(&prompt, &options, &mut quiet).unwrap();
            assert_eq!(one.ids, two.ids, "{beams} beams, {new_tokens} tokens, kept {keep}");
        }
    }
}
