/* ocelli.h: the C interface of Ocelli, inference for multimodal language models in GGUF.
 *
 * Written by cbindgen from ffi/src; change it there, then run
 *     OCELLI_UPDATE_HEADER=1 cargo test -p ocelli-ffi --test header
 *
 * Rules that hold for every function:
 * - Calls that can fail return a status as int32_t: OCELLI_OK (0) or one of OCELLI_ERR_*. Numbers keep their meaning;
 *   new ones may be added, so treat an unknown one as a failure.
 * - Every pointer is checked for NULL, every string is NUL-terminated UTF-8 and is checked. Nothing a caller passes is
 *   kept after the call. Strings that are returned as const char * are static: never free them.
 * - Every function may be called from any thread at any time.
 * - Nothing prints, exits or installs a signal handler. A fault inside the library comes back as OCELLI_ERR_PANIC.
 *
 * Link with -locelli; with the static library also -lpthread -ldl -lm. The shared library's SONAME carries the ABI's
 * major version.
 */

#ifndef OCELLI_H
#define OCELLI_H

#include <stddef.h>
#include <stdint.h>

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

// The ABI of this header: what ocelli_abi_version() must return.
#define OCELLI_ABI_VERSION 1

// Size of a buffer that holds any text of ocelli_last_error(), its NUL included.
#define OCELLI_LAST_ERROR_CAPACITY 8192

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The major version of the library's ABI. A program compiled with another OCELLI_ABI_VERSION must not go on.
uint32_t ocelli_abi_version(void);

// The library's version, such as "0.1.0"; static.
const char *ocelli_version(void);

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

// Opens the model file at path as inference would, and closes it again: every key, the tokenizer and the shape of
// every tensor are checked; the weights are not read. The file must not be shortened meanwhile, since it is mapped.
//
// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER (path is empty),
// OCELLI_ERR_FILE, OCELLI_ERR_MODEL, or OCELLI_ERR_DEVICE (the environment's OCELLI_ISA is not to be had).
int32_t ocelli_check_model(const char *path);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OCELLI_H */
