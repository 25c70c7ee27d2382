//! `rival tower`: milliseconds a picture of a vision tower in both engines, from one projector file.
//!
//! llama.cpp's LLaVA graph runs all blocks but the last and, in the version built here, puts the class row behind the
//! patches: the work is that of CLIP, the numbers are not, so only speed is compared. Ours runs as many blocks from the
//! same bytes; the patch kernel's and the class row's shapes are written as our loader wants them, in memory.
//! llama.cpp's two projection layers, a few thousandths of the work, are its own.

#![allow(unsafe_code)]

use crate::bench::{Side, push, sides};
use crate::files::parse;
use crate::measure::{Pair, seconds, settle};
use crate::random::{NormalTable, Random};
use crate::{Result, llama};
use clap::Args;
use llama_cpp_sys_2 as sys;
use ocelli_engine::CancelHandle;
use ocelli_engine::blocks::vit::{Vit, VitConfig, VitRows};
use ocelli_engine::kernels::cpu::Cpu;
use ocelli_engine::kernels::{Arena, Device, Exec, Layout};
use ocelli_engine::weights::Scope;
use ocelli_engine::weights::header::Header;
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Measures a tower in both.
#[derive(Args)]
pub struct Tower {
    /// A projector file that `rival files --towers` made.
    #[arg(long)]
    model: PathBuf,
    /// Threads of each.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Rounds that count; one more warms up.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Hyper-parameters of a random tower.
pub struct Shape {
    /// Of its files.
    pub name: &'static str,
    side: usize,
    patch: usize,
    width: usize,
    heads: usize,
    ffn: usize,
    /// Blocks that run; the file has one more, which LLaVA's graph leaves out.
    blocks: usize,
}

/// CLIP's ViT-L/14 at 336 pixels as LLaVA-1.5 uses it; EVA-ViT-g/14 at 224 as BLIP-2 uses it, with CLIP's blocks.
pub const SHAPES: [Shape; 2] = [
    Shape { name: "vit-l-14-336", side: 336, patch: 14, width: 1024, heads: 16, ffn: 4096, blocks: 23 },
    Shape { name: "vit-g-14-224", side: 224, patch: 14, width: 1408, heads: 16, ffn: 6144, blocks: 39 },
];

/// Width of the rows behind the projection: small, so that it does not count.
const PROJECTED: u64 = 64;

impl Shape {
    /// Writes a random projector file in f16 that llama.cpp opens.
    pub fn write(&self, to: &Path) -> Result<()> {
        let mut w = Writer::new();
        w.set("general.architecture", "clip").set("general.name", self.name).set("general.file_type", 1u32);
        w.set("clip.has_vision_encoder", true).set("clip.projector_type", "mlp").set("clip.use_gelu", false);
        w.set("clip.vision.activation", "gelu_quick").set("clip.vision.attention.layer_norm_epsilon", 1e-5f32);
        w.set("clip.vision.image_mean", MetaValue::F32s(vec![0.5; 3]));
        w.set("clip.vision.image_std", MetaValue::F32s(vec![0.5; 3]));
        for (key, value) in [
            ("image_size", self.side),
            ("patch_size", self.patch),
            ("embedding_length", self.width),
            ("attention.head_count", self.heads),
            ("feed_forward_length", self.ffn),
            ("block_count", self.blocks + 1),
            ("projection_dim", PROJECTED as usize),
        ] {
            w.set(format!("clip.vision.{key}"), u32::try_from(value)?);
        }
        let [width, ffn, patch] = [self.width, self.ffn, self.patch].map(|n| n as u64);
        let positions = ((self.side / self.patch).pow(2) + 1) as u64;
        let mut linear = |name: &str, inputs: u64, outputs: u64| {
            w.tensor(format!("{name}.weight"), &[inputs, outputs], TensorType::F16);
            w.tensor(format!("{name}.bias"), &[outputs], TensorType::F32);
        };
        for i in 0..=self.blocks {
            for name in ["attn_q", "attn_k", "attn_v", "attn_out"] {
                linear(&format!("v.blk.{i}.{name}"), width, width);
            }
            linear(&format!("v.blk.{i}.ffn_up"), width, ffn);
            linear(&format!("v.blk.{i}.ffn_down"), ffn, width);
        }
        linear("mm.0", width, PROJECTED);
        linear("mm.2", PROJECTED, PROJECTED);
        let inner = (0..=self.blocks).flat_map(|i| [format!("v.blk.{i}.ln1"), format!("v.blk.{i}.ln2")]);
        for name in inner.chain(["v.pre_ln".to_owned()]) {
            w.tensor(format!("{name}.weight"), &[width], TensorType::F32);
            w.tensor(format!("{name}.bias"), &[width], TensorType::F32);
        }
        w.tensor("v.class_embd", &[width], TensorType::F32);
        w.tensor("v.position_embd.weight", &[width, positions], TensorType::F16);
        w.tensor("v.patch_embd.weight", &[patch, patch, 3, width], TensorType::F16);

        let mut random = Random::new(2);
        let normals = NormalTable::new(&mut random, 0.02);
        let mut body = w.begin(BufWriter::new(File::create(to)?))?;
        let mut data = Vec::new();
        while let Some(info) = body.current() {
            data.clear();
            let count = usize::try_from(info.shape.iter().product::<u64>())?;
            match info.ty {
                TensorType::F32 => {
                    let value = if info.name.ends_with("weight") { 1f32 } else { 0.0 };
                    data.extend((0..count).flat_map(|_| value.to_le_bytes()));
                }
                _ => normals.fill(&mut random, count, &mut data),
            }
            body.write(&data)?;
        }
        body.finish()?;
        Ok(())
    }
}

/// llama.cpp's tower and a picture for it.
struct Theirs {
    context: *mut sys::mtmd_context,
    chunks: *mut sys::mtmd_input_chunks,
}

impl Theirs {
    fn open(path: &Path, side: usize, threads: usize) -> Result<Self> {
        llama::start();
        let name = llama::c_path(path)?;
        let pixels: Vec<u8> = (0..side * side * 3).map(|i| (i * 37 % 251) as u8).collect();
        let nx = u32::try_from(side)?;
        // SAFETY: strings and pixels outlive the calls; no text model is needed to encode.
        unsafe {
            let mut params = sys::mtmd_context_params_default();
            params.use_gpu = false;
            params.print_timings = false;
            params.n_threads = i32::try_from(threads)?;
            let context = sys::mtmd_init_from_file(name.as_ptr(), std::ptr::null(), params);
            if context.is_null() {
                return Err(format!("llama.cpp could not open {}", path.display()).into());
            }
            let this = Self { context, chunks: sys::mtmd_input_chunks_init() };
            let bitmap = sys::mtmd_bitmap_init(nx, nx, pixels.as_ptr());
            let part = sys::mtmd_input_part { text: std::ptr::null(), bitmap };
            let parts = [&raw const part];
            let code = sys::mtmd_tokenize_from_parts(context, this.chunks, parts.as_ptr().cast_mut(), 1, false);
            sys::mtmd_bitmap_free(bitmap);
            if code != 0 || sys::mtmd_input_chunks_size(this.chunks) != 1 {
                return Err(format!("llama.cpp could not prepare a picture: {code}").into());
            }
            Ok(this)
        }
    }

