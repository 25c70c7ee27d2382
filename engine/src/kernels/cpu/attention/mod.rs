//! Softmax attention of one head without storing the scores: keys come in tiles, and a running maximum and sum are
//! corrected as they rise (online softmax; Milakov & Gimelshein 2018, Rabe & Staats 2021).
//!
//! Keys and values are read through a [`Stream`], which hides whether they are rows of a tower or slots of a cache.

mod blocked;
mod heads;
mod online;

pub use blocked::{attend as attend_over, packed};
pub use heads::{Group, attend_heads as attend_heads_over};

use super::table;
use crate::kernels::{HeadBias, Span};
use half::slice::HalfFloatSliceExt;
use ocelli_quant::blocks::q8_0::BlockQ8_0;
use std::ops::Range;
use std::slice;

/// Keys a tile.
pub const KEYS: usize = 64;

/// Most queries a block: enough to pay for bringing a tile of keys and values into the order the kernels like.
pub const QUERIES: usize = 64;

/// A number, or a block of numbers, as keys and values are stored.
pub trait Stored: Copy + Send + Sync + 'static {
    /// Numbers in one.
    const NUMBERS: usize;
    /// Number `i` of a row, as f32.
    fn load(row: &[Self], i: usize) -> f32;
    /// Writes a row; what is left of the last block is 0.
    fn store(numbers: &[f32], row: &mut [Self]);
    /// The SIMD versions read whole rows: which type is it?
    fn kind(row: &[Self]) -> StoredSlice<'_>;
    /// The kernels of an instruction set for this type.
    fn of(table: &table::Table) -> &table::Attention<Self>;
    /// How many hold a row of `width` numbers.
    fn count(width: usize) -> usize {
        width.div_ceil(Self::NUMBERS)
    }
}

/// A row of any stored type.
pub enum StoredSlice<'a> {
    /// f32
    F32(&'a [f32]),
    /// IEEE half
    F16(&'a [half::f16]),
    /// Blocks of 32 bytes with a scale.
    Q8_0(&'a [BlockQ8_0]),
}

impl Stored for f32 {
    const NUMBERS: usize = 1;
    fn load(row: &[Self], i: usize) -> f32 {
        row[i]
    }
    fn store(numbers: &[f32], row: &mut [Self]) {
        row.copy_from_slice(numbers);
    }
    fn kind(row: &[Self]) -> StoredSlice<'_> {
        StoredSlice::F32(row)
    }
    fn of(table: &table::Table) -> &table::Attention<Self> {
        &table.f32
    }
}

impl Stored for half::f16 {
    const NUMBERS: usize = 1;
    fn load(row: &[Self], i: usize) -> f32 {
        row[i].to_f32()
    }
    fn store(numbers: &[f32], row: &mut [Self]) {
        row.convert_from_f32_slice(numbers);
    }
    fn kind(row: &[Self]) -> StoredSlice<'_> {
        StoredSlice::F16(row)
    }
    fn of(table: &table::Table) -> &table::Attention<Self> {
        &table.f16
    }
}

impl Stored for BlockQ8_0 {
    const NUMBERS: usize = Self::LEN;
    fn load(row: &[Self], i: usize) -> f32 {
        let block = &row[i / Self::LEN];
        block.d() * f32::from(block.qs[i % Self::LEN])
    }
    fn store(numbers: &[f32], row: &mut [Self]) {
        for (numbers, to) in numbers.chunks(Self::LEN).zip(row) {
            let mut whole = [0.0; Self::LEN];
            whole[..numbers.len()].copy_from_slice(numbers);
            *to = Self::encode(&whole);
        }
    }
    fn kind(row: &[Self]) -> StoredSlice<'_> {
        StoredSlice::Q8_0(row)
    }
    fn of(table: &table::Table) -> &table::Attention<Self> {
        &table.q8_0
    }
}

/// One head's keys and values: position `p` of a span starting at slot `s` lies at `(s + p) * stride`.
#[derive(Clone, Copy)]
pub struct Stream<'a, T> {
    /// Keys, from this head's first one on.
    pub keys: &'a [T],
    /// Values, likewise.
    pub values: &'a [T],
    /// From one position to the next.
    pub stride: usize,
    /// Of one position.
    pub row: usize,
    /// Where the positions are.
    pub spans: &'a [Span],
}

