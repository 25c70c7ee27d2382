//! The classes of LLaMA's kind: what each is called in the output, what its checkpoints have otherwise, and the defaults of
//! its configuration, since `save_pretrained` omits what equals them.

use crate::error::ConvertError;
use crate::parts::pretrained;
use crate::parts::rope::{AXES, LINEAR, LLAMA as STRETCHES};
use crate::settings::Neutral::{Number, Switch, Text};
use crate::settings::{Known, Object};

/// A class of transformers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    /// `model_type`
    pub(super) model_type: &'static str,
    /// `general.architecture`
    pub(super) architecture: &'static str,
    /// What has no effect in its configuration.
    settings: &'static [Known],
    /// Tables of additional tokens, every head with keys of its own, and older names of some settings.
    pub(super) idefics: bool,
    /// Norms multiply by one plus the weight, results are normed as well, and the activation has another key.
    pub(super) gemma: bool,
    /// Scores are capped as well as logits, and both are unless the configuration says otherwise.
    pub(super) capped: bool,
    /// Heads of queries and keys are normed.
    pub(super) head_norms: bool,
    /// The pairs that RoPE turns lie next to each other in the output.
    pub(super) pairs: bool,
    /// One projection of queries, keys and values, one of gate and up.
    pub(super) fused: bool,
    /// How many pairs take each axis of positions, where these have three.
    pub(super) sections: Option<[u32; 3]>,
    pub(super) biases: Biases,
    pub(super) windows: Windows,
    /// How positions may be stretched.
    pub(super) stretches: &'static [&'static str],
    /// Tokens that begin and end a text.
    pub(super) ends: (Option<u32>, Option<u32>),
    pub(super) defaults: Defaults,
}

/// Which layers see a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Windows {
    /// None.
    None,
    /// All of them, where `sliding_window` is a number; this one where the key is absent.
    All(Option<u32>),
    /// Those from `max_window_layers` on, with `use_sliding_window`; from this one on where the key is absent.
    Behind(u32),
    /// All but each of so many, unless `layer_types` says otherwise.
    But {
        usual: u32,
        /// Whether `sliding_window_pattern` may name another number.
        named: bool,
    },
}

/// Which projections have biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Biases {
    /// None.
    None,
    /// Queries, keys and values.
    Queries,
    /// All of attention with `attention_bias`.
    Attention,
    /// The same, and those of the feed-forward layer with `mlp_bias`.
    Both,
}

/// What a configuration leaves out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) width: u32,
    pub(super) heads: u32,
    /// `None` is as many as there are heads.
    pub(super) kv_heads: Option<u32>,
    /// `None` is their share of the width.
    pub(super) head: Option<u32>,
    pub(super) ffn: u32,
    pub(super) layers: u32,
    pub(super) context: u32,
    pub(super) vocabulary: u32,
    pub(super) eps: f64,
    /// Base of RoPE.
    pub(super) theta: f64,
    pub(super) tied: bool,
}

impl Class {
    /// That of a configuration, which then says what has no effect in it; one that names none is a LLaMA.
    pub(super) fn of(config: &Object) -> Result<&'static Self, ConvertError> {
        let name = config.text("model_type")?.unwrap_or(LLAMA.model_type);
        let Some(class) = CLASSES.iter().find(|class| class.model_type == name) else {
            let known: Vec<String> = CLASSES.iter().map(|class| format!("'{}'", class.model_type)).collect();
            return Err(config.unsupported("model_type", name, format!("only {} are", known.join(", "))));
        };
        pretrained::language(config, class.settings);
        Ok(class)
    }
}

/// What has no effect in `LlamaConfig`.
const OF_LLAMA: &[Known] = &[
    Known::without_effect(&["pretraining_tp"], "it only divides sums, which stay the same"),
    Known::only(&["partial_rotary_factor"], &[Number(1.0)], WHOLE),
    Known::without_effect(&["max_sequence_length"], "the class does not read it"),
    Known::without_effect(&["original_max_position_embeddings"], "only a rope_type of 'llama3' reads it"),
    Known::only(&["use_sliding_window"], &[Switch(false)], "each position sees all before it"),
];
const WHOLE: &str = "all of a head is turned";

