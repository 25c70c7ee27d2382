/* ocelli.h: the C interface of Ocelli, inference for multimodal language models in GGUF.
 *
 * Written by cbindgen from ffi/src; change it there, then run
 *     OCELLI_UPDATE_HEADER=1 cargo test -p ocelli-ffi --test header
 *
 *     ocelli_model *model = NULL;
 *     ocelli_image *image = NULL;
 *     ocelli_session *session = NULL;
 *     ocelli_model_open("blip2.gguf", NULL, &model);
 *     ocelli_image_open("cat.jpg", &image);
 *     ocelli_session_open(model, NULL, &session);
 *     ocelli_session_add_image(session, image);
 *     ocelli_session_add_text(session, "a photo of", 10);
 *     ocelli_session_generate(session, NULL, on_piece, NULL, NULL);
 *
 * Rules that hold for every function:
 *
 * Errors. Calls that can fail return a status as int32_t: OCELLI_OK (0) or one of OCELLI_ERR_*. Numbers keep their
 * meaning; new ones may be added, so treat an unknown one as a failure. The thread's last outcome has a message, see
 * ocelli_last_error(), and so has a handle's, see ocelli_handle_error(). Besides what a function lists, any may return
 * OCELLI_ERR_PANIC (a fault inside the library; nothing ever unwinds, aborts or prints) and OCELLI_ERR_MEMORY; one that
 * is given a handle also OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_HANDLE and OCELLI_ERR_POISONED (an earlier call on it
 * ended in OCELLI_ERR_PANIC: close it); one that is given a session also OCELLI_ERR_BUSY and OCELLI_ERR_REENTRANT.
 *
 * Handles (ocelli_model, ocelli_session, ocelli_image) are pointers by type only: they are never followed, but looked up.
 * One that was closed, belongs to another kind, or was made up is OCELLI_ERR_BAD_HANDLE; numbers do not come back.
 * They are closed in any order, each once; what still needs a thing keeps it. Closing NULL does nothing. At most 65536
 * are open at once.
 *
 * Threads. Every function may be called from any thread at any time. Models and images are shared freely. A session is in
 * one call at a time: another thread's call is refused with OCELLI_ERR_BUSY, a callback's with OCELLI_ERR_REENTRANT, and
 * only ocelli_session_cancel() always works. Callbacks run on the thread that made the call; they may use other handles.
 * Do not fork a process that has an open model and use it in the child: its compute threads stay behind.
 *
 * Pointers are checked for NULL and alignment, sizes for what no object can have, strings for UTF-8. const char *
 * without a size is NUL-terminated. Sizes count bytes, capacities and counts what the pointer points to. Nothing a caller
 * passes is kept after the call unless the function says so. const char * that is returned is static: never free it. All
 * else that comes out is copied into the caller's memory, so there is nothing to free.
 *
 * Structs begin with their size, but for ocelli_box: set struct_size to sizeof, and everything else to zero, which is always the
 * default. They grow at their ends only: a program that was compiled against an older header runs on, and bytes that are not zero and
 * that the library does not know are OCELLI_ERR_UNSUPPORTED.
 *
 * What cannot be found out: a size that is too large for the memory it speaks of, memory that goes away during a call, a
 * mapped model file that is shortened (see OCELLI_MODEL_COPY), a callback that does not return.
 *
 * Link with -locelli; with the static library also -lpthread -ldl -lm. The shared library's SONAME carries the ABI's
 * major version.
 */

#ifndef OCELLI_H
#define OCELLI_H

#include <stddef.h>
#include <stdint.h>

// For debuggers: (enum ocelli_status)7 is shown as OCELLI_ERR_FILE. Functions take and return numbers of a fixed size, and
// the constants are macros, too.
enum ocelli_status {
  OCELLI_OK = 0,
  OCELLI_ERR_PANIC = 1,
  OCELLI_ERR_OTHER = 2,
  OCELLI_ERR_NULL_PARAMETER = 3,
  OCELLI_ERR_INVALID_UTF8 = 4,
  OCELLI_ERR_BAD_PARAMETER = 5,
  OCELLI_ERR_BUFFER_TOO_SMALL = 6,
  OCELLI_ERR_FILE = 7,
  OCELLI_ERR_MODEL = 8,
  OCELLI_ERR_IMAGE = 9,
  OCELLI_ERR_PROMPT = 10,
  OCELLI_ERR_CONTEXT = 11,
  OCELLI_ERR_MEMORY = 12,
  OCELLI_ERR_BUDGET = 13,
  OCELLI_ERR_DEVICE = 14,
  OCELLI_ERR_CANCELLED = 15,
  OCELLI_ERR_BAD_HANDLE = 16,
  OCELLI_ERR_BUSY = 17,
  OCELLI_ERR_REENTRANT = 18,
  OCELLI_ERR_POISONED = 19,
  OCELLI_ERR_UNSUPPORTED = 20,
  OCELLI_ERR_STATE = 21,
  OCELLI_ERR_NOT_FOUND = 22,
  OCELLI_ERR_ORDER = 23,
  OCELLI_ERR_CONSTRAINT = 24
};

enum ocelli_log_level {
  OCELLI_LOG_ERROR = 1,
  OCELLI_LOG_INFO = 2
};

enum ocelli_model_flag {
  OCELLI_MODEL_COPY = 1,
  OCELLI_MODEL_AHEAD = 2,
  OCELLI_MODEL_BORROW = 4
};

enum ocelli_can_flag {
  OCELLI_CAN_IMAGES = 1,
  OCELLI_CAN_EMBED = 2,
  OCELLI_CAN_MATCH = 4,
  OCELLI_CAN_VIDEO = 8,
  OCELLI_CAN_CHAT = 16,
  OCELLI_CAN_SHOTS = 32
};

enum ocelli_cache_type {
  OCELLI_CACHE_DEFAULT = 0,
  OCELLI_CACHE_F32 = 1,
  OCELLI_CACHE_F16 = 2,
  OCELLI_CACHE_Q8_0 = 3
};

enum ocelli_stage {
  OCELLI_STAGE_ENCODE = 1,
  OCELLI_STAGE_PREFILL = 2
};

enum ocelli_feature_flag {
  OCELLI_FEATURE_IMAGE_FILES = 1,
  OCELLI_FEATURE_FD = 2,
  OCELLI_FEATURE_AFFINITY = 4,
  OCELLI_FEATURE_GPU = 8,
  OCELLI_FEATURE_VIDEO = 16,
  OCELLI_FEATURE_GRAMMAR = 32
};

enum ocelli_tokenize_flag {
  OCELLI_TOKENIZE_SPECIAL = 1,
  OCELLI_TOKENIZE_PLAIN = 2
};

enum ocelli_detokenize_flag {
  OCELLI_DETOKENIZE_SPECIAL = 1
};

enum ocelli_token_flag {
  OCELLI_TOKEN_CONTROL = 1,
  OCELLI_TOKEN_UNKNOWN = 2,
  OCELLI_TOKEN_USER = 4,
  OCELLI_TOKEN_UNUSED = 8,
  OCELLI_TOKEN_BYTE = 16,
  OCELLI_TOKEN_ENDS = 32,
  OCELLI_TOKEN_IMAGE = 64
};

