//! A checkpoint directory with a two-layer model, written by hand, that tests then spoil.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use half::{bf16, f16};
use ocelli_convert::{ConvertError, Options, Report, convert};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::Gguf;
use serde_json::{Value, json};

/// Sizes that differ from each other wherever they may, so that no two can be confused.
pub const WIDTH: u64 = 32;
pub const FFN: u64 = 64;
pub const VOCABULARY: u64 = 40;
pub const POSITIONS: u64 = 18;
pub const IMAGE: u64 = 64;
pub const IMAGE_FFN: u64 = 96;
pub const BRIDGE: u64 = 48;
pub const BRIDGE_FFN: u64 = 256;
pub const QUERIES: u64 = 5;

/// A directory that is removed at the end of the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ocelli-convert-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Names in the directory.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Store {
    F32,
    F16,
    BF16,
    F64,
}

#[derive(Clone)]
pub struct Tensor {
    pub shape: Vec<u64>,
    pub data: Vec<f32>,
}

/// A checkpoint to be written.
#[derive(Clone)]
pub struct Model {
    pub config: Value,
    pub tensors: BTreeMap<String, Tensor>,
    pub store: Store,
    /// Other files by name.
    pub files: BTreeMap<String, String>,
}

/// Numbers that look like weights and are exact in f16 and bf16: seven bits between -1 and 1.
fn weights(seed: &str, count: u64) -> Vec<f32> {
    let mut state = seed.bytes().fold(0x9e37_79b9u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193)) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        ((state >> 8) % 255) as f32 / 128.0 - 127.0 / 128.0
    };
    (0..count).map(|_| next()).collect()
}

impl Model {
    pub fn add(&mut self, name: &str, shape: &[u64]) {
        let data = weights(name, shape.iter().product());
        self.tensors.insert(name.to_owned(), Tensor { shape: shape.to_vec(), data });
    }

    pub fn linear(&mut self, name: &str, cols: u64, rows: u64) {
        self.add(&format!("{name}.weight"), &[rows, cols]);
        self.add(&format!("{name}.bias"), &[rows]);
    }

    pub fn norm(&mut self, name: &str, width: u64) {
        self.add(&format!("{name}.weight"), &[width]);
        self.add(&format!("{name}.bias"), &[width]);
    }

