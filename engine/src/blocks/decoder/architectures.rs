//! The architectures a decoder may have: what each fixes without a key, and the keys that would ask for more than is
//! computed.

use super::config::float;
use super::{Names, QueryNorm};
use crate::error::Error;
use crate::kernels::{Activation, Pairs};
use crate::weights::NormKind;
use crate::weights::header::Header;
use ocelli_quant::gguf::Value;

/// What an architecture fixes.
pub(super) struct Architecture {
    pub name: &'static str,
    /// What people call the models that have it.
    pub models: &'static str,
    pub norm: NormKind,
    /// RoPE; otherwise positions are learned, unless scores fall with the distance.
    pub pairs: Option<Pairs>,
    /// Where no key names it.
    pub act: Option<Activation>,
    pub gated: bool,
    /// What of queries and keys is normed.
    pub norm_queries: QueryNorm,
    /// Norms of results, and embeddings times √width.
    pub gemma: bool,
    /// Norms within each sublayer, ahead of its last matrix; positions are sines or xPos, and what scales embeddings scales
    /// the rows of pictures as well.
    pub magneto: bool,
    /// Layers of Gemma's largest model, whose queries are scaled otherwise and whose files say so by that number alone.
    pub largest: usize,
    /// Positions that layers with a window see where no key says; 0 is all.
    pub window: usize,
    /// One layer in so many is without the window; 0 is none.
    pub pattern: usize,
    /// Base of RoPE in layers with a window, which are not stretched then; otherwise they turn as all layers do.
    pub local_base: Option<f32>,
    /// What scores and logits are capped by where no key says.
    pub caps: [Option<f32>; 2],
    /// Where positions have three axes, pairs take turns among them, see [`crate::blocks::rope::Sections`].
    pub interleaved: bool,
    /// An encoder reads the prompt, and every layer attends to what it made of it; see [`super::source`].
    pub encodes: bool,
    /// Layers without key/value heads are gated short convolutions.
    pub convolves: bool,
    /// What its tensors are called.
    pub names: Names,
    /// Keys of [`REFUSED`] that it computes.
    pub reads: &'static [&'static str],
}

/// What [`Architecture`]s have unless they say otherwise.
const PLAIN: Architecture = Architecture {
    name: "",
    models: "",
    norm: NormKind::Layer,
    pairs: None,
    act: None,
    gated: false,
    norm_queries: QueryNorm::None,
    gemma: false,
    magneto: false,
    largest: 0,
    window: 0,
    pattern: 0,
    local_base: None,
    caps: [None; 2],
    interleaved: false,
    encodes: false,
    convolves: false,
    names: Names::PLAIN,
    reads: &[],
};

/// LLaMA's with pairs as all later models have them.
const HALVES: Architecture =
    Architecture { norm: NormKind::Rms, pairs: Some(Pairs::Halves), act: Some(Activation::Silu), gated: true, ..PLAIN };

/// What Gemma 2 and 3 share.
const GEMMA: Architecture = Architecture { act: Some(Activation::GeluTanh), gemma: true, ..HALVES };

/// The most negative power of two that the slopes may fall to.
pub(super) const MAX_ALIBI: &str = "attention.max_alibi_bias";
/// Both sublayers of a block read its input.
pub(super) const PARALLEL: &str = "use_parallel_residual";
/// Multiplies the embeddings.
const EMBEDDING_SCALE: &str = "embedding_scale";
/// Scores become `cap tanh(score / cap)`.
pub(super) const SCORE_CAP: &str = "attn_logit_softcapping";
/// Multiplies the logits.
pub(super) const LOGIT_SCALE: &str = "logit_scale";

