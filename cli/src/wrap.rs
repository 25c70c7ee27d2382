//! Words on a terminal: what would cross its edge begins the next line. A word is held back until it ends, or until it is
//! as wide as the terminal, which then breaks it.

use unicode_width::UnicodeWidthChar;

/// A text on its way to a terminal.
pub struct Wrap {
    width: usize,
    column: usize,
    blanks: usize,
    word: String,
    wide: usize,
    /// Whether what is held goes on with a word that was too wide to be held whole.
    within: bool,
}

impl Wrap {
    /// At the beginning of a line.
    pub fn new(width: usize) -> Self {
        Self { width, column: 0, blanks: 0, word: String::new(), wide: 0, within: false }
    }

    /// Appends what can be shown of the next piece to `out`.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        for c in piece.chars() {
            match c {
                '\n' => {
                    self.word_ends(out);
                    // Blanks at the end of a line cannot be seen, but copied.
                    self.give_blanks(out);
                    out.push(c);
                    self.column = 0;
                }
                ' ' => {
                    self.word_ends(out);
                    self.blanks += 1;
                }
                '\t' => {
                    self.word_ends(out);
                    self.give_blanks(out);
                    out.push(c);
                    self.column = self.column / 8 * 8 + 8;
                }
                _ => {
                    let wide = c.width().unwrap_or(0);
                    // A line may end before and behind a character of two columns, as texts without blanks need it.
                    if wide > 1 {
                        self.word_ends(out);
                    }
                    self.word.push(c);
                    self.wide += wide;
                    if wide > 1 {
                        self.word_ends(out);
                    } else if self.wide >= self.width {
                        self.give_word(out);
                        self.within = true;
                    }
                }
            }
        }
    }

    /// Appends what was held back.
    pub fn end(&mut self, out: &mut String) {
        self.word_ends(out);
        self.give_blanks(out);
    }

    fn word_ends(&mut self, out: &mut String) {
        if !self.word.is_empty() {
            self.give_word(out);
        }
        self.within = false;
    }

    fn give_word(&mut self, out: &mut String) {
        if !self.within && self.column > 0 && self.column + self.blanks + self.wide > self.width {
            out.push('\n');
            (self.column, self.blanks) = (0, 0);
        } else {
            self.give_blanks(out);
        }
        out.push_str(&self.word);
        self.column += self.wide;
        // The terminal has broken it.
        if self.column > self.width {
            self.column = (self.column - 1) % self.width.max(1) + 1;
        }
        self.word.clear();
        self.wide = 0;
    }

    fn give_blanks(&mut self, out: &mut String) {
        out.extend(std::iter::repeat_n(' ', self.blanks));
        self.column += self.blanks;
        self.blanks = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(width: usize, text: &str) -> String {
        let mut outs = Vec::new();
        // However the text comes.
        for size in [1, 2, 3, 7, 100] {
            let (mut wrap, mut out) = (Wrap::new(width), String::new());
            let chars: Vec<char> = text.chars().collect();
            for piece in chars.chunks(size) {
                wrap.push(&piece.iter().collect::<String>(), &mut out);
            }
            wrap.end(&mut out);
            outs.push(out);
        }
        assert!(outs.windows(2).all(|pair| pair[0] == pair[1]), "{outs:?}");
        outs.swap_remove(0)
    }

    #[test]
    fn words_are_not_broken() {
        assert_eq!(wrapped(10, "a long story of words"), "a long\nstory of\nwords");
        assert_eq!(wrapped(10, "1234567890 next"), "1234567890\nnext");
        assert_eq!(wrapped(10, "12345 6789 0"), "12345 6789\n0");
        assert_eq!(wrapped(4, "ab\n  cd ef\n"), "ab\n  cd\nef\n");
        assert_eq!(wrapped(80, "a  b   c "), "a  b   c ");
        assert_eq!(wrapped(6, "日本語の文章"), "日本語\nの文章");
    }

    #[test]
    fn a_word_wider_than_the_terminal_is_given_whole() {
        assert_eq!(wrapped(4, "a 123456789 b"), "a\n123456789 b");
    }
}
