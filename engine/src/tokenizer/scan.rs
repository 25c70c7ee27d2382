//! The patterns that pre-tokenizers are made of, as hand-written scanners: one pass, constant state, so time is linear
//! in any text.
//!
//! Source: the regular expressions of the published `tokenizer.json` files; each scanner states its own. All of them are
//! alternatives tried in order at one place, so a scanner says how much of the text's beginning its pattern takes.
//!
//! The non-obvious thing: `\s+(?!\S)` gives the last blank of a run back, so that " a" after it can take a space. A run
//! that ends the text (or stands before a special token) is one word.
//!
//! `\s` is Unicode's White_Space (U+0085 and U+00A0 are in, U+001C..1F, U+180E and U+200B are out), as in Oniguruma,
//! which the published tokenizers run on. Categories are those of the `unicode-properties` tables, which are newer than
//! Oniguruma's: characters assigned after Unicode 16 may split differently.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// One pattern.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` (openai/gpt-2 `encoder.py`).
    Gpt2,
    Words(Words),
    Cased(Cased),
    /// ``[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+``
    DeepSeekV3,
    Isolate(Isolate),
    /// `\s+$`
    TrailingBlanks,
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// Most digits of a number.
    pub(super) digits: usize,
    /// Whether marks count as letters: `[\p{L}\p{M}]+` and `[^\s\p{L}\p{M}\p{N}]+`.
    pub(super) marks: bool,
}

/// With `U` for `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, `L` for `[\p{Ll}\p{Lm}\p{Lo}\p{M}]` and `C` for `(?i:'s|...)?`:
/// `[^\r\n\p{L}\p{N}]?U*L+C|[^\r\n\p{L}\p{N}]?U+L*C|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
#[derive(Debug, Clone, Copy)]
pub(super) struct Cased {
    /// Most digits of a number.
    pub(super) digits: usize,
    /// Whether words keep their contracted endings; without, there is no `C`.
    pub(super) contractions: bool,
}

/// A run of characters of one class, `[...]{least,most}`, perhaps after one blank, `\s?`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Isolate {
    pub(super) class: fn(char) -> bool,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) blank: bool,
}

impl Isolate {
    /// `[...]+`
    pub(super) const fn of(class: fn(char) -> bool) -> Self {
        Self { class, least: 1, most: usize::MAX, blank: false }
    }

    fn matched(self, text: &str) -> usize {
        let run = |from: usize| {
            let length = run_of(&text[from..], self.most, self.class);
            let enough = self.least <= 1 || text[from..from + length].chars().count() >= self.least;
            if length > 0 && enough { from + length } else { 0 }
        };
        let blank = text.chars().next().filter(|c| self.blank && c.is_whitespace());
        let after_blank = blank.map_or(0, |c| run(c.len_utf8()));
        if after_blank > 0 { after_blank } else { run(0) }
    }
}

impl Stage {
    /// Length in bytes of the first piece of `text`: what the pattern takes, or what lies before. At least 1 unless
    /// `text` is empty.
    pub(super) fn first_piece(self, text: &str) -> usize {
        match self {
            Self::Gpt2 => gpt2(text),
            Self::Words(words) => words.matched(text),
            Self::Cased(cased) => cased.matched(text),
            Self::DeepSeekV3 => first_match(text, deepseek_v3),
            Self::Isolate(isolate) => first_match(text, |text| isolate.matched(text)),
            Self::TrailingBlanks => match text.trim_end().len() {
                0 => text.len(),
                end => end,
            },
        }
    }
}

/// What `matched` takes, or, where that is nothing, what lies before the next place where it takes something.
fn first_match(text: &str, matched: impl Fn(&str) -> usize) -> usize {
    let taken = matched(text);
    if taken > 0 {
        return taken;
    }
    text.char_indices().map(|(at, _)| at).skip(1).find(|&at| matched(&text[at..]) > 0).unwrap_or(text.len())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Letter,
    Number,
    Mark,
    Other,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Number,
            ' ' | '\t'..='\r' => Class::Space,
            _ => Class::Other,
        };
    }
    if c.is_whitespace() {
        return Class::Space;
    }
    match c.general_category_group() {
        GeneralCategoryGroup::Letter => Class::Letter,
        GeneralCategoryGroup::Number => Class::Number,
        GeneralCategoryGroup::Mark => Class::Mark,
        _ => Class::Other,
    }
}

/// `\p{N}`
pub(super) fn is_number(c: char) -> bool {
    class(c) == Class::Number
}

