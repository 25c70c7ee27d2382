//! `rival tower`: milliseconds a picture of a vision tower in both engines, from one projector file.
//!
//! llama.cpp's LLaVA graph runs all blocks but the last and, in the version built here, puts the class row behind the
//! patches: the work is that of CLIP, the numbers are not, so only speed is compared. Ours runs as many blocks from the
//! same bytes; the patch kernel's and the class row's shapes are written as our loader wants them, in memory.
//! llama.cpp's two projection layers, a few thousandths of the work, are its own.

use crate::bench::{Side, push, sides};
use crate::files::parse;
use crate::measure::{Pair, seconds, settle};
use crate::mtmd::{Mtmd, pixels};
use crate::random::{NormalTable, Random};
use crate::{Result, llama};
use clap::Args;
use ocelli_engine::CancelHandle;
use ocelli_engine::blocks::vit::{Vit, VitConfig, VitRows};
use ocelli_engine::image::Pixels;
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

/// Of the weights.
const DEVIATION: f64 = 0.02;

/// Hyper-parameters of a random tower.
pub struct Shape {
    /// Of its files.
    pub name: &'static str,
    side: usize,
    patch: usize,
    width: usize,
    heads: usize,
    ffn: usize,
    /// Blocks that run; a file of LLaVA's has one more, which its graph leaves out.
    blocks: usize,
    /// What follows it.
    projector: Projector,
    /// Width of the rows behind that.
    projected: u64,
}

/// What leads to the language model, by llama.cpp's names.
#[derive(Clone, Copy, PartialEq)]
pub enum Projector {
    /// LLaVA's two layers, behind CLIP's tower.
    Mlp,
    /// SmolVLM's: so many neighbours a side become one row, behind SigLIP's tower.
    Idefics3(u64),
}

/// CLIP's ViT-L/14 at 336 pixels as LLaVA-1.5 uses it; EVA-ViT-g/14 at 224 as BLIP-2 uses it, with CLIP's blocks. Behind them
/// the rows are narrow, so that the projection does not count.
pub const SHAPES: [Shape; 2] = [
    Shape { name: "vit-l-14-336", projected: 64, ..LLAVA },
    Shape { name: "vit-g-14-224", side: 224, width: 1408, ffn: 6144, blocks: 39, projected: 64, ..LLAVA },
];

/// LLaVA-1.5-7B's.
pub const LLAVA: Shape = Shape {
    name: "llava-1.5-7b",
    side: 336,
    patch: 14,
    width: 1024,
    heads: 16,
    ffn: 4096,
    blocks: 23,
    projector: Projector::Mlp,
    projected: 4096,
};

/// SmolVLM-256M's: SigLIP's base at 512 pixels.
pub const SMOLVLM: Shape = Shape {
    name: "smolvlm-256m",
    side: 512,
    patch: 16,
    width: 768,
    heads: 12,
    ffn: 3072,
    blocks: 12,
    projector: Projector::Idefics3(4),
    projected: 576,
};

