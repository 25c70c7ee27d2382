//! What a model's file suggests about generation, and how it fills what a caller leaves open: one place for the program,
//! the C interface and callers in Rust.

use super::options::MOST_STOPS;
use super::{GenerateOptions, Sampling, Wanted};
use crate::error::Error;
use ocelli_quant::gguf::Gguf;

/// Most different tokens that may end a text: each widens what a beam search looks at.
const MOST_ENDS: usize = 1024;

/// What the file says about generation.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// Tokens that end a text, in order, none twice.
    pub eos_ids: Vec<u32>,
    /// New tokens where the caller names no number.
    pub max_new_tokens: usize,
    /// How tokens are chosen where the caller says nothing.
    pub generate: GenerateOptions,
    /// How tokens are drawn where a caller draws them, as far as the file says. [`Defaults::resolve`] asks none of it: what draws
    /// nothing unless told to stays so, and who draws takes what is here.
    pub draws: Draws,
    /// Least positions of prompt and text together before a text may end; where an encoder reads prompts, of the text with
    /// what it starts with.
    pub min_length: usize,
    /// Tokens that a text starts with where an encoder reads prompts.
    pub start: Option<usize>,
    /// The token that stands for a picture's rows in the checkpoint's own prompts.
    pub image_id: Option<u32>,
    /// Whether that is the id of the first row alone, and each other's is one more than that of the row before.
    pub image_ids_rise: bool,
    /// Whether penalties look at the text alone and not at the prompt: of models whose makers hand over rows, not ids.
    pub penalises_text_alone: bool,
    /// Tokens that are never generated, in order, none twice.
    pub suppressed_ids: Vec<u32>,
}

/// What a file suggests for draws: llama.cpp's keys `general.sampling.*`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Draws {
    /// As [`Sampling::temperature`].
    pub temperature: Option<f32>,
    /// As [`Sampling::top_k`].
    pub top_k: Option<usize>,
    /// As [`Sampling::top_p`].
    pub top_p: Option<f32>,
    /// As [`Sampling::min_p`].
    pub min_p: Option<f32>,
}

impl Draws {
    /// Reads the keys. As in llama.cpp a temperature or a number of tokens below 0 is 0, and a probability above 1 is 1.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub(crate) fn read(file: &Gguf) -> Result<Self, Error> {
        let real = |name: &str, least: f32, most: f32| {
            let key = format!("general.sampling.{name}");
            let Some(value) = file.f32(&key)? else { return Ok(None) };
            if value.is_finite() {
                return Ok(Some(value.clamp(least, most)));
            }
            Err(Error::BadParameter { key, got: value.to_string(), rule: "must be finite".to_owned() })
        };
        let top_k = file.i32("general.sampling.top_k")?;
        Ok(Self {
            temperature: real("temp", 0.0, f32::MAX)?,
            top_k: top_k.map(|count| usize::try_from(count).unwrap_or(0)),
            top_p: real("top_p", f32::MIN_POSITIVE, 1.0)?,
            min_p: real("min_p", 0.0, 1.0)?,
        })
    }
}

impl Defaults {
    /// Whether a token ends a text.
    #[must_use]
    pub fn ends(&self, id: u32) -> bool {
        self.eos_ids.binary_search(&id).is_ok()
    }

    /// The options of a text behind a prompt of `positions`: what the caller wants, and what the file suggests for the rest.
    ///
    /// # Errors
    /// [`Error::BadOption`].
    pub fn resolve(&self, wanted: &Wanted, positions: usize) -> Result<GenerateOptions, Error> {
        let file = &self.generate;
        let free = wanted.constraint.is_none();
        let least = file.sampling.min_new_tokens.max(self.min_length.saturating_sub(self.start.unwrap_or(positions)));
        let suggested = |number: usize| if free { number } else { 0 };
        let sampling = Sampling {
            temperature: wanted.temperature,
            top_k: wanted.top_k,
            top_p: wanted.top_p,
            min_p: wanted.min_p,
            repetition_penalty: wanted.repetition_penalty.unwrap_or(file.sampling.repetition_penalty),
            repetition_window: wanted.repetition_window,
            no_repeat_ngram: wanted.no_repeat_ngram.unwrap_or_else(|| suggested(file.sampling.no_repeat_ngram)),
            min_new_tokens: wanted.min_new_tokens.unwrap_or_else(|| suggested(least)),
            seed: wanted.seed,
        };
        let options = GenerateOptions {
            max_new_tokens: wanted.max_new_tokens,
            beams: wanted.beams.unwrap_or(if wanted.temperature > 0.0 { 1 } else { file.beams }),
            length_penalty: wanted.length_penalty.unwrap_or(file.length_penalty),
            early_stopping: wanted.early_stopping.unwrap_or(file.early_stopping),
            keep_special: wanted.keep_special,
            stop: if wanted.stop.is_empty() && free { file.stop.clone() } else { wanted.stop.clone() },
            logprobs: wanted.logprobs,
            speculate: wanted.speculate,
            bias: wanted.bias.clone(),
            forced: wanted.forced.clone(),
            constraint: wanted.constraint.clone(),
            sampling,
        };
        options.validate()?;
        Ok(options)
    }
}

/// The ids of a list in a file: in order, none twice, each a row of the embedding table, and at most `most`.
///
/// # Errors
/// [`Error::BadParameter`].
fn ids(key: &str, mut ids: Vec<u32>, vocabulary: usize, most: usize) -> Result<Vec<u32>, Error> {
    let bad = |got: String, rule: String| Err(Error::BadParameter { key: key.to_owned(), got, rule });
    ids.sort_unstable();
    ids.dedup();
    match ids.last() {
        Some(&id) if id as usize >= vocabulary => {
            bad(id.to_string(), format!("must be below the vocabulary's {vocabulary}"))
        }
        _ if ids.len() > most => bad(format!("{} different ids", ids.len()), format!("at most {most}")),
        _ => {
            ids.shrink_to_fit();
            Ok(ids)
        }
    }
}

/// The texts that end a text, of a list in a file; `None` where it has no such key.
///
/// # Errors
/// [`Error::Gguf`] for another type, [`Error::BadParameter`] for texts that are no stop strings.
pub(crate) fn stop_strings(file: &Gguf, key: &str) -> Result<Option<Vec<String>>, Error> {
    let Some(all) = file.strings(key)? else { return Ok(None) };
    let stop = all.iter().take(MOST_STOPS + 1).map(str::to_owned).collect();
    let options = GenerateOptions { stop, ..GenerateOptions::default() };
    match options.validate() {
        Err(Error::BadOption { got, rule, .. }) => {
            Err(Error::BadParameter { key: key.to_owned(), got, rule: rule.to_owned() })
        }
        other => other.map(|()| Some(options.stop)),
    }
}

/// The tokens that end a text, of a list in a file.
///
/// # Errors
/// [`Error::BadParameter`].
pub(crate) fn end_ids(key: &str, list: Vec<u32>, vocabulary: usize) -> Result<Vec<u32>, Error> {
    ids(key, list, vocabulary, MOST_ENDS)
}

/// The tokens that are never generated, of a list in a file. One must be left.
///
/// # Errors
/// [`Error::BadParameter`].
pub(crate) fn suppressed_ids(key: &str, list: Vec<u32>, vocabulary: usize) -> Result<Vec<u32>, Error> {
    ids(key, list, vocabulary, vocabulary.saturating_sub(1))
}
