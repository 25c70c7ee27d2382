//! SentencePiece's unigram model: of all ways to cut a text into tokens, the one whose scores have the greatest sum.
//!
//! Source: Kudo 2018 (subword regularization), and `unigram_model.cc` of the sentencepiece library, version 0.2.3: a
//! character without a token is the unknown one, 10 below the lowest score, neighbours of that kind are one unknown
//! token together or, where the vocabulary has bytes, bytes; symbols of the model's own are nearly free.
//!
//! The non-obvious thing: where that library and `tokenizers` differ, that library is followed. Both find a best cut, and
//! of several that are equally good (long runs of one mark) the sums' rounding decides: sums are kept as f32, and the
//! first found stays. The text is cut wherever no token reaches across, as it does at most blanks, so that no more than a
//! word is held; the sum goes on.

use super::error::TokenizerError;
use super::merge::{ByteTokens, NONE, Scratch, Symbol};
use super::trie::Trie;
use super::vocab::{BLANK, TokenKind, Vocab};

/// Longest token that is looked for, in bytes: a search reads no further.
const LONGEST: usize = 256;
/// Most bytes of all tokens that are looked for.
const MOST_BYTES: usize = 64 << 20;
/// How far below the lowest score an unknown character is.
const UNKNOWN_PENALTY: f32 = 10.0;
/// What a symbol of the model's own costs.
const SYMBOL_PENALTY: f32 = 0.1;

/// The tokens and their scores.
#[derive(Debug)]
pub(super) struct Unigram {
    trie: Trie,
    bytes: ByteTokens,
    /// By token.
    scores: Vec<f32>,
    unknown_score: f32,
}

/// The best way to a place in the text: its last token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    score: f32,
    start: u32,
    /// `NONE` for a character without a token.
    id: u32,
}

/// A place that no token has reached.
const UNREACHED: Step = Step { score: 0.0, start: NONE, id: NONE };

impl Unigram {
    /// From one score a token; `symbols` are found in text though they are not normal tokens.
    pub(super) fn new(
        vocab: &Vocab,
        mut scores: Vec<f32>,
        symbols: &[u32],
        unknown: Option<u32>,
    ) -> Result<Self, TokenizerError> {
        if scores.len() != vocab.len() {
            return Err(TokenizerError::ScoreCount { tokens: vocab.len(), scores: scores.len() });
        }
        let unknown = unknown.ok_or(TokenizerError::NoUnknown)?;
        // Of no normal token the library knows these two.
        let (mut least, mut most) = (f32::MAX, f32::MIN_POSITIVE);
        let mut texts: Vec<(&[u8], u32)> = Vec::new();
        for (id, &score) in (0u32..).zip(&scores) {
            if score.is_nan() {
                return Err(TokenizerError::ScoreNotANumber { id });
            }
            if vocab.kind(id as usize) == TokenKind::Normal {
                (least, most) = (least.min(score), most.max(score));
                // What has a blank as such is in no text.
                let text = vocab.at(id as usize);
                if vocab.is_piece(id, text) && !text.is_empty() {
                    texts.push((text, id));
                }
            }
        }
        let mut written: Vec<(Vec<u8>, u32)> = Vec::new();
        for &id in symbols.iter().filter(|&&id| (id as usize) < vocab.len()) {
            let text = String::from_utf8_lossy(vocab.at(id as usize));
            if vocab.kind(id as usize) == TokenKind::UserDefined && !text.is_empty() && !text.contains(' ') {
                scores[id as usize] = text.len() as f32 * most - SYMBOL_PENALTY;
                written.push((text.replace(BLANK, " ").into_bytes(), id));
            }
        }
        texts.extend(written.iter().map(|(text, id)| (&**text, *id)));
        let mut total = 0;
        for &(text, id) in &texts {
            total += text.len();
            if text.len() > LONGEST {
                return Err(TokenizerError::TokenTooLong { id, bytes: text.len(), limit: LONGEST });
            }
            if total > MOST_BYTES {
                let (bytes, limit) = (total as u64, MOST_BYTES as u64);
                return Err(TokenizerError::VocabularyTooLong { id, bytes, limit });
            }
        }
        Ok(Self {
            trie: Trie::new(texts),
            bytes: ByteTokens { fuses: true, ..vocab.byte_tokens(Some(unknown)) },
            scores,
            unknown_score: least - UNKNOWN_PENALTY,
        })
    }

    /// Appends the tokens of normalised `text`, which starts at `offset` of the whole text or thereabouts.
    pub(super) fn encode(
        &self,
        text: &str,
        offset: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        let (steps, symbols) = scratch.for_paths();
        steps.clear();
        symbols.clear();
        steps.push(UNREACHED);
        // Where `steps` begin, and how far they reach.
        let (mut base, mut sum) = (0, 0.0);
        for (at, c) in text.char_indices() {
            if at + 1 == base + steps.len() && at > base {
                sum = steps[at - base].score;
                cut(steps, base, symbols);
                base = at;
            }
            let here = if at == base { sum } else { steps[at - base].score };
            self.steps_from(&text.as_bytes()[at..], (at, base), (here, c.len_utf8()), steps);
        }
        cut(steps, base, symbols);
        self.bytes.append(text.as_bytes(), offset, symbols, out)
    }

    /// The steps of every token that `rest` starts with, and of its first character if that is none; `here` is the sum so
    /// far.
    fn steps_from(&self, rest: &[u8], (at, base): (usize, usize), (here, width): (f32, usize), steps: &mut Vec<Step>) {
        let mut step = |length: usize, score: f32, id: u32| {
            let place = at - base + length;
            if place >= steps.len() {
                steps.resize(place + 1, UNREACHED);
            }
            let known = &mut steps[place];
            if known.start == NONE || score > known.score {
                *known = Step { score, start: at as u32, id };
            }
        };
        let mut whole = false;
        self.trie.prefixes(rest, |id, length| {
            whole |= length == width;
            step(length, self.scores[id as usize] + here, id);
        });
        if !whole {
            step(width, self.unknown_score + here, NONE);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.trie.memory_bytes() + self.scores.capacity() * size_of::<f32>()
    }
}

/// Appends the best way through the steps, whose first is at `base`, and leaves one place, which nothing has reached.
fn cut(steps: &mut Vec<Step>, base: usize, symbols: &mut Vec<Symbol>) {
    let first = symbols.len();
    let mut end = base + steps.len() - 1;
    while end > base {
        let Step { start, id, .. } = steps[end - base];
        symbols.push(Symbol { id, start, end: end as u32 });
        end = start as usize;
    }
    symbols[first..].reverse();
    steps.clear();
    steps.push(UNREACHED);
}