enum ocelli_pixel_order {
  OCELLI_PIXELS_RGB = 0,
  OCELLI_PIXELS_RGBA = 1,
  OCELLI_PIXELS_BGR = 2,
  OCELLI_PIXELS_BGRA = 3,
  OCELLI_PIXELS_GREY = 4
};

enum ocelli_shot_flag {
  OCELLI_SHOT_QUERY = 1
};

enum ocelli_finish {
  OCELLI_FINISH_NONE = 0,
  OCELLI_FINISH_END = 1,
  OCELLI_FINISH_LENGTH = 2,
  OCELLI_FINISH_STOPPED = 3,
  OCELLI_FINISH_STOP_STRING = 4,
  OCELLI_FINISH_CONTEXT = 5
};

enum ocelli_embedding {
  OCELLI_EMBED_FEATURES = 0,
  OCELLI_EMBED_ROWS = 1,
  OCELLI_EMBED_COMPARED = 2,
  OCELLI_EMBED_COMPARED_RAW = 3,
  OCELLI_EMBED_TEXT = 4,
  OCELLI_EMBED_TEXT_RAW = 5
};

// Success.
#define OCELLI_OK 0

// A fault in the library itself, caught at its edge. The message says where; please report it.
#define OCELLI_ERR_PANIC 1

// A failure that has no number of its own; the message tells more.
#define OCELLI_ERR_OTHER 2

// A pointer that must not be NULL is NULL.
#define OCELLI_ERR_NULL_PARAMETER 3

// A string is not UTF-8.
#define OCELLI_ERR_INVALID_UTF8 4

// A value is out of range.
#define OCELLI_ERR_BAD_PARAMETER 5

// The caller's buffer holds only the beginning of the text.
#define OCELLI_ERR_BUFFER_TOO_SMALL 6

// A file cannot be opened or mapped.
#define OCELLI_ERR_FILE 7

// A file is not a model this version runs: not GGUF, damaged, of an unknown family, or with tensors that do not fit.
#define OCELLI_ERR_MODEL 8

// A picture cannot be read.
#define OCELLI_ERR_IMAGE 9

// A prompt and its pictures do not fit each other or the model.
#define OCELLI_ERR_PROMPT 10

// The prompt and the tokens to generate do not fit the context.
#define OCELLI_ERR_CONTEXT 11

// The machine would not give the memory.
#define OCELLI_ERR_MEMORY 12

// More memory is needed than the caller's budget allows.
#define OCELLI_ERR_BUDGET 13

// The processor or device asked for is not to be had.
#define OCELLI_ERR_DEVICE 14

// The call was cancelled.
#define OCELLI_ERR_CANCELLED 15

// What was given as a handle is none, is closed, or is one of another kind.
#define OCELLI_ERR_BAD_HANDLE 16

// Another thread is in a call on this session.
#define OCELLI_ERR_BUSY 17

// The calling thread is in a call on this session already: this is one of its callbacks.
#define OCELLI_ERR_REENTRANT 18

// An earlier call on this handle ended in OCELLI_ERR_PANIC; it can be closed and nothing else.
#define OCELLI_ERR_POISONED 19

// This version, this system or this model cannot do that; the message says which.
#define OCELLI_ERR_UNSUPPORTED 20

// A saved state is damaged, or of another model.
#define OCELLI_ERR_STATE 21

// There is no such thing.
#define OCELLI_ERR_NOT_FOUND 22

// The call does not fit what went before: a next token where no text is being written.
#define OCELLI_ERR_ORDER 23

// A JSON schema or grammar cannot be followed: it is malformed or too large, or it leaves no token that could come next.
#define OCELLI_ERR_CONSTRAINT 24

// Of a line of the log: a call has failed.
#define OCELLI_LOG_ERROR 1

// Of a line of the log: a model or a session was opened, a text was generated.
#define OCELLI_LOG_INFO 2

// Of ocelli_model_options.flags: read the file into memory instead of mapping it, for files that may be shortened or
// storage that may go away while the model is open. (A mapped file that is shortened ends the process.)
#define OCELLI_MODEL_COPY 1

// Of ocelli_model_options.flags: read a mapped file through once, so that the first answer does not wait for storage.
#define OCELLI_MODEL_AHEAD 2

// Of ocelli_model_options.flags, for ocelli_model_open_memory(): do not copy. The bytes stay the caller's and must stay
// as they are until the model and all of its sessions are closed. At an address that is no multiple of 8 they are
// copied all the same.
#define OCELLI_MODEL_BORROW 4

// Of ocelli_model_info.can: take pictures.
#define OCELLI_CAN_IMAGES 1

// Of ocelli_model_info.can: ocelli_session_embed().
#define OCELLI_CAN_EMBED 2

// Of ocelli_model_info.can: ocelli_session_match().
#define OCELLI_CAN_MATCH 4

// Of ocelli_model_info.can: ocelli_session_add_video().
#define OCELLI_CAN_VIDEO 8

// Of ocelli_model_info.can: hold a conversation by the chat template of its file, ocelli_session_add_turn().
#define OCELLI_CAN_CHAT 16

// Of ocelli_model_info.can: ocelli_session_add_shot(), for which its file has wordings.
#define OCELLI_CAN_SHOTS 32

// Of ocelli_session_options.cache: keys and values as the weights suggest, f32 beside f32 and f16 beside all others.
#define OCELLI_CACHE_DEFAULT 0

// Of ocelli_session_options.cache: 4 bytes a number.
#define OCELLI_CACHE_F32 1

// Of ocelli_session_options.cache: 2 bytes a number.
#define OCELLI_CACHE_F16 2

// Of ocelli_session_options.cache: 34 bytes for 32 numbers.
#define OCELLI_CACHE_Q8_0 3

// Of ocelli_stage_fn: pictures pass through tower and bridge, those of the whole prompt together.
#define OCELLI_STAGE_ENCODE 1

// Of ocelli_stage_fn: the prompt passes through the language model; done and total are positions.
#define OCELLI_STAGE_PREFILL 2

// In the place of a number, where 0 means what the model's file suggests: none.
#define OCELLI_NONE UINT32_MAX

// Size of a buffer that holds any text of ocelli_last_error(), its NUL included.
#define OCELLI_LAST_ERROR_CAPACITY 8192

// The ABI of this header: what ocelli_abi_version() must return.
#define OCELLI_ABI_VERSION 1

// Of ocelli_features(): pictures are read from files.
#define OCELLI_FEATURE_IMAGE_FILES 1

// Of ocelli_features(): models are opened from file descriptors.
#define OCELLI_FEATURE_FD 2

// Of ocelli_features(): compute threads are kept to processors of the caller's choice.
#define OCELLI_FEATURE_AFFINITY 4

// Of ocelli_features(): layers run on a GPU.
#define OCELLI_FEATURE_GPU 8

// Of ocelli_features(): video is a piece of a prompt.
#define OCELLI_FEATURE_VIDEO 16

// Of ocelli_features(): texts are held to JSON schemas and grammars.
#define OCELLI_FEATURE_GRAMMAR 32

// Of ocelli_tokenize(): put around the text what the tokenizer puts around texts.
#define OCELLI_TOKENIZE_SPECIAL 1

