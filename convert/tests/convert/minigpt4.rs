//! MiniGPT-4's parts: what is missing or is something else is refused by name. That they make the model which the original
//! has is for the goldens to say.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ocelli_convert::{ConvertError, MiniGpt4, Options, convert_minigpt4};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, MetaValue};
use serde_json::json;

use crate::text::{TEXT_WIDTH, model};
use crate::tiny::*;

const TOWER: u64 = 88;

fn empty() -> Model {
    Model { config: json!({}), tensors: BTreeMap::new(), store: Store::F32, files: BTreeMap::new() }
}

/// EVA's tower of one block, and the one that is not used.
fn tower() -> Model {
    let mut tower = empty();
    tower.add("cls_token", &[1, 1, TOWER]);
    tower.add("pos_embed", &[1, 5, TOWER]);
    tower.add("patch_embed.proj.weight", &[TOWER, 3, 14, 14]);
    tower.add("patch_embed.proj.bias", &[TOWER]);
    for n in 0..2 {
        let b = format!("blocks.{n}");
        tower.norm(&format!("{b}.norm1"), TOWER);
        tower.norm(&format!("{b}.norm2"), TOWER);
        tower.add(&format!("{b}.attn.qkv.weight"), &[3 * TOWER, TOWER]);
        tower.add(&format!("{b}.attn.q_bias"), &[TOWER]);
        tower.add(&format!("{b}.attn.v_bias"), &[TOWER]);
        tower.linear(&format!("{b}.attn.proj"), TOWER, TOWER);
        tower.linear(&format!("{b}.mlp.fc1"), TOWER, 32);
        tower.linear(&format!("{b}.mlp.fc2"), 32, TOWER);
    }
    tower
}

fn trained() -> Model {
    let mut trained = empty();
    trained.linear("llama_proj", 4 * TOWER, TEXT_WIDTH);
    trained
}

fn converted(trained: &Model, vision: &Model) -> Result<Gguf, ConvertError> {
    beside(trained, vision, &model("llama"), None)
}

/// The same with this language model, which may be a delta to another.
fn beside(trained: &Model, vision: &Model, language: &Model, base: Option<&Model>) -> Result<Gguf, ConvertError> {
    let scratch = Scratch::new();
    let directory = |name: &str, model: &Model| {
        let directory = scratch.0.join(name);
        fs::create_dir(&directory).unwrap();
        model.write(&directory);
        directory
    };
    let (language, base) = (directory("language", language), base.map(|base| directory("base", base)));
    let file = |name: &str, model: &Model| -> PathBuf {
        let path = scratch.0.join(name);
        fs::write(&path, model.torch_bytes(&model.tensors.keys().collect::<Vec<_>>())).unwrap();
        path
    };
    let (checkpoint, vision) = (file("trained.pth", trained), file("eva.pth", vision));
    let out = scratch.0.join("out.gguf");
    convert_minigpt4(&MiniGpt4 { checkpoint, vision, qformer: None, language, base }, &out, &Options::new(F32), &())?;
    Ok(parse(&out))
}

fn fails(trained: &Model, vision: &Model, code: &str, parts: &[&str]) {
    match converted(trained, vision) {
        Ok(_) => panic!("converted, expected {code}"),
        Err(error) => check(&error, code, parts),
    }
}

#[test]
fn neighbouring_rows_need_no_qformer() {
    let file = converted(&trained(), &tower()).unwrap();
    let value = |key: &str| MetaValue::from(file.get(key).unwrap_or_else(|| panic!("{key}")));
    assert_eq!(value("ocelli.projector.merge_rows"), MetaValue::U32(4));
    assert_eq!(value("clip.vision.block_count"), MetaValue::U32(1));
    assert_eq!(value("ocelli.prompt.texts_apart"), MetaValue::Bool(true));
    // Nothing was trained there: it norms and no more.
    assert_eq!(decode(&file, "v.post_ln.weight"), vec![1.0; TOWER as usize]);
    assert_eq!(decode(&file, "v.post_ln.bias"), vec![0.0; TOWER as usize]);
}

#[test]
fn a_language_model_may_be_a_delta() {
    let wanted = converted(&trained(), &tower()).unwrap();
    let (mut delta, mut base) = (model("llama"), model("llama"));
    for (name, tensor) in &mut base.tensors {
        // Exact, so that nothing is rounded on the way there and back.
        tensor.data.iter_mut().for_each(|value| *value = *value * 0.5 + 0.25);
        let delta = delta.tensors.get_mut(name).unwrap();
        delta.data.iter_mut().zip(&tensor.data).for_each(|(delta, base)| *delta -= base);
    }
    let file = beside(&trained(), &tower(), &delta, Some(&base)).unwrap();
    assert_eq!(file.tensors().len(), wanted.tensors().len());
    for tensor in wanted.tensors() {
        assert_eq!(decode(&file, &tensor.name), decode(&wanted, &tensor.name), "{}", tensor.name);
    }
    base.tensors.remove("model.norm.weight");
    let error = beside(&trained(), &tower(), &delta, Some(&base)).map(|_| ()).unwrap_err();
    check(&error, "delta_alone", &["model.norm.weight", "--base"]);
}

#[test]
fn positions_are_spread_out_for_an_adapter() {
    let mut trained = trained();
    let name = "llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora";
    trained.add(&format!("{name}_A.weight"), &[2, TEXT_WIDTH]);
    trained.add(&format!("{name}_B.weight"), &[32, 2]);
    let file = converted(&trained, &tower()).unwrap();
    assert_eq!(file.tensor("v.position_embd.weight").unwrap().shape, [TOWER, 1 + 32 * 32]);
    let mut other = tower();
    other.add("pos_embed", &[1, 5, TOWER / 2]);
    fails(&trained, &other, "shape", &["pos_embed", "44", "88"]);
    trained.add(&format!("{name}_B.weight"), &[32, 3]);
    fails(&trained, &tower(), "adapter_factors", &["q_proj", "rank 2", "[32, 3]"]);
}

#[test]
fn parts_that_are_missing_are_named() {
    let mut other = empty();
    other.linear("something", 4, 4);
    fails(&other, &tower(), "no_lavis_checkpoint", &["trained.pth", "llama_proj.weight"]);
    other.linear("llama_proj", 96, TEXT_WIDTH);
    fails(&other, &tower(), "part_missing", &["--qformer", "96", "88"]);
    fails(&trained(), &trained(), "no_tower", &["eva.pth", "cls_token"]);
    let mut narrow = empty();
    narrow.linear("llama_proj", 4 * TOWER, TEXT_WIDTH + 8);
    fails(&narrow, &tower(), "shape", &["llama_proj", "24", "32"]);
}
