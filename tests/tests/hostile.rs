//! Damaged copies of the model that ships in the binary: every one fails with an error of its own or runs, within the
//! limits of time and memory that a file may cost.
//!
//! Memory is counted by this binary's allocator, per thread; time is the thread's own processor time, since a busy
//! machine must not fail a test.

#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use ocelli_engine::{Engine, Error, GenerateOptions, Model, Prompt, SessionOptions, image};
use ocelli_quant::gguf::{Bytes, Gguf, MetaValue, Writer};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands every call to the system's allocator; the counters are plain cells of the calling thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let _ = LIVE.try_with(|l| l.set(l.get().saturating_sub(layout.size())));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

fn count(bytes: usize) {
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Nanoseconds this thread has run, where the system tells; else time since the start.
fn cpu_time() -> u128 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|s| s.split_whitespace().next().and_then(|n| n.parse().ok()));
    told.unwrap_or_else(|| START.get_or_init(std::time::Instant::now).elapsed().as_nanos())
}

fn open(engine: &Engine, bytes: Vec<u8>) -> Result<Model, Error> {
    let bytes: Bytes = Arc::new(bytes);
    engine.open_bytes(bytes)
}

fn picture() -> Arc<image::Picture> {
    let rgb = (0..64 * 64 * 3).map(|i| (i * 7 % 251) as u8).collect();
    Arc::new(image::Picture::new(64, 64, rgb, &image::ImageLimits::default()).unwrap())
}

/// Opens a file and, where it opens, answers with two tokens; what came of it.
fn run(engine: &Engine, bytes: Vec<u8>, picture: &Arc<image::Picture>) -> Result<(), Error> {
    let model = open(engine, bytes)?;
    let mut session = model.session(&SessionOptions { image_cache: Some(0), ..SessionOptions::default() })?;
    let prompt = Prompt::new().image(Arc::clone(picture)).text("What is it?");
    let options = GenerateOptions { max_new_tokens: 2, ..GenerateOptions::default() };
    session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).map(|_| ())
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// One to three changes, most of them in the header: that is where a file can lie about itself.
fn mutate(random: &mut Random, header: usize) -> Vec<u8> {
    const EXTREMES: [u64; 12] =
        [0, 1, 2, 0x7f, 0xff, 0xffff, 1 << 31, u32::MAX as u64, 1 << 40, 1 << 62, 1 << 63, u64::MAX];
    let mut bytes = TINY.to_vec();
    for _ in 0..=random.below(3) {
        let area = if random.below(8) == 0 { bytes.len() } else { header.min(bytes.len()) };
        if area < 16 {
            break;
        }
        let at = random.below(area - 8);
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at..at + 4].copy_from_slice(&(EXTREMES[random.below(12)] as u32).to_le_bytes()),
            3 => bytes[at..at + 8].copy_from_slice(&EXTREMES[random.below(12)].to_le_bytes()),
            4 => {
                let small = random.below(64) as u8;
                bytes[at] = bytes[at].wrapping_add(small);
            }
            5 => {
                let from = random.below(area - 8);
                bytes.copy_within(from..from + 8, at);
            }
            _ => {
                if random.below(4) == 0 {
                    bytes.truncate(random.below(bytes.len()));
                } else {
                    bytes.drain(at..at + 1 + random.below(8));
                }
            }
        }
    }
    bytes
}

