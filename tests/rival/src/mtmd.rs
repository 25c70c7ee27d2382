//! llama.cpp's mtmd behind safe calls: a projector file with or without its language model, a picture with the text around
//! it, the rows that it becomes.
//!
//! What is timed is what its own tools call: `mtmd_tokenize` prepares the picture, `mtmd_encode_chunk` runs the tower,
//! `mtmd_helper_decode_image_chunk` hands rows to the language model.

#![allow(unsafe_code)]

use crate::{Result, llama};
use llama_cpp_sys_2 as sys;
use std::marker::PhantomData;
use std::path::Path;
use std::time::{Duration, Instant};

/// An open projector.
pub struct Mtmd<'a> {
    raw: *mut sys::mtmd_context,
    width: usize,
    model: PhantomData<&'a llama::Model>,
}

/// A picture and its text, prepared.
pub struct Shown(*mut sys::mtmd_input_chunks);

/// Where the time to a first token went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stages {
    /// Resizing, tokens.
    pub prepare: Duration,
    /// Tower and projector.
    pub encode: Duration,
    /// The language model.
    pub prefill: Duration,
}

/// A square picture that differs with `number`, as bytes of red, green and blue. It has no edges: where one engine resizes what
/// the other takes as it is, edges would be what is compared.
pub fn pixels(side: u32, number: usize) -> Vec<u8> {
    let turn = std::f64::consts::TAU / f64::from(side);
    let wave = |at: u32, times: usize| (f64::from(at) * turn * times as f64).sin();
    let pixel = |x: u32, y: u32| {
        [2, 3, 5].map(|times| (127.5 + 60.0 * (wave(x, times + number % 3) + wave(y, times + 1 + number % 5))) as u8)
    };
    (0..side).flat_map(|y| (0..side).flat_map(move |x| pixel(x, y))).collect()
}

impl<'a> Mtmd<'a> {
    /// Opens a projector file; without a language model it can only encode. A picture becomes at most `rows` rows, where this is
    /// not 0 and llama.cpp can do it.
    pub fn open(path: &Path, model: Option<&'a llama::Model>, threads: usize, rows: u32) -> Result<Self> {
        llama::start();
        let name = llama::c_path(path)?;
        let text = model.map_or(std::ptr::null(), llama::Model::raw);
        // SAFETY: no arguments; then strings that outlive the call, and a model that this borrows, or none.
        let raw = unsafe {
            let mut params = sys::mtmd_context_params_default();
            params.use_gpu = false;
            params.print_timings = false;
            params.n_threads = i32::try_from(threads)?;
            if rows > 0 {
                params.image_max_tokens = i32::try_from(rows)?;
            }
            sys::mtmd_init_from_file(name.as_ptr(), text, params)
        };
        if raw.is_null() {
            return Err(format!("llama.cpp could not open {}", path.display()).into());
        }
        Ok(Self { raw, width: model.map_or(0, llama::Model::width), model: PhantomData })
    }

    /// A picture of `side` by `side`, and text behind it where there is any.
    pub fn show(&self, text: &str, side: u32, rgb: &[u8]) -> Result<Shown> {
        if rgb.len() != side as usize * side as usize * 3 {
            return Err("as many bytes as the picture has".into());
        }
        // SAFETY: strings and pixels outlive the calls, which copy them; what is made is freed once.
        unsafe {
            let shown = Shown(sys::mtmd_input_chunks_init());
            let bitmap = sys::mtmd_bitmap_init(side, side, rgb.as_ptr());
            let code = if text.is_empty() {
                let part = sys::mtmd_input_part { text: std::ptr::null(), bitmap };
                let parts = [&raw const part];
                sys::mtmd_tokenize_from_parts(self.raw, shown.0, parts.as_ptr().cast_mut(), 1, false)
            } else {
                let marker = std::ffi::CStr::from_ptr(sys::mtmd_default_marker()).to_string_lossy().into_owned();
                let whole = format!("{marker}{text}\0");
                let input = sys::mtmd_input_text {
                    text: whole.as_ptr().cast(),
                    text_len: whole.len() - 1,
                    add_special: true,
                    parse_special: true,
                };
                let mut bitmaps = [bitmap.cast_const()];
                sys::mtmd_tokenize(self.raw, shown.0, &raw const input, bitmaps.as_mut_ptr(), 1)
            };
            sys::mtmd_bitmap_free(bitmap);
            if code != 0 {
                return Err(format!("llama.cpp could not prepare a picture: {code}").into());
            }
            Ok(shown)
        }
    }

