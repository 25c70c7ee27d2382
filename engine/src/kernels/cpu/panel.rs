//! Products of a few weight rows with input rows: the inner part of every matmul.
//!
//! A panel is up to [`PANEL`] weight rows. Float formats multiply the float input; block formats multiply the int8
//! input after being brought to one shape: 32 signed integers with a scale and a minimum for each half,
//! `w = scale[half] * q - min[half]`. That shape is the specification of all integer kernels; SIMD versions may read
//! the file's layout directly, and agree with it up to the order of float additions.

use super::input::{BLOCK, Input};
use ocelli_quant::TensorType;
use ocelli_quant::blocks::{iq4_nl, iq4_xs, q3_k, q4_k, q5_0};

/// Weight rows in a panel.
pub const PANEL: usize = 16;

/// Input rows in a tile.
pub const TILE: usize = 32;

/// Consecutive rows of one weight matrix.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// Their format.
    pub ty: TensorType,
    /// `rows` rows as in the file.
    pub bytes: &'a [u8],
    /// At most [`PANEL`]; beside an input of one row as many panels as [`super::table::Table::alone`] says.
    pub rows: usize,
    /// Numbers a row.
    pub width: usize,
}

/// Bytes in one cache line, aligned as one: what packed panels are made of.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct Line([u8; 64]);

impl Line {
    /// Floats in one.
    pub const FLOATS: usize = size_of::<Self>() / size_of::<f32>();
}

/// One thread's buffers for an unpacked panel; they grow to the widest layer and stay.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Float formats: `rows * width`.
    pub floats: Vec<f32>,
    /// Block formats: `rows * width` integers.
    pub quants: Vec<i8>,
    /// Block formats: a scale for each 16 integers.
    pub scales: Vec<f32>,
    /// Block formats: what is taken off each 16 after scaling, 0 for formats without.
    pub mins: Vec<f32>,
    /// For the SIMD versions: the panel in whatever order they like.
    pub packed: Vec<Line>,
}

/// Whether products with this format read the int8 input.
pub fn reads_quants(ty: TensorType) -> bool {
    !matches!(ty, TensorType::F32 | TensorType::F16 | TensorType::BF16)
}

/// The plain version of [`super::table::Table::multiply`], which unpacks every panel.
pub fn multiply(
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    scratch: &mut Scratch,
    tile: &mut [f32],
) {
    let width = weights.width;
    if from == 0 {
        unpack(weights, scratch);
    }
    for (m, out) in tile.chunks_exact_mut(PANEL).take(count).enumerate() {
        for (n, out) in out.iter_mut().take(weights.rows).enumerate() {
            *out = if reads_quants(weights.ty) {
                let (x_scales, x_sums) = input.factors(from + m);
                let w = &scratch.quants[n * width..(n + 1) * width];
                let w_scales = &scratch.scales[n * width / 16..(n + 1) * width / 16];
                let mins = &scratch.mins[n * width / 16..(n + 1) * width / 16];
                let mut sum = 0.0;
                for b in 0..width / BLOCK {
                    let x = input.block(from + m, b);
                    let half = |h: usize| -> i32 {
                        let at = b * BLOCK + h * 16;
                        w[at..at + 16].iter().zip(&x[h * 16..]).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum()
                    };
                    #[allow(clippy::cast_precision_loss)]
                    let block = w_scales[b * 2] * half(0) as f32 + w_scales[b * 2 + 1] * half(1) as f32
                        - (mins[b * 2] * f32::from(x_sums[b * 2]) + mins[b * 2 + 1] * f32::from(x_sums[b * 2 + 1]));
                    sum += x_scales[b] * block;
                }
                sum
            } else {
                dot(&scratch.floats[n * width..(n + 1) * width], input.row(from + m))
            };
        }
    }
}

/// A dot product in eight lanes.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (xs, ys) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail = xs.remainder().iter().zip(ys.remainder());
    for (lane, (x, y)) in lanes.iter_mut().zip(tail) {
        *lane = x * y;
    }
    for (x, y) in xs.zip(ys) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum()
}

