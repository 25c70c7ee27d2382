//! OPT's byte-level tokenizer as files of a checkpoint: the small shared one of the goldens, and one of full size.
//!
//! `parity/opt_tokenizer.json` holds the small vocabulary and the files as transformers writes them, with vocabulary and
//! merges taken out of tokenizer.json; the id of `<image>`, the one added token, is the only other thing that varies.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::golden::folder;

/// A vocabulary with its merges.
#[derive(Clone, Debug)]
pub struct OptTokenizer {
    /// Entries by id, in GPT-2's printable bytes.
    pub vocab: Vec<String>,
    /// Merges in order, two parts with a space between.
    pub merges: Vec<String>,
    /// The id of `<image>`.
    pub image_token: u32,
}

/// `opt_tokenizer.json`.
#[derive(Debug, Deserialize)]
pub struct TokenizerGolden {
    /// Entries by id.
    pub vocab: Vec<String>,
    /// Merges in order.
    pub merges: Vec<String>,
    /// The id of `<image>`.
    pub image_token: u32,
    /// What texts become.
    pub texts: Vec<Text>,
    /// What each single id decodes to; the last 8 are `<image>` and ids without an entry.
    pub pieces: Vec<String>,
    #[serde(rename = "tokenizer.json")]
    tokenizer: Value,
    #[serde(rename = "tokenizer_config.json")]
    tokenizer_config: Value,
    #[serde(rename = "special_tokens_map.json")]
    special_tokens_map: Value,
}

/// A text with its ids.
#[derive(Debug, Deserialize)]
pub struct Text {
    /// The text; special tokens spelled in it become their ids.
    pub text: String,
    /// Ids, `</s>` first.
    pub ids: Vec<u32>,
    /// The ids as text without special tokens.
    pub decoded: String,
    /// The ids as text with special tokens.
    pub with_special: String,
}

impl TokenizerGolden {
    /// Reads the shared golden.
    ///
    /// # Errors
    /// Where the file is missing or is not that golden.
    pub fn load() -> Result<Self> {
        let file = folder().join("opt_tokenizer.json");
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(serde_json::from_str(&text)?)
    }
}

impl OptTokenizer {
    /// The tokenizer of the goldens.
    ///
    /// # Errors
    /// Where the golden cannot be read.
    pub fn small() -> Result<Self> {
        let g = TokenizerGolden::load()?;
        Ok(Self { vocab: g.vocab, merges: g.merges, image_token: g.image_token })
    }

    /// A tokenizer of OPT's size, 50265 entries, so that files, tables and times are of full size.
    ///
    /// The small one's merges come first; then letters join to groups of two, three and four, with and without a space in
    /// front, until the vocabulary is full. Text becomes tokens of about three letters.
    ///
    /// # Errors
    /// Where the golden cannot be read.
    pub fn full() -> Result<Self> {
        const ENTRIES: usize = 50265;
        let mut t = Self::small()?;
        let mut known: HashSet<String> = t.vocab.iter().cloned().collect();
        let letters: Vec<String> = ('a'..='z').map(String::from).collect();
        let two: Vec<String> = letters.iter().flat_map(|a| letters.iter().map(move |b| format!("{a}{b}"))).collect();
        let space = vec!["Ġ".to_owned()];
        let spaced: Vec<String> = letters.iter().map(|a| format!("Ġ{a}")).collect();
        let spaced_two: Vec<String> = two.iter().map(|a| format!("Ġ{a}")).collect();
        let steps: [(&[String], &[String]); 7] = [
            (&space, &letters),
            (&letters, &letters),
            (&spaced, &letters),
            (&two, &letters),
            (&spaced_two, &letters),
            (&two, &two),
            (&spaced_two, &two),
        ];
        'full: for (left, right) in steps {
            for a in left {
                for b in right {
                    if t.vocab.len() == ENTRIES {
                        break 'full;
                    }
                    let whole = format!("{a}{b}");
                    if known.insert(whole.clone()) {
                        t.vocab.push(whole);
                        t.merges.push(format!("{a} {b}"));
                    }
                }
            }
        }
        t.image_token = u32::try_from(t.vocab.len())?;
        Ok(t)
    }

    /// Writes vocab.json, merges.txt, tokenizer.json, tokenizer_config.json, special_tokens_map.json, added_tokens.json.
    ///
    /// # Errors
    /// Where the golden cannot be read or a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let golden = TokenizerGolden::load()?;
        let vocab: Map<String, Value> = self.vocab.iter().enumerate().map(|(i, t)| (t.clone(), json!(i))).collect();
        fs::write(dir.join("vocab.json"), serde_json::to_string(&vocab)?)?;
        let mut merges = String::from("#version: 0.2\n");
        for m in &self.merges {
            merges.push_str(m);
            merges.push('\n');
        }
        fs::write(dir.join("merges.txt"), merges)?;

        let mut tokenizer = golden.tokenizer;
        let pairs: Vec<Vec<&str>> = self.merges.iter().map(|m| m.split(' ').collect()).collect();
        tokenizer["model"]["vocab"] = Value::Object(vocab);
        tokenizer["model"]["merges"] = json!(pairs);
        for added in tokenizer["added_tokens"].as_array_mut().into_iter().flatten() {
            if added["content"] == "<image>" {
                added["id"] = json!(self.image_token);
            }
        }
        let mut config = golden.tokenizer_config;
        if let Some(added) = config["added_tokens_decoder"].as_object_mut()
            && let Some(image) = added.remove(&golden.image_token.to_string())
        {
            added.insert(self.image_token.to_string(), image);
        }
        let mut files = vec![
            ("tokenizer.json", tokenizer),
            ("tokenizer_config.json", config),
            ("special_tokens_map.json", golden.special_tokens_map),
        ];
        files.push(("added_tokens.json", json!({ "<image>": self.image_token })));
        for (name, content) in files {
            fs::write(dir.join(name), serde_json::to_string_pretty(&content)?)?;
        }
        Ok(())
    }
}
