//! How fast the kernels are on this machine, beside what the machine can do: GB/s of weights read at token time and
//! GFLOP/s (GOP/s) of batches, for every weight type and instruction set, and of attention.
//!
//! All cases, the machine's own limits among them, take turns round by round, so that a change of clock or load hits all
//! of them alike; what is printed is the median, the best run (nearer the truth where other programs run), and what share
//! they are of the same run's limit.
//!
//! `cargo run --release -p ocelli-engine --example kernel_speed [threads [filter]]`

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]
#![allow(unsafe_code)] // the loops that find the processor's limits

use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{Device, Heads, Layout, Product};
use ocelli_engine::weights::{Linear, Scope};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, Writer};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
/// A round of a case repeats until this has passed.
const SLICE: Duration = Duration::from_millis(60);

struct Case<'a> {
    name: String,
    /// Bytes or operations of one run.
    work: f64,
    /// The case that is its limit.
    limit: Option<usize>,
    unit: &'static str,
    run: Box<dyn FnMut() + 'a>,
    /// The median of each round.
    seconds: Vec<f64>,
    best: f64,
}

fn weights(ty: TensorType, outputs: usize, width: usize) -> Linear {
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u32
    };
    let n = outputs * width;
    let mut bytes = vec![0u8; ty.row_bytes(n).unwrap()];
    if ty.block_len() == 1 {
        let floats: Vec<f32> = (0..n).map(|_| random() as f32 / 2e9 - 0.5).collect();
        ty.encode(&floats, &mut bytes).unwrap();
    } else {
        bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|b| *b = random().to_le_bytes());
        let scale = half::f16::from_f32(0.01).to_le_bytes();
        for block in bytes.chunks_exact_mut(ty.block_bytes()) {
            match ty {
                TensorType::Q6K => block[208..].copy_from_slice(&scale),
                TensorType::Q3K => block[108..].copy_from_slice(&scale),
                TensorType::Q2K => block[80..].copy_from_slice(&[scale, scale].concat()),
                TensorType::Q4_1 | TensorType::Q5_1 | TensorType::Q4K | TensorType::Q5K => {
                    block[..4].copy_from_slice(&[scale, scale].concat());
                }
                _ => block[..2].copy_from_slice(&scale),
            }
        }
    }
    let mut writer = Writer::new();
    writer.tensor("l.weight", &[width as u64, outputs as u64], ty);
    let mut body = writer.begin(Vec::new()).unwrap();
    body.write(&bytes).unwrap();
    let file = Gguf::parse(Arc::new(body.finish().unwrap())).unwrap();
    Scope::new(Arc::new(file)).linear("l", width, outputs).unwrap()
}

fn matmul<'a>(cpu: &'a Cpu, linear: &'a Linear, rows: usize) -> Box<dyn FnMut() + 'a> {
    let mut layout = Layout::default();
    let (x, out) = (layout.rows(rows, linear.inputs()), layout.rows(rows, linear.outputs()));
    layout.input(rows, linear.inputs());
    let mut arena = cpu.arena(&layout).unwrap();
    let data: Vec<f32> = (0..rows * linear.inputs()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0).collect();
    cpu.write(&mut arena, x, &data);
    Box::new(move || cpu.matmul(&mut arena, x, None, &[Product::new(linear, out)]))
}

fn attention(cpu: &Cpu, rows: usize, heads: Heads) -> Box<dyn FnMut() + '_> {
    let mut layout = Layout::default();
    let width = heads.count * heads.width;
    let [q, k, v, out] = [0; 4].map(|_| layout.rows(rows, width));
    let mut arena = cpu.arena(&layout).unwrap();
    let data: Vec<f32> = (0..rows * width).map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0).collect();
    for r in [q, k, v] {
        cpu.write(&mut arena, r, &data);
    }
    Box::new(move || cpu.attend(&mut arena, heads, q, k, v, out))
}

/// Runs `work(thread)` on as many threads.
fn on_threads(threads: usize, work: impl Fn(usize) + Sync) {
    std::thread::scope(|s| {
        for t in 1..threads {
            let work = &work;
            s.spawn(move || work(t));
        }
        work(0);
    });
}

#[cfg(target_arch = "x86_64")]
mod limits {
    use core::arch::x86_64::*;

    /// Sums all bytes' words: a stream of loads.
    #[target_feature(enable = "avx2")]
    pub fn read(bytes: &[u8]) -> i32 {
        let mut acc = [_mm256_setzero_si256(); 8];
        for chunk in bytes.as_chunks::<256>().0 {
            for (acc, part) in acc.iter_mut().zip(chunk.as_chunks::<32>().0) {
                // SAFETY: 32 bytes are there.
                *acc = _mm256_add_epi32(*acc, unsafe { _mm256_loadu_si256(part.as_ptr().cast()) });
            }
        }
        let sum = acc.into_iter().fold(_mm256_setzero_si256(), |a, b| _mm256_add_epi32(a, b));
        _mm256_extract_epi32::<0>(sum)
    }

