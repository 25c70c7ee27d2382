//! A template's text as tokens.
//!
//! Source: Jinja2's `lexer`, with `trim_blocks` and `lstrip_blocks` as transformers sets them. The non-obvious thing:
//! blanks before a tag go only where nothing but blanks stands before it on its line, and never before `{{`.

use super::unicode::is_space;
use super::{Fault, R};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Text outside of tags.
    Data(Arc<str>),
    PrintBegin,
    PrintEnd,
    BlockBegin,
    BlockEnd,
    Name(Arc<str>),
    Text(Arc<str>),
    Int(i128),
    Float(f64),
    /// An operator or bracket.
    Op(&'static str),
    End,
}

/// Operators, the longer ones first.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":", "|", ",", ";",
];

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: usize,
    tokens: Vec<(usize, Token)>,
}

/// The tokens of a template, each with its line; the last is [`Token::End`]. An error comes with its line.
pub(super) fn tokens(source: &str) -> Result<Vec<(usize, Token)>, (usize, Fault)> {
    let source = with_plain_line_ends(source);
    let source = source.strip_suffix('\n').unwrap_or(&source);
    let mut lexer = Lexer { source, at: 0, line: 1, tokens: Vec::new() };
    lexer.run().map_err(|fault| (lexer.line, fault))?;
    lexer.tokens.push((lexer.line, Token::End));
    Ok(lexer.tokens)
}

