//! A model's tokenizer.

use super::model::on;
use super::ocelli_model;
use crate::{options, strings};
use ocelli_engine::Error;
use ocelli_engine::tokenizer::{EncodeOptions, TokenKind};
use std::ffi::c_char;

/// Of ocelli_tokenize(): put around the text what the tokenizer puts around texts.
pub const OCELLI_TOKENIZE_SPECIAL: u32 = 1;

/// Of ocelli_tokenize(): take the names of special tokens in the text for plain text.
pub const OCELLI_TOKENIZE_PLAIN: u32 = 2;

/// The token ids of a text of size bytes. Special tokens that it spells are read, unless OCELLI_TOKENIZE_PLAIN is set; the
/// one that stands for a picture never is. flags are OCELLI_TOKENIZE_* bits. count, unless NULL, receives how many there
/// are; as many as capacity allows are written to tokens, which may be NULL if that is 0.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8,
/// OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED (flags), or OCELLI_ERR_MODEL (the tokenizer refuses the text).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_tokenize(
    model: *const ocelli_model,
    text: *const c_char,
    size: usize,
    flags: u32,
    tokens: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    on(model, |cell| {
        // SAFETY: the header's rules on strings.
        let text = unsafe { strings::sized("text", text, size) }?;
        options::known("flags", flags, OCELLI_TOKENIZE_SPECIAL | OCELLI_TOKENIZE_PLAIN)?;
        let options = EncodeOptions {
            add_special: flags & OCELLI_TOKENIZE_SPECIAL != 0,
            parse_special: flags & OCELLI_TOKENIZE_PLAIN == 0,
        };
        let ids = cell.model.tokenizer().encode(text, options).map_err(Error::from)?;
        // SAFETY: the header's rules on buffers.
        unsafe { strings::items("tokens", &ids, tokens, capacity, count) }
    })
}

/// The text of count token ids, special ones left out. The rules on buffer, capacity and needed are those of
/// ocelli_last_error().
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, or
/// OCELLI_ERR_MODEL (the model has no such token).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_detokenize(
    model: *const ocelli_model,
    tokens: *const u32,
    count: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    on(model, |cell| {
        // SAFETY: the header's rules on arrays and buffers.
        unsafe {
            let ids = strings::slice("tokens", tokens, count)?;
            let text = cell.model.tokenizer().decode(ids, true).map_err(Error::from)?;
            strings::text(&text, buffer, capacity, needed)
        }
    })
}

/// Of ocelli_detokenize_with(): special tokens are written by their names.
pub const OCELLI_DETOKENIZE_SPECIAL: u32 = 1;

/// As ocelli_detokenize(), flags being OCELLI_DETOKENIZE_* bits.
///
/// Returns as ocelli_detokenize() does, or OCELLI_ERR_UNSUPPORTED (flags).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_detokenize_with(
    model: *const ocelli_model,
    tokens: *const u32,
    count: usize,
    flags: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    on(model, |cell| {
        options::known("flags", flags, OCELLI_DETOKENIZE_SPECIAL)?;
        // SAFETY: the header's rules on arrays and buffers.
        unsafe {
            let ids = strings::slice("tokens", tokens, count)?;
            let skips = flags & OCELLI_DETOKENIZE_SPECIAL == 0;
            let text = cell.model.tokenizer().decode(ids, skips).map_err(Error::from)?;
            strings::text(&text, buffer, capacity, needed)
        }
    })
}

/// Of ocelli_token_piece(): it steers the model and is no text, such as </s>.
pub const OCELLI_TOKEN_CONTROL: u32 = 1;

/// Of ocelli_token_piece(): it stands for what the vocabulary lacks.
pub const OCELLI_TOKEN_UNKNOWN: u32 = 2;

/// Of ocelli_token_piece(): text that is found before anything else is split.
pub const OCELLI_TOKEN_USER: u32 = 4;

/// Of ocelli_token_piece(): it only fills a row of the embedding table.
pub const OCELLI_TOKEN_UNUSED: u32 = 8;

/// Of ocelli_token_piece(): a single byte, for what no other token covers.
pub const OCELLI_TOKEN_BYTE: u32 = 16;

/// Of ocelli_token_piece(): a generated text ends at it.
pub const OCELLI_TOKEN_ENDS: u32 = 32;

/// Of ocelli_token_piece(): it stands for a picture, and no text spells it.
pub const OCELLI_TOKEN_IMAGE: u32 = 64;

/// The bytes that one token stands for, or the name of a special one, which need not be whole characters: a text is
/// ocelli_detokenize()'s. kind, unless NULL, receives OCELLI_TOKEN_* bits, 0 for plain text. The rules on buffer, capacity and
/// needed are those of ocelli_last_error(), but that a piece may be cut and may hold NULs of its own.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, or
/// OCELLI_ERR_MODEL (the model has no such token).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_token_piece(
    model: *const ocelli_model,
    token: u32,
    kind: *mut u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    on(model, |cell| {
        let tokenizer = cell.model.tokenizer();
        let bytes = tokenizer.token_bytes(token).map_err(Error::from)?;
        let is = match tokenizer.kind(token) {
            Some(TokenKind::Control) => OCELLI_TOKEN_CONTROL,
            Some(TokenKind::Unknown) => OCELLI_TOKEN_UNKNOWN,
            Some(TokenKind::UserDefined) => OCELLI_TOKEN_USER,
            Some(TokenKind::Unused) => OCELLI_TOKEN_UNUSED,
            Some(TokenKind::Byte) => OCELLI_TOKEN_BYTE,
            Some(TokenKind::Normal) | None => 0,
        };
        let ends = if cell.model.defaults().ends(token) { OCELLI_TOKEN_ENDS } else { 0 };
        let image = if tokenizer.reserved() == Some(token) { OCELLI_TOKEN_IMAGE } else { 0 };
        // SAFETY: the header's rules on pointers and buffers.
        unsafe {
            strings::tell(kind, is | ends | image);
            strings::bytes(bytes, buffer, capacity, needed)
        }
    })
}
