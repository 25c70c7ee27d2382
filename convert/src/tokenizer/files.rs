//! `tokenizer.json`, and the older set of `vocab.json`, `merges.txt` and their companions, as typed data.
//!
//! Only what decides about ids and text is kept. What does neither is named here and skipped while parsing; a field that
//! is not named is an error, which names it. Lists are bounded while they are read, so that a small file of tiny elements
//! cannot become a large amount of memory.
//!
//! The non-obvious thing: fields of steps that are not supported are named, too, so that the error is about the step.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most tokens and most merges.
const MAX_ENTRIES: usize = 4 << 20;

/// A list of at most [`MAX_ENTRIES`].
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Tokens and ids in file order, repeated ones included.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub(super) entries: Vec<(String, u32)>,
    /// By id, where the tokens are a list with scores, as unigram's are.
    pub(super) scores: Option<Vec<f32>>,
}

/// The content of `tokenizer.json`.
///
/// `truncation` and `padding` are settings of a call: transformers sets them anew for each.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // fields that are skipped
pub(super) struct TokenizerJson {
    version: Option<IgnoredAny>,
    truncation: Option<IgnoredAny>,
    padding: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) added_tokens: List<ListedToken>,
    pub(super) normalizer: Option<Normalizer>,
    pub(super) pre_tokenizer: Option<PreTokenizer>,
    pub(super) post_processor: Option<PostProcessor>,
    pub(super) decoder: Option<Decoder>,
    pub(super) model: Tables,
}

/// A token outside the merges, as `tokenizer.json` lists it: the library leaves nothing out and opens no file that does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListedToken {
    id: u32,
    content: String,
    special: bool,
    lstrip: bool,
    rstrip: bool,
    single_word: bool,
    normalized: bool,
}

impl From<ListedToken> for AddedToken {
    fn from(token: ListedToken) -> Self {
        let ListedToken { id, content, special, lstrip, rstrip, single_word, normalized } = token;
        Self { id, content, special, lstrip, rstrip, single_word, normalized: Some(normalized), class: None }
    }
}

/// A token outside the merges, as `tokenizer_config.json` writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddedToken {
    #[serde(default)]
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    pub(super) special: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default)]
    pub(super) single_word: bool,
    /// Where absent: unless it is special.
    pub(super) normalized: Option<bool>,
    #[serde(rename = "__type")]
    #[allow(dead_code)] // skipped
    pub(super) class: Option<IgnoredAny>,
}

impl AddedToken {
    /// One without wishes of its own.
    pub(super) fn plain(content: &str, special: bool) -> Self {
        let content = content.to_owned();
        let (lstrip, rstrip, single_word) = (false, false, false);
        Self { id: 0, content, special, lstrip, rstrip, single_word, normalized: None, class: None }
    }
}

/// A step before the pre-tokenizer, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // fields of steps that are refused
pub(super) struct Normalizer {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) normalizers: List<Normalizer>,
    pub(super) prepend: Option<String>,
    pub(super) pattern: Option<Pattern>,
    pub(super) content: Option<String>,
    pub(super) clean_text: Option<bool>,
    pub(super) handle_chinese_chars: Option<bool>,
    pub(super) lowercase: Option<bool>,
    pub(super) precompiled_charsmap: Option<String>,
    pub(super) strip_accents: Option<bool>,
    pub(super) strip_left: Option<bool>,
    pub(super) strip_right: Option<bool>,
}

/// What to look for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pattern {
    #[serde(rename = "String")]
    pub(super) string: Option<String>,
    #[serde(rename = "Regex")]
    pub(super) regex: Option<String>,
}

/// A split of the text, or a list of them. `trim_offsets` and `str_rep` change no id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // fields that are skipped
pub(super) struct PreTokenizer {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) pretokenizers: List<PreTokenizer>,
    pub(super) add_prefix_space: Option<bool>,
    pub(super) use_regex: Option<bool>,
    pub(super) individual_digits: Option<bool>,
    pub(super) pattern: Option<Pattern>,
    pub(super) behavior: Option<String>,
    pub(super) invert: Option<bool>,
    pub(super) prepend_scheme: Option<String>,
    pub(super) split: Option<bool>,
    pub(super) replacement: Option<String>,
    delimiter: Option<IgnoredAny>,
    length: Option<IgnoredAny>,
    str_rep: Option<IgnoredAny>,
    trim_offsets: Option<IgnoredAny>,
}

