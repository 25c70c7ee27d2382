//! Which layers see a window, and how many positions it has.

use serde_json::Value;

use super::classes::Windows;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::parts::{CONTEXT, LAYERS};
use crate::settings::Object;

/// A window and the layers that have it.
#[derive(Debug)]
pub(super) struct Window {
    size: u32,
    local: Vec<bool>,
    /// Whether no key need say which layers have it.
    usual: bool,
}

impl Window {
    /// That of a configuration, unless all layers see everything.
    pub(super) fn read(config: &Object, windows: Windows, layers: u32) -> Result<Option<Self>, ConvertError> {
        const KEY: &str = "sliding_window";
        let size = |default| config.count(KEY, 1..=CONTEXT, default);
        let null = config.is_null(KEY);
        let found = match windows {
            Windows::None => None,
            Windows::All(None) if !config.has(KEY) => None,
            Windows::All(Some(_)) if null => None,
            Windows::All(default) => Some((size(default.unwrap_or_default())?, vec![true; layers as usize])),
            Windows::Behind(usual) => {
                let (on, size) = (config.switch("use_sliding_window", false)?, size(4_096)?);
                let first = config.count("max_window_layers", 0..=u32::MAX, usual)?;
                let listed = kinds(config, layers)?;
                if !on || null {
                    if listed.is_some_and(|local| local.contains(&true)) {
                        let rule =
                            "layers have a window, and use_sliding_window or sliding_window says that there is none";
                        return Err(config.bad("layer_types", "sliding_attention", rule));
                    }
                    return Ok(None);
                }
                let local = listed.unwrap_or_else(|| (0..layers).map(|layer| layer >= first).collect());
                local.contains(&true).then_some((size, local))
            }
            Windows::But { .. } if null => return Err(config.bad(KEY, "null", "some layers have a window")),
            Windows::But { usual, named } => {
                let pattern = if named { config.count("sliding_window_pattern", 1..=LAYERS, usual)? } else { usual };
                let listed = kinds(config, layers)?;
                Some((size(4_096)?, listed.unwrap_or_else(|| by_pattern(pattern, layers))))
            }
        };
        Ok(found.map(|(size, local)| {
            let usual = match windows {
                Windows::But { usual, .. } => local == by_pattern(usual, layers),
                _ => !local.contains(&false),
            };
            Self { size, local, usual }
        }))
    }

    /// Sets the keys of an architecture.
    pub(super) fn keys(&self, architecture: &str, keys: &mut Keys) {
        keys.set(format!("{architecture}.attention.sliding_window"), self.size);
        if !self.usual {
            keys.set(format!("{architecture}.attention.sliding_window_pattern"), self.local.clone());
        }
    }
}

/// What `layer_types` says of each layer, where it is there.
fn kinds(config: &Object, layers: u32) -> Result<Option<Vec<bool>>, ConvertError> {
    const KEY: &str = "layer_types";
    let kinds = match config.get(KEY) {
        None => return Ok(None),
        Some(Value::Array(kinds)) => kinds,
        Some(other) => return Err(config.mismatch(KEY, "a list", other)),
    };
    let one = |kind: &Value| match kind.as_str() {
        Some("sliding_attention") => Ok(true),
        Some("attention" | "full_attention") => Ok(false),
        _ => Err(config.unsupported(KEY, kind, "each must be 'sliding_attention' or 'full_attention'")),
    };
    let local = kinds.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    if local.len() != layers as usize {
        let rule = format!("must be as many as num_hidden_layers {layers}");
        return Err(config.bad(KEY, format!("{} layers", local.len()), rule));
    }
    Ok(Some(local))
}

/// All layers but each `pattern`th have the window.
fn by_pattern(pattern: u32, layers: u32) -> Vec<bool> {
    (1..=layers).map(|layer| !layer.is_multiple_of(pattern)).collect()
}