#[test]
fn ten_thousand_mutants_fail_politely_or_run() {
    let header = Gguf::parse(Arc::new(TINY)).unwrap().data_offset() as usize;
    let workers = 2;
    let totals: Vec<(usize, usize, u128)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || {
                    let engine = Engine::new(1).unwrap();
                    let picture = picture();
                    let (mut ran, mut failed, mut slowest) = (0, 0, 0);
                    for seed in (worker..10_000).step_by(workers) {
                        let bytes = mutate(&mut Random(seed as u64), header);
                        let limit = (64 << 20) + 2 * bytes.len();
                        let before = LIVE.get();
                        PEAK.set(before);
                        let start = cpu_time();
                        match run(&engine, bytes, &picture) {
                            Ok(()) => ran += 1,
                            Err(_) => failed += 1,
                        }
                        let (time, memory) = (cpu_time() - start, PEAK.get() - before);
                        assert!(memory <= limit, "mutant {seed}: {memory} bytes, at most {limit}");
                        assert!(time <= 100_000_000, "mutant {seed}: {time} ns");
                        slowest = slowest.max(time);
                    }
                    (ran, failed, slowest)
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().expect("a mutant panicked")).collect()
    });
    let ran: usize = totals.iter().map(|t| t.0).sum();
    let failed: usize = totals.iter().map(|t| t.1).sum();
    eprintln!("{ran} ran, {failed} failed, slowest {} us", totals.iter().map(|t| t.2).max().unwrap() / 1000);
    assert!(ran > 100 && failed > 1000, "the mutants must do both: {ran} ran, {failed} failed");
}