/// A way from tokens to text, or a list of steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // fields that are skipped
pub(super) struct Decoder {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) decoders: List<Decoder>,
    pub(super) pattern: Option<Pattern>,
    pub(super) content: Option<String>,
    pub(super) start: Option<u64>,
    pub(super) stop: Option<u64>,
    pub(super) prepend_scheme: Option<String>,
    pub(super) add_prefix_space: Option<bool>,
    pub(super) cleanup: Option<bool>,
    pad_token: Option<IgnoredAny>,
    pub(super) prefix: Option<String>,
    replacement: Option<IgnoredAny>,
    split: Option<IgnoredAny>,
    str_rep: Option<IgnoredAny>,
    suffix: Option<IgnoredAny>,
    trim_offsets: Option<IgnoredAny>,
    use_regex: Option<IgnoredAny>,
    word_delimiter_token: Option<IgnoredAny>,
}

/// What is put around the ids, or a list of such steps. Of a template only that of one text is asked for, and its tokens
/// go by their names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // fields that are skipped
pub(super) struct PostProcessor {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) single: List<Piece>,
    #[serde(default)]
    pub(super) processors: List<PostProcessor>,
    add_prefix_space: Option<IgnoredAny>,
    pub(super) cls: Option<(String, u32)>,
    pair: Option<IgnoredAny>,
    pub(super) sep: Option<(String, u32)>,
    special_tokens: Option<IgnoredAny>,
    trim_offsets: Option<IgnoredAny>,
    use_regex: Option<IgnoredAny>,
}

/// A piece of a template: a special token or the text.
#[derive(Debug, Deserialize)]
pub(super) struct Piece {
    #[serde(rename = "SpecialToken")]
    pub(super) special: Option<PieceToken>,
    #[serde(rename = "Sequence")]
    pub(super) sequence: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PieceToken {
    pub(super) id: String,
}

/// The model of `tokenizer.json`, as far as it is BPE, unigram or WordPiece. `fuse_unk`, and with BPE `unk_token`, say what
/// becomes of bytes without a token, of which no vocabulary has any.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // fields that are skipped
pub(super) struct Tables {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) dropout: Option<f64>,
    pub(super) continuing_subword_prefix: Option<String>,
    pub(super) end_of_word_suffix: Option<String>,
    pub(super) byte_fallback: Option<bool>,
    pub(super) ignore_merges: Option<bool>,
    #[serde(default)]
    pub(super) vocab: Ids,
    #[serde(default)]
    pub(super) merges: List<Merge>,
    pub(super) unk_token: Option<String>,
    fuse_unk: Option<IgnoredAny>,
    /// Of WordPiece.
    pub(super) max_input_chars_per_word: Option<u64>,
    /// Of unigram.
    pub(super) unk_id: Option<u32>,
}

/// A merge: "a b" in older files, ["a", "b"] in newer ones.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Merge {
    Line(String),
    Pair(String, String),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX_ENTRIES {
                        return Err(A::Error::custom(format!("a list has more than {MAX_ENTRIES} elements")));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }
        deserializer.deserialize_any(Items(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Ids;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from tokens to ids, or a list of tokens with scores")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ids, A::Error> {
                let (mut entries, mut scores) = (Vec::new(), Vec::new());
                while let Some((token, score)) = seq.next_element::<(String, f64)>()? {
                    if entries.len() == MAX_ENTRIES {
                        return Err(A::Error::custom(format!("more than {MAX_ENTRIES} tokens")));
                    }
                    entries.push((token, entries.len() as u32));
                    scores.push(score as f32);
                }
                Ok(Ids { entries, scores: Some(scores) })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ids, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    if entries.len() == MAX_ENTRIES {
                        return Err(A::Error::custom(format!("more than {MAX_ENTRIES} tokens")));
                    }
                    entries.push(entry);
                }
                Ok(Ids { entries, scores: None })
            }
        }
        deserializer.deserialize_any(Entries)
    }
}
