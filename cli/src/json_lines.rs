//! Files of JSON lines: an object a line, as data sets come. What is wrong with a line is said in words, with the character
//! where it is.
//!
//! Lines end with LF or CRLF, empty ones are passed over, and a byte order mark before the first is none of it. The
//! non-obvious thing: values stay text until a field is asked for by name. So what nobody asks for costs nothing, whatever it
//! is, and an identifier can be given back as it was written, however many digits it has.

use crate::output::counted;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Longest line.
pub const LONGEST: usize = 16 << 20;

/// The lines that are not empty, each with its number from 1.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines).filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
}

/// The fields of an object, in order: names, and values as they are written.
#[derive(Debug)]
pub struct Object<'a>(Vec<(String, &'a str)>);

impl<'a> Object<'a> {
    /// Reads a line.
    pub fn parse(line: &'a [u8]) -> Result<Self, String> {
        if line.len() > LONGEST {
            return Err(format!("{} bytes, a line has at most {LONGEST}", line.len()));
        }
        let text = std::str::from_utf8(line);
        let text = text.map_err(|e| format!("not UTF-8: byte {} is no part of a character", e.valid_up_to() + 1))?;
        let mut reader = Reader { text, at: 0 };
        let mut fields = Vec::new();
        reader.open()?;
        while let Some(name) = reader.name(fields.is_empty())? {
            fields.push((name, reader.value()?));
        }
        reader.end()?;
        // Sorted, since a line may have more names than can be compared with each other.
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names.array_windows().find(|[one, other]| one == other) {
            Some([name, _]) => Err(format!("{name:?} stands twice")),
            None => Ok(Self(fields)),
        }
    }

    /// A value as it is written; null is as if the field were not there.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value).filter(|value| *value != "null")
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<String>, String> {
        self.read(name, "a text")
    }

    /// A text, or a list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        if self.raw(name).is_some_and(|value| value.starts_with('"')) {
            return Ok(self.text(name)?.map(|text| vec![text]));
        }
        self.read(name, "a text or a list of texts")
    }

    /// A whole number within a range.
    pub fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, String> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        match self.read(name, &wanted)? {
            Some(number) if !range.contains(&number) => Err(format!("{name:?} must be {wanted}, it is {number}")),
            number => Ok(number),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str, wanted: &str) -> Result<Option<T>, String> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let wrong = |_| format!("{name:?} must be {wanted}, it is {}", kind(value));
        serde_json::from_str(value).map(Some).map_err(wrong)
    }
}

/// What a value is, for people.
fn kind(value: &str) -> Cow<'static, str> {
    match value.as_bytes().first() {
        Some(b'"') => "a text".into(),
        Some(b'[') => "a list with something else in it".into(),
        Some(b'{') => "an object".into(),
        Some(b't' | b'f') => "true or false".into(),
        _ if value.len() <= 40 => format!("the number {value}").into(),
        _ => format!("a number of {}", counted(value.len(), "character")).into(),
    }
}

