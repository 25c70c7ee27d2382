//! `ocelli bench`: how fast a model runs here, beside what the machine itself can do.
//!
//! Everything takes turns round by round, the machine's limits among it, so that a change of clock or load hits all of it
//! alike. Tokens are drawn at random and none is chosen: what is measured is the model. Memory is read before the buffer
//! of the read stream exists.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs, Opened};
use crate::output::{Notes, Out, counted, ms, size};
use crate::read::read_picture;
use clap::builder::RangedU64ValueParser;
use ocelli_engine::image::Picture;
use ocelli_engine::{Error, GenerateOptions, Model, Prompt, Session};
use ocelli_engine::{Isa, limits};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const AFTER: &str = "\
EXAMPLES
  ocelli bench
  ocelli bench blip2.gguf --threads 2 --image cat.png
  ocelli bench llama.gguf -p 512 -n 128 --depth 1024,4096 --repeat 5 --json

Prefill reads tokens together, decode one by one, at the start or behind as many as --depth says. A picture is another
one each time; encode is tower and bridge, and bridge is its part of that. The first token is that of a short question,
about a picture where the model takes them. Load is opening the file once more. Every figure is the median of the runs
after one to warm up, with the least and the most.

The read stream, int8 and f32 are what the machine does at best with as many threads; a share is the bytes of weights,
keys and values that a token reads, times tokens a second, by the stream. A model that fits the caches can have more
than all of it.

With --json standard output is one object; what does not apply is null:
  {\"model\", \"threads\", \"isa\", \"repeat\", \"prefill\", \"decode\",
   \"decode_at_depth\": [], \"prepare\", \"encode\", \"bridge\", \"load\", \"first_token\",
   \"memory\": {\"anonymous\", \"file\", \"peak\"}, \"limits\", \"shares\"}";

/// Tokens of prefill and decode where the command line names no number and the context has room.
const PREFILL: usize = 512;
const DECODE: usize = 128;

/// What the first token answers.
const QUESTION: &str = "Question: what is this? Answer:";

/// Measure a model's speed and memory
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Tokens of the prefill; without it 512, or as many as the context holds
    #[arg(short, long, value_name = "N", value_parser = count())]
    prefill: Option<usize>,
    /// Tokens of the decode; without it 128, or as many as the context leaves
    #[arg(short = 'n', long, value_name = "N", value_parser = count())]
    decode: Option<usize>,
    /// Measure decode behind so many tokens as well
    #[arg(short, long, value_name = "N", value_delimiter = ',', value_parser = RangedU64ValueParser::<usize>::new().range(0..=1 << 24))]
    depth: Vec<usize>,
    /// Runs that count
    #[arg(short, long, value_name = "N", default_value_t = 5,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    repeat: usize,
    /// A picture to encode, altered a little each time; without it one of noise, of the tower's size
    #[arg(short, long, value_name = "PATH")]
    image: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Print one JSON object
    #[arg(long, help_heading = "Output", conflicts_with = "markdown")]
    json: bool,
    /// Print a table in Markdown, as without it
    #[arg(long, help_heading = "Output")]
    #[allow(dead_code)] // for those who want to say it
    markdown: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

fn count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1 << 24)
}

/// How many tokens are run.
struct Sizes {
    prefill: usize,
    decode: usize,
    /// 0 first, then what was asked for, rising.
    depths: Vec<usize>,
    /// Positions that a decoder's text starts with, where an encoder reads the prefill.
    start: usize,
}

impl Sizes {
    /// What was asked for, or as much of the usual as the context holds.
    fn new(args: &Args, model: &Model) -> Result<Self, Failure> {
        let most = args.memory.most(model);
        let start = usize::from(model.encodes_prompts());
        let mut depths = args.depth.clone();
        depths.push(0);
        depths.sort_unstable();
        depths.dedup();
        let deepest = start + depths.last().copied().unwrap_or(0);
        let prefill = args.prefill.unwrap_or_else(|| PREFILL.min(most));
        let decode = args.decode.unwrap_or_else(|| DECODE.min(most.saturating_sub(deepest)).max(1));
        for (prompt, new) in [(prefill, 0), (deepest, decode)] {
            if prompt.saturating_add(new) > most {
                let needed = prompt.saturating_add(new);
                return Err(Error::ContextFull { needed, prompt, new, context: most }.into());
            }
        }
        Ok(Self { prefill, decode, depths, start })
    }

    fn positions(&self) -> usize {
        self.prefill.max(self.start + self.depths.last().copied().unwrap_or(0) + self.decode)
    }
}