fn with_plain_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn fail<T>(&self, why: impl Into<String>) -> R<T> {
        Err(Fault::Failed(why.into()))
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.rest()[..bytes].matches('\n').count();
        self.at += bytes;
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start_matches(is_space).len());
    }

    fn push(&mut self, token: Token) {
        self.tokens.push((self.line, token));
    }

    fn run(&mut self) -> R<()> {
        // Whether what was read last ended a line.
        let mut line_starts = true;
        loop {
            let rest = self.rest();
            let tag = rest.match_indices('{').find(|(at, _)| rest[at + 1..].starts_with(['%', '{', '#']));
            let Some((before, _)) = tag else {
                self.data(rest);
                return Ok(());
            };
            let text = &rest[..before];
            let kind = rest.as_bytes()[before + 1];
            let sign = rest.as_bytes().get(before + 2).copied().filter(|b| matches!(b, b'-' | b'+'));
            let kept = stripped(text, sign, kind == b'{', line_starts);
            self.data(kept);
            // Text that is stripped counts for the lines.
            self.line += text[kept.len()..].matches('\n').count();
            self.at += text.len();
            let raw = if kind == b'%' { self.raw_begins() } else { None };
            let opening = 2 + usize::from(sign.is_some());
            match (kind, raw) {
                (_, Some(length)) => {
                    self.advance(length);
                    self.raw()?;
                }
                (b'%', None) => {
                    self.push(Token::BlockBegin);
                    self.advance(opening);
                    self.inside(true)?;
                    self.push(Token::BlockEnd);
                }
                (b'{', None) => {
                    self.push(Token::PrintBegin);
                    self.advance(opening);
                    self.inside(false)?;
                    self.push(Token::PrintEnd);
                }
                _ => {
                    self.advance(opening);
                    let Some(end) = self.rest().find("#}") else {
                        return self.fail("missing end of comment tag");
                    };
                    self.advance(end);
                    let sign = self.source[..self.at].chars().next_back().filter(|_| end > 0);
                    self.close(sign, true);
                }
            }
            line_starts = self.source[..self.at].ends_with('\n');
        }
    }

    /// Takes the two characters that end a tag, and the white space that goes with them.
    fn close(&mut self, sign: Option<char>, block: bool) {
        self.advance(2);
        match sign {
            Some('-') => self.skip_spaces(),
            Some('+') => {}
            _ if block && self.rest().starts_with('\n') => self.advance(1),
            _ => {}
        }
    }

    fn data(&mut self, text: &str) {
        if !text.is_empty() {
            self.push(Token::Data(text.into()));
            self.line += text.matches('\n').count();
        }
    }

    /// The length of `{% raw %}` where it stands here.
    fn raw_begins(&self) -> Option<usize> {
        let rest = self.rest();
        let inside = rest.strip_prefix("{%")?;
        let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside).trim_start_matches(is_space);
        let after = inside.strip_prefix("raw")?.trim_start_matches(is_space);
        let after = match after.strip_prefix("-%}") {
            Some(after) => after.trim_start_matches(is_space),
            None => after.strip_prefix("%}")?,
        };
        Some(rest.len() - after.len())
    }

    fn raw(&mut self) -> R<()> {
        let rest = self.rest();
        for (begin, _) in rest.match_indices("{%") {
            let inside = &rest[begin + 2..];
            let sign = inside.as_bytes().first().copied().filter(|b| matches!(b, b'-' | b'+'));
            let inside = inside[usize::from(sign.is_some())..].trim_start_matches(is_space);
            let Some(after) = inside.strip_prefix("endraw") else {
                continue;
            };
            let after = after.trim_start_matches(is_space);
            let (end, after) = match after.chars().next() {
                Some(c @ ('-' | '+')) => (Some(c), &after[1..]),
                _ => (None, after),
            };
            if !after.starts_with("%}") {
                continue;
            }
            let text = &rest[..begin];
            let line_starts = self.source[..self.at].ends_with('\n');
            let kept = stripped(text, sign, false, line_starts);
            self.data(kept);
            self.line += rest[kept.len()..rest.len() - after.len()].matches('\n').count();
            self.at += rest.len() - after.len();
            self.close(end, true);
            return Ok(());
        }
        self.fail("missing end of raw directive")
    }

    /// The tokens of a tag up to its end, which is taken.
    fn inside(&mut self, block: bool) -> R<()> {
        let mut open: Vec<&'static str> = Vec::new();
        let end = if block { "%}" } else { "}}" };
        loop {
            if open.is_empty() {
                let rest = self.rest();
                let sign = rest.chars().next().filter(|&c| c == '-' || (block && c == '+'));
                if rest[sign.map_or(0, char::len_utf8)..].starts_with(end) {
                    self.at += sign.map_or(0, char::len_utf8);
                    self.close(sign, block);
                    return Ok(());
                }
            }
            let rest = self.rest();
            let Some(c) = rest.chars().next() else {
                return self.fail("the template ends inside a tag");
            };
            if is_space(c) {
                self.skip_spaces();
            } else if c.is_ascii_digit() {
                self.number()?;
            } else if c == '_' || super::unicode::is_alphanumeric(c) {
                let length = rest.find(|c| c != '_' && !super::unicode::is_word(c)).unwrap_or(rest.len());
                let name = &rest[..length];
                if c.is_numeric() {
                    return self.fail("invalid character in identifier");
                }
                self.push(Token::Name(name.into()));
                self.advance(length);
            } else if c == '"' || c == '\'' {
                self.text(c)?;
            } else {
                self.operator(&mut open)?;
            }
        }
    }

    fn operator(&mut self, open: &mut Vec<&'static str>) -> R<()> {
        let rest = self.rest();
        let Some(op) = OPERATORS.into_iter().find(|op| rest.starts_with(op)) else {
            return self.fail(format!("unexpected char {}", super::quoted(rest.get(..1).unwrap_or("?"))));
        };
        match op {
            "(" => open.push(")"),
            "[" => open.push("]"),
            "{" => open.push("}"),
            ")" | "]" | "}" if open.pop() != Some(op) => return self.fail(format!("unexpected '{op}'")),
            _ => {}
        }
        self.push(Token::Op(op));
        self.at += op.len();
        Ok(())
    }

    fn number(&mut self) -> R<()> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize, digit: fn(&u8) -> bool| {
            let mut at = from;
            while bytes.get(at).is_some_and(digit)
                || bytes.get(at) == Some(&b'_') && bytes.get(at + 1).is_some_and(digit)
            {
                at += 1;
            }
            at
        };
        let decimal = |b: &u8| b.is_ascii_digit();
        for (prefix, radix, digit) in [
            ("0b", 2, (|b: &u8| matches!(b, b'0' | b'1')) as fn(&u8) -> bool),
            ("0o", 8, |b: &u8| (b'0'..=b'7').contains(b)),
            ("0x", 16, |b: &u8| b.is_ascii_hexdigit()),
        ] {
            if rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) && digits(2, digit) > 2 {
                let end = digits(2, digit);
                return self.int(end, &rest[2..end].replace('_', ""), radix);
            }
        }
        let whole = digits(0, decimal);
        let mut end = whole;
        // A dot that follows a dot is not a number's: `a.0.1` takes two elements.
        let after_dot = self.source[..self.at].ends_with('.');
        if !after_dot {
            if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(decimal) {
                end = digits(end + 1, decimal);
            }
            if bytes.get(end).is_some_and(|b| b.eq_ignore_ascii_case(&b'e')) {
                let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                if bytes.get(end + 1 + sign).is_some_and(decimal) {
                    end = digits(end + 1 + sign, decimal);
                }
            }
        }
        if end > whole {
            let number = rest[..end].replace('_', "").parse();
            self.push(Token::Float(number.map_err(|_| Fault::Failed("not a number".to_owned()))?));
            self.at += end;
            return Ok(());
        }
        // No digit may follow a zero that begins a number: Jinja2 reads `0` and then another number.
        let end = if bytes[0] == b'0' { digits(0, |b| *b == b'0') } else { whole };
        self.int(end, &rest[..end].replace('_', ""), 10)
    }

    fn int(&mut self, length: usize, digits: &str, radix: u32) -> R<()> {
        match i128::from_str_radix(digits, radix) {
            Ok(number) => self.push(Token::Int(number)),
            Err(_) => return self.fail(format!("the number {digits} is over 127 bits")),
        }
        self.at += length;
        Ok(())
    }

    fn text(&mut self, quote: char) -> R<()> {
        let rest = self.rest();
        let mut chars = rest.char_indices().skip(1);
        let end = loop {
            match chars.next() {
                Some((at, c)) if c == quote => break at,
                Some((_, '\\')) => {
                    chars.next();
                }
                Some(_) => {}
                None => return self.fail("a text in quotes does not end"),
            }
        };
        let text = unescaped(&rest[1..end])?;
        self.push(Token::Text(text.into()));
        self.advance(end + 1);
        Ok(())
    }
}

