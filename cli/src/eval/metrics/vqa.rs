//! VQA's accuracy (Antol et al. 2015, section 4; Goyal et al. 2017): an answer is worth a third for each of nine people who gave
//! it, at most one, averaged over the ten ways to leave one person out; and the normaliser of its evaluation code.
//!
//! The non-obvious things, all of that code: what becomes of a mark of punctuation depends on the whole text as it was
//! before any was taken; a point goes unless a digit follows it, but only the first 32 of them; articles go, and numbers up to ten
//! become digits. It does not look whether people agree before it normalises their answers, as one version does.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Marks that are taken out, or make way for a blank.
const MARKS: [char; 21] =
    [';', '/', '[', ']', '"', '{', '}', '(', ')', '=', '+', '\\', '_', '-', '>', '<', '@', '`', ',', '?', '!'];
const NUMBERS: [(&str, &str); 12] = [
    ("none", "0"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
];
/// Stems of words that are joined with a short form.
const STEMS: [(&str, &str); 13] = [
    ("n't", "ai are ca could did does do had has have is might must need ought sha should was were wo would"),
    ("n't've", "could had might should would"),
    ("'ve", "could might must not should they we what where who would you"),
    ("'d", "he how it someone something there they where who you"),
    ("'d've", "he it she somebody someone something there they we who y'all you"),
    ("'s", "he how somebody someone that there what when where who why"),
    ("'ll", "how it somebody someone something they what who why y'all you"),
    ("'re", "there they what why you"),
    ("am", "ma'"),
    ("clock", "o'"),
    ("all", "y'"),
    ("was", "'t"),
    ("at", "'ow's'"),
];
/// Points that are looked at.
const POINTS: usize = 32;

/// A text as it is compared.
pub fn normalised(text: &str) -> String {
    let text = text.replace(['\n', '\t'], " ");
    words(&marks(super::super::scienceqa::prompt::strip(&text)))
}

fn marks(text: &str) -> String {
    let digits: Vec<char> = text.chars().collect();
    let thousands = digits.array_windows().any(|[a, b, c]| a.is_ascii_digit() && *b == ',' && c.is_ascii_digit());
    let mut out = text.to_owned();
    for mark in MARKS {
        let apart = text.contains(&format!("{mark} ")) || text.contains(&format!(" {mark}"));
        out = out.replace(mark, if apart || thousands { "" } else { " " });
    }
    let mut points = 0;
    let mut kept = String::with_capacity(out.len());
    let mut rest = out.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '.' && points < POINTS && !rest.peek().is_some_and(char::is_ascii_digit) {
            points += 1;
        } else {
            kept.push(c);
        }
    }
    kept
}

fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c));
    let words = words.filter(|word| !word.is_empty());
    let words = words.map(|word| NUMBERS.iter().find(|(name, _)| *name == word).map_or(word, |(_, digits)| digits));
    let words = words.filter(|word| !["a", "an", "the"].contains(word));
    words.map(joined).collect::<Vec<_>>().join(" ")
}

/// Words that lack an apostrophe, and how they are written.
static LACKING: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    // Of this code alone.
    let mut all = HashMap::from([("somebody'd".to_owned(), "somebodyd".to_owned())]);
    for (end, stems) in STEMS {
        for stem in stems.split(' ') {
            let whole = format!("{stem}{end}");
            for (at, _) in whole.match_indices('\'') {
                all.insert(whole[..at].to_owned() + &whole[at + 1..], whole.clone());
            }
        }
    }
    all
});

/// A word, with the apostrophe that it lacks.
fn joined(word: &str) -> String {
    LACKING.get(word).map_or(word, String::as_str).to_owned()
}

/// What an answer is worth beside those of people.
pub fn accuracy(answer: &str, people: &[String]) -> f64 {
    let answer = normalised(answer);
    let same: Vec<bool> = people.iter().map(|one| normalised(one) == answer).collect();
    let all = same.iter().filter(|same| **same).count();
    let parts = same.iter().map(|same| {
        let others = all - usize::from(*same);
        #[allow(clippy::cast_precision_loss)]
        let part = (others as f64 / 3.0).min(1.0);
        part
    });
    #[allow(clippy::cast_precision_loss)]
    let count = people.len().max(1) as f64;
    parts.sum::<f64>() / count
}