// Of ocelli_tokenize(): take the names of special tokens in the text for plain text.
#define OCELLI_TOKENIZE_PLAIN 2

// Of ocelli_detokenize_with(): special tokens are written by their names.
#define OCELLI_DETOKENIZE_SPECIAL 1

// Of ocelli_token_piece(): it steers the model and is no text, such as </s>.
#define OCELLI_TOKEN_CONTROL 1

// Of ocelli_token_piece(): it stands for what the vocabulary lacks.
#define OCELLI_TOKEN_UNKNOWN 2

// Of ocelli_token_piece(): text that is found before anything else is split.
#define OCELLI_TOKEN_USER 4

// Of ocelli_token_piece(): it only fills a row of the embedding table.
#define OCELLI_TOKEN_UNUSED 8

// Of ocelli_token_piece(): a single byte, for what no other token covers.
#define OCELLI_TOKEN_BYTE 16

// Of ocelli_token_piece(): a generated text ends at it.
#define OCELLI_TOKEN_ENDS 32

// Of ocelli_token_piece(): it stands for a picture, and no text spells it.
#define OCELLI_TOKEN_IMAGE 64

// Of ocelli_image_open_pixels(): 3 bytes a pixel, red first.
#define OCELLI_PIXELS_RGB 0

// Of ocelli_image_open_pixels(): 4 bytes a pixel, red first; alpha is not looked at.
#define OCELLI_PIXELS_RGBA 1

// Of ocelli_image_open_pixels(): 3 bytes a pixel, blue first.
#define OCELLI_PIXELS_BGR 2

// Of ocelli_image_open_pixels(): 4 bytes a pixel, blue first; alpha is not looked at.
#define OCELLI_PIXELS_BGRA 3

// Of ocelli_image_open_pixels(): 1 byte a pixel.
#define OCELLI_PIXELS_GREY 4

// Of ocelli_session_add_shot(): it is the query, and the answer is to be generated.
#define OCELLI_SHOT_QUERY 1

// How a text ended: it has not.
#define OCELLI_FINISH_NONE 0

// How a text ended: the model ended it.
#define OCELLI_FINISH_END 1

// How a text ended: it has as many tokens as were asked for.
#define OCELLI_FINISH_LENGTH 2

// How a text ended: the caller said so.
#define OCELLI_FINISH_STOPPED 3

// How a text ended: one of ocelli_generate_options.stop appeared.
#define OCELLI_FINISH_STOP_STRING 4

// How a text ended: fewer tokens were generated than asked for, but the context is full, or a search has as many as the
// session was laid out for.
#define OCELLI_FINISH_CONTEXT 5

// Of ocelli_session_embed(): what the tower makes of a picture, to compare pictures with: one row of length one, so that
// the dot product of two is their likeness.
#define OCELLI_EMBED_FEATURES 0

// Of ocelli_session_embed(): what a picture becomes for the language model, where it takes the place of text,
// rows of embedding_width numbers (ocelli_model_get_info() has that), as many as *needed holds; where it is attended to, rows as
// wide as that wants.
#define OCELLI_EMBED_ROWS 1

// Of ocelli_session_embed(): what a picture is compared with texts by, a row of length one for each of the model's queries;
// the greatest product with the row of a text is their cosine. Where ocelli_model_info.can has OCELLI_CAN_MATCH.
#define OCELLI_EMBED_COMPARED 2

// Of ocelli_session_embed(): the same before rows are brought to length one.
#define OCELLI_EMBED_COMPARED_RAW 3

// Of ocelli_session_embed(): what the text of the session's prompt, which has no pictures, is compared by: one row of length
// one. image must be NULL.
#define OCELLI_EMBED_TEXT 4

// Of ocelli_session_embed(): the same before the row is brought to length one.
#define OCELLI_EMBED_TEXT_RAW 5

// A picture in memory, 8-bit RGB. Any thread may use it at any time; prompts keep their pictures after it is closed.
typedef struct ocelli_image ocelli_image;

// An open model file. Any thread may use it at any time; sessions keep what they need of it after it is closed.
typedef struct ocelli_model ocelli_model;

// A prompt that grows, with its keys and values. One call at a time: see OCELLI_ERR_BUSY and OCELLI_ERR_REENTRANT.
typedef struct ocelli_session ocelli_session;

// Told of bytes of the model file that are there, of all. Returns 0 to go on; anything else stops the opening, which
// then returns OCELLI_ERR_CANCELLED.
typedef int32_t (*ocelli_progress_fn)(uint64_t done, uint64_t total, void *user);

// Receives a line of the log, NUL-terminated and without a line break, with its level: OCELLI_LOG_ERROR or
// OCELLI_LOG_INFO. Called by the thread whose call it tells about; the text is gone when it returns.
typedef void (*ocelli_log_fn)(int32_t level, const char *message, void *user);

// How a model is opened. NULL in its place, and zero in any field, is the default.
typedef struct ocelli_model_options {
  // sizeof(ocelli_model_options).
  uint32_t struct_size;
  // OCELLI_MODEL_* bits.
  uint32_t flags;
  // Threads that compute, the calling one among them, at most 256; 0 is one for each processor.
  uint32_t threads;
  // Layers to run on a GPU. This version has none: anything but 0 is OCELLI_ERR_UNSUPPORTED.
  uint32_t gpu_layers;
  // Processors that compute threads may run on, bit 0 for the first; 0 is all. The calling thread is the caller's own to
  // place. OCELLI_ERR_UNSUPPORTED where ocelli_features() lacks OCELLI_FEATURE_AFFINITY.
  uint64_t cpus;
  // Called while the file is read, by the calling thread, at least at the beginning and at the end; may be NULL.
  ocelli_progress_fn progress;
  // Handed to progress.
  void *progress_user;
  // Receives the log of the model and its sessions, from whichever threads use them; may be NULL. It must be callable
  // until all of them are closed.
  ocelli_log_fn log;
  // Handed to log.
  void *log_user;
  // Where there are more than 64 processors, instead of cpus: cpu_set_words numbers of 64 bits, at most 128, bit 0 of the
  // first for the first processor; NULL is none. Both that and cpus are OCELLI_ERR_BAD_PARAMETER. Read during the call.
  const uint64_t *cpu_set;
  // Of cpu_set.
  uint32_t cpu_set_words;
  // 0.
  uint32_t reserved;
  // Path of what a language model in a file of its own sees with, the second file of a pair of llama.cpp's (mmproj); NULL
  // is none. Read during the call.
  const char *mmproj;
  // Most rows that a picture may become, where that depends on its size: larger pictures are shown at fewer pixels; 0 is as
  // the model has it.
  uint32_t image_max_rows;
  // 0.
  uint32_t more_reserved;
} ocelli_model_options;

