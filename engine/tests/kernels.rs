//! Every op of the CPU device, on every instruction set this machine offers, against arithmetic in f64 on the decoded
//! weights, against the scalar kernels, and against itself with other thread counts.
//!
//! Weights come through a GGUF file in memory, the only way a model's weights come too.

use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{
    Activation, CacheShape, CacheType, Continuation, Device, Heads, Layout, Product, Rows, Span,
};
use ocelli_engine::weights::{Linear, Norm, NormKind, Scope, Table};
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

fn random_linear(random: &mut Random, ty: TensorType, outputs: usize, width: usize) -> Linear {
    let mut bytes = vec![0; ty.row_bytes(outputs * width).unwrap()];
    ty.encode(&random.floats(outputs * width), &mut bytes).unwrap();
    linear(ty, outputs, width, bytes, None)
}

fn decoded(table: &Table) -> Vec<f32> {
    let mut out = vec![0f32; table.len() * table.width()];
    for (i, row) in out.chunks_exact_mut(table.width()).enumerate() {
        table.decode_row(i, row);
    }
    out
}

fn matmul(cpu: &Cpu, linear: &Linear, x: &[f32]) -> Vec<f32> {
    let (width, outputs) = (linear.inputs(), linear.outputs());
    let rows = x.len() / width;
    let mut layout = Layout::default();
    let (from, to) = (layout.rows(rows, width), layout.rows(rows, outputs));
    layout.input(rows, width);
    let mut arena = cpu.arena(&layout).unwrap();
    cpu.write(&mut arena, from, x);
    cpu.matmul(&mut arena, from, None, &[Product::new(linear, to)]);
    read(cpu, &arena, to)
}

fn read(cpu: &Cpu, arena: &ocelli_engine::kernels::Arena, rows: Rows) -> Vec<f32> {
    let mut out = vec![0f32; rows.rows() * rows.width()];
    cpu.read(arena, rows, &mut out);
    out
}

