//! How a model stops and its generation defaults.
//!
//! The non-obvious thing: who is asked. A language model by itself takes all of it from `generation_config.json`, and from
//! its configuration only where that file is missing. BLIP-2's `generate` hands over to its inner language model, which
//! builds its defaults from `text_config` alone; only how many tokens to generate is taken from the file there, where
//! `text_config` does not say. The ids that end a text are the class's default where absent, none where null.

use std::path::Path;

use ocelli_quant::gguf::MetaValue;

use crate::error::ConvertError;
use crate::json::Object;
use crate::keys::Keys;

/// What kind of value a default is.
#[derive(Clone, Copy)]
enum Kind {
    Count,
    Real,
    Switch,
}

/// Defaults that are carried over under `ocelli.generation.`.
const DEFAULTS: &[(&str, Kind)] = &[
    ("max_new_tokens", Kind::Count),
    ("min_new_tokens", Kind::Count),
    ("min_length", Kind::Count),
    ("num_beams", Kind::Count),
    ("length_penalty", Kind::Real),
    ("early_stopping", Kind::Switch),
    ("repetition_penalty", Kind::Real),
    ("no_repeat_ngram_size", Kind::Count),
];

/// Sets the keys of a language model by itself; `eos` and `bos` are its class's defaults.
pub(crate) fn keys(
    directory: &Path,
    config: &Object,
    vocabulary: u32,
    (bos, eos): (u32, u32),
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    match Object::read(directory, "generation_config.json")? {
        // What such a file leaves out is not set.
        Some(own) => set(&own, &own, vocabulary, (bos, own.ids("eos_token_id")?.unwrap_or_default()), keys),
        None => {
            let ends = config.ids("eos_token_id")?.unwrap_or_else(|| vec![i64::from(eos)]);
            set(config, config, vocabulary, (bos, ends), keys)
        }
    }
}

/// Sets the keys of a language model inside another; `eos` and `bos` are the inner class's defaults.
pub(crate) fn inner_keys(
    directory: &Path,
    text: &Object,
    vocabulary: u32,
    (bos, eos): (u32, u32),
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    let outer =
        Object::read(directory, "generation_config.json")?.unwrap_or_else(|| Object::empty("generation_config.json"));
    let ends = text.ids("eos_token_id")?.unwrap_or_else(|| vec![i64::from(eos)]);
    if let Some(other) = outer.ids("eos_token_id")?
        && other != ends
    {
        keys.note(format!(
            "generation_config.json ends texts at {other:?}, text_config at {ends:?}: the latter is what the model's own \
             generate uses and what is stored"
        ));
    }
    set(text, &outer, vocabulary, (bos, ends), keys)
}

/// The keys from `own`, and where it has no number of new tokens, that from `outer`.
fn set(
    own: &Object,
    outer: &Object,
    vocabulary: u32,
    (bos, ends): (u32, Vec<i64>),
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    let bos = own.count("bos_token_id", 0..=vocabulary - 1, bos)?;
    let mut ids = Vec::new();
    for id in &ends {
        match u32::try_from(*id).ok().filter(|id| *id < vocabulary) {
            Some(id) => ids.push(id),
            // Such an id is never generated; some configurations mean "never ends" by one.
            None => keys.note(format!("eos_token_id {id} is no token of the {vocabulary} and ends nothing")),
        }
    }
    keys.set("ocelli.generation.eos_ids", ids);
    keys.set("ocelli.generation.bos_id", bos);
    for (name, kind) in DEFAULTS {
        let mut stored = value(own, name, *kind)?;
        if stored.is_none() && *name == "max_new_tokens" {
            stored = value(outer, name, *kind)?;
        }
        if let Some(value) = stored {
            keys.set(format!("ocelli.generation.{name}"), value);
        }
    }
    Ok(())
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
        Kind::Count => match config.integer(name)? {
            None => None,
            Some(_) => Some(MetaValue::U32(config.count(name, 0..=u32::MAX, 0)?)),
        },
        Kind::Real => match config.optional_number(name)? {
            None => None,
            Some(value) if (value as f32).is_finite() => Some(MetaValue::F32(value as f32)),
            Some(value) => return Err(config.bad(name, value, "must be finite as f32")),
        },
        // `early_stopping` may also be the text "never", which no key stands for.
        Kind::Switch => config.get(name).and_then(serde_json::Value::as_bool).map(MetaValue::Bool),
    })
}