/// A place in a line.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Passes blanks over; the byte behind them.
    fn next(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
        self.rest().bytes().next()
    }

    /// That something else stands here.
    fn wrong(&self, wanted: &str) -> String {
        let place = self.text[..self.at].chars().count() + 1;
        match self.rest().chars().next() {
            Some(found) => format!("no JSON: character {place} is {found:?}, expected {wanted}"),
            None => format!("no JSON: it ends where {wanted} is expected"),
        }
    }

    fn open(&mut self) -> Result<(), String> {
        match self.next() {
            Some(b'{') => self.at += 1,
            Some(b'[') => return Err("a list, expected an object in braces".to_owned()),
            _ => return Err(self.wrong("an object in braces")),
        }
        Ok(())
    }

    /// The name of the next field; `None` behind the last.
    fn name(&mut self, first: bool) -> Result<Option<String>, String> {
        match self.next() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !first => {
                self.at += 1;
                self.next();
            }
            _ if !first => return Err(self.wrong("',' or '}'")),
            _ => {}
        }
        if self.next() != Some(b'"') {
            return Err(self.wrong("a name in double quotes"));
        }
        let name: String = self.one()?.0;
        if self.next() != Some(b':') {
            return Err(self.wrong("':'"));
        }
        self.at += 1;
        Ok(Some(name))
    }

    fn value(&mut self) -> Result<&'a str, String> {
        self.next();
        self.one::<IgnoredAny>().map(|(_, text)| text)
    }

    /// One value, and its text.
    fn one<T: DeserializeOwned>(&mut self) -> Result<(T, &'a str), String> {
        const VALUE: &str = "a value: a text in double quotes, a number, true, false, null, a list or an object";
        let rest = self.rest();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        match values.next() {
            Some(Ok(value)) => {
                let text = &rest[..values.byte_offset()];
                self.at += text.len();
                Ok((value, text))
            }
            Some(Err(e)) if !e.is_eof() => {
                // Columns count bytes.
                let behind = rest.floor_char_boundary(e.column().saturating_sub(1));
                let place = self.text[..self.at + behind].chars().count() + 1;
                let what = e.to_string();
                let what = what.split(" at line ").next().unwrap_or_default();
                let what = if what.starts_with("expected") { format!("expected {VALUE}") } else { what.to_owned() };
                Err(format!("no JSON at character {place}: {what}"))
            }
            _ if rest.is_empty() => Err(self.wrong(VALUE)),
            _ => Err("no JSON: it ends in the middle of a value".to_owned()),
        }
    }

    fn end(&mut self) -> Result<(), String> {
        if self.next().is_some() { Err(self.wrong("nothing behind the object")) } else { Ok(()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_their_ends() {
        let cut = |bytes: &'static [u8]| lines(bytes).collect::<Vec<_>>();
        assert_eq!(cut(b"\xef\xbb\xbfa\r\n\n \t\r\nb"), [(1, &b"a"[..]), (4, b"b")]);
        assert_eq!(cut(b"a\n"), [(1, &b"a"[..])]);
        assert!(cut(b"\xef\xbb\xbf").is_empty() && cut(b"").is_empty());
        assert_eq!(cut(b"a\n\xef\xbb\xbfb")[1].1, b"\xef\xbb\xbfb", "a mark within a file is none");
    }

    #[test]
    fn values_stay_as_they_are_written() {
        let line = r#" {"id" : 12345678901234567890123.50 ,"a":[1, {"b":null}],"c\n":"x\"}", "n":null,"t":true,"many":["a","b"],"z":7} "#;
        let object = Object::parse(line.as_bytes()).unwrap();
        assert_eq!(object.raw("id"), Some("12345678901234567890123.50"));
        assert_eq!(object.raw("a"), Some("[1, {\"b\":null}]"));
        assert_eq!(object.text("c\n"), Ok(Some("x\"}".to_owned())));
        assert_eq!((object.raw("n"), object.raw("absent")), (None, None));
        assert_eq!(object.names().count(), 7);
        assert_eq!(object.texts("many"), Ok(Some(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!(object.texts("c\n"), Ok(Some(vec!["x\"}".to_owned()])));
        assert_eq!(object.number("z", 1..=7), Ok(Some(7)));
        assert!(object.number("z", 1..=6).unwrap_err().contains("from 1 to 6, it is 7"));
        for (name, what) in [("t", "true or false"), ("a", "a list"), ("id", "the number 123")] {
            let error = object.text(name).unwrap_err();
            assert!(error.contains("must be a text, it is ") && error.contains(what), "{error}");
        }
        assert!(object.number("t", 0..=1).is_err() && object.texts("a").is_err());
        assert!(Object::parse(b"{}").unwrap().raw("a").is_none());
        // A million names, which take a second and not an hour.
        let many = (0..1 << 20).map(|i| format!("\"{i}\":1")).collect::<Vec<_>>().join(",");
        let many = Object::parse(format!("{{{many}}}").as_bytes()).map(|object| object.names().count());
        assert_eq!(many, Ok(1 << 20));
        // Nested deeper than any stack.
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
        assert!(Object::parse(deep.as_bytes()).unwrap().text("a").is_err());
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        for (line, words) in [
            ("not json", "no JSON: character 1 is 'n', expected an object in braces"),
            ("[{}]", "a list, expected an object in braces"),
            ("\"x\"", "expected an object in braces"),
            ("{'a': 1}", "no JSON: character 2 is '\\'', expected a name in double quotes"),
            ("{\"ä\" 1}", "no JSON: character 6 is '1', expected ':'"),
            ("{\"a\": 1,}", "no JSON: character 9 is '}', expected a name in double quotes"),
            ("{\"a\": 1 \"b\": 2}", "expected ',' or '}'"),
            ("{\"a\": 1", "it ends where ',' or '}' is expected"),
            ("{\"a\":", "it ends where a value"),
            ("{\"a\": \"b", "it ends in the middle of a value"),
            ("{\"ä\": nope}", "no JSON at character 8: expected a value"),
            ("{\"a\": NaN}", "no JSON at character 7: expected a value"),
            ("{\"a\": \"\\x\"}", "no JSON at character 9: invalid escape"),
            ("{\"a\": 1} {}", "no JSON: character 10 is '{', expected nothing behind the object"),
            ("{\"a\": 1, \"a\": 2}", "\"a\" stands twice"),
            ("\u{feff}{}", "no JSON: character 1 is"),
        ] {
            let error = Object::parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
        let error = Object::parse(b"{\"a\": \"\xff\"}").unwrap_err();
        assert!(error.contains("not UTF-8: byte 8"), "{error}");
        assert!(Object::parse(&vec![b' '; LONGEST + 1]).unwrap_err().contains("16777217 bytes"));
    }
}