fn product_f64(w: &[f32], x: &[f32], width: usize) -> Vec<f64> {
    x.chunks_exact(width)
        .flat_map(|x| {
            w.chunks_exact(width).map(move |w| w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>())
        })
        .collect()
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

const ROWS: [usize; 8] = [1, 2, 3, 4, 5, 17, 33, 200];
const OUTPUTS: [usize; 5] = [1, 3, 16, 17, 40];

fn widths(ty: TensorType) -> Vec<usize> {
    match ty.block_len() {
        1 => vec![1, 7, 10, 32, 80, 588, 600],
        32 => vec![32, 64, 96, 544, 1056],
        _ => vec![256, 512, 1536],
    }
}

#[test]
fn matmul_agrees_with_f64_and_scalar() {
    let mut random = Random(1);
    let scalar = Cpu::with_isa(Isa::Scalar, 1);
    for ty in TensorType::ALL {
        for width in widths(ty) {
            for outputs in OUTPUTS {
                let linear = random_linear(&mut random, ty, outputs, width);
                let weights = decoded(&linear.weight);
                for rows in ROWS {
                    let x = random.floats(rows * width);
                    let want = product_f64(&weights, &x, width);
                    // What independent products would sum to: a lone output may be 0 by cancellation.
                    let square = |v: &[f32]| v.iter().map(|v| v * v).collect::<Vec<_>>();
                    let power = product_f64(&square(&weights), &square(&x), width).iter().sum();
                    let specified = matmul(&scalar, &linear, &x);
                    for isa in Isa::offered() {
                        let at = format!("{ty} {isa:?} {rows}x{width}x{outputs}");
                        let got = matmul(&Cpu::with_isa(isa, 1), &linear, &x);
                        let limit = if is_float(ty) { 1e-10 } else { 5e-4 };
                        let error = nmse_of(&got, &want, power);
                        assert!(error <= limit, "{at}: {error:e} from f64");
                        let error = nmse_of(&got, &widen(&specified), power);
                        assert!(error <= 1e-10, "{at}: {error:e} from scalar");
                    }
                }
            }
        }
    }
}

#[test]
fn matmul_gives_the_same_bits_for_any_threads() {
    let mut random = Random(2);
    for ty in TensorType::ALL {
        let width = if is_float(ty) { 300 } else { 512 };
        let linear = random_linear(&mut random, ty, 83, width);
        for rows in [1, 3, 5, 33, 130] {
            let x = random.floats(rows * width);
            for isa in Isa::offered() {
                let one = matmul(&Cpu::with_isa(isa, 1), &linear, &x);
                for threads in [2, 3] {
                    let more = matmul(&Cpu::with_isa(isa, threads), &linear, &x);
                    assert_eq!(bits(&one), bits(&more), "{ty} {isa:?} {rows} rows, {threads} threads");
                }
            }
        }
    }
}

/// An output is the same whichever row of the input and of the weights it stands in.
#[test]
fn matmul_gives_the_same_bits_in_any_place() {
    let mut random = Random(3);
    for ty in TensorType::ALL {
        let width = if is_float(ty) { 300 } else { 512 };
        let row = random.floats(width);
        let mut bytes = vec![0; ty.row_bytes(width).unwrap()];
        ty.encode(&random.floats(width), &mut bytes).unwrap();
        let linear = linear(ty, 37, width, bytes.repeat(37), None);
        for rows in [1, 3, 9, 101] {
            for isa in Isa::offered() {
                let got = bits(&matmul(&Cpu::with_isa(isa, 1), &linear, &row.repeat(rows)));
                assert!(got.iter().all(|&b| b == got[0]), "{ty} {isa:?} {rows} rows");
            }
        }
    }
}

/// Sets the scales of whole blocks so that all arithmetic is on integers below 2^24, which f32 holds exactly.
fn tame(ty: TensorType, bytes: &mut [u8]) {
    let one = half::f16::ONE.to_le_bytes();
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        match ty {
            TensorType::Q8_0 | TensorType::Q4_0 => block[..2].copy_from_slice(&one),
            TensorType::Q4K => {
                block[..2].copy_from_slice(&one);
                block[2..4].copy_from_slice(&one);
                block[4..12].iter_mut().for_each(|b| *b &= 3);
                block[12..16].iter_mut().for_each(|b| *b &= 0x33);
            }
            TensorType::Q6K => {
                block[208..].copy_from_slice(&one);
                block[192..208].iter_mut().for_each(|b| *b = (*b & 7).wrapping_sub(4));
            }
            TensorType::F32 | TensorType::F16 | TensorType::BF16 => unreachable!(),
        }
    }
}

#[test]
fn integers_are_exact_for_any_quants() {
    let mut random = Random(4);
    let block_types = TensorType::ALL.into_iter().filter(|&ty| !is_float(ty));
    for ty in block_types {
        let (width, outputs) = (512, 19);
        let len = ty.row_bytes(width * outputs).unwrap();
        for extreme in [None, Some(0x00), Some(0xff), Some(0x80), Some(0x7f)] {
            let mut bytes = extreme.map_or_else(|| random.bytes(len), |byte| vec![byte; len]);
            tame(ty, &mut bytes);
            let linear = linear(ty, outputs, width, bytes, None);
            let weights = decoded(&linear.weight);
            for rows in [1, 4, 5, 21] {
                // Integers with a 127 in each block: the scale is 1, and the input is its own quantisation.
                #[allow(clippy::cast_precision_loss)]
                let mut x: Vec<f32> = (0..rows * width).map(|_| (random.next() % 255) as f32 - 127.0).collect();
                x[..width].fill(127.0);
                x[(rows - 1) * width..].fill(-127.0);
                x.iter_mut().step_by(32).for_each(|v| *v = if *v < 0.0 { -127.0 } else { 127.0 });
                let want = product_f64(&weights, &x, width);
                for isa in Isa::offered() {
                    let got = widen(&matmul(&Cpu::with_isa(isa, 1), &linear, &x));
                    assert_eq!(got, want, "{ty} {isa:?} {rows} rows, bytes {extreme:?}");
                }
            }
        }
    }
}

