//! The decoder's switches, from the keys llama.cpp writes under `<architecture>.*`, and what an architecture fixes without
//! a key.

use super::architectures::{Architecture, KNOWN, LOGIT_SCALE, PARALLEL, SCORE_CAP, embedding_scale, refuse};
use super::convolutions::kv_heads;
use super::positions::{alibi, magneto, rope, window};
use super::{Convolutions, SourceConfig, source};
use crate::blocks::rope::Rope;
use crate::error::Error;
use crate::kernels::bias::Buckets;
use crate::kernels::{Activation, Bias, Heads};
use crate::weights::NormKind;
use crate::weights::header::{self, Header};

/// Hyper-parameters, from `<architecture>.*`.
#[derive(Debug, Clone)]
pub struct DecoderConfig {
    /// Width of the residual stream.
    pub width: usize,
    /// Width of the embedding table; where it differs from `width`, a linear layer leads in and another out.
    pub embedding_width: usize,
    /// Multiplies the embeddings of tokens.
    pub embedding_scale: f32,
    /// Multiplies the rows of pictures that take the place of embeddings.
    pub picture_scale: f32,
    /// Layers.
    pub blocks: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads, dividing `heads`.
    pub kv_heads: usize,
    /// Numbers a head; `heads` of them need not be `width`.
    pub head_width: usize,
    /// Multiplies the dot products of queries and keys.
    pub attention_scale: f32,
    /// Positions that layers with a window see.
    pub window: usize,
    /// Which layers have the window.
    pub local: Vec<bool>,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Positions the model was made for.
    pub context: usize,
    /// Of them, rows ahead of all tokens that stand nowhere: the first token is at position 0 all the same.
    pub ahead: usize,
    /// Rows of the embedding table.
    pub vocabulary: usize,
    /// How positions enter.
    pub position: Position,
    /// Kind of all norms.
    pub norm: NormKind,
    /// Epsilon of all norms.
    pub eps: f32,
    /// Norms before each sublayer; otherwise after its residual.
    pub norm_before: bool,
    /// A norm of each sublayer's result too, before its residual.
    pub norm_result: bool,
    /// A norm within each sublayer too, ahead of its last matrix.
    pub norm_within: bool,
    /// Norms of queries and keys.
    pub norm_queries: QueryNorm,
    /// Attention and feed-forward layer of a block read the same input, and both results are added to it.
    pub parallel: bool,
    /// Between the feed-forward layers, on the gate where there is one.
    pub act: Activation,
    /// The feed-forward layer has a gate.
    pub gated: bool,
    /// Multiplies the logits.
    pub logit_scale: f32,
    /// Scores become `cap tanh(score / cap)`.
    pub score_cap: Option<f32>,
    /// The same of logits.
    pub logit_cap: Option<f32>,
    /// Layers that convolve instead of attending, where there are such.
    pub convolutions: Option<Convolutions>,
    /// What its tensors are called.
    pub names: Names,
    /// Where an encoder reads the prompt.
    pub source: Option<SourceConfig>,
}

/// What tensors are called that have several names.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// The norm of what rows begin as, where there is one.
    pub begin_norm: Option<&'static str>,
    /// That of what the last layer leaves.
    pub end_norm: &'static str,
    /// From all heads to the residual stream.
    pub attention_out: &'static str,
    /// What the feed-forward layer's begin with.
    pub ffn: &'static str,
}

impl Names {
    /// Those of llama.cpp.
    pub const PLAIN: Self =
        Self { begin_norm: None, end_norm: "output_norm", attention_out: "attn_output", ffn: "ffn" };
    /// Those of llama.cpp's LFM2.
    pub const LFM2: Self = Self { end_norm: "token_embd_norm", ..Self::PLAIN };
    /// Those of llama.cpp's T5.
    pub const T5: Self = Self { attention_out: "attn_o", ..Self::PLAIN };
}

/// How positions enter the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Position {
    /// A learned row is added to the embedding; `offset` is the row of position 0.
    Learned {
        /// Rows before position 0.
        offset: usize,
    },
    /// Sines and cosines are added to the embedding; `offset` is the number of the first position.
    Waves {
        /// Numbers before that of position 0.
        offset: usize,
    },
    /// Queries and keys are turned.
    Rotary(Rope),
    /// The same, queries growing with their position and keys falling with theirs, as [`crate::kernels::Growth`] says.
    XPos {
        /// How they are turned.
        rope: Rope,
        /// Positions for one power of the scales.
        span: f32,
    },
    /// Scores fall with the distance, as [`Bias::Slopes`] says.
    Alibi {
        /// Of the gentlest head, as a power of one half.
        max: f32,
    },
    /// Scores have a learned number added for how far a key lies before its query, as [`Bias::Relative`] says.
    Buckets(Buckets),
}

