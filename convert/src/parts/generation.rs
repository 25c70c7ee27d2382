//! How a model stops and its generation defaults.
//!
//! The non-obvious thing: who is asked. A language model by itself takes all of it from `generation_config.json`, and from
//! its configuration only where that file is missing. BLIP-2's `generate` hands over to its inner language model, which
//! builds its defaults from `text_config` alone; only how many tokens to generate is taken from the file there, where
//! `text_config` does not say. The ids that end a text are the class's default where absent, none where null.

use ocelli_quant::gguf::MetaValue;
use ocelli_quant::gguf::keys::BEAMS;
use serde_json::Value;

use super::CONTEXT;
use super::language::Facts;
use crate::error::{ConvertError, shown};
use crate::keys::Keys;
use crate::settings::Neutral::{self, Empty, Number, Switch};
use crate::settings::{Inputs, Known, Object};

/// What kind of value a default is.
#[derive(Clone, Copy)]
enum Kind {
    /// An integer from the one to the other: what the engine takes.
    Count(u32, u32),
    Real,
    Switch,
}

/// Defaults that are carried over under `ocelli.generation.`.
const DEFAULTS: &[(&str, Kind)] = &[
    ("max_new_tokens", Kind::Count(0, u32::MAX)),
    ("min_new_tokens", Kind::Count(0, CONTEXT)),
    ("min_length", Kind::Count(0, CONTEXT)),
    ("num_beams", Kind::Count(1, BEAMS)),
    ("length_penalty", Kind::Real),
    ("early_stopping", Kind::Switch),
    ("repetition_penalty", Kind::Real),
    ("no_repeat_ngram_size", Kind::Count(0, CONTEXT)),
];

/// Defaults that decide what comes out and that the output has no key for, with the values that change nothing.
const NOT_CARRIED: &[(&[&str], &[Neutral])] = &[
    (&["do_sample", "remove_invalid_values", "renormalize_logits", "token_healing"], &[Switch(false)]),
    (&["max_length"], &[Number(20.0)]),
    (&["encoder_repetition_penalty", "guidance_scale"], &[Number(1.0)]),
    (&["diversity_penalty", "encoder_no_repeat_ngram_size"], &[Number(0.0)]),
    (&["num_beam_groups", "num_return_sequences"], &[Number(1.0)]),
    (
        &[
            "assistant_ensemble_weight",
            "begin_suppress_tokens",
            "constraints",
            "dola_layers",
            "exponential_decay_length_penalty",
            "force_words_ids",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "max_time",
            "penalty_alpha",
            "sequence_bias",
            "stop_strings",
            "watermarking_config",
        ],
        &[Empty],
    ),
];

/// How tokens are drawn, which decides only where they are. What [`DRAWS`] carries over is not among them where the file has it.
const SAMPLING: &[(&[&str], &[Neutral])] = &[
    (&["temperature", "top_p", "typical_p"], &[Number(1.0)]),
    (&["top_k"], &[Number(50.0)]),
    (&["epsilon_cutoff", "eta_cutoff"], &[Number(0.0)]),
    (&["min_p", "top_h"], &[]),
];

/// How the model's makers draw, under llama.cpp's names, with the least and the most that make sense: of
/// `generation_config.json` alone, since a configuration repeats what the class has by default.
const DRAWS: &[(&str, &str, f64, f64)] = &[
    ("temperature", "temp", 0.0, 100.0),
    ("top_k", "top_k", 0.0, 1e6),
    ("top_p", "top_p", 1e-6, 1.0),
    ("min_p", "min_p", 0.0, 1.0),
];

/// What has no effect in `GenerationConfig`.
const WITHOUT_EFFECT: &[Known] = &[
    Known::without_effect(&["_commit_hash", "_from_model_config", "transformers_version"], "names what saved it"),
    Known::without_effect(
        &[
            "cache_config",
            "cache_implementation",
            "compile_config",
            "continuous_batching_config",
            "disable_compile",
            "low_memory",
            "max_cache_len",
            "prefill_chunk_size",
            "return_legacy_cache",
            "use_cache",
        ],
        "says how the same tokens are computed",
    ),
    Known::without_effect(
        &[
            "assistant_confidence_threshold",
            "assistant_early_exit",
            "assistant_lookbehind",
            "is_assistant",
            "max_matching_ngram_size",
            "num_assistant_tokens",
            "num_assistant_tokens_schedule",
            "prompt_lookup_num_tokens",
            "speculation_type",
            "target_lookbehind",
            "use_mtp",
        ],
        "guesses tokens ahead, which changes none of them",
    ),
    Known::without_effect(
        &["output_attentions", "output_hidden_states", "output_logits", "output_scores", "return_dict_in_generate"],
        "says what is returned beside the text",
    ),
    Known::without_effect(
        &["decoder_start_token_id", "pad_token_id"],
        "nothing is padded here, and there is no encoder of text",
    ),
];

/// The file.
const FILE: &str = "generation_config.json";

fn file(inputs: &Inputs<'_>) -> Result<Option<Object>, ConvertError> {
    let file = inputs.settings.read(inputs.source, FILE)?;
    file.iter().for_each(|file| file.known(WITHOUT_EFFECT));
    Ok(file)
}