    /// The plain model.
    pub fn new() -> Self {
        let mut model = Model { config: config(), tensors: BTreeMap::new(), store: Store::F32, files: files() };
        let d = "language_model.model.decoder";
        model.add(&format!("{d}.embed_tokens.weight"), &[VOCABULARY, WIDTH]);
        model.add(&format!("{d}.embed_positions.weight"), &[POSITIONS, WIDTH]);
        model.norm(&format!("{d}.final_layer_norm"), WIDTH);
        for n in 0..2 {
            let l = format!("{d}.layers.{n}");
            for p in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                model.linear(&format!("{l}.self_attn.{p}"), WIDTH, WIDTH);
            }
            model.linear(&format!("{l}.fc1"), WIDTH, FFN);
            model.linear(&format!("{l}.fc2"), FFN, WIDTH);
            model.norm(&format!("{l}.self_attn_layer_norm"), WIDTH);
            model.norm(&format!("{l}.final_layer_norm"), WIDTH);
        }
        model.add("vision_model.embeddings.class_embedding", &[1, 1, IMAGE]);
        model.add("vision_model.embeddings.position_embedding", &[1, 5, IMAGE]);
        model.add("vision_model.embeddings.patch_embedding.weight", &[IMAGE, 3, 7, 7]);
        model.add("vision_model.embeddings.patch_embedding.bias", &[IMAGE]);
        for n in 0..2 {
            let l = format!("vision_model.encoder.layers.{n}");
            model.norm(&format!("{l}.layer_norm1"), IMAGE);
            model.norm(&format!("{l}.layer_norm2"), IMAGE);
            model.linear(&format!("{l}.self_attn.qkv"), IMAGE, 3 * IMAGE);
            model.linear(&format!("{l}.self_attn.projection"), IMAGE, IMAGE);
            model.linear(&format!("{l}.mlp.fc1"), IMAGE, IMAGE_FFN);
            model.linear(&format!("{l}.mlp.fc2"), IMAGE_FFN, IMAGE);
        }
        model.norm("vision_model.post_layernorm", IMAGE);
        model.add("query_tokens", &[1, QUERIES, BRIDGE]);
        model.norm("qformer.layernorm", BRIDGE);
        for n in 0..3 {
            let l = format!("qformer.encoder.layer.{n}");
            for (a, from) in [("attention", BRIDGE), ("crossattention", IMAGE)] {
                if a == "crossattention" && n % 2 == 1 {
                    continue;
                }
                model.linear(&format!("{l}.{a}.attention.query"), BRIDGE, BRIDGE);
                model.linear(&format!("{l}.{a}.attention.key"), from, BRIDGE);
                model.linear(&format!("{l}.{a}.attention.value"), from, BRIDGE);
                model.linear(&format!("{l}.{a}.output.dense"), BRIDGE, BRIDGE);
                model.norm(&format!("{l}.{a}.output.LayerNorm"), BRIDGE);
            }
            model.linear(&format!("{l}.intermediate_query.dense"), BRIDGE, BRIDGE_FFN);
            model.linear(&format!("{l}.output_query.dense"), BRIDGE_FFN, BRIDGE);
            model.norm(&format!("{l}.output_query.LayerNorm"), BRIDGE);
        }
        model.linear("language_projection", BRIDGE, WIDTH);
        model
    }

    /// The safetensors bytes of some of the tensors.
    pub fn bytes_of(&self, names: &[&String]) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
        let mut data = Vec::new();
        for name in names {
            let tensor = &self.tensors[*name];
            let start = data.len();
            for value in &tensor.data {
                match self.store {
                    Store::F32 => data.extend(value.to_le_bytes()),
                    Store::F16 => data.extend(f16::from_f32(*value).to_le_bytes()),
                    Store::BF16 => data.extend(bf16::from_f32(*value).to_le_bytes()),
                    Store::F64 => data.extend(f64::from(*value).to_le_bytes()),
                }
            }
            let dtype = match self.store {
                Store::F32 => "F32",
                Store::F16 => "F16",
                Store::BF16 => "BF16",
                Store::F64 => "F64",
            };
            let info = json!({"dtype": dtype, "shape": tensor.shape, "data_offsets": [start, data.len()]});
            header.insert((*name).clone(), info);
        }
        safetensors(&serde_json::to_string(&header).unwrap(), &data)
    }

    fn write_files(&self, directory: &Path) {
        fs::write(directory.join("config.json"), self.config.to_string()).unwrap();
        for (name, content) in &self.files {
            let file = directory.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
    }

    pub fn write(&self, directory: &Path) {
        self.write_files(directory);
        let names: Vec<&String> = self.tensors.keys().collect();
        fs::write(directory.join("model.safetensors"), self.bytes_of(&names)).unwrap();
    }

    /// The same in `shards` files, tensors dealt out in turn.
    pub fn write_sharded(&self, directory: &Path, shards: usize) {
        self.write_files(directory);
        let mut map = serde_json::Map::new();
        for shard in 0..shards {
            let file = format!("model-{:05}-of-{shards:05}.safetensors", shard + 1);
            let names: Vec<&String> = self.tensors.keys().skip(shard).step_by(shards).collect();
            fs::write(directory.join(&file), self.bytes_of(&names)).unwrap();
            map.extend(names.into_iter().map(|name| (name.clone(), Value::from(file.clone()))));
        }
        let index = json!({"metadata": {"total_size": 0}, "weight_map": map});
        fs::write(directory.join("model.safetensors.index.json"), index.to_string()).unwrap();
    }

    /// Converts and parses the result.
    pub fn convert_as(&self, ty: TensorType) -> Result<(Gguf, Report), ConvertError> {
        let scratch = Scratch::new();
        self.write(&scratch.0);
        let out = scratch.0.join("out.gguf");
        let report = convert(&scratch.0, &out, &Options::new(ty), &())?;
        Ok((parse(&out), report))
    }

    pub fn error(&self) -> ConvertError {
        match self.convert_as(TensorType::F32) {
            Ok(_) => panic!("converted"),
            Err(error) => error,
        }
    }

    /// The error, as code and message.
    pub fn fails(&self, code: &str, parts: &[&str]) {
        check(&self.error(), code, parts);
    }

    pub fn set(&mut self, path: &str, value: Value) {
        *self.config.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    }

    pub fn insert(&mut self, section: &str, key: &str, value: Value) {
        self.config[section][key] = value;
    }
}