pub(super) const KNOWN: &[Architecture] = &[
    Architecture { name: "opt", models: "OPT", ..PLAIN },
    Architecture {
        name: "llama",
        models: "LLaMA 1 to 3, Mistral 7B, SmolLM2, TinyLlama, Vicuna, Yi",
        pairs: Some(Pairs::Adjacent),
        ..HALVES
    },
    Architecture { name: "qwen2", models: "Qwen 2 and 2.5", ..HALVES },
    Architecture { name: "qwen2vl", models: "Qwen 2-VL and 2.5-VL: their language models", ..HALVES },
    Architecture { name: "qwen3", models: "Qwen 3, the dense ones", norm_queries: QueryNorm::Heads, ..HALVES },
    Architecture {
        name: "qwen3vl",
        models: "Qwen 3-VL, the dense ones: their language models",
        norm_queries: QueryNorm::Heads,
        interleaved: true,
        ..HALVES
    },
    Architecture { name: "phi3", models: "Phi 3, 3.5, 4 and 4-mini", ..HALVES },
    Architecture {
        name: "gemma2",
        models: "Gemma 2",
        largest: 46,
        window: 4_096,
        pattern: 2,
        caps: [Some(50.0), Some(30.0)],
        reads: &[SCORE_CAP],
        ..GEMMA
    },
    Architecture {
        name: "gemma3",
        models: "Gemma 3: its language model",
        norm_queries: QueryNorm::Heads,
        largest: 62,
        pattern: 6,
        local_base: Some(10_000.0),
        ..GEMMA
    },
    Architecture {
        name: "lfm2",
        models: "LFM2, the dense ones",
        norm_queries: QueryNorm::Heads,
        convolves: true,
        names: Names::LFM2,
        ..HALVES
    },
    Architecture { name: "mpt", models: "MPT", act: Some(Activation::GeluErf), reads: &[MAX_ALIBI], ..PLAIN },
    Architecture {
        name: "gptneox",
        models: "GPT-NeoX, Pythia, RedPajama-INCITE",
        pairs: Some(Pairs::Halves),
        act: Some(Activation::GeluErf),
        reads: &[PARALLEL],
        ..PLAIN
    },
    Architecture {
        name: "kosmos",
        models: "KOSMOS-1 and KOSMOS-2: their language models (Magneto)",
        magneto: true,
        reads: &[EMBEDDING_SCALE],
        ..PLAIN
    },
    Architecture {
        name: "t5",
        models: "T5, T5 1.1, Flan-T5",
        norm: NormKind::Rms,
        encodes: true,
        names: Names::T5,
        reads: &[LOGIT_SCALE],
        ..PLAIN
    },
];

/// Keys that would change results in a way not computed here, with the one value under which they do not.
const REFUSED: &[(&str, &str)] = &[
    ("expert_count", "0"),
    ("expert_used_count", "0"),
    ("nextn_predict_layers", "0"),
    (PARALLEL, "false"),
    ("attention.causal", "true"),
    (MAX_ALIBI, "0"),
    ("attention.clamp_kqv", "0"),
    ("attention.key_length_mla", "0"),
    (SCORE_CAP, "0"),
    (LOGIT_SCALE, "1"),
    ("residual_scale", "1"),
    (EMBEDDING_SCALE, "1"),
    ("pooling_type", "0"),
];

/// What multiplies the embeddings of a width.
pub(super) fn embedding_scale(header: &Header, a: &Architecture, width: usize) -> Result<f32, Error> {
    Ok(match header.positive(EMBEDDING_SCALE)? {
        Some(scale) if a.magneto => scale,
        _ if a.gemma => float(width).sqrt(),
        _ => 1.0,
    })
}

/// Refuses a file that asks for what is not computed.
pub(super) fn refuse(header: &Header, a: &Architecture) -> Result<(), Error> {
    for (name, harmless) in REFUSED.iter().filter(|(name, _)| !a.reads.contains(name)) {
        let text = match header.get(name) {
            None => continue,
            Some(Value::Bool(value)) => value.to_string(),
            Some(Value::F32(value)) => value.to_string(),
            Some(value) => value.as_integer().map_or_else(|| value.type_name(), |v| v.to_string()),
        };
        if text != *harmless {
            return Err(header.bad(name, text, format!("this engine runs models with {harmless} only")));
        }
    }
    Ok(())
}