// What a model is.
typedef struct ocelli_model_info {
  // sizeof(ocelli_model_info), set by the caller.
  uint32_t struct_size;
  // OCELLI_CAN_* bits.
  uint32_t can;
  // Positions it was made for.
  uint32_t context;
  // Tokens of its tokenizer.
  uint32_t vocabulary;
  // Positions that a picture takes; 0 where it takes none.
  uint32_t image_positions;
  // Numbers of a position's input, and of each row of ocelli_session_embed().
  uint32_t embedding_width;
  // Threads that compute.
  uint32_t threads;
  // 0.
  uint32_t reserved;
  // Bytes of the file, or of all files of a split model.
  uint64_t file_bytes;
  // The token that begins texts; OCELLI_NONE if there is none, as for the next two.
  uint32_t bos;
  // The token that the tokenizer ends texts with. A generated text may end at others, too: those of OCELLI_TOKEN_ENDS.
  uint32_t eos;
  // The token that pads texts.
  uint32_t pad;
  // Keys of the file, for ocelli_model_key().
  uint32_t keys;
} ocelli_model_info;

// Told before each layer of what takes its time before there is text: stage is one of OCELLI_STAGE_*, of which done of
// total, in parts of its own, have passed. ocelli_session_generate(), _start() and _score() tell; the token at a time that
// follows does not. Returns 0 to go on; anything else ends the call with OCELLI_ERR_CANCELLED. The rules of
// ocelli_piece_fn hold for it.
typedef int32_t (*ocelli_stage_fn)(uint32_t stage, uint64_t done, uint64_t total, void *user);

// What a session is laid out for. NULL in its place, and zero in any field, is the default.
typedef struct ocelli_session_options {
  // sizeof(ocelli_session_options).
  uint32_t struct_size;
  // Positions of prompt, pictures and answers together; 0, or more than the model's, is all it was made for.
  uint32_t context;
  // Most beams of a search, at most 64; 0 is what the model's file suggests.
  uint32_t beams;
  // Most new tokens of a beam; 0 is what the model's file suggests. Each beam but the first costs as many positions.
  uint32_t new_tokens;
  // Positions of a prompt that pass through the model together, at most 65536; 0 is 256. More is faster where prompts
  // are long and takes more memory.
  uint32_t batch;
  // Number format of keys and values: OCELLI_CACHE_*.
  uint32_t cache;
  // 0 puts around texts what the model expects there, such as the token that texts begin with. Not 0 if the caller's texts
  // have all of that already, as what a chat template wrote has: nothing is put around them then. A conversation of
  // ocelli_session_add_turn() never has anything put around it.
  uint32_t complete;
  // Of models with layers that attend to pictures (Flamingo) alone: how many different pictures a prompt may have, for
  // each of which these layers' keys and values are kept; at most 4096, 0 is 33. Not to be taken for image_cache.
  uint32_t images;
  // Bytes of what tower and bridge made of pictures to keep, so that one that comes again is not encoded again; 0 is room
  // for sixteen, at most 64 MiB. The last picture's is kept in any case. It does not bound how many pictures a prompt may
  // have: all of them are in memory until the prompt is read, what of them is not kept on top of the plan.
  uint64_t image_cache;
  // Refuse with OCELLI_ERR_BUDGET where the plan needs more bytes in all; 0 is no limit.
  uint64_t budget;
  // Most frames of a video, at most 256; 0 is as many as the model was taught, 1 where it takes no video. Each takes the
  // room of a picture.
  uint32_t frames;
  // Sessions of the model, opened with the very same options, that run side by side, each from a thread of its own; at most
  // 64, 0 is 1. They share the memory in which they compute, and what they compute at the same time reads the weights once.
  // Each has keys and values of its own, and ocelli_plan() counts all of them. Results may differ in their last bits from
  // those of a session by itself. One session more is refused with OCELLI_ERR_BAD_PARAMETER; forks are sessions.
  uint32_t parallel;
  // Told how far pictures and prompt are while a call computes on the session, or on one that was forked from it; may be
  // NULL.
  ocelli_stage_fn stage;
  // Handed to stage.
  void *stage_user;
} ocelli_session_options;

// The memory a session will need, in bytes, by kind.
typedef struct ocelli_memory {
  // sizeof(ocelli_memory), set by the caller.
  uint32_t struct_size;
  // 0.
  uint32_t reserved;
  // The file, mapped: pages that the system may drop and read again.
  uint64_t mapped;
  // Keys and values; only positions that are used cost memory.
  uint64_t cache;
  // Activations.
  uint64_t scratch;
  // Encoded pictures that are kept, at most.
  uint64_t images;
  // The vocabulary and its tables.
  uint64_t tokenizer;
  // Decoding and resizing a picture of a megapixel, a video's further frames of that size, logits, the program itself.
  uint64_t other;
  // All of these.
  uint64_t total;
} ocelli_memory;

// A box in a picture, by shares of its width and height from the upper left corner on. It never grows, so it has no size in it.
typedef struct ocelli_box {
  // Which phrase it is of, from 0; one phrase may have several boxes, one after the other.
  uint32_t phrase;
  // Where the phrase's words begin in the buffer of ocelli_boxes(): they are NUL-terminated there.
  uint32_t words;
  // Its left edge.
  float left;
  // Its upper edge.
  float top;
  // Its right edge.
  float right;
  // Its lower edge.
  float bottom;
} ocelli_box;

// How a picture's file is read. NULL in its place, and zero in any field, is as the models' originals read it.
typedef struct ocelli_image_options {
  // sizeof(ocelli_image_options).
  uint32_t struct_size;
  // 1 turns the picture as its EXIF orientation says, 0 leaves it as it is stored. A TIFF is turned in any case.
  uint32_t upright;
  // 1 blends what is transparent with background; with 0 alpha counts for nothing, and what lies under it is seen.
  uint32_t blend;
  // Where blend is 1: 0xRRGGBB.
  uint32_t background;
} ocelli_image_options;

// What a session takes and what its last text took.
typedef struct ocelli_usage {
  // sizeof(ocelli_usage), set by the caller.
  uint32_t struct_size;
  // Positions there can be.
  uint32_t context;
  // Positions of the prompt, answers included; an empty one may have one, with which texts begin.
  uint32_t positions;
  // Of them, those that the session has read already, so that their keys and values are there: the next call runs the
  // rest. After a cancelled call it is 0, and all of the prompt is read again.
  uint32_t kept;
  // Of the last text: positions of its prompt.
  uint32_t prompt;
  // Of these, those that were not run again.
  uint32_t reused;
  // Of the last text: its tokens.
  uint32_t generated;
  // Of the last text: pictures that were encoded for it.
  uint32_t encoded;
  // Of the last text: microseconds for resizing and normalising pictures.
  uint64_t prepare_us;
  // For encoding them.
  uint64_t encode_us;
  // For the prompt.
  uint64_t prefill_us;
  // For the new tokens.
  uint64_t generate_us;
  // Turns of the conversation, answers included; 0 where the prompt was not made by ocelli_session_add_turn().
  uint32_t turns;
  // Turns, not among these any more, that were dropped when an answer was last asked for, since the context had no room.
  uint32_t dropped;
} ocelli_usage;

