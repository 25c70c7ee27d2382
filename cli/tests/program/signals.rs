//! Signals: the first ends the work soon, with the exit code that shells give to a program that it killed.
#![cfg(unix)]

use crate::process::{command, picture};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// 128 and the signal's number.
pub fn exit(signal: &str) -> i32 {
    128 + match signal {
        "-HUP" => 1,
        "-INT" => 2,
        "-TERM" => 15,
        other => panic!("{other}"),
    }
}

/// Sends a signal.
pub fn send(signal: &str, child: &Child) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Interrupts a command after `delay`; its exit code, what it said and how long it took to end.
fn interrupt(args: &[&str], signal: &str, delay: Duration) -> (Option<i32>, String, Duration) {
    let mut command = command(args);
    let mut child = command.env("OCELLI_ISA", "scalar").stdin(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take();
    sleep(delay);
    send(signal, &child);
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    (output.status.code(), String::from_utf8(output.stderr).unwrap(), start.elapsed())
}

/// Machines that run many tests at once are late now and then: the best of a few tries counts.
pub fn ends_soon(args: &[&str], signal: &str) {
    let mut seen = Vec::new();
    for attempt in 1..=6 {
        let (code, err, took) = interrupt(args, signal, Duration::from_millis(200 * attempt));
        assert!(!err.contains("panicked") && !err.contains("error["), "{err}");
        if code == Some(exit(signal)) && took <= Duration::from_millis(250) {
            return;
        }
        seen.push((code, took));
    }
    panic!("{args:?} {signal}: {seen:?}");
}

#[test]
fn a_beam_search_ends() {
    let picture = picture("blue_circle.png");
    let args = ["run", "-i", &picture, "-n", "100", "--min-new-tokens", "100", "--beams", "64", "--threads", "1"];
    ends_soon(&args, "-INT");
    ends_soon(&args, "-TERM");
}

#[test]
fn scoring_ends() {
    let text = " blue circle".repeat(20);
    let mut args = vec!["score", "--threads", "1", "-p", "x"];
    for _ in 0..500 {
        args.extend(["-c", &text]);
    }
    ends_soon(&args, "-INT");
}

#[test]
fn waiting_for_input_ends() {
    ends_soon(&["run", "-p", "-"], "-INT");
    ends_soon(&["run", "-p", "-"], "-TERM");
}

/// Where these tests were started by `nohup` themselves, what they start ignores the signal too: so its default comes back
/// first.
#[test]
fn a_terminal_that_is_gone_ends_it() {
    let program = env!("CARGO_BIN_EXE_ocelli");
    let mut command = Command::new("env");
    let known = command.args(["--default-signal=HUP", "true"]).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        return;
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", program, "run", "-p", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sleep(Duration::from_millis(1000));
    send("-HUP", &child);
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(20) {
        sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(exit("-HUP")));
}

/// Who starts a program by `nohup` means it to outlive the terminal.
#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    let script = "trap '' HUP; exec \"$0\" run -p -";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_ocelli")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sleep(Duration::from_millis(300));
    send("-HUP", &child);
    sleep(Duration::from_millis(100));
    assert_eq!(child.try_wait().unwrap(), None);
    send("-TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn the_second_signal_does_not_wait() {
    // A conversion ends by itself when it is told to, so that it can remove its file; this one cannot be told, because
    // its configuration is a pipe that nobody writes.
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.json");
    assert!(Command::new("mkfifo").arg(&config).status().unwrap().success());
    let out = dir.path().join("out.gguf");
    let mut child = command(&["convert", dir.path().to_str().unwrap(), "-o", out.to_str().unwrap()]).spawn().unwrap();
    sleep(Duration::from_millis(500));
    send("-INT", &child);
    send("-INT", &child);
    sleep(Duration::from_millis(400));
    assert_eq!(child.try_wait().unwrap(), None, "two signals at once are one");
    send("-INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
