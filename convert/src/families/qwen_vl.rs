//! Qwen2-VL, Qwen2.5-VL and Qwen3-VL as transformers saves them, and as they were released: a tower over pairs of frames, a merger
//! of neighbouring rows, a language model whose positions have three axes.
//!
//! The non-obvious thing: the file has llama.cpp's keys beside ours, so that it can be split into a pair of llama.cpp's.

use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::{Change, Layout};
use crate::parts::language::{self, Language};
use crate::parts::{LAYERS, SIDE, WIDTH, activation, generation, heads, model_type, pretrained, scaled};
use crate::settings::Neutral::{Number, Text};
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;

pub(crate) const FAMILY: Family =
    Family { name: "qwen_vl", model_types: &["qwen2_vl", "qwen2_5_vl", "qwen3_vl"], read };

/// Stands for each row of a picture, and around all.
const IMAGE: &str = "<|image_pad|>";
const AROUND: [&str; 2] = ["<|vision_start|>", "<|vision_end|>"];
/// Patches of the side that llama.cpp's files name where no table of positions has one.
const SQUARE: u32 = 40;
/// Of all norms of the towers: the classes have no setting for it.
const EPS: f32 = 1e-6;

/// What has no effect in `Qwen2VLConfig` and its likes.
const OUTER: &[Known] = &[
    Known::without_effect(
        &["image_token_id", "video_token_id", "vision_end_token_id", "vision_start_token_id", "vision_token_id"],
        "the tokenizer's are taken",
    ),
    Known::without_effect(&["vocab_size"], "text_config says it"),
];

/// What has no effect in their `vision_config`.
const VISION: &[Known] = &[
    Known::only(&["in_channels", "in_chans"], &[Number(3.0)], "pictures have three colours"),
    Known::only(&["temporal_patch_size"], &[Number(2.0)], "kernels are over pairs of frames"),
    Known::without_effect(&["spatial_patch_size"], "patch_size says it"),
    Known::without_effect(&["tokens_per_second"], "only videos have times"),
];

/// The same in the object of its RoPE.
const ROPE: &[Known] = &[
    Known::only(&["rope_theta"], &[Number(1e4)], "the tower turns by 10000"),
    Known::only(&["rope_type", "type"], &[Text("axial"), Text("default")], "lines and columns are turned alike"),
];

/// What the three differ in.
struct Kind {
    model_type: &'static str,
    /// llama.cpp's name of the projector.
    projector: &'static str,
    /// The class of the language model.
    text: &'static str,
    act: &'static str,
    /// Norms shift.
    shifts: bool,
    /// From and to the feed-forward layer, the gate being the first of three.
    ffn: &'static [&'static str],
    merger: [&'static str; 3],
    patch: u32,
    learned: bool,
}

const KINDS: [Kind; 3] = [
    Kind {
        model_type: "qwen2_vl",
        projector: "qwen2vl_merger",
        text: "qwen2_vl_text",
        act: "quick_gelu",
        shifts: true,
        ffn: &["fc1", "fc2"],
        merger: ["ln_q", "mlp.0", "mlp.2"],
        patch: 14,
        learned: false,
    },
    Kind {
        model_type: "qwen2_5_vl",
        projector: "qwen2.5vl_merger",
        text: "qwen2_5_vl_text",
        act: "silu",
        shifts: false,
        ffn: &["gate_proj", "up_proj", "down_proj"],
        merger: ["ln_q", "mlp.0", "mlp.2"],
        patch: 14,
        learned: false,
    },
    Kind {
        model_type: "qwen3_vl",
        projector: "qwen3vl_merger",
        text: "qwen3_vl_text",
        act: "gelu_pytorch_tanh",
        shifts: true,
        ffn: &["linear_fc1", "linear_fc2"],
        merger: ["norm", "linear_fc1", "linear_fc2"],
        patch: 16,
        learned: true,
    },
];

struct QwenVl {
    tower: Tower,
    language: Box<dyn Language>,
    text: Object,
}

