//! SentencePiece's byte-pair encoding: merges are not listed, tokens have scores (LLaMA, Vicuna, Phi-3, Gemma).
//!
//! Source: Kudo & Richardson 2018, `bpe_model.cc`, as in llama.cpp's tokenizer of the same name. Two neighbours merge
//! where their text is a token; the highest score goes first, the leftmost among equals. Characters that are no token
//! fall back to tokens of their bytes, `<0x41>`.
//!
//! The non-obvious thing: only normal tokens come out of merging, so no text can spell a control token. (llama.cpp
//! looks up any token, and text such as `</s>` can become the end of the sequence there.)

use super::error::TokenizerError;
use super::merge::{ByteTokens, Merge, Pairs, Scratch, Symbol};
use super::vocab::{TokenKind, Vocab};

/// Longest token that is looked for, in bytes: a merge costs no more than reading this many.
const LONGEST: usize = 512;

/// The scores of a vocabulary.
#[derive(Debug)]
pub(super) struct SentencePiece {
    bytes: ByteTokens,
    /// By token, lowest for the highest score.
    ranks: Vec<u32>,
    /// Longest token, in bytes.
    longest: usize,
}

/// The order of merging.
struct ByScore<'a> {
    vocab: &'a Vocab,
    model: &'a SentencePiece,
}

impl SentencePiece {
    /// From one score a token.
    pub(super) fn new(vocab: &Vocab, scores: &[f32], unknown: Option<u32>) -> Result<Self, TokenizerError> {
        if scores.len() != vocab.len() {
            return Err(TokenizerError::ScoreCount { tokens: vocab.len(), scores: scores.len() });
        }
        let mut longest = 0;
        for (id, score) in scores.iter().enumerate() {
            if score.is_nan() {
                return Err(TokenizerError::ScoreNotANumber { id: id as u32 });
            }
            let bytes = vocab.at(id).len();
            if bytes > LONGEST {
                return Err(TokenizerError::TokenTooLong { id: id as u32, bytes, limit: LONGEST });
            }
            longest = longest.max(bytes);
        }
        let ranks = scores.iter().map(|&score| rank(score)).collect();
        let bytes = ByteTokens { fuses: true, ..vocab.byte_tokens(unknown) };
        Ok(Self { bytes, ranks, longest })
    }

    /// Appends the tokens of `text`, which starts at `offset` of the whole text.
    pub(super) fn encode(
        &self,
        vocab: &Vocab,
        text: &str,
        offset: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        let bytes = text.as_bytes();
        let symbols = scratch.merge(bytes, vocab.characters(text), &ByScore { vocab, model: self });
        self.bytes.append(bytes, offset, symbols, out)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.ranks.capacity() * size_of::<u32>()
    }
}

impl Pairs for ByScore<'_> {
    fn pair(&self, text: &[u8], left: Symbol, right: Symbol) -> Merge {
        let bytes = &text[left.start as usize..right.end as usize];
        if bytes.len() > self.model.longest {
            return Merge::NEVER;
        }
        match self.vocab.find_piece(bytes) {
            Some(id) if self.vocab.kind(id as usize) == TokenKind::Normal => {
                Merge { rank: self.model.ranks[id as usize], id }
            }
            _ => Merge::NEVER,
        }
    }
}

/// Scores in falling order as rising numbers. Only a NaN would get the highest, which means "never".
fn rank(score: f32) -> u32 {
    // The sum makes one zero of both.
    let bits = (score + 0.0).to_bits();
    let rising = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !rising
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn ranks_fall_with_scores() {
        let scores = [f32::INFINITY, 3.5, 1e-40, 0.0, -1e-40, -1.0, -31999.0, -1e9, f32::NEG_INFINITY];
        assert!(scores.windows(2).all(|two| rank(two[0]) < rank(two[1])));
        assert_eq!(rank(0.0), rank(-0.0));
        assert!(rank(f32::NEG_INFINITY) < u32::MAX);
    }
}
