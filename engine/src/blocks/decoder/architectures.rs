//! The architectures a decoder may have: what each fixes without a key, and the keys that would ask for more than is
//! computed.

use crate::error::Error;
use crate::kernels::{Activation, Pairs};
use crate::weights::NormKind;
use crate::weights::header::Header;
use ocelli_quant::gguf::Value;

/// What an architecture fixes.
pub(super) struct Architecture {
    pub name: &'static str,
    pub norm: NormKind,
    /// RoPE; otherwise positions are learned, unless scores fall with the distance.
    pub pairs: Option<Pairs>,
    /// Where no key names it.
    pub act: Option<Activation>,
    pub gated: bool,
    /// Norms of heads and of results, and embeddings times √width.
    pub gemma: bool,
    /// One layer in so many is without the window; 0 is none.
    pub pattern: usize,
    /// Base of RoPE in layers with a window; otherwise the one of all layers.
    pub local_base: Option<f32>,
    /// Where positions have three axes, pairs take turns among them, see [`crate::blocks::rope::Sections`].
    pub interleaved: bool,
    /// An encoder reads the prompt, and every layer attends to what it made of it; see [`super::source`].
    pub encodes: bool,
    /// Keys of [`REFUSED`] that it computes.
    pub reads: &'static [&'static str],
}

/// What [`Architecture`]s have unless they say otherwise.
const PLAIN: Architecture = Architecture {
    name: "",
    norm: NormKind::Layer,
    pairs: None,
    act: None,
    gated: false,
    gemma: false,
    pattern: 0,
    local_base: None,
    interleaved: false,
    encodes: false,
    reads: &[],
};

/// The most negative power of two that the slopes may fall to.
pub(super) const MAX_ALIBI: &str = "attention.max_alibi_bias";
/// Both sublayers of a block read its input.
pub(super) const PARALLEL: &str = "use_parallel_residual";
/// Multiplies the logits.
pub(super) const LOGIT_SCALE: &str = "logit_scale";

pub(super) const KNOWN: &[Architecture] = &[
    Architecture { name: "opt", ..PLAIN },
    Architecture {
        name: "llama",
        norm: NormKind::Rms,
        pairs: Some(Pairs::Adjacent),
        act: Some(Activation::Silu),
        gated: true,
        ..PLAIN
    },
    Architecture {
        name: "gemma3",
        norm: NormKind::Rms,
        pairs: Some(Pairs::Halves),
        act: Some(Activation::GeluTanh),
        gated: true,
        gemma: true,
        pattern: 6,
        local_base: Some(10_000.0),
        ..PLAIN
    },
    Architecture { name: "mpt", act: Some(Activation::GeluErf), reads: &[MAX_ALIBI], ..PLAIN },
    Architecture {
        name: "gptneox",
        pairs: Some(Pairs::Halves),
        act: Some(Activation::GeluErf),
        reads: &[PARALLEL],
        ..PLAIN
    },
    Architecture { name: "t5", norm: NormKind::Rms, encodes: true, reads: &[LOGIT_SCALE], ..PLAIN },
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
    ("attn_logit_softcapping", "0"),
    (LOGIT_SCALE, "1"),
    ("residual_scale", "1"),
    ("embedding_scale", "1"),
    ("pooling_type", "0"),
    ("rope.scaling.attn_factor", "1"),
];

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
