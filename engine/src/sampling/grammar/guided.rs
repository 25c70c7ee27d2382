//! llguidance behind [`Constraint`].
//!
//! The non-obvious things: a token that ends a text is never part of it, even where it has one (OPT's line break), so it is
//! told as a special token. Grammars come from strangers: they are compiled on a stack of their own, and what a step may
//! cost is limited, for forks share what was computed.

use super::Grammar;
use crate::error::Error;
use crate::sampling::{Constraint, Defaults};
use crate::tokenizer::{TokenKind, Tokenizer};
use llguidance::api::TopLevelGrammar;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// Between the parts of a JSON value: no model can go on with blanks for ever.
const BETWEEN: &str = r"(\n[ ]{0,16}|[ ])";
/// States of the lexer, 1 to 2 KB each.
const MOST_STATES: usize = 50_000;
/// Longest token that can be part of a text under a grammar, and bytes of all such tokens: what the trie holds.
const LONGEST_TOKEN: usize = 1000;
const MOST_BYTES: usize = (4 << 20) - 2;
/// The stack of the compiler, which descends from rule to rule: the longest chain of rules in a grammar of the length that
/// is allowed took less than 64 MiB. Only what is used of it costs memory.
const STACK: usize = 256 << 20;
/// Longest reason that is told.
const REASON: usize = 400;

fn wrong(what: &'static str, reason: impl Into<String>) -> Error {
    Error::Constraint { what, reason: reason.into() }
}

/// What llguidance says, without what is for its authors.
fn reason(told: &str) -> String {
    let end = ["\n<non-verbose/>", "\n<backtrace>", "\n<state>"].iter().filter_map(|mark| told.find(mark)).min();
    let told = told[..end.unwrap_or(told.len())].trim();
    match told.char_indices().nth(REASON) {
        Some((cut, _)) => format!("{} ...", &told[..cut]),
        None => told.to_owned(),
    }
}

/// The tokens of a model.
pub(super) struct Tokens {
    factory: ParserFactory,
    /// Those that end a text.
    ends: Arc<[u32]>,
}

impl Tokens {
    pub fn new(tokenizer: &Tokenizer, defaults: &Defaults, vocabulary: usize) -> Result<Self, Error> {
        const WHAT: &str = "a grammar for this model";
        let ids = 0..u32::try_from(vocabulary).unwrap_or(u32::MAX);
        let Some(&end) = defaults.eos_ids.first() else {
            return Err(wrong(WHAT, "the model has no token that ends a text"));
        };
        let words: Vec<Vec<u8>> = ids.clone().map(|id| word(tokenizer, defaults, id)).collect();
        let bytes: usize = words.iter().map(Vec::len).sum();
        if bytes > MOST_BYTES {
            return Err(wrong(WHAT, format!("its tokens have {bytes} bytes, the limit is {MOST_BYTES}")));
        }
        let trie = TokTrie::from(&TokRxInfo::new(ids.end, end), &words).with_eos_tokens(&defaults.eos_ids);
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = SlicedBiasComputer::general_slices();
        let factory = ParserFactory::new(&env, InferenceCapabilities::default(), &slices);
        let mut factory = factory.map_err(|e| wrong(WHAT, reason(&e.to_string())))?;
        factory.quiet();
        let limits = factory.limits_mut();
        limits.verbose_errors = false;
        limits.max_lexer_states = MOST_STATES;
        Ok(Self { factory, ends: defaults.eos_ids.as_slice().into() })
    }

    pub fn constraint(&self, grammar: Grammar<'_>) -> Result<Box<dyn Constraint>, Error> {
        let what = grammar.name();
        let compile = || match grammar {
            Grammar::Lark(text) => Ok(TopLevelGrammar::from_lark(text.to_owned())),
            Grammar::JsonSchema(text) => schema(text).map_err(|e| wrong(what, e)),
        };
        let matcher = std::thread::scope(|scope| {
            let work = || Ok(Matcher::new(self.factory.create_parser(compile()?)));
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            let thread =
                thread.map_err(|_| Error::OutOfMemory { what: "the stack of a grammar's compiler", bytes: STACK })?;
            thread.join().unwrap_or_else(|_| Err(wrong(what, "its compiler failed")))
        })?;
        match matcher.get_error() {
            Some(told) => Err(wrong(what, reason(&told))),
            None => Ok(Box::new(Guided { what, ends: Arc::clone(&self.ends), matcher: Mutex::new(matcher) })),
        }
    }
}