// How a text is generated. NULL in its place, and zero in any field, is the default.
typedef struct ocelli_generate_options {
  // sizeof(ocelli_generate_options).
  uint32_t struct_size;
  // Most new tokens; 0 is as many as the model's file suggests. A full context ends the text before that.
  uint32_t max_new_tokens;
  // Hypotheses of a beam search, at most as many as the session was laid out for; 1 is none, 0 what the model's file
  // suggests, or none where temperature is above 0.
  uint32_t beams;
  // Draw from the k likeliest tokens only; 0 is off.
  uint32_t top_k;
  // Of the draws; 0 takes the likeliest token and draws nothing.
  float temperature;
  // Draw from the likeliest tokens whose probabilities reach this together; 0 and 1 are off.
  float top_p;
  // Draw from tokens at least this fraction as likely as the likeliest; 0 is off.
  float min_p;
  // Divides positive and multiplies negative logits of tokens that were seen; 1 is off, 0 what the model's file suggests.
  float repetition_penalty;
  // Beams: a hypothesis' log-probability is divided by its length to this power; 0 is what the model's file suggests.
  float length_penalty;
  // Beams: end as soon as there are as many finished hypotheses as beams. 1 is on, OCELLI_NONE off, 0 what the model's
  // file suggests.
  uint32_t early_stopping;
  // No n tokens in a row twice; OCELLI_NONE is off, 0 what the model's file suggests.
  uint32_t no_repeat_ngram;
  // Tokens before the text may end; OCELLI_NONE is off, 0 what the model's file suggests.
  uint32_t min_new_tokens;
  // Of the draws: the same seed gives the same text, on every machine and in every language.
  uint64_t seed;
  // A JSON schema that the text is held to, UTF-8 and NUL-terminated; NULL is none. It is read during the call. With it
  // or a grammar, 0 in no_repeat_ngram and min_new_tokens is off, whatever the model's file suggests. A text that has
  // as many tokens as were asked for ends before its value does.
  const char *json_schema;
  // A grammar that the text is held to, in llguidance's variant of Lark's syntax, such as "start: /yes|no/"; NULL is none.
  // Not beside json_schema. OCELLI_ERR_UNSUPPORTED where ocelli_features() lacks OCELLI_FEATURE_GRAMMAR, as for
  // json_schema.
  const char *grammar;
  // 1 keeps special tokens in the text, such as those that stand for boxes; those that begin, end or pad texts are left
  // out in any case. 0 leaves all of them out.
  uint32_t keep_special;
  // 1 runs tokens that followed the last few before, in the prompt or the text, before they are chosen, as far as that saves
  // time: for texts that repeat much of the prompt. The text is the same. Not together with beams. 0 does not.
  uint32_t speculate;
  // Stop strings: the text ends before the first of them that appears in it, and ocelli_piece_fn is given nothing of it.
  // UTF-8 and NUL-terminated, from 1 to 1024 bytes each, stop_count of them. Read during the call. The tokens of
  // ocelli_session_answer() have it still; what stays in the prompt has not.
  const char *const *stop;
  // Of stop, at most 64; 0 is none.
  uint32_t stop_count;
  // 1 notes how likely each token is, for ocelli_session_logprobs(); it costs a pass over the vocabulary for each.
  uint32_t logprobs;
  // Logit bias: bias_values[i] is added to the logit of token bias_tokens[i] before anything else changes it, bias_count of
  // them, no token twice; -INFINITY takes a token out. Both are read during the call and may be NULL if bias_count is 0.
  const uint32_t *bias_tokens;
  // Of bias_tokens: finite numbers, or -INFINITY.
  const float *bias_values;
  // Tokens that the text begins with, forced_count of them, whatever the other options say, but for a schema or a
  // grammar. With logprobs and as many max_new_tokens it tells how likely a continuation is that is given as tokens. Read
  // during the call.
  const uint32_t *forced;
  // Of bias_tokens and bias_values, at most 1048576.
  uint32_t bias_count;
  // Of forced, at most 1048576. What is beyond max_new_tokens or the context is cut off.
  uint32_t forced_count;
} ocelli_generate_options;

// Receives text as it is generated: size bytes of whole characters, then a NUL that does not count; they are gone when it
// returns. Returns 0 to go on; anything else ends the text there, which is then kept, with OCELLI_FINISH_STOPPED:
// ocelli_session_cancel() is what drops it. It must not call functions on the session but that one, and must not leave by
// longjmp or an exception.
typedef int32_t (*ocelli_piece_fn)(const char *piece, size_t size, void *user);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The major version of the library's ABI. A program compiled with another OCELLI_ABI_VERSION must not go on.
uint32_t ocelli_abi_version(void);

// The library's version, such as "0.1.0"; static.
const char *ocelli_version(void);

// What this build of the library can do: OCELLI_FEATURE_* bits. A call that needs a bit that is missing returns
// OCELLI_ERR_UNSUPPORTED.
uint64_t ocelli_features(void);

// The name of a status, such as "OCELLI_ERR_FILE", or "unknown status"; static, never NULL.
const char *ocelli_status_name(int32_t status);

// What the calling thread's last call that returns a status returned. Success is kept too, as OCELLI_OK; the two
// ocelli_last_error functions change nothing.
int32_t ocelli_last_error_code(void);

// Copies the message that goes with ocelli_last_error_code() into buffer; empty after success.
//
// needed, unless NULL, receives the size of the whole text with its NUL. With a capacity of 0, buffer may be NULL and
// nothing is written to it. A text that does not fit is cut between two UTF-8 characters and the call returns
// OCELLI_ERR_BUFFER_TOO_SMALL; what is written always ends with a NUL. OCELLI_LAST_ERROR_CAPACITY bytes always do.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER (buffer is NULL and capacity is not 0),
// or OCELLI_ERR_BAD_PARAMETER (capacity is above PTRDIFF_MAX).
int32_t ocelli_last_error(char *buffer, size_t capacity, size_t *needed);

// The outcome of the last call that was made on a handle, by whichever thread: its status, and its message as in
// ocelli_last_error(). Calls that did not get hold of the handle (OCELLI_ERR_BUSY and OCELLI_ERR_REENTRANT) do not count.
// handle is an ocelli_model, an ocelli_session or an ocelli_image. status may be NULL.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
// OCELLI_ERR_BAD_HANDLE; a poisoned handle has an error, too. The thread's last error stays as it is.
int32_t ocelli_handle_error(const void *handle, int32_t *status, char *buffer, size_t capacity, size_t *needed);

// Opens the model file at path as inference would, and closes it again: every key, the tokenizer and the shape of
// every tensor are checked; the weights are not read. The file must not be shortened meanwhile, since it is mapped.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER (path is empty),
// OCELLI_ERR_FILE, OCELLI_ERR_MODEL, or OCELLI_ERR_DEVICE (the environment's OCELLI_ISA is not to be had).
int32_t ocelli_check_model(const char *path);

// Opens the model file at path. The file is mapped, so this is quick and takes little memory; everything but the
// weights' values is checked. A model that is split into several files is opened by the first, whose name ends in
// -00001-of-000NN.gguf; the others lie beside it. The handle is the caller's to close with ocelli_model_close().
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_FILE,
// OCELLI_ERR_MODEL (also for an mmproj of another model), OCELLI_ERR_DEVICE (the environment's OCELLI_ISA is not to be had),
// OCELLI_ERR_CANCELLED (by progress) or OCELLI_ERR_UNSUPPORTED.
int32_t ocelli_model_open(const char *path, const struct ocelli_model_options *options, struct ocelli_model **out);

