//! Which type each tensor is stored in: the mixes that files of language models are known by.
//!
//! A mix gives the tensors that suffer most, values of attention, the second matrix of a feed-forward layer and the
//! output head, more bits than the rest. Names, numbers and choices are those of llama.cpp (`src/llama-quant.cpp`), so
//! that a `q4_k_m` made here and one made there hold the same types. Its rules for mixtures of experts and for Falcon are
//! left out, since no such model runs here. What is ours: a tower and a bridge are stacks of layers like the language
//! model's, each counted by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ocelli_quant::TensorType::{self, BF16, F16, F32, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use ocelli_quant::gguf::Gguf;

use crate::error::{ConvertError, shown};

/// A type for most matrices, and the rules for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    name: &'static str,
    base: TensorType,
    file_type: u32,
    level: Level,
}

/// How generous a mix is with what suffers most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Nothing but the head gets more.
    Plain,
    Small,
    Medium,
    Large,
}

impl Mix {
    /// Every mix, by falling precision.
    pub const ALL: [Mix; 17] = [
        Self::new("f32", F32, 0, Level::Plain),
        Self::new("f16", F16, 1, Level::Plain),
        Self::new("bf16", BF16, 32, Level::Plain),
        Self::new("q8_0", Q8_0, 7, Level::Plain),
        Self::new("q6_k", Q6K, 18, Level::Plain),
        Self::new("q5_k_m", Q5K, 17, Level::Medium),
        Self::new("q5_k_s", Q5K, 16, Level::Plain),
        Self::new("q5_1", Q5_1, 9, Level::Plain),
        Self::new("q5_0", Q5_0, 8, Level::Plain),
        Self::new("q4_k_m", Q4K, 15, Level::Medium),
        Self::new("q4_k_s", Q4K, 14, Level::Small),
        Self::new("q4_1", Q4_1, 3, Level::Plain),
        Self::new("q4_0", Q4_0, 2, Level::Plain),
        Self::new("q3_k_l", Q3K, 13, Level::Large),
        Self::new("q3_k_m", Q3K, 12, Level::Medium),
        Self::new("q3_k_s", Q3K, 11, Level::Plain),
        Self::new("q2_k", Q2K, 10, Level::Medium),
    ];

    const fn new(name: &'static str, base: TensorType, file_type: u32, level: Level) -> Self {
        Self { name, base, file_type, level }
    }

    /// Matrices as `ty`, and nothing said about which of them deserve more.
    #[must_use]
    pub fn of(ty: TensorType) -> Self {
        // Of the mixes of one type, the smallest is the one that comes nearest.
        let file_type = match ty {
            TensorType::Iq4Nl => 25,
            TensorType::Iq4Xs => 30,
            Q2K => 10,
            Q3K => 11,
            Q4K => 14,
            Q5K => 16,
            _ => Self::ALL.iter().find(|mix| mix.base == ty).map_or(0, |mix| mix.file_type),
        };
        Self::new(ty.name(), ty, file_type, Level::Plain)
    }

    /// The name, such as `q4_k_m`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The type of most matrices.
    #[must_use]
    pub fn base(self) -> TensorType {
        self.base
    }

    /// llama.cpp's number for `general.file_type`.
    #[must_use]
    pub fn file_type(self) -> u32 {
        self.file_type
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl FromStr for Mix {
    type Err = ConvertError;

    /// Parses [`Mix::name`], ignoring ASCII case; `q3_k`, `q4_k` and `q5_k` are their `_m`.
    fn from_str(name: &str) -> Result<Self, ConvertError> {
        let lower = name.to_ascii_lowercase();
        let full = if ["q3_k", "q4_k", "q5_k"].contains(&lower.as_str()) { lower + "_m" } else { lower };
        Self::ALL.into_iter().find(|mix| mix.name == full).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            ConvertError::UnknownMix { name: shown(name), known }
        })
    }
}

/// What a matrix does, as far as the rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Head,
    Embedding,
    /// Values, also those of a fused projection.
    Value,
    AttentionOutput,
    Down,
    Other,
}

impl Role {
    fn of(name: &str) -> Self {
        const BY_PART: [(&str, Role); 5] = [
            ("attn_qkv.weight", Role::Value),
            ("attn_kv_b.weight", Role::Value),
            ("attn_v.weight", Role::Value),
            ("attn_output.weight", Role::AttentionOutput),
            ("ffn_down", Role::Down),
        ];
        match name {
            "output.weight" => Self::Head,
            "token_embd.weight" | "per_layer_token_embd.weight" => Self::Embedding,
            _ => BY_PART.iter().find(|(part, _)| name.contains(part)).map_or(Self::Other, |(_, role)| *role),
        }
    }
}

