//! Splitting text into the words that byte-pair merging works on, by the name a file gives.
//!
//! Source: llama.cpp's table of `tokenizer.ggml.pre` (which names share a pattern) and the `tokenizers` library's
//! sequences of isolating splits. A pre-tokenizer is a list of stages: each splits every piece of the one before, into
//! what its pattern matches and what lies between.
//!
//! The non-obvious thing: a stage sees one piece as if it were the whole text, so "not before a letter" at its end holds
//! whatever the next piece begins with.

use super::error::{TokenizerError, shortened};
use super::scan::{self, Cased, Isolate, Stage, Words};
use super::vocab::Alphabet;

/// How text is split before merging, and what files leave unsaid because the name implies it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreTokenizer {
    stages: &'static [Stage],
    /// How normal tokens are written.
    pub(super) alphabet: Alphabet,
    whole: Whole,
    /// Whether texts begin with bos where the file does not say.
    pub(super) adds_bos: bool,
}

/// Which words, where they are a token, are that token whatever the merges say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    None,
    /// `ignore_merges` of the `tokenizers` library.
    All,
    LineFeeds,
}

/// GPT-2's pattern.
const GPT2: &[Stage] = &[Stage::Gpt2];
/// GPT-2's after single digits.
const DIGITS_GPT2: &[Stage] = &[Stage::Isolate(Isolate { most: 1, ..Isolate::of(scan::is_number) }), Stage::Gpt2];
/// LLaMA-3's: numbers in threes.
const LLAMA3: &[Stage] = &[Stage::Words(Words { digits: 3, marks: false })];
/// Qwen-2's: LLaMA-3's with single digits.
const QWEN2: &[Stage] = &[Stage::Words(Words { digits: 1, marks: false })];
/// Qwen-3.5's: marks belong to the letters before them.
const QWEN35: &[Stage] = &[Stage::Words(Words { digits: 1, marks: true })];
const GPT4O: &[Stage] = &[Stage::Cased(Cased { digits: 3, contractions: true })];
const TEKKEN: &[Stage] = &[Stage::Cased(Cased { digits: 1, contractions: false })];
const THREE_DIGITS: Stage = Stage::Isolate(Isolate { least: 3, most: 3, ..Isolate::of(scan::is_ascii_digit) });
const FALCON: &[Stage] = &[Stage::Isolate(Isolate::of(scan::is_mark_of_falcon)), Stage::Gpt2, THREE_DIGITS];
/// What llama.cpp does where a file names no pattern.
const DEFAULT: &[Stage] = &[
    Stage::Isolate(Isolate::of(scan::is_mark_of_default)),
    Stage::Gpt2,
    Stage::Isolate(Isolate::of(scan::is_number)),
    THREE_DIGITS,
];
const LINE_ENDS: Stage = Stage::Isolate(Isolate { most: 1, ..Isolate::of(scan::is_line_end) });
const DEEPSEEK_LLM: &[Stage] = &[
    LINE_ENDS,
    Stage::Isolate(Isolate { blank: true, ..Isolate::of(scan::is_cased) }),
    Stage::Isolate(Isolate { blank: true, ..Isolate::of(scan::is_wide_mark) }),
    Stage::TrailingBlanks,
    Stage::Isolate(Isolate::of(scan::is_east_asian)),
    Stage::Isolate(Isolate::of(scan::is_number)),
];
const DEEPSEEK_CODER: &[Stage] = &[
    LINE_ENDS,
    Stage::Isolate(Isolate { blank: true, ..Isolate::of(scan::is_letter) }),
    Stage::Isolate(Isolate { blank: true, ..Isolate::of(scan::is_punctuation) }),
    Stage::Isolate(Isolate::of(scan::is_east_asian)),
    Stage::Isolate(Isolate { most: 1, ..Isolate::of(scan::is_number) }),
];
const DEEPSEEK_V3: &[Stage] = &[
    Stage::Isolate(Isolate { most: 3, ..Isolate::of(scan::is_number) }),
    Stage::Isolate(Isolate::of(scan::is_han_or_kana)),
    Stage::DeepSeekV3,
];
/// Gemma 4's: lines, and runs of line feeds.
const LINES: &[Stage] = &[Stage::Isolate(Isolate::of(scan::is_line_feed))];

