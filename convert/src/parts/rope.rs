//! How positions are turned (RoPE; Su et al. 2021), as transformers saves it: `rope_theta` and `rope_scaling` up to 4.57,
//! one object `rope_parameters` from 5.0 on, in Gemma 3's one for each kind of layer.
//!
//! The non-obvious thing: where several places say the same, the versions follow different ones. So all that is given must
//! agree, and what does not is refused by name.

use super::{CONTEXT, positive};
use crate::error::ConvertError;
use crate::json::Object;
use crate::settings::Known;
use crate::settings::Neutral::Number;

/// What has no effect in an object of RoPE's settings.
const ROPE: &[Known] = &[
    Known::only(&["partial_rotary_factor"], &[Number(1.0)], "all of a head is turned"),
    Known::without_effect(&["original_max_position_embeddings"], "only 'llama3' reads it"),
];

/// The stretchings that LLaMA's layers run.
const LLAMA: &[&str] = &["linear", "llama3"];

/// What is turned, and how far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rope {
    /// The base of the frequencies.
    pub(crate) base: f32,
    /// How they are stretched.
    pub(crate) scaling: Scaling,
}

/// How RoPE is stretched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scaling {
    /// Not at all.
    None,
    /// All frequencies alike.
    Linear(f32),
    /// Long turns by the factor, short ones not.
    Llama3 { factor: f64, low: f64, high: f64, context: f64 },
}

/// A place that may say something: an object and a key of it.
pub(crate) type Place<'a> = (&'a Object, &'a str);

