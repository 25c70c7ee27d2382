//! Tokens by id, one for each row of the embedding.
//!
//! Embeddings are often larger than vocabularies (OPT's 50,265 tokens have 50,272 or 50,304 rows). Rows without a token
//! get a name of their own and the type "unused", so that an id is an index everywhere.

use std::collections::{BTreeMap, HashMap};

use super::files::AddedToken;
use super::kinds::BLANK;
use crate::error::{ConvertError, shown};
use crate::keys::Keys;

/// llama.cpp's token types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenType {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// Whether a token is a run of blanks.
fn is_blanks(text: &str) -> bool {
    !text.is_empty() && text.replace(BLANK, "").is_empty()
}

/// A vocabulary under construction.
#[derive(Debug)]
pub(super) struct Vocabulary {
    file: &'static str,
    tokens: Vec<Option<(String, TokenType)>>,
    ids: HashMap<String, u32>,
    wishes: BTreeMap<u32, Wishes>,
}

/// How an added token is found.
#[derive(Debug, Clone, Copy, Default)]
struct Wishes {
    lstrip: bool,
    rstrip: bool,
    single_word: bool,
    normalized: bool,
    /// A symbol of SentencePiece's own.
    symbol: bool,
}

impl Vocabulary {
    /// `rows` ids without tokens; `file` is named in errors.
    pub(super) fn new(file: &'static str, rows: u32) -> Self {
        Self { file, tokens: vec![None; rows as usize], ids: HashMap::new(), wishes: BTreeMap::new() }
    }

    /// The id of a token.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The id behind the highest.
    pub(super) fn next(&self) -> u32 {
        self.tokens.iter().rposition(Option::is_some).map_or(0, |last| last as u32 + 1)
    }

    pub(super) fn bad(&self, message: String) -> ConvertError {
        ConvertError::Tokenizer { file: self.file.to_owned(), message }
    }

    /// Adds a token of the vocabulary proper.
    pub(super) fn add(&mut self, token: &str, id: u32) -> Result<(), ConvertError> {
        let rows = self.tokens.len();
        if self.ids.contains_key(token) {
            return Err(self.bad(format!("token '{}' appears twice", shown(token))));
        }
        let Some(slot) = self.tokens.get_mut(id as usize) else {
            let message = format!("token '{}' has id {id}, the embedding has {rows} rows", shown(token));
            return Err(self.bad(message));
        };
        if let Some((other, _)) = slot {
            let message = format!("tokens '{}' and '{}' share id {id}", shown(other), shown(token));
            return Err(self.bad(message));
        }
        *slot = Some((token.to_owned(), TokenType::Normal));
        self.ids.insert(token.to_owned(), id);
        Ok(())
    }

    /// Adds a token that is found in text before the merges see it, or marks one that is there. A processor adds its
    /// own placeholder even where the model has no row for it; such a token cannot be used and is left out.
    pub(super) fn add_extra(
        &mut self,
        token: &str,
        id: u32,
        ty: TokenType,
        keys: &mut Keys,
    ) -> Result<(), ConvertError> {
        match self.id(token) {
            Some(known) if known == id => {}
            Some(known) => {
                return Err(self.bad(format!("token '{}' has ids {known} and {id}", shown(token))));
            }
            None if id as usize >= self.tokens.len() => {
                let rows = self.tokens.len();
                keys.note(format!(
                    "added token '{}' has id {id}, the embedding has {rows} rows: left out",
                    shown(token)
                ));
                return Ok(());
            }
            None => self.add(token, id)?,
        }
        self.mark(id, ty);
        Ok(())
    }

    /// Adds a token with its wishes, or gives them to one that is there.
    pub(super) fn add_token(&mut self, token: &AddedToken, id: u32, keys: &mut Keys) -> Result<(), ConvertError> {
        let ty = if token.special { TokenType::Control } else { TokenType::UserDefined };
        self.add_extra(&token.content, id, ty, keys)?;
        if self.id(&token.content).is_some() {
            let AddedToken { lstrip, rstrip, single_word, .. } = *token;
            let normalized = token.normalized.unwrap_or(!token.special);
            self.wishes.insert(id, Wishes { lstrip, rstrip, single_word, normalized, symbol: false });
        }
        Ok(())
    }

    /// Whether a token of that id is added with wishes of its own.
    pub(super) fn has_wishes(&self, token: &str, id: u32) -> bool {
        self.id(token) == Some(id) && self.wishes.contains_key(&id)
    }

    /// Whether a token is found in every text before anything is merged, so that no merge ever makes it. With `blanks` runs
    /// of blanks are, see [`Vocabulary::write_blanks`].
    pub(super) fn is_found_first(&self, id: u32, blanks: bool) -> bool {
        let Some(Some((text, TokenType::UserDefined))) = self.tokens.get(id as usize) else { return false };
        let is_plain = !text.contains(BLANK) || blanks && is_blanks(text);
        self.wishes.get(&id).is_some_and(|wishes| !wishes.single_word && (wishes.normalized || is_plain))
    }