/// The figures of each run.
#[derive(Default)]
struct Runs {
    prefill: Vec<f64>,
    /// For each depth.
    decode: Vec<Vec<f64>>,
    prepare: Vec<f64>,
    encode: Vec<f64>,
    bridge: Vec<f64>,
    first_token: Vec<f64>,
    load: Vec<f64>,
    stream: Vec<f64>,
    int8: Vec<f64>,
    f32: Vec<f64>,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    notes.stage(format_args!("loading"));
    let opened = args.model.open(args.quiet)?;
    let model = &opened.model;
    let mut pictures = Pictures::new(args, model)?;
    let sizes = Sizes::new(args, model)?;
    reduced(&notes, args, &sizes);
    let question = model.count(&model.compose(&pictures.question()?)?);
    let mut session = model.session(&args.memory.session(sizes.positions().max(question + 1)))?;
    interrupt.cancels(session.cancel_handle());

    let mut random = Random(1);
    notes.stage(format_args!("warming up"));
    measure(&mut session, &sizes, &mut pictures, &mut random, &mut Runs::default())?;
    let memory = resident();
    let stream = noise(&mut random, limits::STREAM_BYTES)?;
    let mut runs = Runs::default();
    for run in 1..=args.repeat {
        notes.stage(format_args!("run {run}/{}", args.repeat));
        measure(&mut session, &sizes, &mut pictures, &mut random, &mut runs)?;
        runs.load.push(ms(args.model.open(args.quiet)?.load));
        let (isa, threads) = (Isa::offered()[0], opened.device.threads);
        runs.stream.push(limits::stream(isa, threads, &stream));
        runs.int8.push(limits::int8(isa, threads, 4));
        runs.f32.push(limits::f32(isa, threads));
    }
    notes.clear();
    let report = Report { args, opened: &opened, sizes: &sizes, question, memory, runs: &runs };
    let mut out = Out::new();
    if args.json {
        return out.json(&report.document());
    }
    report.table(&mut out)?;
    out.flush()
}

fn reduced(notes: &Notes, args: &Args, sizes: &Sizes) {
    for (what, asked, usual, got) in
        [("prefill", args.prefill, PREFILL, sizes.prefill), ("decode", args.decode, DECODE, sizes.decode)]
    {
        if asked.is_none() && got < usual {
            notes.line(format_args!("{what} of {got} instead of {usual} tokens: no more fit the context"));
        }
    }
}

/// One run of everything that the session does.
fn measure(
    session: &mut Session,
    sizes: &Sizes,
    pictures: &mut Pictures,
    random: &mut Random,
    runs: &mut Runs,
) -> Result<(), Failure> {
    let vocabulary = session.model().tokenizer().vocab_size();
    let rate = |count: usize, start: Instant| per_second(count, start.elapsed().as_secs_f64());
    runs.decode.resize(sizes.depths.len(), Vec::new());
    let mut tokens = session.tokens();
    let ids = random.ids(sizes.prefill, vocabulary);
    let start = Instant::now();
    // What an encoder has read stays beside the text that follows.
    if sizes.start > 0 {
        tokens.read(&ids)?
    } else {
        tokens.feed(&ids)?
    };
    runs.prefill.push(rate(ids.len(), start));
    tokens.truncate(sizes.start);
    for (depth, runs) in sizes.depths.iter().map(|depth| sizes.start + depth).zip(&mut runs.decode) {
        let before = random.ids(depth - tokens.len(), vocabulary);
        if !before.is_empty() {
            tokens.feed(&before)?;
        }
        let ids = random.ids(sizes.decode, vocabulary);
        let start = Instant::now();
        for id in &ids {
            tokens.feed(std::slice::from_ref(id))?;
        }
        runs.push(rate(ids.len(), start));
        tokens.truncate(depth);
    }
    drop(tokens);
    let prompt = pictures.question()?;
    let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
    let start = Instant::now();
    let answer = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?;
    runs.first_token.push(ms(start.elapsed()));
    if answer.timings.encoded > 0 {
        runs.prepare.push(ms(answer.timings.prepare));
        runs.encode.push(ms(answer.timings.encode));
        runs.bridge.push(ms(answer.timings.bridge));
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds.max(1e-9)
}

/// Pictures no session has seen, for a model that takes any.
struct Pictures {
    /// The one that is altered.
    base: Option<Arc<Picture>>,
    limits: ocelli_engine::image::ImageLimits,
    random: Random,
}

impl Pictures {
    fn new(args: &Args, model: &Model) -> Result<Self, Failure> {
        let limits = model.image_limits();
        let mut random = Random(2);
        let base = match (&args.image, model.preprocess()) {
            (Some(_), None) => return Err(Error::NoVision { images: 1 }.into()),
            (Some(path), Some(_)) => Some(read_picture(path, &limits)?),
            (None, Some(p)) => {
                let rgb = noise(&mut random, p.width as usize * p.height as usize * 3)?;
                Some(Arc::new(Picture::new(p.width, p.height, rgb, &limits).map_err(Error::from)?))
            }
            (None, None) => None,
        };
        Ok(Self { base, limits, random })
    }

    /// The question, behind a new picture where the model takes pictures.
    fn question(&mut self) -> Result<Prompt, Failure> {
        let Some(base) = &self.base else { return Ok(Prompt::new().text(QUESTION)) };
        let mut rgb = base.rgb().to_vec();
        for byte in rgb.iter_mut().take(64) {
            *byte = self.random.next().to_le_bytes()[0];
        }
        let picture = Picture::new(base.width(), base.height(), rgb, &self.limits).map_err(Error::from)?;
        Ok(Prompt::new().image(picture).text(QUESTION))
    }
}

/// Numbers without meaning, the same ones each time (Steele et al. 2014, SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn ids(&mut self, count: usize, vocabulary: usize) -> Vec<u32> {
        let id = |r: u64| u32::try_from(r % vocabulary.max(1) as u64).unwrap_or(0);
        (0..count).map(|_| id(self.next())).collect()
    }
}