/// What has no effect in `Qwen2Config` and `Qwen3Config`.
const OF_QWEN: &[Known] = &[
    Known::only(&["partial_rotary_factor"], &[Number(1.0)], WHOLE),
    Known::only(&["use_mrope"], &[Switch(false)], "positions of a text have one axis"),
    Known::without_effect(&["original_max_position_embeddings"], "only a rope_type of 'llama3' reads it"),
];

/// What has no effect in `Qwen2VLTextConfig`, `Qwen2_5_VLTextConfig` and `Qwen3VLTextConfig`.
const OF_QWEN_VL: &[Known] = &[
    Known::only(&["partial_rotary_factor"], &[Number(1.0)], WHOLE),
    Known::only(&["use_mrope"], &[Switch(true)], "positions have three axes in this class"),
    Known::without_effect(&["original_max_position_embeddings"], "only a rope_type of 'llama3' reads it"),
    Known::only(&["mlp_bias"], &[Switch(false)], "the class has none"),
];

/// What has no effect in `MistralConfig`.
const OF_MISTRAL: &[Known] = &[
    Known::only(&["partial_rotary_factor"], &[Number(1.0)], WHOLE),
    Known::without_effect(&["original_max_position_embeddings"], "only a rope_type of 'llama3' reads it"),
    Known::not_here(&["layer_types"], &[], "sliding_window says for all layers whether they have the window"),
    Known::only(&["attention_bias", "mlp_bias", "use_sliding_window"], &[Switch(false)], "the class has none"),
];

/// What has no effect in `Phi3Config`.
const OF_PHI3: &[Known] = &[
    Known::without_effect(&["embd_pdrop", "resid_pdrop"], "only training drops out"),
    Known::only(&["attention_bias", "mlp_bias"], &[Switch(false)], "the class has none"),
];

/// What has no effect in `Gemma2Config`.
const OF_GEMMA2: &[Known] = &[
    Known::only(&["partial_rotary_factor"], &[Number(1.0)], WHOLE),
    Known::without_effect(&["cache_implementation"], "layer_types says which layers have the window"),
    Known::without_effect(&["hidden_act"], "the class reads hidden_activation"),
    Known::without_effect(&["original_max_position_embeddings"], "no stretching that runs here reads it"),
];

/// What has no effect in `Gemma3TextConfig`.
const OF_GEMMA3: &[Known] = &[
    Known::without_effect(
        &["_sliding_window_pattern", "cache_implementation"],
        "layer_types says which layers have the window",
    ),
    Known::without_effect(&["hidden_act"], "the class reads hidden_activation"),
];

/// What has no effect in `IdeficsConfig`.
const OF_IDEFICS: &[Known] = &[
    Known::without_effect(
        &[
            "alpha_initializer",
            "alphas_initializer_range",
            "freeze_lm_head",
            "freeze_text_layers",
            "freeze_text_module_exceptions",
            "freeze_vision_layers",
            "freeze_vision_module_exceptions",
        ],
        "only training reads it",
    ),
    Known::without_effect(
        &[
            "attention_bias",
            "ffn_dim",
            "head_dim",
            "max_sequence_length",
            "mlp_bias",
            "num_key_value_heads",
            "word_embed_proj_dim",
        ],
        "the class reads none of them",
    ),
    Known::without_effect(&["original_max_position_embeddings"], "only a rope_type of 'llama3' reads it"),
    Known::only(&["cross_layer_activation_function"], &[Text("swiglu")], "gated layers have SwiGLU"),
];

const LLAMA: Class = Class {
    model_type: "llama",
    architecture: "llama",
    settings: OF_LLAMA,
    idefics: false,
    gemma: false,
    capped: false,
    head_norms: false,
    pairs: true,
    fused: false,
    sections: None,
    biases: Biases::Both,
    windows: Windows::None,
    stretches: STRETCHES,
    ends: (Some(1), Some(2)),
    defaults: Defaults {
        width: 4_096,
        heads: 32,
        kv_heads: None,
        head: None,
        ffn: 11_008,
        layers: 32,
        context: 2_048,
        vocabulary: 32_000,
        eps: 1e-6,
        theta: 1e4,
        tied: false,
    },
};

