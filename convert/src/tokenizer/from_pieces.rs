//! A tokenizer from SentencePiece's own `tokenizer.model`, `spiece.model` or `sentencepiece.bpe.model`, where nothing else is
//! there.
//!
//! Source: `sentencepiece_model.proto` of the sentencepiece library, and transformers' `LlamaTokenizer`, `T5Tokenizer` and
//! `XLMRobertaTokenizer`, which wrap it. The non-obvious thing: the blank before a text is the library's, put by it before every part between
//! special tokens, unless `legacy` is false: then it is the wrapper's, and put before the first part alone. T5's wrapper
//! has a hundred tokens of its own behind the library's, in falling order, and ends every text. XLM-RoBERTa's has the first
//! pieces in fairseq's order, all others one further, and a token of its own behind them; a text stands between two tokens.

use super::bpe::Source;
use super::config::Config;
use super::ends::Around;
use super::files::AddedToken;
use super::kinds::{self, Blank, Kind, Prefix};
use super::protobuf::{Field, Fields};
use super::unigram::Blanks;
use super::vocabulary::{TokenType, Vocabulary};
use crate::error::{ConvertError, shown};
use crate::json;
use crate::keys::Keys;
use crate::settings::Inputs;

/// The file's names; T5's is the second, XLM-RoBERTa's the third.
const MODELS: [&str; 3] = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];

/// Most pieces.
const PIECES: usize = 4 << 20;

/// Classes that do to a text what is done here; fast ones included.
const CLASSES: [&str; 3] = ["LlamaTokenizer", "GemmaTokenizer", "PreTrainedTokenizer"];
/// The class with tokens of its own.
const T5: &str = "T5Tokenizer";
/// The class with fairseq's order, where it puts the first pieces, the token that it has among them, and the one behind all.
const XLM: &str = "XLMRobertaTokenizer";
const FIRST: [(&str, u32); 3] = [("<unk>", 3), ("<s>", 0), ("</s>", 2)];
const PADDING: (&str, u32) = ("<pad>", 1);
const MASK: &str = "<mask>";
/// Most tokens of T5's own.
const EXTRA: u32 = 1 << 16;

/// A file, as far as it matters here; what a file leaves out is what the library takes.
struct Model<'a> {
    pieces: Vec<Piece<'a>>,
    /// 1: unigram, 2: byte-pair encoding, 3: words, 4: characters.
    algorithm: i32,
    byte_fallback: bool,
    blanks_behind: bool,
    delimiter: &'a str,
    /// Of bos, eos, unknown; negative where there is none.
    ids: [i32; 3],
    rules: &'a [u8],
    dummy_prefix: bool,
    removes_blanks: bool,
    escapes_blanks: bool,
}

struct Piece<'a> {
    text: &'a str,
    score: f32,
    kind: i32,
}