/// `[0-9]`
pub(super) fn is_ascii_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// `\p{L}`
pub(super) fn is_letter(c: char) -> bool {
    class(c) == Class::Letter
}

/// `\p{P}`
pub(super) fn is_punctuation(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// `` [\p{P}\$\+<=>\^~\|`] ``
pub(super) fn is_mark_of_falcon(c: char) -> bool {
    c == '`' || is_mark_of_default(c)
}

/// `[\p{P}\$\+<=>\^~\|]`
pub(super) fn is_mark_of_default(c: char) -> bool {
    is_punctuation(c) || matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '~' | '|')
}

/// `[\r\n]`
pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

/// `\n`
pub(super) fn is_line_feed(c: char) -> bool {
    c == '\n'
}

/// DeepSeek's list of letters that have a case: all but some scripts and the mathematical alphabets.
pub(super) fn is_cased(c: char) -> bool {
    use GeneralCategory::{LowercaseLetter, TitlecaseLetter, UppercaseLetter};
    let left_out = matches!(c as u32,
        0x560..=0x588 | 0x10c6..=0x10ff | 0x1c80..=0x1c8f | 0x2d00..=0x2d2d | 0xa78f..=0xa7ff | 0xab30..=0xab68
        | 0x10570..=0x105bc | 0x16e40..=0x16e7f | 0x1d400..=0x1dfff);
    matches!(c.general_category(), UppercaseLetter | LowercaseLetter | TitlecaseLetter) && !left_out
}

/// `[!-/:-~！-／：-～‘-‟　-。]`
pub(super) fn is_wide_mark(c: char) -> bool {
    matches!(c, '!'..='/' | ':'..='~' | '！'..='／' | '：'..='～' | '‘'..='‟' | '\u{3000}'..='。')
}

/// `[一-龥ࠀ-一가-퟿]`
pub(super) fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{800}'..='\u{9fa5}' | '\u{ac00}'..='\u{d7ff}')
}

/// `[一-龥぀-ゟ゠-ヿ]`
pub(super) fn is_han_or_kana(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fa5}' | '\u{3040}'..='\u{30ff}')
}

/// End of the run of at most `most` characters for which `same` holds.
fn run_of(text: &str, most: usize, same: impl Fn(char) -> bool) -> usize {
    text.char_indices().enumerate().find(|&(n, (_, c))| n == most || !same(c)).map_or(text.len(), |(_, (at, _))| at)
}

fn gpt2(text: &str) -> usize {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return 0;
    };
    if first == '\'' {
        let rest = &text.as_bytes()[1..];
        for ending in [&b"s"[..], b"t", b"re", b"ve", b"m", b"ll", b"d"] {
            if rest.starts_with(ending) {
                return 1 + ending.len();
            }
        }
    }
    // Marks are among the others here.
    let kind = |c: char| match class(c) {
        Class::Mark => Class::Other,
        class => class,
    };
    let first_kind = kind(first);
    if first_kind != Class::Space {
        return run_of(text, usize::MAX, |c| kind(c) == first_kind);
    }
    if first == ' '
        && let Some(next) = chars.next().map(kind)
        && next != Class::Space
    {
        return 1 + run_of(&text[1..], usize::MAX, |c| kind(c) == next);
    }
    blanks(text)
}

