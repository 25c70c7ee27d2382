//! OpenFlamingo's models, whose parts lie in three places.

use std::collections::BTreeMap;
use std::fs;

use ocelli_convert::{ConvertError, OpenFlamingo, Options, Report, convert_open_flamingo};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, Value as Key};
use serde_json::json;

use crate::text::{ROWS, TEXT_WIDTH, fused};
use crate::tiny::*;
use crate::torch_file::*;

/// Rows of the adapter's embedding: the tokenizer's 40 tokens, of which one is `<image>`, and two more.
const TOKENS: u64 = 42;
const TOWER: u64 = 16;

/// The three parts, the adapter as released: in a dict, each name behind `module.`.
#[derive(Clone)]
struct Parts {
    language: Model,
    vision: Model,
    adapter: Model,
    adapter_file: &'static str,
}

fn empty() -> Model {
    Model { config: json!({}), tensors: BTreeMap::new(), store: Store::F32, files: BTreeMap::new() }
}

fn parts(kind: &str) -> Parts {
    let mut language = fused(kind);
    let (mut vision, mut adapter) = (empty(), empty());
    let blocks = if kind == "gpt_neox" { "gpt_neox.layers" } else { "transformer.blocks" };
    // A second layer like the first.
    let second: Vec<(String, Tensor)> = language
        .tensors
        .iter()
        .filter(|(name, _)| name.starts_with(&format!("{blocks}.0.")))
        .map(|(name, tensor)| (name.replace(".0.", ".1."), tensor.clone()))
        .collect();
    language.tensors.extend(second);
    let layers = if kind == "gpt_neox" { "num_hidden_layers" } else { "n_layers" };
    language.config[layers] = json!(2);

    vision.config = json!({"model_type": "clip", "vision_config": {"hidden_size": TOWER, "intermediate_size": 32,
        "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 14, "patch_size": 7}});
    let v = "vision_model";
    vision.add(&format!("{v}.embeddings.class_embedding"), &[TOWER]);
    vision.add(&format!("{v}.embeddings.patch_embedding.weight"), &[TOWER, 3, 7, 7]);
    vision.add(&format!("{v}.embeddings.position_embedding.weight"), &[5, TOWER]);
    vision.add(&format!("{v}.embeddings.position_ids"), &[1, 5]);
    vision.norm(&format!("{v}.pre_layrnorm"), TOWER);
    vision.norm(&format!("{v}.post_layernorm"), TOWER);
    let l = format!("{v}.encoder.layers.0");
    for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        vision.linear(&format!("{l}.self_attn.{part}"), TOWER, TOWER);
    }
    vision.norm(&format!("{l}.layer_norm1"), TOWER);
    vision.norm(&format!("{l}.layer_norm2"), TOWER);
    vision.linear(&format!("{l}.mlp.fc1"), TOWER, 32);
    vision.linear(&format!("{l}.mlp.fc2"), 32, TOWER);
    vision.add("text_model.embeddings.token_embedding.weight", &[4, 4]);
    vision.add("logit_scale", &[]);

    adapter.add("perceiver.latents", &[64, TOWER]);
    adapter.norm("perceiver.norm", TOWER);
    for n in 0..6 {
        let l = format!("perceiver.layers.{n}");
        adapter.norm(&format!("{l}.0.norm_media"), TOWER);
        adapter.norm(&format!("{l}.0.norm_latents"), TOWER);
        adapter.add(&format!("{l}.0.to_q.weight"), &[512, TOWER]);
        adapter.add(&format!("{l}.0.to_kv.weight"), &[1024, TOWER]);
        adapter.add(&format!("{l}.0.to_out.weight"), &[TOWER, 512]);
        adapter.norm(&format!("{l}.1.0"), TOWER);
        adapter.add(&format!("{l}.1.1.weight"), &[4 * TOWER, TOWER]);
        adapter.add(&format!("{l}.1.3.weight"), &[TOWER, 4 * TOWER]);
    }
    let (g, w) = (format!("lang_encoder.{blocks}.1.gated_cross_attn_layer"), TEXT_WIDTH);
    adapter.add(&format!("{g}.attn_gate"), &[1]);
    adapter.add(&format!("{g}.ff_gate"), &[1]);
    adapter.norm(&format!("{g}.attn.norm"), w);
    adapter.add(&format!("{g}.attn.to_q.weight"), &[512, w]);
    adapter.add(&format!("{g}.attn.to_kv.weight"), &[1024, TOWER]);
    adapter.add(&format!("{g}.attn.to_out.weight"), &[w, 512]);
    adapter.norm(&format!("{g}.ff.0"), w);
    adapter.add(&format!("{g}.ff.1.weight"), &[4 * w, w]);
    adapter.add(&format!("{g}.ff.3.weight"), &[w, 4 * w]);
    if kind == "gpt_neox" {
        adapter.add("lang_encoder.gpt_neox.embed_in.weight", &[TOKENS, w]);
        adapter.add("lang_encoder.embed_out.weight", &[TOKENS, w]);
    } else {
        adapter.add("lang_encoder.transformer.wte.weight", &[TOKENS, w]);
    }
    Parts { language, vision, adapter, adapter_file: "checkpoint.pt" }
}

impl Parts {
    fn convert(&self) -> Result<(Gguf, Report), ConvertError> {
        let scratch = Scratch::new();
        let [language, vision] = ["language", "vision"].map(|name| scratch.0.join(name));
        for (directory, model) in [(&language, &self.language), (&vision, &self.vision)] {
            fs::create_dir(directory).unwrap();
            model.write(directory);
        }
        let mut parallel = self.adapter.clone();
        parallel.tensors = self.adapter.tensors.iter().map(|(n, t)| (format!("module.{n}"), t.clone())).collect();
        let (dict, storages) = state_dict(&parallel, &parallel.tensors.keys().collect::<Vec<_>>());
        let wrapped = Pickle::new().op(b"}").text("model_state_dict").op(&dict.0[2..]).op(b"s").end();
        let adapter = scratch.0.join(self.adapter_file);
        fs::write(&adapter, file(&wrapped, &storages)).unwrap();
        let out = scratch.0.join("out.gguf");
        let report = convert_open_flamingo(&OpenFlamingo { adapter, language, vision }, &out, &Options::new(F32), &())?;
        Ok((parse(&out), report))
    }

    fn fails(&self, code: &str, parts: &[&str]) {
        match self.convert() {
            Ok(_) => panic!("converted, expected {code}"),
            Err(error) => check(&error, code, parts),
        }
    }
}

#[test]
fn parts_become_one_file() {
    for kind in ["mpt", "mosaic_gpt", "gpt_neox"] {
        let parts = parts(kind);
        let (file, report) = parts.convert().unwrap();
        let blocks = if kind == "gpt_neox" { "gpt_neox.layers" } else { "transformer.blocks" };
        let (embedding, output) = match kind {
            "gpt_neox" => ("lang_encoder.gpt_neox.embed_in.weight", Some("lang_encoder.embed_out.weight")),
            _ => ("lang_encoder.transformer.wte.weight", None),
        };
        assert_eq!(decode(&file, "token_embd.weight"), parts.adapter.tensors[embedding].data, "{kind}");
        if let Some(output) = output {
            assert_eq!(decode(&file, "output.weight"), parts.adapter.tensors[output].data);
        }
        let gated = format!("lang_encoder.{blocks}.1.gated_cross_attn_layer");
        let kv = &parts.adapter.tensors[&format!("{gated}.attn.to_kv.weight")].data;
        assert_eq!(decode(&file, "blk.1.cross_k.weight"), kv[..kv.len() / 2]);
        assert_eq!(decode(&file, "blk.1.cross_v.weight"), kv[kv.len() / 2..]);
        assert_eq!(decode(&file, "v.pre_ln.weight"), parts.vision.tensors["vision_model.pre_layrnorm.weight"].data);
        assert!(file.tensor("v.post_ln.weight").is_none() && file.tensor("blk.0.cross_q.weight").is_none());
        assert!(report.skipped.contains(&"vision_model.post_layernorm.weight".to_owned()), "{:?}", report.skipped);

        let architecture = if kind == "gpt_neox" { "gptneox" } else { "mpt" };
        assert_eq!(file.str("general.architecture").unwrap(), Some(architecture));
        assert_eq!(file.str("ocelli.family").unwrap(), Some("flamingo"));
        assert_eq!(file.get(&format!("{architecture}.vocab_size")), Some(Key::U32(TOKENS as u32)));
        for (key, value) in [
            ("cross_attention.interval", 2),
            ("cross_attention.offset", 1),
            ("cross_attention.head_count", 8),
            ("resampler.latent_count", 64),
            ("image_token", 39),
        ] {
            assert_eq!(file.get(&format!("ocelli.{key}")), Some(Key::U32(value)), "{key}");
        }
        assert_eq!(file.str("ocelli.image.resize").unwrap(), Some("crop"));
        assert_eq!(file.str("ocelli.shots.text").unwrap(), Some("<image>Output:{text}<|endofchunk|>"));
        let question = "<image>Question:{question} Short answer:{answer}<|endofchunk|>";
        assert_eq!(file.str("ocelli.shots.question").unwrap(), Some(question));
        // `<image>` is there; the end of a chunk and the padding are not.
        let tokens = file.strings("tokenizer.ggml.tokens").unwrap().unwrap();
        let tokens: Vec<&str> = tokens.iter().collect();
        assert_eq!((tokens.len(), tokens[39], tokens[40], tokens[41]), (42, "<image>", "<|endofchunk|>", "<PAD>"));
        assert_eq!(file.u32s("ocelli.generation.eos_ids").unwrap(), Some(vec![40]));
        assert_eq!(file.get("tokenizer.ggml.padding_token_id"), Some(Key::U32(41)));
        let types = file.i32s("tokenizer.ggml.token_type").unwrap().unwrap();
        assert_eq!(types[39..], [3, 3, 3]);
    }
}

#[test]
fn what_the_adapter_holds_of_the_language_model_is_taken() {
    let mut parts = parts("mpt");
    let own = "transformer.blocks.0.norm_1.weight";
    parts.adapter.add("lang_encoder.transformer.blocks.0.decoder_layer.norm_1.weight", &[TEXT_WIDTH]);
    for name in [
        "lang_encoder.old_decoder_blocks.0.norm_1.weight",
        "lang_encoder.gated_cross_attn_layers.1.attn_gate",
        "vision_encoder.class_embedding",
    ] {
        parts.adapter.add(name, &[3]);
    }
    let (file, _) = parts.convert().unwrap();
    let trained = &parts.adapter.tensors["lang_encoder.transformer.blocks.0.decoder_layer.norm_1.weight"].data;
    assert_ne!(trained, &parts.language.tensors[own].data);
    assert_eq!(&decode(&file, "blk.0.attn_norm.weight"), trained);

    // A padding token that is there is not added again.
    let config = json!({"pad_token": "<pad>"}).to_string();
    parts.language.files.insert("tokenizer_config.json".to_owned(), config);
    let (file, _) = parts.convert().unwrap();
    assert_eq!(file.get("tokenizer.ggml.padding_token_id"), Some(Key::U32(1)));
}

/// No release has embeddings of time, the class has.
#[test]
fn embeddings_of_time_are_kept() {
    let plain = parts("mpt").convert().unwrap().0;
    assert!(
        plain.get("ocelli.resampler.frame_count").is_none() && plain.tensor("mm.resampler.frame_embd.weight").is_none()
    );
    let mut timed = parts("mpt");
    timed.adapter.add("perceiver.frame_embs", &[3, TOWER]);
    let only_frames = timed.convert().unwrap().0;
    assert!(only_frames.get("ocelli.resampler.media_count").is_none());
    timed.adapter.add("perceiver.media_time_embs", &[5, 1, TOWER]);
    let (file, _) = timed.convert().unwrap();
    for (key, count, to, from) in
        [("frame_count", 3, "frame_embd", "frame_embs"), ("media_count", 5, "media_embd", "media_time_embs")]
    {
        assert_eq!(file.get(&format!("ocelli.resampler.{key}")), Some(Key::U32(count)));
        let name = format!("mm.resampler.{to}.weight");
        assert_eq!(file.tensor(&name).unwrap().shape, [TOWER, u64::from(count)]);
        assert_eq!(decode(&file, &name), timed.adapter.tensors[&format!("perceiver.{from}")].data);
    }
    let mut wide = timed.clone();
    wide.adapter.add("perceiver.media_time_embs", &[5, 2, TOWER]);
    wide.fails("shape", &["perceiver.media_time_embs"]);
    timed.adapter.add("perceiver.frame_embs", &[1_025, TOWER]);
    timed.fails("config_value", &["resampler_max_num_frames", "1025"]);
}

/// The same tensors come of one directory with all of it, in whose names the adapter's wrapping may be left.
#[test]
fn one_directory_may_hold_it_all() {
    for kind in ["mpt", "gpt_neox"] {
        let parts = parts(kind);
        let (apart, _) = parts.convert().unwrap();
        let mut whole = parts.language.clone();
        whole.tensors.retain(|name, _| !parts.adapter.tensors.contains_key(&format!("lang_encoder.{name}")));
        let vision = parts.vision.tensors.iter().filter(|(name, _)| name.starts_with("vision_model."));
        whole.tensors.extend(vision.chain(&parts.adapter.tensors).map(|(n, t)| (n.clone(), t.clone())));
        whole.config["vocab_size"] = json!(TOKENS);
        whole.config = json!({"model_type": "open_flamingo", "text_config": whole.config,
            "vision_config": parts.vision.config["vision_config"], "cross_attn_every_n_layers": 2});
        let plain = whole.convert_as(F32).unwrap().0;
        for tensor in apart.tensors() {
            assert_eq!(decode(&plain, &tensor.name), decode(&apart, &tensor.name), "{}", tensor.name);
        }
        assert_eq!(plain.tensors().len(), apart.tensors().len());
        let mut wrapped = whole.clone();
        wrapped.tensors = whole.tensors.iter().map(|(n, t)| (format!("module.{n}"), t.clone())).collect();
        wrapped.add("module.lang_encoder.old_decoder_blocks.0.norm_1.weight", &[3]);
        let wrapped = wrapped.convert_as(F32).unwrap().0;
        assert_eq!(wrapped.tensors().len(), apart.tensors().len());
        assert_eq!(decode(&wrapped, "token_embd.weight"), decode(&apart, "token_embd.weight"));
    }
}

#[test]
fn parts_that_do_not_belong_together_are_named() {
    let good = parts("mpt");
    let without = |name: &str| {
        let mut parts = good.clone();
        assert!(parts.adapter.tensors.remove(name).is_some(), "{name}");
        parts
    };
    without("lang_encoder.transformer.wte.weight")
        .fails("frozen_embeddings", &["lang_encoder.transformer.wte.weight", "frozen in training", "<|endofchunk|>"]);
    let mut other = good.clone();
    other.language = parts("gpt_neox").language;
    other.fails("no_adapter", &["lang_encoder.gpt_neox.layers.…gated_cross_attn_layer", "gptneox", "--language"]);
    let mut none = good.clone();
    none.adapter.tensors.retain(|name, _| !name.contains("gated_cross_attn_layer"));
    none.fails("no_adapter", &["gated_cross_attn_layer"]);
    without("perceiver.latents").fails("missing_tensors", &["perceiver.latents"]);
    without("lang_encoder.transformer.blocks.1.gated_cross_attn_layer.attn_gate")
        .fails("missing_tensors", &["attn_gate"]);
    let mut more = good.clone();
    more.adapter.add("lang_encoder.transformer.blocks.0.gated_cross_attn_layer.attn_gate", &[1]);
    more.fails("missing_tensors", &["blocks.0.gated_cross_attn_layer.attn.to_q"]);
    let mut more = good.clone();
    more.adapter.add("mystery", &[1]);
    more.fails("unknown_tensors", &["mystery"]);
    let mut wide = good.clone();
    wide.adapter.add("perceiver.latents", &[64, TOWER + 1]);
    wide.fails("shape", &["perceiver.latents"]);
    let mut few = good.clone();
    few.adapter.add("lang_encoder.transformer.wte.weight", &[40, TEXT_WIDTH]);
    few.fails("tokenizer", &["<|endofchunk|>"]);
    let mut bare = good.clone();
    bare.vision.config["vision_config"]["hidden_act"] = json!("selu");
    bare.fails("unsupported", &["hidden_act"]);
    Parts { adapter_file: "out.gguf", ..good }.fails("output_unfit", &["a file of the checkpoint"]);
    const { assert!(ROWS > TOKENS, "the table shrinks") };
}

/// Sizes that the tensors say: depth, latents, heads of the class's width, and feed-forward layers.
#[test]
fn sizes_are_those_of_the_tensors() {
    for (depth, heads, latents, ffn, cross_heads, cross_ffn) in
        [(2, 1, 8, 64, 8, 96), (1, 3, 5, 32, 2, 40), (7, 8, 64, 64, 1, 7)]
    {
        let mut parts = parts("mpt");
        let mut like = parts.adapter.clone();
        like.tensors.retain(|name, _| name.starts_with("perceiver.layers.0."));
        let adapter = &mut parts.adapter;
        adapter.tensors.retain(|name, _| !name.starts_with("perceiver.layers."));
        adapter.add("perceiver.latents", &[latents, TOWER]);
        for layer in 0..depth {
            for (name, tensor) in &like.tensors {
                let name = name.replacen(".0.", &format!(".{layer}."), 1);
                adapter.tensors.insert(name, tensor.clone());
            }
            let l = format!("perceiver.layers.{layer}");
            adapter.add(&format!("{l}.0.to_q.weight"), &[64 * heads, TOWER]);
            adapter.add(&format!("{l}.0.to_kv.weight"), &[128 * heads, TOWER]);
            adapter.add(&format!("{l}.0.to_out.weight"), &[TOWER, 64 * heads]);
            adapter.add(&format!("{l}.1.1.weight"), &[ffn, TOWER]);
            adapter.add(&format!("{l}.1.3.weight"), &[TOWER, ffn]);
        }
        let g = "lang_encoder.transformer.blocks.1.gated_cross_attn_layer";
        adapter.add(&format!("{g}.attn.to_q.weight"), &[64 * cross_heads, TEXT_WIDTH]);
        adapter.add(&format!("{g}.attn.to_kv.weight"), &[128 * cross_heads, TOWER]);
        adapter.add(&format!("{g}.attn.to_out.weight"), &[TEXT_WIDTH, 64 * cross_heads]);
        adapter.add(&format!("{g}.ff.1.weight"), &[cross_ffn, TEXT_WIDTH]);
        adapter.add(&format!("{g}.ff.3.weight"), &[TEXT_WIDTH, cross_ffn]);
        let (file, _) = parts.convert().unwrap();
        for (key, value) in [
            ("resampler.block_count", depth),
            ("resampler.attention.head_count", heads),
            ("resampler.attention.key_length", 64),
            ("resampler.latent_count", latents),
            ("resampler.feed_forward_length", ffn),
            ("cross_attention.head_count", cross_heads),
            ("cross_attention.feed_forward_length", cross_ffn),
            ("cross_attention.interval", 2),
        ] {
            assert_eq!(file.get(&format!("ocelli.{key}")), Some(Key::U32(value as u32)), "{key}");
        }
    }
    let mut odd = parts("mpt");
    odd.adapter.add("perceiver.layers.0.0.to_q.weight", &[60, TOWER]);
    odd.fails("head_width", &["perceiver.layers.0.0.to_q.weight", "60 rows", "heads of 64", "resampler_head_dim"]);
    let mut odd = parts("mpt");
    odd.adapter.add("lang_encoder.transformer.blocks.1.gated_cross_attn_layer.attn.to_q.weight", &[100, TEXT_WIDTH]);
    odd.fails("head_width", &["to_q.weight", "100 rows", "cross_attn_dim_head"]);
}

/// From transformers 5.0 on a tower saved by itself has names without `vision_model.`.
#[test]
fn a_tower_may_be_saved_by_itself() {
    let (wanted, _) = parts("mpt").convert().unwrap();
    let mut bare = parts("mpt");
    bare.vision.config = bare.vision.config["vision_config"].clone();
    bare.vision.tensors.retain(|name, _| name.starts_with("vision_model."));
    bare.vision.tensors =
        bare.vision.tensors.iter().map(|(name, t)| (name["vision_model.".len()..].to_owned(), t.clone())).collect();
    let (file, _) = bare.convert().unwrap();
    for name in ["v.class_embd.weight", "v.blk.0.attn_q.weight", "v.pre_ln.bias"] {
        assert_eq!(decode(&file, name), decode(&wanted, name), "{name}");
    }
}

/// CLIP's first releases have the tower's sizes under two names, and transformers follows `vision_config_dict` alone.
#[test]
fn the_older_name_of_the_towers_configuration_is_the_one_that_counts() {
    let (wanted, _) = parts("mpt").convert().unwrap();
    let mut older = parts("mpt");
    let right = older.vision.config["vision_config"].clone();
    older.vision.config["vision_config_dict"] = right;
    older.vision.config["vision_config"]["num_attention_heads"] = json!(1);
    older.vision.config["vision_config"]["layer_norm_eps"] = json!(0.1);
    let (file, _) = older.convert().unwrap();
    for key in ["clip.vision.attention.head_count", "clip.vision.attention.layer_norm_epsilon"] {
        assert!(wanted.get(key).is_some(), "{key}");
        assert_eq!(format!("{:?}", file.get(key)), format!("{:?}", wanted.get(key)), "{key}");
    }
}

#[test]
fn parts_that_are_not_there_are_named() {
    let scratch = Scratch::new();
    let path = |name: &str| scratch.0.join(name);
    let convert = || {
        let sources = OpenFlamingo { adapter: path("a.pt"), language: path("l"), vision: path("v") };
        convert_open_flamingo(&sources, &path("out.gguf"), &Options::new(F32), &()).unwrap_err()
    };
    check(&convert(), "source_not_a_directory", &["/l"]);
    fs::create_dir(path("l")).unwrap();
    check(&convert(), "source_not_a_directory", &["/v"]);
    fs::create_dir(path("v")).unwrap();
    check(&convert(), "file_missing", &["config.json", "--language"]);
    let parts = parts("mpt");
    parts.language.write(&path("l"));
    check(&convert(), "file_missing", &["config.json", "--vision"]);
    parts.vision.write(&path("v"));
    check(&convert(), "read", &["a.pt", "open"]);
    fs::write(path("a.pt"), b"x").unwrap();
    check(&convert(), "torch_unknown_format", &["a.pt"]);
}