/// A vision configuration.
struct Tower {
    kind: &'static Kind,
    width: u32,
    heads: u32,
    ffn: u32,
    blocks: u32,
    patch: u32,
    merge: u32,
    act: &'static str,
    /// Places a side of the learned table.
    table: Option<u32>,
    /// Pixels a side of the windows, and the blocks that see everything.
    windows: Option<(u32, Vec<u32>)>,
    /// Blocks behind which there are features.
    features: Vec<u32>,
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    let got = config.text("model_type")?.unwrap_or_default();
    let kind = KINDS.iter().find(|kind| kind.model_type == got).unwrap_or(&KINDS[2]);
    model_type(config, kind.model_type)?;
    // The first files have what is the language model's beside what is not.
    let flat = !config.has("text_config");
    let text = if flat { config.with("model_type", kind.text) } else { config.object("text_config")? };
    if flat {
        config.known(OUTER);
    } else {
        pretrained::part(config, OUTER);
    }
    let text = if text.has("model_type") { text } else { text.with("model_type", kind.text) };
    model_type(&text, kind.text)?;
    const TIED: &str = "tie_word_embeddings";
    let (outer, inner) = (config.switch(TIED, false)?, text.switch(TIED, false)?);
    if kind.learned && config.has(TIED) && text.has(TIED) && outer != inner {
        return Err(text.bad(TIED, inner, format!("but the outer {TIED} is {outer}, which is the same setting")));
    }
    let text = text.with(TIED, outer || inner);
    let language = language::decoder(&text)?;
    let tower = Tower::read(&config.object("vision_config")?, kind, language.facts().width)?;
    if tower.features.len() > language.facts().layers as usize {
        let (got, layers) = (tower.features.len(), language.facts().layers);
        let rule = format!("each needs a layer of the language model, which has {layers}");
        return Err(config.object("vision_config")?.bad("deepstack_visual_indexes", format!("{got} blocks"), rule));
    }
    Ok(Box::new(QwenVl { tower, language, text }))
}

impl Tower {
    fn read(config: &Object, kind: &'static Kind, text: u32) -> Result<Self, ConvertError> {
        pretrained::part(config, VISION);
        if config.text("model_type")?.is_some_and(|got| got != kind.model_type) {
            model_type(config, &format!("{}_vision", kind.model_type))?;
        }
        config.object("rope_parameters")?.known(ROPE);
        let of_two = kind.model_type == "qwen2_vl";
        // In the first class the width of the rows that leave it is called hidden_size.
        let (width, out) = if of_two { ("embed_dim", "hidden_size") } else { ("hidden_size", "out_hidden_size") };
        let usual = [1_280, 3_584, 1_152][KINDS.iter().position(|k| k.model_type == kind.model_type).unwrap_or(2)];
        let width = config.count(width, 1..=WIDTH, usual)?;
        let leaves = config.count(out, 1..=WIDTH, 3_584)?;
        if leaves != text {
            return Err(config.bad(out, leaves, format!("must be the language model's hidden_size {text}")));
        }
        let heads = heads(config, "num_heads", 16, width)?;
        if !(width / heads).is_multiple_of(4) {
            return Err(config.bad(
                "num_heads",
                heads,
                format!("must make heads of a multiple of 4 numbers of {width}"),
            ));
        }
        let blocks = config.count("depth", 1..=LAYERS, if kind.learned { 27 } else { 32 })?;
        let patch = config.same("patch_size", 1..=SIDE, kind.patch)?;
        let merge = config.count("spatial_merge_size", 1..=16, 2)?;
        let ffn = if of_two {
            let ratio = config.number("mlp_ratio", 4.0)?;
            let ffn = (f64::from(width) * ratio) as u32;
            if !(1..=WIDTH).contains(&ffn) {
                return Err(config.bad("mlp_ratio", ratio, format!("makes a layer {ffn} wide of {width}")));
            }
            ffn
        } else {
            config.count("intermediate_size", 1..=WIDTH, if kind.learned { 4_304 } else { 3_420 })?
        };
        let table = if kind.learned { Some(table(config, patch)?) } else { None };
        let windows = match kind.model_type {
            "qwen2_5_vl" => {
                let mut full = config.counts("fullatt_block_indexes", 0..=LAYERS, LAYERS as usize, &[7, 15, 23, 31])?;
                let window = config.count("window_size", 1..=SIDE, 112)?;
                if window / merge / patch == 0 {
                    let rule = format!("must be at least a square of {} pixels", merge * patch);
                    return Err(config.bad("window_size", window, rule));
                }
                // Numbers of blocks that there are not change nothing in the class.
                full.retain(|block| *block < blocks);
                full.sort_unstable();
                full.dedup();
                Some((window, full))
            }
            _ => None,
        };
        let features = if kind.learned { features(config, blocks)? } else { Vec::new() };
        let act = activation(config, "hidden_act", kind.act)?;
        Ok(Self { kind, width, heads, ffn, blocks, patch, merge, act, table, windows, features })
    }

