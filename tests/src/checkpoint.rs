//! Random checkpoints in the layout of the Hugging Face hub, of any size, as fast as the disk takes them.
//!
//! [`tensors`] derives every name and shape of a BLIP-2 with OPT from its config.json alone; config files leave out what
//! equals the defaults of transformers' classes, so the defaults stand here. [`write()`] lays the files out first (a
//! safetensors file is a length, a JSON header and the data, so every byte's place is known), then threads fill pieces of
//! at most [`PIECE`] values at their places in any order; no tensor is ever held whole.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use half::{bf16, f16};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::formula::Formula;
use crate::opt_tokenizer::OptTokenizer;

/// Most values a thread makes at a time.
pub const PIECE: u64 = 1 << 20;

/// How weights are stored.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32 bits
    #[serde(rename = "float32")]
    F32,
    /// IEEE half
    #[serde(rename = "float16")]
    F16,
    /// bfloat16
    #[serde(rename = "bfloat16")]
    Bf16,
}

impl Dtype {
    /// Bytes a value.
    #[must_use]
    pub fn size(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// The name in a safetensors header.
    #[must_use]
    pub fn safetensors(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// The name in config.json.
    #[must_use]
    pub fn torch(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
        }
    }

    /// Values as stored bytes (round to nearest, ties to even).
    fn encode(self, values: &[f32], bytes: &mut Vec<u8>) {
        bytes.clear();
        match self {
            Self::F32 => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            Self::F16 => bytes.extend(values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes())),
            Self::Bf16 => {
                bytes.extend(values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()));
            }
        }
    }
}

/// A checkpoint to write.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Seed of the weights.
    pub seed: u64,
    /// config.json; its `dtype` is set on writing.
    pub config: Value,
    /// generation_config.json
    pub generation_config: Option<Value>,
    /// preprocessor_config.json
    pub preprocessor_config: Value,
    /// processor_config.json
    pub processor_config: Option<Value>,
    /// Tokenizer files.
    pub tokenizer: OptTokenizer,
}

/// A field of a config, or the default of the class that reads it.
fn field(config: &Value, name: &str, default: usize) -> usize {
    config[name].as_u64().map_or(default, |v| v as usize)
}

fn switch(config: &Value, name: &str, default: bool) -> bool {
    config[name].as_bool().unwrap_or(default)
}

/// Collects names and shapes.
struct Names(Vec<(String, Vec<usize>)>);

impl Names {
    fn add(&mut self, name: String, shape: &[usize]) {
        self.0.push((name, shape.to_vec()));
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize, bias: bool) {
        self.add(format!("{name}.weight"), &[outputs, inputs]);
        if bias {
            self.add(format!("{name}.bias"), &[outputs]);
        }
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), &[width]);
        self.add(format!("{name}.bias"), &[width]);
    }
}

/// Names and shapes of a `Blip2ForConditionalGeneration` with OPT as transformers saves it, sorted by name.
///
/// # Errors
/// Where the config asks for what transformers' class would not save under these names.
pub fn tensors(config: &Value) -> Result<Vec<(String, Vec<usize>)>> {
    let (vision, former, text) = (&config["vision_config"], &config["qformer_config"], &config["text_config"]);
    let language = text["model_type"].as_str().unwrap_or("opt");
    if language != "opt" {
        return Err(format!("text_config.model_type is {language}, not opt").into());
    }
    if former["position_embedding_type"].as_str().is_some_and(|t| t != "absolute") {
        return Err("qformer_config.position_embedding_type is not absolute".into());
    }
    let mut n = Names(Vec::new());
    let tower_width = field(vision, "hidden_size", 1408);
    let former_width = field(former, "hidden_size", 768);
    n.add("query_tokens".into(), &[1, field(config, "num_query_tokens", 32), former_width]);
    n.linear("language_projection", former_width, field(text, "hidden_size", 768), true);
    tower(&mut n, vision, tower_width);
    qformer(&mut n, former, former_width, tower_width);
    opt(&mut n, text);
    n.0.sort();
    Ok(n.0)
}