/// Random bytes, rounded up to whole words and cut.
fn noise(random: &mut Random, bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut data = Vec::new();
    let words = bytes.div_ceil(8);
    data.try_reserve_exact(words * 8)
        .map_err(|_| Failure::new("out-of-memory", format_args!("no memory for a buffer of {}", size(bytes as u64))))?;
    (0..words).for_each(|_| data.extend_from_slice(&random.next().to_le_bytes()));
    data.truncate(bytes);
    Ok(data)
}

/// Resident memory in bytes, by kind; Linux tells.
#[derive(Clone, Copy, Default)]
struct Resident {
    anonymous: Option<u64>,
    file: Option<u64>,
    peak: Option<u64>,
}

fn resident() -> Resident {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Resident { anonymous: bytes("RssAnon:"), file: bytes("RssFile:"), peak: bytes("VmHWM:") }
}

/// The middle of some figures, the least and the most.
struct Summary {
    median: f64,
    least: f64,
    most: f64,
}

impl Summary {
    /// `None` of nothing.
    fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, sorted[middle]),
            _ => sorted[middle],
        };
        Some(Self { median, least: *sorted.first()?, most: *sorted.last()? })
    }

    fn document(&self, name: &str, mut before: Value) -> Value {
        for (name, value) in [(name, self.median), ("least", self.least), ("most", self.most)] {
            before[name] = json!(rounded(value));
        }
        before
    }
}

/// Four digits after the point: more than any of this is good for.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// All that is told.
struct Report<'a> {
    args: &'a Args,
    opened: &'a Opened,
    sizes: &'a Sizes,
    /// Positions of the question.
    question: usize,
    memory: Resident,
    runs: &'a Runs,
}

