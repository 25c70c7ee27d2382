//! What to generate and how tokens are chosen, as callers say it.

use super::Constraint;
use crate::error::Error;

/// How tokens are chosen. The default is greedy.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 takes the likeliest token and draws nothing.
    pub temperature: f32,
    /// Only the k likeliest; 0 is off.
    pub top_k: usize,
    /// Only the likeliest whose probabilities reach p together; 1 is off.
    pub top_p: f32,
    /// Only tokens at least this fraction as likely as the likeliest; 0 is off.
    pub min_p: f32,
    /// Divides positive and multiplies negative logits of tokens that were seen; 1 is off.
    pub repetition_penalty: f32,
    /// Of the tokens that were seen, only so many of the last, prompt and text together; 0 is all.
    pub repetition_window: usize,
    /// No n tokens in a row twice; 0 is off.
    pub no_repeat_ngram: usize,
    /// Tokens before an end-of-sequence token may come.
    pub min_new_tokens: usize,
    /// Of the draws.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            repetition_window: 0,
            no_repeat_ngram: 0,
            min_new_tokens: 0,
            seed: 0,
        }
    }
}

impl Sampling {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::BadOption`].
    pub fn validate(&self) -> Result<(), Error> {
        let check = |name, value: f32, fits: bool, rule| {
            if fits { Ok(()) } else { Err(Error::BadOption { name, got: value.to_string(), rule }) }
        };
        let Self { temperature: t, top_p, min_p, repetition_penalty: r, .. } = *self;
        check("temperature", t, t.is_finite() && t >= 0.0, "0 or more")?;
        check("top-p", top_p, top_p > 0.0 && top_p <= 1.0, "above 0, at most 1")?;
        check("min-p", min_p, (0.0..=1.0).contains(&min_p), "from 0 to 1")?;
        check("repetition-penalty", r, r.is_finite() && r > 0.0, "above 0")
    }
}

/// Most stop strings of a text, and bytes of each.
pub(super) const MOST_STOPS: usize = 64;
const LONGEST_STOP: usize = 1024;

/// What to generate and how. [`crate::Defaults::resolve`] makes it of what a caller wants and what the file suggests.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    /// Most new tokens; 0 is what the model's file suggests. Where the context, or what a search was laid out for, has room for
    /// fewer, the text ends there.
    pub max_new_tokens: usize,
    /// How a token is chosen; beams are searched for, not drawn, so only its processors apply to them.
    pub sampling: Sampling,
    /// Hypotheses of a beam search; 0 and 1 mean none.
    pub beams: usize,
    /// Beam search divides a hypothesis' log-probability by its length to this power.
    pub length_penalty: f32,
    /// Beam search ends as soon as it has as many finished hypotheses as beams.
    pub early_stopping: bool,
    /// Special tokens stay in the text, such as those that stand for boxes; those that begin, end or pad texts do not.
    pub keep_special: bool,
    /// Texts that end the text where one appears, however it is cut into tokens; nothing of it is given out. One that is
    /// spelled as a special token also ends it at that token. At most 64, of 1 to 1024 bytes each.
    pub stop: Vec<String>,
    /// Whether [`crate::Generation::logprobs`] are wanted.
    pub logprobs: bool,
    /// Whether tokens that followed the last few before, in the prompt or in the text, are run before they are chosen, as far as
    /// that saves time. What is chosen is the same.
    pub speculate: bool,
    /// Added to the logits of tokens before anything else changes them (logit bias), no token twice; negative infinity takes a
    /// token out.
    pub bias: Vec<(u32, f32)>,
    /// Tokens that the text begins with, whatever else is asked for, but for what it is held to.
    pub forced: Vec<u32>,
    /// What the text is held to. The text is then the very bytes of its tokens: no blank is left out of it.
    pub constraint: Option<Box<dyn Constraint>>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_new_tokens: 0,
            sampling: Sampling::default(),
            beams: 1,
            length_penalty: 1.0,
            early_stopping: false,
            keep_special: false,
            stop: Vec::new(),
            logprobs: false,
            speculate: false,
            bias: Vec::new(),
            forced: Vec::new(),
            constraint: None,
        }
    }
}

impl GenerateOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::BadOption`].
    pub fn validate(&self) -> Result<(), Error> {
        self.sampling.validate()?;
        self.validate_bias()?;
        if !self.length_penalty.is_finite() {
            let got = self.length_penalty.to_string();
            return Err(Error::BadOption { name: "length-penalty", got, rule: "a finite number" });
        }
        if self.beams > 1 && self.sampling.temperature > 0.0 {
            let rule = "a search draws nothing: at most 1 where the temperature is above 0";
            return Err(Error::BadOption { name: "beams", got: self.beams.to_string(), rule });
        }
        if self.beams > 1 && self.speculate {
            let rule = "a search guesses nothing: at most 1 with speculate";
            return Err(Error::BadOption { name: "beams", got: self.beams.to_string(), rule });
        }
        let bad = |got: String, rule| Err(Error::BadOption { name: "stop", got, rule });
        if self.stop.len() > MOST_STOPS {
            return bad(format!("{} texts", self.stop.len()), "at most 64");
        }
        match self.stop.iter().map(String::len).find(|length| !(1..=LONGEST_STOP).contains(length)) {
            Some(length) => bad(format!("a text of {length} bytes"), "from 1 to 1024"),
            None => Ok(()),
        }
    }
}