fn tower(n: &mut Names, config: &Value, width: usize) {
    let patch = field(config, "patch_size", 14);
    let side = field(config, "image_size", 224) / patch;
    let inner = field(config, "intermediate_size", 6144);
    let at = "vision_model.embeddings";
    n.add(format!("{at}.class_embedding"), &[1, 1, width]);
    n.add(format!("{at}.position_embedding"), &[1, side * side + 1, width]);
    n.add(format!("{at}.patch_embedding.weight"), &[width, 3, patch, patch]);
    n.add(format!("{at}.patch_embedding.bias"), &[width]);
    for i in 0..field(config, "num_hidden_layers", 39) {
        let at = format!("vision_model.encoder.layers.{i}");
        n.norm(&format!("{at}.layer_norm1"), width);
        let bias = switch(config, "qkv_bias", true);
        n.linear(&format!("{at}.self_attn.qkv"), width, 3 * width, bias);
        n.linear(&format!("{at}.self_attn.projection"), width, width, true);
        n.norm(&format!("{at}.layer_norm2"), width);
        n.linear(&format!("{at}.mlp.fc1"), width, inner, true);
        n.linear(&format!("{at}.mlp.fc2"), inner, width, true);
    }
    n.norm("vision_model.post_layernorm", width);
}

fn qformer(n: &mut Names, config: &Value, width: usize, tower_width: usize) {
    let inner = field(config, "intermediate_size", 3072);
    let frequency = field(config, "cross_attention_frequency", 2);
    n.norm("qformer.layernorm", width);
    for i in 0..field(config, "num_hidden_layers", 12) {
        let at = format!("qformer.encoder.layer.{i}");
        let mut kinds = vec![("attention", width)];
        if i % frequency == 0 {
            kinds.push(("crossattention", tower_width));
        }
        for (kind, source) in kinds {
            let at = format!("{at}.{kind}");
            n.linear(&format!("{at}.attention.query"), width, width, true);
            n.linear(&format!("{at}.attention.key"), source, width, true);
            n.linear(&format!("{at}.attention.value"), source, width, true);
            n.linear(&format!("{at}.output.dense"), width, width, true);
            n.norm(&format!("{at}.output.LayerNorm"), width);
        }
        let mut branches = vec![("intermediate_query", "output_query")];
        if switch(config, "use_qformer_text_input", false) {
            branches.push(("intermediate", "output"));
        }
        for (first, second) in branches {
            n.linear(&format!("{at}.{first}.dense"), width, inner, true);
            n.linear(&format!("{at}.{second}.dense"), inner, width, true);
            n.norm(&format!("{at}.{second}.LayerNorm"), width);
        }
    }
}

fn opt(n: &mut Names, config: &Value) {
    let width = field(config, "hidden_size", 768);
    let outer = field(config, "word_embed_proj_dim", width);
    let rows = field(config, "vocab_size", 50272);
    let inner = field(config, "ffn_dim", 3072);
    let bias = switch(config, "enable_bias", true);
    let affine = switch(config, "layer_norm_elementwise_affine", true);
    let before = switch(config, "do_layer_norm_before", true);
    let at = "language_model.model.decoder";
    n.add(format!("{at}.embed_tokens.weight"), &[rows, outer]);
    let positions = field(config, "max_position_embeddings", 2048) + 2;
    n.add(format!("{at}.embed_positions.weight"), &[positions, width]);
    if outer != width {
        n.linear(&format!("{at}.project_in"), outer, width, false);
        n.linear(&format!("{at}.project_out"), width, outer, false);
    }
    if before && affine && !switch(config, "_remove_final_layer_norm", false) {
        n.norm(&format!("{at}.final_layer_norm"), width);
    }
    for i in 0..field(config, "num_hidden_layers", 12) {
        let at = format!("{at}.layers.{i}");
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            n.linear(&format!("{at}.self_attn.{name}"), width, width, bias);
        }
        n.linear(&format!("{at}.fc1"), width, inner, bias);
        n.linear(&format!("{at}.fc2"), inner, width, bias);
        if affine {
            n.norm(&format!("{at}.self_attn_layer_norm"), width);
            n.norm(&format!("{at}.final_layer_norm"), width);
        }
    }
    if !switch(config, "tie_word_embeddings", true) {
        n.linear("language_model.lm_head", outer, rows, false);
    }
}

/// Values of a shape.
#[must_use]
pub fn count(shape: &[usize]) -> u64 {
    shape.iter().map(|&d| d as u64).product()
}