// Opens a model that is in memory: size bytes, as a file would have them. They are copied, unless options say
// OCELLI_MODEL_BORROW. A model that is split into several files can only be opened by path.
//
// Returns as ocelli_model_open() does, but for OCELLI_ERR_FILE and OCELLI_ERR_INVALID_UTF8.
int32_t ocelli_model_open_memory(const void *bytes, size_t size, const struct ocelli_model_options *options, struct ocelli_model **out);

// Opens a model that lies in an open file, length bytes from offset on; a length of 0 is all to the file's end. This is
// for assets inside other files and for systems that hand out descriptors instead of paths. fd stays the caller's, who
// may close it at once; where it is read from next does not change. The file is best written so that the model
// begins at a multiple of 8 bytes: elsewhere it is copied. A model that is split into several files can only be opened by
// path.
//
// Returns as ocelli_model_open() does, but for OCELLI_ERR_INVALID_UTF8; OCELLI_ERR_UNSUPPORTED where ocelli_features()
// lacks OCELLI_FEATURE_FD.
int32_t ocelli_model_open_fd(int32_t fd, uint64_t offset, uint64_t length, const struct ocelli_model_options *options, struct ocelli_model **out);

// Closes a model. Its sessions go on, and memory is freed with the last of them. NULL is no model and nothing to close.
//
// Returns OCELLI_OK or OCELLI_ERR_BAD_HANDLE.
int32_t ocelli_model_close(struct ocelli_model *model);

// What a model is and can do.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_BAD_PARAMETER (struct_size).
int32_t ocelli_model_get_info(const struct ocelli_model *model, struct ocelli_model_info *info);

// Copies the value of a key of the model's file, such as "general.name", into buffer: text as it is, numbers and truth
// values written out. The rules on buffer, capacity and needed are those of ocelli_last_error().
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER,
// OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_NOT_FOUND or OCELLI_ERR_UNSUPPORTED (the value is an array).
int32_t ocelli_model_meta(const struct ocelli_model *model, const char *key, char *buffer, size_t capacity, size_t *needed);

// Copies the name of a key of the model's file into buffer, for ocelli_model_meta(): index counts from 0, below
// ocelli_model_info.keys, in the order of the file. The rules on buffer, capacity and needed are those of
// ocelli_last_error().
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
// OCELLI_ERR_NOT_FOUND (there are not that many).
int32_t ocelli_model_key(const struct ocelli_model *model, size_t index, char *buffer, size_t capacity, size_t *needed);

// Tells the memory that a session with these options will need, of the model file at path or of an open model: one of
// the two is NULL. Nothing is allocated and no weight is read for it.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER (both are NULL), OCELLI_ERR_BAD_PARAMETER (neither is, or an option is
// out of range), OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_FILE, OCELLI_ERR_MODEL, OCELLI_ERR_DEVICE, OCELLI_ERR_UNSUPPORTED,
// or OCELLI_ERR_BAD_HANDLE.
int32_t ocelli_plan(const char *path, const struct ocelli_model *model, const struct ocelli_session_options *options, struct ocelli_memory *memory);

// The token ids of a text of size bytes. Special tokens that it spells are read, unless OCELLI_TOKENIZE_PLAIN is set; the
// one that stands for a picture never is. flags are OCELLI_TOKENIZE_* bits. count, unless NULL, receives how many there
// are; as many as capacity allows are written to tokens, which may be NULL if that is 0.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8,
// OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED (flags), or OCELLI_ERR_MODEL (the tokenizer refuses the text).
int32_t ocelli_tokenize(const struct ocelli_model *model, const char *text, size_t size, uint32_t flags, uint32_t *tokens, size_t capacity, size_t *count);

// The text of count token ids, special ones left out. The rules on buffer, capacity and needed are those of
// ocelli_last_error().
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, or
// OCELLI_ERR_MODEL (the model has no such token).
int32_t ocelli_detokenize(const struct ocelli_model *model, const uint32_t *tokens, size_t count, char *buffer, size_t capacity, size_t *needed);

// As ocelli_detokenize(), flags being OCELLI_DETOKENIZE_* bits.
//
// Returns as ocelli_detokenize() does, or OCELLI_ERR_UNSUPPORTED (flags).
int32_t ocelli_detokenize_with(const struct ocelli_model *model, const uint32_t *tokens, size_t count, uint32_t flags, char *buffer, size_t capacity, size_t *needed);

// The bytes that one token stands for, or the name of a special one, which need not be whole characters: a text is
// ocelli_detokenize()'s. kind, unless NULL, receives OCELLI_TOKEN_* bits, 0 for plain text. The rules on buffer, capacity and
// needed are those of ocelli_last_error(), but that a piece may be cut and may hold NULs of its own.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, or
// OCELLI_ERR_MODEL (the model has no such token).
int32_t ocelli_token_piece(const struct ocelli_model *model, uint32_t token, uint32_t *kind, char *buffer, size_t capacity, size_t *needed);

// What a text of size bytes says of places: a model's answer that was generated with keep_special, and where the prompt asks for
// places or has some, the prompt's text before it. The buffer receives the text as people read it, NUL-terminated, and behind it
// the words of each phrase that has a place, each NUL-terminated; the rules on buffer, capacity and needed are those of
// ocelli_last_error(), but that what is cut may end anywhere. count, unless NULL, receives how many boxes there are; as many as
// room allows are written to boxes, which may be NULL if that is 0.
//
// A model whose file names no way of pointing (the key ocelli.pointing.kind) has said nothing of places, and the text is as it is.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8 or
// OCELLI_ERR_BAD_PARAMETER.
int32_t ocelli_boxes(const struct ocelli_model *model, const char *text, size_t size, char *buffer, size_t capacity, size_t *needed, struct ocelli_box *boxes, size_t room, size_t *count);

// Reads a picture from a PNG, JPEG, WebP, BMP or TIFF file, or a GIF's first frame, as it is stored: EXIF's orientation
// (but for TIFF) and alpha count for nothing; ocelli_image_open_with() has options for both. The handle is the caller's to close with ocelli_image_close(). At most 64 MiB
// of file, 64 Mi pixels, 16384 a side, 200:1.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER (path is empty),
// OCELLI_ERR_FILE or OCELLI_ERR_IMAGE.
int32_t ocelli_image_open(const char *path, struct ocelli_image **out);

// As ocelli_image_open(), from the size bytes of such a file.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or OCELLI_ERR_IMAGE.
int32_t ocelli_image_open_memory(const void *bytes, size_t size, struct ocelli_image **out);

// As ocelli_image_open() of path, or where that is NULL of the size bytes of such a file, with options. Only one of path and
// bytes may be given.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED
// (options of a later version), OCELLI_ERR_FILE or OCELLI_ERR_IMAGE.
int32_t ocelli_image_open_with(const char *path, const void *bytes, size_t size, const struct ocelli_image_options *options, struct ocelli_image **out);

// Copies a picture of width x height pixels, rows from the top, stride bytes from one row to the next; a stride of 0 says
// that rows follow one another. size is all that pixels points to; the last row may end without its padding. order is one
// of OCELLI_PIXELS_*.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER (order, or size and stride do not fit width and
// height) or OCELLI_ERR_IMAGE (a size beyond the limits of ocelli_image_open()).
int32_t ocelli_image_open_pixels(const void *pixels, size_t size, uint32_t width, uint32_t height, size_t stride, uint32_t order, struct ocelli_image **out);