/// What of queries and keys is normed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryNorm {
    /// Nothing.
    None,
    /// Each head by itself.
    Heads,
    /// All heads as one row.
    Rows,
}

impl DecoderConfig {
    /// The architectures `general.architecture` may name.
    #[must_use]
    pub fn architectures() -> Vec<&'static str> {
        KNOWN.iter().map(|a| a.name).collect()
    }

    /// The same, each with the models that have it.
    #[must_use]
    pub fn models() -> Vec<(&'static str, &'static str)> {
        KNOWN.iter().map(|a| (a.name, a.models)).collect()
    }

    /// Reads and checks the keys of an architecture, `header` being its own.
    ///
    /// # Errors
    /// [`Error::UnknownArchitecture`], [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(architecture: &str, header: &Header) -> Result<Self, Error> {
        let Some(a) = KNOWN.iter().find(|a| a.name == architecture) else {
            return Err(Error::UnknownArchitecture {
                key: "general.architecture",
                got: architecture.to_owned(),
                known: Self::architectures().join(", "),
            });
        };
        refuse(header, a)?;
        let width = header.count("embedding_length", header::WIDTH)?;
        let blocks = header.count("block_count", header::LAYERS)?;
        let context = header.count("context_length", header::CONTEXT)?;
        let heads = header.count("attention.head_count", header::HEADS)?;
        let (kv_heads, convolutions) = kv_heads(header, a, blocks, heads)?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(header.bad("attention.head_count_kv", kv_heads, format!("must divide the heads {heads}")));
        }
        let head_width = head_width(header, width, heads)?;
        let (window, local) = window(header, a, blocks)?;
        let vocabulary = vocabulary(header)?;
        let source = a.encodes.then(|| SourceConfig::read(header, blocks, vocabulary)).transpose()?;
        let blocks = if a.encodes { header.count_or("decoder_block_count", header::LAYERS, blocks)? } else { blocks };
        let gated = a.gated || a.encodes && source::has_gates(header);
        let act = if a.encodes { Some(source::activation(gated)) } else { a.act };
        let scale = if a.encodes { source::logit_scale(header, width) } else { 1.0 };
        let embedding_scale = embedding_scale(header, a, width)?;
        let config = Self {
            width,
            embedding_width: header.count_or("embedding_projection_length", header::WIDTH, width)?,
            embedding_scale,
            picture_scale: if a.magneto { embedding_scale } else { 1.0 },
            blocks,
            heads,
            kv_heads,
            head_width,
            attention_scale: attention_scale(header, a, width, blocks, heads, head_width)?,
            window,
            local,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            context,
            ahead: 0,
            vocabulary,
            position: match (&source, a.pairs, alibi(header, a)?) {
                (Some((_, buckets)), ..) => *buckets,
                _ if a.magneto => magneto(header, a, width, head_width, context)?,
                (None, Some(pairs), _) => Position::Rotary(rope(header, a, pairs, head_width)?),
                (None, None, Some(max)) => Position::Alibi { max },
                (None, None, None) => Position::Learned { offset: header.count_or("position_offset", 0..=1024, 0)? },
            },
            norm: a.norm,
            eps: header.epsilon(match a.norm {
                NormKind::Layer => "attention.layer_norm_epsilon",
                NormKind::Rms => "attention.layer_norm_rms_epsilon",
            })?,
            norm_before: header.switch("norm_before", true)?,
            norm_result: a.gemma,
            norm_within: a.magneto,
            convolutions,
            norm_queries: match header.file().tensor("blk.0.attn_q_norm.weight") {
                // Files of MPT say by the norm alone that there is one.
                Some(_) if a.name == "mpt" => QueryNorm::Rows,
                _ => a.norm_queries,
            },
            parallel: a.reads.contains(&PARALLEL) && header.switch(PARALLEL, true)?,
            act: match act {
                Some(act) if header.get("activation").is_none() => act,
                _ => header.activation("activation")?,
            },
            gated,
            logit_scale: header.positive(LOGIT_SCALE)?.unwrap_or(scale),
            score_cap: cap(header, SCORE_CAP, a.caps[0])?,
            logit_cap: cap(header, "final_logit_softcapping", a.caps[1])?,
            names: a.names,
            source: source.map(|(source, _)| source),
        };
        if a.encodes {
            source::refuse(&config, header)?;
        }
        Ok(config)
    }

    /// The attention of a layer.
    #[must_use]
    pub fn attention(&self, layer: usize) -> Heads {
        let window = if self.is_local(layer) { self.window } else { 0 };
        Heads { count: self.heads, kv: self.kv_heads, width: self.head_width, scale: self.attention_scale, window }
    }

    /// What every layer's attention does to its scores, unless layers have numbers for it.
    #[must_use]
    pub fn bias(&self) -> Bias<'static> {
        match (self.position, self.score_cap) {
            (Position::Alibi { max }, _) => Bias::Slopes { max },
            (_, Some(cap)) => Bias::Capped { cap },
            (_, None) => Bias::None,
        }
    }

    /// Positions that a sequence has at most while its positions are turned as short ones are; `None` where all are turned
    /// alike.
    #[must_use]
    pub fn short(&self) -> Option<usize> {
        if let Position::Rotary(rope) = self.position { rope.short } else { None }
    }

    /// The token whose rows have no position: with sines that are added to embeddings the number before the first.
    #[must_use]
    pub fn padding(&self) -> Option<u32> {
        let Position::Waves { offset } = self.position else { return None };
        offset.checked_sub(1).and_then(|id| u32::try_from(id).ok())
    }

    /// Whether a layer sees a window only.
    #[must_use]
    pub fn is_local(&self, layer: usize) -> bool {
        self.local.get(layer).is_some_and(|local| *local)
    }
}

