//! The fuzz targets as an ordinary test, for machines that have no sanitizer: each target's body over all of its seeds, then
//! over changes of them, always the same ones, for some seconds. `fuzz/run` searches for longer, with a sanitizer and
//! by what code an input reaches.
//!
//! OCELLI_FUZZ_CORPUS names the folder of the seeds, which the other tests write; so `tests/run` starts this one behind
//! them. An input with a finding is kept, and the failure names its file.

#![cfg(unix)]
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long changes of seeds are run, for a target.
const TIME: Duration = Duration::from_secs(3);
/// Longest input.
const LONGEST: usize = 64 << 10;

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end.max(1)
    }
}

/// Changes an input in one place; `other` is another seed.
fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    const NUMBERS: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];
    let at = random.below(input.len() + 1);
    let length = 1 + random.below(16);
    let end = (at + length).min(input.len());
    match random.below(6) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = u8::try_from(random.below(256)).unwrap(),
        2 => {
            let size = [1, 2, 4, 8][random.below(4)].min(input.len() - at);
            let number = NUMBERS[random.below(NUMBERS.len())].wrapping_sub(random.below(3) as u64);
            input[at..at + size].copy_from_slice(&number.to_le_bytes()[..size]);
        }
        3 => drop(input.drain(at..end)),
        4 => {
            let again = input[at..end].to_vec();
            input.splice(at..at, again);
        }
        _ => {
            let from = random.below(other.len() + 1);
            let part = &other[from..(from + 4 * length).min(other.len())];
            input.splice(at..end, part.iter().copied());
        }
    }
    input.truncate(LONGEST);
}

fn run(name: &str, target: fn(&[u8])) {
    let corpus = std::env::var_os("OCELLI_FUZZ_CORPUS").expect("OCELLI_FUZZ_CORPUS names the folder of the seeds");
    let mut files: Vec<_> = fs::read_dir(Path::new(&corpus).join(name)).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(!seeds.is_empty(), "{name} has no seeds in {}", corpus.display());
    let check = |input: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("finding-{name}"));
            fs::write(&kept, input).unwrap();
            panic!("a finding of the fuzz target {name}: the input is in {}", kept.display());
        }
    };
    seeds.iter().for_each(|seed| check(seed));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (start, mut changed) = (Instant::now(), 0);
    while start.elapsed() < TIME {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            let other = random.below(seeds.len());
            change(&mut input, &seeds[other], &mut random);
        }
        check(&input);
        changed += 1;
    }
    println!("{name}: {} seeds, {changed} changes of them", seeds.len());
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(
            #[test]
            #[ignore = "needs the seeds that other tests write: tests/run starts it behind them"]
            fn $name() {
                run(stringify!($name), targets::$name);
            }
        )*
    };
}

targets!(gguf, torch, safetensors, picture, tokenizer, chat, calls, lines, features, listing, index);

#[test]
fn changes_change() {
    let mut random = Random(1);
    let seed: Vec<u8> = (0..200).collect();
    let different = (0..200).filter(|_| {
        let mut input = seed.clone();
        change(&mut input, b"other", &mut random);
        input != seed && input.len() < 300
    });
    assert!(different.count() > 150);
}
