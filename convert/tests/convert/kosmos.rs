//! KOSMOS-2 as transformers saves it and as its makers did, with SentencePiece's file alone. That the ids are the library's and the
//! numbers the originals' is compared in `tests/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ocelli_convert::{KosmosOriginal, Options, convert, convert_kosmos};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, Value as Key};
use serde_json::json;

use crate::pieces::{bytes, integer, piece};
use crate::tiny::*;
use crate::torch_file::*;

const SENTENCES: &str = "sentencepiece.bpe.model";
const WIDTH: u64 = 8;
const TOWER: u64 = 12;
/// Seven pieces, those that the class adds, the tags, and places of the grid as far as there are rows.
const ROWS: u64 = 7 + 2 + 11 + 4;

fn sentences(first: [&str; 3]) -> Vec<u8> {
    let kinds = [2, 3, 3];
    let mut all: Vec<u8> = first.iter().zip(kinds).flat_map(|(text, kind)| piece(text, 0.0, kind)).collect();
    all.extend([piece("▁a", -1.0, 1), piece("▁", -2.0, 1), piece("a", -3.0, 1), piece("b", -3.5, 1)].concat());
    all.extend([bytes(2, &integer(3, 1)), bytes(3, &[])].concat());
    all
}

/// Of two heads and a layer each; the tower's places are 2 x 2.
fn model() -> Model {
    let mut model = Model { config: json!({}), tensors: BTreeMap::new(), store: Store::F32, files: BTreeMap::new() };
    model.config = json!({"model_type": "kosmos-2", "latent_query_num": 3,
        "text_config": {"vocab_size": ROWS, "embed_dim": WIDTH, "layers": 1, "ffn_dim": 10, "attention_heads": 2},
        "vision_config": {"hidden_size": TOWER, "intermediate_size": 14, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 14, "patch_size": 7}});
    let square = json!({"height": 14, "width": 14});
    let images = json!({"image_processor_type": "CLIPImageProcessor", "size": square, "crop_size": square});
    model.files.insert("preprocessor_config.json".to_owned(), images.to_string());
    let v = "vision_model.model";
    model.add(&format!("{v}.embeddings.class_embedding"), &[TOWER]);
    model.add(&format!("{v}.embeddings.patch_embedding.weight"), &[TOWER, 3, 7, 7]);
    model.add(&format!("{v}.embeddings.position_embedding.weight"), &[5, TOWER]);
    model.norm(&format!("{v}.pre_layrnorm"), TOWER);
    model.norm(&format!("{v}.post_layernorm"), TOWER);
    let (l, t) = (format!("{v}.encoder.layers.0"), "text_model.model.layers.0");
    let x = "image_to_text_projection.x_attn";
    for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        model.linear(&format!("{l}.self_attn.{part}"), TOWER, TOWER);
        model.linear(&format!("{t}.self_attn.{part}"), WIDTH, WIDTH);
        model.linear(&format!("{x}.{part}"), WIDTH, WIDTH);
    }
    model.norm(&format!("{l}.layer_norm1"), TOWER);
    model.norm(&format!("{l}.layer_norm2"), TOWER);
    model.linear(&format!("{l}.mlp.fc1"), TOWER, 14);
    model.linear(&format!("{l}.mlp.fc2"), 14, TOWER);
    model.linear("image_to_text_projection.dense", TOWER, WIDTH);
    model.add("image_to_text_projection.latent_query", &[3, WIDTH]);
    model.add("text_model.model.embed_tokens.weight", &[ROWS, WIDTH]);
    for (name, width) in [
        ("self_attn_layer_norm", WIDTH),
        ("self_attn.inner_attn_ln", WIDTH),
        ("final_layer_norm", WIDTH),
        ("ffn.ffn_layernorm", 10),
    ] {
        model.norm(&format!("{t}.{name}"), width);
    }
    model.linear(&format!("{t}.ffn.fc1"), WIDTH, 10);
    model.linear(&format!("{t}.ffn.fc2"), 10, WIDTH);
    model.norm("text_model.model.layer_norm", WIDTH);
    model
}

