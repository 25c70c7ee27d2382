//! Tokens that end a generated text.
//!
//! Source: llama.cpp, which ends at eos, at the ids a file names (`eot`, `eom`) and at any token with one of the names
//! that chat formats use, since many files name only the end of the sequence and not that of a turn.
//!
//! The non-obvious thing: a name such as `</s>` is also HTML (Gemma has it as text), so names without bars count only
//! where the file calls the token a control token.

use super::vocab::{TokenKind, Vocab};

/// Names of chat formats. They end a text whatever the file calls them, and are control tokens from then on.
const TURNS: [&str; 10] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eom_id|>",
    "<|END_OF_TURN_TOKEN|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
];

/// Names that count only for control tokens.
const CONTROL: [&str; 15] = [
    "</s>",
    "<eos>",
    "<turn|>",
    "<EOT>",
    "[EOT]",
    "[EOS]",
    "<|return|>",
    "<|call|>",
    "<|fim_pad|>",
    "<fim_pad>",
    "<fim-pad>",
    "<|repo_name|>",
    "<|fim_repo|>",
    "<reponame>",
    "<|file_sep|>",
];

/// Ids of tokens that end a text: those the file names first, then those known by name.
pub(super) fn find(vocab: &mut Vocab, named: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut ids: Vec<u32> = named.collect();
    let mut scratch = Vec::new();
    for name in TURNS {
        if let Some(id) = vocab.find(name, &mut scratch) {
            vocab.make_control(id);
            ids.push(id);
        }
    }
    for name in CONTROL {
        ids.extend(vocab.find(name, &mut scratch).filter(|&id| vocab.kind(id as usize) == TokenKind::Control));
    }
    // In the format of gpt-oss `<|end|>` ends a part of an answer, not the answer.
    let has = |vocab: &Vocab, name: &str| vocab.find(name, &mut Vec::new()).is_some();
    if has(vocab, "<|return|>") && has(vocab, "<|call|>") {
        let end = vocab.find("<|end|>", &mut scratch);
        ids.retain(|&id| Some(id) != end);
    }
    let mut seen = Vec::with_capacity(ids.len());
    ids.retain(|id| {
        let new = !seen.contains(id);
        seen.push(*id);
        new
    });
    ids
}