/// Brings a panel to the shapes named in [`Scratch`]. The lengths were checked when the file was opened.
pub fn unpack(weights: &Weights<'_>, scratch: &mut Scratch) {
    let n = weights.rows * weights.width;
    if !reads_quants(weights.ty) {
        scratch.floats.resize(n.max(scratch.floats.len()), 0.0);
        let decoded = weights.ty.decode(weights.bytes, &mut scratch.floats[..n]);
        debug_assert!(decoded.is_ok());
        return;
    }
    scratch.quants.resize(n.max(scratch.quants.len()), 0);
    scratch.scales.resize((n / 16).max(scratch.scales.len()), 0.0);
    scratch.mins.resize((n / 16).max(scratch.mins.len()), 0.0);
    let out = Unpacked {
        quants: &mut scratch.quants[..n],
        scales: &mut scratch.scales[..n / 16],
        mins: &mut scratch.mins[..n / 16],
    };
    out.fill(weights.ty, weights.bytes);
}

struct Unpacked<'a> {
    quants: &'a mut [i8],
    scales: &'a mut [f32],
    mins: &'a mut [f32],
}

impl Unpacked<'_> {
    #[allow(clippy::cast_possible_wrap)] // values of at most 6 bits
    fn fill(self, ty: TensorType, bytes: &[u8]) {
        let f16 = |at: usize| half::f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32();
        let size = ty.block_bytes();
        let len = ty.block_len();
        self.mins.fill(0.0);
        for (i, at) in (0..bytes.len()).step_by(size).enumerate() {
            let q = &mut self.quants[i * len..(i + 1) * len];
            let scales = &mut self.scales[i * len / 16..(i + 1) * len / 16];
            let mins = &mut self.mins[i * len / 16..(i + 1) * len / 16];
            let block = &bytes[at..at + size];
            match ty {
                // d: f16, 32 x i8
                TensorType::Q8_0 => {
                    scales.fill(f16(at));
                    for (q, &b) in q.iter_mut().zip(&block[2..]) {
                        *q = b as i8;
                    }
                }
                // d: f16, 16 bytes: low nibbles are the first 16 numbers, high nibbles the rest; 8 is zero
                TensorType::Q4_0 => {
                    scales.fill(f16(at));
                    nibbles(&block[2..], q, |nibble| nibble as i8 - 8);
                }
                // d, m: f16, then as Q4_0; m is added
                TensorType::Q4_1 => {
                    scales.fill(f16(at));
                    mins.fill(-f16(at + 2));
                    nibbles(&block[4..], q, |nibble| nibble as i8);
                }
                // d: f16, 32 fifth bits, then as Q4_0; 16 is zero
                TensorType::Q5_0 => {
                    scales.fill(f16(at));
                    five_bits(&block[2..], q, 16);
                }
                // d, m: f16, then as Q5_0; m is added
                TensorType::Q5_1 => {
                    scales.fill(f16(at));
                    mins.fill(-f16(at + 2));
                    five_bits(&block[4..], q, 0);
                }
                TensorType::Q2K | TensorType::Q3K | TensorType::Q4K | TensorType::Q5K | TensorType::Q6K => {
                    super_block(ty, block, q, (scales, mins));
                }
                // as Q4_0, but a nibble stands for a value of the table
                TensorType::Iq4Nl => {
                    scales.fill(f16(at));
                    nibbles(&block[2..], q, |nibble| iq4_nl::VALUES[usize::from(nibble)]);
                }
                // d: f16, 8 packed 6-bit scales, 8 x 16 bytes as those of IQ4_NL
                TensorType::Iq4Xs => {
                    let d = f16(at);
                    let six_bits = iq4_xs::scales(copied(&block[2..]), copied(&block[4..]));
                    for (j, scale) in six_bits.into_iter().enumerate() {
                        scales[j * 2..j * 2 + 2].fill(d * f32::from(scale));
                        let q = &mut q[j * 32..][..32];
                        nibbles(&block[8 + j * 16..][..16], q, |nibble| iq4_nl::VALUES[usize::from(nibble)]);
                    }
                }
                TensorType::F32 | TensorType::F16 | TensorType::BF16 => {}
            }
        }
    }
}

