//! From what a model wrote to the letter of a choice: by the rule of ScienceQA's code, by LLaVA's and by Multimodal-CoT's.
//!
//! The non-obvious thing: in the first rule's expression, `The answer is ([A-Z]).`, the last dot stands for any character.
//! So a letter at the very end of a text is none, and "The answer is Bob" is B. A text that has two answers has none.

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// ScienceQA's; what it finds no letter in is drawn.
    Official,
    /// LLaVA's; what it finds no letter in is wrong.
    Bare,
    /// Multimodal-CoT's; what it finds no letter in is drawn.
    MmCot,
}

impl Rule {
    pub const ALL: [(&'static str, Self); 3] =
        [("official", Self::Official), ("llava", Self::Bare), ("mmcot", Self::MmCot)];

    /// The place of the letter that a text answers with, whether there is such a choice or not.
    pub fn letter(self, text: &str) -> Option<usize> {
        match self {
            Self::Official => only(text, "The answer is ", |rest| match rest {
                // Any character but a line break.
                [letter @ b'A'..=b'Z', behind, ..] if *behind != b'\n' => Some(*letter),
                _ => None,
            }),
            Self::MmCot => only(text, "The answer is (", |rest| match rest {
                [letter @ b'A'..=b'Z', b')', ..] => Some(*letter),
                _ => None,
            }),
            Self::Bare => {
                let of = |letter: u8| Some(usize::from(letter - b'A'));
                match super::scienceqa::prompt::strip(text).as_bytes() {
                    [letter @ b'A'..=b'E'] | [letter @ b'A'..=b'E', b'.', b' ', ..] => of(*letter),
                    _ => Self::Official.letter(super::scienceqa::prompt::strip(text)),
                }
            }
        }
    }

    /// Whether a question without a letter is given one by chance.
    pub fn draws(self) -> bool {
        self != Self::Bare
    }
}

/// The letter of the only place where `ahead` is followed by what `read` knows; matches do not overlap.
fn only(text: &str, ahead: &str, read: impl Fn(&[u8]) -> Option<u8>) -> Option<usize> {
    let mut found = None;
    let mut at = 0;
    while let Some(place) = text[at..].find(ahead) {
        let behind = at + place + ahead.len();
        match read(&text.as_bytes()[behind..]) {
            Some(_) if found.is_some() => return None,
            Some(letter) => {
                found = Some(usize::from(letter - b'A'));
                // The letter and one character.
                let next = text[behind + 1..].chars().next().map_or(0, char::len_utf8);
                at = behind + 1 + next;
            }
            None => at += place + 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_reads_as_its_code_does() {
        for (text, official, llava, mmcot) in [
            ("The answer is B.", Some(1), Some(1), None),
            ("The answer is B", None, None, None),
            ("The answer is B\n", None, None, None),
            ("The answer is B\nso", None, None, None),
            ("The answer is B é", Some(1), Some(1), None),
            ("The answer is Bé", Some(1), Some(1), None),
            ("The answer is Bob.", Some(1), Some(1), None),
            ("The answer is b.", None, None, None),
            ("The answer is A. The answer is A.", None, None, None),
            ("The answer is AThe answer is B.", Some(0), Some(0), None),
            ("The answer is The answer is C.", Some(19), Some(19), None),
            ("The answer is Z.", Some(25), Some(25), None),
            ("B", None, Some(1), None),
            (" E \n", None, Some(4), None),
            ("F", None, None, None),
            ("C. because", None, Some(2), None),
            ("C.because", None, None, None),
            ("A. The answer is B.", Some(1), Some(0), None),
            ("The answer is (D).", None, None, Some(3)),
            ("The answer is (D) or The answer is (E)", None, None, None),
            ("", None, None, None),
        ] {
            let found = [Rule::Official, Rule::Bare, Rule::MmCot].map(|rule| rule.letter(text));
            assert_eq!(found, [official, llava, mmcot], "{text:?}");
        }
    }
}
