//! The commands, one file each.

pub mod bench;
pub mod chat;
pub mod completions;
pub mod convert;
pub mod doctor;
pub mod embed;
pub mod eval;
pub mod imatrix;
pub mod inspect;
pub mod matching;
pub mod models;
pub mod pull;
pub mod quantize;
pub mod run;
pub mod score;
pub mod search;
pub mod split;
pub mod tokenize;
