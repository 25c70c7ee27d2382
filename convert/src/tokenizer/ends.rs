//! Which tokens go around a text.
//!
//! The non-obvious thing is who says so. With a `tokenizer.json` it is the post-processor in there and nothing else; with
//! the older files it is `add_bos_token` of `tokenizer_config.json`, which OPT sets. Where the two disagree, transformers
//! 4 and 5 do not agree either, for some classes, and a note says so.

use super::config::{CONFIG, Config};
use super::files::PostProcessor;
use crate::error::{ConvertError, shown};
use crate::keys::Keys;

/// A token before a text and one behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) before: Option<String>,
    pub(super) behind: Option<String>,
}

/// Which of the text's ends get a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) bos: bool,
    pub(super) eos: bool,
}

/// Classes that transformers 4 lets add what `tokenizer_config.json` says, and where it says nothing whether bos.
const OVERRULING: [(&str, bool); 5] = [
    ("CodeLlamaTokenizer", true),
    ("CohereTokenizer", true),
    ("GPTNeoXTokenizer", false),
    ("GemmaTokenizer", true),
    ("LlamaTokenizer", true),
];

impl Around {
    /// What a post-processor puts around the text.
    pub(super) fn of(template: &PostProcessor, bad: &dyn Fn(String) -> ConvertError) -> Result<Self, ConvertError> {
        let refuse = |what: String| Err(bad(format!("post_processor {what} is not supported")));
        match template.kind.as_str() {
            "ByteLevel" => Ok(Self::default()),
            "Sequence" => {
                let mut all = Self::default();
                for part in &template.processors.0 {
                    if part.kind == "Sequence" {
                        return refuse("'Sequence' within a 'Sequence'".to_owned());
                    }
                    let part = Self::of(part, bad)?;
                    if all.before.is_some() && part.before.is_some() || all.behind.is_some() && part.behind.is_some() {
                        return refuse("'Sequence' of two templates".to_owned());
                    }
                    all = Self { before: all.before.or(part.before), behind: all.behind.or(part.behind) };
                }
                Ok(all)
            }
            "TemplateProcessing" => {
                let pieces = &template.single.0;
                let Some(at) = pieces.iter().position(|piece| piece.sequence.is_some()) else {
                    return refuse("template without the text".to_owned());
                };
                let mut all = Self::default();
                for (number, piece) in pieces.iter().enumerate().filter(|(number, _)| *number != at) {
                    let token = piece.special.as_ref().map(|special| special.id.as_str());
                    let side = if number < at { &mut all.before } else { &mut all.behind };
                    match (token, &side) {
                        (Some(token), None) => *side = Some(token.to_owned()),
                        _ => {
                            let token = shown(token.unwrap_or("another text"));
                            return refuse(format!(
                                "template with '{token}', which is not one token before or one behind the text,"
                            ));
                        }
                    }
                }
                Ok(all)
            }
            other => refuse(format!("'{}'", shown(other))),
        }
    }

    /// The same as switches, the tokens being bos and eos.
    pub(super) fn ends(
        &self,
        (bos, eos): (Option<u32>, Option<u32>),
        id: impl Fn(&str) -> Option<u32>,
        bad: &dyn Fn(String) -> ConvertError,
    ) -> Result<Ends, ConvertError> {
        let one = |token: &Option<String>, wanted: Option<u32>, name: &str| match token {
            None => Ok(false),
            Some(token) if id(token).is_some() && id(token) == wanted => Ok(true),
            Some(token) => {
                let token = shown(token);
                Err(bad(format!("post_processor template with '{token}', which is not {name}, is not supported")))
            }
        };
        Ok(Ends { bos: one(&self.before, bos, "bos_token")?, eos: one(&self.behind, eos, "eos_token")? })
    }
}

/// Notes what `tokenizer_config.json` says otherwise than the post-processor, which is followed.
pub(super) fn note_disagreement(ends: Ends, config: &Config, keys: &mut Keys) -> Result<(), ConvertError> {
    for (key, added) in [("add_bos_token", ends.bos), ("add_eos_token", ends.eos)] {
        let wanted = config.own.switch(key, added)?;
        if wanted != added {
            keys.note(format!(
                "{CONFIG} has {key} {wanted}, the post-processor of tokenizer.json does the opposite and is followed"
            ));
        }
    }
    let class = config.class()?;
    let adds = OVERRULING.iter().any(|(name, adds)| Some(*name) == class && *adds);
    if adds && !ends.bos && !config.own.has("add_bos_token") {
        keys.note(format!(
            "tokenizer.json puts no token before texts; transformers 4 adds bos_token where {CONFIG} says nothing, 5 does not"
        ));
    }
    Ok(())
}