impl<'a, T> Stream<'a, T> {
    /// The key at a slot.
    #[inline]
    pub fn key(&self, slot: usize) -> &'a [T] {
        &self.keys[slot * self.stride..][..self.row]
    }

    /// The value at a slot.
    #[inline]
    pub fn value(&self, slot: usize) -> &'a [T] {
        &self.values[slot * self.stride..][..self.row]
    }
}

/// Queries of one head that go through its keys together.
#[derive(Clone, Copy)]
pub struct Queries<'a> {
    /// From the first query's first number on.
    pub data: &'a [f32],
    /// Numbers from one query to the next.
    pub stride: usize,
    /// Queries.
    pub count: usize,
    /// Numbers a query.
    pub width: usize,
    /// Multiplies the dot products.
    pub scale: f32,
    /// Positions the first query sees.
    pub visible: usize,
    /// How many more each following one sees: 1 where causal, else 0.
    pub growth: usize,
    /// How far back a query sees, its own position included; 0 is no limit.
    pub window: usize,
    /// Added to the scores.
    pub bias: HeadBias<'a>,
    /// The position of the first query, the following ones behind it; what the bias is counted from.
    pub own: usize,
    /// Queries the head has in this call, all blocks together: kernels choose their method by it and never by `count`,
    /// so that the bits do not depend on how the queries were split.
    pub total: usize,
}

impl<'a> Queries<'a> {
    /// Query `i`.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.data[i * self.stride..][..self.width]
    }

    /// Query `i` sees the positions before this one, from [`Queries::first`] on.
    pub fn sees(&self, i: usize) -> usize {
        self.visible + i * self.growth
    }

    /// [`bias`] for query `i`.
    pub fn bias(&self, i: usize, at: usize, scores: &mut [f32]) {
        bias(self.bias, self.scale, self.own + i, at, scores);
    }

    /// The first position query `i` sees.
    pub fn first(&self, i: usize) -> usize {
        if self.window == 0 { 0 } else { (self.own + i + 1).saturating_sub(self.window) }
    }
}

/// One thread's buffers; they grow to the widest head and stay.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The result, `count * width`.
    pub out: Vec<f32>,
    /// For the SIMD versions: a tile's keys, values and scores.
    pub packed: Vec<super::panel::Line>,
}

/// `softmax(scale q · keys) values` for each query, over the positions it sees; the rows follow one another.
pub fn attend<'s, T: Stored>(
    isa: &table::Table,
    queries: &Queries<'_>,
    stream: &Stream<'_, T>,
    scratch: &'s mut Scratch,
) -> &'s [f32] {
    let len = queries.count * queries.width;
    if scratch.out.len() < len {
        scratch.out.resize(len, 0.0);
    }
    let out = &mut scratch.out[..len];
    (T::of(isa).attend)(queries, stream, &mut scratch.packed, out);
    out
}

/// The plain version, query by query.
pub fn plain<T: Stored>(
    queries: &Queries<'_>,
    stream: &Stream<'_, T>,
    _: &mut Vec<super::panel::Line>,
    out: &mut [f32],
) {
    for (i, out) in out.chunks_exact_mut(queries.width).enumerate() {
        scalar(queries, i, stream, out);
    }
}

/// Does to the dot products of the query at position `own` with the keys from position `at` on what a head's bias says; the
/// products are scaled later.
#[allow(clippy::cast_precision_loss)] // contexts end at 2^24
pub fn bias(bias: HeadBias<'_>, scale: f32, own: usize, at: usize, scores: &mut [f32]) {
    match bias {
        HeadBias::None => {}
        HeadBias::Cap(cap) => {
            let (by, back) = (scale / cap, cap / scale);
            scores.iter_mut().for_each(|score| *score = back * super::math::tanh(*score * by));
        }
        HeadBias::Slope(slope) => {
            let (slope, first) = (slope / scale, at as f32 - own as f32);
            for (j, score) in scores.iter_mut().enumerate() {
                *score += slope * -(first + j as f32).abs();
            }
        }
        HeadBias::Line(line) => {
            let (Some(&furthest), Some(&last)) = (line.first(), line.last()) else { return };
            // Keys before those that the line tells apart, those, and the ones behind them.
            let (reach, inverse) = (line.len() / 2, 1.0 / scale);
            let before = own.saturating_sub(reach).saturating_sub(at).min(scores.len());
            let within = line.get((at + before + reach).saturating_sub(own)..).unwrap_or_default();
            let (far, rest) = scores.split_at_mut(before);
            let (near, behind) = rest.split_at_mut(within.len().min(rest.len()));
            far.iter_mut().for_each(|score| *score += furthest * inverse);
            near.iter_mut().zip(within).for_each(|(score, number)| *score += number * inverse);
            behind.iter_mut().for_each(|score| *score += last * inverse);
        }
    }
}

