//! Adapters of low rank (LoRA, Hu et al. 2021) as peft saves them: `adapter_config.json`, `adapter_model.bin` or
//! `.safetensors`, and beside them what was trained whole.
//!
//! The non-obvious thing: peft puts `base_model.model.` before a model's own names. What LLaVA's training saves beside the
//! adapter has the first half of that, or all of it.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::settings::Neutral::{Empty, Number, Switch, Text};
use crate::settings::{Known, Object, Settings};

const CONFIG: &str = "adapter_config.json";
const FILES: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];
const BESIDE: &str = "non_lora_trainables.bin";
/// The largest rank.
const RANK: u32 = 4_096;

/// What has no effect in peft's configuration of an adapter.
const KNOWN: &[Known] = &[
    Known::without_effect(
        &["auto_mapping", "base_model_name_or_path", "peft_version", "revision", "task_type", "inference_mode"],
        "names what saved it and what loads it",
    ),
    Known::without_effect(
        &["init_lora_weights", "lora_dropout", "runtime_config", "loftq_config"],
        "only training reads it",
    ),
    Known::without_effect(
        &["target_modules", "layers_pattern", "layers_to_transform", "exclude_modules"],
        "the adapter's tensors say what they change",
    ),
    Known::only(&["modules_to_save"], &[Empty], "what peft saved whole among an adapter's changes is not merged"),
    Known::only(&["bias"], &[Text("none")], "biases of an adapter are not read"),
    Known::only(&["peft_type"], &[Text("LORA")], "only changes of low rank are merged"),
    Known::only(
        &["ensure_weight_tying", "fan_in_fan_out", "lora_bias", "use_dora", "use_qalora"],
        &[Switch(false)],
        "weights are outputs by inputs",
    ),
    Known::only(&["alpha_pattern", "rank_pattern"], &[Empty], "all changes have one scale"),
    Known::only(
        &["megatron_config", "trainable_token_indices", "corda_config", "eva_config"],
        &[Empty],
        "none is merged",
    ),
    Known::only(&["qalora_group_size"], &[Number(16.0)], "none is merged"),
    Known::without_effect(&["megatron_core"], "only training reads it"),
];

/// Adds an adapter's changes to a checkpoint; how many matrices they change.
pub(crate) fn merge(directory: &Path, settings: &Settings, into: &mut Checkpoint) -> Result<usize, ConvertError> {
    let config = settings.read(directory, CONFIG)?.ok_or_else(|| ConvertError::FileMissing {
        file: CONFIG.to_owned(),
        directory: directory.to_owned(),
        hint: "it has the scale of an adapter's changes",
    })?;
    config.known(KNOWN);
    let adapter = FILES.iter().map(|name| directory.join(name)).find(|path| path.exists());
    let adapter = adapter.ok_or_else(|| ConvertError::FileMissing {
        file: FILES.join(" or "),
        directory: directory.to_owned(),
        hint: "it has an adapter's changes",
    })?;
    let mut adapter = Checkpoint::open_file(&adapter)?;
    adapter.rename(unwrapped);
    let (rank, scale) = scale(&config)?;
    let changed = adapter.names().count() / 2;
    into.add_low_rank(adapter, rank, scale)?;
    Ok(changed)
}

/// The rank of changes, and what they are multiplied with.
fn scale(config: &Object) -> Result<(u64, f32), ConvertError> {
    let told = config.count("r", 1..=RANK, 8)?;
    let alpha = config.number("lora_alpha", 8.0)?;
    if !(alpha as f32).is_finite() {
        return Err(config.bad("lora_alpha", alpha, "must be finite"));
    }
    let stable = config.switch("use_rslora", false)?;
    let divisor = if stable { f64::from(told).sqrt() } else { f64::from(told) };
    Ok((u64::from(told), (alpha / divisor) as f32))
}

/// What was trained whole beside an adapter, where there is such a file.
pub(crate) fn beside(directory: &Path) -> Result<Option<Checkpoint>, ConvertError> {
    let path = directory.join(BESIDE);
    if !path.exists() {
        return Ok(None);
    }
    let mut more = Checkpoint::open_file(&path)?;
    more.rename(unwrapped);
    Ok(Some(more))
}

/// A tensor's name without what peft puts before it.
pub(crate) fn unwrapped(name: &str) -> String {
    let inner = name.strip_prefix("base_model.").unwrap_or(name);
    match inner.strip_prefix("model.") {
        Some(own) if ["model.", "lm_head."].iter().any(|start| own.starts_with(start)) => own.to_owned(),
        _ => inner.to_owned(),
    }
}
