//! Readers that leave, and disks that are full.

use crate::process::{command, finish};
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    for args in [
        &["tokenize", "-"][..],
        &["tokenize", "--json", "-"],
        &["run", "-p", "-", "-n", "50", "--min-new-tokens", "50", "--quiet"],
        &["run", "-p", "-", "--json", "--quiet"],
        &["score", "-p", "-", "-c", "x", "--quiet"],
    ] {
        let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
        // Nobody reads any more before the program has anything to say.
        drop(child.stdout.take());
        child.stdin.take().unwrap().write_all(b"Question: what is this? Answer:").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    for args in [&["inspect"][..], &["inspect", "--json"], &["run", "-p", "x"], &["completions", "bash"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = finish(command(args).stdout(full), "");
        assert!(ended.failed(1, "output").contains("standard output"), "{args:?}");
    }
}