/// fairseq's name of a tensor.
fn original(name: &str) -> String {
    let name =
        name.replace("text_model.model.", "gpt_model.decoder.").replace("image_to_text_projection.", "img_connector.");
    if !name.starts_with("vision_model.") {
        return name;
    }
    [
        ("embeddings.class_embedding", "class_embedding"),
        ("embeddings.position_embedding.weight", "positional_embedding"),
        ("embeddings.patch_embedding", "conv1"),
        ("pre_layrnorm", "ln_pre"),
        ("post_layernorm", "ln_post"),
        ("encoder.layers", "transformer.resblocks"),
        ("self_attn", "ts_attn"),
        ("layer_norm", "ln_"),
        ("fc1", "c_fc"),
        ("fc2", "c_proj"),
        ("vision_model.model.", "img_model.visual."),
    ]
    .iter()
    .fold(name, |name, (ours, theirs)| name.replace(ours, theirs))
}

/// What fairseq saves: the model beside settings and numbers that are nobody's.
fn saved(model: &Model, also: &[(&str, &[u64])]) -> Vec<u8> {
    let mut other = Model { tensors: BTreeMap::new(), ..model.clone() };
    other.tensors = model.tensors.iter().map(|(name, tensor)| (original(name), tensor.clone())).collect();
    also.iter().for_each(|(name, shape)| other.add(name, shape));
    let (dict, storages) = state_dict(&other, &other.tensors.keys().collect::<Vec<_>>());
    let settings = |pickle: Pickle| {
        let bag = pickle.text("args").import("argparse", "Namespace").op(b")\x81}");
        bag.text("arch").text("kosmos").op(b"sbs")
    };
    let whole = settings(Pickle::new().op(b"}")).text("model").op(&dict.0[2..]).op(b"s");
    file(&whole.text("last_optimizer_state").op(b"Ns").end(), &storages)
}

fn keys(file: &Gguf) -> BTreeMap<String, String> {
    file.keys().map(|(key, value)| (key.to_owned(), format!("{value:?}"))).collect()
}

fn told(dir: &Path, xpos: bool) -> (KosmosOriginal, Options) {
    let heads = Some(2);
    let source = KosmosOriginal { checkpoint: dir.join("kosmos-2.pt"), xpos, heads, vision_heads: heads };
    (source, Options { tokenizer: Some(dir.join("sentences")), ..Options::new(F32) })
}

#[test]
fn both_layouts_become_the_same_file() {
    let (scratch, model) = (Scratch::new(), model());
    let dir = &scratch.0;
    fs::create_dir(dir.join("hf")).unwrap();
    model.write(&dir.join("hf"));
    let good = sentences(["<unk>", "<s>", "</s>"]);
    fs::write(dir.join("hf").join(SENTENCES), &good).unwrap();
    convert(&dir.join("hf"), &dir.join("hf.gguf"), &Options::new(F32), &()).unwrap();
    let whole = parse(&dir.join("hf.gguf"));
    let tokens = whole.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let begin: Vec<&str> = tokens.iter().take(11).collect();
    assert_eq!(begin, ["<s>", "<pad>", "</s>", "<unk>", "▁a", "▁", "a", "b", "<mask>", "</doc>", "<image>"]);
    assert_eq!((tokens.len(), tokens.get(23)), (24, Some("<patch_index_0003>")));
    for (key, number) in [
        ("tokenizer.ggml.bos_token_id", 0),
        ("tokenizer.ggml.padding_token_id", 1),
        ("tokenizer.ggml.eos_token_id", 2),
        ("tokenizer.ggml.unknown_token_id", 3),
        ("ocelli.image_begin_token", 10),
        ("ocelli.image_end_token", 11),
        ("ocelli.image_first_row_id", 4),
        ("kosmos.position_offset", 2),
    ] {
        assert_eq!(whole.get(key), Some(Key::U32(number)), "{key}");
    }
    assert_eq!(whole.get("tokenizer.ggml.add_bos_token"), Some(Key::Bool(true)));
    assert_eq!(whole.get("tokenizer.ggml.add_eos_token"), Some(Key::Bool(false)));
    assert_eq!(whole.u32s("ocelli.tokenizer.lstrip_ids").unwrap().unwrap(), (8..24).collect::<Vec<u32>>());

    let unused: &[(&str, &[u64])] =
        &[("gpt_model.decoder.self_attn_sope.scale", &[2]), ("gpt_model.decoder.embed_positions._float_tensor", &[1])];
    fs::write(dir.join("kosmos-2.pt"), saved(&model, unused)).unwrap();
    fs::write(dir.join("sentences"), &good).unwrap();
    let (source, options) = told(dir, false);
    convert_kosmos(&source, &dir.join("pt.gguf"), &options, &()).unwrap();
    let other = parse(&dir.join("pt.gguf"));
    assert_eq!(keys(&other), keys(&whole));
    for tensor in whole.tensors() {
        let same = other.tensor(&tensor.name).map(|found| other.data(found));
        assert_eq!(same, Some(whole.data(tensor)), "{}", tensor.name);
    }
    let (source, options) = told(dir, true);
    convert_kosmos(&source, &dir.join("one.gguf"), &options, &()).unwrap();
    assert_eq!(parse(&dir.join("one.gguf")).get("kosmos.position"), Some(Key::Str("xpos")));
}

