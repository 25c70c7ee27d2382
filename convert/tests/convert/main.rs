//! Conversions of tiny checkpoints made here, and of checkpoints with one thing wrong each.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chat;
mod checkpoint;
mod configuration;
mod exact;
mod frozen;
mod hostile;
mod kosmos;
mod lavis;
mod lavis_instruct;
mod llava;
mod llava_original;
mod minigpt4;
mod newer;
mod open_flamingo;
mod output;
mod pieces;
#[cfg(target_os = "linux")]
mod places;
mod quantize;
mod rope;
#[path = "../../../fuzz/keep.rs"]
mod seeds;
mod settings;
mod smolvlm;
mod special;
mod stored;
mod t5;
mod text;
mod tiny;
mod tokenizers;
mod torch;
mod torch_file;
mod values;
