//! How positions are turned (RoPE; Su et al. 2021), as transformers saves it: `rope_theta` and `rope_scaling` up to 4.57,
//! one object `rope_parameters` from 5.0 on, in Gemma 3's one for each kind of layer.
//!
//! The non-obvious thing: several sources may say the same, and versions follow different ones. Where `rope_parameters` is
//! there, a version from 5.0 on saved the file and its order holds: `rope_scaling`, then `rope_parameters`, then the top.
//! What then goes unread is noted. Where it is not there and the versions would take different numbers, that is refused.

use serde_json::Value;

use super::{CONTEXT, positive};
use crate::error::{ConvertError, shown};
use crate::settings::Neutral::{Number, Switch};
use crate::settings::{Known, Object};

/// What has no effect in an object of RoPE's settings.
const ROPE: &[Known] = &[
    Known::only(&["partial_rotary_factor"], &[Number(1.0)], "all of a head is turned"),
    Known::without_effect(&["original_max_position_embeddings"], "only 'llama3' reads it"),
];

/// What has no effect beside Gemma's one object for each kind of layer.
const FLAT: &[Known] = &[Known::not_here(
    &["factor", "rope_theta", "rope_type", "type"],
    &[],
    "the class reads the objects for each kind of layer and nothing beside them",
)];

/// The stretchings that LLaMA's layers run.
pub(super) const LLAMA: &[&str] = &["linear", "llama3", "dynamic"];
/// Those of layers that have no factors.
pub(super) const LINEAR: &[&str] = &["linear", "dynamic"];

/// Those of layers whose positions have three axes.
pub(super) const AXES: &[&str] = &["mrope"];

/// What has no effect where positions have three axes and their pairs take turns, or do not.
const TURNS: [&[Known]; 2] = [
    &[Known::only(&["mrope_interleaved"], &[Switch(false)], "each axis has a run of neighbours in this class")],
    &[Known::only(&["mrope_interleaved"], &[Switch(true)], "the axes take turns in this class, whatever is said")],
];

/// What has no effect in Phi 3's object.
const LONG: &[Known] = &[Known::only(
    &["factor", "attention_factor"],
    &[],
    "transformers 5 takes it, and older versions go by how much longer the longest context is than the original one",
)];

/// What is turned, and how far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rope {
    /// The base of the frequencies.
    pub(crate) base: f32,
    /// How they are stretched.
    pub(crate) scaling: Scaling,
    /// Numbers of a head that are turned, where not all are.
    pub(crate) turned: Option<u32>,
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
    /// Each frequency by a factor of its own, which is another one in sequences that are longer than the original context;
    /// cosines and sines are multiplied by `attention`.
    Long { short: Vec<f32>, long: Vec<f32>, original: u32, attention: f32 },
}

/// A source that may say something: an object and a key of it.
type Source<'a> = (&'a Object, &'a str);

