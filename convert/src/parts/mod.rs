//! Parts that several families share: each reads its piece of a configuration, and gives the tensor rules and the keys
//! that follow from it.

pub(crate) mod clip;
pub(crate) mod conversations;
pub(crate) mod gated;
pub(crate) mod generation;
pub(crate) mod image;
pub(crate) mod internvit;
pub(crate) mod language;
pub(crate) mod large;
pub(crate) mod lfm2;
pub(crate) mod llama;
pub(crate) mod lora;
pub(crate) mod magneto;
pub(crate) mod mpt;
pub(crate) mod neox;
pub(crate) mod nf_resnet;
pub(crate) mod opt;
pub(crate) mod pretrained;
pub(crate) mod qformer;
pub(crate) mod resampler;
pub(crate) mod rope;
pub(crate) mod scaled;
pub(crate) mod siglip;
pub(crate) mod split;
pub(crate) mod t5;
pub(crate) mod tasks;
pub(crate) mod vit;

use crate::error::ConvertError;
use crate::settings::Neutral::Number;
use crate::settings::{Known, Object};
pub(crate) use ocelli_quant::gguf::keys::{CONTEXT, HEAD, HEADS, LAYERS, SIDE, VOCABULARY, WIDTH};

/// What has no effect in configurations of vision transformers.
const VISION: &[Known] = &[
    Known::without_effect(&["projection_dim"], "belongs to a projection behind the tower, which nobody here reads"),
    Known::without_effect(&["vision_model_name"], "names what the tower was taken from"),
    Known::only(&["num_channels"], &[Number(3.0)], "pictures have three colours"),
];

/// Hugging Face's activations by the name of the function they are. Several names compute the same tanh polynomial;
/// those that are something else have no kernel and are refused.
const ACTIVATIONS: &[(&str, &str)] = &[
    ("relu", "relu"),
    ("gelu", "gelu"),
    ("gelu_python", "gelu"),
    ("gelu_new", "gelu_tanh"),
    ("gelu_fast", "gelu_tanh"),
    ("gelu_accurate", "gelu_tanh"),
    ("gelu_pytorch_tanh", "gelu_tanh"),
    ("gelu_python_tanh", "gelu_tanh"),
    ("quick_gelu", "gelu_quick"),
    ("silu", "silu"),
    ("swish", "silu"),
];

/// The activation under `key`.
pub(crate) fn activation(config: &Object, key: &str, default: &str) -> Result<&'static str, ConvertError> {
    let name = config.text(key)?.unwrap_or(default);
    let found = ACTIVATIONS.iter().find(|(theirs, _)| *theirs == name);
    found.map(|(_, ours)| *ours).ok_or_else(|| {
        let known: Vec<_> = ACTIVATIONS.iter().map(|(theirs, _)| *theirs).collect();
        config.unsupported(key, format!("'{name}'"), format!("supported: {}", known.join(", ")))
    })
}

/// Heads that divide a width.
pub(crate) fn heads(config: &Object, key: &str, default: u32, width: u32) -> Result<u32, ConvertError> {
    let heads = config.same(key, 1..=HEADS, default)?;
    if width.is_multiple_of(heads) {
        return Ok(heads);
    }
    Err(config.bad(key, heads, format!("must divide hidden_size {width}")))
}

/// A switch this engine knows in one position only.
pub(crate) fn only(config: &Object, key: &str, supported: bool) -> Result<(), ConvertError> {
    let got = config.switch(key, supported)?;
    if got == supported { Ok(()) } else { Err(config.unsupported(key, got, format!("only {supported} is"))) }
}

/// A `model_type` that must be `wanted` where it is given.
pub(crate) fn model_type(config: &Object, wanted: &str) -> Result<(), ConvertError> {
    match config.text("model_type")? {
        Some(got) if got != wanted => {
            Err(config.unsupported("model_type", format!("'{got}'"), format!("only '{wanted}' is")))
        }
        _ => Ok(()),
    }
}

/// A number above 0 that f32 holds.
pub(crate) fn positive(config: &Object, key: &str, default: f64) -> Result<f32, ConvertError> {
    let value = config.number(key, default)?;
    let small = value as f32;
    if small > 0.0 && small.is_finite() { Ok(small) } else { Err(config.bad(key, value, "must be a number above 0")) }
}
