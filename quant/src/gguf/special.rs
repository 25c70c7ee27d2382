//! The keys of special tokens, which a converter writes and a runtime reads.
//!
//! Source: the GGUF specification, and transformers' `SPECIAL_TOKENS_ATTRIBUTES`. The non-obvious thing: "seperator" is
//! how the specification spells it.

/// Special tokens as transformers and its chat templates name them, and the `NAME` of the key `tokenizer.ggml.NAME_token_id`
/// that holds the id.
pub const SPECIAL_TOKENS: [(&str, &str); 7] = [
    ("bos_token", "bos"),
    ("eos_token", "eos"),
    ("unk_token", "unknown"),
    ("sep_token", "seperator"),
    ("pad_token", "padding"),
    ("cls_token", "cls"),
    ("mask_token", "mask"),
];