/// The token that the decoder's text begins with where an encoder reads the prompt, from who is asked as by [`keys`], or
/// with `inner` by [`inner_keys`]; nobody need say it.
pub(crate) fn start(
    inputs: &Inputs<'_>,
    config: &Object,
    inner: bool,
    facts: &Facts,
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    const KEY: &str = "decoder_start_token_id";
    let Some(otherwise) = facts.start else { return Ok(()) };
    let own = if inner { None } else { file(inputs)? };
    let asked = own.as_ref().unwrap_or(config);
    // The original begins with its begin token where no start is named, and fails where there is neither.
    let name = [KEY, "bos_token_id"].into_iter().find(|name| asked.has(name)).unwrap_or(KEY);
    if let (Some(own), Some(other)) = (&own, config.get(KEY))
        && own.get(name) != Some(other)
    {
        config.note(KEY, shown(&other.to_string()), &format!("{FILE} decides"));
    }
    let start = asked.count(name, 0..=facts.vocabulary - 1, otherwise)?;
    keys.set(format!("{}.{KEY}", facts.architecture), start);
    Ok(())
}

/// Sets the keys of a language model by itself; `eos` and `bos` are its class's defaults.
pub(crate) fn keys(
    inputs: &Inputs<'_>,
    config: &Object,
    vocabulary: u32,
    (bos, eos): (Option<u32>, Option<u32>),
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    match file(inputs)? {
        // What such a file leaves out is not set.
        Some(own) => {
            for key in ["bos_token_id", "eos_token_id"] {
                if let (Some(other), given) = (config.get(key), own.get(key))
                    && given != Some(other)
                {
                    let given = given.map_or("none".to_owned(), |given| shown(&given.to_string()));
                    config.note(key, shown(&other.to_string()), &format!("{FILE} has {given} and decides"));
                }
            }
            set(&own, &own, vocabulary, (bos, own.ids("eos_token_id")?.unwrap_or_default()), keys)
        }
        None => {
            let ends = config.ids("eos_token_id")?.unwrap_or_else(|| eos.map(i64::from).into_iter().collect());
            set(config, config, vocabulary, (bos, ends), keys)
        }
    }
}

/// Sets the keys of a language model inside another; `eos` and `bos` are the inner class's defaults.
pub(crate) fn inner_keys(
    inputs: &Inputs<'_>,
    text: &Object,
    vocabulary: u32,
    (bos, eos): (Option<u32>, Option<u32>),
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    let outer = file(inputs)?.unwrap_or_else(|| Object::empty(FILE));
    let ends = text.ids("eos_token_id")?.unwrap_or_else(|| eos.map(i64::from).into_iter().collect());
    if let Some(other) = outer.ids("eos_token_id")?
        && other != ends
    {
        keys.note(format!(
            "generation_config.json ends texts at {other:?}, text_config at {ends:?}: the latter is what the model's own \
             generate uses and what is stored"
        ));
    }
    set(text, &outer, vocabulary, (bos, ends), keys)?;
    let names = DEFAULTS.iter().map(|(name, _)| *name).filter(|name| *name != "max_new_tokens");
    let mut unasked: Vec<String> = names.filter_map(|name| stated(&outer, name)).collect();
    unasked.extend(not_carried(&outer));
    unasked.extend(outer.whole("suppress_tokens").map(|ids| format!("suppress_tokens {ids}")));
    unasked.extend(outer.whole("bad_words_ids").map(|words| format!("bad_words_ids {words}")));
    outer.get("bos_token_id");
    if !unasked.is_empty() {
        keys.note(format!(
            "{FILE} has {}: the model's own generate asks text_config, so they are not stored",
            unasked.join(", ")
        ));
    }
    Ok(())
}

/// The keys from `own`, and where it has no number of new tokens, that from `outer`.
fn set(
    own: &Object,
    outer: &Object,
    vocabulary: u32,
    (bos, ends): (Option<u32>, Vec<i64>),
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    let named = own.has("bos_token_id") || bos.is_some();
    let bos = own.count("bos_token_id", 0..=vocabulary - 1, bos.unwrap_or_default())?;
    let mut ids = Vec::new();
    for id in &ends {
        match u32::try_from(*id).ok().filter(|id| *id < vocabulary) {
            Some(id) => ids.push(id),
            // Such an id is never generated; some configurations mean "never ends" by one.
            None => keys.note(format!("eos_token_id {id} is no token of the {vocabulary} and ends nothing")),
        }
    }
    keys.set("ocelli.generation.eos_ids", ids);
    if named {
        keys.set("ocelli.generation.bos_id", bos);
    }
    for (name, kind) in DEFAULTS {
        let mut stored = value(own, name, *kind)?;
        if stored.is_none() && *name == "max_new_tokens" {
            stored = value(outer, name, *kind)?;
        }
        if let Some(value) = stored {
            keys.set(format!("ocelli.generation.{name}"), value);
        }
    }
    let drawn = draws(own, keys);
    let mut left = not_carried(own);
    left.retain(|stated| drawn.iter().all(|name| !stated.starts_with(&format!("{} ", own.path(name)))));
    // The text "never" is the third value of a switch.
    left.extend(
        own.get("early_stopping").filter(|value| value.is_string()).map(|value| format!("early_stopping {value}")),
    );
    let suppressed = suppressed(own, vocabulary, &mut left)?;
    if !suppressed.is_empty() {
        suppress(keys, &suppressed);
    }
    if !left.is_empty() {
        let file = &own.account().name;
        keys.note(format!(
            "generation settings of {file} that the output has no keys for, so that generation goes without: {}",
            left.join(", ")
        ));
    }
    Ok(())
}