#[test]
fn a_file_of_a_later_format_is_refused_by_name() {
    let engine = Engine::new(1).unwrap();
    let keep = |_: &str, shape: &[u64]| Some(shape.to_vec());
    let of_version = |v: u32| rebuilt(|key| (key == "ocelli.version").then_some(MetaValue::U32(v)), keep);
    open(&engine, of_version(1)).unwrap();
    for version in [2, u32::MAX] {
        let error = open(&engine, of_version(version)).err().unwrap();
        assert!(matches!(error, Error::BadParameter { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("'ocelli.version' is {version}")) && text.contains("version 1"), "{text}");
    }
}

#[test]
fn cut_at_every_header_byte() {
    let file = Gguf::parse(Arc::new(TINY)).unwrap();
    let engine = Engine::new(1).unwrap();
    let header = file.data_offset() as usize;
    let data = (header..TINY.len()).step_by((TINY.len() - header) / 200 + 1).chain([TINY.len() - 1]);
    for cut in (0..header).chain(data) {
        let error = open(&engine, TINY[..cut].to_vec()).err().unwrap_or_else(|| panic!("cut at {cut} opened"));
        assert!(matches!(error, Error::Gguf(_)), "cut at {cut}: {error}");
    }
}

/// The model with keys changed and tensors left out or reshaped.
fn rebuilt(key: impl Fn(&str) -> Option<MetaValue>, tensor: impl Fn(&str, &[u64]) -> Option<Vec<u64>>) -> Vec<u8> {
    let file = Gguf::parse(Arc::new(TINY)).unwrap();
    let mut writer = Writer::new();
    for (name, value) in file.keys() {
        match key(name) {
            Some(changed) => writer.set(name, changed),
            None => writer.set(name, MetaValue::from(value)),
        };
    }
    let kept: Vec<_> = file.tensors().iter().filter_map(|t| Some((t, tensor(&t.name, &t.shape)?))).collect();
    for (info, shape) in &kept {
        writer.tensor(info.name.clone(), shape, info.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for (info, shape) in &kept {
        let bytes = info.ty.tensor_bytes(shape).unwrap() as usize;
        body.write(&file.data(info)[..bytes]).unwrap();
    }
    body.finish().unwrap()
}

/// The file with these keys.
fn with(keys: &[(&str, MetaValue)]) -> Vec<u8> {
    let file = Gguf::parse(Arc::new(TINY)).unwrap();
    let mut writer = Writer::new();
    for (name, value) in file.keys().filter(|(name, _)| keys.iter().all(|(key, _)| key != name)) {
        writer.set(name, MetaValue::from(value));
    }
    for (name, value) in keys {
        writer.set(*name, value.clone());
    }
    for info in file.tensors() {
        writer.tensor(info.name.clone(), &info.shape, info.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for info in file.tensors() {
        body.write(file.data(info)).unwrap();
    }
    body.finish().unwrap()
}

/// What a step costs depends on how many tokens end a text and how many are never generated, not on how often the file
/// says so.
#[test]
fn lists_of_ids_count_once() {
    const EOS: &str = "ocelli.generation.eos_ids";
    const SUPPRESSED: &str = "ocelli.generation.suppressed_ids";
    let engine = Engine::new(1).unwrap();
    let plain = open(&engine, TINY.to_vec()).unwrap();
    let eos = plain.defaults().eos_ids.clone();
    let many = |ids: &[u32]| MetaValue::U32s(ids.iter().rev().copied().cycle().take(4 << 20).collect());
    let model = open(&engine, with(&[(EOS, many(&eos)), (SUPPRESSED, many(&[7, 5]))])).unwrap();
    assert_eq!(model.defaults().eos_ids, eos);
    assert_eq!(model.defaults().suppressed_ids, [5, 7]);
    let prompt = Prompt::new().image(picture()).text("What is it?");
    let options = GenerateOptions { max_new_tokens: 4, beams: 4, ..GenerateOptions::default() };
    let layout = SessionOptions { beams: 4, ..SessionOptions::default() };
    let said = |model: &Model| {
        let mut session = model.session(&layout).unwrap();
        let before = (cpu_time(), LIVE.get());
        PEAK.set(before.1);
        let said = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(PEAK.get() - before.1 < 16 << 20, "{} bytes", PEAK.get() - before.1);
        assert!(cpu_time() - before.0 < 5_000_000_000, "{} ns", cpu_time() - before.0);
        said.ids
    };
    let suppressing = open(&engine, with(&[(SUPPRESSED, MetaValue::U32s(vec![5, 7]))])).unwrap();
    assert_eq!(said(&model), said(&suppressing));

    let rows = 512;
    for (key, ids) in [(SUPPRESSED, vec![3, rows]), (SUPPRESSED, (0..rows).collect()), (EOS, vec![rows])] {
        let (code, message) = code(with(&[(key, MetaValue::U32s(ids))]));
        assert!(code == "parameter" && message.contains(key), "{message}");
    }
}

/// What a search may take is what the session was laid out for, told with both numbers before anything runs.
#[test]
fn a_search_beyond_the_plan_is_refused_before_it_begins() {
    let model = open(&Engine::new(1).unwrap(), TINY.to_vec()).unwrap();
    let prompt = Prompt::new().image(picture()).text("What is it?");
    let positions = model.count(&model.compose(&prompt).unwrap());
    let layout = SessionOptions { context: positions + 4, beams: 2, new_tokens: 4, ..SessionOptions::default() };
    let mut session = model.session(&layout).unwrap();
    for max_new_tokens in [4, 0] {
        let options = GenerateOptions { max_new_tokens, beams: 2, ..GenerateOptions::default() };
        session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    }
    let mut events = 0;
    let mut search = |beams| {
        let options = GenerateOptions { max_new_tokens: 4, beams, ..GenerateOptions::default() };
        let result = session.generate(&prompt, &options, &mut |_| {
            events += 1;
            ControlFlow::Continue(())
        });
        result.map(|_| ()).map_err(|e| format!("{} {e}", e.code())).unwrap_err()
    };
    for beams in [3, 8, 9, 64, usize::MAX] {
        let told = search(beams);
        assert_eq!(told, format!("option beams is {beams}: the session was laid out for 2"));
    }
    assert_eq!(events, 0, "no picture was encoded for it");
}

fn same(_: &str, shape: &[u64]) -> Option<Vec<u64>> {
    Some(shape.to_vec())
}

fn code(bytes: Vec<u8>) -> (&'static str, String) {
    let error = open(&Engine::new(1).unwrap(), bytes).err().expect("the file must not open");
    (error.code(), error.to_string())
}

#[test]
fn an_unchanged_copy_opens() {
    open(&Engine::new(1).unwrap(), rebuilt(|_| None, same)).unwrap();
}

#[test]
fn missing_and_misshapen_tensors_are_named() {
    let names: Vec<String> = Gguf::parse(Arc::new(TINY)).unwrap().tensors().iter().map(|t| t.name.clone()).collect();
    for missing in &names {
        let bytes = rebuilt(|_| None, |name, shape| (name != missing).then(|| shape.to_vec()));
        match open(&Engine::new(1).unwrap(), bytes) {
            Err(error) => {
                // Without its class row the tower is another one, whose position table has a row less.
                let (wanted, name) = match missing.as_str() {
                    "v.class_embd.weight" => ("tensor-shape", "v.position_embd.weight"),
                    name => ("missing-tensor", name),
                };
                assert_eq!(error.code(), wanted, "{missing}: {error}");
                assert!(error.to_string().contains(name), "{error}");
            }
            // A model may do without biases, the last norm and its own head: then it is another valid model.
            Ok(_) => assert!(
                missing.ends_with(".bias") || missing.starts_with("output") || missing.contains("post_ln"),
                "{missing} is not optional"
            ),
        }
    }
    for (name, drop) in [("blk.0.attn_q.weight", 1), ("v.position_embd.weight", 1), ("mm.projector.weight", 1)] {
        let bytes = rebuilt(
            |_| None,
            |n, shape| {
                let mut shape = shape.to_vec();
                if n == name {
                    shape[1] -= drop;
                }
                Some(shape)
            },
        );
        let (code, message) = code(bytes);
        assert_eq!(code, "tensor-shape", "{message}");
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn absurd_hyper_parameters_are_refused_by_key() {
    let u32s = |v: u32| MetaValue::U32(v);
    for (key, value) in [
        ("opt.block_count", u32s(0)),
        ("opt.block_count", u32s(u32::MAX)),
        ("opt.attention.head_count", u32s(0)),
        ("opt.attention.head_count", u32s(3)),
        ("opt.embedding_length", u32s(0)),
        ("opt.attention.layer_norm_epsilon", MetaValue::F32(f32::NAN)),
        ("opt.attention.layer_norm_epsilon", MetaValue::F32(-1.0)),
        ("opt.activation", MetaValue::Str("softmax".to_owned())),
        ("general.sampling.temp", MetaValue::F32(f32::NAN)),
        ("general.sampling.top_p", MetaValue::F32(f32::INFINITY)),
        ("clip.vision.patch_size", u32s(0)),
        ("clip.vision.patch_size", u32s(65)),
        ("clip.vision.attention.head_count", u32s(0)),
        ("clip.vision.image_mean", MetaValue::F32s(vec![0.5])),
        ("clip.vision.image_std", MetaValue::F32s(vec![0.5, 0.5])),
        ("ocelli.qformer.cross_attention_frequency", u32s(0)),
        ("ocelli.qformer.encoder_length", u32s(7)),
        ("ocelli.image.filter", MetaValue::Str("sharp".to_owned())),
        ("ocelli.image.resize", MetaValue::Str("fold".to_owned())),
    ] {
        let bytes = with(&[(key, value.clone())]);
        let (code, message) = code(bytes);
        assert_eq!(code, "parameter", "{key}: {message}");
        assert!(message.contains(key), "{key}: {message}");
    }
    for (key, value, wanted) in [
        ("ocelli.family", MetaValue::Str("flamingo-9".to_owned()), "architecture"),
        ("general.type", MetaValue::Str("mmproj".to_owned()), "architecture"),
        ("general.architecture", MetaValue::Str("gpt-9".to_owned()), "architecture"),
        ("tokenizer.ggml.model", MetaValue::Str("abacus".to_owned()), "architecture"),
        ("opt.block_count", MetaValue::Str("two".to_owned()), "wrong-type"),
        ("opt.context_length", u32s(5), "tensor-shape"),
        ("opt.vocab_size", u32s(5), "tensor-shape"),
        ("clip.vision.image_std", MetaValue::F32s(vec![0.0; 3]), "image"),
        ("tokenizer.ggml.eos_token_id", u32s(1 << 20), "tokenizer"),
        ("ocelli.generation.eos_ids", MetaValue::U32s(vec![1 << 20]), "parameter"),
    ] {
        let bytes = with(&[(key, value.clone())]);
        let (code, message) = code(bytes);
        assert_eq!(code, wanted, "{key}: {message}");
    }
}

#[test]
fn options_and_prompts_are_refused_by_name() {
    let model = open(&Engine::new(1).unwrap(), TINY.to_vec()).unwrap();
    let code = |options: SessionOptions| model.session(&options).err().map(|e| e.code());
    assert_eq!(code(SessionOptions { beams: 1000, ..SessionOptions::default() }), Some("option"));
    assert_eq!(code(SessionOptions { batch: 1 << 20, ..SessionOptions::default() }), Some("option"));
    assert_eq!(code(SessionOptions { budget: 1, ..SessionOptions::default() }), Some("over-budget"));
    assert_eq!(Engine::new(100_000).err().map(|e| e.code()), Some("option"));

    let mut session = model.session(&SessionOptions::default()).unwrap();
    let prompt = Prompt::new().image(picture()).text("word ".repeat(1000));
    let error = session.generate(&prompt, &GenerateOptions::default(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(error.unwrap_err().code(), "context-full");
    let prompt = Prompt::new().image(picture()).text("What is it?");
    let options = GenerateOptions { max_new_tokens: 1 << 30, ..GenerateOptions::default() };
    // A limit is no demand.
    session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    // The session was laid out for one beam.
    let options = GenerateOptions { beams: 20, max_new_tokens: 2, ..GenerateOptions::default() };
    let error = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()));
    assert_eq!(error.unwrap_err().code(), "option");
    session.generate(&prompt, &GenerateOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
}

#[test]
fn cancelling_returns_and_the_session_goes_on() {
    let model = open(&Engine::new(2).unwrap(), TINY.to_vec()).unwrap();
    let mut session = model.session(&SessionOptions { image_cache: Some(0), ..SessionOptions::default() }).unwrap();
    let prompt = Prompt::new().image(picture()).text("What is it?");
    let options = GenerateOptions { max_new_tokens: 8, ..GenerateOptions::default() };
    let whole = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    let handle = session.cancel_handle();
    // From the first event on, so inside the tower.
    let error = session.generate(&prompt, &options, &mut |event| {
        if matches!(event, ocelli_engine::Event::Image { .. }) {
            handle.cancel();
        }
        ControlFlow::Continue(())
    });
    assert_eq!(error.unwrap_err().code(), "cancelled");
    for delay in 0..50 {
        let handle = session.cancel_handle();
        let other = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_micros(delay * 100));
            handle.cancel();
        });
        match session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())) {
            Ok(again) => assert_eq!(again.ids, whole.ids),
            Err(error) => assert_eq!(error.code(), "cancelled"),
        }
        other.join().unwrap();
    }
    // A cancel that came after the last call is still to be used up.
    let _ = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()));
    assert_eq!(session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap().ids, whole.ids);
}

/// A file that stands in memory one byte beside where numbers can be read.
struct Shifted(Vec<u8>);

impl AsRef<[u8]> for Shifted {
    fn as_ref(&self) -> &[u8] {
        let end = self.0.len() - 8;
        let start = 1 + self.0.as_ptr().align_offset(8);
        &self.0[start..][..end - 1]
    }
}

#[test]
fn bytes_at_an_odd_address_are_refused_or_copied() {
    let shifted = || Arc::new(Shifted([&[0; 1], TINY, &[0; 8]].concat()));
    let start = shifted().0.as_ptr().align_offset(8);
    assert_eq!(start, 0, "the allocator aligns by eight");
    let bytes = shifted();
    assert!(!(*bytes).as_ref().as_ptr().addr().is_multiple_of(8));
    let engine = Engine::new(1).unwrap();
    let error = engine.open_file(Gguf::parse(bytes).unwrap()).err().unwrap();
    assert!(error.to_string().contains("multiple of 8"), "{error}");
    assert!(engine.open_bytes(shifted()).is_ok());
}
