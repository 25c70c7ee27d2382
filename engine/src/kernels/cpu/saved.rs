//! Keys and values of some positions as bytes and back: all keys, then all values, each head's positions in order, then what
//! convolutions read, in the cache's own number format, so that what comes back is the same bits.

use super::attention::Stored;
use super::memory::{Convolved, KvData};
use super::{CacheShape, KvMemory, Span};
use ocelli_quant::blocks::q8_0::BlockQ8_0;
use std::ops::Range;

/// Where the positions of `spans` lie among a buffer's values, of which a head of a position has `row`.
fn ranges<'a>(shape: &CacheShape, row: usize, spans: &'a [Span]) -> impl Iterator<Item = Range<usize>> + use<'a> {
    let slots = shape.slots;
    (0..shape.layers * shape.heads).flat_map(move |head| {
        spans.iter().map(move |span| {
            let start = (head * slots + span.start as usize) * row;
            start..start + span.len as usize * row
        })
    })
}

fn take<T: bytemuck::Pod>(shape: &CacheShape, row: usize, all: &[&[T]], spans: &[Span], out: &mut Vec<u8>) {
    for values in all {
        ranges(shape, row, spans).for_each(|range| out.extend_from_slice(bytemuck::cast_slice(&values[range])));
    }
}

/// What is left of `data` is given back.
fn put<'a, T: bytemuck::Pod, const N: usize>(
    shape: &CacheShape,
    row: usize,
    all: [&mut [T]; N],
    spans: &[Span],
    mut data: &'a [u8],
) -> &'a [u8] {
    for values in all {
        for range in ranges(shape, row, spans) {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut values[range]);
            let (these, rest) = data.split_at(bytes.len());
            bytes.copy_from_slice(these);
            data = rest;
        }
    }
    data
}

/// The shape of what convolutions read, as one head of a cache's values a layer.
fn convolved(shape: &CacheShape) -> CacheShape {
    CacheShape { layers: shape.convolutions, heads: 1, ..*shape }
}

/// Appends the positions of `spans` to `out`.
pub fn save(memory: &KvMemory, spans: &[Span], out: &mut Vec<u8>) {
    let KvMemory { shape, data, convolved: read } = memory;
    match data {
        KvData::F16 { k, v } => take(shape, shape.head_width, &[k, v], spans, out),
        KvData::F32 { k, v } => take(shape, shape.head_width, &[k, v], spans, out),
        KvData::Q8_0 { k, v } => take(shape, BlockQ8_0::count(shape.head_width), &[k, v], spans, out),
    }
    match read {
        Convolved::F16(data) => take(&convolved(shape), shape.convolved, &[data], spans, out),
        Convolved::F32(data) => take(&convolved(shape), shape.convolved, &[data], spans, out),
    }
}

/// Puts positions that [`save`] wrote into `spans`; `data` has exactly their bytes.
pub fn restore(memory: &mut KvMemory, spans: &[Span], bytes: &[u8]) {
    let KvMemory { shape, data, convolved: read } = memory;
    let rest = match data {
        KvData::F16 { k, v } => put(shape, shape.head_width, [k, v], spans, bytes),
        KvData::F32 { k, v } => put(shape, shape.head_width, [k, v], spans, bytes),
        KvData::Q8_0 { k, v } => put(shape, BlockQ8_0::count(shape.head_width), [k, v], spans, bytes),
    };
    match read {
        Convolved::F16(data) => put(&convolved(shape), shape.convolved, [data], spans, rest),
        Convolved::F32(data) => put(&convolved(shape), shape.convolved, [data], spans, rest),
    };
}
