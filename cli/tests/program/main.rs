//! The program as its users meet it: the binary is run, its streams and exit codes are looked at.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod batch;
mod bench;
mod chat;
mod convert;
mod doctor;
mod eval;
mod eval_files;
mod eval_parts;
mod grammar;
#[cfg(feature = "hub")]
mod hub;
mod inspect;
mod matching;
#[cfg(target_os = "linux")]
mod outputs;
mod pipes;
mod pointing;
mod process;
mod quantize;
mod run;
mod saying;
mod score;
#[cfg(unix)]
mod search;
mod shots;
mod signals;
mod tasks;
mod terminal;
mod tokenize;
mod usage;
mod video;