/// A file of the checkpoint with its tensors and where their data starts.
struct Shard {
    name: String,
    header: Vec<u8>,
    tensors: Vec<(usize, u64)>,
    size: u64,
}

/// Distributes tensors over files of at most `most` bytes of data, a larger tensor having its own.
fn shards(list: &[(String, Vec<usize>)], dtype: Dtype, most: u64) -> Result<Vec<Shard>> {
    let mut groups: Vec<Vec<usize>> = vec![vec![]];
    let mut filled = 0;
    for (i, (_, shape)) in list.iter().enumerate() {
        let bytes = count(shape) * dtype.size();
        if filled > 0 && bytes > most - filled.min(most) {
            groups.push(vec![]);
            filled = 0;
        }
        filled += bytes;
        groups.last_mut().expect("starts with one").push(i);
    }
    let total = groups.len();
    let mut made = Vec::new();
    for (g, group) in groups.into_iter().enumerate() {
        let mut header = Map::new();
        header.insert("__metadata__".into(), json!({ "format": "pt" }));
        let mut tensors = Vec::new();
        let mut at = 0;
        for i in group {
            let (name, shape) = &list[i];
            let end = at + count(shape) * dtype.size();
            let entry = json!({
                "dtype": dtype.safetensors(), "shape": shape, "data_offsets": [at, end],
            });
            header.insert(name.clone(), entry);
            tensors.push((i, at));
            at = end;
        }
        let mut text = serde_json::to_vec(&header)?;
        text.resize(text.len().next_multiple_of(8), b' ');
        let start = 8 + text.len() as u64;
        let mut header = (text.len() as u64).to_le_bytes().to_vec();
        header.extend(text);
        for (_, offset) in &mut tensors {
            *offset += start;
        }
        made.push(Shard {
            name: if total == 1 {
                "model.safetensors".into()
            } else {
                format!("model-{:05}-of-{total:05}.safetensors", g + 1)
            },
            header,
            tensors,
            size: start + at,
        });
    }
    Ok(made)
}

/// A run of values of one tensor and its place.
struct Piece {
    shard: usize,
    tensor: usize,
    first: u64,
    count: u64,
    offset: u64,
}