impl Report<'_> {
    /// Bytes a token reads on average while it is decoded behind `depth` others: weights, and keys and values.
    fn bytes(&self, depth: usize) -> (u64, u64) {
        let cache = self.args.memory.session(1).cache;
        self.opened.model.token_bytes(depth + self.sizes.decode / 2, cache)
    }

    /// What part of the read stream decode takes.
    fn share(&self, depth: usize, runs: &[f64]) -> Option<f64> {
        let (weights, past) = self.bytes(depth);
        #[allow(clippy::cast_precision_loss)]
        let bytes = (weights + past) as f64;
        Some(bytes * Summary::of(runs)?.median / 1e9 / Summary::of(&self.runs.stream)?.median)
    }

    /// Depths with what was measured there.
    fn decodes(&self) -> impl Iterator<Item = (usize, &[f64])> {
        self.sizes.depths.iter().copied().zip(self.runs.decode.iter().map(Vec::as_slice))
    }

    fn document(&self) -> Value {
        let runs = self.runs;
        let time = |runs: &[f64]| Summary::of(runs).map(|s| s.document("milliseconds", json!({})));
        let speed = |runs: &[f64], before: Value| Summary::of(runs).map(|s| s.document("tokens_per_second", before));
        let decodes: Vec<Value> = self
            .decodes()
            .map(|(depth, runs)| {
                let (weights, past) = self.bytes(depth);
                let about = json!({
                    "tokens": self.sizes.decode, "depth": depth, "weight_bytes": weights, "cache_bytes": past,
                });
                json!(speed(runs, about))
            })
            .collect();
        let shares: Vec<Value> =
            self.decodes().map(|(depth, runs)| json!(self.share(depth, runs).map(rounded))).collect();
        let limit = |runs: &[f64]| Summary::of(runs).map(|s| rounded(s.median));
        let first = Summary::of(&runs.first_token);
        json!({
            "model": self.opened.name,
            "threads": self.opened.device.threads,
            "isa": self.opened.device.isa,
            "repeat": self.args.repeat,
            "prefill": speed(&runs.prefill, json!({ "tokens": self.sizes.prefill })),
            "decode": decodes.first(),
            "decode_at_depth": &decodes[1..],
            "prepare": time(&runs.prepare),
            "encode": time(&runs.encode),
            "bridge": time(&runs.bridge),
            "load": time(&runs.load),
            "first_token": first.map(|s| s.document("milliseconds", json!({ "positions": self.question }))),
            "memory": {
                "anonymous": self.memory.anonymous, "file": self.memory.file, "peak": self.memory.peak,
            },
            "limits": {
                "stream_gb_per_second": limit(&runs.stream),
                "int8_gop_per_second": limit(&runs.int8),
                "f32_gflop_per_second": limit(&runs.f32),
            },
            "shares": { "decode": shares.first(), "decode_at_depth": &shares[1..] },
        })
    }

    fn table(&self, out: &mut Out) -> Result<(), Failure> {
        let (device, runs) = (&self.opened.device, self.runs);
        out.line(format_args!(
            "{}, {} {}, {}, {}\n",
            self.opened.name,
            device.name,
            device.isa,
            counted(device.threads, "thread"),
            counted(self.args.repeat, "run")
        ))?;
        // Rows as wide as a terminal's 80 columns.
        let head = ("", "median", "least", "most", "unit");
        out.line(format_args!("| {:<30} | {:>9} | {:>9} | {:>9} | {:<7} |", head.0, head.1, head.2, head.3, head.4))?;
        out.line(format_args!("|{:-<32}|{0:->10}:|{0:->10}:|{0:->10}:|{0:-<9}|", ""))?;
        let mut line = |what: &str, runs: &[f64], unit: &str| -> Result<(), Failure> {
            let Some(s) = Summary::of(runs) else { return Ok(()) };
            out.line(format_args!(
                "| {what:<30} | {:>9.2} | {:>9.2} | {:>9.2} | {unit:<7} |",
                s.median, s.least, s.most
            ))
        };
        line(&format!("prefill, {}", counted(self.sizes.prefill, "token")), &runs.prefill, "tok/s")?;
        for (depth, runs) in self.decodes() {
            let behind = if depth > 0 { format!(" behind {depth}") } else { String::new() };
            line(&format!("decode, {}{behind}", counted(self.sizes.decode, "token")), runs, "tok/s")?;
            let share = self.share(depth, runs).map(|share| share * 100.0);
            line("  share of the read stream", share.as_slice(), "%")?;
        }
        line("prepare a picture", &runs.prepare, "ms")?;
        line("encode a picture", &runs.encode, "ms")?;
        line("of it the bridge", &runs.bridge, "ms")?;
        line(&format!("first token of {}", counted(self.question, "position")), &runs.first_token, "ms")?;
        line("load", &runs.load, "ms")?;
        line("machine: read stream", &runs.stream, "GB/s")?;
        line("machine: int8", &runs.int8, "GOP/s")?;
        line("machine: f32", &runs.f32, "GFLOP/s")?;
        let human = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), size);
        let Resident { anonymous, file, peak } = self.memory;
        out.line(format_args!(
            "\nmemory: {} anonymous, {} of files, {} at most",
            human(anonymous),
            human(file),
            human(peak)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        let summary = |figures: &[f64]| Summary::of(figures).map(|s| (s.median, s.least, s.most));
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[3.0]), Some((3.0, 3.0, 3.0)));
        assert_eq!(summary(&[3.0, 1.0, 2.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(summary(&[4.0, 1.0, 2.0, 8.0]), Some((3.0, 1.0, 8.0)));
    }
}
