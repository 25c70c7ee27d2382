//! LAVIS' checkpoints against LAVIS' code: matches, what is compared, captions of the first stage, and what is answered through
//! OPT and T5.

use crate::{check_logits, check_scores, close, quiet};
use ocelli_convert::{Lavis, Options, convert_lavis};
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::tokenizer::EncodeOptions;
use ocelli_engine::{Embedding, Engine, Load, Model, Prompt, Session, SessionOptions, prompt_ids};
use ocelli_quant::TensorType;
use ocelli_tests::golden::Sample;
use ocelli_tests::itm_golden::Written;
use ocelli_tests::lavis_golden::{LAVIS, LavisGolden};
use std::path::Path;
use std::sync::Arc;

fn open(golden: &LavisGolden, dir: &Path) -> Model {
    let parts = golden.write(dir).unwrap();
    let file = dir.join("model.gguf");
    let sources = Lavis { checkpoint: parts.checkpoint, vision: parts.vision, language: parts.language };
    let options = Options { tokenizer: parts.tokenizer, ..Options::new(TensorType::F32) };
    convert_lavis(&sources, &file, &options, &()).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
    Engine::new(2).unwrap().open(&file, Load::Map).unwrap_or_else(|e| panic!("{}: {e}", golden.name))
}

fn picture(picture: &ocelli_tests::golden::Picture) -> Arc<Picture> {
    Arc::new(Picture::new(picture.width, picture.height, picture.rgb(), &ImageLimits::default()).unwrap())
}

fn same(got: &Embedding, want: &Sample, what: &str) {
    assert_eq!(got.values.len(), want.shape.iter().product::<usize>(), "{what}: shape");
    let got: Vec<f32> = want.index.iter().map(|&i| got.values[i]).collect();
    close(&got, &want.values, what);
}

/// Texts by the file's own defaults, and greedily.
fn generates(session: &mut Session, model: &Model, prompt: &Prompt, texts: &[Written], beams: usize, what: &str) {
    for text in texts {
        let mut options = model.defaults().generate.clone();
        assert_eq!(options.beams, beams, "{what}");
        if text.name == "greedy" {
            options.beams = 1;
        }
        let got = session.generate(prompt, &options, &mut quiet).unwrap();
        assert_eq!(got.ids, text.ids, "{what}: {}", text.name);
        assert_eq!(got.text, text.text, "{what}: {}", text.name);
    }
}

fn agrees(golden: &LavisGolden) {
    let dir = tempfile::tempdir().unwrap();
    let model = open(golden, dir.path());
    let mut session = model.session(&SessionOptions { beams: 5, ..SessionOptions::default() }).unwrap();
    let name = &golden.name;
    for text in &golden.texts {
        let ids = model.tokenizer().encode(&text.text, EncodeOptions::default()).unwrap();
        assert_eq!(ids, text.ids, "{name}: {}", text.text);
        for (raw, want) in [(false, &text.embedding), (true, &text.raw)] {
            let got = session.compared_texts(&[text.text.as_str()], raw).unwrap();
            same(&got, want, &format!("{name}: {}", text.text));
        }
    }
    let pictures: Vec<_> = golden.pictures.iter().map(|seen| picture(&seen.picture)).collect();
    for (want, picture) in golden.pictures.iter().zip(&pictures) {
        same(&session.compared_image(picture, false).unwrap(), &want.embedding, name);
        same(&session.compared_image(picture, true).unwrap(), &want.raw, name);
    }
    if !pictures.is_empty() {
        let texts: Vec<&str> = golden.texts.iter().map(|text| text.text.as_str()).collect();
        let found = session.match_texts(&pictures, &texts, &mut quiet).unwrap();
        assert_eq!(found.len(), golden.pairs.len(), "{name}");
        for (got, want) in found.iter().zip(&golden.pairs) {
            let what = format!("{name}: picture {} with text {}", want.image, want.text);
            assert_eq!((got.image, got.text), (want.image, want.text), "{what}");
            close(&got.logits, &want.logits, &what);
            assert!((got.itm - want.itm).abs() < 1e-4 && (got.itc - want.itc).abs() < 1e-4, "{what}: {got:?} {want:?}");
        }
    }
    for want in &golden.captions {
        let what = format!("{name}: picture {} behind {:?}", want.image, want.beginning);
        let prompt = Prompt::new().image(Arc::clone(&pictures[want.image])).text(want.beginning.as_str());
        assert_eq!(prompt_ids(&model.compose(&prompt).unwrap()), want.ids, "{what}");
        check_logits(&session.all_logits(&prompt).unwrap(), &want.logits, &what);
        check_scores(&mut session, &prompt, &want.score, &what);
        generates(&mut session, &model, &prompt, &want.texts, 3, &what);
    }
    for want in &golden.cases {
        let what = format!("{name}: {:?}", want.prompt);
        let mut prompt = Prompt::new().image(picture(&want.picture));
        if !want.prompt.is_empty() {
            prompt = prompt.text(want.prompt.as_str());
        }
        let logits = match &want.targets {
            None => session.all_logits(&prompt),
            Some(targets) => session.logits_behind(&prompt, targets),
        };
        check_logits(&logits.unwrap(), &want.logits, &what);
        check_scores(&mut session, &prompt, &want.score, &what);
        generates(&mut session, &model, &prompt, &want.texts, 5, &what);
    }
}

#[test]
fn lavis_agrees() {
    let mut texts = 0;
    for name in LAVIS {
        let golden = LavisGolden::load(name).unwrap();
        agrees(&golden);
        texts += golden.captions.iter().map(|captions| captions.texts.len()).sum::<usize>();
        texts += golden.cases.iter().map(|case| case.texts.len()).sum::<usize>();
    }
    assert!(texts > 20, "{texts} texts");
}

/// Goldens that are not kept, made by `lavis.py --random FIRST COUNT DIR`.
#[test]
#[ignore = "OCELLI_LAVIS_GOLDENS names a folder of goldens that are not kept"]
fn lavis_in_a_folder_agrees() {
    let folder = std::env::var_os("OCELLI_LAVIS_GOLDENS").expect("OCELLI_LAVIS_GOLDENS names the folder");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.iter().for_each(|file| agrees(&LavisGolden::read(file).unwrap()));
    eprintln!("{} configurations agree", files.len());
    assert!(!files.is_empty());
}