impl Shape {
    /// Writes a random projector file in f16 that llama.cpp opens.
    pub fn write(&self, to: &Path) -> Result<()> {
        let clip = self.projector == Projector::Mlp;
        let in_file = self.blocks + usize::from(clip);
        let mut w = Writer::new();
        w.set("general.architecture", "clip").set("general.type", "mmproj");
        w.set("general.name", self.name).set("general.file_type", 1u32);
        w.set("clip.has_vision_encoder", true).set("clip.use_gelu", !clip);
        let (name, epsilon) = if clip { ("mlp", 1e-5f32) } else { ("idefics3", 1e-6) };
        w.set("clip.projector_type", name).set("clip.vision.attention.layer_norm_epsilon", epsilon);
        if clip {
            w.set("clip.vision.activation", "gelu_quick");
        }
        w.set("clip.vision.image_mean", MetaValue::F32s(vec![0.5; 3]));
        w.set("clip.vision.image_std", MetaValue::F32s(vec![0.5; 3]));
        let numbers = [
            ("image_size", self.side as u64),
            ("patch_size", self.patch as u64),
            ("embedding_length", self.width as u64),
            ("attention.head_count", self.heads as u64),
            ("feed_forward_length", self.ffn as u64),
            ("block_count", in_file as u64),
            ("projection_dim", self.projected),
        ];
        let own = match self.projector {
            Projector::Mlp => Vec::new(),
            Projector::Idefics3(side) => {
                vec![("projector.scale_factor", side), ("preproc_image_size", 4 * self.side as u64)]
            }
        };
        for (key, value) in numbers.into_iter().chain(own) {
            w.set(format!("clip.vision.{key}"), u32::try_from(value)?);
        }
        let [width, ffn, patch] = [self.width, self.ffn, self.patch].map(|n| n as u64);
        let positions = (self.side / self.patch).pow(2) as u64 + u64::from(clip);
        let mut linear = |name: &str, inputs: u64, outputs: u64| {
            w.tensor(format!("{name}.weight"), &[inputs, outputs], TensorType::F16);
            w.tensor(format!("{name}.bias"), &[outputs], TensorType::F32);
        };
        for i in 0..in_file {
            for name in ["attn_q", "attn_k", "attn_v", "attn_out"] {
                linear(&format!("v.blk.{i}.{name}"), width, width);
            }
            linear(&format!("v.blk.{i}.ffn_up"), width, ffn);
            linear(&format!("v.blk.{i}.ffn_down"), ffn, width);
        }
        match self.projector {
            Projector::Mlp => {
                linear("mm.0", width, self.projected);
                linear("mm.2", self.projected, self.projected);
                w.tensor("v.class_embd", &[width], TensorType::F32);
            }
            Projector::Idefics3(side) => {
                w.tensor("mm.model.fc.weight", &[width * side * side, self.projected], TensorType::F16);
                w.tensor("v.patch_embd.bias", &[width], TensorType::F32);
            }
        }
        let inner = (0..in_file).flat_map(|i| [format!("v.blk.{i}.ln1"), format!("v.blk.{i}.ln2")]);
        let outer = if clip { "v.pre_ln" } else { "v.post_ln" };
        for name in inner.chain([outer.to_owned()]) {
            w.tensor(format!("{name}.weight"), &[width], TensorType::F32);
            w.tensor(format!("{name}.bias"), &[width], TensorType::F32);
        }
        w.tensor("v.position_embd.weight", &[width, positions], if clip { TensorType::F16 } else { TensorType::F32 });
        w.tensor("v.patch_embd.weight", &[patch, patch, 3, width], TensorType::F16);

        let mut random = Random::new(2);
        let normals = NormalTable::new(&mut random, DEVIATION);
        let mut body = w.begin(BufWriter::new(File::create(to)?))?;
        let mut data = Vec::new();
        while let Some(info) = body.current() {
            data.clear();
            let count = usize::try_from(info.shape.iter().product::<u64>())?;
            match info.ty {
                TensorType::F32 if info.name == "v.position_embd.weight" => {
                    let values = random.normals(count, DEVIATION);
                    data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                }
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

/// Our tower and a picture for it.
struct Ours {
    vit: Vit,
    rows: VitRows,
    cpu: Cpu,
    arena: Arena,
    cancel: CancelHandle,
    pixels: Pixels,
}

impl Ours {
    fn open(path: &Path, threads: usize) -> Result<Self> {
        let file = Arc::new(reshaped(path)?);
        let mut config = VitConfig::read(&Header::new(&file, "clip.vision."))?;
        config.blocks -= 1;
        let data = (0..config.side * config.side * 3).map(|i| (i * 37 % 251) as f32 / 125.0 - 1.0).collect();
        let side = u32::try_from(config.side)?;
        let pixels = Pixels { width: side, height: side, data };
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
        let side = u32::try_from(ours.vit.config.side)?;
        let mut theirs = Mtmd::open(&self.model, None, self.threads, 0)?;
        let mut shown = theirs.show("", side, &pixels(side, 0))?;
        let mut pair = Pair::default();
        for round in 0..=self.repeat {
            for side in sides(round) {
                settle();
                let time = match side {
                    Side::Llama => seconds(|| theirs.encode(&mut shown)),
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
