//! `rival kernels`: our formats and matrix products beside ggml's functions, type by type.
//!
//! Decoding must be bit-equal. Encoding may err at most as much as ggml's does. Products are compared with f64 sums over
//! the decoded weights; ours quantise the input to blocks of 32, ggml's to 32 or 256, so neither is exact, and ours must
//! not be further off than ggml's. Any failure makes the exit code 1.

use crate::files::parse;
use crate::random::Random;
use crate::{Result, ggml};
use clap::Args;
use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{Device, Layout, Product};
use ocelli_engine::weights::{Linear, Scope};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, Writer};
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of a batch: more than one tile of every instruction set, and not whole tiles.
const BATCH: usize = 37;
/// How much further from the truth than ggml's a product or an encoding may be.
const SLACK: f64 = 1.1;
/// Normalised square error below which a product is exact for every purpose: that of sums in f32.
const EXACT: f64 = 1e-10;

/// Checks formats and kernels against ggml.
#[derive(Args)]
pub struct Kernels {
    /// A model in f16 or f32 whose matrices are the weights.
    #[arg(long)]
    model: PathBuf,
    /// Matrices to take.
    #[arg(long, value_delimiter = ',', default_value = "blk.0.ffn_down,blk.15.ffn_down,blk.29.ffn_down")]
    tensors: Vec<String>,
}

/// Real weights, rows of `width`.
struct Weights {
    floats: Vec<f32>,
    width: usize,
}

impl Kernels {
    /// Runs all checks; `false` where one failed.
    pub fn run(&self) -> Result<bool> {
        let weights = self.weights()?;
        let rows = weights.floats.len() / weights.width;
        println!("{rows} rows of {} from {}", weights.width, self.model.display());
        let cpus: Vec<(Isa, Cpu)> = Isa::offered().into_iter().map(|isa| (isa, Cpu::with_isa(isa, 2))).collect();
        let names: String = cpus.iter().map(|(isa, _)| format!("{:>12}{:>12}", isa.name(), "batch")).collect();
        println!(
            "{:<8}{:>10}{:>12}{:>12}{:>8}   NMSE of products: {:>10}{names}",
            "", "decode", "encode", "ggml", "equal", "ggml"
        );
        let mut good = true;
        for ty in TensorType::ALL {
            let (line, passed) = check(ty, &weights, &cpus)?;
            println!("{line}{}", if passed { "" } else { "   FAILED" });
            good &= passed;
        }
        Ok(good)
    }

    fn weights(&self) -> Result<Weights> {
        let file = parse(&self.model)?;
        let mut floats = Vec::new();
        let mut width = 0;
        for name in &self.tensors {
            let tensor = file.tensor(&format!("{name}.weight")).ok_or_else(|| format!("there is no {name}.weight"))?;
            let columns = usize::try_from(tensor.shape.first().copied().unwrap_or(1))?;
            if width != 0 && columns != width {
                return Err(format!("{name} has rows of {columns}, those before of {width}").into());
            }
            width = columns;
            let start = floats.len();
            floats.resize(start + usize::try_from(tensor.shape.iter().product::<u64>())?, 0.0);
            tensor.ty.decode(file.data(tensor), &mut floats[start..])?;
        }
        Ok(Weights { floats, width })
    }
}

/// One type: decode, encode, products.
fn check(ty: TensorType, weights: &Weights, cpus: &[(Isa, Cpu)]) -> Result<(String, bool)> {
    let Weights { floats, width } = weights;
    let blocks = ggml::encode(ty, floats, *width)?;
    let decoded = decoded(ty, &blocks)?;
    let decode = equal(ty, &blocks)? && equal(ty, &random_blocks(ty))?;
    let mut line = format!("{:<8}{:>10}", ty.name(), if decode { "bit-equal" } else { "differs" });
    let mut passed = decode;

    let theirs = square_error(&decoded, floats);
    if ty.can_encode() {
        let mut ours = vec![0; blocks.len()];
        ty.encode(floats, &mut ours)?;
        let error = square_error(&self::decoded(ty, &ours)?, floats);
        let same = ours.iter().zip(&blocks).filter(|(a, b)| a == b).count() as f64 / blocks.len() as f64;
        line += &format!("{error:>12.4e}{theirs:>12.4e}{:>7.1}%", same * 100.0);
        passed &= error <= theirs * SLACK;
    } else {
        line += &format!("{:>12}{theirs:>12.4e}{:>8}", "-", "-");
    }

    let x = Random::new(3).normals(BATCH * width, 1.0);
    let exact: Vec<f64> = x.chunks_exact(*width).flat_map(|x| products(&decoded, x)).collect();
    let rows = decoded.len() / width;
    let rival = nmse(&ggml::dots(ty, &blocks, &x[..*width])?, &exact[..rows]);
    line += &format!("{:>20}{rival:>10.2e}", "");
    let linear = linear(ty, &blocks, *width)?;
    for (_, cpu) in cpus {
        for batch in [1, BATCH] {
            let error = nmse(&matmul(cpu, &linear, &x[..batch * width])?, &exact[..batch * rows]);
            line += &format!("{error:>12.2e}");
            passed &= error <= (rival * SLACK).max(EXACT);
        }
    }
    Ok((line, passed))
}

