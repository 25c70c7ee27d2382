//! At token time nothing is allocated: every allocation of the process is counted while a model writes, and between two
//! of its tokens there is none, whichever thread computed and with whichever instructions. Nor does any op allocate once
//! its arena is there, from the first call on, for any number of rows. It runs without the test harness, whose own thread allocates
//! when it pleases.

#![allow(clippy::unwrap_used, unsafe_code)] // an allocator that counts

mod random_model;

use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{
    Bias, CacheShape, CacheType, Continuation, Device, Heads, Layout as Room, Pasts, Product, Sight, Span,
};
use ocelli_engine::weights::{Linear, Scope};
use ocelli_engine::{Engine, Event, GenerateOptions, Prompt, Sampling, SessionOptions};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, Writer};
use random_model::Shape;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator with a counter beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A small random model.
fn model(architecture: &'static str, ty: TensorType) -> Vec<u8> {
    let sizes =
        Shape { architecture, ty, context: 128, width: 64, ffn: 96, layers: 7, heads: 4, kv_heads: 2, head: 32 };
    random_model::model(&sizes)
}

fn linear(ty: TensorType, width: usize, outputs: usize) -> Linear {
    let values: Vec<f32> = (0..width * outputs).map(|i| ((i * 37 % 101) as f32 - 50.0) / 100.0).collect();
    let mut bytes = vec![0; ty.row_bytes(values.len()).unwrap()];
    ty.encode(&values, &mut bytes).unwrap();
    let mut writer = Writer::new();
    writer.tensor("l.weight", &[width as u64, outputs as u64], ty);
    let mut body = writer.begin(Vec::new()).unwrap();
    body.write(&bytes).unwrap();
    let file = Gguf::parse(Arc::new(body.finish().unwrap())).unwrap();
    Scope::new(Arc::new(file)).linear("l", width, outputs).unwrap()
}

/// What `ops` allocate.
fn allocations(ops: impl FnOnce()) -> usize {
    let start = COUNT.load(Ordering::Relaxed);
    ops();
    COUNT.load(Ordering::Relaxed) - start
}

/// The first call already finds room: one row, as many as beams have, and prompts.
fn products(isa: Isa) {
    let (width, outputs) = (512, 300);
    for ty in [TensorType::F32, TensorType::F16, TensorType::Q8_0, TensorType::Q4_1, TensorType::Q4K] {
        let layer = linear(ty, width, outputs);
        for rows in [1, 4, 8, 13, 16, 70] {
            let cpu = Cpu::with_isa(isa, 3);
            let mut room = Room::default();
            let (x, out) = (room.rows(rows, width), room.rows(rows, outputs));
            room.input(rows, width);
            let mut arena = cpu.arena(&room).unwrap();
            let count = allocations(|| cpu.matmul(&mut arena, x, None, &[Product::new(&layer, out)]));
            assert_eq!(count, 0, "{} {ty}, {rows} rows: allocations of a product", isa.name());
        }
    }
}

/// Over rows and over a cache, for narrow heads and for heads wider than most.
fn attentions(isa: Isa) {
    for (width, ty) in CacheType::ALL.into_iter().flat_map(|(ty, _)| [(10, ty), (64, ty), (320, ty)]) {
        let heads = Heads { count: 4, kv: 2, width, scale: 0.1, window: 0 };
        for rows in [1, 2, 5, 70] {
            let cpu = Cpu::with_isa(isa, 3);
            let (wide, slots) = (heads.count * width, rows + 300);
            let mut room = Room::default();
            let [q, out] = [0; 2].map(|_| room.rows(rows, wide));
            let [k, v] = [0; 2].map(|_| room.rows(slots, heads.kv * width));
            room.input(rows, wide);
            room.heads(rows, width);
            let mut arena = cpu.arena(&room).unwrap();
            let shape = CacheShape { layers: 1, heads: heads.kv, head_width: width, slots, ty, ..CacheShape::NONE };
            let mut cache = cpu.cache(shape).unwrap();
            let every: Vec<u32> = (0..).take(slots).collect();
            let spans = [Span { start: 0, len: u32::try_from(slots).unwrap() }];
            let continuations = [Continuation { rows, past: 300, sight: Sight::Causal, spans: (0, 1) }];
            let seen = Pasts { continuations: &continuations, spans: &spans };
            let count = allocations(|| {
                cpu.store(&arena, &mut cache, 0, k, v, &every);
                cpu.attend_cache(&mut arena, heads, Bias::None, &cache, 0, q, seen, out);
                cpu.attend(&mut arena, heads, Bias::None, q, k, v, out);
            });
            assert_eq!(count, 0, "{} {ty:?}, {rows} rows, heads of {width}: allocations of attention", isa.name());
        }
    }
}

/// Nothing is allocated between two tokens.
fn tokens(isa: Isa) {
    const WARM: usize = 16;
    const MEASURED: usize = 32;
    let sampled = Sampling { temperature: 0.9, top_k: 10, top_p: 0.95, ..Sampling::default() };
    for (architecture, ty) in [("llama", TensorType::Q8_0), ("gemma3", TensorType::Q8_0), ("llama", TensorType::F16)] {
        for (sampling, threads) in [(Sampling::default(), 1), (Sampling::default(), 2), (sampled.clone(), 2)] {
            let model = Engine::with_device(Arc::new(Cpu::with_isa(isa, threads)))
                .open_bytes(Arc::new(model(architecture, ty)))
                .unwrap();
            let mut session = model.session(&SessionOptions::default()).unwrap();
            let options = GenerateOptions { max_new_tokens: WARM + MEASURED + 1, sampling, ..Default::default() };
            let (mut pieces, mut start, mut end) = (0, 0, 0);
            let mut sink = |event: Event<'_>| {
                if let Event::Piece(_) = event {
                    pieces += 1;
                    match pieces {
                        WARM => start = COUNT.load(Ordering::Relaxed),
                        n if n == WARM + MEASURED => end = COUNT.load(Ordering::Relaxed),
                        _ => {}
                    }
                }
                ControlFlow::Continue(())
            };
            let text = session.generate(&Prompt::new().text("abc"), &options, &mut sink).unwrap();
            assert_eq!(text.ids.len(), WARM + MEASURED + 1, "{architecture} {ty}");
            assert!(start > 0 && end > 0, "the counter counts");
            assert_eq!(
                end - start,
                0,
                "{} {architecture} {ty}, {threads} threads: allocations in {MEASURED} tokens",
                isa.name()
            );
        }
    }
}

fn main() {
    for isa in Isa::offered() {
        products(isa);
        attentions(isa);
        tokens(isa);
    }
}