// The size of a picture in pixels, as it was given: a model sees it resized. width and height may be NULL.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_BAD_HANDLE.
int32_t ocelli_image_size(const struct ocelli_image *image, uint32_t *width, uint32_t *height);

// Closes a picture. Prompts that have it keep it. NULL is no picture and nothing to close.
//
// Returns OCELLI_OK or OCELLI_ERR_BAD_HANDLE.
int32_t ocelli_image_close(struct ocelli_image *image);

// Opens a session: all of its memory is allocated here. The handle is the caller's to close with
// ocelli_session_close(), before or after the model.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED, OCELLI_ERR_BUDGET or
// OCELLI_ERR_MEMORY.
int32_t ocelli_session_open(const struct ocelli_model *model, const struct ocelli_session_options *options, struct ocelli_session **out);

// Closes a session and frees its memory. One that is in a call stays open: cancel it first. NULL is no session and
// nothing to close.
//
// Returns OCELLI_OK, OCELLI_ERR_BAD_HANDLE, OCELLI_ERR_BUSY or OCELLI_ERR_REENTRANT.
int32_t ocelli_session_close(struct ocelli_session *session);

// Opens another session that goes on from where this one is, with keys, values and encoded pictures of its own. (Models
// that attend to each picture by itself run the prompt again.) A text that ocelli_session_next() was writing is ended where
// it is. The handle is the caller's to close.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BUDGET or OCELLI_ERR_MEMORY.
int32_t ocelli_session_fork(struct ocelli_session *session, struct ocelli_session **out);

// Gives up the call that computes on a session (generate, start, next, score or embed), or the next such call if none does:
// it returns OCELLI_ERR_CANCELLED, at the latest one layer later, and the session can be used again. A call that ends
// otherwise uses the request up, too. For any thread, any callback and any signal handler: nothing is locked, allocated
// or kept as a last error.
//
// What was generated by then is dropped, also what ocelli_piece_fn was given, and the prompt is as it was but has to be read
// again (ocelli_usage.kept is 0). A button that ends an answer and keeps what is there lets ocelli_piece_fn return 1 instead:
// the call then returns OCELLI_OK with OCELLI_FINISH_STOPPED, and the text so far is part of the prompt. Before there is
// text, cancelling or ocelli_stage_fn is the only way.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_BAD_HANDLE.
int32_t ocelli_session_cancel(const struct ocelli_session *session);

// What the session takes, and what its last text took. A text that ocelli_session_next() was writing is ended where it is.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER (struct_size) or OCELLI_ERR_PROMPT (the chat template
// refuses the turns).
int32_t ocelli_session_usage(struct ocelli_session *session, struct ocelli_usage *usage);

// Appends text of size bytes to the prompt. The bytes are copied. A text that ocelli_session_next() was writing is ended
// where it is, as by all ocelli_session_add functions, and what was written of it is part of the prompt. Names of special tokens in it, such as </s> or <|endofchunk|>, are these tokens;
// but no text is searched for places of pictures, and one that says <image> has these letters, not the token that
// stands for a picture. Pictures go where ocelli_session_add_image() is called. What a stranger wrote is better encoded
// by ocelli_tokenize() with OCELLI_TOKENIZE_PLAIN and appended by ocelli_session_add_tokens(): it spells no token then.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_INVALID_UTF8 or OCELLI_ERR_ORDER (the
// prompt has turns of ocelli_session_add_turn(), as with all ocelli_session_add functions).
int32_t ocelli_session_add_text(struct ocelli_session *session, const char *text, size_t size);

// Appends a picture to the prompt.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_PROMPT (the model takes none) or OCELLI_ERR_ORDER.
int32_t ocelli_session_add_image(struct ocelli_session *session, const struct ocelli_image *image);

// Appends a video to the prompt: count frames in the order of time, seen as one thing. Of more than
// ocelli_session_options.frames that many are taken, evenly, the first and the last among them. frames_per_second says
// how far apart they stand; the models of this version were taught their order alone.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER (no frames, or a rate that is not above 0),
// OCELLI_ERR_IMAGE (more pixels than a picture may have), OCELLI_ERR_PROMPT (the model takes none), OCELLI_ERR_ORDER or
// OCELLI_ERR_BAD_HANDLE.
int32_t ocelli_session_add_video(struct ocelli_session *session, const struct ocelli_image *const *frames, size_t count, double frames_per_second);

// Appends count token ids to the prompt as they are: nothing is put around them, or before what follows them.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER (the model has no such token) or OCELLI_ERR_ORDER.
int32_t ocelli_session_add_tokens(struct ocelli_session *session, const uint32_t *tokens, size_t count);

// Appends a demonstration for learning in context, worded as the model's file does: a picture, perhaps a question, and the
// text or answer that belongs to them. A picture that is NULL is a demonstration of the form alone. A question that is NULL
// is none, and text a caption or the like. With OCELLI_SHOT_QUERY in flags it is the query, which comes behind the
// demonstrations: text is how far its answer is said already, most often "", and what would end it is left out.
// What is said is text, <image> included.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER (text), OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_HANDLE, OCELLI_ERR_PROMPT
// (the model takes no pictures), OCELLI_ERR_ORDER or OCELLI_ERR_UNSUPPORTED (flags, or the file has no wording for it: see OCELLI_CAN_SHOTS).
int32_t ocelli_session_add_shot(struct ocelli_session *session, const struct ocelli_image *image, const char *question, const char *text, uint32_t flags);

// Appends a turn of a conversation: a role, which is "system", "user", "assistant" or what else the file's chat template knows,
// count pictures, and behind them text of size bytes. The prompt is then what the template makes of all turns, and
// ocelli_session_generate() or _start() asks for an answer, which becomes a turn of the assistant. All of text is text: neither
// names of special tokens nor <image> are read in it. Everything else is as in a session without turns: pieces, tokens one by
// one, cancelling, scores of answers, forking, saving; what was read stays read. ocelli_session_clear() begins anew.
//
// Where the context has no room for the turns and an answer, the oldest are dropped, but none of the system's and not the
// newest: ocelli_usage.dropped tells how many. What the template refuses is told when an answer is asked for; the turn is
// there still then, see ocelli_session_take_turn_back().
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_HANDLE,
// OCELLI_ERR_PROMPT (the file has no chat template or one that cannot be read, or the model takes no pictures) or
// OCELLI_ERR_ORDER (the prompt has pieces that are no turns; so do the other ocelli_session_add functions where it has turns).
int32_t ocelli_session_add_turn(struct ocelli_session *session, const char *role, const struct ocelli_image *const *images, size_t count, const char *text, size_t size);

// Takes the newest turn away: one whose answer failed, or an answer that is to be generated anew.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_NOT_FOUND (there is no turn).
int32_t ocelli_session_take_turn_back(struct ocelli_session *session);

// What was said: the role of a turn and its text, index counting from 0, below ocelli_usage.turns; images, unless NULL,
// receives how many pictures it has. The rules on both buffers, their capacities and what they need are those of
// ocelli_last_error(). A text that is being written ends here.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
// OCELLI_ERR_NOT_FOUND (there are not that many).
int32_t ocelli_session_turn(struct ocelli_session *session, size_t index, char *role, size_t role_capacity, size_t *role_needed, char *buffer, size_t capacity, size_t *needed, size_t *images);