    /// Runs the tower for every part of a picture.
    pub fn encode(&mut self, shown: &mut Shown) -> Result<()> {
        for chunk in shown.pictures() {
            self.encode_chunk(chunk)?;
        }
        Ok(())
    }

    /// The rows of every part of a picture, one behind the other.
    pub fn rows(&mut self, shown: &mut Shown) -> Result<Vec<f32>> {
        let mut rows = Vec::new();
        for chunk in shown.pictures() {
            self.encode_chunk(chunk)?;
            // SAFETY: the rows of the chunk that was encoded last, as many as it says, as wide as the language model.
            unsafe {
                let count = sys::mtmd_input_chunk_get_n_tokens(chunk);
                let data = sys::mtmd_get_output_embd(self.raw);
                rows.extend_from_slice(std::slice::from_raw_parts(data, count * self.width));
            }
        }
        Ok(rows)
    }

    fn encode_chunk(&mut self, chunk: *const sys::mtmd_input_chunk) -> Result<()> {
        // SAFETY: both live.
        let code = unsafe { sys::mtmd_encode_chunk(self.raw, chunk) };
        if code == 0 { Ok(()) } else { Err(format!("llama.cpp could not encode a picture: {code}").into()) }
    }

    /// From a picture and a text to the logits behind them, in an empty context; `stages` is told where the time went.
    pub fn first(
        &mut self,
        context: &mut llama::Context<'_>,
        (text, side, rgb): (&str, u32, &[u8]),
        stages: &mut Stages,
    ) -> Result<()> {
        context.clear();
        let start = Instant::now();
        let shown = self.show(text, side, rgb)?;
        stages.prepare = start.elapsed();
        let (mut past, count) = (0, shown.len());
        for at in 0..count {
            let (chunk, is_picture) = shown.chunk(at);
            let last = at + 1 == count;
            let start = Instant::now();
            if is_picture {
                self.encode_chunk(chunk)?;
                stages.encode += start.elapsed();
            }
            let start = Instant::now();
            let mut behind = past;
            // SAFETY: all live; the rows are those of the chunk that was encoded last.
            let code = unsafe {
                if is_picture {
                    let rows = sys::mtmd_get_output_embd(self.raw);
                    let (call, user) = (None, std::ptr::null_mut());
                    let (raw, batch) = (context.raw(), llama::BATCH_ROWS);
                    let new = &raw mut behind;
                    sys::mtmd_helper_decode_image_chunk(self.raw, raw, chunk, rows, past, 0, batch, new, call, user)
                } else {
                    let (raw, batch, new) = (context.raw(), llama::BATCH_ROWS, &raw mut behind);
                    sys::mtmd_helper_eval_chunk_single(self.raw, raw, chunk, past, 0, batch, last, new)
                }
            };
            if code != 0 {
                return Err(format!("llama.cpp could not read a prompt: {code}").into());
            }
            past = behind;
            stages.prefill += start.elapsed();
        }
        let start = Instant::now();
        context.last_logits()?;
        stages.prefill += start.elapsed();
        Ok(())
    }
}

impl Drop for Mtmd<'_> {
    fn drop(&mut self) {
        // SAFETY: made by llama.cpp, freed once.
        unsafe { sys::mtmd_free(self.raw) }
    }
}

impl Shown {
    fn len(&self) -> usize {
        // SAFETY: the list lives.
        unsafe { sys::mtmd_input_chunks_size(self.0) }
    }

    /// One of [`Self::len`], and whether it is a picture's.
    fn chunk(&self, at: usize) -> (*const sys::mtmd_input_chunk, bool) {
        // SAFETY: the list lives and is that long.
        unsafe {
            let chunk = sys::mtmd_input_chunks_get(self.0, at);
            (chunk, sys::mtmd_input_chunk_get_type(chunk) == sys::MTMD_INPUT_CHUNK_TYPE_IMAGE)
        }
    }

    fn pictures(&self) -> Vec<*const sys::mtmd_input_chunk> {
        (0..self.len()).map(|at| self.chunk(at)).filter(|(_, is_picture)| *is_picture).map(|(chunk, _)| chunk).collect()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // SAFETY: made by llama.cpp, freed once.
        unsafe { sys::mtmd_input_chunks_free(self.0) }
    }
}
