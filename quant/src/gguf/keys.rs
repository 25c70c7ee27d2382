//! Names and limits of hyper-parameters: what is written into files and read out of them by the same words and up to the
//! same numbers.
//!
//! A limit bounds memory and arithmetic that come from a file's header. It lies well above any model that is published.

/// Version of the file format that is written here, under [`VERSION_KEY`]; files of a later one are refused.
pub const VERSION: u32 = 1;
/// The key of [`VERSION`].
pub const VERSION_KEY: &str = "ocelli.version";

/// Most layers of a stack.
pub const LAYERS: u32 = 1_024;
/// Most heads of an attention.
pub const HEADS: u32 = 4_096;
/// Most numbers of a head.
pub const HEAD: u32 = 4_096;
/// Widest residual stream or feed-forward layer.
pub const WIDTH: u32 = 1 << 20;
/// Longest context.
pub const CONTEXT: u32 = 1 << 24;
/// Largest vocabulary.
pub const VOCABULARY: u32 = 1 << 22;
/// Most pixels a side of a picture or patch.
pub const SIDE: u32 = 4_096;
/// Most rows that a picture or its patches become.
pub const ROWS: u32 = 16_384;
/// Most tiles that a picture is cut into by its shape.
pub const TILES: u32 = 64;
/// Most learned places of frames in a video.
pub const FRAMES: u32 = 1_024;
/// Most learned places of pictures in a prompt.
pub const MEDIA: u32 = 16_384;

/// Most beams of a search, which run side by side.
pub const BEAMS: u32 = 64;

/// Activations: max(x, 0), GELU by erf, by the tanh polynomial and by x σ(1.702 x), and x σ(x).
pub const ACTIVATIONS: [&str; 5] = ["relu", "gelu", "gelu_tanh", "gelu_quick", "silu"];

/// Resampling filters in the order of Pillow's numbers for them.
pub const FILTERS: [&str; 6] = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];

/// CLIP's normalisation of the three colours, which every BLIP uses: the means ...
pub const CLIP_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// ... and the standard deviations.
pub const CLIP_STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// Special tokens as transformers and its chat templates name them, and the `NAME` of the key `tokenizer.ggml.NAME_token_id`
/// that holds the id. ("seperator" is how the GGUF specification spells it.)
pub const SPECIAL_TOKENS: [(&str, &str); 7] = [
    ("bos_token", "bos"),
    ("eos_token", "eos"),
    ("unk_token", "unknown"),
    ("sep_token", "seperator"),
    ("pad_token", "padding"),
    ("cls_token", "cls"),
    ("mask_token", "mask"),
];
