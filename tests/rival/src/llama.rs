//! llama.cpp behind safe calls: open, decode, logits, tokenise, quantise, and what it says of its own build.
//!
//! Contexts are made as `llama-bench` makes them: logical batch 2048, physical batch 512, flash attention as llama.cpp
//! chooses, f16 keys and values, the file mapped and repacked where llama.cpp has a repacked kernel.

#![allow(unsafe_code)]

use crate::Result;
use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Once;

/// Tokens that llama.cpp takes in one call.
const BATCH: usize = 2048;
/// The same as mtmd takes it.
pub const BATCH_ROWS: i32 = BATCH as i32;
/// Rows that pass through its graph together.
const UBATCH: u32 = 512;

/// Drops what llama.cpp says unless it is an error.
unsafe extern "C" fn log(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if level == sys::GGML_LOG_LEVEL_ERROR && !text.is_null() {
        // SAFETY: llama.cpp passes a string that ends with a zero.
        eprint!("llama.cpp: {}", unsafe { CStr::from_ptr(text) }.to_string_lossy());
    }
}

/// Starts llama.cpp's backends, once.
pub fn start() {
    static ONCE: Once = Once::new();
    // SAFETY: no arguments but a function that lives as long as the program.
    ONCE.call_once(|| unsafe {
        sys::llama_log_set(Some(log), std::ptr::null_mut());
        sys::mtmd_log_set(Some(log), std::ptr::null_mut());
        sys::llama_backend_init();
    });
}

/// The instruction sets and options llama.cpp was built with, in its words.
pub fn system_info() -> String {
    start();
    // SAFETY: both are strings of llama.cpp's own that end with a zero.
    let (version, info) = unsafe { (text(sys::llama_version()), text(sys::llama_print_system_info())) };
    format!("llama.cpp {version}: {info}")
}

/// # Safety
/// `s` points to a string that ends with a zero.
unsafe fn text(s: *const c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(s) }.to_string_lossy().trim().to_owned()
}

/// A path as C takes it.
pub fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| format!("{}: a zero byte", path.display()).into())
}

/// A recipe of llama.cpp's quantiser by the name of its files.
pub fn recipe(name: &str) -> Result<sys::llama_ftype> {
    Ok(match name {
        "f32" => sys::LLAMA_FTYPE_ALL_F32,
        "f16" => sys::LLAMA_FTYPE_MOSTLY_F16,
        "bf16" => sys::LLAMA_FTYPE_MOSTLY_BF16,
        "q4_0" => sys::LLAMA_FTYPE_MOSTLY_Q4_0,
        "q4_1" => sys::LLAMA_FTYPE_MOSTLY_Q4_1,
        "q5_0" => sys::LLAMA_FTYPE_MOSTLY_Q5_0,
        "q5_1" => sys::LLAMA_FTYPE_MOSTLY_Q5_1,
        "q8_0" => sys::LLAMA_FTYPE_MOSTLY_Q8_0,
        "q2_k" => sys::LLAMA_FTYPE_MOSTLY_Q2_K,
        "q3_k_m" => sys::LLAMA_FTYPE_MOSTLY_Q3_K_M,
        "q4_k_m" => sys::LLAMA_FTYPE_MOSTLY_Q4_K_M,
        "q5_k_m" => sys::LLAMA_FTYPE_MOSTLY_Q5_K_M,
        "q6_k" => sys::LLAMA_FTYPE_MOSTLY_Q6_K,
        "iq4_nl" => sys::LLAMA_FTYPE_MOSTLY_IQ4_NL,
        "iq4_xs" => sys::LLAMA_FTYPE_MOSTLY_IQ4_XS,
        _ => return Err(format!("no recipe of llama.cpp's is called {name}").into()),
    })
}

/// Rewrites a model file by one of llama.cpp's recipes.
pub fn quantize(from: &Path, to: &Path, recipe: sys::llama_ftype, threads: i32) -> Result<()> {
    start();
    let (input, output) = (c_path(from)?, c_path(to)?);
    // SAFETY: no arguments.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.nthread = threads;
    params.ftype = recipe;
    params.allow_requantize = true;
    // SAFETY: strings and parameters outlive the call.
    match unsafe { sys::llama_model_quantize(input.as_ptr(), output.as_ptr(), &raw const params) } {
        0 => Ok(()),
        code => Err(format!("llama.cpp could not make {} from {}: {code}", to.display(), from.display()).into()),
    }
}

/// An open model.
pub struct Model {
    raw: *mut sys::llama_model,
    vocabulary: *const sys::llama_vocab,
}

impl Model {
    /// Opens a file, mapped.
    pub fn open(path: &Path) -> Result<Self> {
        start();
        let name = c_path(path)?;
        // SAFETY: no arguments; then a string that outlives the call; then a model that is not null.
        unsafe {
            let mut params = sys::llama_model_default_params();
            params.load_mode = sys::LLAMA_LOAD_MODE_MMAP;
            let raw = sys::llama_model_load_from_file(name.as_ptr(), params);
            if raw.is_null() {
                return Err(format!("llama.cpp could not open {}", path.display()).into());
            }
            Ok(Self { raw, vocabulary: sys::llama_model_get_vocab(raw) })
        }
    }

    /// As llama.cpp's functions take it.
    pub(crate) fn raw(&self) -> *const sys::llama_model {
        self.raw
    }

    /// Width of the rows that it takes.
    pub fn width(&self) -> usize {
        // SAFETY: the model is alive.
        unsafe { sys::llama_model_n_embd_inp(self.raw) }.unsigned_abs() as usize
    }