    /// Writes added tokens that are runs of [`BLANK`] as the blanks they stand for, so that they are found in the text as it
    /// is: as llama.cpp has them, since its runtime merges nothing to an added token. In the original merges make them.
    pub(super) fn write_blanks(&mut self) {
        for (text, ty) in self.tokens.iter_mut().flatten() {
            if *ty == TokenType::UserDefined && is_blanks(text) {
                *text = text.replace(BLANK, " ");
            }
        }
    }

    /// Adds a special token behind all others, unless it is there; then it is special from now on.
    pub(super) fn add_special(&mut self, token: &AddedToken, keys: &mut Keys) -> Result<(), ConvertError> {
        match self.id(&token.content) {
            Some(id) => {
                self.mark(id, TokenType::Control);
                Ok(())
            }
            None => self.add_token(token, self.next(), keys),
        }
    }

    /// Adds a special token behind all others, unless it is there, and finds that there is a token for every row; its id.
    pub(super) fn add_last(&mut self, token: &str, keys: &mut Keys) -> Result<u32, ConvertError> {
        let (before, rows) = (self.next(), self.tokens.len());
        let known = self.id(token).is_some();
        if !known && before as usize == rows {
            return Err(self.bad(format!("{rows} tokens and '{}', the embedding has {rows} rows", shown(token))));
        }
        self.add_special(&AddedToken::plain(token, true), keys)?;
        match self.id(token) {
            Some(id) if self.next() as usize == rows => Ok(id),
            _ => {
                let what = if known { "among them" } else { "one of them added" };
                let have = self.next();
                Err(self.bad(format!("{have} tokens, '{}' {what}, but the embedding has {rows} rows", shown(token))))
            }
        }
    }

    /// Adds tags behind all other tokens, each unless it is there, as far as there are rows for them.
    pub(super) fn add_tags(&mut self, tags: &[String], keys: &mut Keys) -> Result<(), ConvertError> {
        let mut left_out = 0;
        for tag in tags.iter().filter(|tag| !self.ids.contains_key(tag.as_str())).collect::<Vec<_>>() {
            let next = self.next();
            if next as usize >= self.tokens.len() {
                left_out += 1;
                continue;
            }
            let token = AddedToken { lstrip: true, normalized: Some(false), ..AddedToken::plain(tag, false) };
            self.add_token(&token, next, keys)?;
        }
        if left_out > 0 {
            keys.note(format!("{left_out} of the processor's tags have no row in the embedding and are left out"));
        }
        Ok(())
    }

    /// Says that a token is a symbol of SentencePiece's own.
    pub(super) fn add_symbol(&mut self, id: u32) {
        self.wishes.insert(id, Wishes { symbol: true, ..Wishes::default() });
    }

    /// Says that no token is looked for in normalised text but symbols.
    pub(super) fn normalise_none(&mut self) {
        self.wishes.values_mut().for_each(|wishes| wishes.normalized = false);
    }

    /// Ids of the tokens with each wish, by its name.
    pub(super) fn lists(&self) -> [(&'static str, Vec<u32>); 5] {
        let having = |wish: fn(&Wishes) -> bool| -> Vec<u32> {
            self.wishes.iter().filter(|(_, wishes)| wish(wishes)).map(|(id, _)| *id).collect()
        };
        [
            ("lstrip", having(|wishes| wishes.lstrip)),
            ("rstrip", having(|wishes| wishes.rstrip)),
            ("single_word", having(|wishes| wishes.single_word)),
            ("normalized", having(|wishes| wishes.normalized)),
            ("symbol", having(|wishes| wishes.symbol)),
        ]
    }

    /// Gives a token its type; control tokens and the unknown one stay what they are.
    pub(super) fn mark(&mut self, id: u32, ty: TokenType) {
        if let Some(Some((_, old))) = self.tokens.get_mut(id as usize)
            && !matches!(old, TokenType::Control | TokenType::Unknown)
        {
            *old = ty;
        }
    }

    /// Tokens and their types by id, rows without a token filled.
    pub(super) fn finish(self) -> (Vec<String>, Vec<i32>) {
        let mut tokens = Vec::with_capacity(self.tokens.len());
        let mut types = Vec::with_capacity(self.tokens.len());
        for (id, slot) in self.tokens.into_iter().enumerate() {
            let (token, ty) = slot.unwrap_or_else(|| {
                let mut name = format!("[unused {id}]");
                while self.ids.contains_key(&name) {
                    name.push('_');
                }
                (name, TokenType::Unused)
            });
            tokens.push(token);
            types.push(ty as i32);
        }
        (tokens, types)
    }
}
