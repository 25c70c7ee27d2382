//! Gemma 3 beside its parity: pictures whose rows see one another pass through the model whole, however a prompt is cut and
//! whatever is kept of it; its pairs of llama.cpp's answer as the one file does; what cannot be is refused by name.

#![allow(clippy::unwrap_used)]

use ocelli_convert::{Options, convert};
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Conversation, Engine, Error, GenerateOptions, Load, Model, Prompt, SessionOptions, join_pair};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, Named, TensorInfo};
use ocelli_tests::pairs::{self, Style, mmproj, text};
use ocelli_tests::spliced_golden::SplicedGolden;
use std::ops::ControlFlow;
use std::sync::Arc;

fn parsed(bytes: Vec<u8>) -> Gguf {
    pairs::parsed(bytes).unwrap()
}

fn whole(name: &str, ty: TensorType) -> Gguf {
    pairs::converted("gemma3", name, ty, tempfile::tempdir().unwrap().path()).unwrap()
}

fn open(file: Gguf) -> Result<Model, Error> {
    Engine::new(2).unwrap().open_file(file)
}

fn picture(seed: u32) -> Arc<Picture> {
    let rgb = (0..40 * 30 * 3).map(|i| ((i * 37 + seed * 71) % 251) as u8).collect();
    Arc::new(Picture::new(40, 30, rgb, &ImageLimits::default()).unwrap())
}

fn options(beams: usize) -> GenerateOptions {
    GenerateOptions { max_new_tokens: 6, beams, ..GenerateOptions::default() }
}

fn prompt(pieces: &[Result<&str, u32>]) -> Prompt {
    pieces.iter().fold(Prompt::new(), |prompt, piece| match piece {
        Ok(text) => prompt.text(*text),
        Err(seed) => prompt.image(picture(*seed)),
    })
}

/// A picture of 16 rows does not fit behind the 9 tokens before it in a batch of 20, nor in one of 5; results of whole batches
/// are the same to the last bit whatever was kept, and what is kept never ends within a picture.
#[test]
fn a_picture_is_read_whole_whatever_is_kept() {
    let model = open(whole("five", TensorType::F32)).unwrap();
    let shown = [Ok("What is this? "), Err(1), Ok("and the old house of two"), Err(2), Err(3), Ok("it is")];
    for batch in [5, 20, 40] {
        let wanted = SessionOptions { batch, beams: 5, ..SessionOptions::default() };
        let mut plain = model.session(&wanted).unwrap();
        let mut keeping = model.session(&wanted).unwrap();
        keeping.keep_whole_batches();
        let mut reused = Vec::new();
        // The last picture is another, then a text behind it, then the same again, then one text less.
        for (last, end) in [(3, "it is"), (4, "it is"), (4, "it is a cat"), (4, "it is a cat"), (4, "it")] {
            let mut pieces = shown;
            (pieces[4], pieces[5]) = (Err(last), Ok(end));
            for beams in [1, 5] {
                let (a, b) = (prompt(&pieces), options(beams));
                let quiet = &mut |_: ocelli_engine::Event<'_>| ControlFlow::Continue(());
                let (one, two) = (plain.generate(&a, &b, quiet).unwrap(), keeping.generate(&a, &b, quiet).unwrap());
                assert_eq!((&one.ids, format!("{:?}", one.logprobs)), (&two.ids, format!("{:?}", two.logprobs)));
                reused.push(two.timings.reused);
            }
            let quiet = &mut |_: ocelli_engine::Event<'_>| ControlFlow::Continue(());
            let scores = |session: &mut ocelli_engine::Session, quiet: &mut _| {
                session
                    .score(&prompt(&pieces), &[" a cat", " two"], quiet)
                    .unwrap()
                    .iter()
                    .map(|s| s.sum().to_bits())
                    .collect::<Vec<_>>()
            };
            assert_eq!(scores(&mut plain, quiet), scores(&mut keeping, quiet), "batch {batch}");
        }
        assert!(reused[0] == 0 && reused.iter().any(|&count| count > 0), "batch {batch}: {reused:?}");
        let items = model.compose(&prompt(&shown)).unwrap();
        let mut starts = Vec::new();
        items.iter().fold(0, |at, item| {
            if item.views().is_some() {
                starts.push(at + 1..at + item.positions());
            }
            at + item.positions()
        });
        assert!(
            starts.len() == 3 && reused.iter().all(|at| !starts.iter().any(|rows| rows.contains(at))),
            "{reused:?}"
        );
    }
}

