//! Numbers of an image processor's configuration: its filter, and one for each colour.

use crate::error::ConvertError;
use crate::settings::Object;
use ocelli_quant::gguf::keys::FILTERS;
use serde_json::Value;

/// The mean and the deviation of Inception's pictures.
pub(crate) const HALF: [f64; 3] = [0.5; 3];

/// The filter of a number of Pillow's, `usual` where none is named.
pub(crate) fn filter(config: &Object, usual: u64) -> Result<&'static str, ConvertError> {
    let number = config.integer("resample")?.unwrap_or(usual);
    let found = usize::try_from(number).ok().and_then(|number| FILTERS.get(number));
    found.copied().ok_or_else(|| config.bad("resample", number, "must be one of Pillow's filters 0..=5"))
}

/// Three numbers, or one for all three channels.
pub(crate) fn channels(config: &Object, key: &str, default: [f64; 3]) -> Result<Vec<f32>, ConvertError> {
    Ok(numbers(config, key, default)?.iter().map(|value| *value as f32).collect())
}

/// The same as they stand there.
pub(crate) fn numbers(config: &Object, key: &str, default: [f64; 3]) -> Result<Vec<f64>, ConvertError> {
    let values: Vec<f64> = match config.get(key) {
        None => default.to_vec(),
        Some(Value::Array(items)) => {
            let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
            let Some(numbers) = numbers.filter(|numbers| numbers.len() == 3) else {
                return Err(config.bad(key, format!("a list of {}", items.len()), "must be 3 numbers"));
            };
            numbers
        }
        Some(_) => vec![config.number(key, 0.0)?; 3],
    };
    if let Some(bad) = values.iter().find(|value| !(**value as f32).is_finite()) {
        return Err(config.bad(key, bad, "must be finite"));
    }
    Ok(values)
}