    fn layout(&self, language: u32, layout: &mut Layout) {
        let (w, ffn, from) = (u64::from(self.width), u64::from(self.ffn), "model.visual");
        let kind = self.kind;
        let patches = ["v.patch_embd", "v.patch_embd_next"];
        layout.patch_pair(&format!("{from}.patch_embed.proj"), patches, u64::from(self.patch), w, kind.learned);
        if let Some(side) = self.table {
            let places = u64::from(side).pow(2);
            layout.exact(&format!("{from}.pos_embed.weight"), &[places, w], "v.position_embd", &[w, places]);
        }
        let norm = |source: &str, name: &str, width: u64, layout: &mut Layout| {
            if kind.shifts {
                layout.norm(source, name, width, true);
            } else {
                layout.scale(source, name, width, Change::None);
            }
        };
        for n in 0..self.blocks {
            let (from, to) = (format!("{from}.blocks.{n}"), format!("v.blk.{n}"));
            norm(&format!("{from}.norm1"), &format!("{to}.ln1"), w, layout);
            // As llama.cpp's graphs have them.
            let qkv = format!("{from}.attn.qkv");
            if kind.learned {
                layout.linear(&qkv, &format!("{to}.attn_qkv"), w, 3 * w, true);
            } else {
                layout.fused(&qkv, ["q", "k", "v"].map(|part| format!("{to}.attn_{part}")), w, w, true);
            }
            layout.linear(&format!("{from}.attn.proj"), &format!("{to}.attn_out"), w, w, true);
            norm(&format!("{from}.norm2"), &format!("{to}.ln2"), w, layout);
            let names: &[_] = if kind.ffn.len() == 3 { &["ffn_gate", "ffn_up"] } else { &["ffn_up"] };
            for (source, name) in kind.ffn.iter().zip(names) {
                layout.linear(&format!("{from}.mlp.{source}"), &format!("{to}.{name}"), w, ffn, true);
            }
            let down = kind.ffn[kind.ffn.len() - 1];
            layout.linear(&format!("{from}.mlp.{down}"), &format!("{to}.ffn_down"), ffn, w, true);
        }
        let (wide, out) = (w * u64::from(self.merge).pow(2), u64::from(language));
        let [ln, first, second] = kind.merger.map(|name| format!("{from}.merger.{name}"));
        norm(&ln, "v.post_ln", w, layout);
        layout.linear(&first, "mm.0", wide, wide, true);
        layout.linear(&second, "mm.2", wide, out, true);
        for (number, block) in self.features.iter().enumerate() {
            let (from, to) = (format!("{from}.deepstack_merger_list.{number}"), format!("v.deepstack.{block}"));
            layout.norm(&format!("{from}.norm"), &format!("{to}.norm"), wide, true);
            layout.linear(&format!("{from}.linear_fc1"), &format!("{to}.fc1"), wide, wide, true);
            layout.linear(&format!("{from}.linear_fc2"), &format!("{to}.fc2"), wide, out, true);
        }
    }