const QWEN2: Class = Class {
    model_type: "qwen2",
    architecture: "qwen2",
    settings: OF_QWEN,
    pairs: false,
    biases: Biases::Queries,
    windows: Windows::Behind(28),
    ends: (None, None),
    defaults: Defaults { kv_heads: Some(32), ffn: 22_016, context: 32_768, vocabulary: 151_936, ..LLAMA.defaults },
    ..LLAMA
};

/// The language models of Qwen 2-VL and 2.5-VL.
const QWEN2_VL: Class = Class {
    model_type: "qwen2_vl_text",
    architecture: "qwen2vl",
    settings: OF_QWEN_VL,
    sections: Some([16, 24, 24]),
    windows: Windows::Behind(80),
    stretches: AXES,
    defaults: Defaults {
        width: 8_192,
        heads: 64,
        kv_heads: Some(8),
        ffn: 29_568,
        layers: 80,
        vocabulary: 152_064,
        eps: 1e-5,
        theta: 1e6,
        ..QWEN2.defaults
    },
    ..QWEN2
};

const GEMMA2: Class = Class {
    model_type: "gemma2",
    architecture: "gemma2",
    settings: OF_GEMMA2,
    gemma: true,
    capped: true,
    pairs: false,
    biases: Biases::Attention,
    windows: Windows::But { usual: 2, named: false },
    stretches: LINEAR,
    ends: (Some(2), Some(1)),
    defaults: Defaults {
        width: 2_304,
        heads: 8,
        kv_heads: Some(4),
        head: Some(256),
        ffn: 9_216,
        layers: 26,
        context: 8_192,
        vocabulary: 256_000,
        eps: 1e-6,
        theta: 1e4,
        tied: true,
    },
    ..LLAMA
};

const CLASSES: &[Class] = &[
    LLAMA,
    Class { model_type: "idefics", settings: OF_IDEFICS, idefics: true, biases: Biases::None, ..LLAMA },
    // llama.cpp knows no other name for it.
    Class {
        model_type: "mistral",
        settings: OF_MISTRAL,
        biases: Biases::None,
        windows: Windows::All(Some(4_096)),
        defaults: Defaults { kv_heads: Some(8), ffn: 14_336, context: 131_072, ..LLAMA.defaults },
        ..LLAMA
    },
    QWEN2,
    Class {
        model_type: "qwen3",
        architecture: "qwen3",
        head_norms: true,
        biases: Biases::Attention,
        defaults: Defaults { head: Some(128), ..QWEN2.defaults },
        ..QWEN2
    },
    QWEN2_VL,
    Class { model_type: "qwen2_5_vl_text", ..QWEN2_VL },
    Class {
        model_type: "qwen3_vl_text",
        architecture: "qwen3vl",
        settings: OF_QWEN_VL,
        sections: Some([24, 20, 20]),
        head_norms: true,
        biases: Biases::Attention,
        windows: Windows::None,
        stretches: AXES,
        defaults: Defaults { head: Some(128), context: 128_000, ..QWEN2.defaults },
        ..QWEN2
    },
    Class {
        model_type: "phi3",
        architecture: "phi3",
        settings: OF_PHI3,
        pairs: false,
        fused: true,
        biases: Biases::None,
        windows: Windows::All(None),
        ends: (Some(1), Some(32_000)),
        defaults: Defaults {
            width: 3_072,
            ffn: 8_192,
            context: 4_096,
            vocabulary: 32_064,
            eps: 1e-5,
            ..LLAMA.defaults
        },
        ..LLAMA
    },
    GEMMA2,
    Class {
        model_type: "gemma3_text",
        architecture: "gemma3",
        settings: OF_GEMMA3,
        capped: false,
        head_norms: true,
        biases: Biases::None,
        windows: Windows::But { usual: 6, named: true },
        defaults: Defaults { context: 131_072, vocabulary: 262_208, ..GEMMA2.defaults },
        ..GEMMA2
    },
];