/// Where a tensor is in a stack of layers: what stands before `blk.`, the layer, and the tensor's name in it.
fn place(name: &str) -> Option<(&str, u32, &str)> {
    let at = if name.starts_with("blk.") { 0 } else { name.find(".blk.")? + 1 };
    let (layer, tensor) = name[at + 4..].split_once('.')?;
    Some((&name[..at], layer.parse().ok()?, tensor))
}

/// Whether a tensor is a matrix that is multiplied with. All others stay as they are: vectors, norms, convolution kernels,
/// position tables, learned queries and other rows that are added, the routing of experts, and what has a row for each input.
pub(crate) fn is_matrix(name: &str, shape: &[u64]) -> bool {
    const KEPT: [&str; 12] = [
        "_norm.weight",
        "patch_embd",
        "v.stem",
        "position_embd",
        "class_embd",
        "query_embd",
        "token_types",
        "ffn_gate_inp.weight",
        "conv1d",
        "shortconv.conv.",
        "attn_rel_b.weight",
        "mm.input_projection",
    ];
    let dims = shape.iter().rposition(|&n| n > 1).map_or(1, |last| last + 1);
    dims >= 2 && name.ends_with("weight") && !KEPT.iter().any(|part| name.contains(part))
}

/// A mix applied to one file.
#[derive(Debug)]
pub(crate) struct Rules {
    mix: Mix,
    /// Whether the embedding is the output head too.
    tied: bool,
    /// Query heads for each key/value head of the language model.
    sharing: u64,
    /// Whether this is a LLaMA of 80 layers with shared keys and values: its values are few and get more bits.
    large: bool,
    weighted: bool,
    /// The layers of each tensor that stacks have: by what stands before `blk.` and the name behind the layer.
    stacks: BTreeMap<(String, String), Vec<u32>>,
}

impl Rules {
    /// The rules for a file; `weighted` says that importances are known.
    pub(crate) fn new(mix: Mix, file: &Gguf, weighted: bool) -> Self {
        let architecture = file.str("general.architecture").ok().flatten().unwrap_or_default();
        let layers = format!("{architecture}.block_count");
        let number = |key: &str| file.for_all_layers(key, &layers).ok().flatten();
        let names: Vec<&str> = file.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
        Self::of(mix, architecture, number, &names, weighted)
    }

    /// The rules for a file with tensors of these names that is being made. `number` has its keys: one number, or the one
    /// that all layers share.
    pub(crate) fn of(
        mix: Mix,
        architecture: &str,
        number: impl Fn(&str) -> Option<u64>,
        names: &[&str],
        weighted: bool,
    ) -> Self {
        let number = |key: &str| number(&format!("{architecture}.{key}"));
        let heads = number("attention.head_count").unwrap_or(1);
        let sharing = heads / number("attention.head_count_kv").unwrap_or(heads).max(1);
        let large = architecture == "llama" && number("block_count") == Some(80) && sharing > 1;
        let mut stacks: BTreeMap<(String, String), Vec<u32>> = BTreeMap::new();
        for (stack, layer, tensor) in names.iter().filter_map(|name| place(name)) {
            stacks.entry((stack.to_owned(), tensor.to_owned())).or_default().push(layer);
        }
        for layers in stacks.values_mut() {
            layers.sort_unstable();
            layers.dedup();
        }
        Self { mix, tied: !names.contains(&"output.weight"), sharing, large, weighted, stacks }
    }

    /// The type that the mix wants for a matrix with rows of `cols`, whatever its rows allow.
    pub(crate) fn wanted(&self, name: &str, cols: u64) -> TensorType {
        let base = self.mix.base;
        if base.block_len() == 1 {
            return base;
        }
        let role = Role::of(name);
        if role == Role::Head || role == Role::Embedding && self.tied {
            let whole = cols.is_multiple_of(base.block_len() as u64);
            return if whole && base != Q8_0 { Q6K } else { Q8_0 };
        }
        let place = place(name);
        let layers = place.and_then(|(stack, _, tensor)| self.stacks.get(&(stack.to_owned(), tensor.to_owned())));
        let count = layers.map_or(0, Vec::len);
        let layer = layers.zip(place).and_then(|(layers, place)| layers.binary_search(&place.1).ok()).unwrap_or(0);
        let language = place.is_none_or(|(stack, ..)| stack.is_empty());
        match role {
            Role::Value => {
                let ty = self.value(layer, count, if language { self.sharing } else { 1 });
                if self.large && language && matches!(ty, Q3K | Q4K) { Q5K } else { ty }
            }
            Role::Down => self.down(layer, count),
            Role::AttentionOutput => match (base, self.mix.level) {
                (Q2K, _) => Q3K,
                (Q3K, Level::Medium) => Q4K,
                (Q3K, Level::Large) => Q5K,
                _ => base,
            },
            Role::Head | Role::Embedding | Role::Other => base,
        }
    }

