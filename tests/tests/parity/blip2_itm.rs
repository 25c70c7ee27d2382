//! BLIP-2's first stage against transformers: ids, what pictures and texts are compared by, cosines and matches.

use crate::{close, quiet};
use ocelli_convert::Options;
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::tokenizer::EncodeOptions;
use ocelli_engine::{Embedding, Engine, Load, Model, Session, SessionOptions};
use ocelli_quant::TensorType;
use ocelli_tests::golden::Sample;
use ocelli_tests::itm_golden::{BLIP2_ITM, ItmGolden};
use std::path::Path;
use std::sync::Arc;

fn open(golden: &ItmGolden, dir: &Path, threads: usize) -> Model {
    golden.write(&dir.join("hf")).unwrap();
    let file = dir.join("model.gguf");
    ocelli_convert::convert(&dir.join("hf"), &file, &Options::new(TensorType::F32), &())
        .unwrap_or_else(|e| panic!("{}: {e}", golden.name));
    Engine::new(threads).unwrap().open(&file, Load::Map).unwrap_or_else(|e| panic!("{}: {e}", golden.name))
}

fn session(model: &Model) -> Session {
    model.session(&SessionOptions::default()).unwrap()
}

fn pictures(golden: &ItmGolden) -> Vec<Arc<Picture>> {
    let one = |p: &ocelli_tests::golden::Picture| Picture::new(p.width, p.height, p.rgb(), &ImageLimits::default());
    golden.pictures.iter().map(|p| Arc::new(one(&p.picture).unwrap())).collect()
}

fn texts(golden: &ItmGolden) -> Vec<&str> {
    golden.texts.iter().map(|text| text.text.as_str()).collect()
}

fn same(got: &Embedding, want: &Sample, what: &str) {
    assert_eq!(got.values.len(), want.shape.iter().product::<usize>(), "{what}: shape");
    assert_eq!(got.width, *want.shape.last().unwrap(), "{what}: width");
    let got: Vec<f32> = want.index.iter().map(|&i| got.values[i]).collect();
    close(&got, &want.values, what);
}

fn agrees(golden: &ItmGolden) {
    let dir = tempfile::tempdir().unwrap();
    let model = open(golden, dir.path(), 2);
    let mut session = session(&model);
    let name = &golden.name;
    let (pictures, texts) = (pictures(golden), texts(golden));
    for (want, text) in golden.texts.iter().zip(&texts) {
        assert_eq!(model.tokenizer().encode(text, EncodeOptions::default()).unwrap(), want.ids, "{name}: {text}");
    }
    for (i, (want, picture)) in golden.pictures.iter().zip(&pictures).enumerate() {
        same(&session.compared_image(picture, false).unwrap(), &want.embedding, &format!("{name}: picture {i}"));
        same(&session.compared_image(picture, true).unwrap(), &want.raw, &format!("{name}: picture {i}, raw"));
    }
    for (want, text) in golden.texts.iter().zip(&texts) {
        same(&session.compared_texts(&[*text], false).unwrap(), &want.embedding, &format!("{name}: {text}"));
        same(&session.compared_texts(&[*text], true).unwrap(), &want.raw, &format!("{name}: {text}, raw"));
    }
    let found = session.match_texts(&pictures, &texts, &mut quiet).unwrap();
    assert_eq!(found.len(), golden.pairs.len(), "{name}");
    for (got, want) in found.iter().zip(&golden.pairs) {
        let what = format!("{name}: picture {} with text {}", want.image, want.text);
        assert_eq!((got.image, got.text), (want.image, want.text), "{what}");
        close(&got.logits, &want.logits, &what);
        assert!((got.itm - want.itm).abs() < 1e-4 && (got.itc - want.itc).abs() < 1e-4, "{what}: {got:?} {want:?}");
    }
}

#[test]
fn matches_and_embeddings_agree() {
    BLIP2_ITM.into_iter().for_each(|name| agrees(&ItmGolden::load(name).unwrap()));
}

/// Goldens that are not kept, made by `blip2_itm.py --random FIRST COUNT DIR`.
#[test]
#[ignore = "OCELLI_ITM_GOLDENS names a folder of goldens that are not kept"]
fn configurations_in_a_folder_agree() {
    let folder = std::env::var_os("OCELLI_ITM_GOLDENS").expect("OCELLI_ITM_GOLDENS names the folder");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.iter().for_each(|file| agrees(&ItmGolden::read(file).unwrap()));
    eprintln!("{} configurations agree", files.len());
    assert!(!files.is_empty());
}