    fn keys(&self, language: u32, keys: &mut Keys) {
        keys.set("clip.has_vision_encoder", true);
        keys.set("clip.projector_type", self.kind.projector);
        keys.set("clip.use_gelu", self.act == "gelu_tanh");
        keys.set("clip.use_silu", self.act == "silu");
        let side = self.table.unwrap_or(SQUARE.min(SIDE / self.patch)) * self.patch;
        for (name, value) in [
            ("image_size", side),
            ("patch_size", self.patch),
            ("embedding_length", self.width),
            ("feed_forward_length", self.ffn),
            ("block_count", self.blocks),
            ("attention.head_count", self.heads),
            ("projection_dim", language),
            ("spatial_merge_size", self.merge),
        ] {
            keys.set(format!("clip.vision.{name}"), value);
        }
        keys.set("clip.vision.attention.layer_norm_epsilon", EPS);
        keys.set("clip.vision.activation", self.act);
        if let Some((window, full)) = &self.windows {
            keys.set("clip.vision.window_size", *window);
            // llama.cpp knows each of so many, which is what the released models have.
            let pattern = full.first().map_or(self.blocks + 1, |first| first + 1);
            let regular: Vec<u32> = (0..self.blocks).filter(|block| (block + 1).is_multiple_of(pattern)).collect();
            if *full == regular {
                keys.set("clip.vision.n_wa_pattern", pattern);
            } else {
                keys.set("clip.vision.wa_layer_indexes", full.clone());
            }
        }
        if !self.features.is_empty() {
            let has: Vec<bool> = (0..self.blocks).map(|block| self.features.contains(&block)).collect();
            keys.set("clip.vision.is_deepstack_layers", has);
        }
    }
}

/// Places a side of the table of positions, which is a square.
fn table(config: &Object, patch: u32) -> Result<u32, ConvertError> {
    const KEY: &str = "num_position_embeddings";
    let places = config.count(KEY, 1..=SIDE * SIDE, 2_304)?;
    let side = places.isqrt();
    if side * side != places || side > SIDE / patch {
        return Err(config.bad(KEY, places, format!("must be a square of at most {} a side", SIDE / patch)));
    }
    Ok(side)
}

/// The blocks behind which there are features, in order.
fn features(config: &Object, blocks: u32) -> Result<Vec<u32>, ConvertError> {
    const KEY: &str = "deepstack_visual_indexes";
    let none = matches!(config.get(KEY), Some(serde_json::Value::Array(list)) if list.is_empty());
    let found = if none { Vec::new() } else { config.counts(KEY, 0..=blocks - 1, blocks as usize, &[8, 16, 24])? };
    // The k-th in the order of blocks goes behind layer k, whatever the list's order; the k-th merger is the list's k-th.
    if !found.is_sorted_by(|a, b| a < b) {
        return Err(config.bad(KEY, format!("{found:?}"), "must be in order, each once"));
    }
    if let Some(beyond) = found.iter().find(|block| **block >= blocks) {
        return Err(config.bad(KEY, beyond, format!("must be below depth {blocks}")));
    }
    Ok(found)
}

impl Model for QwenVl {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut language = Layout::default();
        self.language.layout("", &mut language);
        // Its own outer `model.` is the name of a part here.
        let mut layout = language.renamed(&|name: &str| match name.strip_prefix("model.") {
            Some(inner) => format!("model.language_model.{inner}"),
            None => name.to_owned(),
        });
        self.tower.layout(self.language.facts().width, &mut layout);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with("rotary_pos_emb.inv_freq"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        self.language.keys(keys);
        self.tower.keys(facts.width, keys);
        if self.tower.kind.learned {
            let count = u32::try_from(self.tower.features.len()).unwrap_or(u32::MAX);
            keys.set(format!("{}.n_deepstack_layers", facts.architecture), count);
        }
        scaled::keys(inputs, self.tower.patch, self.tower.merge, keys)?;
        generation::keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        tokenizer::picture(keys, IMAGE, None, &AROUND)
    }

    /// Names as they were released, and as versions before 4.52 had them.
    fn canonical(&self, name: &str) -> String {
        if name.starts_with("visual.") {
            return format!("model.{name}");
        }
        match name.strip_prefix("model.") {
            Some(rest) if !rest.starts_with("visual.") && !rest.starts_with("language_model.") => {
                format!("model.language_model.{rest}")
            }
            _ => name.to_owned(),
        }
    }
}