// Empties the prompt. What follows is as in a new session, but that encoded pictures are still known.
//
// Returns OCELLI_OK or OCELLI_ERR_NULL_PARAMETER.
int32_t ocelli_session_clear(struct ocelli_session *session);

// Generates a text behind the prompt and makes it part of the prompt; ocelli_session_answer() gives it. piece may be
// NULL; a beam search calls it once, at its end. finish, unless NULL, receives OCELLI_FINISH_*. After a failure the
// prompt is as it was.
//
// Here and in all functions that give a generated text it is the whole text of its tokens. With vocabularies of GPT-2's
// kind one that begins with a word begins with the blank before it, " blue"; put behind the prompt, the two fit together.
// The program ocelli leaves out that one blank, and no other white space.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED, OCELLI_ERR_CONTEXT,
// OCELLI_ERR_PROMPT, OCELLI_ERR_IMAGE, OCELLI_ERR_MODEL (the weights are damaged), OCELLI_ERR_CONSTRAINT (the schema or the
// grammar cannot be read, or the options together leave no token), OCELLI_ERR_INVALID_UTF8 (neither is UTF-8) or
// OCELLI_ERR_CANCELLED.
int32_t ocelli_session_generate(struct ocelli_session *session, const struct ocelli_generate_options *options, ocelli_piece_fn piece, void *user, int32_t *finish);

// Runs the prompt, so that ocelli_session_next() can write a text behind it token by token. The same options give the
// same text as in ocelli_session_generate(); beams cannot be taken one by one.
//
// Returns as ocelli_session_generate() does.
int32_t ocelli_session_start(struct ocelli_session *session, const struct ocelli_generate_options *options);

// Takes one step of the text that ocelli_session_start() began. token, unless NULL, receives the token; buffer the text
// that it completes, perhaps none, by the rules of ocelli_last_error(); finish, unless NULL, OCELLI_FINISH_*, which is not
// OCELLI_FINISH_NONE once the token is the last. A text that did not fit is given again by the next call instead of a
// new one, as is one that a capacity of 0 asked for the size of. With any other call on the session but
// ocelli_session_logprobs() the text is ended where it is and becomes part of the prompt; behind its last token it has. After OCELLI_ERR_CANCELLED it is dropped.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_ORDER
// (no text is being written), OCELLI_ERR_MODEL (the weights are damaged), OCELLI_ERR_CONSTRAINT (the options together leave
// no token) or OCELLI_ERR_CANCELLED.
int32_t ocelli_session_next(struct ocelli_session *session, uint32_t *token, char *buffer, size_t capacity, size_t *needed, int32_t *finish);

// The text that was generated last, since the session was opened or cleared, special tokens left out or kept as its options
// said, and its tokens, the one that ended it included. The rules on buffer, capacity and needed are those of ocelli_last_error(); token_count,
// unless NULL, receives how many tokens there are, and as many as token_capacity allows are written to tokens, which may
// be NULL if that is 0. A text that is being written is not there yet.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
// OCELLI_ERR_NOT_FOUND (none was generated).
int32_t ocelli_session_answer(struct ocelli_session *session, char *buffer, size_t capacity, size_t *needed, uint32_t *tokens, size_t token_capacity, size_t *token_count);

// How likely each of count texts is behind the prompt, which stays as it is: sums[i] receives the natural logarithm of
// the probability of continuations[i], and lengths[i], unless lengths is NULL, its tokens. The prompt is run once.
//
// Returns as ocelli_session_generate() does, or OCELLI_ERR_INVALID_UTF8.
int32_t ocelli_session_score(struct ocelli_session *session, const char *const *continuations, size_t count, double *sums, uint32_t *lengths);

// How likely each token was: the natural logarithm of its probability after all before it, of the text that is being
// written, its tokens so far, or else of what was generated or scored last; of several scored texts all tokens, one text
// behind the other, as many of each as lengths of ocelli_session_score() said. They are the model's own, before temperature,
// penalties and constraints; of a scored text they add up to its sum. A generated text must have been asked for with
// ocelli_generate_options.logprobs. needed, unless NULL, receives how many there are; as many as capacity allows are written
// to values, and the tokens to tokens unless that is NULL. values may be NULL if capacity is 0. A text that is being written
// goes on.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
// OCELLI_ERR_NOT_FOUND (nothing was generated or scored, or not with logprobs).
int32_t ocelli_session_logprobs(struct ocelli_session *session, uint32_t *tokens, float *values, size_t capacity, size_t *needed);

// A picture, or the prompt's text, as numbers; kind is one of OCELLI_EMBED_*. needed, unless NULL, receives how many numbers
// there are; as many as capacity allows are written to values, which may be NULL if that is 0. The prompt does not change.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER,
// OCELLI_ERR_PROMPT (the model takes no pictures), OCELLI_ERR_IMAGE, OCELLI_ERR_CANCELLED, OCELLI_ERR_UNSUPPORTED (the model
// does not compare pictures with texts) or OCELLI_ERR_CONTEXT (the text is too long).
int32_t ocelli_session_embed(struct ocelli_session *session, const struct ocelli_image *image, uint32_t kind, float *values, size_t capacity, size_t *needed);

// How well a picture and a text of size bytes go together: the probability that they belong together, from 0 to 1, found by
// looking at both at once. Models that can have OCELLI_CAN_MATCH in ocelli_model_info.can. The picture is read once for all
// texts that it is matched with one after the other; the prompt is not concerned. The cosine of the two, which is quicker
// for many, is made of what ocelli_session_embed() gives of each. With another model, comparing the scores of texts behind
// a picture, ocelli_session_score(), is the nearest thing.
//
// Returns OCELLI_OK, OCELLI_ERR_UNSUPPORTED (the model does not compare pictures with texts), OCELLI_ERR_NULL_PARAMETER,
// OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_IMAGE, OCELLI_ERR_CONTEXT (the text is too long),
// OCELLI_ERR_CANCELLED or OCELLI_ERR_BAD_HANDLE.
int32_t ocelli_session_match(struct ocelli_session *session, const struct ocelli_image *image, const char *text, size_t size, float *score);

// Copies the session's state into buffer: its prompt, pictures at three bytes a pixel, and its keys and values. needed,
// unless NULL, receives its bytes; with a capacity of 0, buffer may be NULL. A buffer that is too small receives the
// beginning, which is of no use. A text that
// ocelli_session_next() was writing is ended where it is.
//
// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
// OCELLI_ERR_MEMORY.
int32_t ocelli_session_save(struct ocelli_session *session, void *buffer, size_t capacity, size_t *needed);

// Goes on from a state of size bytes that ocelli_session_save() gave, in this process or another, on this machine or
// another. The model must be the same file's, the session of the same number format of keys and values and large enough.
// After a failure the session is as it was. What is damaged is found out; what was made to deceive can put any words into
// the prompt, but do nothing else.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_STATE, OCELLI_ERR_CONTEXT,
// OCELLI_ERR_IMAGE or OCELLI_ERR_PROMPT.
int32_t ocelli_session_restore(struct ocelli_session *session, const void *state, size_t size);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OCELLI_H */