    pub const TURNS: usize = 100_000;

    /// 12 chains of fused multiply-adds: 12 * 16 operations a turn.
    #[target_feature(enable = "avx2,fma")]
    pub fn fma(x: f32) -> f32 {
        let mut acc = [_mm256_setzero_ps(); 12];
        let (a, b) = (_mm256_set1_ps(x), _mm256_set1_ps(x * 0.5));
        for _ in 0..TURNS {
            for acc in &mut acc {
                *acc = _mm256_fmadd_ps(a, b, *acc);
            }
            core::hint::black_box(&a);
        }
        let sum = acc.into_iter().fold(_mm256_setzero_ps(), |a, b| _mm256_add_ps(a, b));
        _mm256_cvtss_f32(sum)
    }

    /// 12 chains of byte products with VNNI: 12 * 128 operations a turn.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub fn vnni(x: i8) -> i32 {
        let mut acc = [_mm512_setzero_si512(); 12];
        let (w, x) = (_mm512_set1_epi8(3), _mm512_set1_epi8(x));
        for _ in 0..TURNS {
            for acc in &mut acc {
                *acc = _mm512_dpbusd_epi32(*acc, w, x);
            }
            core::hint::black_box(&w);
        }
        let sum = acc.into_iter().fold(_mm512_setzero_si512(), |a, b| _mm512_add_epi32(a, b));
        _mm512_reduce_add_epi32(sum)
    }

    /// 8 x `CHAIN` maddubs, summed in i16, and one madd for each chain: 8 * `CHAIN` * 64 operations a turn.
    #[target_feature(enable = "avx2")]
    pub fn maddubs<const CHAIN: usize>(x: i8) -> i32 {
        let mut acc = [_mm256_setzero_si256(); 8];
        let (w, ones) = (_mm256_set1_epi8(3), _mm256_set1_epi16(1));
        let mut x = [_mm256_set1_epi8(x); CHAIN];
        for _ in 0..TURNS / CHAIN {
            core::hint::black_box(&mut x);
            for acc in &mut acc {
                let mut sum = _mm256_maddubs_epi16(w, x[0]);
                for x in &x[1..] {
                    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(w, *x));
                }
                *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(sum, ones));
                core::hint::black_box(());
            }
        }
        let sum = acc.into_iter().fold(_mm256_setzero_si256(), |a, b| _mm256_add_epi32(a, b));
        _mm256_extract_epi32::<0>(sum)
    }
}

#[cfg(target_arch = "x86_64")]
fn limits<'a>(threads: usize, stream: &'a [u8]) -> Vec<Case<'a>> {
    let case = |name: &str, unit, work: f64, run| Case {
        name: name.to_owned(),
        work,
        limit: None,
        unit,
        run,
        seconds: Vec::new(),
        best: f64::MAX,
    };
    let share = stream.len() / threads;
    let all = (threads * limits::TURNS) as f64;
    // SAFETY (all): called only where `Isa::offered` has Avx2, and the last where it has Avx512.
    let mut all_limits = vec![
        case(
            "read stream",
            "GB/s",
            stream.len() as f64,
            Box::new(move || {
                on_threads(threads, |t| {
                    // SAFETY: AVX2 is there.
                    black_box(unsafe { limits::read(&stream[t * share..(t + 1) * share]) });
                });
            }) as Box<dyn FnMut() + 'a>,
        ),
        case(
            "f32 multiply-add",
            "GFLOP/s",
            all * 12.0 * 16.0,
            Box::new(move || {
                // SAFETY: FMA is there.
                on_threads(threads, |_| _ = black_box(unsafe { limits::fma(black_box(1e-9)) }));
            }),
        ),
        case(
            "int8, 1 maddubs a madd",
            "GOP/s",
            all * 8.0 * 64.0,
            Box::new(move || {
                // SAFETY: AVX2 is there.
                on_threads(threads, |_| _ = black_box(unsafe { limits::maddubs::<1>(black_box(1)) }));
            }),
        ),
        case(
            "int8, 4 maddubs a madd",
            "GOP/s",
            all * 8.0 * 64.0,
            Box::new(move || {
                // SAFETY: AVX2 is there.
                on_threads(threads, |_| _ = black_box(unsafe { limits::maddubs::<4>(black_box(1)) }));
            }),
        ),
    ];
    if Isa::offered().contains(&Isa::Avx512) {
        all_limits.push(case(
            "int8, VNNI",
            "GOP/s",
            all * 12.0 * 128.0,
            Box::new(move || {
                // SAFETY: AVX-512 and VNNI are there.
                on_threads(threads, |_| _ = black_box(unsafe { limits::vnni(black_box(1)) }));
            }),
        ));
    }
    all_limits
}

