//! Random checkpoints in the layout of the Hugging Face hub, of any size, as fast as the disk takes them.
//!
//! [`write()`] lays the files out first (a safetensors file is a length, a JSON header and the data, so every byte's place
//! is known), then threads fill pieces of at most [`PIECE`] values at their places in any order; no tensor is ever held
//! whole.

mod blip2;
mod t5;

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

pub use blip2::{Layers, SHAPES, tensors};

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
/// Where the config is not BLIP-2 with OPT or T5, or a file cannot be written.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;

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
}
