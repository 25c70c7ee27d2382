//! InstructBLIP against transformers: ids of both tokenizers, rows, logits, greedy and beam text and scores, of pictures and
//! videos; and that rows made for one instruction are never taken for another's.

use crate::{check_generations, check_logits, check_scores, close, quiet};
use ocelli_convert::Options;
use ocelli_engine::image::{ImageLimits, Picture, Video};
use ocelli_engine::{
    Conversation, Engine, Error, Event, GenerateOptions, Item, Load, Model, Prompt, Session, SessionOptions,
};
use ocelli_quant::TensorType;
use ocelli_tests::instruct_golden::{INSTRUCTBLIP, InstructCase, InstructGolden};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

fn open(golden: &InstructGolden, dir: &Path, threads: usize) -> Model {
    golden.write(&dir.join("hf")).unwrap();
    convert(&golden.name, dir, threads)
}

fn convert(name: &str, dir: &Path, threads: usize) -> Model {
    let file = dir.join("model.gguf");
    ocelli_convert::convert(&dir.join("hf"), &file, &Options::new(TensorType::F32), &())
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    Engine::new(threads).unwrap().open(&file, Load::Map).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn session(model: &Model, batch: usize) -> Session {
    model.session(&SessionOptions { beams: 5, batch, frames: 4, ..SessionOptions::default() }).unwrap()
}

fn picture(golden: &InstructGolden, index: usize) -> Arc<Picture> {
    let p = &golden.pictures[index];
    Arc::new(Picture::new(p.width, p.height, p.rgb(), &ImageLimits::default()).unwrap())
}

fn prompt(golden: &InstructGolden, case: &InstructCase) -> Prompt {
    let pictures: Vec<_> = case.pictures.iter().map(|&index| picture(golden, index)).collect();
    let shown = if golden.video {
        Prompt::new().video(Video::new(pictures, &ImageLimits::default()).unwrap())
    } else {
        pictures.into_iter().fold(Prompt::new(), Prompt::image)
    };
    shown.text(case.prompt.as_str())
}

/// The ids with the placeholder for each row of a picture, and those that the Q-Former reads.
fn ids(model: &Model, golden: &InstructGolden, prompt: &Prompt) -> (Vec<u32>, Vec<u32>) {
    let items = model.compose(prompt).unwrap();
    let one = |item: &Item| match item {
        Item::Tokens(ids) => ids.clone(),
        Item::Image(..) | Item::Video(..) => vec![golden.placeholder; model.count(std::slice::from_ref(item))],
    };
    let asked: Vec<_> = items.iter().filter(|item| item.views().is_some()).map(Item::instruction).collect();
    assert!(asked.iter().all(|text| *text == asked[0]), "each picture is seen beside the same text");
    (items.iter().flat_map(one).collect(), asked[0].to_vec())
}

fn agrees(golden: &InstructGolden, batch: usize) {
    let dir = tempfile::tempdir().unwrap();
    let model = open(golden, dir.path(), 2);
    assert_eq!(model.defaults().image_id, Some(golden.placeholder), "{}", golden.name);
    let mut session = session(&model, batch);
    for (i, case) in golden.cases.iter().enumerate() {
        let what = format!("{} case {i}, batch {batch}", golden.name);
        let prompt = prompt(golden, case);
        let (own, asked) = ids(&model, golden, &prompt);
        assert_eq!(own, case.ids, "{what}: ids");
        assert_eq!(asked, case.qformer_ids, "{what}: ids of the Q-Former");
        if case.prompt.is_empty() {
            let frames: Vec<_> = case.pictures.iter().map(|&index| picture(golden, index)).collect();
            let rows: Vec<f32> = frames.iter().flat_map(|frame| session.embed_image(frame).unwrap()).collect();
            let got: Vec<f32> = case.projection.index.iter().map(|&i| rows[i]).collect();
            close(&got, &case.projection.values, &format!("{what}: projection"));
            let clip = Video::new(frames, &ImageLimits::default()).unwrap();
            assert_eq!(session.embed_video(&clip).unwrap(), rows, "{what}: a video is its frames");
        }
        let logits = match &case.targets {
            None => session.all_logits(&prompt),
            Some(targets) => session.logits_behind(&prompt, targets),
        };
        check_logits(&logits.unwrap(), &case.logits, &what);
        check_generations(&mut session, &prompt, &case.generate, &what);
        check_scores(&mut session, &prompt, &case.score, &what);
    }
}

#[test]
fn models_agree_whole_and_in_pieces() {
    for name in INSTRUCTBLIP {
        let golden = InstructGolden::load(name).unwrap();
        [3, 256].into_iter().for_each(|batch| agrees(&golden, batch));
    }
}

/// Goldens that are not kept, made by `instructblip.py --random FIRST COUNT DIR`.
#[test]
#[ignore = "OCELLI_INSTRUCT_GOLDENS names a folder of goldens that are not kept"]
fn configurations_in_a_folder_agree() {
    let folder = std::env::var_os("OCELLI_INSTRUCT_GOLDENS").expect("OCELLI_INSTRUCT_GOLDENS names the folder");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.iter().for_each(|file| agrees(&InstructGolden::read(file).unwrap(), 5));
    eprintln!("{} configurations agree", files.len());
    assert!(!files.is_empty());
}

/// A session that keeps rows, keys and values answers a second instruction about a picture as a new one does; the tower
/// runs once, though.
#[test]
fn rows_of_one_instruction_do_not_serve_another() {
    let golden = InstructGolden::load("default").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 2);
    let seen = picture(&golden, 0);
    let ask = |text: &str| Prompt::new().image(Arc::clone(&seen)).text(text);
    let options = GenerateOptions { max_new_tokens: 8, logprobs: true, ..GenerateOptions::default() };
    // Both begin with the same words, so that only the rows' own key keeps them apart.
    let texts = ["What is this?", "What is this image?", "What is this?"];
    let mut fresh = Vec::new();
    for text in texts {
        let mut session = session(&model, 256);
        fresh.push(session.all_logits(&ask(text)).unwrap());
        let generation = session.generate(&ask(text), &options, &mut quiet).unwrap();
        assert_eq!(generation.timings.encoded, 0, "the picture was seen beside this text");
    }
    let width = model.image_positions();
    let vocabulary = fresh[0].len() / model.count(&model.compose(&ask(texts[0])).unwrap());
    assert_ne!(fresh[0][..width * vocabulary], fresh[1][..width * vocabulary], "the rows depend on the text");
    let mut kept = session(&model, 256);
    kept.keep_prefix(true);
    for (i, (text, fresh)) in texts.iter().zip(&fresh).enumerate() {
        let generation = kept.generate(&ask(text), &options, &mut quiet).unwrap();
        assert_eq!(generation.timings.encoded, usize::from(i == 0), "{text}: the tower runs once");
        assert_eq!(generation.timings.reused, 0, "{text}: no position of the picture serves another text");
        let again = kept.generate(&ask(text), &options, &mut quiet).unwrap();
        assert!(again.timings.reused > width, "{text}: the same prompt is kept");
        let first = session(&model, 256).generate(&ask(text), &options, &mut quiet).unwrap();
        assert_eq!(generation.ids, first.ids, "{text}");
        close(&generation.logprobs, &first.logprobs, text);
        assert_eq!(&kept.all_logits(&ask(text)).unwrap(), fresh, "{text}");
    }
}

