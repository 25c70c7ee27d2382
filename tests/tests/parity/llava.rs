//! LLaVA against transformers: ids, pixels to the bit, rows, logits, greedy and beam text and scores of prompts with none to
//! three pictures of five shapes.

use crate::{check_generations, check_logits, check_scores, close, quiet};
use ocelli_convert::Options;
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Engine, GenerateOptions, Item, Load, Model, Prompt, Session, SessionOptions};
use ocelli_quant::TensorType;
use ocelli_tests::formula::fnv1a;
use ocelli_tests::mixed_golden::GoldenPiece;
use ocelli_tests::spliced_golden::{LLAVA, SplicedCase, SplicedGolden};
use std::path::Path;
use std::sync::Arc;

fn open(golden: &SplicedGolden, dir: &Path, threads: usize) -> Model {
    golden.write(&dir.join("hf")).unwrap();
    let file = dir.join("model.gguf");
    ocelli_convert::convert(&dir.join("hf"), &file, &Options::new(TensorType::F32), &())
        .unwrap_or_else(|e| panic!("{}: {e}", golden.name));
    Engine::new(threads).unwrap().open(&file, Load::Map).unwrap_or_else(|e| panic!("{}: {e}", golden.name))
}

pub(crate) fn session(model: &Model, batch: usize) -> Session {
    model.session(&SessionOptions { beams: 5, batch, ..SessionOptions::default() }).unwrap()
}

fn picture(golden: &SplicedGolden, index: usize) -> Arc<Picture> {
    let p = &golden.pictures[index];
    Arc::new(Picture::new(p.width, p.height, p.rgb(), &ImageLimits::default()).unwrap())
}

fn pictures(golden: &SplicedGolden, case: &SplicedCase) -> Vec<Arc<Picture>> {
    let number = |piece: &GoldenPiece| if let GoldenPiece::Picture(index) = piece { Some(*index) } else { None };
    case.pieces.iter().filter_map(number).map(|index| picture(golden, index)).collect()
}

fn prompt(golden: &SplicedGolden, case: &SplicedCase) -> Prompt {
    case.pieces.iter().fold(Prompt::new(), |prompt, piece| match piece {
        GoldenPiece::Text(text) => prompt.text(text.as_str()),
        GoldenPiece::Picture(index) => prompt.image(picture(golden, *index)),
        GoldenPiece::Video(_) => panic!("no videos here"),
    })
}

/// The ids with the placeholder for each row of a picture.
fn ids(model: &Model, golden: &SplicedGolden, prompt: &Prompt) -> Vec<u32> {
    let items = model.compose(prompt).unwrap();
    let one = |item: &Item| match item {
        Item::Tokens(ids) => ids.clone(),
        Item::Image(..) | Item::Video(..) => vec![golden.placeholder; model.count(std::slice::from_ref(item))],
    };
    items.iter().flat_map(one).collect()
}

/// All that the tower is shown of a picture.
fn pixels(model: &Model, picture: &Picture) -> String {
    let preprocess = model.preprocess().unwrap();
    let shown = preprocess.shown(picture).unwrap();
    assert_eq!(shown.len(), model.views(picture.width(), picture.height()).unwrap().tiles);
    let all = shown.iter().flat_map(|shown| preprocess.pixels(shown).unwrap().data);
    let bytes: Vec<u8> = all.flat_map(f32::to_le_bytes).collect();
    format!("{:016x}", fnv1a(&bytes))
}

/// One model's answers to all cases of a golden.
pub(crate) fn answers_agree(golden: &SplicedGolden, model: &Model, batch: usize) {
    let mut session = session(model, batch);
    for (i, case) in golden.cases.iter().enumerate() {
        let what = format!("{} case {i}, batch {batch}", golden.name);
        let prompt = prompt(golden, case);
        assert_eq!(ids(model, golden, &prompt), case.ids, "{what}: ids");
        let shown = pictures(golden, case);
        let hashes: Vec<String> = shown.iter().map(|picture| pixels(model, picture)).collect();
        assert_eq!(hashes, case.pixels, "{what}: pixels");
        if let Some(sample) = &case.rows {
            let rows: Vec<f32> = shown.iter().flat_map(|picture| session.embed_image(picture).unwrap()).collect();
            assert_eq!(rows.len(), sample.shape.iter().product::<usize>(), "{what}: rows");
            let got: Vec<f32> = sample.index.iter().map(|&i| rows[i]).collect();
            close(&got, &sample.values, &format!("{what}: rows"));
        }
        check_logits(&session.all_logits(&prompt).unwrap(), &case.logits, &what);
        check_generations(&mut session, &prompt, &case.generate, &what);
        check_scores(&mut session, &prompt, &case.score, &what);
    }
}

#[test]
fn models_agree_whole_and_in_pieces() {
    for name in LLAVA {
        let golden = SplicedGolden::load("llava", name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        assert_eq!(model.defaults().image_id, Some(golden.placeholder), "{name}");
        [7, 256].into_iter().for_each(|batch| answers_agree(&golden, &model, batch));
    }
}

/// Goldens that are not kept, made by `llava.py --random FIRST COUNT DIR`.
#[test]
#[ignore = "OCELLI_LLAVA_GOLDENS names a folder of goldens that are not kept"]
fn configurations_in_a_folder_agree() {
    let folder = std::env::var_os("OCELLI_LLAVA_GOLDENS").expect("OCELLI_LLAVA_GOLDENS names the folder");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for file in &files {
        let golden = SplicedGolden::read(file).unwrap();
        let dir = tempfile::tempdir().unwrap();
        answers_agree(&golden, &open(&golden, dir.path(), 2), 5);
    }
    eprintln!("{} configurations agree", files.len());
    assert!(!files.is_empty());
}

/// A picture's rows are known from its size before it is read, none is more than what a session has room for, and a picture
/// that comes again is not encoded again.
#[test]
fn rows_follow_from_a_pictures_size() {
    let golden = SplicedGolden::load("llava", "next").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let most = model.image_positions();
    let mut seen = std::collections::BTreeSet::new();
    for (width, height) in (1..160).step_by(7).flat_map(|w| (1..160).step_by(11).map(move |h| (w, h))) {
        let views = model.views(width, height).unwrap();
        assert!(views.rows <= most && views.positions == views.rows, "{width}x{height}: {views:?}");
        seen.insert(views.rows);
    }
    assert!(seen.len() > 5 && seen.contains(&most), "{seen:?}");
    let mut session = model.session(&SessionOptions { image_cache: Some(0), ..SessionOptions::default() }).unwrap();
    let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
    let prompt = Prompt::new().image(picture(&golden, 1)).text("it is");
    let encoded = [(); 2].map(|()| session.generate(&prompt, &options, &mut quiet).unwrap().timings.encoded);
    assert_eq!(encoded, [1, 0]);
}
