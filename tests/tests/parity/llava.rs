//! LLaVA against transformers, MiniGPT-4 and mPLUG-Owl against their code written out beside the goldens: ids, pixels to the bit, rows, logits, greedy and beam text and scores of prompts with none to
//! three pictures of five shapes.

use crate::{check_generations, check_logits, check_scores, close, quiet};
use ocelli_convert::{MiniGpt4, Options, Original, convert_llava, convert_minigpt4};
use ocelli_engine::chat::{ChatTemplate, Content, Message, Part};
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Engine, GenerateOptions, Item, Load, Model, Prompt, Session, SessionOptions, Wanted};
use ocelli_quant::TensorType;
use ocelli_tests::formula::fnv1a;
use ocelli_tests::mixed_golden::GoldenPiece;
use ocelli_tests::spliced_golden::{GEMMA3, INTERNVL, LFM2_VL, LLAVA, MINIGPT4, MPLUG_OWL, SplicedCase, SplicedGolden};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn open(golden: &SplicedGolden, dir: &Path, threads: usize) -> Model {
    golden.write(&dir.join("hf")).unwrap();
    let file = dir.join("model.gguf");
    ocelli_convert::convert(&dir.join("hf"), &file, &Options::new(TensorType::F32), &())
        .unwrap_or_else(|e| panic!("{}: {e}", golden.name));
    Engine::new(threads).unwrap().open(&file, Load::Map).unwrap_or_else(|e| panic!("{}: {e}", golden.name))
}

