//! Words of captions as COCO's evaluation code has them: the Penn treebank's tokens in lower case, without punctuation.
//!
//! The non-obvious thing: that code asks Stanford's tokenizer, a large table of rules. These are the ones that captions meet:
//! contractions are cut, words with hyphens stay whole, points stay in abbreviations and numbers, and brackets are tokens that
//! the code means to leave out and does not, since it looks for them in capitals.

/// Tokens that are no words.
const LEFT_OUT: [&str; 10] = ["''", "'", "``", "`", ".", "?", "!", ",", ":", ";"];
/// What two words are in one.
const PAIRS: [(&str, &str); 9] = [
    ("cannot", "can not"),
    ("gonna", "gon na"),
    ("gotta", "got ta"),
    ("gimme", "gim me"),
    ("lemme", "lem me"),
    ("wanna", "wan na"),
    ("d'ye", "d' ye"),
    ("'tis", "'t is"),
    ("'twas", "'t was"),
];
const ENDS: [&str; 7] = ["n't", "'s", "'re", "'ve", "'ll", "'m", "'d"];
/// Words that keep their point.
const SHORT: [&str; 16] =
    ["mr", "mrs", "ms", "dr", "st", "jr", "sr", "prof", "vs", "etc", "inc", "ltd", "co", "corp", "ave", "blvd"];

/// The words of a caption, a blank between two.
pub fn words(text: &str) -> String {
    let text = text.replace(['\u{2018}', '\u{2019}'], "'").replace(['\u{201c}', '\u{201d}'], "\"");
    let chunks: Vec<&str> = text.split_whitespace().collect();
    let mut out = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        cut(chunk, chunks.get(at + 1).copied(), &mut out);
    }
    out.retain(|word| !LEFT_OUT.contains(&word.as_str()) && !word.chars().all(|c| c == '-' || c == '.'));
    out.join(" ").to_lowercase()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '\'' || c == '_'
}

/// Cuts what stands between two blanks, with what stands behind.
fn cut(chunk: &str, next: Option<&str>, out: &mut Vec<String>) {
    let letters: Vec<char> = chunk.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let c = letters[at];
        if !is_word(c) {
            out.push(match c {
                '(' => "-lrb-".to_owned(),
                ')' => "-rrb-".to_owned(),
                '{' => "-lcb-".to_owned(),
                '}' => "-rcb-".to_owned(),
                '[' => "-lsb-".to_owned(),
                ']' => "-rsb-".to_owned(),
                '"' => "''".to_owned(),
                c => c.to_string(),
            });
            at += 1;
            continue;
        }
        let start = at;
        while at < letters.len() {
            let inside = matches!(letters[at], '.' | ',' | ':')
                && at > start
                && letters[at - 1].is_ascii_digit()
                && letters.get(at + 1).is_some_and(char::is_ascii_digit);
            let dotted = letters[at] == '.' && initials(&letters[start..at]);
            if !(is_word(letters[at]) || inside || dotted) {
                break;
            }
            at += 1;
        }
        let mut word: String = letters[start..at].iter().collect();
        let ends = at + 1 == letters.len() && next.is_none();
        // "No. 5" is a number, "No." an answer.
        let number =
            word.eq_ignore_ascii_case("no") && next.is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit()));
        let short = number || SHORT.contains(&word.to_lowercase().as_str());
        if letters.get(at) == Some(&'.') && !ends && short {
            word.push('.');
            at += 1;
        }
        split(&word, out);
    }
}

/// Whether these letters are single ones with points between them: of `U.S`.
fn initials(letters: &[char]) -> bool {
    letters.len() % 2 == 1
        && letters.iter().enumerate().all(|(i, c)| if i % 2 == 0 { c.is_alphabetic() } else { *c == '.' })
}

/// Cuts contractions, and apostrophes at both ends.
fn split(word: &str, out: &mut Vec<String>) {
    let lower = word.to_lowercase();
    // From behind, as often as there is one: a word may have many.
    let (mut stem, mut ends) = (lower.as_str(), Vec::new());
    while !whole(stem)
        && let Some((rest, end)) = ENDS.iter().find_map(|end| Some((stem.strip_suffix(end)?, *end)))
        && !rest.is_empty()
    {
        ends.push(end.to_owned());
        stem = rest;
    }
    stay(stem, out);
    out.extend(ends.into_iter().rev());
}

/// Whether a word is known as it is.
fn whole(word: &str) -> bool {
    ENDS.contains(&word) || PAIRS.iter().any(|(one, _)| *one == word)
}

/// What is left of a word without its ends.
fn stay(lower: &str, out: &mut Vec<String>) {
    if let Some((_, pair)) = PAIRS.iter().find(|(one, _)| *one == lower) {
        out.extend(pair.split(' ').map(str::to_owned));
        return;
    }
    if ENDS.contains(&lower) {
        out.push(lower.to_owned());
        return;
    }
    let inner = lower.trim_matches('\'');
    // "rock 'n' roll" has a word between apostrophes.
    if inner.is_empty() || lower == "'n'" {
        out.push(lower.to_owned());
        return;
    }
    out.push(inner.to_owned());
}
