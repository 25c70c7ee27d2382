//! Tokenizers as GGUF keys: one file a kind, and the parts of Hugging Face's files they share.

pub(crate) mod byte_bpe;
mod files;
mod vocabulary;