/// The tokenizer of the directory, if there is one.
pub(super) fn read(
    inputs: &Inputs<'_>,
    rows: u32,
    config: &Config,
    keys: &mut Keys,
) -> Result<Option<Source>, ConvertError> {
    // SentencePiece's file by itself is that of XLM-RoBERTa's kind.
    let alone = inputs.tokenizer.is_file().then(|| (inputs.tokenizer.parent(), inputs.tokenizer.file_name()));
    let mut found = match alone {
        Some((Some(directory), Some(name))) => {
            json::read_file(directory, &name.to_string_lossy(), json::DATA_BYTES)?.map(|bytes| (MODELS[2], bytes))
        }
        _ => None,
    };
    for name in MODELS {
        if found.is_none() {
            found = json::read_file(inputs.tokenizer, name, json::DATA_BYTES)?.map(|bytes| (name, bytes));
        }
    }
    let Some((name, bytes)) = found else { return Ok(None) };
    let bad = |message: String| ConvertError::Tokenizer { file: name.to_owned(), message };
    let model = Model::parse(&bytes).map_err(bad)?;
    model.check().map_err(bad)?;
    let mut vocabulary = Vocabulary::new(name, rows);
    let is_class = |wanted: &str, file: &str| -> Result<bool, ConvertError> {
        let named = config.class()?.map_or(name == file, |class| class == wanted);
        Ok(named && model.is_unigram())
    };
    let (is_t5, is_xlm) = (is_class(T5, MODELS[1])?, is_class(XLM, MODELS[2])?);
    if is_xlm {
        let other = model.pieces.iter().zip(FIRST).find(|(piece, (wanted, _))| piece.text != *wanted);
        if let Some((piece, (wanted, _))) = other {
            return Err(bad(format!("'{}' stands where {XLM} has '{wanted}'", shown(piece.text))));
        }
    }
    let mut scores = vec![0.0; rows as usize];
    for (number, piece) in model.pieces.iter().enumerate() {
        let ty = piece.ty(number, model.is_unigram()).map_err(bad)?;
        let id = match FIRST.get(number) {
            Some((_, id)) if is_xlm => *id,
            _ => number as u32 + u32::from(is_xlm),
        };
        vocabulary.add(piece.text, id)?;
        vocabulary.mark(id, ty);
        match ty {
            TokenType::UserDefined => vocabulary.add_symbol(id),
            TokenType::Normal => scores[id as usize] = piece.score,
            _ => {}
        }
    }
    if model.byte_fallback {
        kinds::mark_bytes(&mut vocabulary)?;
    }
    if is_t5 {
        add_extra(&mut vocabulary, model.pieces.len() as u32, config, keys)?;
    }
    if is_xlm {
        vocabulary.add_token(&AddedToken::plain(PADDING.0, true), PADDING.1, keys)?;
        let mask = AddedToken { lstrip: true, ..AddedToken::plain(MASK, true) };
        vocabulary.add_token(&mask, model.pieces.len() as u32 + 1, keys)?;
    }
    let end = || Some("</s>".to_owned());
    let around = match (is_t5, is_xlm) {
        (true, _) => Some(Around { before: None, behind: end() }),
        (_, true) => Some(Around { before: Some("<s>".to_owned()), behind: end() }),
        _ => None,
    };
    let prefix = prefix(name, &model, (is_t5, is_xlm), config)?;
    if prefix.blank == Blank::Never && !config.own.switch("legacy", true)? {
        keys.note(
            "with legacy false and add_prefix_space false the original drops a blank that stands alone before a special \
             token at the start of a text: it is kept here",
        );
    }
    let kind = if model.is_unigram() {
        Kind::Unigram(prefix, Blanks::library(model.removes_blanks))
    } else {
        Kind::SentencePiece(prefix)
    };
    let names = if is_xlm {
        [FIRST[1], FIRST[2], FIRST[0]].map(|(_, id)| Some(id))
    } else {
        model.ids.map(|id| u32::try_from(id).ok().filter(|id| (*id as usize) < model.pieces.len()))
    };
    let (scores, map) = (Some(scores), model.rules.to_vec());
    Ok(Some(Source { vocabulary, merges: Vec::new(), scores, map, around, kind, names, raw: true }))
}

/// Adds T5's own tokens behind `count` pieces: the first has the highest id.
fn add_extra(vocabulary: &mut Vocabulary, count: u32, config: &Config, keys: &mut Keys) -> Result<(), ConvertError> {
    let extra = config.own.count("extra_ids", 0..=EXTRA, 100)?;
    for number in 0..extra {
        let token = AddedToken::plain(&format!("<extra_id_{number}>"), true);
        // A vocabulary may have them among its pieces.
        if vocabulary.id(&token.content).is_none() {
            vocabulary.add_token(&token, count + extra - 1 - number, keys)?;
        }
    }
    Ok(())
}

/// What the class around the library puts before texts.
fn prefix(
    name: &str,
    model: &Model<'_>,
    (is_t5, is_xlm): (bool, bool),
    config: &Config,
) -> Result<Prefix, ConvertError> {
    let own = &config.own;
    if let Some(class) = config.class()?.filter(|class| !is_t5 && !is_xlm && !CLASSES.contains(class)) {
        let known =
            format!("with {name} alone, only {} and, of unigram models, {T5} and {XLM} are", CLASSES.join(", "));
        return Err(own.unsupported("tokenizer_class", format!("'{class}'"), known));
    }
    let (legacy, wanted) = (own.switch("legacy", true)?, own.switch("add_prefix_space", true)?);
    let blank = match (legacy, wanted) {
        (true, _) if model.dummy_prefix => Blank::Always,
        (false, true) => Blank::First,
        _ => Blank::Never,
    };
    // T5's wrapper leaves it to a later step.
    Ok(Prefix { blank, early: legacy || !is_t5 })
}

