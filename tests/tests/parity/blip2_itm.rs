//! BLIP-2's first stage against transformers: ids, what pictures and texts are compared by, cosines and matches.

use crate::{check_logits, check_scores, close, quiet};
use ocelli_convert::Options;
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::tokenizer::EncodeOptions;
use ocelli_engine::{
    Embedding, Engine, Error, GenerateOptions, Load, Model, Prompt, Session, SessionOptions, prompt_ids,
};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::Gguf;
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
    model.session(&SessionOptions { beams: 3, ..SessionOptions::default() }).unwrap()
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

/// What is written about pictures: ids, logits, scores, and texts by the file's own defaults and greedily.
fn writes(golden: &ItmGolden) {
    let dir = tempfile::tempdir().unwrap();
    let model = open(golden, dir.path(), 2);
    let pictures = pictures(golden);
    // A batch that is smaller than the queries, and one that is not.
    for batch in [3, 256] {
        let options = SessionOptions { beams: 3, batch, ..SessionOptions::default() };
        let mut session = model.session(&options).unwrap();
        for want in &golden.captions {
            let what = format!("{}: picture {} behind {:?}, batch {batch}", golden.name, want.image, want.beginning);
            let prompt = Prompt::new().image(Arc::clone(&pictures[want.image])).text(want.beginning.as_str());
            assert_eq!(prompt_ids(&model.compose(&prompt).unwrap()), want.ids, "{what}");
            check_logits(&session.all_logits(&prompt).unwrap(), &want.logits, &what);
            check_scores(&mut session, &prompt, &want.score, &what);
            for text in &want.texts {
                let mut options = model.defaults().generate.clone();
                assert_eq!(options.beams, 3, "{what}");
                if text.name == "greedy" {
                    options.beams = 1;
                }
                let got = session.generate(&prompt, &options, &mut quiet).unwrap();
                assert_eq!(got.ids, text.ids, "{what}: {}", text.name);
                assert_eq!(got.text, text.text, "{what}: {}", text.name);
            }
        }
    }
}

#[test]
fn captions_agree() {
    let mut texts = 0;
    for name in BLIP2_ITM {
        let golden = ItmGolden::load(name).unwrap();
        writes(&golden);
        texts += golden.captions.iter().map(|captions| captions.texts.len()).sum::<usize>();
    }
    assert!(texts > 30, "{texts} texts");
}

/// A model that writes about one picture says so where it is given none, two, or text before it; one without the head
/// that writes has no language model.
#[test]
fn what_it_does_not_write_about_is_refused() {
    let golden = ItmGolden::load("half").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let picture = &pictures(&golden)[0];
    let mut session = session(&model);
    let options = GenerateOptions::default();
    for prompt in [
        Prompt::new().text("a photo"),
        Prompt::new().text("a photo").image(Arc::clone(picture)),
        Prompt::new().image(Arc::clone(picture)).image(Arc::clone(picture)),
    ] {
        let error = session.generate(&prompt, &options, &mut quiet).unwrap_err();
        assert!(matches!(error, Error::BadOption { name: "prompt", .. }), "{error}");
    }
    let golden = ItmGolden::load("one").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let prompt = Prompt::new().image(Arc::clone(&pictures(&golden)[0]));
    let error = model.session(&SessionOptions::default()).unwrap().generate(&prompt, &options, &mut quiet).unwrap_err();
    assert!(matches!(error, Error::NoText), "{error}");
}