#[test]
fn damage_shows_and_no_bytes_crash() {
    let mut random = Random(5);
    for ty in TensorType::ALL {
        let (width, outputs) = (512, 18);
        let mut bytes = random.bytes(ty.row_bytes(width * outputs).unwrap());
        // Row 1 gets a NaN scale (or number), the rest is whatever the bytes say.
        let row = ty.row_bytes(width).unwrap();
        let at = row + if ty == TensorType::Q6K { 208 } else { 0 };
        let nan: &[u8] = match ty {
            TensorType::F32 => &[0, 0, 0xc0, 0x7f],
            TensorType::BF16 => &[0xc0, 0x7f],
            _ => &[0, 0x7e],
        };
        bytes[at..at + nan.len()].copy_from_slice(nan);
        let linear = linear(ty, outputs, width, bytes, None);
        for rows in [1, 3, 7] {
            let x = random.floats(rows * width);
            for isa in Isa::offered() {
                let got = matmul(&Cpu::with_isa(isa, 1), &linear, &x);
                assert!(got.iter().skip(1).step_by(outputs).all(|v| v.is_nan()), "{ty} {isa:?} {rows} rows");
            }
        }
        // A NaN or an infinity in the input reaches every output of its row and no other row.
        let linear = random_linear(&mut random, ty, outputs, width);
        for bad in [f32::NAN, f32::INFINITY] {
            for rows in [2, 7] {
                let mut x = random.floats(rows * width);
                x[width + 77] = bad;
                for isa in Isa::offered() {
                    let got = matmul(&Cpu::with_isa(isa, 1), &linear, &x);
                    for (m, row) in got.chunks_exact(outputs).enumerate() {
                        let finite = row.iter().filter(|v| v.is_finite()).count();
                        assert_eq!(finite, if m == 1 { 0 } else { outputs }, "{ty} {isa:?} {rows} rows, {bad}");
                    }
                }
            }
        }
    }
}

fn norms(random: &mut Random, width: usize) -> Vec<Norm> {
    let shape = [width as u64];
    let f32s = |random: &mut Random| le(&random.floats(width));
    let both =
        file(&[("n.weight", &shape, TensorType::F32, f32s(random)), ("n.bias", &shape, TensorType::F32, f32s(random))]);
    let alone = file(&[("n.weight", &shape, TensorType::F32, f32s(random))]);
    [(&both, NormKind::Layer), (&alone, NormKind::Layer), (&both, NormKind::Rms), (&alone, NormKind::Rms)]
        .map(|(f, kind)| f.norm("n", kind, width, 1e-5).unwrap())
        .into()
}

#[allow(clippy::cast_precision_loss)]
fn norm_f64(norm: &Norm, x: &[f32]) -> Vec<f64> {
    let n = x.len() as f64;
    let x = widen(x);
    let mean = if norm.kind == NormKind::Layer { x.iter().sum::<f64>() / n } else { 0.0 };
    let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let scale = 1.0 / (variance + f64::from(norm.eps)).sqrt();
    let weight = widen(norm.weight.get());
    let bias = norm.bias.as_ref().map_or_else(|| vec![0.0; x.len()], |b| widen(b.get()));
    x.iter().zip(weight).zip(bias).map(|((x, w), b)| (x - mean) * scale * w + b).collect()
}

#[test]
fn norms_agree() {
    let mut random = Random(6);
    for width in [2, 7, 8, 64, 77, 768] {
        for norm in norms(&mut random, width) {
            let rows = 5;
            let x: Vec<f32> = random.floats(rows * width).iter().map(|v| v * 3.0 + 2.0).collect();
            let want: Vec<f64> = x.chunks_exact(width).flat_map(|x| norm_f64(&norm, x)).collect();
            let mut all = Vec::new();
            for isa in Isa::offered() {
                for in_place in [false, true] {
                    let cpu = Cpu::with_isa(isa, 2);
                    let mut layout = Layout::default();
                    let (from, to) = (layout.rows(rows, width), layout.rows(rows, width));
                    let mut arena = cpu.arena(&layout).unwrap();
                    cpu.write(&mut arena, from, &x);
                    let to = if in_place { from } else { to };
                    cpu.norm(&mut arena, &norm, from, to);
                    let got = read(&cpu, &arena, to);
                    let error = nmse(&got, &want);
                    assert!(error < 1e-10, "{isa:?} {:?} width {width}: {error:e}", norm.kind);
                    all.push(bits(&got));
                }
            }
            assert!(all.iter().all(|b| *b == all[0]), "{:?} width {width}: every way gives the same bits", norm.kind);
        }
    }
}