/// A block of 256 numbers in groups with scales of their own.
#[allow(clippy::cast_possible_wrap)] // values of at most 6 bits
fn super_block(ty: TensorType, block: &[u8], q: &mut [i8], (scales, mins): (&mut [f32], &mut [f32])) {
    let f16 = |at: usize| half::f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
    match ty {
        // 16 pairs of nibbles, scale and minimum; 2 x 32 bytes of four pairs of bits; d, dmin: f16
        TensorType::Q2K => {
            let (d, dmin) = (f16(80), f16(82));
            for (j, &b) in block[..16].iter().enumerate() {
                scales[j] = d * f32::from(b & 15);
                mins[j] = dmin * f32::from(b >> 4);
            }
            for (j, q) in q.iter_mut().enumerate() {
                let (run, l) = (j / 32, j % 32);
                *q = (block[16 + run / 4 * 32 + l] >> (run % 4 * 2) & 3) as i8;
            }
        }
        // 32 bytes of third bits, low bits as Q2_K's, 16 packed 6-bit scales, d: f16; 4 is zero
        TensorType::Q3K => {
            let d = f16(108);
            for (s, scale) in scales.iter_mut().zip(q3_k::scales(&copied(&block[96..]))) {
                *s = d * f32::from(scale);
            }
            for (j, q) in q.iter_mut().enumerate() {
                let (run, l) = (j / 32, j % 32);
                let low = block[32 + run / 4 * 32 + l] >> (run % 4 * 2) & 3;
                let high = block[l] >> run & 1;
                *q = (low | high << 2) as i8 - 4;
            }
        }
        // d, dmin: f16, 8 packed 6-bit scales and minima, 4 x 32 bytes: low nibbles, then high ones
        TensorType::Q4K => {
            scales_and_mins(block, scales, mins);
            for (j, q) in q.iter_mut().enumerate() {
                let (group, l) = (j / 32, j % 32);
                *q = (block[16 + group / 2 * 32 + l] >> (group % 2 * 4) & 15) as i8;
            }
        }
        // scales and minima as Q4_K, 32 bytes of fifth bits, then nibbles as Q4_K
        TensorType::Q5K => {
            scales_and_mins(block, scales, mins);
            for (j, q) in q.iter_mut().enumerate() {
                let (group, l) = (j / 32, j % 32);
                let low = block[48 + group / 2 * 32 + l] >> (group % 2 * 4) & 15;
                let high = block[16 + l] >> group & 1;
                *q = (low | high << 4) as i8;
            }
        }
        // 128 low nibbles, 64 high pairs of bits, 16 x i8 scales, d: f16; 32 is zero
        TensorType::Q6K => {
            let d = f16(208);
            for (s, &b) in scales.iter_mut().zip(&block[192..208]) {
                *s = d * f32::from(b as i8);
            }
            for (j, q) in q.iter_mut().enumerate() {
                let (half, in_half) = (j / 128, j % 128);
                let (quarter, l) = (in_half / 32, in_half % 32);
                let low = block[half * 64 + (quarter % 2) * 32 + l] >> (quarter / 2 * 4) & 15;
                let high = block[128 + half * 32 + l] >> (quarter * 2) & 3;
                *q = (low | high << 4) as i8 - 32;
            }
        }
        _ => {}
    }
}

/// The first `N` bytes.
fn copied<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|i| bytes[i])
}

/// 16 bytes: low nibbles are the first 16 numbers, high nibbles the rest.
fn nibbles(bytes: &[u8], q: &mut [i8], value: impl Fn(u8) -> i8) {
    for (j, &b) in bytes.iter().enumerate() {
        q[j] = value(b & 15);
        q[j + 16] = value(b >> 4);
    }
}

/// 4 bytes of fifth bits and 16 bytes of nibbles, as Q5_0 and Q5_1 have them.
#[allow(clippy::cast_possible_wrap)] // five bits
fn five_bits(bytes: &[u8], q: &mut [i8], zero: i8) {
    let high = u32::from_le_bytes(copied(bytes));
    for (j, &b) in bytes[4..20].iter().enumerate() {
        let (first, second) = q5_0::pair(high, b, j);
        q[j] = first as i8 - zero;
        q[j + 16] = second as i8 - zero;
    }
}

/// The head of a Q4_K or Q5_K block.
fn scales_and_mins(block: &[u8], scales: &mut [f32], mins: &mut [f32]) {
    let f16 = |at: usize| half::f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
    let (d, dmin, packed) = (f16(0), f16(2), copied(&block[4..]));
    for j in 0..8 {
        let (scale, min) = q4_k::scale_min(&packed, j);
        scales[j * 2..j * 2 + 2].fill(d * f32::from(scale));
        mins[j * 2..j * 2 + 2].fill(dmin * f32::from(min));
    }
}