/// Texts pass through together and alone, pictures come again after others: nothing changes but for rounding, and each
/// picture passes through the tower once.
#[test]
fn company_changes_no_match() {
    let golden = ItmGolden::load("default").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 2);
    let (pictures, texts) = (pictures(&golden), texts(&golden));
    let many: Vec<&str> = texts.iter().copied().cycle().take(90).collect();
    let mut session = session(&model);
    let all = session.match_texts(&pictures, &many, &mut quiet).unwrap();
    assert_eq!(all.len(), 90 * pictures.len());
    for got in &all {
        let want = &golden.pairs[got.image * texts.len() + got.text % texts.len()];
        close(&got.logits, &want.logits, &format!("text {} of many", got.text));
        assert!((got.itc - want.itc).abs() < 1e-4, "{got:?} {want:?}");
    }
    let rows = session.compared_texts(&many, false).unwrap();
    assert_eq!(rows.rows().count(), 90);
    let alone = session.compared_texts(&many[89..], false).unwrap();
    close(&alone.values, rows.rows().last().unwrap(), "the last of many texts");
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
    for file in &files {
        let golden = ItmGolden::read(file).unwrap();
        agrees(&golden);
        writes(&golden);
    }
    eprintln!("{} configurations agree", files.len());
    assert!(!files.is_empty());
}

/// The older list of tokens, one a line, is the same tokenizer.
#[test]
fn a_list_of_tokens_is_the_same_tokenizer() {
    for name in ["default", "plain", "every"] {
        let golden = ItmGolden::load(name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let whole = open(&golden, dir.path(), 1);
        let json: serde_json::Value = serde_json::from_str(&golden.files["tokenizer.json"]).unwrap();
        let mut tokens: Vec<(u64, &String)> =
            json["model"]["vocab"].as_object().unwrap().iter().map(|(t, id)| (id.as_u64().unwrap(), t)).collect();
        tokens.sort_unstable();
        let list: String = tokens.into_iter().map(|(_, token)| format!("{token}\n")).collect();
        std::fs::remove_file(dir.path().join("hf/tokenizer.json")).unwrap();
        std::fs::write(dir.path().join("hf/vocab.txt"), list).unwrap();
        let file = dir.path().join("list.gguf");
        ocelli_convert::convert(&dir.path().join("hf"), &file, &Options::new(TensorType::F32), &()).unwrap();
        let listed = Engine::new(1).unwrap().open(&file, Load::Map).unwrap();
        let keys = |model: &Model| {
            let keys = model.file().keys().filter(|(key, _)| key.contains("token"));
            keys.map(|(key, value)| (key.to_owned(), format!("{:?}", ocelli_quant::gguf::MetaValue::from(value))))
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&whole), keys(&listed), "{name}");
    }
}

/// The file with its first number of a tensor put to NaN.
fn damaged(bytes: &[u8], tensor: &str) -> Vec<u8> {
    let file = Gguf::parse(Arc::new(bytes.to_vec())).unwrap();
    let info = file.tensors().iter().find(|info| info.name == tensor).unwrap();
    let (data, mut bytes) = (file.data(info), bytes.to_vec());
    let at = bytes.windows(data.len()).position(|window| window == data).unwrap();
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    bytes
}

#[test]
fn what_is_no_number_is_told() {
    let golden = ItmGolden::load("default").unwrap();
    let dir = tempfile::tempdir().unwrap();
    open(&golden, dir.path(), 1);
    let bytes = std::fs::read(dir.path().join("model.gguf")).unwrap();
    let (pictures, texts) = (pictures(&golden), texts(&golden));
    for (tensor, whose) in
        [("mm.itm.bias", "a match"), ("mm.itc_text.bias", "a text"), ("mm.itc_image.bias", "a picture")]
    {
        let model = Engine::new(1).unwrap().open_bytes(Arc::new(damaged(&bytes, tensor))).unwrap();
        let mut session = session(&model);
        let error = session.match_texts(&pictures, &texts, &mut quiet).unwrap_err();
        assert!(matches!(error, Error::NotFinite { what } if what == whose), "{tensor}: {error}");
        assert_eq!(session.compared_texts(&texts, true).is_err(), whose == "a text");
        assert_eq!(session.compared_image(&pictures[0], true).is_err(), whose == "a picture");
    }
    let model = Engine::new(1).unwrap().open_bytes(Arc::new(damaged(&bytes, "v.post_ln.bias"))).unwrap();
    let mut session = session(&model);
    assert!(matches!(session.image_features(&pictures[0]), Err(Error::NotFinite { what: "a picture" })));
    assert!(matches!(session.embed_image(&pictures[0]), Err(Error::NotFinite { what: "a picture" })));
}
