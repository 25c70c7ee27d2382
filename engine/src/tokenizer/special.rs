//! Finding special and other added tokens in a text before it is split into words.
//!
//! Source: the added vocabulary of the `tokenizers` library. The leftmost match wins, and at one place the longest. A
//! token may take the blanks on either side of it into itself, and may ask to be a word of its own. Most tokens are
//! looked for in the text as it is, some in the text as the normalizer leaves it; those are normalised themselves.
//!
//! The non-obvious thing: user-defined tokens are found in every text, control and unknown tokens only when the caller
//! asks for it. Text from an untrusted user should be encoded without, or it could write `</s>`. The token that stands
//! for a picture is found in no text at all: it would have a place and no picture.

use super::error::TokenizerError;
use super::normalize::Normalizer;
use super::prefixes::Prefixes;
use super::vocab::{TokenKind, Vocab};
use std::ops::Range;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Longest special token. A search looks at most this far ahead, so its time stays linear in the text.
const LONGEST: usize = 512;

/// What a file says about its added tokens, each as ids; the lists may be in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// Take the blanks before them.
    pub lstrip: Vec<u32>,
    /// Take the blanks behind them.
    pub rstrip: Vec<u32>,
    /// Found only where no letter, digit or underscore is next to them.
    pub single_word: Vec<u32>,
    /// Looked for in the normalised text, and normalised themselves.
    pub normalized: Vec<u32>,
    /// Symbols of SentencePiece's own: looked for in the normalised text as they are, behind the blank that was put
    /// before it.
    pub symbols: Vec<u32>,
}

/// Where control and unknown tokens are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Control<'a> {
    /// Nowhere.
    Never,
    /// Where they overlap none of these stretches, which are in order.
    Outside(&'a [Range<usize>]),
}

impl Control<'_> {
    fn allows(self, start: usize, end: usize) -> bool {
        match self {
            Self::Never => false,
            Self::Outside(plain) => {
                let next = plain.partition_point(|stretch| stretch.end <= start);
                plain.get(next).is_none_or(|stretch| end <= stretch.start)
            }
        }
    }
}

/// How far a text has been read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    /// Where the next token may start.
    pub(super) search: usize,
    /// Where the text begins that no token has taken; behind `search` where one has taken the blanks behind it.
    pub(super) taken: usize,
}

/// A special token found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: u32,
    /// Where the text before it ends.
    pub(super) start: usize,
    /// Where to go on.
    end: usize,
    search: usize,
}

impl Found {
    /// The text behind it.
    pub(super) fn behind(&self) -> Cursor {
        Cursor { search: self.search, taken: self.end }
    }
}

/// A token as it is looked for.
#[derive(Debug)]
struct Pattern {
    text: Box<[u8]>,
    id: u32,
    lstrip: bool,
    rstrip: bool,
    single_word: bool,
}

/// Tokens that are looked for in one form of the text.
#[derive(Debug)]
pub(super) struct Search {
    patterns: Vec<Pattern>,
    prefixes: Prefixes,
    /// Whether some token starts with the byte.
    starts: [bool; 256],
    /// Whether a blank is a character like others, since it has become `▁`.
    escaped: bool,
    /// A token that no text spells.
    reserved: Option<u32>,
}

/// The special tokens of a vocabulary.
#[derive(Debug)]
pub(super) struct Specials {
    /// In the text as it is.
    pub(super) raw: Search,
    /// In the normalised text.
    pub(super) inner: Search,
    /// All by their ids, as people write them.
    names: Prefixes,
}

impl Specials {
    /// `normalizer` is what happens to a text before the inner search.
    pub(super) fn new(vocab: &Vocab, added: &Added, normalizer: &Normalizer) -> Result<Self, TokenizerError> {
        let lists = [&added.lstrip, &added.rstrip, &added.single_word, &added.normalized, &added.symbols];
        let [lstrip, rstrip, single_word, normalized, symbols] = lists.map(|ids| {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids
        });
        let has = |ids: &[u32], id: u32| ids.binary_search(&id).is_ok();
        let (mut raw, mut inner) = (Vec::new(), Vec::new());
        for id in 0..vocab.len() {
            if !matches!(vocab.kind(id), TokenKind::Unknown | TokenKind::Control | TokenKind::UserDefined) {
                continue;
            }
            let text = vocab.at(id);
            if text.len() > LONGEST {
                return Err(TokenizerError::SpecialTooLong { id: id as u32, bytes: text.len(), limit: LONGEST });
            }
            // An empty one would be found everywhere, for ever.
            if text.is_empty() {
                continue;
            }
            let id = id as u32;
            if has(&symbols, id) && normalizer.leaves_symbols() {
                continue;
            }
            let inside = has(&normalized, id) || has(&symbols, id);
            let text = match std::str::from_utf8(text) {
                Ok(plain) if inside => normalizer.pattern(plain, has(&normalized, id))?.into_bytes().into(),
                _ => text.into(),
            };
            let pattern = Pattern {
                text,
                id,
                lstrip: has(&lstrip, id),
                rstrip: has(&rstrip, id),
                single_word: has(&single_word, id),
            };
            if inside { &mut inner } else { &mut raw }.push(pattern);
        }
        let ids = raw.iter().chain(&inner).map(|pattern: &Pattern| pattern.id).collect();
        let names = Prefixes::new(ids, |id| vocab.at(id as usize));
        Ok(Self { raw: Search::new(raw, false), inner: Search::new(inner, normalizer.early), names })
    }

