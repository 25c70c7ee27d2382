//! The structs of the header. They are part of the ABI: fields are added at the end and nowhere else, and zero is always
//! the default. There is no padding, so every byte is a field's.

#![allow(unsafe_code)] // says that structs grow
#![allow(non_camel_case_types)] // types are called as C calls them

use crate::log::ocelli_log_fn;
use crate::sized::Grows;
use std::ffi::{c_char, c_void};

/// An open model file. Any thread may use it at any time; sessions keep what they need of it after it is closed.
pub struct ocelli_model {
    _opaque: (),
}

/// A prompt that grows, with its keys and values. One call at a time: see OCELLI_ERR_BUSY and OCELLI_ERR_REENTRANT.
pub struct ocelli_session {
    _opaque: (),
}

/// A picture in memory, 8-bit RGB. Any thread may use it at any time; prompts keep their pictures after it is closed.
pub struct ocelli_image {
    _opaque: (),
}

/// Told of bytes of the model file that are there, of all. Returns 0 to go on; anything else stops the opening, which
/// then returns OCELLI_ERR_CANCELLED.
pub type ocelli_progress_fn = Option<unsafe extern "C" fn(done: u64, total: u64, user: *mut c_void) -> i32>;

/// Of ocelli_model_options.flags: read the file into memory instead of mapping it, for files that may be shortened or
/// storage that may go away while the model is open. (A mapped file that is shortened ends the process.)
pub const OCELLI_MODEL_COPY: u32 = 1;

/// Of ocelli_model_options.flags: read a mapped file through once, so that the first answer does not wait for storage.
pub const OCELLI_MODEL_AHEAD: u32 = 2;

/// Of ocelli_model_options.flags, for ocelli_model_open_memory(): do not copy. The bytes stay the caller's and must stay
/// as they are until the model and all of its sessions are closed. At an address that is no multiple of 8 they are
/// copied all the same.
pub const OCELLI_MODEL_BORROW: u32 = 4;

/// How a model is opened. NULL in its place, and zero in any field, is the default.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ocelli_model_options {
    /// sizeof(ocelli_model_options).
    pub struct_size: u32,
    /// OCELLI_MODEL_* bits.
    pub flags: u32,
    /// Threads that compute, the calling one among them, at most 256; 0 is one for each processor.
    pub threads: u32,
    /// Layers to run on a GPU. This version has none: anything but 0 is OCELLI_ERR_UNSUPPORTED.
    pub gpu_layers: u32,
    /// Processors that compute threads may run on, bit 0 for the first; 0 is all. The calling thread is the caller's own to
    /// place. OCELLI_ERR_UNSUPPORTED where ocelli_features() lacks OCELLI_FEATURE_AFFINITY.
    pub cpus: u64,
    /// Called while the file is read, by the calling thread, at least at the beginning and at the end; may be NULL.
    pub progress: ocelli_progress_fn,
    /// Handed to progress.
    pub progress_user: *mut c_void,
    /// Receives the log of the model and its sessions, from whichever threads use them; may be NULL. It must be callable
    /// until all of them are closed.
    pub log: ocelli_log_fn,
    /// Handed to log.
    pub log_user: *mut c_void,
    /// Where there are more than 64 processors, instead of cpus: cpu_set_words numbers of 64 bits, at most 128, bit 0 of the
    /// first for the first processor; NULL is none. Both that and cpus are OCELLI_ERR_BAD_PARAMETER. Read during the call.
    pub cpu_set: *const u64,
    /// Of cpu_set.
    pub cpu_set_words: u32,
    /// 0.
    pub reserved: u32,
    /// Path of what a language model in a file of its own sees with, the second file of a pair of llama.cpp's (mmproj); NULL
    /// is none. Read during the call.
    pub mmproj: *const c_char,
    /// Most rows that a picture may become, where that depends on its size: larger pictures are shown at fewer pixels; 0 is as
    /// the model has it.
    pub image_max_rows: u32,
    /// 0.
    pub more_reserved: u32,
}

/// Of ocelli_model_info.can: take pictures.
pub const OCELLI_CAN_IMAGES: u32 = 1;

/// Of ocelli_model_info.can: ocelli_session_embed().
pub const OCELLI_CAN_EMBED: u32 = 2;

/// Of ocelli_model_info.can: ocelli_session_match().
pub const OCELLI_CAN_MATCH: u32 = 4;