/// Norm, bias, activation and residual of one fused call, and that two products share the input.
#[test]
fn fused_products_agree() {
    let mut random = Random(7);
    let (width, outputs) = (256, 45);
    for ty in [TensorType::F32, TensorType::Q8_0, TensorType::Q4K] {
        let norm = norms(&mut random, width).remove(0);
        let bias = random.floats(outputs);
        let mut bytes = vec![0; ty.row_bytes(outputs * width).unwrap()];
        let scaled: Vec<f32> = random.floats(outputs * width).iter().map(|v| v * 0.1).collect();
        ty.encode(&scaled, &mut bytes).unwrap();
        let with_bias = linear(ty, outputs, width, bytes, Some(&bias));
        let plain = random_linear(&mut random, TensorType::F16, 16, width);
        let (w, w_plain) = (decoded(&with_bias.weight), decoded(&plain.weight));
        for rows in [1, 6] {
            let (x, old) = (random.floats(rows * width), random.floats(rows * outputs));
            let normed: Vec<f32> = x.chunks_exact(width).flat_map(|x| norm_f64(&norm, x)).map(|v| v as f32).collect();
            let inner = product_f64(&w, &normed, width);
            for (act, _) in Activation::ALL {
                let want: Vec<f64> = inner
                    .iter()
                    .enumerate()
                    .map(|(i, v)| f64::from(old[i]) + activate_f64(act, v + f64::from(bias[i % outputs])))
                    .collect();
                let want_plain = product_f64(&w_plain, &normed, width);
                for isa in Isa::offered() {
                    let cpu = Cpu::with_isa(isa, 2);
                    let mut layout = Layout::default();
                    let (from, to, to_plain) =
                        (layout.rows(rows, width), layout.rows(rows, outputs), layout.rows(rows, 16));
                    layout.input(rows, width);
                    let mut arena = cpu.arena(&layout).unwrap();
                    cpu.write(&mut arena, from, &x);
                    cpu.write(&mut arena, to, &old);
                    let products = [Product::new(&with_bias, to).act(act).residual(), Product::new(&plain, to_plain)];
                    cpu.matmul(&mut arena, from, Some(&norm), &products);
                    let error = nmse(&read(&cpu, &arena, to), &want);
                    let limit = if ty == TensorType::F32 { 1e-9 } else { 1e-3 };
                    assert!(error < limit, "{ty} {isa:?} {act:?} {rows} rows: {error:e}");
                    let error = nmse(&read(&cpu, &arena, to_plain), &want_plain);
                    assert!(error < 1e-9, "second product: {isa:?} {error:e}");
                }
            }
        }
    }
}

