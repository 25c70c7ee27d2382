//! Noticing that an answer says the same for ever, as small models do.
//!
//! A chat ends such an answer. `run` only says so: its text is what the model gives up to -n, token for token as the original's
//! `generate` does, and -n is the limit.
//!
//! The end of the text is looked at: it goes in circles where a stretch, of any length, stands there many times in a row and
//! fills much of the screen. What people want repeated is shorter or differs: rows of a table have their numbers, lines of
//! code their names, a ruler of dashes ends. The shortest period of an end of a text is found as Knuth, Morris and Pratt
//! find it, in the text read backwards.

/// Bytes that the repetitions fill, at least ...
const LEAST: usize = 1500;
/// ... and how many of them there are.
const TIMES: usize = 12;
/// Bytes of the end that are looked at: the longest stretch that is noticed is a twelfth of them.
const WINDOW: usize = 12 << 10;
/// Bytes between two looks.
const STEP: usize = 64;

/// An answer as it grows.
#[derive(Default)]
pub struct Repeats {
    end: Vec<u8>,
    since: usize,
}

/// Whether a whole text ends so.
pub fn repeats(text: &str) -> bool {
    let end = text.len().saturating_sub(WINDOW);
    circles(&text.as_bytes()[end..])
}

impl Repeats {
    /// Takes a piece; whether the answer goes in circles.
    pub fn push(&mut self, piece: &str) -> bool {
        self.end.extend_from_slice(piece.as_bytes());
        self.since += piece.len();
        if self.since < STEP {
            return false;
        }
        self.since = 0;
        let over = self.end.len().saturating_sub(WINDOW);
        self.end.drain(..over);
        circles(&self.end)
    }
}

/// Whether the end of a text is the same stretch over and over.
fn circles(text: &[u8]) -> bool {
    let at = |i: usize| text[text.len() - 1 - i];
    let mut borders = vec![0; text.len()];
    let mut border = 0;
    for i in 1..text.len() {
        while border > 0 && at(border) != at(i) {
            border = borders[border - 1];
        }
        border += usize::from(at(border) == at(i));
        borders[i] = border;
        let (length, period) = (i + 1, i + 1 - border);
        if length >= LEAST && length / period >= TIMES {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many bytes a text that comes in pieces of a few is seen to go in circles.
    fn noticed(text: &str) -> Option<usize> {
        let mut repeats = Repeats::default();
        let mut seen = 0;
        for piece in text.split_inclusive([' ', '\n']) {
            seen += piece.len();
            if repeats.push(piece) {
                return Some(seen);
            }
        }
        None
    }

    #[test]
    fn what_goes_on_for_ever_is_noticed() {
        let verse =
            "And the moon it was high,\nand the night it was long,\nand nobody knew\nthe words of the song.\n\n";
        for stretch in ["la femme au martyre, ", "no ", "Yes.\n", verse, "| 0 | 0 | 0 |\n"] {
            let begun = format!("It began well enough, with words of its own. {}", stretch.repeat(2000));
            let after = noticed(&begun).unwrap_or(usize::MAX);
            assert!(after < 3000.max(20 * stretch.len()), "{stretch:?} after {after}");
        }
    }

    #[test]
    fn what_people_want_repeated_is_left_alone() {
        let numbered: String = (0..400).map(|i| format!("{i}. I will not talk in class.\n")).collect();
        let table: String = (0..200).map(|i| format!("| item {i} | {} | yes |\n", i * 17 % 23)).collect();
        let code: String =
            (0..150).map(|i| format!("        case {i}: return handle_{i}(state, &out[{i}]);\n")).collect();
        let ruler = format!("{}\n", "-".repeat(200)).repeat(4);
        let zeros = format!("static const int zeros[256] = {{ {} }};\n", "0, ".repeat(256));
        let lines = "I will not talk in class.\n".repeat(40);
        let refrain = "Row, row, row your boat,\ngently down the stream.\n".repeat(10);
        let laughter = "ha".repeat(300);
        let digits: String = (0..3000).map(|i| format!("{} ", i * i % 9973)).collect();
        for text in [numbered, table, code, ruler, zeros, lines, refrain, laughter, digits] {
            assert_eq!(noticed(&text), None, "{}", &text[..60]);
        }
    }
}