/// `\s+(?!\S)|\s+` at a blank.
fn blanks(text: &str) -> usize {
    let end = run_of(text, usize::MAX, |c| class(c) == Class::Space);
    if end == text.len() {
        return end;
    }
    // Give the last blank back, unless it is the only one.
    let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
    if end > last { end - last } else { end }
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+` at a blank: up to the last line end of the run.
fn lines_or_blanks(text: &str) -> usize {
    let end = run_of(text, usize::MAX, |c| class(c) == Class::Space);
    match text[..end].rfind(['\r', '\n']) {
        Some(at) => at + 1,
        None => blanks(text),
    }
}

/// Length of `(?i:'s|'t|'re|'ve|'m|'ll|'d)`, or 0. Oniguruma folds the long s (U+017F), too.
fn contraction(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('\'') else {
        return 0;
    };
    if rest.starts_with('ſ') {
        return 3;
    }
    let two = |ending: &[u8]| rest.as_bytes().get(..2).is_some_and(|head| head.eq_ignore_ascii_case(ending));
    match rest.as_bytes().first().map(u8::to_ascii_lowercase) {
        Some(b's' | b't' | b'm' | b'd') => 2,
        Some(b'r' | b'v' | b'l') if two(b"re") || two(b"ve") || two(b"ll") => 3,
        _ => 0,
    }
}

/// ` ?[...]+` of others and the line ends (`[\r\n]*`) after them, or 0.
fn others(text: &str, other: impl Fn(char) -> bool, tail: impl Fn(char) -> bool) -> usize {
    let from = usize::from(text.starts_with(' '));
    let run = run_of(&text[from..], usize::MAX, other);
    if run == 0 {
        return 0;
    }
    from + run + run_of(&text[from + run..], usize::MAX, tail)
}

impl Words {
    fn matched(self, text: &str) -> usize {
        let letter = |c: char| matches!(class(c), Class::Letter) || self.marks && class(c) == Class::Mark;
        let mut chars = text.chars();
        let Some(first) = chars.next() else {
            return 0;
        };
        let contracted = contraction(text);
        if contracted > 0 {
            return contracted;
        }
        let kind = class(first);
        if letter(first) {
            return run_of(text, usize::MAX, letter);
        }
        if kind == Class::Number {
            return run_of(text, self.digits, is_number);
        }
        if !is_line_end(first) && chars.next().is_some_and(letter) {
            let at = first.len_utf8();
            return at + run_of(&text[at..], usize::MAX, letter);
        }
        let other = |c: char| match class(c) {
            Class::Mark => !self.marks,
            class => class == Class::Other,
        };
        match others(text, other, is_line_end) {
            0 => lines_or_blanks(text),
            taken => taken,
        }
    }
}

impl Cased {
    fn matched(self, text: &str) -> usize {
        let Some(first) = text.chars().next() else {
            return 0;
        };
        let prefix = match class(first) {
            Class::Letter | Class::Number => 0,
            _ if is_line_end(first) => 0,
            _ => first.len_utf8(),
        };
        // Before the second form is tried, the first is tried without the optional character, which may be a mark.
        let starts = if prefix > 0 { &[prefix, 0][..] } else { &[0] };
        for form in [lower_ended, upper_begun] {
            for &start in starts {
                let word = form(&text[start..]);
                if word > 0 {
                    let end = start + word;
                    return end + if self.contractions { contraction(&text[end..]) } else { 0 };
                }
            }
        }
        if class(first) == Class::Number {
            return run_of(text, self.digits, is_number);
        }
        let other = |c: char| matches!(class(c), Class::Other | Class::Mark);
        match others(text, other, |c| is_line_end(c) || c == '/') {
            0 => lines_or_blanks(text),
            taken => taken,
        }
    }
}

/// `U`
fn is_upper(c: char) -> bool {
    matches!(class(c), Class::Letter | Class::Mark) && c.general_category() != GeneralCategory::LowercaseLetter
}

/// `L`
fn is_lower(c: char) -> bool {
    use GeneralCategory::{TitlecaseLetter, UppercaseLetter};
    matches!(class(c), Class::Letter | Class::Mark)
        && !matches!(c.general_category(), UppercaseLetter | TitlecaseLetter)
}

/// Length of `U*L+`, or 0.
fn lower_ended(text: &str) -> usize {
    let uppers = run_of(text, usize::MAX, is_upper);
    let lowers = run_of(&text[uppers..], usize::MAX, is_lower);
    if lowers > 0 {
        return uppers + lowers;
    }
    // The upper ones give back up to one that can be either: `L+` is that one alone.
    text[..uppers].char_indices().rev().find(|&(_, c)| is_lower(c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// Length of `U+L*`, or 0, where `U*L+` takes nothing, so that no lower ones follow.
fn upper_begun(text: &str) -> usize {
    run_of(text, usize::MAX, is_upper)
}

fn deepseek_v3(text: &str) -> usize {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return 0;
    };
    let after = &text[first.len_utf8()..];
    if first.is_ascii_punctuation() {
        let letters = run_of(after, usize::MAX, |c| c.is_ascii_alphabetic());
        if letters > 0 {
            return 1 + letters;
        }
    }
    let word = |c: char| matches!(class(c), Class::Letter | Class::Mark);
    let sign = |c: char| {
        matches!(c.general_category_group(), GeneralCategoryGroup::Punctuation | GeneralCategoryGroup::Symbol)
    };
    if word(first) {
        return run_of(text, usize::MAX, word);
    }
    if !is_line_end(first) && !sign(first) {
        let letters = run_of(after, usize::MAX, word);
        if letters > 0 {
            return first.len_utf8() + letters;
        }
    }
    match others(text, sign, is_line_end) {
        0 if class(first) == Class::Space => lines_or_blanks(text),
        taken => taken,
    }
}