/// The first number that a source has, or `default`. Numbers of other sources that differ are noted as not taken.
fn first(sources: &[Source<'_>], default: f64) -> Result<f64, ConvertError> {
    let mut found: Option<(String, f64)> = None;
    for (object, key) in sources {
        let Some(value) = object.optional_number(key)? else { continue };
        match &found {
            None => found = Some((object.path(key), value)),
            Some((_, other)) if *other == value => {}
            Some((path, other)) => object.note(key, value, &format!("{path} is {other} and goes before it")),
        }
    }
    Ok(found.map_or(default, |(_, value)| value))
}

/// Notes sources that the class does not read, where they say something else than what is taken.
fn passed_over(sources: &[Source<'_>], taken: f64) -> Result<(), ConvertError> {
    for (object, key) in sources {
        if let Some(value) = object.optional_number(key)?
            && value != taken
        {
            object.note(key, value, &format!("the class does not read it and has {taken}"));
        }
    }
    Ok(())
}

/// A list of one number above 0 for each frequency.
fn factors(object: &Object, key: &str, count: u32) -> Result<Vec<f32>, ConvertError> {
    let values = match object.get(key) {
        Some(Value::Array(values)) => values,
        Some(other) => return Err(object.mismatch(key, "a list of numbers", other)),
        None => return Err(object.bad(key, "missing", format!("longrope needs its {count} numbers"))),
    };
    if values.len() != count as usize {
        return Err(object.bad(key, format!("{} numbers", values.len()), format!("must be {count}, one a pair")));
    }
    let one = |value: &Value| match value.as_f64().map(|value| value as f32) {
        Some(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err(object.bad(key, shown(&value.to_string()), "each must be a number above 0")),
    };
    values.iter().map(one).collect()
}

/// Refuses a source that only some versions read, where it says something else than what the others take.
fn undecided((object, key): Source<'_>, others: f64) -> Result<(), ConvertError> {
    match object.optional_number(key)? {
        Some(value) if value != others => {
            let rule = format!("which transformers 5 takes, and older versions take {others}: say it in one way");
            Err(object.bad(key, value, rule))
        }
        _ => Ok(()),
    }
}

impl Rope {
    /// Of one object, be it `rope_scaling` or `rope_parameters`, with the base at `top` or in the object.
    pub(crate) fn read(config: &Object, default: f64, kinds: &[&str]) -> Result<Self, ConvertError> {
        let (scaling, newer) = object(config)?;
        let sources = [(&scaling, "rope_theta"), (config, "rope_theta")];
        if !newer {
            undecided(sources[0], config.number("rope_theta", default)?)?;
        }
        let scaling = Scaling::read(config, &scaling, newer, kinds)?;
        Ok(Self { base: base(&sources, default)?, scaling, turned: None })
    }

    /// How many of `pairs` pairs take each axis of positions: time, height, width; `interleaved` where they take turns.
    pub(crate) fn sections(
        config: &Object,
        usual: [u32; 3],
        pairs: u32,
        interleaved: bool,
    ) -> Result<[u32; 3], ConvertError> {
        const KEY: &str = "mrope_section";
        let (scaling, _) = object(config)?;
        scaling.known(TURNS[usize::from(interleaved)]);
        let counts = scaling.counts(KEY, 0..=pairs.max(1), 3, &usual)?;
        let all: u32 = counts.iter().sum();
        match counts[..] {
            [time, height, width] if all == pairs => Ok([time, height, width]),
            _ => {
                let rule = format!("must be three numbers and together the {pairs} pairs of a head");
                Err(scaling.bad(KEY, format!("{counts:?}"), rule))
            }
        }
    }

    /// The same as [`Rope::read`] where versions have different bases for a configuration that says none.
    pub(crate) fn read_said(config: &Object, kinds: &[&str]) -> Result<Self, ConvertError> {
        let (scaling, _) = object(config)?;
        if !config.has("rope_theta") && !scaling.has("rope_theta") {
            let rule = "versions of the class have different ones where the configuration says none";
            return Err(config.bad("rope_theta", "missing", rule));
        }
        Self::read(config, 1e4, kinds)
    }

    /// Of Phi 3, of whose heads, `head` numbers wide, a share is turned.
    pub(crate) fn read_phi3(config: &Object, head: u32) -> Result<Self, ConvertError> {
        const SHARE: &str = "partial_rotary_factor";
        let (scaling, newer) = object(config)?;
        let (theta, share) = ([(&scaling, "rope_theta"), (config, "rope_theta")], [(&scaling, SHARE), (config, SHARE)]);
        if !newer {
            undecided(theta[0], config.number("rope_theta", 1e4)?)?;
            undecided(share[0], config.number(SHARE, 1.0)?)?;
        }
        let part = first(&share, 1.0)?;
        let turned = (f64::from(head) * part) as u32;
        if !(0.0..=1.0).contains(&part) || turned == 0 || !turned.is_multiple_of(2) {
            let rule = format!("must be a share of the {head} numbers of a head that is even and above 0");
            return Err(config.bad(SHARE, part, rule));
        }
        let (key, kind) = Scaling::kind(&scaling, newer)?;
        // The names that the first versions had for it. The class takes them under one of the keys only.
        let older = matches!(kind, "su" | "yarn") && (key == "type" || newer);
        let scaling = if kind == "longrope" || older {
            Scaling::read_long(config, &scaling, turned / 2)?
        } else {
            if kind != "default" {
                return Err(scaling.unsupported(key, format!("'{kind}'"), "only 'default' and 'longrope' are"));
            }
            config.get("original_max_position_embeddings");
            Scaling::read(config, &scaling, newer, &[])?
        };
        Ok(Self { base: base(&theta, 1e4)?, scaling, turned: Some(turned) })
    }

    /// Of IDEFICS, whose class reads nothing of it before 5.0: only `rope_parameters` says that it was saved by one that
    /// does.
    pub(crate) fn read_idefics(config: &Object) -> Result<Self, ConvertError> {
        let rope = Self::read(config, 1e4, LLAMA)?;
        if !config.has("rope_parameters") {
            undecided((config, "rope_theta"), 1e4)?;
            if rope.scaling != Scaling::None {
                let rule = "transformers 5 stretches by it, and older versions do not read it";
                return Err(config.unsupported("rope_scaling", "given", rule));
            }
        }
        Ok(rope)
    }

    /// Of Gemma's layers that see everything, and the base of those with the window.
    pub(crate) fn read_gemma(config: &Object) -> Result<(Self, f32), ConvertError> {
        let (old, new) = (config.object("rope_scaling")?, config.object("rope_parameters")?);
        new.known(FLAT);
        let (full, local) = (new.object("full_attention")?, new.object("sliding_attention")?);
        let theta = "rope_theta";
        if new.is_empty() {
            undecided((&old, theta), config.number(theta, 1e6)?)?;
        }
        let global_base = base(&[(&old, theta), (&full, theta), (config, theta)], 1e6)?;
        let local_base = base(&[(&local, theta), (config, "rope_local_base_freq")], 1e4)?;
        let kinds = LINEAR;
        // What is at the top is put into the object.
        let scaling = match (old.is_empty(), Scaling::read(config, &full, true, kinds)?) {
            (true, scaling) => scaling,
            (false, inner) => {
                let outer = Scaling::read(config, &old, false, kinds)?;
                if inner != Scaling::None && inner != outer {
                    full.note("rope_type", inner.name(), "rope_scaling goes before it");
                }
                outer
            }
        };
        Scaling::read(config, &local, true, &[])?;
        Ok((Self { base: global_base, scaling, turned: None }, local_base))
    }

    /// Of GPT-NeoX, with the share of a head that is turned.
    pub(crate) fn read_neox(config: &Object) -> Result<(Self, f64), ConvertError> {
        let (scaling, newer) = object(config)?;
        let (theta, share) = ("rope_theta", "partial_rotary_factor");
        if !newer {
            undecided((&scaling, theta), config.number("rotary_emb_base", 1e4)?)?;
            undecided((&scaling, share), config.number("rotary_pct", 0.25)?)?;
        }
        let base = base(&[(&scaling, theta), (config, "rotary_emb_base")], 1e4)?;
        let turned = first(&[(&scaling, share), (config, "rotary_pct")], 0.25)?;
        // Both generations write over these two.
        passed_over(&[(config, theta)], f64::from(base))?;
        passed_over(&[(config, share)], turned)?;
        Ok((Self { base, scaling: Scaling::read(config, &scaling, newer, &[])?, turned: None }, turned))
    }
}

/// The one of `rope_scaling` and `rope_parameters` that counts, and whether only newer versions read it. Where both are
/// there, they follow the older name and leave the whole other object aside.
fn object(config: &Object) -> Result<(Object, bool), ConvertError> {
    let (old, new) = (config.object("rope_scaling")?, config.object("rope_parameters")?);
    if old.is_empty() {
        return Ok((new, true));
    }
    let newer = !new.is_empty();
    if let Some(value) = config.whole("rope_parameters").filter(|_| newer) {
        config.note("rope_parameters", shown(&value.to_string()), "rope_scaling goes before it");
    }
    Ok((old, newer))
}

/// The first base that a source has.
fn base(sources: &[Source<'_>], default: f64) -> Result<f32, ConvertError> {
    for (object, key) in sources {
        positive(object, key, default)?;
    }
    Ok(first(sources, default)? as f32)
}

impl Scaling {
    fn name(&self) -> &'static str {
        match self {
            Self::None => "'default'",
            Self::Linear(_) => "'linear'",
            Self::Llama3 { .. } => "'llama3'",
            Self::Long { .. } => "'longrope'",
        }
    }

    /// Which kind it is; of the two names of it, older versions follow one and newer ones the other.
    fn kind(scaling: &Object, newer: bool) -> Result<(&'static str, &str), ConvertError> {
        match (scaling.text("rope_type")?, scaling.text("type")?) {
            // Another name of the default, with positions on three axes; both generations read it so.
            (Some(kind), Some("mrope")) => Ok(("rope_type", kind)),
            (Some(kind), Some(older)) if kind != older => {
                if !newer {
                    let rule = format!("but rope_type is '{kind}': versions do not agree which decides");
                    return Err(scaling.bad("type", format!("'{older}'"), rule));
                }
                scaling.note("type", format!("'{older}'"), &format!("rope_type is '{kind}' and goes before it"));
                Ok(("rope_type", kind))
            }
            (Some(kind), _) => Ok(("rope_type", kind)),
            (None, older) => Ok(("type", older.unwrap_or("default"))),
        }
    }

    /// `newer` says that only versions from 5.0 on read the object; `kinds` are those that the model runs beside the
    /// default.
    fn read(config: &Object, scaling: &Object, newer: bool, kinds: &[&str]) -> Result<Self, ConvertError> {
        scaling.known(ROPE);
        let (key, kind) = Self::kind(scaling, newer)?;
        if kind != "default" && !kinds.contains(&kind) {
            let all: Vec<String> = ["default"].iter().chain(kinds).map(|kind| format!("'{kind}'")).collect();
            let verb = if kinds.is_empty() { "is" } else { "are" };
            return Err(scaling.unsupported(key, format!("'{kind}'"), format!("only {} {verb}", all.join(" and "))));
        }
        match kind {
            "linear" => Ok(Self::Linear(positive(scaling, "factor", 0.0)?)),
            "llama3" => Self::read_llama3(config, scaling, newer),
            "dynamic" => {
                let factor = positive(scaling, "factor", 0.0)?;
                let reason = "'dynamic' stretches nothing within max_position_embeddings, which is the context here";
                scaling.note("factor", factor, reason);
                Ok(Self::None)
            }
            _ => {
                if let Some(factor) = scaling.optional_number("factor")? {
                    scaling.note("factor", factor, "a rope_type of 'default' stretches nothing");
                }
                Ok(Self::None)
            }
        }
    }

    /// Of `pairs` frequencies.
    fn read_long(config: &Object, scaling: &Object, pairs: u32) -> Result<Self, ConvertError> {
        const ORIGINAL: &str = "original_max_position_embeddings";
        scaling.known(LONG);
        // The class has a number of its own for it where the configuration has none, and never reads the one inside.
        let original = config.count(ORIGINAL, 1..=CONTEXT, 4_096)?;
        passed_over(&[(scaling, ORIGINAL)], f64::from(original))?;
        let context = config.count("max_position_embeddings", 1..=CONTEXT, 4_096)?;
        let factor = f64::from(context) / f64::from(original);
        let attention = if factor > 1.0 { (1.0 + factor.ln() / f64::from(original).ln()).sqrt() } else { 1.0 };
        if !attention.is_finite() {
            return Err(config.bad(ORIGINAL, original, "must be above 1"));
        }
        let [short, long] = ["short_factor", "long_factor"].map(|key| factors(scaling, key, pairs));
        Ok(Self::Long { short: short?, long: long?, original, attention: attention as f32 })
    }

    fn read_llama3(config: &Object, scaling: &Object, newer: bool) -> Result<Self, ConvertError> {
        const CONTEXT_KEY: &str = "original_max_position_embeddings";
        let number = |name| Ok::<_, ConvertError>(f64::from(positive(scaling, name, 0.0)?));
        let (low, high) = (number("low_freq_factor")?, number("high_freq_factor")?);
        if low >= high {
            return Err(scaling.bad("low_freq_factor", low, format!("must be below high_freq_factor {high}")));
        }
        let whole = f64::from(config.count("max_position_embeddings", 1..=CONTEXT, 2_048)?);
        for source in [scaling, config] {
            positive(source, CONTEXT_KEY, whole)?;
        }
        if !newer {
            undecided((config, CONTEXT_KEY), scaling.number(CONTEXT_KEY, whole)?)?;
        }
        let context = first(&[(config, CONTEXT_KEY), (scaling, CONTEXT_KEY)], whole)?;
        Ok(Self::Llama3 { factor: number("factor")?, low, high, context })
    }
}