/// Numbers behind a head's sums in the results of [`table::Attention::heads`]: the maximum of its scores, and the total of its
/// weights.
pub const STATS: usize = 2;

/// Adds to the scores of a head, the dot products with the keys from some position on.
pub type Biases<'a> = &'a dyn Fn(usize, usize, &mut [f32]);

/// Puts the parts of one head together: `parts` are results of [`table::Attention::heads`], each from this head's place on.
pub fn combine<'a>(parts: impl Iterator<Item = &'a [f32]> + Clone, out: &mut [f32]) {
    let width = out.len();
    let max = parts.clone().map(|p| p[width]).fold(f32::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a });
    let mut total = 0.0;
    out.fill(0.0);
    for part in parts {
        let factor = super::math::exp(part[width] - max);
        total += factor * part[width + 1];
        for (out, sum) in out.iter_mut().zip(part) {
            *out += factor * sum;
        }
    }
    let inverse = 1.0 / total;
    out.iter_mut().for_each(|o| *o *= inverse);
}

/// The positions `visible` as pieces of at most [`KEYS`]: the first slot of each, and how many.
pub fn tiles(spans: &[Span], visible: Range<usize>) -> Tiles<'_> {
    let left = visible.end.saturating_sub(visible.start);
    Tiles { spans: spans.iter(), skip: visible.start, left, at: 0, len: 0 }
}

/// See [`tiles`]. An iterator, since a closure around vectors would be compiled without their instructions.
pub struct Tiles<'a> {
    spans: slice::Iter<'a, Span>,
    /// Positions before the first.
    skip: usize,
    /// Positions in the spans to come.
    left: usize,
    /// What is left of a span.
    at: usize,
    len: usize,
}

impl Iterator for Tiles<'_> {
    type Item = (usize, usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.len == 0 {
            let span = self.spans.next()?;
            let skipped = self.skip.min(span.len as usize);
            self.skip -= skipped;
            self.at = span.start as usize + skipped;
            self.len = (span.len as usize - skipped).min(self.left);
            self.left -= self.len;
        }
        let (at, count) = (self.at, self.len.min(KEYS));
        self.at += count;
        self.len -= count;
        Some((at, count))
    }
}

fn scalar<T: Stored>(queries: &Queries<'_>, i: usize, stream: &Stream<'_, T>, out: &mut [f32]) {
    let q = queries.row(i);
    let (mut max, mut sum) = (f32::NEG_INFINITY, 0f32);
    let mut seen = queries.first(i);
    out.fill(0.0);
    for (at, count) in tiles(stream.spans, seen..queries.sees(i)) {
        let mut scores = [0f32; KEYS];
        let mut top = max;
        for (j, score) in scores[..count].iter_mut().enumerate() {
            let key = stream.key(at + j);
            *score = q.iter().enumerate().map(|(d, q)| q * T::load(key, d)).sum::<f32>();
        }
        queries.bias(i, seen, &mut scores[..count]);
        seen += count;
        for score in &mut scores[..count] {
            *score *= queries.scale;
            // Not f32::max, which drops a NaN: damage must show in the output.
            if *score > top || score.is_nan() {
                top = *score;
            }
        }
        let correction = super::math::exp(max - top);
        if max > f32::NEG_INFINITY && correction != 1.0 {
            out.iter_mut().for_each(|o| *o *= correction);
            sum *= correction;
        }
        max = top;
        for (j, score) in scores[..count].iter().enumerate() {
            let p = super::math::exp(score - max);
            sum += p;
            let value = stream.value(at + j);
            for (d, o) in out.iter_mut().enumerate() {
                *o += p * T::load(value, d);
            }
        }
    }
    let inverse = 1.0 / sum;
    out.iter_mut().for_each(|o| *o *= inverse);
}
