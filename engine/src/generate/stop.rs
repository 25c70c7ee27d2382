//! Texts that end a generation where they appear: stop strings, found whatever tokens they are cut into.
//!
//! A text ends before the stop string that is complete first, of several that are complete at once the longest. The
//! non-obvious thing: what is held back is only what could still become a stop string, and matching is by Knuth, Morris
//! and Pratt, so that a byte costs no more than the number of stop strings.

use std::sync::Arc;

/// One stop string.
#[derive(Debug)]
struct Stop {
    text: String,
    /// For each beginning of it the longest shorter one that ends it, by their lengths.
    borders: Vec<usize>,
}

impl Stop {
    fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut borders = vec![0; bytes.len()];
        let mut at = 0;
        for i in 1..bytes.len() {
            while at > 0 && bytes[at] != bytes[i] {
                at = borders[at - 1];
            }
            at += usize::from(bytes[at] == bytes[i]);
            borders[i] = at;
        }
        Self { text: text.to_owned(), borders }
    }
}

/// A text that ends at one of its stop strings. Clones go their own ways.
#[derive(Debug, Clone)]
pub(super) struct Stops {
    stops: Arc<[Stop]>,
    /// How much of each stop string the text ends with.
    at: Vec<usize>,
    /// The end of the text that may become a stop string.
    held: String,
    given: String,
    found: bool,
}

impl Stops {
    /// None of them is empty: `GenerateOptions::validate` has seen to it.
    pub fn new(stops: &[String]) -> Self {
        let stops: Arc<[Stop]> = stops.iter().map(|text| Stop::new(text)).collect();
        Self { at: vec![0; stops.len()], stops, held: String::new(), given: String::new(), found: false }
    }

    /// Whether a stop string was there. Nothing comes behind it.
    pub fn found(&self) -> bool {
        self.found
    }

    /// Takes the next piece of the text; what is certain not to belong to a stop string.
    pub fn push<'a>(&'a mut self, piece: &'a str) -> &'a str {
        if self.stops.is_empty() {
            return piece;
        }
        self.given.clear();
        if self.found {
            return "";
        }
        let before = self.held.len();
        self.held.push_str(piece);
        for (at, byte) in piece.bytes().enumerate() {
            if let Some(length) = self.step(byte) {
                self.held.truncate(before + at + 1 - length);
                self.found = true;
                return self.rest();
            }
        }
        let keep = self.at.iter().copied().max().unwrap_or(0);
        let certain = self.held.len() - keep;
        self.given.extend(self.held.drain(..certain));
        &self.given
    }

    /// Takes a token that has no place in the text: one that is spelled as a stop string ends it. What was held back, then.
    pub fn push_hidden(&mut self, token: &[u8]) -> &str {
        self.given.clear();
        if self.found || !self.stops.iter().any(|stop| stop.text.as_bytes() == token) {
            return "";
        }
        self.found = true;
        self.rest()
    }

    /// The text ends, with `piece` as its last; all that was held back and is no stop string.
    pub fn end<'a>(&'a mut self, piece: &'a str) -> &'a str {
        if self.stops.is_empty() {
            return piece;
        }
        let certain = self.push(piece).to_owned();
        self.rest();
        self.given.insert_str(0, &certain);
        &self.given
    }

    /// What is held back.
    fn rest(&mut self) -> &str {
        self.given.clear();
        std::mem::swap(&mut self.given, &mut self.held);
        &self.given
    }

    /// Where a whole text ends, if that is before its end.
    pub fn find(&self, text: &str) -> Option<usize> {
        let mut matching = Self { at: vec![0; self.stops.len()], stops: Arc::clone(&self.stops), ..Self::new(&[]) };
        text.bytes().enumerate().find_map(|(at, byte)| matching.step(byte).map(|length| at + 1 - length))
    }

