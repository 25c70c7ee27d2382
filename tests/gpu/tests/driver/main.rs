//! The engine's loader, contexts, uploads and recorded steps over a driver that computes with the interpreter. Each case is a process
//! of its own, this program once more, since a process has one driver.

#![allow(clippy::unwrap_used, unsafe_code, clippy::print_stdout)] // launches of kernels
#![cfg(target_os = "linux")]

mod session;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The driver's library, which cargo puts beside this program.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().join("libcuda.so")
}

/// What a case said and wrote into the driver's log.
struct Ended {
    said: String,
    log: String,
    output: Output,
}

impl Ended {
    /// The line behind `begin`.
    fn line(&self, begin: &str) -> &str {
        self.said.lines().find_map(|l| l.split_once(begin)).map_or("nothing", |(_, rest)| rest)
    }

    /// Whether nothing was held at the end, as far as a driver that still worked was asked.
    fn leaks(&self) -> Option<&str> {
        let empty = "held: 0 bytes in 0 blocks, 0 pinned, 0 streams, 0 events, 0 modules, 0 graphs";
        self.log.lines().find(|line| line.starts_with("held: ") && *line != empty)
    }
}

/// Runs a case with the driver's settings in a process of its own; without settings, where there is no driver.
fn case(name: &str, settings: Option<&str>) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    if settings.is_some() {
        std::fs::copy(library(), folder.path().join("libcuda.so.1")).unwrap();
    }
    let settings = format!("log={},{}", log.display(), settings.unwrap_or_default());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "one_case", "--ignored", "--nocapture"])
        .env("OCELLI_CASE", name)
        .env("LD_LIBRARY_PATH", folder.path())
        .env("OCELLI_FAKE_CUDA", settings)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ended { said, log: std::fs::read_to_string(Path::new(&log)).unwrap_or_default(), output }
}

/// One case by the environment's name of it; the tests below start it.
#[test]
#[ignore = "started by the other tests"]
fn one_case() {
    let said = match std::env::var("OCELLI_CASE").as_deref() {
        Ok("gpus") => format!("{:?}", ocelli_engine::gpus()),
        Ok("answer") => session::answer(),
        Ok("reused") => session::reused(),
        Ok("spoilt") => session::spoilt(),
        Ok("broken") => session::broken(),
        _ => return,
    };
    println!("result: {said}");
}

#[test]
fn devices_are_listed() {
    let said = |settings: &str| case("gpus", Some(settings)).line("result: ").to_owned();
    let device = "Gpu { name: \"Interpreter of PTX\", capability: (8, 7), memory: 8589934592, integrated: true }";
    assert_eq!(said("memory=8589934592,integrated"), format!("Ok(Gpus {{ driver: (12, 6), devices: [{device}] }})"));
    assert_eq!(said("devices=0"), "Ok(Gpus { driver: (12, 6), devices: [] })");
    assert_eq!(said("driver=11.3"), "Err(TooOld((11, 3)))");
    assert_eq!(said("fail=2:999"), "Err(Call { call: \"cuInit\", code: 999 })");
    assert_eq!(said("fail=6:3"), "Err(Call { call: \"cuDeviceTotalMem_v2\", code: 3 })");
    assert_eq!(case("gpus", None).line("result: "), "Err(NoDriver(\"libcuda.so.1\"))");
}

#[test]
fn a_step_is_recorded_and_run() {
    let ended = case("answer", Some(""));
    assert_eq!(ended.line("result: "), "right", "{:?} {}", ended.output, ended.log);
    assert_eq!(ended.leaks(), None, "{}", ended.log);
    assert!(ended.log.lines().any(|line| line.starts_with("held: ")), "{}", ended.log);
}

#[test]
fn what_is_wrong_with_a_step_shows() {
    // A pinned buffer that is written again before its copy was waited for.
    assert_eq!(case("reused", Some("")).line("result: "), "wrong");
    assert!(case("spoilt", Some("")).line("result: ").contains("code: 900"));
    let broken = case("broken", Some(""));
    assert!(broken.line("result: ").contains("code: 700"), "{}", broken.said);
    assert!(broken.line("result: ").contains("lost: true"), "{}", broken.said);
    assert!(broken.log.contains("(out of bounds)"), "{}", broken.log);
}

#[test]
fn what_a_driver_cannot_do_is_an_error() {
    let said = |settings: &str| case("answer", Some(settings)).line("result: ").to_owned();
    assert_eq!(said("memory=2000"), "cuMemAlloc_v2 failed with 2 (out of memory)");
    assert_eq!(said("largest=100"), "cuMemAlloc_v2 failed with 2 (out of memory)");
    assert_eq!(said("capability=7.2"), "cuModuleLoadDataEx failed with 209 (see the driver's documentation)");
    assert_eq!(said("driver=11.4,capability=7.5"), "right");
}

/// Each call of a whole answer fails once, in three ways: an error each time that names it, or the right answer where
/// only giving back failed; nothing is held at the end where the device still lives.
#[test]
fn any_call_may_fail() {
    let whole = case("answer", Some(""));
    let calls = whole.log.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
    assert!(calls > 40, "{}", whole.log);
    let gives_back = ["Free", "Destroy", "Unload", "Release"];
    for code in [1, 2, 719] {
        for call in 1..=calls {
            let ended = case("answer", Some(&format!("fail={call}:{code}")));
            let line = ended.log.lines().find(|line| line.starts_with(&format!("{call} "))).unwrap_or_default();
            let name = line.split(' ').nth(1).unwrap_or_default();
            let result = ended.line("result: ");
            assert!(ended.output.status.success(), "{line}: {:?}", ended.output);
            if gives_back.iter().any(|word| name.contains(word)) {
                assert!(result == "right" || result.contains(&format!("failed with {code}")), "{line}: {result}");
            } else {
                assert!(result.starts_with(&format!("{name} failed with {code}")), "{line}: {result}");
                assert!(code >= 700 || ended.leaks().is_none(), "{line}: {}", ended.log);
            }
        }
    }
}