/// The text before a tag, without the white space that the tag takes.
fn stripped(text: &str, sign: Option<u8>, print: bool, line_starts: bool) -> &str {
    match sign {
        Some(b'-') => text.trim_end_matches(is_space),
        Some(_) => text,
        None if print => text,
        None => {
            let line = text.rfind('\n').map_or(0, |at| at + 1);
            let blank = line < text.len() && text[line..].chars().all(is_space);
            if (line > 0 || line_starts) && blank { &text[..line] } else { text }
        }
    }
}

/// The text of a literal: Python's escapes.
fn unescaped(text: &str) -> R<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            return Err(Fault::Failed("a text ends in a backslash".to_owned()));
        };
        rest = &rest[c.len_utf8()..];
        let plain = match c {
            '\n' => None,
            '\\' | '\'' | '"' => Some(c),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            'x' | 'u' | 'U' => {
                let length = match c {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits = rest.get(..length).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
                let Some(code) = code else {
                    return Err(Fault::Failed(format!("\\{c} is not followed by {length} digits of a character")));
                };
                rest = &rest[length..];
                Some(code)
            }
            'N' => return Err(Fault::Failed("characters by name (\\N{...}) are not known here".to_owned())),
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let digits = format!("{c}{}", &rest[..more]);
                rest = &rest[more..];
                u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32)
            }
            other => {
                out.push('\\');
                Some(other)
            }
        };
        out.extend(plain);
    }
    out.push_str(rest);
    Ok(out)
}