/// The activations from their definitions; erf by numerical integration.
fn activate_f64(act: Activation, x: f64) -> f64 {
    let erf = |x: f64| {
        let steps = 400;
        let h = x / f64::from(steps);
        let f = |i: u32| (-(f64::from(i) * h).powi(2)).exp();
        let inner: f64 = (1..steps).map(|i| f(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        (f(0) + inner + f(steps)) * h / 3.0 * std::f64::consts::FRAC_2_SQRT_PI
    };
    match act {
        Activation::Relu => x.max(0.0),
        Activation::GeluErf => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Activation::GeluQuick => x / (1.0 + (-1.702 * x).exp()),
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}

/// Activations reach the ends of their range: an identity layer carries chosen numbers through.
#[test]
fn activations_hold_at_the_ends() {
    let points = [
        0.0,
        -0.0,
        1e-30,
        -1e-30,
        0.5,
        -0.5,
        0.927,
        0.93,
        -1.3,
        3.9,
        -5.5,
        12.0,
        -20.0,
        60.0,
        -87.0,
        -89.0,
        -200.0,
        1e30,
        -1e30,
        f32::INFINITY,
    ];
    let identity = linear(TensorType::F32, 1, 1, le(&[1.0]), None);
    for (act, _) in Activation::ALL {
        let mut all = Vec::new();
        for isa in Isa::offered() {
            let cpu = Cpu::with_isa(isa, 1);
            let mut layout = Layout::default();
            let (from, to) = (layout.rows(points.len(), 1), layout.rows(points.len(), 1));
            layout.input(points.len(), 1);
            let mut arena = cpu.arena(&layout).unwrap();
            cpu.write(&mut arena, from, &points);
            cpu.matmul(&mut arena, from, None, &[Product::new(&identity, to).act(act)]);
            let got = read(&cpu, &arena, to);
            for (&x, &y) in points.iter().zip(&got) {
                let want =
                    if x.is_infinite() { f64::INFINITY } else { activate_f64(act, f64::from(x).clamp(-1e3, 1e30)) };
                let near = (f64::from(y) - want).abs() <= want.abs() * 1e-6 + 1e-6 || f64::from(y) == want;
                assert!(near || x.abs() > 1e20, "{act:?}({x}) = {y}, not {want} ({isa:?})");
            }
            all.push(bits(&got));
        }
        assert!(all.iter().all(|b| *b == all[0]), "{act:?}: every instruction set gives the same bits");
    }
}

/// Softmax attention in f64: `sees[i]` keys for query `i`.
fn attention_f64(heads: Heads, q: &[f32], k: &[f32], v: &[f32], sees: impl Fn(usize) -> usize) -> Vec<f64> {
    let (wide, kv_wide) = (heads.count * heads.width, heads.kv * heads.width);
    let mut out = vec![0f64; q.len()];
    for (i, (q, out)) in q.chunks_exact(wide).zip(out.chunks_exact_mut(wide)).enumerate() {
        for head in 0..heads.count {
            let at = head * heads.width;
            let kv = head / (heads.count / heads.kv) * heads.width;
            let row = |x: &[f32], j: usize, d: usize| f64::from(x[j * kv_wide + kv + d]);
            let scores: Vec<f64> = (0..sees(i))
                .map(|j| {
                    (0..heads.width).map(|d| f64::from(q[at + d]) * row(k, j, d)).sum::<f64>() * f64::from(heads.scale)
                })
                .collect();
            let max = scores.iter().copied().fold(f64::MIN, f64::max);
            let p: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
            let total: f64 = p.iter().sum();
            for d in 0..heads.width {
                out[at + d] = p.iter().enumerate().map(|(j, p)| p * row(v, j, d)).sum::<f64>() / total;
            }
        }
    }
    out
}

#[test]
fn attention_agrees() {
    let mut random = Random(8);
    for width in [1, 8, 10, 12, 16, 64, 80, 88] {
        for (count, kv) in [(3, 3), (4, 2)] {
            let heads = Heads { count, kv, width, scale: 0.3 };
            for (rows, keys) in [(1, 1), (2, 70), (3, 5), (4, 63), (7, 64), (33, 65), (70, 200)] {
                let q = random.floats(rows * count * width);
                let (k, v) = (random.floats(keys * kv * width), random.floats(keys * kv * width));
                let want = attention_f64(heads, &q, &k, &v, |_| keys);
                for isa in Isa::offered() {
                    let at = format!("{isa:?} {rows} of {keys}, {count}/{kv} heads of {width}");
                    let mut all = Vec::new();
                    for threads in [1, 3] {
                        let cpu = Cpu::with_isa(isa, threads);
                        let mut layout = Layout::default();
                        let kv_width = kv * width;
                        let (qr, out) = (layout.rows(rows, count * width), layout.rows(rows, count * width));
                        let (kr, vr) = (layout.rows(keys, kv_width), layout.rows(keys, kv_width));
                        let mut arena = cpu.arena(&layout).unwrap();
                        cpu.write(&mut arena, qr, &q);
                        cpu.write(&mut arena, kr, &k);
                        cpu.write(&mut arena, vr, &v);
                        cpu.attend(&mut arena, heads, qr, kr, vr, out);
                        let got = read(&cpu, &arena, out);
                        let error = nmse(&got, &want);
                        assert!(error < 1e-9, "{at}: {error:e}");
                        all.push(bits(&got));
                    }
                    assert_eq!(all[0], all[1], "{at}: threads change bits");
                }
            }
        }
    }
}

/// Two sequences in one call, each in two spans that lie in disorder; the slots between hold NaN.
#[test]
fn cached_attention_agrees() {
    let mut random = Random(9);
    for (ty, width) in [CacheType::F16, CacheType::F32].into_iter().flat_map(|t| [(t, 10), (t, 64), (t, 80)]) {
        for new in [1, 3, 9, 75] {
            let heads = Heads { count: 4, kv: 2, width, scale: 0.2 };
            let (kv_width, pasts) = (2 * width, [70usize, 5]);
            let slots = 400;
            let spans = [
                [Span { start: 3, len: 66 }, Span { start: 150, len: 90 }],
                [Span { start: 90, len: 2 }, Span { start: 280, len: 90 }],
            ];
            let slot = |s: usize, p: usize| {
                let [a, b] = spans[s];
                if p < a.len as usize { a.start as usize + p } else { b.start as usize + p - a.len as usize }
            };
            let round = |x: f32| if ty == CacheType::F16 { half::f16::from_f32(x).to_f32() } else { x };
            let len = pasts.map(|p| p + new);
            let k: Vec<Vec<f32>> =
                len.iter().map(|n| random.floats(n * kv_width).into_iter().map(round).collect()).collect();
            let v: Vec<Vec<f32>> =
                len.iter().map(|n| random.floats(n * kv_width).into_iter().map(round).collect()).collect();
            let q = random.floats(2 * new * 4 * width);
            let want: Vec<f64> = (0..2)
                .flat_map(|s| {
                    let q = &q[s * new * 4 * width..(s + 1) * new * 4 * width];
                    attention_f64(heads, q, &k[s], &v[s], |i| pasts[s] + i + 1)
                })
                .collect();
            for isa in Isa::offered() {
                let mut all = Vec::new();
                for threads in [1, 2] {
                    let cpu = Cpu::with_isa(isa, threads);
                    let mut layout = Layout::default();
                    let (qr, out) = (layout.rows(2 * new, 4 * width), layout.rows(2 * new, 4 * width));
                    let rows = layout.rows(slots, kv_width);
                    let mut arena = cpu.arena(&layout).unwrap();
                    let mut cache =
                        cpu.cache(CacheShape { layers: 2, heads: 2, head_width: width, slots, ty }).unwrap();
                    let every: Vec<u32> = (0..400).collect();
                    cpu.write(&mut arena, rows, &vec![f32::NAN; slots * kv_width]);
                    for layer in 0..2 {
                        cpu.store(&arena, &mut cache, layer, rows, rows, &every);
                    }
                    for s in 0..2 {
                        let at: Vec<u32> = (0..len[s]).map(|p| u32::try_from(slot(s, p)).unwrap()).collect();
                        let rows = rows.first(len[s]);
                        let other = layout_pair(&cpu, len[s], kv_width, &k[s], &v[s]);
                        cpu.store(&other.0, &mut cache, 1, other.1, other.2, &at);
                        assert_eq!(rows.rows(), len[s]);
                    }
                    cpu.write(&mut arena, qr, &q);
                    let continuations = [0, 1].map(|s| Continuation { rows: new, past: pasts[s], spans: &spans[s] });
                    cpu.attend_cache(&mut arena, heads, &cache, 1, qr, &continuations, out);
                    let got = read(&cpu, &arena, out);
                    let error = nmse(&got, &want);
                    assert!(error < 1e-9, "{ty:?} {isa:?} width {width}, {new} new: {error:e}");
                    all.push(bits(&got));
                }
                assert_eq!(all[0], all[1], "{ty:?} {isa:?} width {width}, {new} new: threads change bits");
            }
        }
    }
}

/// An arena with two blocks of rows, written.
fn layout_pair(
    cpu: &Cpu,
    rows: usize,
    width: usize,
    a: &[f32],
    b: &[f32],
) -> (ocelli_engine::kernels::Arena, Rows, Rows) {
    let mut layout = Layout::default();
    let (ra, rb) = (layout.rows(rows, width), layout.rows(rows, width));
    let mut arena = cpu.arena(&layout).unwrap();
    cpu.write(&mut arena, ra, a);
    cpu.write(&mut arena, rb, b);
    (arena, ra, rb)
}

#[test]
fn attention_of_damaged_keys_is_nan() {
    let mut random = Random(10);
    let heads = Heads { count: 1, kv: 1, width: 16, scale: 1.0 };
    for rows in [1, 8] {
        for (bad_key, bad) in [(true, f32::NAN), (false, f32::NAN), (true, f32::INFINITY)] {
            let (mut k, mut v) = (random.floats(100 * 16), random.floats(100 * 16));
            let damaged = if bad_key { &mut k } else { &mut v };
            damaged[70 * 16..71 * 16].fill(bad);
            for isa in Isa::offered() {
                let cpu = Cpu::with_isa(isa, 1);
                let mut layout = Layout::default();
                let (qr, kr, vr, out) =
                    (layout.rows(rows, 16), layout.rows(100, 16), layout.rows(100, 16), layout.rows(rows, 16));
                let mut arena = cpu.arena(&layout).unwrap();
                cpu.write(&mut arena, qr, &vec![1.0; rows * 16]);
                cpu.write(&mut arena, kr, &k);
                cpu.write(&mut arena, vr, &v);
                cpu.attend(&mut arena, heads, qr, kr, vr, out);
                let got = read(&cpu, &arena, out);
                assert!(got.iter().all(|v| v.is_nan()), "{isa:?} {rows} rows, key {bad_key}, {bad}");
            }
        }
    }
}

/// Quantising is bit-equal on all instruction sets: matmuls by a matrix that picks single inputs show it.
#[test]
fn quantised_inputs_are_equal() {
    let mut random = Random(11);
    let width = 64;
    // Row i of Q8_0 weights picks input i.
    let mut bytes = vec![0u8; 34 * 2 * width];
    for (i, row) in bytes.chunks_exact_mut(68).enumerate() {
        let block = &mut row[i / 32 * 34..][..34];
        block[..2].copy_from_slice(&half::f16::ONE.to_le_bytes());
        block[2 + i % 32] = 1;
    }
    let linear = linear(TensorType::Q8_0, width, width, bytes, None);
    let mut rows: Vec<Vec<f32>> = (0..200).map(|_| random.floats(width)).collect();
    // Ties, denormals, huge numbers, zeros.
    rows.push((0..64u8).map(|i| f32::from(i) - 0.5).chain([]).collect());
    rows.push(vec![1e-40; width]);
    rows.push((0..64u8).map(|i| if i % 2 == 0 { 1e-45 } else { 0.0 }).collect());
    rows.push(vec![f32::MAX; width]);
    rows.push(vec![0.0; width]);
    rows.push((0..64u8).map(|i| [127.0, 0.5, 1.5, -2.5, 63.5, -126.5][usize::from(i) % 6]).collect());
    for chunk in [1, 64] {
        for rows in rows.chunks(chunk) {
            let x = rows.concat();
            let all: Vec<_> =
                Isa::offered().into_iter().map(|isa| bits(&matmul(&Cpu::with_isa(isa, 1), &linear, &x))).collect();
            assert!(all.iter().all(|b| *b == all[0]));
        }
    }
}