#[allow(clippy::cast_precision_loss)] // widths are small
pub(super) fn float(x: usize) -> f32 {
    x as f32
}

/// Rows of the embedding table. Many files name no number: then it is the table's.
fn vocabulary(header: &Header) -> Result<usize, Error> {
    let vocabulary = match header.file().tensor("token_embd.weight").and_then(|t| t.shape.get(1)) {
        Some(&rows) => header.count_or("vocab_size", header::VOCABULARY, usize::try_from(rows).unwrap_or(0))?,
        None => header.count("vocab_size", header::VOCABULARY)?,
    };
    if header::VOCABULARY.contains(&vocabulary) {
        Ok(vocabulary)
    } else {
        Err(header.bad("vocab_size", vocabulary, "the embedding table has too few or too many rows"))
    }
}

/// Keys and values have one width here.
fn head_width(header: &Header, width: usize, heads: usize) -> Result<usize, Error> {
    const KEY: &str = "attention.key_length";
    let head = match header.get(KEY) {
        Some(_) => header.count(KEY, header::HEAD)?,
        None => width / header.heads("attention.head_count", width)?,
    };
    let value = header.count_or("attention.value_length", header::HEAD, head)?;
    if value != head {
        return Err(header.bad("attention.value_length", value, format!("must be the keys' {head}")));
    }
    if heads * head > *header::WIDTH.end() {
        return Err(header.bad(KEY, head, format!("{heads} heads are wider than {}", header::WIDTH.end())));
    }
    Ok(head)
}

/// What a key says scores or logits are capped by, 0 being nothing; `usual` where the file lacks it.
fn cap(header: &Header, key: &str, usual: Option<f32>) -> Result<Option<f32>, Error> {
    if header.get(key).is_none() { Ok(usual) } else { header.positive(key) }
}