    /// Makes `id` a token that no text spells.
    pub(super) fn reserve(&mut self, id: u32) {
        (self.raw.reserved, self.inner.reserved) = (Some(id), Some(id));
    }

    /// The token that no text spells, if there is one.
    pub(super) fn reserved(&self) -> Option<u32> {
        self.raw.reserved
    }

    /// Where `text` spells control tokens, unknown ones or the reserved one, and where its end, with blanks behind it or
    /// without, is the beginning of one: in order, none overlapping another.
    pub(super) fn spelled(&self, vocab: &Vocab, text: &str) -> Vec<Range<usize>> {
        let name = |id: u32| vocab.at(id as usize);
        let guarded = |id: u32| self.reserved() == Some(id) || vocab.kind(id as usize) != TokenKind::UserDefined;
        let mut all: Vec<Range<usize>> = Vec::new();
        let mut add = |mut found: Range<usize>| {
            while let Some(last) = all.pop_if(|last| found.start < last.end) {
                found = found.start.min(last.start)..found.end.max(last.end);
            }
            all.push(found);
        };
        // One may begin inside another.
        for (start, _) in text.char_indices() {
            if let Some((_, length)) = self.names.longest(name, &text.as_bytes()[start..], guarded) {
                add(start..start + length);
            }
        }
        for end in [text.trim_end().len(), text.len()] {
            let begins =
                |&start: &usize| text.is_char_boundary(start) && self.names.goes_on(name, &text.as_bytes()[start..end]);
            if let Some(start) = (end.saturating_sub(LONGEST)..end).find(begins) {
                add(start..end);
            }
        }
        all
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.raw.memory_bytes() + self.inner.memory_bytes() + self.names.memory_bytes()
    }
}

impl Search {
    fn new(patterns: Vec<Pattern>, escaped: bool) -> Self {
        let mut starts = [false; 256];
        for &first in patterns.iter().filter_map(|pattern| pattern.text.first()) {
            starts[usize::from(first)] = true;
        }
        let numbers = (0..patterns.len() as u32).collect();
        let prefixes = Prefixes::new(numbers, |number| &patterns[number as usize].text);
        Self { patterns, prefixes, starts, escaped, reserved: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// The first token of `text` from the cursor on.
    pub(super) fn next(&self, vocab: &Vocab, text: &str, at: Cursor, control: Control<'_>) -> Option<Found> {
        if self.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        let pattern = |number: u32| &self.patterns[number as usize];
        let mut start = at.search;
        while let Some(skip) = bytes[start..].iter().position(|&b| self.starts[usize::from(b)]) {
            start += skip;
            let wanted = |number: u32| {
                let Pattern { id, text, .. } = pattern(number);
                let read = vocab.kind(*id as usize) == TokenKind::UserDefined;
                self.reserved != Some(*id) && (read || control.allows(start, start + text.len()))
            };
            match self.prefixes.longest(|number| &pattern(number).text, &bytes[start..], wanted) {
                None => start += 1,
                Some((number, length)) => {
                    let (pattern, end) = (pattern(number), start + length);
                    if !pattern.single_word || is_apart(text, start, end) {
                        return Some(self.stripped(pattern, text, start..end, at.taken));
                    }
                    start = end;
                }
            }
        }
        None
    }

    /// A match with the blanks that it takes, those from `taken` on.
    fn stripped(&self, pattern: &Pattern, text: &str, found: Range<usize>, taken: usize) -> Found {
        let blank = |c: char| c.is_whitespace() && !(self.escaped && c == ' ');
        let (mut start, mut end) = (found.start.max(taken), found.end.max(taken));
        if pattern.lstrip {
            start = taken + text[taken..start].trim_end_matches(blank).len();
        }
        if pattern.rstrip {
            end = text.len() - text[end..].trim_start_matches(blank).len();
        }
        Found { id: pattern.id, start, end, search: found.end }
    }

    fn memory_bytes(&self) -> usize {
        let texts: usize = self.patterns.iter().map(|pattern| pattern.text.len()).sum();
        texts + self.patterns.capacity() * size_of::<Pattern>() + self.prefixes.memory_bytes()
    }
}

/// Whether no word reaches a stretch of a text from either side.
fn is_apart(text: &str, start: usize, end: usize) -> bool {
    !text[..start].chars().next_back().is_some_and(is_of_word) && !text[end..].chars().next().is_some_and(is_of_word)
}

/// A word's character as regular expressions have it (`\w`).
fn is_of_word(c: char) -> bool {
    let category = c.general_category();
    c.is_alphabetic()
        || c.general_category_group() == GeneralCategoryGroup::Mark
        || matches!(category, GeneralCategory::DecimalNumber | GeneralCategory::ConnectorPunctuation)
        || matches!(c, '\u{200c}' | '\u{200d}')
}
