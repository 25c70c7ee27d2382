//! Products of a few weight rows with input rows: the inner part of every matmul.
//!
//! A panel is up to [`PANEL`] weight rows. Float formats multiply the float input; block formats multiply the int8
//! input after being brought to one shape: 32 signed integers with one scale for each half and an offset,
//! `w = scale[half] * q - min`. That shape is the specification of all integer kernels; SIMD versions may read the
//! file's layout directly, and agree with it up to the order of float additions.

use super::input::{BLOCK, Input};
use super::isa::Isa;
use ocelli_quant::TensorType;

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
    /// At most [`PANEL`].
    pub rows: usize,
    /// Numbers a row.
    pub width: usize,
}

/// Bytes in one cache line, aligned as one: what packed panels are made of.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct Line([u8; 64]);

/// One thread's buffers for an unpacked panel; they grow to the widest layer and stay.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Float formats: `rows * width`.
    pub floats: Vec<f32>,
    /// Block formats: `rows * width` integers.
    pub quants: Vec<i8>,
    /// Block formats: a scale for each 16 integers.
    pub scales: Vec<f32>,
    /// Block formats: what is taken off each 32, 0 for formats without.
    pub mins: Vec<f32>,
    /// For the SIMD versions: the panel in whatever order they like.
    pub packed: Vec<Line>,
}

/// Whether products with this format read the int8 input.
pub fn reads_quants(ty: TensorType) -> bool {
    !matches!(ty, TensorType::F32 | TensorType::F16 | TensorType::BF16)
}

/// `tile[m * PANEL + n] = weights[n] · input[from + m]` for `count` input rows. The caller calls this for one panel
/// with rising `from`, starting at 0: what was unpacked at 0 is in `scratch` still.
pub fn multiply(
    isa: Isa,
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    scratch: &mut Scratch,
    tile: &mut [f32],
) {
    match isa {
        Isa::Scalar => scalar(weights, input, from, count, scratch, tile),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => super::avx2::multiply(weights, input, from, count, scratch, tile),
    }
}

fn scalar(
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
                let (x, x_scales, x_sums) = input.blocks(from + m);
                let w = &scratch.quants[n * width..(n + 1) * width];
                let w_scales = &scratch.scales[n * width / 16..(n + 1) * width / 16];
                let mins = &scratch.mins[n * width / BLOCK..(n + 1) * width / BLOCK];
                let mut sum = 0.0;
                for b in 0..width / BLOCK {
                    let half = |h: usize| -> i32 {
                        let at = b * BLOCK + h * 16;
                        w[at..at + 16].iter().zip(&x[at..at + 16]).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum()
                    };
                    #[allow(clippy::cast_precision_loss)]
                    let block = w_scales[b * 2] * half(0) as f32 + w_scales[b * 2 + 1] * half(1) as f32
                        - mins[b] * f32::from(x_sums[b * 2] + x_sums[b * 2 + 1]);
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
    scratch.mins.resize((n / BLOCK).max(scratch.mins.len()), 0.0);
    let out = Unpacked {
        quants: &mut scratch.quants[..n],
        scales: &mut scratch.scales[..n / 16],
        mins: &mut scratch.mins[..n / BLOCK],
    };
    out.fill(weights.ty, weights.bytes);
}

struct Unpacked<'a> {
    quants: &'a mut [i8],
    scales: &'a mut [f32],
    mins: &'a mut [f32],
}

impl Unpacked<'_> {
    #[allow(clippy::cast_possible_wrap)] // 4- and 6-bit values
    fn fill(self, ty: TensorType, bytes: &[u8]) {
        let f16 = |at: usize| half::f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32();
        let size = ty.block_bytes();
        let len = ty.block_len();
        self.mins.fill(0.0);
        for (i, at) in (0..bytes.len()).step_by(size).enumerate() {
            let q = &mut self.quants[i * len..(i + 1) * len];
            let scales = &mut self.scales[i * len / 16..(i + 1) * len / 16];
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
                    for (j, &b) in block[2..].iter().enumerate() {
                        q[j] = (b & 15) as i8 - 8;
                        q[j + 16] = (b >> 4) as i8 - 8;
                    }
                }
                // d, dmin: f16, 8 packed 6-bit scales and minima, 4 x 32 bytes: low nibbles, then high ones
                TensorType::Q4K => {
                    let (d, dmin) = (f16(at), f16(at + 2));
                    let mut packed = [0u8; 12];
                    packed.copy_from_slice(&block[4..16]);
                    for j in 0..8 {
                        let (scale, min) = ocelli_quant::blocks::q4_k::scale_min(&packed, j);
                        scales[j * 2..j * 2 + 2].fill(d * f32::from(scale));
                        self.mins[i * 8 + j] = dmin * f32::from(min);
                        let bytes = &block[16 + j / 2 * 32..][..32];
                        for (q, &b) in q[j * 32..].iter_mut().zip(bytes) {
                            *q = (if j % 2 == 0 { b & 15 } else { b >> 4 }) as i8;
                        }
                    }
                }
                // 128 low nibbles, 64 high pairs of bits, 16 x i8 scales, d: f16; 32 is zero
                TensorType::Q6K => {
                    let d = f16(at + 208);
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
                TensorType::F32 | TensorType::F16 | TensorType::BF16 => {}
            }
        }
    }
}