/// Sets the keys of how tokens are drawn; the settings that were carried over. What is out of range or no number stays where it
/// is and is noted with what is not carried.
fn draws(own: &Object, keys: &mut Keys) -> Vec<&'static str> {
    let mut carried = Vec::new();
    if own.account().name != FILE {
        return carried;
    }
    for &(name, key, least, most) in DRAWS {
        let Some(value) = own.whole(name).and_then(Value::as_f64).filter(|value| (least..=most).contains(value)) else {
            continue;
        };
        let key = format!("general.sampling.{key}");
        #[allow(clippy::cast_possible_truncation)]
        if name != "top_k" {
            keys.set(key, value as f32);
        } else if value.fract() == 0.0 {
            keys.set(key, MetaValue::I32(value as i32));
        } else {
            continue;
        }
        carried.push(name);
    }
    carried
}

/// A setting and its value, where there is one.
fn stated(config: &Object, key: &str) -> Option<String> {
    config.whole(key).map(|value| format!("{} {}", config.path(key), shown(&value.to_string())))
}

/// Settings that matter and that no key stands for, each with its value.
fn not_carried(config: &Object) -> Vec<String> {
    let draws = config.get("do_sample").is_some_and(|value| value != false);
    let mut found = Vec::new();
    for (table, matters) in [(NOT_CARRIED, true), (SAMPLING, draws)] {
        for (keys, neutral) in table {
            for key in *keys {
                let Some(value) = config.whole(key) else { continue };
                if matters && !neutral.iter().any(|neutral| neutral.is(value)) {
                    found.extend(stated(config, key));
                }
            }
        }
    }
    found
}

/// Ids that are never generated: `suppress_tokens`, and words of one token among `bad_words_ids`. Longer words go into
/// `left`.
fn suppressed(config: &Object, vocabulary: u32, left: &mut Vec<String>) -> Result<Vec<u32>, ConvertError> {
    let mut ids = Vec::new();
    let given = config.ids("suppress_tokens")?.unwrap_or_default();
    let within = |id: i64| u32::try_from(id).ok().filter(|id| *id < vocabulary);
    ids.extend(given.into_iter().filter_map(within));
    let words = match config.whole("bad_words_ids") {
        None => return Ok(ids),
        Some(Value::Array(words)) => words,
        Some(other) => return Err(config.mismatch("bad_words_ids", "a list of lists of token ids", other)),
    };
    for word in words {
        let Some(word) = word.as_array() else {
            return Err(config.mismatch("bad_words_ids", "a list of lists of token ids", word));
        };
        match word.as_slice() {
            [one] if one.is_i64() => ids.extend(one.as_i64().and_then(within)),
            _ => left.push(format!(
                "{} with {}",
                config.path("bad_words_ids"),
                shown(&Value::from(word.clone()).to_string())
            )),
        }
    }
    Ok(ids)
}

/// Adds to the ids that are never generated.
pub(crate) fn suppress(keys: &mut Keys, more: &[u32]) {
    const KEY: &str = "ocelli.generation.suppressed_ids";
    for (name, value) in &mut keys.values {
        if let (KEY, MetaValue::U32s(ids)) = (name.as_str(), value) {
            ids.extend(more.iter().filter(|id| !ids.contains(id)).copied().collect::<Vec<_>>());
            return;
        }
    }
    keys.set(KEY, more.to_vec());
}

/// A family's own id that ends a text, beside those that were set or in their place.
pub(crate) fn ends_at(keys: &mut Keys, id: u32, alone: bool) {
    for (name, value) in &mut keys.values {
        if let ("ocelli.generation.eos_ids", MetaValue::U32s(ids)) = (name.as_str(), value) {
            ids.retain(|other| !alone && *other != id);
            ids.push(id);
        }
    }
}

fn value(config: &Object, name: &str, kind: Kind) -> Result<Option<MetaValue>, ConvertError> {
    Ok(match kind {
        Kind::Count(least, most) => match config.integer(name)? {
            None => None,
            Some(_) => Some(MetaValue::U32(config.count(name, least..=most, least)?)),
        },
        Kind::Real => match config.optional_number(name)? {
            None => None,
            Some(value) if (value as f32).is_finite() => Some(MetaValue::F32(value as f32)),
            Some(value) => return Err(config.bad(name, value, "must be finite as f32")),
        },
        Kind::Switch => config.get(name).and_then(Value::as_bool).map(MetaValue::Bool),
    })
}