/// 1/√(head width), unless the file says otherwise. Gemma's largest models take the mean width of a head of the residual
/// stream, which their files say by their number of layers alone.
fn attention_scale(
    header: &Header,
    a: &Architecture,
    width: usize,
    blocks: usize,
    heads: usize,
    head_width: usize,
) -> Result<f32, Error> {
    let of = if a.largest == blocks { width / heads } else { head_width };
    // In T5 the weights' first values stand for the scale.
    let usual = if a.encodes { 1.0 } else { 1.0 / float(of).sqrt() };
    Ok(header.positive("attention.scale")?.unwrap_or(usual))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernels::Pairs;
    use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
    use std::sync::Arc;

    /// The configuration of a small model with one key set besides, or otherwise.
    fn read(architecture: &str, key: &str, value: MetaValue) -> Result<DecoderConfig, Error> {
        let sizes = [
            ("context_length", 64),
            ("embedding_length", 48),
            ("block_count", 7),
            ("feed_forward_length", 80),
            ("attention.head_count", 6),
            ("vocab_size", 30),
        ];
        let mut keys: Vec<_> = sizes.map(|(name, number)| (name, MetaValue::U32(number))).into();
        keys.push(("attention.layer_norm_rms_epsilon", MetaValue::F32(1e-5)));
        keys.push(("attention.layer_norm_epsilon", MetaValue::F32(1e-5)));
        keys.retain(|(name, _)| *name != key);
        keys.push((key, value));
        let mut writer = Writer::new();
        for (name, value) in keys {
            writer.set(format!("{architecture}.{name}"), value);
        }
        let bytes = writer.begin(Vec::new()).unwrap().finish().unwrap();
        let file = Arc::new(Gguf::parse(Arc::new(bytes)).unwrap());
        DecoderConfig::read(architecture, &Header::new(&file, format!("{architecture}.")))
    }

    #[test]
    fn architectures_fix_what_no_key_says() {
        let llama = read("llama", "rope.scaling.factor", MetaValue::F32(4.0)).unwrap();
        let Position::Rotary(rope) = llama.position else { panic!("{:?}", llama.position) };
        assert_eq!((rope.width, rope.pairs, rope.stretch), (8, Pairs::Adjacent, 4.0));
        assert_eq!((llama.kv_heads, llama.act, llama.embedding_scale), (6, Activation::Silu, 1.0));
        assert_eq!(llama.attention(0).window, 0);

        let gemma = read("gemma3", "attention.sliding_window", MetaValue::U32(16)).unwrap();
        let windows: Vec<usize> = (0..7).map(|layer| gemma.attention(layer).window).collect();
        assert_eq!(windows, [16, 16, 16, 16, 16, 0, 16]);
        let Position::Rotary(rope) = gemma.position else { panic!("{:?}", gemma.position) };
        assert_eq!((rope.pairs, rope.local_base), (Pairs::Halves, Some(10_000.0)));
        assert_eq!((gemma.embedding_scale, gemma.score_cap), (48f32.sqrt(), None));

        let mpt = read("mpt", "attention.max_alibi_bias", MetaValue::F32(6.0)).unwrap();
        assert_eq!(mpt.position, Position::Alibi { max: 6.0 });
        assert!(matches!(mpt.bias(), Bias::Slopes { max: 6.0 }));
        assert_eq!((mpt.act, mpt.norm, mpt.parallel), (Activation::GeluErf, NormKind::Layer, false));
        let mpt = read("mpt", "attention.max_alibi_bias", MetaValue::F32(0.0)).unwrap();
        assert_eq!(mpt.position, Position::Learned { offset: 0 });
        assert!(matches!(mpt.bias(), Bias::None));

        let llama = read("llama", "rope.dimension_sections", MetaValue::I32s(vec![1, 1, 2, 0])).unwrap();
        let Position::Rotary(rope) = llama.position else { panic!("{:?}", llama.position) };
        assert_eq!((rope.sections.unwrap().counts, rope.axes()), ([1, 1, 2], vec![0, 1, 2, 2]));

        let neox = read("gptneox", "rope.dimension_count", MetaValue::U32(2)).unwrap();
        let Position::Rotary(rope) = neox.position else { panic!("{:?}", neox.position) };
        assert_eq!((rope.width, rope.pairs, neox.parallel), (2, Pairs::Halves, true));
        let neox = read("gptneox", "activation", MetaValue::Str("gelu_tanh".to_owned())).unwrap();
        assert_eq!(neox.act, Activation::GeluTanh);
        assert!(!read("gptneox", "use_parallel_residual", MetaValue::Bool(false)).unwrap().parallel);
    }

    #[test]
    fn newer_architectures_fix_what_no_key_says() {
        let gemma = read("gemma2", "attention.sliding_window", MetaValue::U32(16)).unwrap();
        let windows: Vec<usize> = (0..7).map(|layer| gemma.attention(layer).window).collect();
        assert_eq!(windows, [16, 0, 16, 0, 16, 0, 16]);
        assert_eq!((gemma.score_cap, gemma.logit_cap, gemma.norm_queries), (Some(50.0), Some(30.0), QueryNorm::None));
        assert!(matches!(gemma.bias(), Bias::Capped { cap: 50.0 }));
        assert_eq!(read("gemma2", "block_count", MetaValue::U32(46)).unwrap().attention_scale, 1.0 / 8f32.sqrt());
        let uncapped = read("gemma2", "attn_logit_softcapping", MetaValue::F32(0.0)).unwrap();
        assert!(matches!((uncapped.bias(), uncapped.attention(0).window), (Bias::None, 4_096)));

        assert_eq!(read("qwen3", "block_count", MetaValue::U32(8)).unwrap().norm_queries, QueryNorm::Heads);
        for name in ["qwen2", "phi3"] {
            let config = read(name, "attention.sliding_window", MetaValue::U32(5)).unwrap();
            assert_eq!((config.act, config.gated, config.norm_queries), (Activation::Silu, true, QueryNorm::None));
            assert!(config.local.iter().all(|local| *local), "{name}");
        }
        let sections = || MetaValue::I32s(vec![2, 1, 1, 0]);
        for (name, axes) in [("qwen2vl", [0, 0, 1, 2]), ("qwen3vl", [0, 1, 2, 0])] {
            let Position::Rotary(rope) = read(name, "rope.dimension_sections", sections()).unwrap().position else {
                panic!("{name} turns nothing")
            };
            assert_eq!(rope.axes(), axes, "{name}");
        }
    }

    #[test]
    fn a_number_may_stand_there_once_a_layer() {
        let (unsigned, signed) = (|n: u32| MetaValue::U32s(vec![n; 7]), |n: i32| MetaValue::I32s(vec![n; 7]));
        assert_eq!(read("llama", "attention.head_count", unsigned(6)).unwrap().heads, 6);
        assert_eq!(read("llama", "attention.head_count_kv", signed(2)).unwrap().kv_heads, 2);
        assert_eq!(read("llama", "feed_forward_length", unsigned(96)).unwrap().ffn, 96);
        assert_eq!(read("gemma3", "attention.head_count_kv", unsigned(3)).unwrap().kv_heads, 3);
        let refused = |key: &str, value: MetaValue, code: &str, words: &[&str]| {
            let error = read("llama", key, value).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
        };
        let mut uneven = vec![6; 7];
        uneven[4] = 3;
        let words = ["llama.attention.head_count'", "6 in layer 0", "3 in layer 4"];
        refused("attention.head_count", MetaValue::U32s(uneven), "uneven", &words);
        let words = ["llama.feed_forward_length' has 3 numbers", "llama.block_count' is 7"];
        refused("feed_forward_length", MetaValue::U32s(vec![80; 3]), "layer-count", &words);
        refused("attention.head_count_kv", signed(-2), "out-of-range", &["-2"]);
        refused("attention.head_count_kv", unsigned(4), "parameter", &["must divide the heads 6"]);
        refused("attention.head_count", MetaValue::U32s(Vec::new()), "layer-count", &["has 0 numbers"]);
        refused("attention.head_count", MetaValue::F32s(vec![6.0; 7]), "wrong-type", &["array of f32"]);
        refused("block_count", unsigned(7), "wrong-type", &["llama.block_count"]);
    }

    #[test]
    fn what_is_not_computed_or_makes_no_sense_is_refused_by_name() {
        let (count, number) = (MetaValue::U32, MetaValue::F32);
        for (key, value) in [
            ("expert_count", count(8)),
            ("attention.max_alibi_bias", number(8.0)),
            ("use_parallel_residual", MetaValue::Bool(true)),
            ("attention.causal", MetaValue::Bool(false)),
            ("attn_logit_softcapping", number(50.0)),
            ("rope.scaling.type", MetaValue::Str("yarn".to_owned())),
            ("rope.scaling.factor", number(-1.0)),
            ("rope.scaling.attn_factor", number(-0.5)),
            ("rope.freq_base", number(f32::NAN)),
            ("rope.dimension_count", count(3)),
            ("rope.dimension_count", count(10)),
            ("rope.dimension_sections", MetaValue::U32s(vec![1, 1, 1, 0])),
            ("rope.dimension_sections", MetaValue::U32s(vec![1, 1, 1, 1])),
            ("rope.dimension_sections", MetaValue::U32s(vec![4, 0, 0, 0, 0])),
            ("rope.dimension_sections", MetaValue::U32s(vec![u32::MAX, 1, 4, 0])),
            ("attention.head_count_kv", count(4)),
            ("attention.head_count_kv", count(0)),
            ("attention.head_count", count(5)),
            ("attention.key_length", count(1 << 20)),
            ("attention.value_length", count(4)),
            ("attention.scale", number(f32::INFINITY)),
            ("final_logit_softcapping", number(-30.0)),
            ("vocab_size", count(0)),
            ("attention.layer_norm_rms_epsilon", number(0.0)),
        ] {
            let got = read("llama", key, value.clone());
            let Err(Error::BadParameter { key: named, .. }) = got else { panic!("{key} {value:?}: {got:?}") };
            assert_eq!(named, format!("llama.{key}"));
        }
        let pattern = MetaValue::Bools(vec![true; 3]);
        let got = read("gemma3", "attention.sliding_window_pattern", pattern);
        assert!(got.is_ok(), "without a window a pattern means nothing");
    }
}