    fn value(&self, layer: usize, count: usize, sharing: u64) -> TensorType {
        match (self.mix.base, self.mix.level) {
            (Q2K, _) => {
                if sharing >= 4 {
                    Q4K
                } else {
                    Q3K
                }
            }
            (Q3K, Level::Medium) => {
                if layer < 2 {
                    Q5K
                } else {
                    Q4K
                }
            }
            (Q3K, Level::Large) => Q5K,
            (Q4K | Q5K, Level::Medium) if more_bits(layer, count) => Q6K,
            (Q4K, Level::Small) if layer < 4 => Q5K,
            (base, _) => base,
        }
    }

    fn down(&self, layer: usize, count: usize) -> TensorType {
        match (self.mix.base, self.mix.level) {
            (Q2K, _) => Q3K,
            (Q3K, Level::Medium) => {
                if layer < count / 16 {
                    Q5K
                } else {
                    Q4K
                }
            }
            (Q3K, Level::Large) => Q5K,
            (Q4K | Q5K, Level::Medium) if more_bits(layer, count) => Q6K,
            (Q4K, Level::Small) if layer < count / 8 => Q5K,
            // With importances the first layers' few large inputs draw all levels to themselves; a minimum helps.
            (Q4_0, _) if self.weighted && layer < count / 8 => Q4_1,
            (Q5_0, _) if self.weighted && layer < count / 8 => Q5_1,
            (base, _) => base,
        }
    }
}

/// The first and the last eighth of the layers, and every third between.
fn more_bits(layer: usize, count: usize) -> bool {
    layer < count / 8 || layer >= 7 * count / 8 || (layer - count / 8) % 3 == 2
}