/// Writes the checkpoint into `dir`, which is made where it is missing. `most` bytes of data a file, or one file.
///
/// `progress` hears of bytes done and bytes in all, from any thread.
///
/// # Errors
/// Where the config is not BLIP-2 with OPT, or a file cannot be written.
pub fn write(
    dir: &Path,
    spec: &Spec,
    dtype: Dtype,
    most: Option<u64>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<()> {
    let list = tensors(&spec.config)?;
    fs::create_dir_all(dir)?;
    let mut config = spec.config.clone();
    config["dtype"] = json!(dtype.torch());
    let json_files = [
        ("config.json", Some(&config)),
        ("generation_config.json", spec.generation_config.as_ref()),
        ("preprocessor_config.json", Some(&spec.preprocessor_config)),
        ("processor_config.json", spec.processor_config.as_ref()),
    ];
    for (name, content) in json_files {
        if let Some(content) = content.filter(|content| !content.is_null()) {
            fs::write(dir.join(name), serde_json::to_string_pretty(content)?)?;
        }
    }
    spec.tokenizer.write(dir)?;
    write_weights(dir, spec.seed, &list, dtype, most, progress)
}

/// Writes the weights of a list of names and shapes into `dir`, which exists.
///
/// # Errors
/// Where a file cannot be written.
pub fn write_weights(
    dir: &Path,
    seed: u64,
    list: &[(String, Vec<usize>)],
    dtype: Dtype,
    most: Option<u64>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<()> {
    let shards = shards(list, dtype, most.unwrap_or(u64::MAX))?;
    let mut pieces = Vec::new();
    for (s, shard) in shards.iter().enumerate() {
        let mut file = File::create(dir.join(&shard.name))?;
        file.write_all(&shard.header)?;
        file.set_len(shard.size)?;
        for &(tensor, offset) in &shard.tensors {
            let all = count(&list[tensor].1);
            for first in (0..all).step_by(PIECE as usize) {
                pieces.push(Piece {
                    shard: s,
                    tensor,
                    first,
                    count: PIECE.min(all - first),
                    offset: offset + first * dtype.size(),
                });
            }
        }
    }
    if shards.len() > 1 {
        let map: Map<String, Value> = shards
            .iter()
            .flat_map(|s| s.tensors.iter().map(move |(i, _)| (s, *i)))
            .map(|(s, i)| (list[i].0.clone(), json!(s.name)))
            .collect();
        let size: u64 = list.iter().map(|(_, s)| count(s) * dtype.size()).sum();
        let index = json!({ "metadata": { "total_size": size }, "weight_map": map });
        fs::write(dir.join("model.safetensors.index.json"), serde_json::to_string_pretty(&index)?)?;
    }
    fill(dir, seed, list, dtype, &shards, &pieces, progress)
}

/// Makes all pieces, each thread with its own handle of each file.
fn fill(
    dir: &Path,
    seed: u64,
    list: &[(String, Vec<usize>)],
    dtype: Dtype,
    shards: &[Shard],
    pieces: &[Piece],
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<()> {
    let total: u64 = pieces.iter().map(|p| p.count * dtype.size()).sum();
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || -> Result<()> {
        let mut files = shards
            .iter()
            .map(|s| File::options().write(true).open(dir.join(&s.name)))
            .collect::<std::io::Result<Vec<_>>>()?;
        let (mut values, mut bytes) = (Vec::new(), Vec::new());
        while let Some(p) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (name, shape) = &list[p.tensor];
            values.resize(p.count as usize, 0.0);
            Formula::new(seed, name, shape).fill(p.first, &mut values);
            dtype.encode(&values, &mut bytes);
            let file = &mut files[p.shard];
            file.seek(SeekFrom::Start(p.offset))?;
            file.write_all(&bytes)?;
            let add = bytes.len() as u64;
            progress(done.fetch_add(add, Ordering::Relaxed) + add, total);
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(pieces.len().max(1));
    std::thread::scope(|scope| {
        let handles: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        for h in handles {
            h.join().map_err(|_| "a thread that fills files panicked")??;
        }
        own
    })
}

/// The published shapes that can be made: (name, tower image size, OPT layers, width, heads, FFN).
pub const SHAPES: [(&str, usize, usize, usize, usize, usize); 4] = [
    ("blip2-opt-2.7b", 224, 32, 2560, 32, 10240),
    ("blip2-opt-2.7b-coco", 364, 32, 2560, 32, 10240),
    ("blip2-opt-6.7b", 224, 32, 4096, 32, 16384),
    ("blip2-opt-6.7b-coco", 364, 32, 4096, 32, 16384),
];

/// Layers of a full-size checkpoint, where fewer than published are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers {
    /// Tower; 39.
    pub tower: Option<usize>,
    /// Q-Former; 12.
    pub qformer: Option<usize>,
    /// OPT; 32.
    pub opt: Option<usize>,
}

impl Spec {
    /// A checkpoint of a published shape with random weights: real sizes, real files, meaningless text.
    ///
    /// # Errors
    /// Where no shape has this name.
    pub fn published(shape: &str, layers: Layers, seed: u64) -> Result<Self> {
        let known = SHAPES.iter().find(|s| s.0 == shape);
        let &(_, image, depth, width, heads, inner) = known.ok_or_else(|| format!("no shape is called {shape}"))?;
        let tokenizer = OptTokenizer::full()?;
        let image_token = tokenizer.image_token;
        let config = json!({
            "architectures": ["Blip2ForConditionalGeneration"],
            "image_text_hidden_size": 256,
            "image_token_index": image_token,
            "initializer_factor": 1.0,
            "initializer_range": 0.02,
            "model_type": "blip-2",
            "num_query_tokens": 32,
            "qformer_config": {
                "model_type": "blip_2_qformer", "hidden_size": 768, "num_attention_heads": 12,
                "num_hidden_layers": layers.qformer.unwrap_or(12), "intermediate_size": 3072,
                "cross_attention_frequency": 2, "encoder_hidden_size": 1408, "hidden_act": "gelu",
                "layer_norm_eps": 1e-12,
            },
            "text_config": {
                "model_type": "opt", "activation_function": "relu", "bos_token_id": 2,
                "do_layer_norm_before": true, "enable_bias": true, "eos_token_id": 50118,
                "ffn_dim": inner, "hidden_size": width, "layer_norm_elementwise_affine": true,
                "max_position_embeddings": 2048, "num_attention_heads": heads,
                "num_hidden_layers": layers.opt.unwrap_or(depth), "pad_token_id": 1,
                "vocab_size": 50304, "word_embed_proj_dim": width,
            },
            "use_decoder_only_language_model": true,
            "vision_config": {
                "model_type": "blip_2_vision_model", "hidden_size": 1408, "image_size": image,
                "num_attention_heads": 16, "num_hidden_layers": layers.tower.unwrap_or(39),
                "intermediate_size": 6144, "patch_size": 14, "hidden_act": "gelu",
                "layer_norm_eps": 1e-6, "qkv_bias": true,
            },
        });
        Ok(Self {
            seed,
            config,
            generation_config: Some(json!({
                "bos_token_id": 2, "eos_token_id": 50118, "pad_token_id": 1,
            })),
            preprocessor_config: json!({
                "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true,
                "image_mean": [0.481_454_66, 0.457_827_5, 0.408_210_73],
                "image_processor_type": "BlipImageProcessor",
                "image_std": [0.268_629_54, 0.261_302_58, 0.275_777_11],
                "processor_class": "Blip2Processor", "resample": 3,
                "rescale_factor": 0.003_921_568_627_450_98,
                "size": { "height": image, "width": image },
            }),
            processor_config: Some(json!({
                "num_query_tokens": 32, "processor_class": "Blip2Processor",
            })),
            tokenizer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{BLIP2_OPT, Golden};

    #[test]
    fn names_and_shapes_are_those_that_transformers_saved() {
        for name in BLIP2_OPT {
            let golden = Golden::load(name).unwrap();
            assert_eq!(tensors(&golden.config).unwrap(), golden.tensors, "{name}");
        }
    }

    #[test]
    fn files_hold_the_formula_however_they_are_split() {
        let golden = Golden::load("half").unwrap();
        let spec = golden.spec().unwrap();
        let dir = std::env::temp_dir().join(format!("ocelli-checkpoint-{}", std::process::id()));
        for (dtype, most) in [(Dtype::F32, None), (Dtype::F16, Some(60_000)), (Dtype::Bf16, Some(1))] {
            let _ = fs::remove_dir_all(&dir);
            write(&dir, &spec, dtype, most, &|done, total| {
                assert!(done <= total);
            })
            .unwrap();
            let files: Vec<_> = fs::read_dir(&dir)
                .unwrap()
                .map(|f| f.unwrap().path())
                .filter(|f| f.extension().is_some_and(|e| e == "safetensors"))
                .collect();
            assert_eq!(files.len() == 1, most.is_none());
            let mut seen = 0;
            for file in files {
                let data = fs::read(&file).unwrap();
                let length = u64::from_le_bytes(data[..8].try_into().unwrap()) as usize;
                let header: Map<String, Value> = serde_json::from_slice(&data[8..8 + length]).unwrap();
                for (name, entry) in header.iter().filter(|(n, _)| *n != "__metadata__") {
                    let shape: Vec<usize> = serde_json::from_value(entry["shape"].clone()).unwrap();
                    let range: Vec<usize> = serde_json::from_value(entry["data_offsets"].clone()).unwrap();
                    let mut values = vec![0.0; count(&shape) as usize];
                    Formula::new(spec.seed, name, &shape).fill(0, &mut values);
                    let mut bytes = Vec::new();
                    dtype.encode(&values, &mut bytes);
                    let stored = &data[8 + length + range[0]..8 + length + range[1]];
                    assert!(stored == bytes, "{name}");
                    seen += 1;
                }
            }
            assert_eq!(seen, golden.tensors.len());
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn published_shapes_have_published_sizes() {
        let spec = Spec::published("blip2-opt-2.7b", Layers::default(), 1).unwrap();
        assert_eq!(spec.tokenizer.vocab.len(), 50265);
        let list = tensors(&spec.config).unwrap();
        let find = |name: &str| &list.iter().find(|t| t.0 == name).unwrap().1;
        assert_eq!(find("vision_model.embeddings.position_embedding"), &[1, 257, 1408]);
        assert_eq!(find("language_model.model.decoder.embed_positions.weight"), &[2050, 2560]);
        let values: u64 = list.iter().map(|t| count(&t.1)).sum();
        assert!((3_700_000_000..3_800_000_000).contains(&values), "{values}");
    }
}
