//! At token time nothing is allocated: every allocation of the process is counted while a model writes, and between two
//! of its tokens there is none, whichever thread computed. It runs without the test harness, whose own thread allocates
//! when it pleases.

#![allow(clippy::unwrap_used, unsafe_code)] // an allocator that counts

use ocelli_engine::{Engine, Event, GenerateOptions, Prompt, Sampling, SessionOptions};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{MetaValue, Writer};
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

const WIDTH: u64 = 64;
const FFN: u64 = 96;
const HEAD: u64 = 32;
const HEADS: u64 = 4;
const LAYERS: u64 = 7;
const TOKENS: u64 = 26;

/// A random model whose tokens are the letters.
fn model(architecture: &str, ty: TensorType) -> Vec<u8> {
    let mut writer = Writer::new();
    let mut set = |key: &str, value: MetaValue| {
        writer.set(key.replace("{a}", architecture), value);
    };
    set("general.architecture", MetaValue::Str(architecture.to_owned()));
    for (key, value) in [
        ("context_length", 128),
        ("embedding_length", WIDTH),
        ("block_count", LAYERS),
        ("feed_forward_length", FFN),
        ("attention.head_count", HEADS),
        ("attention.head_count_kv", 2),
        ("attention.key_length", HEAD),
        ("attention.value_length", HEAD),
        ("attention.sliding_window", 8),
    ] {
        set(&format!("{{a}}.{key}"), MetaValue::U32(u32::try_from(value).unwrap()));
    }
    set("{a}.attention.layer_norm_rms_epsilon", MetaValue::F32(1e-5));
    set("tokenizer.ggml.model", MetaValue::Str("gpt2".to_owned()));
    set("tokenizer.ggml.pre", MetaValue::Str("gpt-2".to_owned()));
    set("tokenizer.ggml.tokens", MetaValue::Strings(('a'..='z').map(String::from).collect()));
    set("tokenizer.ggml.merges", MetaValue::Strings(Vec::new()));
    let (q, kv) = (HEADS * HEAD, 2 * HEAD);
    let mut tensors = vec![("token_embd".to_owned(), vec![WIDTH, TOKENS]), ("output_norm".to_owned(), vec![WIDTH])];
    for layer in 0..LAYERS {
        for (name, shape) in [
            ("attn_norm", vec![WIDTH]),
            ("attn_q", vec![WIDTH, q]),
            ("attn_k", vec![WIDTH, kv]),
            ("attn_v", vec![WIDTH, kv]),
            ("attn_q_norm", vec![HEAD]),
            ("attn_k_norm", vec![HEAD]),
            ("attn_output", vec![q, WIDTH]),
            ("post_attention_norm", vec![WIDTH]),
            ("ffn_norm", vec![WIDTH]),
            ("ffn_gate", vec![WIDTH, FFN]),
            ("ffn_up", vec![WIDTH, FFN]),
            ("ffn_down", vec![FFN, WIDTH]),
            ("post_ffw_norm", vec![WIDTH]),
        ] {
            tensors.push((format!("blk.{layer}.{name}"), shape));
        }
    }
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f32::from(i16::from_le_bytes([(state >> 40) as u8, (state >> 48) as u8])) / 65_536.0
    };
    let data: Vec<_> = tensors
        .into_iter()
        .map(|(name, shape)| {
            let ty = if shape.len() == 1 { TensorType::F32 } else { ty };
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| random()).collect();
            let mut bytes = vec![0; ty.row_bytes(values.len()).unwrap()];
            ty.encode(&values, &mut bytes).unwrap();
            writer.tensor(format!("{name}.weight"), &shape, ty);
            bytes
        })
        .collect();
    let mut body = writer.begin(Vec::new()).unwrap();
    data.iter().for_each(|bytes| body.write(bytes).unwrap());
    body.finish().unwrap()
}

fn main() {
    const WARM: usize = 16;
    const MEASURED: usize = 32;
    let sampled = Sampling { temperature: 0.9, top_k: 10, top_p: 0.95, ..Sampling::default() };
    for (architecture, ty) in [("llama", TensorType::Q8_0), ("gemma3", TensorType::Q8_0), ("llama", TensorType::F16)] {
        for (sampling, threads) in [(Sampling::default(), 1), (Sampling::default(), 2), (sampled.clone(), 2)] {
            let model = Engine::new(threads).unwrap().open_bytes(Arc::new(model(architecture, ty))).unwrap();
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
            assert_eq!(end - start, 0, "{architecture} {ty}, {threads} threads: allocations in {MEASURED} tokens");
        }
    }
}