/// Of ocelli_model_info.can: ocelli_session_add_video().
pub const OCELLI_CAN_VIDEO: u32 = 8;

/// Of ocelli_model_info.can: hold a conversation by the chat template of its file, ocelli_session_add_turn().
pub const OCELLI_CAN_CHAT: u32 = 16;

/// Of ocelli_model_info.can: ocelli_session_add_shot(), for which its file has wordings.
pub const OCELLI_CAN_SHOTS: u32 = 32;

/// What a model is.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ocelli_model_info {
    /// sizeof(ocelli_model_info), set by the caller.
    pub struct_size: u32,
    /// OCELLI_CAN_* bits.
    pub can: u32,
    /// Positions it was made for.
    pub context: u32,
    /// Tokens of its tokenizer.
    pub vocabulary: u32,
    /// Positions that a picture takes; 0 where it takes none.
    pub image_positions: u32,
    /// Numbers of a position's input, and of each row of ocelli_session_embed().
    pub embedding_width: u32,
    /// Threads that compute.
    pub threads: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes of the file, or of all files of a split model.
    pub file_bytes: u64,
    /// The token that begins texts; OCELLI_NONE if there is none, as for the next two.
    pub bos: u32,
    /// The token that the tokenizer ends texts with. A generated text may end at others, too: those of OCELLI_TOKEN_ENDS.
    pub eos: u32,
    /// The token that pads texts.
    pub pad: u32,
    /// Keys of the file, for ocelli_model_key().
    pub keys: u32,
}

/// Of ocelli_session_options.cache: keys and values as the weights suggest, f32 beside f32 and f16 beside all others.
pub const OCELLI_CACHE_DEFAULT: u32 = 0;

/// Of ocelli_session_options.cache: 4 bytes a number.
pub const OCELLI_CACHE_F32: u32 = 1;

/// Of ocelli_session_options.cache: 2 bytes a number.
pub const OCELLI_CACHE_F16: u32 = 2;

/// Of ocelli_session_options.cache: 34 bytes for 32 numbers.
pub const OCELLI_CACHE_Q8_0: u32 = 3;

/// Of ocelli_stage_fn: pictures pass through tower and bridge, those of the whole prompt together.
pub const OCELLI_STAGE_ENCODE: u32 = 1;

/// Of ocelli_stage_fn: the prompt passes through the language model; done and total are positions.
pub const OCELLI_STAGE_PREFILL: u32 = 2;

/// Told before each layer of what takes its time before there is text: stage is one of OCELLI_STAGE_*, of which done of
/// total, in parts of its own, have passed. ocelli_session_generate(), _start() and _score() tell; the token at a time that
/// follows does not. Returns 0 to go on; anything else ends the call with OCELLI_ERR_CANCELLED. The rules of
/// ocelli_piece_fn hold for it.
pub type ocelli_stage_fn = Option<unsafe extern "C" fn(stage: u32, done: u64, total: u64, user: *mut c_void) -> i32>;