impl GenerateOptions {
    fn validate_bias(&self) -> Result<(), Error> {
        let bad = |got: String, rule| Err(Error::BadOption { name: "logit-bias", got, rule });
        if let Some((id, bias)) = self.bias.iter().find(|(_, bias)| bias.is_nan() || *bias == f32::INFINITY) {
            return bad(format!("{bias} for token {id}"), "a finite number or negative infinity");
        }
        let mut ids: Vec<u32> = self.bias.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        match ids.array_windows().find(|[one, other]| one == other) {
            Some([id, _]) => bad(format!("token {id} twice"), "one number for a token"),
            None => Ok(()),
        }
    }

    /// Checks that there are tokens of these numbers, of as many as the embedding table has rows.
    ///
    /// # Errors
    /// [`Error::BadOption`].
    pub(crate) fn validate_ids(&self, vocabulary: usize) -> Result<(), Error> {
        let check = |name, mut ids: Box<dyn Iterator<Item = u32> + '_>| match ids.find(|&id| id as usize >= vocabulary)
        {
            Some(id) => {
                Err(Error::BadOption { name, got: id.to_string(), rule: "below the rows of the embedding table" })
            }
            None => Ok(()),
        };
        check("logit-bias", Box::new(self.bias.iter().map(|(id, _)| *id)))?;
        check("forced", Box::new(self.forced.iter().copied()))
    }
}

/// What a caller wants of a text. `None` is what the model's file suggests; the other fields have no suggestion.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// As [`GenerateOptions::max_new_tokens`].
    pub max_new_tokens: usize,
    /// As [`Sampling::temperature`].
    pub temperature: f32,
    /// As [`Sampling::top_k`].
    pub top_k: usize,
    /// As [`Sampling::top_p`].
    pub top_p: f32,
    /// As [`Sampling::min_p`].
    pub min_p: f32,
    /// As [`Sampling::repetition_penalty`].
    pub repetition_penalty: Option<f32>,
    /// As [`Sampling::repetition_window`].
    pub repetition_window: usize,
    /// As [`Sampling::no_repeat_ngram`].
    pub no_repeat_ngram: Option<usize>,
    /// As [`Sampling::min_new_tokens`].
    pub min_new_tokens: Option<usize>,
    /// As [`Sampling::seed`].
    pub seed: u64,
    /// As [`GenerateOptions::beams`]; where the temperature is above 0, `None` is 1.
    pub beams: Option<usize>,
    /// As [`GenerateOptions::length_penalty`].
    pub length_penalty: Option<f32>,
    /// As [`GenerateOptions::early_stopping`].
    pub early_stopping: Option<bool>,
    /// As [`GenerateOptions::keep_special`].
    pub keep_special: bool,
    /// As [`GenerateOptions::stop`]; where there is none, and no constraint, those of the task or the model's file.
    pub stop: Vec<String>,
    /// As [`GenerateOptions::logprobs`].
    pub logprobs: bool,
    /// As [`GenerateOptions::speculate`].
    pub speculate: bool,
    /// As [`GenerateOptions::bias`].
    pub bias: Vec<(u32, f32)>,
    /// As [`GenerateOptions::forced`].
    pub forced: Vec<u32>,
    /// As [`GenerateOptions::constraint`]. With one, `None` for `no_repeat_ngram` and `min_new_tokens` is off, whatever the
    /// file suggests: both could forbid the only tokens that the constraint allows.
    pub constraint: Option<Box<dyn Constraint>>,
}

impl Default for Wanted {
    fn default() -> Self {
        let Sampling { temperature, top_k, top_p, min_p, seed, .. } = Sampling::default();
        Self {
            max_new_tokens: 0,
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty: None,
            repetition_window: 0,
            no_repeat_ngram: None,
            min_new_tokens: None,
            seed,
            beams: None,
            length_penalty: None,
            early_stopping: None,
            keep_special: false,
            stop: Vec::new(),
            logprobs: false,
            speculate: false,
            bias: Vec::new(),
            forced: Vec::new(),
            constraint: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        for bad in [
            Sampling { temperature: -1.0, ..Sampling::default() },
            Sampling { temperature: f32::NAN, ..Sampling::default() },
            Sampling { top_p: 0.0, ..Sampling::default() },
            Sampling { min_p: 1.5, ..Sampling::default() },
            Sampling { repetition_penalty: 0.0, ..Sampling::default() },
        ] {
            assert!(matches!(bad.validate(), Err(Error::BadOption { .. })), "{bad:?}");
        }
    }

    #[test]
    fn stop_strings_have_a_number_and_a_length() {
        let told = |stop: Vec<String>| {
            let options = GenerateOptions { stop, ..GenerateOptions::default() };
            options.validate().map_err(|e| e.to_string())
        };
        assert_eq!(told(vec!["é".repeat(512); 64]), Ok(()));
        assert_eq!(told(vec!["x".to_owned(); 65]).unwrap_err(), "stop is 65 texts: at most 64");
        assert_eq!(told(vec!["a".to_owned(), String::new()]).unwrap_err(), "stop is a text of 0 bytes: from 1 to 1024");
        assert_eq!(told(vec!["x".repeat(1025)]).unwrap_err(), "stop is a text of 1025 bytes: from 1 to 1024");
    }

    #[test]
    fn what_only_a_search_reads_is_checked() {
        let fits = |options: GenerateOptions| options.validate().map_err(|e| e.to_string());
        let search = GenerateOptions { beams: 3, ..GenerateOptions::default() };
        assert_eq!(fits(search.clone()), Ok(()));
        for length_penalty in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let told = fits(GenerateOptions { length_penalty, ..search.clone() }).unwrap_err();
            assert!(told.starts_with(&format!("length-penalty is {length_penalty}")), "{told}");
        }
        let sampling = Sampling { temperature: 0.5, ..Sampling::default() };
        let told = fits(GenerateOptions { sampling, ..search }).unwrap_err();
        assert!(told.starts_with("beams is 3"), "{told}");
    }
}
