//! One call of encoding: special tokens are cut out, what lies between becomes words, and words become ids.
//!
//! The non-obvious thing: tokens are looked for twice, in the text as it is and in what the normalizer makes of the parts
//! between, and which of the two finds a token decides whether a blank is put before the text behind it.

use super::merge::Scratch;
use super::normalize::Blank;
use super::special::{Control, Cursor};
use super::vocab::BLANK;
use super::{EncodeOptions, Model, Tokenizer, TokenizerError};
use std::borrow::Cow;
use std::ops::Range;

/// One call of encoding.
pub(super) struct Encoding<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) text: &'a str,
    pub(super) plain: &'a [Range<usize>],
    pub(super) options: EncodeOptions,
    pub(super) scratch: Scratch,
    pub(super) out: &'a mut Vec<u32>,
}

impl Encoding<'_> {
    /// The tokens in the text as it is, and the parts between them.
    pub(super) fn all(&mut self, begins: bool) -> Result<(), TokenizerError> {
        let Tokenizer { specials, vocab, normalizer, exact, .. } = self.tokenizer;
        let mut cursor = Cursor::default();
        // Behind a user-defined token, in a file that says no more than that.
        let mut goes_on = false;
        loop {
            let found = specials.raw.next(vocab, self.text, cursor, self.control(self.plain));
            let end = found.map_or(self.text.len(), |found| found.start);
            if cursor.taken < end {
                let first = begins && cursor.taken == 0;
                let wanted = match normalizer.blank {
                    Blank::Nowhere => false,
                    Blank::First => first,
                    Blank::Everywhere => !goes_on,
                };
                self.part(cursor.taken..end, wanted)?;
            }
            let Some(found) = found else { return Ok(()) };
            goes_on = !exact && !self.tokenizer.is_special(found.id);
            // LlamaTokenizer puts its blank before the whole text, and takes it back before special tokens only.
            let alone = begins && end == 0 && cursor.taken == 0 && normalizer.is_llamas();
            if alone && !self.tokenizer.is_special(found.id) {
                self.words(" ", 0)?;
            }
            self.out.push(found.id);
            cursor = found.behind();
        }
    }

    fn control<'p>(&self, plain: &'p [Range<usize>]) -> Control<'p> {
        if self.options.parse_special { Control::Outside(plain) } else { Control::Never }
    }

    /// A part without tokens of the first kind, which is `wanted` to get a blank.
    fn part(&mut self, part: Range<usize>, wanted: bool) -> Result<(), TokenizerError> {
        let Tokenizer { specials, vocab, normalizer, .. } = self.tokenizer;
        let (text, plain) = normalizer.part(self.text, part.clone(), self.plain, wanted)?;
        let late = wanted && !normalizer.early;
        let mut cursor = Cursor::default();
        loop {
            let found = specials.inner.next(vocab, &text, cursor, self.control(&plain));
            let end = found.map_or(text.len(), |found| found.start);
            let piece = text.get(cursor.taken..end).map(|piece| normalizer.between(piece));
            if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
                let blank = late
                    && !piece.starts_with(normalizer.blanks())
                    && (normalizer.blank == Blank::Everywhere || cursor.taken == 0);
                let at = part.start + cursor.taken;
                if blank { self.words(&format!(" {piece}"), at)? } else { self.words(piece, at)? }
            }
            let Some(found) = found else { return Ok(()) };
            self.out.push(found.id);
            cursor = found.behind();
        }
    }

    /// Text that holds no special token, which starts at `at` or thereabouts.
    fn words(&mut self, text: &str, mut at: usize) -> Result<(), TokenizerError> {
        let Tokenizer { vocab, model, normalizer, .. } = self.tokenizer;
        let Self { scratch, out, .. } = self;
        let text =
            if normalizer.escapes && text.contains(BLANK) { text.replace(BLANK, " ").into() } else { Cow::from(text) };
        match model {
            Model::Bpe { pre, merges } => pre.split(&text, |word| {
                let whole = if pre.keeps_whole(word) { vocab.find_piece(word.as_bytes()) } else { None };
                match whole {
                    Some(id) => out.push(id),
                    None => merges.encode(vocab, word, at, scratch, out)?,
                }
                at += word.len();
                Ok(())
            }),
            Model::SentencePiece(model) => model.encode(vocab, &text, at, scratch, out),
            Model::Unigram(model) => model.encode(&text, at, scratch, out),
            Model::WordPiece(model) => {
                model.encode(vocab, &text, out);
                Ok(())
            }
        }
    }
}