/// What a session is laid out for. NULL in its place, and zero in any field, is the default.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ocelli_session_options {
    /// sizeof(ocelli_session_options).
    pub struct_size: u32,
    /// Positions of prompt, pictures and answers together; 0, or more than the model's, is all it was made for.
    pub context: u32,
    /// Most beams of a search, at most 64; 0 is what the model's file suggests.
    pub beams: u32,
    /// Most new tokens of a beam; 0 is what the model's file suggests. Each beam but the first costs as many positions.
    pub new_tokens: u32,
    /// Positions of a prompt that pass through the model together, at most 65536; 0 is 256. More is faster where prompts
    /// are long and takes more memory.
    pub batch: u32,
    /// Number format of keys and values: OCELLI_CACHE_*.
    pub cache: u32,
    /// 0 puts around texts what the model expects there, such as the token that texts begin with. Not 0 if the caller's texts
    /// have all of that already, as what a chat template wrote has: nothing is put around them then. A conversation of
    /// ocelli_session_add_turn() never has anything put around it.
    pub complete: u32,
    /// Of models with layers that attend to pictures (Flamingo) alone: how many different pictures a prompt may have, for
    /// each of which these layers' keys and values are kept; at most 4096, 0 is 33. Not to be taken for image_cache.
    pub images: u32,
    /// Bytes of what tower and bridge made of pictures to keep, so that one that comes again is not encoded again; 0 is room
    /// for sixteen, at most 64 MiB. The last picture's is kept in any case. It does not bound how many pictures a prompt may
    /// have: all of them are in memory until the prompt is read, what of them is not kept on top of the plan.
    pub image_cache: u64,
    /// Refuse with OCELLI_ERR_BUDGET where the plan needs more bytes in all; 0 is no limit.
    pub budget: u64,
    /// Most frames of a video, at most 256; 0 is as many as the model was taught, 1 where it takes no video. Each takes the
    /// room of a picture.
    pub frames: u32,
    /// Sessions of the model, opened with the very same options, that run side by side, each from a thread of its own; at most
    /// 64, 0 is 1. They share the memory in which they compute, and what they compute at the same time reads the weights once.
    /// Each has keys and values of its own, and ocelli_plan() counts all of them. Results may differ in their last bits from
    /// those of a session by itself. One session more is refused with OCELLI_ERR_BAD_PARAMETER; forks are sessions.
    pub parallel: u32,
    /// Told how far pictures and prompt are while a call computes on the session, or on one that was forked from it; may be
    /// NULL.
    pub stage: ocelli_stage_fn,
    /// Handed to stage.
    pub stage_user: *mut c_void,
}

/// The memory a session will need, in bytes, by kind.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ocelli_memory {
    /// sizeof(ocelli_memory), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The file, mapped: pages that the system may drop and read again.
    pub mapped: u64,
    /// Keys and values; only positions that are used cost memory.
    pub cache: u64,
    /// Activations.
    pub scratch: u64,
    /// Encoded pictures that are kept, at most.
    pub images: u64,
    /// The vocabulary and its tables.
    pub tokenizer: u64,
    /// Decoding and resizing a picture of a megapixel, a video's further frames of that size, logits, the program itself.
    pub other: u64,
    /// All of these.
    pub total: u64,
}

/// How a picture's file is read. NULL in its place, and zero in any field, is as the models' originals read it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ocelli_image_options {
    /// sizeof(ocelli_image_options).
    pub struct_size: u32,
    /// 1 turns the picture as its EXIF orientation says, 0 leaves it as it is stored. A TIFF is turned in any case.
    pub upright: u32,
    /// 1 blends what is transparent with background; with 0 alpha counts for nothing, and what lies under it is seen.
    pub blend: u32,
    /// Where blend is 1: 0xRRGGBB.
    pub background: u32,
}

/// In the place of a number, where 0 means what the model's file suggests: none.
pub const OCELLI_NONE: u32 = u32::MAX;

