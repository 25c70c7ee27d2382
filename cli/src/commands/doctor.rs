//! `ocelli doctor`: what this machine offers and whether the program works on it. What to attach to a bug report.

use crate::bundled;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Out, counted, ms, size, time};
use ocelli_engine::Isa;
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{CudaError, Engine, Error, GenerateOptions, Gpus, Prompt, SessionOptions, gpus};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

const AFTER: &str = "\
EXAMPLES
  ocelli doctor
  ocelli doctor --json
  OCELLI_ISA=scalar ocelli doctor

The exit code is 1 if the self-test fails.";

/// Show what this machine offers and test the program on it
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What the bundled model did with a picture drawn here.
struct SelfTest {
    answer: String,
    load: Duration,
    run: Duration,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let engine = Engine::new(0);
    let info = engine.as_ref().ok().map(Engine::info);
    let test = match engine {
        Ok(engine) => self_test(&engine, interrupt),
        Err(error) => Err(error),
    };
    if matches!(test, Err(Error::Cancelled)) {
        return Err(Failure::Interrupted);
    }
    let cores = available_parallelism().map_or(1, usize::from);
    let offered: Vec<&str> = Isa::offered().into_iter().map(Isa::name).collect();
    let asked = std::env::var("OCELLI_ISA").ok();
    let cuda = gpus();
    let (total, available) = (memory("MemTotal:"), memory("MemAvailable:"));
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let mut out = Out::new();
    if args.json {
        out.json(&json!({
            "version": version,
            "os": os,
            "arch": arch,
            "device": info.as_ref().map(|i| i.name),
            "isa": info.as_ref().map(|i| i.isa),
            "isa_why": info.as_ref().map(|i| i.why.as_str()),
            "isas_offered": offered,
            "cores": cores,
            "threads": info.as_ref().map(|i| i.threads),
            "memory": { "total": total, "available": available },
            "environment": { "OCELLI_ISA": asked },
            "cuda": cuda_document(&cuda),
            "self_test": document(&test),
        }))?;
    } else {
        let human = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), size);
        out.line(format_args!("version      {version}"))?;
        out.line(format_args!("system       {os} {arch}"))?;
        if let Some(info) = &info {
            out.line(format_args!("device       {}, {}", info.name, counted(info.threads, "thread")))?;
            out.line(format_args!("instructions {}: {}", info.isa, info.why))?;
        }
        out.line(format_args!("offered      {}", offered.join(", ")))?;
        out.line(format_args!("cores        {cores}"))?;
        out.line(format_args!("memory       {}, {} available", human(total), human(available)))?;
        out.line(format_args!("OCELLI_ISA   {}", asked.as_deref().unwrap_or("not set")))?;
        for line in cuda_lines(&cuda) {
            out.line(format_args!("cuda         {line}"))?;
        }
        if let Ok(test) = &test {
            let (run, load) = (time(test.run), time(test.load));
            out.line(format_args!("self-test    passed: {:?} in {run}, after {load} to load", test.answer))?;
        } else {
            out.line("self-test    failed")?;
        }
        out.flush()?;
    }
    test.map(drop).map_err(|error| match error {
        Error::UnknownIsa { .. } => error.into(),
        _ => Failure::new("self-test", format_args!("{}: {error}", bundled::NAME)),
    })
}

/// What there is of CUDA. Models do not run on it yet, which is said beside it.
fn cuda_lines(cuda: &Result<Gpus, CudaError>) -> Vec<String> {
    let gpus = match cuda {
        Ok(gpus) => gpus,
        Err(error) => return vec![format!("not available: {error}")],
    };
    let (major, minor) = gpus.driver;
    if gpus.devices.is_empty() {
        return vec![format!("driver for CUDA {major}.{minor}, no device")];
    }
    let mut lines = vec![format!("driver for CUDA {major}.{minor}; models run on the processor only for now")];
    lines.extend(gpus.devices.iter().map(|gpu| {
        let shared = if gpu.integrated { ", shared with the processor" } else { "" };
        let (major, minor) = gpu.capability;
        format!("{}, compute capability {major}.{minor}, {}{shared}", gpu.name, size(gpu.memory))
    }));
    lines
}

fn cuda_document(cuda: &Result<Gpus, CudaError>) -> Value {
    let version = |(major, minor): (i32, i32)| format!("{major}.{minor}");
    match cuda {
        Err(error) => json!({ "driver": null, "devices": [], "why": error.to_string() }),
        Ok(gpus) => json!({
            "driver": version(gpus.driver),
            "devices": gpus.devices.iter().map(|gpu| json!({
                "name": gpu.name,
                "compute_capability": version(gpu.capability),
                "memory": gpu.memory,
                "integrated": gpu.integrated,
            })).collect::<Vec<_>>(),
        }),
    }
}

fn document(test: &Result<SelfTest, Error>) -> Value {
    match test {
        Ok(t) => json!({ "ok": true, "answer": t.answer, "load_ms": ms(t.load), "run_ms": ms(t.run) }),
        Err(error) => json!({ "ok": false, "error": error.code(), "message": error.to_string() }),
    }
}

/// The whole way from pixels to words, on the smallest scale.
fn self_test(engine: &Engine, interrupt: &Interrupt) -> Result<SelfTest, Error> {
    let start = Instant::now();
    let model = engine.open_bytes(bundled::bytes())?;
    let load = start.elapsed();
    let start = Instant::now();
    let mut session = model.session(&SessionOptions::default())?;
    interrupt.cancels(session.cancel_handle());
    let prompt = Prompt::new().image(blue_square()?).text("Question: what color is the shape? Answer:");
    let generation = session.generate(&prompt, &GenerateOptions::default(), &mut |_| ControlFlow::Continue(()))?;
    Ok(SelfTest { answer: generation.text.trim().to_owned(), load, run: start.elapsed() })
}

/// A blue square in the middle of white.
fn blue_square() -> Result<Picture, Error> {
    const SIDE: u32 = 64;
    let inside = |v: u32| (16..48).contains(&v);
    let pixel = |i: u32| if inside(i / SIDE) && inside(i % SIDE) { [0, 0, 255] } else { [255, 255, 255] };
    let rgb = (0..SIDE * SIDE).flat_map(pixel).collect();
    Ok(Picture::new(SIDE, SIDE, rgb, &ImageLimits::default())?)
}

/// A line of Linux' memory statistics, in bytes; `None` on other systems.
pub fn memory(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?;
    kib.trim().parse::<u64>().ok()?.checked_mul(1024)
}
