//! Every op of the CPU device, on every instruction set this machine offers, against arithmetic in f64 on the decoded
//! weights, against the scalar kernels, and against itself with other thread counts.
//!
//! Weights come through a GGUF file in memory, the only way a model's weights come too.

#![allow(clippy::unwrap_used)]

mod attention;
mod convolve;
mod fused;
mod matmul;
mod observe;
mod rows;

use ocelli_engine::kernels::cpu::Cpu;
use ocelli_engine::kernels::{Arena, Device, Rows};
use ocelli_engine::weights::{Linear, Scope, Table};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, Writer};
use std::sync::Arc;

/// xorshift64*, enough for test data.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// About normal, variance 1.
    #[allow(clippy::cast_precision_loss)]
    fn normal(&mut self) -> f32 {
        let sum: u64 = (0..12).map(|_| self.next() & 0xffff).sum();
        sum as f32 / 65_536.0 - 6.0
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// A file of tensors, opened.
fn file(tensors: &[(&str, &[u64], TensorType, Vec<u8>)]) -> Scope {
    let mut writer = Writer::new();
    for (name, shape, ty, _) in tensors {
        writer.tensor(*name, shape, *ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for (.., data) in tensors {
        body.write(data).unwrap();
    }
    let bytes = body.finish().unwrap();
    Scope::new(Arc::new(Gguf::parse(Arc::new(Aligned::new(&bytes))).unwrap()))
}

/// Bytes aligned as a mapped file is.
struct Aligned {
    words: Vec<u64>,
    len: usize,
}

impl Aligned {
    fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

fn le(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A layer of `bytes` in `ty`, with a bias where given.
fn linear(ty: TensorType, outputs: usize, width: usize, bytes: Vec<u8>, bias: Option<&[f32]>) -> Linear {
    let (n, k) = (outputs as u64, width as u64);
    let shape = [k, n];
    let mut tensors = vec![("l.weight", &shape[..], ty, bytes)];
    let bias_shape = [n];
    if let Some(bias) = bias {
        tensors.push(("l.bias", &bias_shape[..], TensorType::F32, le(bias)));
    }
    file(&tensors).linear("l", width, outputs).unwrap()
}

/// `n` weights in `ty`: normal ones, or random quants under a small scale where the type has no encoder.
fn random_weights(random: &mut Random, ty: TensorType, n: usize) -> Vec<u8> {
    let len = ty.row_bytes(n).unwrap();
    if ty.can_encode() {
        let mut bytes = vec![0; len];
        ty.encode(&random.floats(n), &mut bytes).unwrap();
        return bytes;
    }
    let mut bytes = random.bytes(len);
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        for at in scales_at(ty) {
            block[*at..at + 2].copy_from_slice(&half::f16::from_f32(0.01).to_le_bytes());
        }
    }
    bytes
}

/// Where the f16 scale and minimum lie in a block.
fn scales_at(ty: TensorType) -> &'static [usize] {
    match ty {
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => &[],
        TensorType::Q8_0 | TensorType::Q5_0 | TensorType::Q4_0 | TensorType::Iq4Nl | TensorType::Iq4Xs => &[0],
        TensorType::Q5_1 | TensorType::Q4_1 | TensorType::Q4K | TensorType::Q5K => &[0, 2],
        TensorType::Q2K => &[80, 82],
        TensorType::Q3K => &[108],
        TensorType::Q6K => &[208],
    }
}

fn random_linear(random: &mut Random, ty: TensorType, outputs: usize, width: usize) -> Linear {
    let bytes = random_weights(random, ty, outputs * width);
    linear(ty, outputs, width, bytes, None)
}

fn decoded(table: &Table) -> Vec<f32> {
    let mut out = vec![0f32; table.len() * table.width()];
    for (i, row) in out.chunks_exact_mut(table.width()).enumerate() {
        table.decode_row(i, row);
    }
    out
}

fn read(cpu: &Cpu, arena: &Arena, rows: Rows) -> Vec<f32> {
    let mut out = vec![0f32; rows.rows() * rows.width()];
    cpu.read(arena, rows, &mut out);
    out
}

/// Squared error over squared reference.
fn nmse(got: &[f32], want: &[f64]) -> f64 {
    nmse_of(got, want, 0.0)
}

/// As [`nmse`], where the reference may be smaller by chance than its expected `power`.
fn nmse_of(got: &[f32], want: &[f64], power: f64) -> f64 {
    assert_eq!(got.len(), want.len());
    let error: f64 = got.iter().zip(want).map(|(&g, w)| (f64::from(g) - w).powi(2)).sum();
    error / power.max(want.iter().map(|w| w * w).sum()).max(1e-30)
}

fn widen(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&v| f64::from(v)).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}

fn is_float(ty: TensorType) -> bool {
    ty.block_len() == 1
}

/// What `golden.py` wrote.
fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}
