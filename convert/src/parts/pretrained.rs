//! What every configuration class of transformers has beside its own settings: the keys of `PretrainedConfig`, by the
//! versions from 4.2x to 5.x, and the generation settings that older versions saved among them.
//!
//! Lists say which keys have no effect on what a model computes, or at which value; whatever else is in a configuration
//! must be read by somebody.

use crate::settings::Neutral::{Empty, Number, Switch};
use crate::settings::{Known, Object};

/// Says what has no effect in the configuration of a language model, `own` being that of its class.
pub(crate) fn language(config: &Object, own: &'static [Known]) {
    for settings in [BASE, TRAINING, GENERATION, own] {
        config.known(settings);
    }
}

/// The same of a part that generates nothing.
pub(crate) fn part(config: &Object, own: &'static [Known]) {
    for settings in [BASE, TRAINING, GENERATION, HEADLESS, own] {
        config.known(settings);
    }
}

/// Keys of the base class.
const BASE: &[Known] = &[
    Known::without_effect(
        &[
            "_commit_hash",
            "_name_or_path",
            "architectures",
            "auto_map",
            "custom_pipelines",
            "model_type",
            "name_or_path",
            "tokenizer_class",
            "tokenizer_name",
            "transformers.js_config",
            "transformers_version",
            "unsloth_fixed",
            "unsloth_version",
        ],
        "names what saved it and what loads it",
    ),
    Known::without_effect(&["dtype", "torch_dtype", "use_bfloat16"], "each tensor says its own type"),
    Known::without_effect(
        &[
            "_attn_implementation",
            "_attn_implementation_autoset",
            "_attn_implementation_internal",
            "_flash_attn_2_enabled",
            "_experts_implementation",
            "_experts_implementation_internal",
            "_output_attentions",
            "attn_implementation",
            "chunk_size_feed_forward",
            "experts_implementation",
            "gradient_checkpointing",
            "keys_to_ignore_at_inference",
            "output_attentions",
            "output_hidden_states",
            "return_dict",
            "tf_legacy_loss",
            "tie_last_hidden_states",
            "torchscript",
            "use_cache",
            "use_return_dict",
        ],
        "says how the same numbers are computed, or which are returned",
    ),
    Known::without_effect(
        &["is_decoder"],
        "a language model that generates is one, and classes that differ are not read",
    ),
    Known::without_effect(
        &["finetuning_task", "id2label", "label2id", "num_labels", "problem_type", "task_specific_params"],
        "belongs to heads that classify, and to tasks",
    ),
    Known::without_effect(
        &["decoder_start_token_id", "pad_token_id", "sep_token_id", "tie_encoder_decoder"],
        "nothing is padded here, and there is no encoder of text",
    ),
    Known::without_effect(&["prefix"], "pipelines put it before a prompt, models do not"),
    Known::only(&["pruned_heads", "per_layer_config"], &[Empty], "all layers have the sizes of the configuration"),
    Known::only(
        &["add_cross_attention", "is_encoder_decoder"],
        &[Switch(false)],
        "the language model is a decoder without an encoder of text",
    ),
    Known::only(&["cross_attention_hidden_size"], &[], "the language model has no cross-attention of its own"),
    Known::only(&["compression_config", "quantization_config"], &[Empty], "weights must be stored as f32, f16 or bf16"),
    Known::only(
        &["quantization"],
        &[Empty],
        "MLX quantised these weights: convert the checkpoint that they were made of, whose weights are f32, f16 or bf16",
    ),
];

/// Settings of classes that only training reads.
const TRAINING: &[Known] = &[Known::without_effect(
    &[
        "activation_dropout",
        "attention_dropout",
        "attention_probs_dropout_prob",
        "classifier_dropout",
        "dropout",
        "hidden_dropout",
        "hidden_dropout_prob",
        "init_std",
        "initializer_factor",
        "initializer_range",
        "layerdrop",
    ],
    "only training drops out and sets first weights",
)];

/// Generation settings where nobody generates by them, with what versions before 5.0 saved of all classes.
const GENERATION: &[Known] = &[
    Known::not_here(
        &["do_sample", "early_stopping", "output_scores", "remove_invalid_values", "return_dict_in_generate"],
        &[Switch(false)],
        NOT_ASKED,
    ),
    Known::not_here(
        &[
            "length_penalty",
            "num_beam_groups",
            "num_beams",
            "num_return_sequences",
            "repetition_penalty",
            "temperature",
            "top_p",
            "typical_p",
        ],
        &[Number(1.0)],
        NOT_ASKED,
    ),
    Known::not_here(
        &["diversity_penalty", "encoder_no_repeat_ngram_size", "min_length", "no_repeat_ngram_size"],
        &[Number(0.0)],
        NOT_ASKED,
    ),
    Known::not_here(&["max_length"], &[Number(20.0)], NOT_ASKED),
    Known::not_here(&["top_k"], &[Number(50.0)], NOT_ASKED),
    Known::not_here(
        &[
            "bad_words_ids",
            "begin_suppress_tokens",
            "bos_token_id",
            "eos_token_id",
            "exponential_decay_length_penalty",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "max_new_tokens",
            "min_new_tokens",
            "suppress_tokens",
        ],
        &[],
        NOT_ASKED,
    ),
];
const NOT_ASKED: &str = "generation does not ask this configuration";

/// Where there is no head.
const HEADLESS: &[Known] =
    &[Known::not_here(&["tie_word_embeddings"], &[Switch(true)], "this part has no output head")];
