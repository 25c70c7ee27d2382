//! Taking out blanks that English text does not have: before marks and contracted endings.
//!
//! Source: `clean_up_tokenization` of transformers. Ten replacements over the whole text, one after another; files of
//! that library ask for it with `clean_up_tokenization_spaces`. The non-obvious thing: a stream has to hold a blank back
//! until it knows what follows.

/// What is replaced by what, in this order.
const RULES: [(&str, &str); 10] = [
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
];

/// The text without those blanks.
pub(super) fn clean_up(text: &str) -> String {
    RULES.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Cleans a text that comes in pieces. Only where one replacement makes room for another across two pieces (`  ' s`)
/// can the pieces differ from the whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Cleaner {
    held: String,
}

impl Cleaner {
    /// Takes a piece; appends what is certain to `out`.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) {
        self.held.push_str(piece);
        let cut = certain(&self.held);
        out.push_str(&clean_up(&self.held[..cut]));
        self.held.drain(..cut);
    }

    /// Appends the rest.
    pub(super) fn flush(&mut self, out: &mut String) {
        out.push_str(&clean_up(&std::mem::take(&mut self.held)));
    }
}

/// Bytes of `text` on which what follows has no influence: up to the first blank that may begin a replacement, but not
/// into a complete one.
fn certain(text: &str) -> usize {
    let open = |at: usize| RULES.iter().any(|(from, _)| from.len() > text.len() - at && from.starts_with(&text[at..]));
    let mut cut = text.match_indices(' ').map(|(at, _)| at).find(|&at| open(at)).unwrap_or(text.len());
    let complete =
        RULES.iter().flat_map(|(from, _)| text.match_indices(from).map(|(at, found)| (at, at + found.len())));
    for (start, end) in complete {
        if start < cut && cut < end {
            cut = end;
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::{Cleaner, clean_up};

    const TEXT: &str = " yes , it 's a cat . is n't it ? do n't ! we 've ' x ' nor  they 're 'm not .";

    #[test]
    fn blanks_go_where_transformers_takes_them_out() {
        assert_eq!(clean_up(TEXT), " yes, it's a cat. isn't it? don't! we've'x'nor  they're'm not.");
        assert_eq!(clean_up("plain text"), "plain text");
    }

    #[test]
    fn pieces_of_any_size_give_the_same_text() {
        let chars: Vec<char> = TEXT.chars().collect();
        for size in 1..12 {
            let (mut cleaner, mut out) = (Cleaner::default(), String::new());
            for piece in chars.chunks(size) {
                cleaner.push(&piece.iter().collect::<String>(), &mut out);
            }
            cleaner.flush(&mut out);
            assert_eq!(out, clean_up(TEXT), "pieces of {size}");
        }
    }
}