#[cfg(not(target_arch = "x86_64"))]
fn limits<'a>(_: usize, _: &'a [u8]) -> Vec<Case<'a>> {
    Vec::new()
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    let mut args = std::env::args().skip(1);
    let threads = args.next().map_or(1, |a| a.parse().unwrap());
    let filter = args.next().unwrap_or_default();
    let cpus: Vec<(Isa, Cpu)> = Isa::offered().into_iter().map(|isa| (isa, Cpu::with_isa(isa, threads))).collect();
    // Token time: more than most caches hold. Batches: a tower's and a decoder's feed-forward layers.
    let sets: Vec<[Linear; 4]> = TensorType::ALL
        .iter()
        .map(|&ty| {
            let width = 1408usize.next_multiple_of(ty.block_len());
            let long = (96 << 20) / ty.row_bytes(2048).unwrap();
            let short = (512 << 10) / ty.row_bytes(2048).unwrap();
            [weights(ty, long, 2048), weights(ty, short, 2048), weights(ty, 6144, width), weights(ty, 2048, 2048)]
        })
        .collect();

    // The stream that is the limit reads memory that came about as the weights did: pages of another size have another.
    let longest = &sets[0][0].weight;
    let stream = longest.rows(0, longest.len());
    let mut cases = if Isa::offered().len() > 1 { limits(threads, stream) } else { Vec::new() };
    let machine = cases.len();
    for (isa, cpu) in &cpus {
        for (ty, set) in TensorType::ALL.iter().zip(&sets) {
            let [long, short, tower, decoder] = set;
            for (rows, linear) in [(1, long), (1, short), (4, long), (257, tower), (512, decoder)] {
                let width = linear.inputs();
                // The scalar code is only there to be right: a few rows say enough.
                let rows = if *isa == Isa::Scalar { rows.min(8) } else { rows };
                let operations = (2 * rows * width * linear.outputs()) as f64;
                let (work, unit, limit) = match (rows, ty.block_len()) {
                    (1..=4, _) => (ty.row_bytes(width * linear.outputs()).unwrap() as f64, "GB/s", 0),
                    (_, 1) => (operations, "GFLOP/s", 1),
                    _ if isa.name() == "avx512" => (operations, "GOP/s", 4),
                    // Eight bits times eight bits fill an i16, so every maddubs needs its own madd.
                    _ if *ty == TensorType::Q8_0 => (operations, "GOP/s", 2),
                    _ => (operations, "GOP/s", 3),
                };
                cases.push(Case {
                    name: format!("{} {ty} {rows}x{width}x{}", isa.name(), linear.outputs()),
                    work,
                    limit: (machine > 0).then_some(limit),
                    unit,
                    run: matmul(cpu, linear, rows),
                    seconds: Vec::new(),
                    best: f64::MAX,
                });
            }
        }
        let heads = Heads { count: 16, kv: 16, width: 88, scale: 0.1, window: 0 };
        let rows = 257;
        cases.push(Case {
            name: format!("{} attention {rows}x{rows}, 16 heads of 88", isa.name()),
            work: (4 * rows * rows * heads.count * heads.width) as f64,
            limit: (machine > 0).then_some(1),
            unit: "GFLOP/s",
            run: attention(cpu, rows, heads),
            seconds: Vec::new(),
            best: f64::MAX,
        });
    }
    let mut index = 0;
    cases.retain(|c| {
        index += 1;
        index <= machine || c.name.contains(&filter)
    });
    for round in 0..=ROUNDS {
        for case in &mut cases {
            let start = Instant::now();
            let mut runs = Vec::new();
            while runs.is_empty() || start.elapsed() < SLICE {
                let start = Instant::now();
                (case.run)();
                runs.push(start.elapsed().as_secs_f64());
            }
            // The first round warms up.
            if round > 0 {
                case.best = case.best.min(runs.iter().copied().fold(f64::MAX, f64::min));
                case.seconds.push(median(&mut runs));
            }
        }
    }
    println!("{threads} threads: median of {ROUNDS} rounds and best run, each beside its limit by the same measure");
    let speeds: Vec<[f64; 2]> =
        cases.iter_mut().map(|c| [median(&mut c.seconds), c.best].map(|s| c.work / s / 1e9)).collect();
    for (case, [middle, best]) in cases.iter().zip(&speeds) {
        let share = case.limit.map_or(String::new(), |l| {
            format!(
                "{:4.0} % {:4.0} % of {}",
                middle / speeds[l][0] * 100.0,
                best / speeds[l][1] * 100.0,
                cases[l].name
            )
        });
        println!("{:<44}{middle:8.1}{best:8.1} {:<8}{share}", case.name, case.unit);
    }
}