/// How a text is generated. NULL in its place, and zero in any field, is the default.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ocelli_generate_options {
    /// sizeof(ocelli_generate_options).
    pub struct_size: u32,
    /// Most new tokens; 0 is as many as the model's file suggests. A full context ends the text before that.
    pub max_new_tokens: u32,
    /// Hypotheses of a beam search, at most as many as the session was laid out for; 1 is none, 0 what the model's file
    /// suggests, or none where temperature is above 0.
    pub beams: u32,
    /// Draw from the k likeliest tokens only; 0 is off.
    pub top_k: u32,
    /// Of the draws; 0 takes the likeliest token and draws nothing.
    pub temperature: f32,
    /// Draw from the likeliest tokens whose probabilities reach this together; 0 and 1 are off.
    pub top_p: f32,
    /// Draw from tokens at least this fraction as likely as the likeliest; 0 is off.
    pub min_p: f32,
    /// Divides positive and multiplies negative logits of tokens that were seen; 1 is off, 0 what the model's file suggests.
    pub repetition_penalty: f32,
    /// Beams: a hypothesis' log-probability is divided by its length to this power; 0 is what the model's file suggests.
    pub length_penalty: f32,
    /// Beams: end as soon as there are as many finished hypotheses as beams. 1 is on, OCELLI_NONE off, 0 what the model's
    /// file suggests.
    pub early_stopping: u32,
    /// No n tokens in a row twice; OCELLI_NONE is off, 0 what the model's file suggests.
    pub no_repeat_ngram: u32,
    /// Tokens before the text may end; OCELLI_NONE is off, 0 what the model's file suggests.
    pub min_new_tokens: u32,
    /// Of the draws: the same seed gives the same text, on every machine and in every language.
    pub seed: u64,
    /// A JSON schema that the text is held to, UTF-8 and NUL-terminated; NULL is none. It is read during the call. With it
    /// or a grammar, 0 in no_repeat_ngram and min_new_tokens is off, whatever the model's file suggests. A text that has
    /// as many tokens as were asked for ends before its value does.
    pub json_schema: *const c_char,
    /// A grammar that the text is held to, in llguidance's variant of Lark's syntax, such as "start: /yes|no/"; NULL is none.
    /// Not beside json_schema. OCELLI_ERR_UNSUPPORTED where ocelli_features() lacks OCELLI_FEATURE_GRAMMAR, as for
    /// json_schema.
    pub grammar: *const c_char,
    /// 1 keeps special tokens in the text, such as those that stand for boxes; those that begin, end or pad texts are left
    /// out in any case. 0 leaves all of them out.
    pub keep_special: u32,
    /// 1 runs tokens that followed the last few before, in the prompt or the text, before they are chosen, as far as that saves
    /// time: for texts that repeat much of the prompt. The text is the same. Not together with beams. 0 does not.
    pub speculate: u32,
    /// Stop strings: the text ends before the first of them that appears in it, and ocelli_piece_fn is given nothing of it.
    /// UTF-8 and NUL-terminated, from 1 to 1024 bytes each, stop_count of them. Read during the call. The tokens of
    /// ocelli_session_answer() have it still; what stays in the prompt has not.
    pub stop: *const *const c_char,
    /// Of stop, at most 64; 0 is none.
    pub stop_count: u32,
    /// 1 notes how likely each token is, for ocelli_session_logprobs(); it costs a pass over the vocabulary for each.
    pub logprobs: u32,
    /// Logit bias: bias_values[i] is added to the logit of token bias_tokens[i] before anything else changes it, bias_count of
    /// them, no token twice; -INFINITY takes a token out. Both are read during the call and may be NULL if bias_count is 0.
    pub bias_tokens: *const u32,
    /// Of bias_tokens: finite numbers, or -INFINITY.
    pub bias_values: *const f32,
    /// Tokens that the text begins with, forced_count of them, whatever the other options say, but for a schema or a
    /// grammar. With logprobs and as many max_new_tokens it tells how likely a continuation is that is given as tokens. Read
    /// during the call.
    pub forced: *const u32,
    /// Of bias_tokens and bias_values, at most 1048576.
    pub bias_count: u32,
    /// Of forced, at most 1048576. What is beyond max_new_tokens or the context is cut off.
    pub forced_count: u32,
}

/// What a session takes and what its last text took.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ocelli_usage {
    /// sizeof(ocelli_usage), set by the caller.
    pub struct_size: u32,
    /// Positions there can be.
    pub context: u32,
    /// Positions of the prompt, answers included; an empty one may have one, with which texts begin.
    pub positions: u32,
    /// Of them, those that the session has read already, so that their keys and values are there: the next call runs the
    /// rest. After a cancelled call it is 0, and all of the prompt is read again.
    pub kept: u32,
    /// Of the last text: positions of its prompt.
    pub prompt: u32,
    /// Of these, those that were not run again.
    pub reused: u32,
    /// Of the last text: its tokens.
    pub generated: u32,
    /// Of the last text: pictures that were encoded for it.
    pub encoded: u32,
    /// Of the last text: microseconds for resizing and normalising pictures.
    pub prepare_us: u64,
    /// For encoding them.
    pub encode_us: u64,
    /// For the prompt.
    pub prefill_us: u64,
    /// For the new tokens.
    pub generate_us: u64,
    /// Turns of the conversation, answers included; 0 where the prompt was not made by ocelli_session_add_turn().
    pub turns: u32,
    /// Turns, not among these any more, that were dropped when an answer was last asked for, since the context had no room.
    pub dropped: u32,
}

macro_rules! grows {
    ($($name:ty),*) => {$(
        // SAFETY: numbers, function pointers and plain pointers after the size, in an order that leaves no gap.
        unsafe impl Grows for $name {}
    )*};
}
grows!(
    ocelli_model_options,
    ocelli_model_info,
    ocelli_session_options,
    ocelli_memory,
    ocelli_image_options,
    ocelli_generate_options,
    ocelli_usage
);