/// What a conversation keeps, saves and forks answers as what is read anew.
#[test]
fn a_conversation_goes_on_behind_pictures() {
    let model = open(whole("default", TensorType::F32)).unwrap();
    let generate = |conversation: &mut Conversation| {
        conversation.generate(&options(1), &mut |_| ControlFlow::Continue(())).unwrap().ids.clone()
    };
    let mut talk = Conversation::new(&model, &SessionOptions::default(), false).unwrap();
    talk.add_text("What is this? ").unwrap();
    talk.add_image(picture(1)).unwrap();
    let first = generate(&mut talk);
    let mut fork = talk.fork().unwrap();
    for conversation in [&mut talk, &mut fork] {
        conversation.add_text("\nand ").unwrap();
        conversation.add_image(picture(2)).unwrap();
        conversation.add_text("?").unwrap();
    }
    let (one, two) = (generate(&mut talk), generate(&mut fork));
    assert_eq!(one, two);
    let anew = prompt(&[Ok("What is this? "), Err(1)]).tokens(first).text("\nand ").image(picture(2)).text("?");
    let mut session = model.session(&SessionOptions::default()).unwrap();
    let wanted = session.generate(&anew, &options(1), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(one, wanted.ids);
}

/// The whole text, what stands around pictures with it, goes through the tokenizer at once, as the original has it.
#[test]
fn conversations_have_the_originals_ids() {
    use ocelli_engine::chat::{ChatTemplate, Content, Message, Part};
    for name in ["default", "five"] {
        let golden = SplicedGolden::load("gemma3", name).unwrap();
        let model = open(whole(name, TensorType::F32)).unwrap();
        let chat = ChatTemplate::from_gguf(model.file()).unwrap().unwrap();
        let first = [Part::Image, Part::Text("What is it?")];
        let last = [Part::Text("and\n"), Part::Image, Part::Image, Part::Text("\nof")];
        let said = [
            Message { role: "user", content: Content::Parts(&first) },
            Message { role: "assistant", content: Content::Text("two") },
            Message { role: "user", content: Content::Parts(&last) },
        ];
        let rendered = chat.prompt(&said, true, model.tokenizer()).unwrap();
        let prompt = rendered.prompt(model.tokenizer(), &[picture(1), picture(2), picture(0)]).unwrap();
        let items = model.compose(&prompt).unwrap();
        let ids = items.iter().flat_map(|item| match item {
            ocelli_engine::Item::Tokens(ids) => ids.clone(),
            picture => vec![golden.placeholder; picture.positions()],
        });
        assert_eq!(ids.collect::<Vec<_>>(), golden.talk, "{name}");
    }
}

/// Batches have room for a picture's rows, a context that has none refuses them, and what is turned when the file is opened is
/// in the plan.
#[test]
fn the_plan_has_room_for_whole_pictures() {
    let file = whole("five", TensorType::F32);
    let model = open(file.clone()).unwrap();
    let plan = |batch: usize| model.plan(&SessionOptions { batch, context: 64, ..SessionOptions::default() }).unwrap();
    assert_eq!(plan(1), plan(16));
    assert!(plan(1).scratch <= plan(17).scratch && plan(17).scratch <= plan(64).scratch);
    let mut small = model.session(&SessionOptions { context: 12, ..SessionOptions::default() }).unwrap();
    let quiet = &mut |_: ocelli_engine::Event<'_>| ControlFlow::Continue(());
    assert!(matches!(
        small.generate(&prompt(&[Err(1)]), &options(1), quiet),
        Err(Error::ContextFull { context: 12, .. })
    ));
    assert!(matches!(small.all_logits(&prompt(&[Err(1)])), Err(Error::ContextFull { context: 12, .. })));
    let words = open(parsed(text(&file).unwrap())).unwrap();
    assert!(words.plan(&SessionOptions::default()).unwrap().other < plan(1).other);
}

/// A tower of 64 x 64 patches, as released ones are, keeps no matrix of scores, which would be 64 MiB a head.
#[test]
fn a_large_tower_needs_room_for_its_rows_alone() {
    let mut golden = SplicedGolden::load("gemma3", "default").unwrap();
    for (_, content) in golden.files.iter_mut().filter(|(name, _)| name.ends_with(".json")) {
        for key in ["image_size", "height", "width"] {
            *content = content.replace(&format!("\"{key}\": 56"), &format!("\"{key}\": 448"));
        }
    }
    let table = golden.tensors.iter_mut().find(|(name, _)| name.ends_with("position_embedding.weight")).unwrap();
    table.1[0] = 4096;
    let dir = tempfile::tempdir().unwrap();
    golden.write(&dir.path().join("hf")).unwrap();
    let file = dir.path().join("one.gguf");
    convert(&dir.path().join("hf"), &file, &Options::new(TensorType::F32), &()).unwrap();
    let model = Engine::new(2).unwrap().open(&file, Load::Map).unwrap();
    let plan = model.plan(&SessionOptions { context: 64, ..SessionOptions::default() }).unwrap();
    let rows = 4096 * 4;
    // Rows of width 48: themselves, queries, keys, values, what was found; patches of 147; the widest input twice.
    assert!(plan.scratch > rows * 48 * 5 && plan.scratch < rows * (48 * 5 + 147 * 3) + (4 << 20), "{plan:?}");
    let mut session = model.session(&SessionOptions { context: 64, ..SessionOptions::default() }).unwrap();
    assert_eq!(session.embed_image(&picture(1)).unwrap().len(), 4 * 64);
}

fn eyes(file: &Gguf, style: Style, change: impl FnOnce(&mut Vec<(String, MetaValue)>)) -> Gguf {
    parsed(mmproj(file, "gemma3", style, change).unwrap())
}

fn set(keys: &mut Vec<(String, MetaValue)>, key: &str, value: impl Into<MetaValue>) {
    keys.retain(|(known, _)| known != key);
    keys.push((key.to_owned(), value.into()));
}

/// A picture's rows as bits, and a text behind it.
fn answer(model: &Model) -> (Vec<u32>, Vec<u32>) {
    let mut session = model.session(&SessionOptions::default()).unwrap();
    let rows = session.embed_image(&picture(1)).unwrap();
    let said = prompt(&[Ok("What is\n"), Err(1), Ok("?"), Err(2)]);
    let ids = session.generate(&said, &options(1), &mut |_| ControlFlow::Continue(())).unwrap().ids;
    (rows.iter().map(|x| x.to_bits()).collect(), ids)
}

#[test]
fn pairs_answer_as_the_one_file_and_are_pairs_again() {
    // Patches that become one row are four a side here, as where a file does not say.
    for (ty, name) in [(TensorType::F32, "default"), (TensorType::F16, "default"), (TensorType::Q8_0, "five")] {
        let one = whole(name, ty);
        let kind = one.tensor("mm.input_projection.weight").unwrap();
        let width = u64::from(one.u32("gemma3.embedding_length").unwrap().unwrap());
        assert_eq!((kind.cols(), kind.ty.block_len()), (width, 1), "a row for each input, and never in blocks");
        let wanted = answer(&open(one.clone()).unwrap());
        for (exchanged, fused) in [(false, false), (true, true)] {
            let second = eyes(&one, Style { exchanged, fused }, |keys| {
                if name == "default" {
                    keys.retain(|(key, _)| key != "clip.vision.projector.scale_factor");
                }
            });
            let words = parsed(text(&one).unwrap());
            let model = open(join_pair(words.clone(), second.clone(), ["a", "b"]).unwrap()).unwrap();
            assert_eq!(answer(&model), wanted, "{ty:?} {name}");
            assert!(model.notes().is_empty(), "{:?}", model.notes());
            let dir = tempfile::tempdir().unwrap();
            let [joined, ..] = pairs::joined_and_split(&words, &second, dir.path()).unwrap();
            assert_eq!(answer(&open(joined).unwrap()), wanted);
        }
        // What was converted becomes a pair as well.
        let [t, m] = pairs::split(&one, tempfile::tempdir().unwrap().path()).unwrap();
        assert_eq!(m.tensor("v.patch_embd.weight").unwrap().shape.len(), 4);
        assert_eq!(answer(&open(join_pair(t, m, ["t", "m"]).unwrap()).unwrap()), wanted);
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let one = whole("default", TensorType::F32);
    let words = parsed(text(&one).unwrap());
    let refused = |words: &Gguf, second: Gguf, wanted: &[&str]| {
        let message = pairs::refusal(words, second).unwrap();
        assert!(wanted.iter().all(|word| message.contains(word)), "{wanted:?} are not in: {message}");
    };
    let plain = eyes(&one, Style::default(), |_| ());
    let other = eyes(&whole("whole", TensorType::F32), Style::default(), |_| ());
    refused(&words, other, &["text.gguf", "eyes.gguf", "48", "64", "gemma3.embedding_length"]);
    let vision = |key: &str, value: u32, wanted: &[&str]| {
        let key = format!("clip.vision.{key}");
        refused(&words, eyes(&one, Style::default(), |keys| set(keys, &key, value)), &[wanted, &[&key]].concat());
    };
    vision("projector.scale_factor", 0, &["0"]);
    vision("projector.scale_factor", 9, &["9", "8"]);
    vision("projector.scale_factor", u32::MAX, &["4294967295"]);
    vision("image_size", u32::MAX, &["4294967295"]);
    let named = |from: &'static str, to: &'static str| {
        move |info: &TensorInfo| {
            let name = if info.name == from { to.to_owned() } else { info.name.clone() };
            vec![Named { name, shape: info.shape.clone(), skip: 0 }]
        }
    };
    let (norm, matrix) = ("mm.soft_emb_norm.weight", "mm.input_projection.weight");
    refused(&words, plain.clone().with(Vec::new(), named(norm, "v.post_ln.more")).unwrap(), &["v.post_ln.more"]);
    refused(
        &words,
        plain.clone().with(Vec::new(), |i| if i.name == norm { vec![] } else { named("", "")(i) }).unwrap(),
        &[norm],
    );
    let turned = |info: &TensorInfo| {
        let mut all = named("", "")(info);
        if info.name == matrix {
            all[0].shape.swap(0, 1);
        }
        all
    };
    refused(&words, plain.clone().with(Vec::new(), turned).unwrap(), &["48", "64"]);
    // Without what stands around a picture its rows would have no place, and so would a list of one text.
    let tokens = words.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let tokens: Vec<String> = tokens.iter().map(|t| t.replace("<end_of_image>", "<end>")).collect();
    let keys = vec![("tokenizer.ggml.tokens".to_owned(), MetaValue::Strings(tokens))];
    refused(&words.clone().with(keys, named("", "")).unwrap(), plain.clone(), &["<end_of_image>", "tokens"]);
    let keys = vec![("ocelli.tokenizer.around_image".to_owned(), MetaValue::Strings(vec!["one".to_owned()]))];
    refused(
        &words.clone().with(keys, named("", "")).unwrap(),
        plain.clone(),
        &["ocelli.tokenizer.around_image", "1 texts", "2"],
    );
    let keys = vec![("gemma3.context_length".to_owned(), MetaValue::U32(3))];
    refused(&words.clone().with(keys, named("", "")).unwrap(), plain, &["4 rows", "3"]);
}