/// The names known here, by pattern.
const NAMES: [(&[&str], PreTokenizer); 15] = [
    (
        &[
            "gpt-2",
            "opt",
            "mpt",
            "phi-2",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
            "exaone4",
            "jina-es",
            "jina-de",
            "jina-v2-es",
            "jina-v2-de",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
        ],
        PreTokenizer::of(GPT2),
    ),
    (&["default"], PreTokenizer::of(DEFAULT)),
    (
        &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"],
        PreTokenizer { whole: Whole::All, adds_bos: true, ..PreTokenizer::of(LLAMA3) },
    ),
    (&["glm4", "glm5"], PreTokenizer { whole: Whole::All, ..PreTokenizer::of(LLAMA3) }),
    (&["dbrx", "smaug-bpe", "chatglm-bpe"], PreTokenizer::of(LLAMA3)),
    (
        &["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"],
        PreTokenizer::of(QWEN2),
    ),
    (&["qwen35"], PreTokenizer::of(QWEN35)),
    (&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], PreTokenizer::of(GPT4O)),
    (&["tekken"], PreTokenizer { whole: Whole::All, adds_bos: true, ..PreTokenizer::of(TEKKEN) }),
    (
        &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
        PreTokenizer::of(DIGITS_GPT2),
    ),
    (&["falcon"], PreTokenizer::of(FALCON)),
    (&["deepseek-llm"], PreTokenizer::of(DEEPSEEK_LLM)),
    (&["deepseek-coder"], PreTokenizer::of(DEEPSEEK_CODER)),
    (&["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], PreTokenizer::of(DEEPSEEK_V3)),
    (
        &["gemma4"],
        PreTokenizer { alphabet: Alphabet::Blanks, whole: Whole::LineFeeds, adds_bos: true, ..PreTokenizer::of(LINES) },
    ),
];

impl PreTokenizer {
    /// None: for algorithms that find words by themselves.
    pub(super) const WHOLE_TEXT: Self = Self { alphabet: Alphabet::Blanks, ..Self::of(&[]) };

    const fn of(stages: &'static [Stage]) -> Self {
        Self { stages, alphabet: Alphabet::Bytes, whole: Whole::None, adds_bos: false }
    }

    /// By the name in `tokenizer.ggml.pre`.
    pub(super) fn from_name(name: &str) -> Result<Self, TokenizerError> {
        let found = NAMES.iter().find(|(names, _)| names.contains(&name));
        found.map(|&(_, pre)| pre).ok_or_else(|| TokenizerError::UnknownPreTokenizer {
            name: shortened(name),
            known: NAMES.map(|(names, _)| names.join(", ")).join(", "),
        })
    }

    /// Whether `word`, where it is a token, is that token whatever the merges say.
    pub(super) fn keeps_whole(self, word: &str) -> bool {
        match self.whole {
            Whole::None => false,
            Whole::All => true,
            Whole::LineFeeds => word.starts_with('\n'),
        }
    }

    /// Calls `word` with each word of `text`, in order; together they are the text.
    pub(super) fn split<E>(self, text: &str, mut word: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        split(self.stages, text, &mut word)
    }
}

fn split<E>(stages: &[Stage], text: &str, word: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let Some((stage, finer)) = stages.split_first() else {
        return word(text);
    };
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(stage.first_piece(rest));
        split(finer, piece, word)?;
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{NAMES, PreTokenizer};
    use serde_json::Value;

    /// `pretokenize_golden.json` is made by the script beside it.
    #[test]
    fn words_are_those_of_the_published_patterns() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/pretokenize_golden.json")).unwrap();
        for (name, splits) in golden["splits"].as_object().unwrap() {
            let pre = PreTokenizer::from_name(name).unwrap();
            for (text, words) in golden["texts"].as_array().unwrap().iter().zip(splits.as_array().unwrap()) {
                let mut got = Vec::new();
                let text = text.as_str().unwrap();
                let split = pre.split(text, |word| {
                    got.push(word.to_owned());
                    Ok::<_, ()>(())
                });
                split.unwrap();
                assert_eq!(Value::from(got), *words, "{name} {text:?}");
            }
        }
    }

    #[test]
    fn splitting_takes_linear_time_and_loses_nothing() {
        let long = 1 << 20;
        let kinds = [
            "a", "A", "1", " ", "\n", " \n", "'", "'s", "\u{301}", "你", "你A", ".", "\u{1}", "a ", "12 ", "\t", "€\n/",
        ];
        for (names, pre) in NAMES {
            for kind in kinds {
                let text = kind.repeat(long / kind.len()) + "x";
                let start = std::time::Instant::now();
                let mut at = 0;
                let split = pre.split(&text, |word| {
                    assert!(!word.is_empty() && text[at..].starts_with(word));
                    at += word.len();
                    Ok::<_, ()>(())
                });
                assert!(split.is_ok() && at == text.len());
                assert!(start.elapsed().as_secs() < 5, "{} {kind:?}: {:?}", names[0], start.elapsed());
            }
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        let mut names: Vec<&str> = NAMES.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let error = PreTokenizer::from_name("kimi-k2").unwrap_err().to_string();
        assert!(error.contains("kimi-k2") && names.iter().all(|name| error.contains(name)), "{error}");
    }
}