/// The type that rows of `cols` allow in place of `wanted`: a block of 32 where one of 256 does not divide them, with
/// about as many bits, and F16 where that does not either.
pub(crate) fn fitting(wanted: TensorType, cols: u64) -> TensorType {
    let divides = |ty: TensorType| cols.is_multiple_of(ty.block_len() as u64);
    if divides(wanted) {
        return wanted;
    }
    let narrow = match wanted {
        Q2K | Q3K => Q4_0,
        Q4K => Q5_0,
        Q5K => Q5_1,
        Q6K => Q8_0,
        other => other,
    };
    if divides(narrow) { narrow } else { F16 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use ocelli_quant::gguf::{MetaValue, Writer};

    use super::*;

    /// The head of a LLaMA of `layers` layers with 32 heads; the data are zeros of one row each.
    fn llama(layers: u32, kv: u32, head: bool) -> Gguf {
        llama_with(layers, kv.into(), head)
    }

    fn llama_with(layers: u32, kv: MetaValue, head: bool) -> Gguf {
        let mut writer = Writer::new();
        writer.set("general.architecture", "llama").set("llama.block_count", layers);
        writer.set("llama.attention.head_count", 32u32).set("llama.attention.head_count_kv", kv);
        let mut names = vec!["token_embd.weight".to_owned()];
        // Out of order, as files sorted by name are.
        for layer in (0..layers).rev() {
            for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
                names.push(format!("blk.{layer}.{name}.weight"));
            }
        }
        names.extend(head.then(|| "output.weight".to_owned()));
        for name in &names {
            writer.tensor(name, &[1, 2], F32);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        for _ in &names {
            body.write(&[0; 8]).unwrap();
        }
        Gguf::parse(Arc::new(body.finish().unwrap())).unwrap()
    }

    fn mix(name: &str) -> Mix {
        name.parse().unwrap()
    }

    /// Types of one tensor over the layers, as a word of one character each: 2 to 6 for the K types.
    fn over_layers(mix: &str, file: &Gguf, tensor: &str, layers: u32) -> String {
        let rules = Rules::new(mix.parse().unwrap(), file, false);
        (0..layers).map(|n| rules.wanted(&format!("blk.{n}.{tensor}.weight"), 2048).name()[1..2].to_owned()).collect()
    }

    #[test]
    fn twenty_two_layers_as_llama_cpp_has_them() {
        let file = llama(22, 4, true);
        let same = |digit: &str| digit.repeat(22);
        let more = "6644644644644644644666";
        let table: [(&str, [String; 3]); 9] = [
            ("q6_k", [same("6"), same("6"), same("6")]),
            ("q5_k_m", [more.replace('4', "5"), more.replace('4', "5"), same("5")]),
            ("q5_k_s", [same("5"), same("5"), same("5")]),
            ("q4_k_m", [more.to_owned(), more.to_owned(), same("4")]),
            ("q4_k_s", ["5555".to_owned() + &"4".repeat(18), "55".to_owned() + &"4".repeat(20), same("4")]),
            ("q3_k_l", [same("5"), same("5"), same("5")]),
            ("q3_k_m", ["55".to_owned() + &"4".repeat(20), "5".to_owned() + &"4".repeat(21), same("4")]),
            ("q3_k_s", [same("3"), same("3"), same("3")]),
            ("q2_k", [same("4"), same("3"), same("3")]),
        ];
        for (name, wanted) in table {
            let got = ["attn_v", "ffn_down", "attn_output"].map(|tensor| over_layers(name, &file, tensor, 22));
            assert_eq!(got, wanted, "{name}");
            let rest = over_layers(name, &file, "ffn_up", 22);
            assert_eq!(rest, same(&name[1..2]), "{name}");
            let rules = Rules::new(mix(name), &file, false);
            assert_eq!(rules.wanted("output.weight", 2048), Q6K, "{name}");
            assert_eq!(rules.wanted("token_embd.weight", 2048), mix(name).base(), "{name}");
        }
        assert_eq!(over_layers("q2_k", &llama(22, 16, true), "attn_v", 22), same("3"), "few share values");
    }

    #[test]
    fn heads_that_are_the_embedding() {
        let tied = llama(2, 32, false);
        for (name, cols, wanted) in
            [("q4_0", 64, Q6K), ("q8_0", 64, Q8_0), ("q4_k_m", 256, Q6K), ("q4_k_m", 64, Q8_0), ("f16", 64, F16)]
        {
            assert_eq!(Rules::new(mix(name), &tied, false).wanted("token_embd.weight", cols), wanted, "{name} {cols}");
        }
    }

    #[test]
    fn what_importances_and_eighty_layers_change() {
        let file = llama(16, 32, true);
        for (name, first, other) in [("q4_0", Q4_1, Q4_0), ("q5_0", Q5_1, Q5_0)] {
            let rules = Rules::new(mix(name), &file, true);
            let down = |n| rules.wanted(&format!("blk.{n}.ffn_down.weight"), 64);
            assert_eq!((down(1), down(2)), (first, other));
        }
        let of = |file: &Gguf| Rules::new(mix("q4_k_m"), file, false).wanted("blk.11.attn_v.weight", 256);
        let value = |kv| of(&llama(80, kv, true));
        assert_eq!((value(8), value(32)), (Q5K, Q4K));
        // Head counts may stand there once a layer.
        let listed = |kv: u32| of(&llama_with(80, vec![kv; 80].into(), true));
        assert_eq!((listed(8), listed(32)), (Q5K, Q4K));
    }

    #[test]
    fn rows_that_do_not_divide() {
        let pairs = [(Q2K, Q4_0), (Q3K, Q4_0), (Q4K, Q5_0), (Q5K, Q5_1), (Q6K, Q8_0), (Q8_0, Q8_0), (F32, F32)];
        for (wanted, used) in pairs {
            assert_eq!(fitting(wanted, 576), used);
            assert_eq!(fitting(wanted, 512), wanted);
        }
        assert_eq!([fitting(Q4K, 48), fitting(Q4_0, 48), fitting(BF16, 48)], [F16, F16, BF16]);
    }

    #[test]
    fn names_of_mixes() {
        for mix in Mix::ALL {
            assert_eq!(mix.name().to_uppercase().parse::<Mix>().unwrap(), mix);
        }
        assert_eq!(mix("Q4_K"), mix("q4_k_m"));
        let error = "q4_z".parse::<Mix>().unwrap_err();
        assert!(error.to_string().contains("q4_z") && error.to_string().contains("q3_k_l, q3_k_m"), "{error}");
    }
}