#[test]
fn what_is_not_its_makers_is_refused_by_name() {
    let (scratch, model) = (Scratch::new(), model());
    let dir = &scratch.0;
    fs::write(dir.join("sentences"), sentences(["<s>", "<unk>", "</s>"])).unwrap();
    fs::write(dir.join("kosmos-2.pt"), saved(&model, &[])).unwrap();
    let (source, options) = told(dir, false);
    let fails = |code: &str, parts: &[&str]| {
        check(&convert_kosmos(&source, &dir.join("o.gguf"), &options, &()).unwrap_err(), code, parts);
    };
    fails("tokenizer", &["'<s>' stands where", "'<unk>'"]);
    fs::write(dir.join("sentences"), sentences(["<unk>", "<s>", "</s>"])).unwrap();
    fs::write(dir.join("kosmos-2.pt"), saved(&model, &[("gpt_model.decoder.layers.0.moe.gate", &[2])])).unwrap();
    fails("unknown_tensors", &["moe.gate"]);
    let mut less = model.clone();
    less.tensors.remove("image_to_text_projection.latent_query");
    fs::write(dir.join("kosmos-2.pt"), saved(&less, &[])).unwrap();
    fails("missing_tensors", &["latent_query"]);
}

#[test]
fn places_and_tasks_are_keys() {
    let mut model = model();
    let tasks =
        |file: &Gguf| file.strings("ocelli.tasks").unwrap().unwrap().iter().map(str::to_owned).collect::<Vec<_>>();
    let convert = |model: &Model| {
        let scratch = Scratch::new();
        model.write(&scratch.0);
        fs::write(scratch.0.join(SENTENCES), sentences(["<unk>", "<s>", "</s>"])).unwrap();
        let out = scratch.0.join("o.gguf");
        convert(&scratch.0, &out, &Options::new(F32), &()).map(|report| (parse(&out), report.notes))
    };
    // Of 1,024 places four have rows: nothing can be pointed at.
    let (file, notes) = convert(&model).unwrap();
    assert!(notes.iter().any(|note| note.starts_with("1020 of the processor's tags")), "{notes:?}");
    assert_eq!(file.get("ocelli.pointing.kind"), None);
    assert!(!tasks(&file).contains(&"ground".to_owned()));
    let processor = json!({"processor_class": "Kosmos2Processor", "num_patch_index_tokens": 4});
    model.files.insert("processor_config.json".to_owned(), processor.to_string());
    let (file, _) = convert(&model).unwrap();
    assert_eq!(file.get("ocelli.pointing.kind"), Some(Key::Str("cells")));
    assert_eq!(file.get("ocelli.pointing.scale"), Some(Key::U32(2)));
    assert!(["caption", "raven8", "ground", "find"].iter().all(|name| tasks(&file).contains(&(*name).to_owned())));
    assert_eq!(file.get("ocelli.task.find.begin"), Some(Key::Str("<grounding>")));
    assert_eq!(file.get("ocelli.task.introduce.no_repeat_ngram_size"), Some(Key::U32(3)));
}
