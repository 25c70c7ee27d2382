//! How fast the kernels are on this machine, beside what the machine can do: GB/s of weights read at token time and
//! GFLOP/s (GOP/s) of batches, for every weight type and instruction set, and of attention.
//!
//! All cases, the machine's own limits among them, take turns round by round, so that a change of clock or load hits all
//! of them alike; what is printed is the median, the best run (nearer the truth where other programs run), and what share
//! they are of the same run's limit.
//!
//! `cargo run --release -p ocelli-engine --example kernel_speed [threads [filter]]`

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]

use ocelli_engine::kernels::cpu::{Cpu, Isa, limits};
use ocelli_engine::kernels::{Bias, Device, Heads, Layout, Product};
use ocelli_engine::weights::{Linear, Scope};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, Writer};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
/// A round of a case repeats until this has passed.
const SLICE: Duration = Duration::from_millis(60);

struct Case<'a> {
    name: String,
    /// The case that is its limit.
    limit: Option<usize>,
    /// A thousand million bytes or operations a second.
    unit: &'static str,
    /// One run.
    speed: Box<dyn FnMut() -> f64 + 'a>,
    /// The median of each round.
    speeds: Vec<f64>,
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
    Box::new(move || cpu.attend(&mut arena, heads, Bias::None, q, k, v, out))
}

fn case<'a>(name: String, unit: &'static str, limit: Option<usize>, speed: impl FnMut() -> f64 + 'a) -> Case<'a> {
    Case { name, limit, unit, speed: Box::new(speed), speeds: Vec::new(), best: 0.0 }
}

/// The machine's own limits: the stream, then three of each instruction set in the order offered.
fn machine<'a>(threads: usize, stream: &'a [u8]) -> Vec<Case<'a>> {
    let best = Isa::offered()[0];
    let mut cases = vec![case("read stream".to_owned(), "GB/s", None, move || limits::stream(best, threads, stream))];
    for isa in Isa::offered() {
        let name = format!("{} multiply-add", isa.name());
        cases.push(case(name, "GFLOP/s", None, move || limits::f32(isa, threads)));
        for bits in [8, 4] {
            let name = format!("{} int8 by {bits} bits", isa.name());
            cases.push(case(name, "GOP/s", None, move || limits::int8(isa, threads, bits)));
        }
    }
    cases
}

/// `work` bytes or operations by the time of a run.
fn timed<'a>(work: f64, mut run: Box<dyn FnMut() + 'a>) -> impl FnMut() -> f64 + 'a {
    move || {
        let start = Instant::now();
        run();
        work / start.elapsed().as_secs_f64() / 1e9
    }
}

fn median(speeds: &mut [f64]) -> f64 {
    speeds.sort_by(f64::total_cmp);
    speeds[speeds.len() / 2]
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
    let mut cases = machine(threads, stream);
    let machine = cases.len();
    for (index, (isa, cpu)) in cpus.iter().enumerate() {
        let [multiply_add, bytes, short_bytes] = [1, 2, 3].map(|limit| 3 * index + limit);
        for (ty, set) in TensorType::ALL.iter().zip(&sets) {
            let [long, short, tower, decoder] = set;
            for (rows, linear) in [(1, long), (1, short), (4, long), (257, tower), (512, decoder)] {
                let width = linear.inputs();
                // The scalar code is only there to be right: a few rows say enough.
                let rows = if *isa == Isa::scalar() { rows.min(8) } else { rows };
                let operations = (2 * rows * width * linear.outputs()) as f64;
                let (work, unit, limit) = match (rows, ty.block_len()) {
                    (1..=4, _) => (ty.row_bytes(width * linear.outputs()).unwrap() as f64, "GB/s", 0),
                    (_, 1) => (operations, "GFLOP/s", multiply_add),
                    _ if *ty == TensorType::Q8_0 => (operations, "GOP/s", bytes),
                    _ => (operations, "GOP/s", short_bytes),
                };
                let name = format!("{} {ty} {rows}x{width}x{}", isa.name(), linear.outputs());
                cases.push(case(name, unit, Some(limit), timed(work, matmul(cpu, linear, rows))));
            }
        }
        let heads = Heads { count: 16, kv: 16, width: 88, scale: 0.1, window: 0 };
        let rows = 257;
        let name = format!("{} attention {rows}x{rows}, 16 heads of 88", isa.name());
        let operations = (4 * rows * rows * heads.count * heads.width) as f64;
        cases.push(case(name, "GFLOP/s", Some(multiply_add), timed(operations, attention(cpu, rows, heads))));
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
                runs.push((case.speed)());
            }
            // The first round warms up.
            if round > 0 {
                case.best = case.best.max(runs.iter().copied().fold(0.0, f64::max));
                case.speeds.push(median(&mut runs));
            }
        }
    }
    println!("{threads} threads: median of {ROUNDS} rounds and best run, each beside its limit by the same measure");
    let speeds: Vec<[f64; 2]> = cases.iter_mut().map(|c| [median(&mut c.speeds), c.best]).collect();
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