/// What the Q-Former reads is all that was said, answers included; so a conversation is the prompt that it has become.
#[test]
fn a_conversation_is_what_was_said() {
    let golden = InstructGolden::load("default").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 2);
    let options = GenerateOptions { max_new_tokens: 6, ..GenerateOptions::default() };
    let mut talk = Conversation::new(&model, &SessionOptions::default(), false).unwrap();
    talk.add_image(picture(&golden, 0)).unwrap();
    talk.add_text("What is this?").unwrap();
    talk.generate(&options, &mut quiet).unwrap();
    let answer = talk.prompt().given().last().unwrap().1.clone();
    talk.add_text(" the dog").unwrap();
    let mut fork = talk.fork().unwrap();
    let second = talk.generate(&options, &mut quiet).unwrap().ids.clone();
    assert_eq!(fork.generate(&options, &mut quiet).unwrap().ids, second);
    let whole = Prompt::new().image(picture(&golden, 0)).text("What is this?").tokens(answer.clone()).text(" the dog");
    let (_, asked) = ids(&model, &golden, &whole);
    let said = String::from_utf8_lossy(
        &answer.iter().flat_map(|&id| model.tokenizer().token_bytes(id).unwrap().to_vec()).collect::<Vec<_>>(),
    )
    .into_owned();
    let one = Prompt::new().image(picture(&golden, 0)).text(format!("What is this?{said} the dog"));
    assert_eq!(asked, ids(&model, &golden, &one).1);
    assert_eq!(session(&model, 256).generate(&whole, &options, &mut quiet).unwrap().ids, second);
    let state = talk.save().unwrap();
    let mut restored = Conversation::new(&model, &SessionOptions::default(), false).unwrap();
    restored.restore(&state).unwrap();
    restored.add_text(" a cat").unwrap();
    talk.add_text(" a cat").unwrap();
    let third = talk.generate(&options, &mut quiet).unwrap().ids.clone();
    assert_eq!(restored.generate(&options, &mut quiet).unwrap().ids, third);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let golden = InstructGolden::load("default").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let long = "a ".repeat(95);
    let prompt = Prompt::new().image(picture(&golden, 0)).text(long.as_str());
    let error = session(&model, 256).generate(&prompt, &GenerateOptions::default(), &mut quiet).unwrap_err();
    assert!(matches!(error, Error::InstructionTooLong { tokens: 97, longest: 96 }), "{error}");
    assert!(model.compose(&Prompt::new().text(long.as_str())).is_ok(), "without a picture nobody reads it there");
    let fits = Prompt::new().image(picture(&golden, 0)).text("a ".repeat(94).as_str());
    let mut layers = 0;
    session(&model, 256)
        .generate(&fits, &GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() }, &mut |event| {
            layers += usize::from(matches!(event, Event::Within { .. }));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(layers > 0);
}

/// Checkpoints before the placeholder name none, and have their rows at the same place.
#[test]
fn older_checkpoints_say_the_same() {
    let golden = InstructGolden::load("default").unwrap();
    let dir = tempfile::tempdir().unwrap();
    golden.write(&dir.path().join("hf")).unwrap();
    let file = dir.path().join("hf/config.json");
    let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    config.as_object_mut().unwrap().remove("image_token_index").unwrap();
    std::fs::write(&file, config.to_string()).unwrap();
    let model = convert("older", dir.path(), 2);
    assert_eq!(model.defaults().image_id, None);
    let case = &golden.cases[0];
    check_logits(&session(&model, 256).all_logits(&prompt(&golden, case)).unwrap(), &case.logits, "older");
}
