//! Tokenizers as GGUF keys: one file a kind, and the parts of Hugging Face's files they share.

pub(crate) mod bpe;
mod files;
mod kinds;
mod vocabulary;