pub fn check(error: &ConvertError, code: &str, parts: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.code(), code, "{message}");
    for part in parts {
        assert!(message.contains(part), "'{part}' not in: {message}");
    }
}

/// A file of that header and data.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

pub fn parse(path: &Path) -> Gguf {
    Gguf::parse(Arc::new(fs::read(path).unwrap())).unwrap()
}

/// A tensor's numbers.
pub fn decode(file: &Gguf, name: &str) -> Vec<f32> {
    let tensor = file.tensor(name).unwrap_or_else(|| panic!("{name}"));
    let mut values = vec![0.0; tensor.shape.iter().product::<u64>() as usize];
    tensor.ty.decode(file.data(tensor), &mut values).unwrap();
    values
}

fn config() -> Value {
    json!({
        "architectures": ["Blip2ForConditionalGeneration"],
        "model_type": "blip-2",
        "image_token_index": 39,
        "num_query_tokens": QUERIES,
        "text_config": {
            "model_type": "opt", "hidden_size": WIDTH, "ffn_dim": FFN, "num_hidden_layers": 2,
            "num_attention_heads": 4, "vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS - 2,
            "word_embed_proj_dim": WIDTH, "eos_token_id": 7,
        },
        "vision_config": {
            "model_type": "blip_2_vision_model", "hidden_size": IMAGE, "intermediate_size": IMAGE_FFN,
            "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 14, "patch_size": 7,
        },
        "qformer_config": {
            "model_type": "blip_2_qformer", "hidden_size": BRIDGE, "intermediate_size": BRIDGE_FFN,
            "num_hidden_layers": 3, "num_attention_heads": 4, "encoder_hidden_size": IMAGE,
            "cross_attention_frequency": 2, "vocab_size": 64,
        },
    })
}

/// The tokens of the tiny tokenizer by id.
pub const TOKENS: [&str; 10] = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "Ġ", "Ċ", "ab", "Ġa"];

pub fn tokenizer_json() -> Value {
    let vocab: serde_json::Map<String, Value> =
        TOKENS.iter().enumerate().map(|(id, token)| ((*token).to_owned(), Value::from(id))).collect();
    let token = |id: u32, content: &str, special: bool| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": special})
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": [token(1, "<pad>", true), token(2, "</s>", true), token(11, "<loc>", false),
                         token(39, "<image>", true)],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}},
        },
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": vocab, "merges": [["a", "b"], ["Ġ", "a"]]},
    })
}

fn files() -> BTreeMap<String, String> {
    let preprocessor = json!({
        "image_processor_type": "BlipImageProcessor", "do_resize": true, "do_rescale": true, "do_normalize": true,
        "do_convert_rgb": true, "resample": 3, "rescale_factor": 0.003_921_568_627_450_98,
        "image_mean": [0.25, 0.5, 0.75], "image_std": [0.5, 0.25, 0.125], "size": {"height": 14, "width": 14},
    });
    BTreeMap::from([
        ("tokenizer.json".to_owned(), tokenizer_json().to_string()),
        ("preprocessor_config.json".to_owned(), preprocessor.to_string()),
    ])
}
