//! ggml's own functions for a tensor type: decode, encode, and the dot products of its processor backend.

#![allow(unsafe_code)]

use crate::Result;
use llama_cpp_sys_2 as sys;
use ocelli_quant::TensorType;
use std::sync::Once;

/// Fills ggml's tables.
fn start() {
    static ONCE: Once = Once::new();
    // SAFETY: no arguments.
    ONCE.call_once(|| unsafe { sys::ggml_cpu_init() });
}

fn bytes_of(ty: TensorType, elements: usize) -> Result<usize> {
    Ok(ty.row_bytes(elements).ok_or_else(|| format!("{elements} elements are not whole blocks of {ty}"))?)
}

/// Whole blocks as floats; `None` where ggml has no function because the type is what it decodes to.
pub fn decode(ty: TensorType, bytes: &[u8], out: &mut [f32]) -> Result<Option<()>> {
    start();
    if bytes_of(ty, out.len())? != bytes.len() {
        return Err(format!("{} bytes for {} elements of {ty}", bytes.len(), out.len()).into());
    }
    // SAFETY: the table of traits is ggml's and lives as long as the program.
    let Some(to_float) = (unsafe { (*sys::ggml_get_type_traits(ty.id())).to_float }) else { return Ok(None) };
    // SAFETY: both buffers hold what was checked above.
    unsafe { to_float(bytes.as_ptr().cast(), out.as_mut_ptr(), out.len().cast_signed() as i64) };
    Ok(Some(()))
}

/// Floats as whole blocks, rows of `width`, without an importance matrix.
pub fn encode(ty: TensorType, floats: &[f32], width: usize) -> Result<Vec<u8>> {
    start();
    let mut bytes = vec![0; bytes_of(ty, floats.len())?];
    bytes_of(ty, width)?;
    let rows = floats.len() / width;
    // SAFETY: whole rows go in, and their bytes are there.
    let written = unsafe {
        sys::ggml_quantize_chunk(
            ty.id(),
            floats.as_ptr(),
            bytes.as_mut_ptr().cast(),
            0,
            rows as i64,
            width as i64,
            std::ptr::null(),
        )
    };
    if written == bytes.len() {
        Ok(bytes)
    } else {
        Err(format!("ggml wrote {written} of {} bytes", bytes.len()).into())
    }
}

/// The dot product of every row of `weights` with `x`, as ggml's processor backend takes it without repacking.
pub fn dots(ty: TensorType, weights: &[u8], x: &[f32]) -> Result<Vec<f32>> {
    start();
    let row = bytes_of(ty, x.len())?;
    let count = i32::try_from(x.len())?;
    // SAFETY: the tables of traits are ggml's and live as long as the program.
    let (dot, beside) = unsafe {
        let traits = *sys::ggml_get_type_traits_cpu(ty.id());
        (traits.vec_dot, traits.vec_dot_type)
    };
    let dot = dot.ok_or_else(|| format!("ggml has no dot product of {ty}"))?;
    // SAFETY: as above; the size of a row of a known type.
    let (from_float, bytes) = unsafe {
        let from_float = (*sys::ggml_get_type_traits_cpu(beside)).from_float;
        (from_float, sys::ggml_row_size(beside, i64::from(count)))
    };
    // Words, so that ggml finds its blocks at an aligned address.
    let mut input = vec![0u64; bytes.div_ceil(8)];
    match from_float {
        // SAFETY: x is `count` long and the result has the size that ggml gave.
        Some(from_float) => unsafe { from_float(x.as_ptr(), input.as_mut_ptr().cast(), i64::from(count)) },
        None => return Err(format!("ggml has no input format for {ty}").into()),
    }
    let mut out = vec![0f32; weights.len() / row];
    for (out, weights) in out.iter_mut().zip(weights.chunks_exact(row)) {
        // SAFETY: one row of each, as long as said.
        unsafe { dot(count, out, 0, weights.as_ptr().cast(), 0, input.as_ptr().cast(), 0, 1) };
    }
    Ok(out)
}