impl<'a> Model<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut model = Self {
            pieces: Vec::new(),
            algorithm: 1,
            byte_fallback: false,
            blanks_behind: false,
            delimiter: "",
            ids: [1, 2, 0],
            rules: &[],
            dummy_prefix: true,
            removes_blanks: true,
            escapes_blanks: true,
        };
        for field in Fields::new(bytes) {
            let (number, field) = field?;
            match number {
                1 if model.pieces.len() == PIECES => return Err(format!("more than {PIECES} pieces")),
                1 => model.pieces.push(Piece::parse(field).map_err(|e| format!("piece {}: {e}", model.pieces.len()))?),
                2 => model.trainer(field).map_err(|error| format!("trainer_spec: {error}"))?,
                3 => model.normalizer(field).map_err(|error| format!("normalizer_spec: {error}"))?,
                // Tests of the library's own, the way from tokens to text, extensions.
                _ => {}
            }
        }
        Ok(model)
    }

    fn trainer(&mut self, field: Field<'a>) -> Result<(), String> {
        for field in field.message()? {
            match field? {
                (3, value) => self.algorithm = value.integer()?,
                (24, value) => self.blanks_behind = value.switch()?,
                (35, value) => self.byte_fallback = value.switch()?,
                (40, value) => self.ids[2] = value.integer()?,
                (41, value) => self.ids[0] = value.integer()?,
                (42, value) => self.ids[1] = value.integer()?,
                (53, value) => self.delimiter = value.text()?,
                // How it was trained.
                _ => {}
            }
        }
        Ok(())
    }

    fn normalizer(&mut self, field: Field<'a>) -> Result<(), String> {
        for field in field.message()? {
            match field? {
                (2, Field::Bytes(rules)) => self.rules = rules,
                (3, value) => self.dummy_prefix = value.switch()?,
                (4, value) => self.removes_blanks = value.switch()?,
                (5, value) => self.escapes_blanks = value.switch()?,
                // The rules' name, and the text they were compiled from.
                _ => {}
            }
        }
        Ok(())
    }

    fn is_unigram(&self) -> bool {
        self.algorithm == 1
    }

    /// Refuses what the runtime does not do.
    fn check(&self) -> Result<(), String> {
        let refuse = |what: &str| Err(format!("{what} is not supported"));
        let pairs = !self.is_unigram();
        if self.pieces.is_empty() {
            return Err("0 pieces".to_owned());
        }
        match self.algorithm {
            1 | 2 => {}
            3 => return refuse("trainer_spec.model_type = WORD"),
            4 => return refuse("trainer_spec.model_type = CHAR"),
            other => return refuse(&format!("trainer_spec.model_type = {other}")),
        }
        if pairs && !self.byte_fallback {
            return refuse("trainer_spec.byte_fallback = false");
        }
        if self.blanks_behind {
            return refuse("trainer_spec.treat_whitespace_as_suffix = true");
        }
        if !self.delimiter.is_empty() {
            return refuse("trainer_spec.pretokenization_delimiter");
        }
        if pairs && !self.rules.is_empty() {
            let bytes = self.rules.len();
            return refuse(&format!("normalizer_spec.precompiled_charsmap, of {bytes} bytes here,"));
        }
        if pairs && self.removes_blanks {
            return refuse("normalizer_spec.remove_extra_whitespaces = true");
        }
        if !self.escapes_blanks {
            return refuse("normalizer_spec.escape_whitespaces = false");
        }
        Ok(())
    }
}

impl<'a> Piece<'a> {
    fn parse(field: Field<'a>) -> Result<Self, String> {
        let mut piece = Self { text: "", score: 0.0, kind: 1 };
        for field in field.message()? {
            match field? {
                (1, value) => piece.text = value.text()?,
                (2, value) => piece.score = value.float()?,
                (3, value) => piece.kind = value.integer()?,
                _ => {}
            }
        }
        if piece.text.is_empty() {
            return Err("no text".to_owned());
        }
        if piece.score.is_nan() {
            return Err(format!("the score of '{}' is not a number", shown(piece.text)));
        }
        Ok(piece)
    }

    /// Its type, by the numbers that the output shares with the library.
    fn ty(&self, id: usize, is_unigram: bool) -> Result<TokenType, String> {
        match self.kind {
            1 => Ok(TokenType::Normal),
            2 => Ok(TokenType::Unknown),
            3 => Ok(TokenType::Control),
            4 => Ok(TokenType::UserDefined),
            6 => Ok(TokenType::Byte),
            5 if is_unigram => Ok(TokenType::Unused),
            5 => Err(format!("piece {id}: '{}' is of the type UNUSED, which is not supported", shown(self.text))),
            other => Err(format!("piece {id}: '{}' has the type {other}; types are 1 to 6", shown(self.text))),
        }
    }
}