    /// Tokens the model knows.
    pub fn vocabulary(&self) -> usize {
        // SAFETY: the vocabulary lives as long as the model.
        unsafe { sys::llama_vocab_n_tokens(self.vocabulary) }.unsigned_abs() as usize
    }

    /// The ids of a text, with the tokens that the model wants around it, special tokens recognised.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = vec![0; text.len() + 16];
        let room = i32::try_from(ids.len())?;
        // SAFETY: text and ids are as long as said.
        let count = unsafe {
            sys::llama_tokenize(self.vocabulary, text.as_ptr().cast(), room - 16, ids.as_mut_ptr(), room, true, true)
        };
        let count = usize::try_from(count).map_err(|_| format!("llama.cpp could not tokenise {text:?}"))?;
        Ok(ids[..count].iter().map(|id| id.cast_unsigned()).collect())
    }

    /// The text of ids, without special tokens.
    pub fn detokenize(&self, ids: &[u32]) -> Result<String> {
        let ids: Vec<i32> = ids.iter().map(|id| id.cast_signed()).collect();
        let mut text = vec![0u8; 64 + 32 * ids.len()];
        let (count, room) = (i32::try_from(ids.len())?, i32::try_from(text.len())?);
        // SAFETY: ids and text are as long as said.
        let len = unsafe {
            sys::llama_detokenize(self.vocabulary, ids.as_ptr(), count, text.as_mut_ptr().cast(), room, false, false)
        };
        text.truncate(usize::try_from(len).map_err(|_| "llama.cpp could not make a text of tokens")?);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// A context with room for `positions`.
    pub fn context(&self, positions: usize, threads: usize) -> Result<Context<'_>> {
        let threads = i32::try_from(threads)?;
        // SAFETY: no arguments; then a model that the context borrows.
        let raw = unsafe {
            let mut params = sys::llama_context_default_params();
            params.n_ctx = u32::try_from(positions)?;
            params.n_batch = u32::try_from(BATCH)?;
            params.n_ubatch = UBATCH;
            params.n_threads = threads;
            params.n_threads_batch = threads;
            params.flash_attn_type = sys::LLAMA_FLASH_ATTN_TYPE_AUTO;
            params.no_perf = true;
            sys::llama_init_from_model(self.raw, params)
        };
        if raw.is_null() {
            return Err(format!("llama.cpp could not make a context of {positions} positions").into());
        }
        Ok(Context { raw, vocabulary: self.vocabulary(), model: PhantomData })
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: made by llama.cpp, freed once; contexts borrow the model, so none is left.
        unsafe { sys::llama_model_free(self.raw) }
    }
}

/// A context: one sequence that grows.
pub struct Context<'a> {
    raw: *mut sys::llama_context,
    vocabulary: usize,
    model: PhantomData<&'a Model>,
}

impl Context<'_> {
    /// Forgets the sequence.
    pub fn clear(&mut self) {
        // SAFETY: the context is alive, and so is its memory.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.raw), false) }
    }

    /// Appends tokens; the logits of the last are returned.
    pub fn feed(&mut self, ids: &[u32]) -> Result<&[f32]> {
        let mut ids: Vec<i32> = ids.iter().map(|id| id.cast_signed()).collect();
        for part in ids.chunks_mut(BATCH) {
            let count = i32::try_from(part.len())?;
            // SAFETY: the batch refers to `part`, which outlives the call.
            let code = unsafe { sys::llama_decode(self.raw, sys::llama_batch_get_one(part.as_mut_ptr(), count)) };
            if code != 0 {
                return Err(format!("llama.cpp could not decode {count} tokens: {code}").into());
            }
        }
        self.last_logits()
    }

    /// Appends tokens, at most [`BATCH`]; `each` is given every index and its logits.
    pub fn feed_each(&mut self, ids: &[u32], each: &mut dyn FnMut(usize, &[f32])) -> Result<()> {
        if ids.len() > BATCH {
            return Err(format!("{} tokens at once, at most {BATCH}", ids.len()).into());
        }
        let mut ids: Vec<i32> = ids.iter().map(|id| id.cast_signed()).collect();
        let mut wanted = vec![1i8; ids.len()];
        let count = i32::try_from(ids.len())?;
        // SAFETY: the batch refers to `ids` and `wanted`, which outlive the call.
        let code = unsafe {
            let mut batch = sys::llama_batch_get_one(ids.as_mut_ptr(), count);
            batch.logits = wanted.as_mut_ptr();
            sys::llama_decode(self.raw, batch)
        };
        if code != 0 {
            return Err(format!("llama.cpp could not decode {count} tokens: {code}").into());
        }
        for i in 0..count {
            each(i.unsigned_abs() as usize, self.logits(i)?);
        }
        Ok(())
    }

    /// As llama.cpp's functions take it.
    pub(crate) fn raw(&mut self) -> *mut sys::llama_context {
        self.raw
    }

    /// Those of the row that was read last.
    pub fn last_logits(&mut self) -> Result<&[f32]> {
        // SAFETY: the context is alive.
        unsafe { sys::llama_synchronize(self.raw) };
        self.logits(-1)
    }

    fn logits(&mut self, index: i32) -> Result<&[f32]> {
        // SAFETY: the context is alive; a row of logits is as long as the vocabulary and lives until the next call.
        unsafe {
            let row = sys::llama_get_logits_ith(self.raw, index);
            if row.is_null() {
                return Err(format!("llama.cpp has no logits at {index}").into());
            }
            Ok(std::slice::from_raw_parts(row, self.vocabulary))
        }
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: made by llama.cpp, freed once.
        unsafe { sys::llama_free(self.raw) }
    }
}