fn decoded(ty: TensorType, bytes: &[u8]) -> Result<Vec<f32>> {
    let mut floats = vec![0.0; bytes.len() / ty.block_bytes() * ty.block_len()];
    ty.decode(bytes, &mut floats)?;
    Ok(floats)
}

/// Whether both decode to the same bits; NaNs may differ in theirs.
fn equal(ty: TensorType, bytes: &[u8]) -> Result<bool> {
    let ours = decoded(ty, bytes)?;
    let mut theirs = vec![0.0; ours.len()];
    let there = ggml::decode(ty, bytes, &mut theirs)?.is_some();
    let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    Ok(!there || ours.iter().zip(&theirs).all(same))
}

/// Every bit by chance: all scales, infinities and NaNs among them.
fn random_blocks(ty: TensorType) -> Vec<u8> {
    let mut random = Random::new(5);
    (0..4096 * ty.block_bytes()).map(|_| random.bits() as u8).collect()
}

fn square_error(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// Square error over the square of the truth.
fn nmse(got: &[f32], exact: &[f64]) -> f64 {
    let error: f64 = got.iter().zip(exact).map(|(g, e)| (f64::from(*g) - e).powi(2)).sum();
    error / exact.iter().map(|e| e * e).sum::<f64>()
}

fn products(weights: &[f32], x: &[f32]) -> Vec<f64> {
    let dot = |row: &[f32]| row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
    weights.chunks_exact(x.len()).map(dot).collect()
}

/// The weights as the engine has them: in a file.
fn linear(ty: TensorType, bytes: &[u8], width: usize) -> Result<Linear> {
    let rows = bytes.len() / ty.row_bytes(width).ok_or("not whole blocks")?;
    let mut writer = Writer::new();
    writer.tensor("l.weight", &[width as u64, rows as u64], ty);
    let mut body = writer.begin(Vec::new())?;
    body.write(bytes)?;
    Ok(Scope::new(Arc::new(Gguf::parse(Arc::new(body.finish()?))?)).linear("l", width, rows)?)
}

fn matmul(cpu: &Cpu, linear: &Linear, x: &[f32]) -> Result<Vec<f32>> {
    let batch = x.len() / linear.inputs();
    let mut layout = Layout::default();
    let (input, out) = (layout.rows(batch, linear.inputs()), layout.rows(batch, linear.outputs()));
    layout.input(batch, linear.inputs());
    let mut arena = cpu.arena(&layout)?;
    cpu.write(&mut arena, input, x);
    cpu.matmul(&mut arena, input, None, &[Product::new(linear, out)]);
    let mut result = vec![0.0; batch * linear.outputs()];
    cpu.read(&arena, out, &mut result);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_truth() {
        assert_eq!(square_error(&[1.0, 2.0], &[0.0, 4.0]), 5.0);
        assert_eq!(nmse(&[3.0, 3.0], &[3.0, 4.0]), 1.0 / 25.0);
        assert_eq!(products(&[1.0, 2.0, 3.0, 4.0], &[10.0, 1.0]), [12.0, 34.0]);
    }

    #[test]
    fn a_changed_bit_is_seen() {
        let ty = TensorType::Q8_0;
        let x = Random::new(1).normals(64, 1.0);
        let bytes = ggml::encode(ty, &x, 32).ok().unwrap_or_default();
        assert_eq!(equal(ty, &bytes).ok(), Some(true));
        assert!(ggml::decode(ty, &bytes[1..], &mut [0.0; 64]).is_err());
    }
}