/// The number that all places that have one agree on, or `default`.
pub(crate) fn agreed(places: &[Place<'_>], default: f64) -> Result<f64, ConvertError> {
    let mut first: Option<(String, f64)> = None;
    for (object, key) in places {
        let Some(value) = object.optional_number(key)? else { continue };
        match &first {
            None => first = Some((object.path(key), value)),
            Some((_, other)) if *other == value => {}
            Some((path, other)) => {
                return Err(object.bad(
                    key,
                    value,
                    format!("but {path} is {other}: versions do not agree which decides"),
                ));
            }
        }
    }
    Ok(first.map_or(default, |(_, value)| value))
}

/// Refuses places that the class passes over and that say something else than `used`.
pub(crate) fn passed_over(places: &[Place<'_>], used: f64) -> Result<(), ConvertError> {
    for (object, key) in places {
        if let Some(value) = object.optional_number(key)?
            && value != used
        {
            return Err(object.bad(key, value, format!("but the class does not read it and takes {used}")));
        }
    }
    Ok(())
}

impl Rope {
    /// Of one object, be it `rope_scaling` or `rope_parameters`, with the base at `top` or in the object.
    pub(crate) fn read(config: &Object, default: f64) -> Result<Self, ConvertError> {
        let (old, new) = (config.object("rope_scaling")?, config.object("rope_parameters")?);
        let base = base(&[(&new, "rope_theta"), (config, "rope_theta"), (&old, "rope_theta")], default)?;
        // Only newer versions look for a base in the older object.
        passed_over(&[(&old, "rope_theta")], config.number("rope_theta", default)?)?;
        Ok(Self { base, scaling: Scaling::of_either(config, &old, &new, LLAMA)? })
    }

    /// Of IDEFICS, whose class read nothing of it before `rope_parameters`.
    pub(crate) fn read_idefics(config: &Object) -> Result<Self, ConvertError> {
        let (old, new) = (config.object("rope_scaling")?, config.object("rope_parameters")?);
        let base = base(&[(&new, "rope_theta"), (config, "rope_theta"), (&old, "rope_theta")], 1e4)?;
        if new.is_empty() {
            passed_over(&[(config, "rope_theta"), (&old, "rope_theta")], 1e4)?;
        }
        let scaling = Scaling::of_either(config, &old, &new, LLAMA)?;
        if scaling != Scaling::None && new.is_empty() {
            let rule = "versions do not agree whether the class reads it; rope_parameters is what they do";
            return Err(config.unsupported("rope_scaling", "given", rule));
        }
        Ok(Self { base, scaling })
    }

    /// Of Gemma's layers that see everything, and of those with the window.
    pub(crate) fn read_gemma(config: &Object) -> Result<(Self, Self), ConvertError> {
        let (old, new) = (config.object("rope_scaling")?, config.object("rope_parameters")?);
        let (full, local) = (new.object("full_attention")?, new.object("sliding_attention")?);
        let global_base = base(&[(&full, "rope_theta"), (config, "rope_theta")], 1e6)?;
        let local_base = base(&[(&local, "rope_theta"), (config, "rope_local_base_freq")], 1e4)?;
        let scaling = Scaling::of_either(config, &old, &full, &["linear"])?;
        let stretched = Scaling::read(config, &local, &[])?;
        Ok((Self { base: global_base, scaling }, Self { base: local_base, scaling: stretched }))
    }

    /// Of GPT-NeoX, with the share of a head that is turned.
    pub(crate) fn read_neox(config: &Object) -> Result<(Self, f64), ConvertError> {
        let (old, new) = (config.object("rope_scaling")?, config.object("rope_parameters")?);
        let base = base(&[(&new, "rope_theta"), (&old, "rope_theta"), (config, "rotary_emb_base")], 1e4)?;
        passed_over(&[(&old, "rope_theta")], config.number("rotary_emb_base", 1e4)?)?;
        let share = "partial_rotary_factor";
        let turned = agreed(&[(&new, share), (&old, share), (config, "rotary_pct")], 0.25)?;
        passed_over(&[(&old, share)], config.number("rotary_pct", 0.25)?)?;
        // Both generations write over these two.
        passed_over(&[(config, "rope_theta")], f64::from(base))?;
        passed_over(&[(config, share)], turned)?;
        Ok((Self { base, scaling: Scaling::of_either(config, &old, &new, &[])? }, turned))
    }
}

/// A base that all places agree on.
fn base(places: &[Place<'_>], default: f64) -> Result<f32, ConvertError> {
    for (object, key) in places {
        positive(object, key, default)?;
    }
    Ok(agreed(places, default)? as f32)
}

impl Scaling {
    /// What the older and the newer object say, which must be the same where both say something.
    fn of_either(config: &Object, old: &Object, new: &Object, kinds: &[&str]) -> Result<Self, ConvertError> {
        let (before, now) = (Self::read(config, old, kinds)?, Self::read(config, new, kinds)?);
        match (old.is_empty(), new.is_empty()) {
            (true, _) => Ok(now),
            (false, true) => Ok(before),
            (false, false) if before == now => Ok(now),
            (false, false) => {
                let rule = format!("but rope_parameters says {now:?}: versions do not agree which decides");
                Err(config.bad("rope_scaling", format!("{before:?}"), rule))
            }
        }
    }

    /// `kinds` are those that the model runs beside the default.
    fn read(config: &Object, scaling: &Object, kinds: &[&str]) -> Result<Self, ConvertError> {
        scaling.known(ROPE);
        let (kind, older) = (scaling.text("rope_type")?, scaling.text("type")?);
        if let (Some(kind), Some(older)) = (kind, older)
            && kind != older
        {
            let rule = format!("but rope_type is '{kind}': versions do not agree which decides");
            return Err(scaling.bad("type", format!("'{older}'"), rule));
        }
        let key = if kind.is_some() { "rope_type" } else { "type" };
        let kind = kind.or(older).unwrap_or("default");
        if kind != "default" && !kinds.contains(&kind) {
            let all: Vec<String> = ["default"].iter().chain(kinds).map(|kind| format!("'{kind}'")).collect();
            let verb = if kinds.is_empty() { "is" } else { "are" };
            return Err(scaling.unsupported(key, format!("'{kind}'"), format!("only {} {verb}", all.join(" and "))));
        }
        Ok(match kind {
            "linear" => Self::Linear(positive(scaling, "factor", 0.0)?),
            "llama3" => {
                let number = |name| Ok::<_, ConvertError>(f64::from(positive(scaling, name, 0.0)?));
                let (low, high) = (number("low_freq_factor")?, number("high_freq_factor")?);
                if low >= high {
                    return Err(scaling.bad("low_freq_factor", low, format!("must be below high_freq_factor {high}")));
                }
                let context = match scaling.get("original_max_position_embeddings") {
                    None => f64::from(config.count("max_position_embeddings", 1..=CONTEXT, 2_048)?),
                    Some(_) => number("original_max_position_embeddings")?,
                };
                Self::Llama3 { factor: number("factor")?, low, high, context }
            }
            _ => Self::None,
        })
    }
}