/// A schema as llguidance takes it. What it says about blanks itself is as it says.
fn schema(text: &str) -> Result<TopLevelGrammar, String> {
    let mut schema: Value = serde_json::from_str(text).map_err(|e| format!("it is no JSON: {e}"))?;
    match &mut schema {
        Value::Object(object) if !object.contains_key("x-guidance") => {
            let blanks = JsonCompileOptions { whitespace_pattern: Some(BETWEEN.to_owned()), ..Default::default() };
            blanks.apply_to(&mut schema);
        }
        Value::Object(_) | Value::Bool(true) => {}
        Value::Bool(false) => return Err("false allows nothing".to_owned()),
        _ => return Err("it is neither an object nor true".to_owned()),
    }
    Ok(TopLevelGrammar::from_json_schema(schema))
}

/// What a token is to a grammar: the bytes of a text, a name behind a byte that is in no text, or nothing.
fn word(tokenizer: &Tokenizer, defaults: &Defaults, id: u32) -> Vec<u8> {
    let text = tokenizer.token_bytes(id).unwrap_or_default();
    let special = matches!(tokenizer.kind(id), Some(TokenKind::Control | TokenKind::Unknown));
    if special || defaults.ends(id) {
        let named = text.len() > 2 && text.starts_with(b"<") && text.ends_with(b">") && text.len() < LONGEST_TOKEN;
        let name = if named { text.to_vec() } else { format!("[{id}]").into_bytes() };
        return [&[TokTrie::SPECIAL_TOKEN_MARKER][..], &name].concat();
    }
    let usable = tokenizer.kind(id).is_some_and(|kind| kind != TokenKind::Unused)
        && text.len() <= LONGEST_TOKEN
        && !text.starts_with(&[TokTrie::SPECIAL_TOKEN_MARKER]);
    if usable { text.to_vec() } else { Vec::new() }
}

/// A place in a text that a grammar describes.
struct Guided {
    what: &'static str,
    ends: Arc<[u32]>,
    /// Only to be shared: nobody waits for it.
    matcher: Mutex<Matcher>,
}

impl Guided {
    fn matcher(&mut self) -> &mut Matcher {
        self.matcher.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Constraint for Guided {
    fn allow(&mut self, logits: &mut [f32]) -> Result<(), Error> {
        let mask = match self.matcher().compute_mask_or_eos() {
            Ok(mask) => mask,
            Err(e) if e.to_string().contains("NoExtensionBias") => {
                logits.fill(f32::NEG_INFINITY);
                return Ok(());
            }
            Err(e) => return Err(wrong(self.what, reason(&e.to_string()))),
        };
        let mut words = mask.as_slice().iter();
        for chunk in logits.chunks_mut(32) {
            let word = words.next().copied().unwrap_or(0);
            for (bit, logit) in chunk.iter_mut().enumerate() {
                if word & (1 << bit) == 0 {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<(), Error> {
        let ends = self.ends.contains(&id);
        let matcher = self.matcher();
        if matcher.is_stopped() && !matcher.is_error() {
            // There is nothing behind what the grammar describes but the end.
            return if ends { Ok(()) } else { Err(Error::Refused { id, reason: "the text is complete".to_owned() }) };
        }
        matcher.consume_token(id).map_err(|e| {
            let told = reason(&e.to_string());
            if told.contains("satisfy the grammar") {
                Error::Refused { id, reason: told }
            } else {
                wrong(self.what, told)
            }
        })
    }

    fn fork(&self) -> Box<dyn Constraint> {
        let matcher = self.matcher.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::new(Self { what: self.what, ends: Arc::clone(&self.ends), matcher: Mutex::new(matcher) })
    }
}