/// The same of a model whose parts lie apart.
fn put_together(golden: &SplicedGolden, dir: &Path, threads: usize) -> Model {
    let (file, language) = (dir.join("model.gguf"), dir.join("hf"));
    golden.write(&language).unwrap();
    let part = |name| golden.write_part(name, dir).unwrap();
    let (checkpoint, vision) = (part("checkpoint").unwrap(), part("vision").unwrap());
    let sources = MiniGpt4 { checkpoint, vision, qformer: part("qformer"), language, base: None };
    convert_minigpt4(&sources, &file, &Options::new(TensorType::F32), &())
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

/// The ids with the placeholder for each row of a picture, or with what counts up from it.
fn ids(model: &Model, golden: &SplicedGolden, prompt: &Prompt) -> Vec<u32> {
    let items = model.compose(prompt).unwrap();
    let row = |at: usize| golden.placeholder + if model.defaults().image_ids_rise { at as u32 } else { 0 };
    let rows = |count: usize| (0..count).map(row).collect::<Vec<u32>>();
    let one = |item: &Item| match (item, item.marks()) {
        (Item::Tokens(ids), _) => ids.clone(),
        (_, []) => rows(model.count(std::slice::from_ref(item))),
        (_, marks) => marks.iter().flat_map(|mark| [mark.tokens.clone(), rows(mark.rows)].concat()).collect(),
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

/// Batches that have no room for a picture's rows are as long as these.
#[test]
fn gemma3_agrees_whole_and_in_pieces() {
    for name in GEMMA3 {
        let golden = SplicedGolden::load("gemma3", name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        assert_eq!(model.defaults().image_id, Some(golden.placeholder), "{name}");
        [3, 20, 256].into_iter().for_each(|batch| answers_agree(&golden, &model, batch));
    }
}

#[test]
fn internvl_agrees_whole_and_in_pieces() {
    for name in INTERNVL {
        let golden = SplicedGolden::load("internvl", name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        assert_eq!(model.defaults().image_id, Some(golden.placeholder), "{name}");
        [7, 256].into_iter().for_each(|batch| answers_agree(&golden, &model, batch));
    }
}

#[test]
fn lfm2_vl_agrees_whole_and_in_pieces() {
    for name in LFM2_VL {
        let golden = SplicedGolden::load("lfm2_vl", name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        assert_eq!(model.defaults().image_id, Some(golden.placeholder), "{name}");
        [7, 256].into_iter().for_each(|batch| answers_agree(&golden, &model, batch));
    }
}

#[test]
fn mplug_owl_and_minigpt4_agree() {
    for (family, names) in [("mplug_owl", &MPLUG_OWL[..]), ("minigpt4", &MINIGPT4)] {
        for name in names {
            let golden = SplicedGolden::load(family, name).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let model = if family == "minigpt4" { put_together } else { open }(&golden, dir.path(), 2);
            [7, 256].into_iter().for_each(|batch| answers_agree(&golden, &model, batch));
        }
    }
}

/// Goldens that are not kept, made by `llava.py --random FIRST COUNT DIR`, or by those of the other two families.
#[test]
#[ignore = "OCELLI_LLAVA_GOLDENS names a folder of goldens that are not kept"]
fn configurations_in_a_folder_agree() {
    let folder = std::env::var_os("OCELLI_LLAVA_GOLDENS").expect("OCELLI_LLAVA_GOLDENS names the folder");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for file in &files {
        let golden = SplicedGolden::read(file).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = match &golden.original {
            Some(_) => crate::kosmos::original(&golden, dir.path(), 2),
            None if golden.parts.is_empty() => open(&golden, dir.path(), 2),
            None => put_together(&golden, dir.path(), 2),
        };
        answers_agree(&golden, &model, 5);
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

/// A golden as the original repository has it: the language model's directory and CLIP's. Weights are others, by other names.
fn original(golden: &SplicedGolden, dir: &Path, conversation: Option<&str>) -> Original {
    let (language, vision) = (dir.join("original"), dir.join("clip"));
    let (mut speaks, mut sees) = (golden.clone_files(), golden.clone_files());
    for (name, shape) in &golden.tensors {
        if let Some(name) = name.strip_prefix("vision_tower.") {
            sees.tensors.push((name.to_owned(), shape.clone()));
        } else if let Some(name) = name.strip_prefix("language_model.") {
            speaks.tensors.push((name.to_owned(), shape.clone()));
        } else {
            let name = name.replace("multi_modal_projector.linear_1", "model.mm_projector.0");
            let name = name.replace("multi_modal_projector.linear_2", "model.mm_projector.2");
            speaks.tensors.push((name, shape.clone()));
        }
    }
    let config: serde_json::Value = serde_json::from_str(&golden.files["config.json"]).unwrap();
    let mut text = config["text_config"].clone();
    for (key, value) in
        [("model_type", "llava_llama"), ("mm_projector_type", "mlp2x_gelu"), ("image_aspect_ratio", "pad")]
    {
        text[key] = value.into();
    }
    sees.files.remove("processor_config.json");
    speaks.files.insert("config.json".to_owned(), text.to_string());
    sees.files.insert("config.json".to_owned(), config["vision_config"].to_string());
    speaks.write(&language).unwrap();
    sees.write(&vision).unwrap();
    let conversation = conversation.map(str::to_owned);
    Original { language, vision, base: None, projector: None, lora: None, conversation }
}

/// What LLaVA's `conversation.py`, MiniGPT-4's and mPLUG-Owl's write for a picture, a question, its answer and another question.
#[test]
fn conversations_are_the_originals() {
    const USER: &str = "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, \
                        detailed, and polite answers to the user's questions.";
    const SEES: &str = "You are a helpful language and vision assistant. You are able to understand the visual content that the \
                        user provides, and assist the user with a variety of tasks using natural language.";
    let human = USER.replace("user", "human");
    let golden = SplicedGolden::load("llava", "default").unwrap();
    let cases = [
        ("vicuna_v1", format!("{USER} USER: <image>\nwhat? ASSISTANT: two</s>USER: of? ASSISTANT:")),
        ("llava_v1", format!("{human} USER: <image>\nwhat? ASSISTANT: two</s>USER: of? ASSISTANT:")),
        ("llava_v0", format!("{human}###Human: <image>\nwhat?###Assistant: two###Human: of?###Assistant:")),
        (
            "llava_llama_2",
            format!("[INST] <<SYS>>\n{SEES}\n<</SYS>>\n\n<image>\nwhat? [/INST] two </s><s>[INST] of? [/INST]"),
        ),
        ("mistral_instruct", "[INST] <image>\nwhat? [/INST] two </s>[INST] of? [/INST]".to_owned()),
        (
            "chatml_direct",
            "<|im_start|>system\nAnswer the questions.<|im_end|><|im_start|>user\n<image>\nwhat?<|im_end|><|im_start|>assistant\n\
             two<|im_end|><|im_start|>user\nof?<|im_end|><|im_start|>assistant\n"
                .to_owned(),
        ),
    ];
    let first = [Part::Image, Part::Text("what?")];
    let said = |list: &'static [Part<'static>]| {
        [
            Message { role: "user", content: Content::Parts(list) },
            Message { role: "assistant", content: Content::Text("two") },
            Message { role: "user", content: Content::Text("of?") },
        ]
    };
    let messages = said(Box::leak(Box::new(first)));
    for (name, wanted) in &cases {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("model.gguf");
        let sources = original(&golden, dir.path(), Some(name));
        convert_llava(&sources, &file, &Options::new(TensorType::F32), &()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let model = Engine::new(1).unwrap().open(&file, Load::Map).unwrap();
        let chat = ChatTemplate::from_gguf(model.file()).unwrap().unwrap();
        let rendered = chat.prompt(&messages, true, model.tokenizer()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(rendered.text(), format!("<s>{wanted}"), "{name}");
        let prompt = rendered.prompt(model.tokenizer(), &[picture(&golden, 0)]).unwrap();
        let items = model.compose(&prompt).unwrap();
        assert_eq!(items.iter().filter(|item| item.views().is_some()).count(), 1, "{name}");
        let stop = &model.defaults().resolve(&Wanted::default(), 1).unwrap().stop;
        let stops = match *name {
            "llava_v0" => vec!["###".to_owned()],
            "chatml_direct" => vec!["<|im_end|>".to_owned()],
            _ => vec![],
        };
        assert_eq!(*stop, stops, "{name}");
    }
    for (family, name, wanted) in [
        (
            "mplug_owl",
            "default",
            "<s>The following is a conversation between a curious human and AI assistant. The assistant gives helpful, detailed, \
             and polite answers to the user's questions.\nHuman: <image>\nHuman: what?\nAI: two\nHuman: of?\nAI: ",
        ),
        (
            "minigpt4",
            "vicuna",
            "<s>Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. \
             Please answer my questions.###Human: <Img><image></Img> what?###Assistant: two###Human: of?###Assistant: ",
        ),
        ("minigpt4", "v2", "<s><s>[INST] <Img><image></Img> what? [/INST]two<s>[INST] of? [/INST]"),
    ] {
        let golden = SplicedGolden::load(family, name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = if family == "minigpt4" { put_together } else { open }(&golden, dir.path(), 1);
        let chat = ChatTemplate::from_gguf(model.file()).unwrap().unwrap();
        let rendered = chat.prompt(&messages, true, model.tokenizer()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(rendered.text(), wanted, "{family} {name}");
    }
}
