//! Several pulls at once, and pulls that end before they are done.

use super::server::{Answer, Body, Hub, Request, ranged};
use super::{Home, repositories};
use crate::process::finish;
use std::fs;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

const MODEL: &str = "model.safetensors";

/// A hub that takes about half a second for the weights.
fn slow() -> Hub {
    let bytes = repositories()["o/tiny"][MODEL].bytes.clone();
    Hub::scripted(repositories(), move |request: &Request| {
        let mut answer = request.gets(MODEL).then(|| ranged(request, &bytes))?;
        let rest = bytes[request.from().unwrap_or(0)..].to_vec();
        answer.body = Body::Slow(rest, 1 << 16, Duration::from_millis(10));
        Some(answer)
    })
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn two_pulls_at_once_fetch_once() {
    let (home, hub) = (Home::new(), slow());
    let start = || home.command(&hub.endpoint, &["pull", "o/tiny"]).spawn().unwrap();
    let children = [start(), start(), start()];
    let outputs = children.map(|child| child.wait_with_output().unwrap());
    for output in &outputs {
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), home.snapshot("o/tiny").to_str().unwrap());
    }
    assert!(outputs.iter().any(|o| String::from_utf8_lossy(&o.stderr).contains("fetched by another program; waiting")));
    assert_eq!(hub.gets(MODEL), 1);
    home.has(&hub, "o/tiny", MODEL);
    home.is_clean(&hub, "o/tiny");
}

#[test]
fn killed_at_any_moment_the_next_pull_gives_the_same_bytes() {
    let hub = slow();
    // From before the first request until behind the last.
    let (home, start) = (Home::new(), Instant::now());
    home.run(&hub, &["pull", "o/tiny"]).ok();
    let whole = start.elapsed();
    let mut kept = 0;
    for i in 0..24 {
        let home = Home::new();
        // One more kill of the run that goes on.
        for j in 0..=i % 2 {
            let mut child = home.command(&hub.endpoint, &["pull", "o/tiny"]).spawn().unwrap();
            sleep(whole.mul_f64(f64::from(i * 37 % 24 + j * 3) / 26.0));
            let _ = child.kill();
            child.wait().unwrap();
        }
        let refs = home.repository("o/tiny").join("refs/main").exists();
        assert!(!refs || home.snapshot("o/tiny").join(MODEL).exists(), "a reference means that all is there");
        let blobs = fs::read_dir(home.repository("o/tiny").join("blobs")).into_iter().flatten().flatten();
        let left = blobs.map(|b| b.metadata().unwrap().len()).filter(|len| (100_000..3 << 20).contains(len)).count();
        kept += left;
        let before = hub.log().len();
        home.run(&hub, &["pull", "o/tiny"]).ok();
        let from = hub.log()[before..].iter().any(|r| r.gets(MODEL) && r.from().is_some());
        assert!(from || left == 0, "what was there is not fetched again");
        for file in ["config.json", "tokenizer.json", MODEL] {
            home.has(&hub, "o/tiny", file);
        }
        home.is_clean(&hub, "o/tiny");
    }
    assert!(kept >= 3, "some were killed in the middle: {kept}");
}

#[test]
fn interrupting_keeps_what_came() {
    for name in ["-INT", "-TERM"] {
        let (home, hub) = (Home::new(), slow());
        let child = home.command(&hub.endpoint, &["pull", "o/tiny"]).spawn().unwrap();
        while hub.gets(MODEL) == 0 {
            sleep(Duration::from_millis(5));
        }
        sleep(Duration::from_millis(100));
        let start = Instant::now();
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(crate::signals::exit(name)), "{output:?}");
        assert!(start.elapsed() < Duration::from_secs(2) && output.stdout.is_empty());
        let end = "what was fetched is kept: the same command goes on\nocelli: interrupted\n";
        assert!(String::from_utf8_lossy(&output.stderr).ends_with(end), "{output:?}");
        home.run(&hub, &["pull", "o/tiny"]).ok();
        assert!(hub.log().last().unwrap().from() > Some(0));
        home.has(&hub, "o/tiny", MODEL);
    }
}

#[test]
fn a_silent_hub_does_not_hold_an_interrupted_program() {
    let bytes = repositories()["o/tiny"][MODEL].bytes.clone();
    let (home, hub) = (
        Home::new(),
        Hub::scripted(repositories(), move |request| {
            request.gets(MODEL).then(|| Answer::of(Body::Stalled(bytes.clone(), 300_000)))
        }),
    );
    // By a command that looks at signals itself as well.
    let mut command = home.command(&hub.endpoint, &["convert", "o/tiny", "-o", "/dev/null"]);
    let child = command.env("HF_HUB_DOWNLOAD_TIMEOUT", "60").spawn().unwrap();
    while hub.gets(MODEL) == 0 {
        sleep(Duration::from_millis(5));
    }
    sleep(Duration::from_millis(100));
    let start = Instant::now();
    signal(&child, "-INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(2));
}

/// A limit of a file's length stands for a full disk: writing fails in the middle.
#[test]
fn what_cannot_be_written_is_said_and_the_rest_kept() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    let pull = home.command(&hub.endpoint, &["pull", "o/tiny"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$0\" pull o/tiny"]).arg(pull.get_program());
    for (name, value) in pull.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let output = limited.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && err.contains("error[hub-cache]: cannot write"), "{output:?}");
    let blob = repositories()["o/tiny"][MODEL].etag() + ".incomplete";
    let kept = fs::metadata(home.repository("o/tiny").join("blobs").join(blob)).unwrap().len();
    assert!((900_000..=1_024_000).contains(&kept), "{kept}");
    home.run(&hub, &["pull", "o/tiny"]).ok();
    assert_eq!(hub.log().last().unwrap().from(), usize::try_from(kept).ok());
    home.has(&hub, "o/tiny", MODEL);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    fs::write(home.cache(), "a file").unwrap();
    let err = finish(&mut home.command(&hub.endpoint, &["pull", "o/tiny"]), "").failed(1, "hub-cache");
    assert!(err.contains("/hub/models--o--tiny"), "{err}");
}