    fn encode(&mut self) -> Result<()> {
        // SAFETY: there is one chunk, and both live.
        let code = unsafe { sys::mtmd_encode_chunk(self.context, sys::mtmd_input_chunks_get(self.chunks, 0)) };
        if code == 0 { Ok(()) } else { Err(format!("llama.cpp could not encode a picture: {code}").into()) }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // SAFETY: made by llama.cpp, freed once.
        unsafe {
            sys::mtmd_input_chunks_free(self.chunks);
            sys::mtmd_free(self.context);
        }
    }
}

/// Our tower and a picture for it.
struct Ours {
    vit: Vit,
    rows: VitRows,
    cpu: Cpu,
    arena: Arena,
    cancel: CancelHandle,
    pixels: Vec<f32>,
}

impl Ours {
    fn open(path: &Path, threads: usize) -> Result<Self> {
        let file = Arc::new(reshaped(path)?);
        let mut config = VitConfig::read(&Header::new(&file, "clip.vision."))?;
        config.blocks -= 1;
        let pixels = (0..config.side * config.side * 3).map(|i| (i * 37 % 251) as f32 / 125.0 - 1.0).collect();
        let vit = Vit::load(&Scope::new(file).at("v"), config)?;
        let mut layout = Layout::default();
        let rows = vit.layout(&mut layout);
        let cpu = Cpu::new(threads)?;
        let arena = cpu.arena(&layout)?;
        Ok(Self { vit, rows, cpu, arena, cancel: CancelHandle::default(), pixels })
    }

    fn encode(&mut self) -> Result<()> {
        let mut exec = Exec { device: &self.cpu, arena: &mut self.arena, cancel: &self.cancel, told: None };
        Ok(self.vit.encode(&mut exec, &self.rows, &self.pixels)?)
    }
}

/// The file with the two shapes that differ written our way.
fn reshaped(path: &Path) -> Result<Gguf> {
    let file = parse(path)?;
    let mut writer = Writer::new();
    for (key, value) in file.keys() {
        writer.set(key, value);
    }
    for tensor in file.tensors() {
        let name = if tensor.name == "v.class_embd" { "v.class_embd.weight" } else { &tensor.name };
        let shape = match *tensor.shape {
            [x, y, channels, outputs] => vec![x * y * channels, outputs],
            _ => tensor.shape.clone(),
        };
        writer.tensor(name, &shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new())?;
    for tensor in file.tensors() {
        body.write(file.data(tensor))?;
    }
    Ok(Gguf::parse(Arc::new(body.finish()?))?)
}

impl Tower {
    /// Runs it.
    pub fn run(&self) -> Result<()> {
        let mut ours = Ours::open(&self.model, self.threads)?;
        let mut theirs = Theirs::open(&self.model, ours.vit.config.side, self.threads)?;
        let mut pair = Pair::default();
        for round in 0..=self.repeat {
            for side in sides(round) {
                settle();
                let time = match side {
                    Side::Llama => seconds(|| theirs.encode()),
                    Side::Ocelli => seconds(|| ours.encode()),
                }?;
                if round > 0 {
                    push(&mut pair, side, time * 1e3);
                }
            }
        }
        let name = self.model.file_name().unwrap_or_default().to_string_lossy();
        if self.json {
            println!("{}", serde_json::json!({"model": name, "threads": self.threads, "encode": pair.json("ms")}));
        } else {
            println!("{}", llama::system_info());
            println!("{} threads, median (least..most) of {}; below 1 Ocelli is faster", self.threads, self.repeat);
            println!("{}", Pair::head());
            println!("{}", pair.row(&name, "ms"));
        }
        Ok(())
    }
}