    /// Takes a byte; the length of the longest stop string that it completes.
    fn step(&mut self, byte: u8) -> Option<usize> {
        let mut longest = None;
        for (stop, at) in self.stops.iter().zip(&mut self.at) {
            let bytes = stop.text.as_bytes();
            while *at > 0 && bytes[*at] != byte {
                *at = stop.borders[*at - 1];
            }
            *at += usize::from(bytes[*at] == byte);
            if *at == bytes.len() {
                longest = longest.max(Some(bytes.len()));
                *at = stop.borders[*at - 1];
            }
        }
        longest
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is given out of a text that comes in pieces, and whether a stop string ended it.
    fn given(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|&s| s.to_owned()).collect();
        let mut matching = Stops::new(&stops);
        let mut out = String::new();
        for piece in pieces {
            out.push_str(matching.push(piece));
        }
        out.push_str(matching.end(""));
        let found = matching.found();
        let whole = pieces.concat();
        assert_eq!(matching.find(&whole), found.then_some(out.len()), "{stops:?} {pieces:?}");
        assert!(whole.starts_with(&out));
        (out, found)
    }

    #[test]
    fn a_text_ends_before_the_stop_that_is_complete_first() {
        let told = |stops: &[&str], text: &str, wanted: &str, found: bool| {
            assert_eq!(given(stops, &[text]), (wanted.to_owned(), found), "{stops:?} {text:?}");
        };
        told(&["\n"], "one\ntwo\n", "one", true);
        told(&["User:"], "Use Use User: hi", "Use Use ", true);
        told(&["User:"], "Use", "Use", false);
        told(&["abcd", "bc"], "xabcd", "xa", true);
        told(&["c", "abc"], "abc", "", true);
        told(&["aab"], "aaaab", "aa", true);
        told(&["abab"], "abaabab", "aba", true);
        told(&["é"], "a\u{e8}é", "a\u{e8}", true);
        told(&[], "any", "any", false);
    }

    /// However a text is cut into pieces, the same is given out, and only what may become a stop string is held back.
    #[test]
    fn pieces_may_end_anywhere() {
        let alphabet = ['a', 'b', 'é'];
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 20).unwrap() % below
        };
        let mut found = 0;
        for _ in 0..4000 {
            let mut word = |least: usize, most: usize| -> String {
                let length = least + draw(most + 1 - least);
                (0..length).map(|_| alphabet[draw(3)]).collect()
            };
            let (text, stops) = (word(0, 12), [word(1, 4), word(1, 3)]);
            // By the definition: the first end, and there the longest.
            let ends = (0..=text.len()).filter(|&end| text.is_char_boundary(end));
            let wanted = ends.into_iter().find_map(|end| {
                let longest = stops.iter().filter(|stop| text[..end].ends_with(*stop)).map(String::len).max();
                longest.map(|length| text[..end - length].to_owned())
            });
            let whole = (wanted.clone().unwrap_or(text.clone()), wanted.is_some());
            found += usize::from(whole.1);
            let mut matching = Stops::new(&stops);
            let (mut out, mut fed) = (String::new(), String::new());
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let mut at = 1 + draw(rest.len());
                while !rest.is_char_boundary(at) {
                    at += 1;
                }
                fed.push_str(&rest[..at]);
                out.push_str(matching.push(&rest[..at]));
                rest = &rest[at..];
                if !matching.found() {
                    let held = &fed[out.len()..];
                    assert!(held.is_empty() || stops.iter().any(|stop| stop.starts_with(held)), "{held:?} {stops:?}");
                }
            }
            out.push_str(matching.end(""));
            assert_eq!((out, matching.found()), whole, "{text:?} {stops:?}");
        }
        assert!(found > 1000, "{found}");
    }

    #[test]
    fn a_token_without_text_ends_it_where_it_is_spelled_as_a_stop() {
        let mut matching = Stops::new(&["<end>".to_owned()]);
        assert_eq!(matching.push("a<en"), "a");
        assert_eq!(matching.push_hidden(b"<other>"), "");
        assert!(!matching.found());
        assert_eq!(matching.push_hidden(b"<end>"), "<en");
        assert!(matching.found());
        assert_eq!(matching.push("more"), "");
        assert_eq!(matching.end(""), "");
    }
}
