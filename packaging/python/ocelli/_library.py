"""The C interface through ctypes: its structs, its functions, and what a failure becomes.

The library lies beside this file in a wheel; OCELLI_LIBRARY names another one. Nothing is compiled for Python, so one wheel
serves every version of it. tests/python holds all of this against ffi/abi.txt.
"""

from __future__ import annotations

import ctypes as c
import os
import re
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Type

ABI = 1
NONE = 0xFFFFFFFF

Progress = c.CFUNCTYPE(c.c_int32, c.c_uint64, c.c_uint64, c.c_void_p)
Log = c.CFUNCTYPE(None, c.c_int32, c.c_char_p, c.c_void_p)
Stage = c.CFUNCTYPE(c.c_int32, c.c_uint32, c.c_uint64, c.c_uint64, c.c_void_p)
Piece = c.CFUNCTYPE(c.c_int32, c.POINTER(c.c_char), c.c_size_t, c.c_void_p)


class Sized(c.Structure):
    """A struct that begins with its size; every field that is not given is 0, which is the default."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(struct_size=c.sizeof(type(self)), **fields)


class ModelOptions(Sized):
    _fields_ = [
        ("struct_size", c.c_uint32), ("flags", c.c_uint32), ("threads", c.c_uint32), ("gpu_layers", c.c_uint32),
        ("cpus", c.c_uint64), ("progress", Progress), ("progress_user", c.c_void_p), ("log", Log),
        ("log_user", c.c_void_p), ("cpu_set", c.POINTER(c.c_uint64)), ("cpu_set_words", c.c_uint32),
        ("reserved", c.c_uint32), ("mmproj", c.c_char_p), ("image_max_rows", c.c_uint32),
        ("more_reserved", c.c_uint32),
    ]


class ModelInfo(Sized):
    _fields_ = [
        ("struct_size", c.c_uint32), ("can", c.c_uint32), ("context", c.c_uint32), ("vocabulary", c.c_uint32),
        ("image_positions", c.c_uint32), ("embedding_width", c.c_uint32), ("threads", c.c_uint32),
        ("reserved", c.c_uint32), ("file_bytes", c.c_uint64), ("bos", c.c_uint32), ("eos", c.c_uint32),
        ("pad", c.c_uint32), ("keys", c.c_uint32),
    ]


class SessionOptions(Sized):
    _fields_ = [
        ("struct_size", c.c_uint32), ("context", c.c_uint32), ("beams", c.c_uint32), ("new_tokens", c.c_uint32),
        ("batch", c.c_uint32), ("cache", c.c_uint32), ("complete", c.c_uint32), ("images", c.c_uint32),
        ("image_cache", c.c_uint64), ("budget", c.c_uint64), ("frames", c.c_uint32), ("parallel", c.c_uint32),
        ("stage", Stage), ("stage_user", c.c_void_p),
    ]


class ImageOptions(Sized):
    _fields_ = [
        ("struct_size", c.c_uint32), ("upright", c.c_uint32), ("blend", c.c_uint32), ("background", c.c_uint32),
    ]


class Memory(Sized):
    _fields_ = [
        ("struct_size", c.c_uint32), ("reserved", c.c_uint32), ("mapped", c.c_uint64), ("cache", c.c_uint64),
        ("scratch", c.c_uint64), ("images", c.c_uint64), ("tokenizer", c.c_uint64), ("other", c.c_uint64),
        ("total", c.c_uint64),
    ]


class Box(c.Structure):
    """A box of a phrase, in an array; it has no size of its own."""

    _fields_ = [
        ("phrase", c.c_uint32), ("words", c.c_uint32), ("left", c.c_float), ("top", c.c_float), ("right", c.c_float),
        ("bottom", c.c_float),
    ]


class Usage(Sized):
    _fields_ = [
        ("struct_size", c.c_uint32), ("context", c.c_uint32), ("positions", c.c_uint32), ("kept", c.c_uint32),
        ("prompt", c.c_uint32), ("reused", c.c_uint32), ("generated", c.c_uint32), ("encoded", c.c_uint32),
        ("prepare_us", c.c_uint64), ("encode_us", c.c_uint64), ("prefill_us", c.c_uint64),
        ("generate_us", c.c_uint64), ("turns", c.c_uint32), ("dropped", c.c_uint32),
    ]


class GenerateOptions(Sized):
    _fields_ = [
        ("struct_size", c.c_uint32), ("max_new_tokens", c.c_uint32), ("beams", c.c_uint32), ("top_k", c.c_uint32),
        ("temperature", c.c_float), ("top_p", c.c_float), ("min_p", c.c_float), ("repetition_penalty", c.c_float),
        ("length_penalty", c.c_float), ("early_stopping", c.c_uint32), ("no_repeat_ngram", c.c_uint32),
        ("min_new_tokens", c.c_uint32), ("seed", c.c_uint64), ("json_schema", c.c_char_p), ("grammar", c.c_char_p),
        ("keep_special", c.c_uint32), ("speculate", c.c_uint32), ("stop", c.POINTER(c.c_char_p)),
        ("stop_count", c.c_uint32), ("logprobs", c.c_uint32), ("bias_tokens", c.POINTER(c.c_uint32)),
        ("bias_values", c.POINTER(c.c_float)), ("forced", c.POINTER(c.c_uint32)), ("bias_count", c.c_uint32),
        ("forced_count", c.c_uint32),
    ]


_STATUS, _SIZE, _TEXT, _HANDLE, _AT = c.c_int32, c.c_size_t, c.c_char_p, c.c_void_p, c.c_void_p
_OUT, _NEEDED, _NUMBER = c.POINTER(c.c_void_p), c.POINTER(c.c_size_t), c.POINTER(c.c_uint32)
_BUFFER = [_AT, _SIZE, _NEEDED]

# The arguments of every function, in the header's order. Arrays and buffers are addresses.
SIGNATURES: Dict[str, Tuple[Any, List[Any]]] = {
    "ocelli_abi_version": (c.c_uint32, []),
    "ocelli_version": (_TEXT, []),
    "ocelli_features": (c.c_uint64, []),
    "ocelli_status_name": (_TEXT, [_STATUS]),
    "ocelli_last_error_code": (_STATUS, []),
    "ocelli_last_error": (_STATUS, _BUFFER),
    "ocelli_handle_error": (_STATUS, [_HANDLE, c.POINTER(c.c_int32), *_BUFFER]),
    "ocelli_check_model": (_STATUS, [_TEXT]),
    "ocelli_model_open": (_STATUS, [_TEXT, c.POINTER(ModelOptions), _OUT]),
    "ocelli_model_open_memory": (_STATUS, [_AT, _SIZE, c.POINTER(ModelOptions), _OUT]),
    "ocelli_model_open_fd": (_STATUS, [c.c_int32, c.c_uint64, c.c_uint64, c.POINTER(ModelOptions), _OUT]),
    "ocelli_model_close": (_STATUS, [_HANDLE]),
    "ocelli_model_get_info": (_STATUS, [_HANDLE, c.POINTER(ModelInfo)]),
    "ocelli_model_meta": (_STATUS, [_HANDLE, _TEXT, *_BUFFER]),
    "ocelli_model_key": (_STATUS, [_HANDLE, _SIZE, *_BUFFER]),
    "ocelli_plan": (_STATUS, [_TEXT, _HANDLE, c.POINTER(SessionOptions), c.POINTER(Memory)]),
    "ocelli_tokenize": (_STATUS, [_HANDLE, _TEXT, _SIZE, c.c_uint32, _AT, _SIZE, _NEEDED]),
    "ocelli_detokenize": (_STATUS, [_HANDLE, _AT, _SIZE, *_BUFFER]),
    "ocelli_detokenize_with": (_STATUS, [_HANDLE, _AT, _SIZE, c.c_uint32, *_BUFFER]),
    "ocelli_token_piece": (_STATUS, [_HANDLE, c.c_uint32, _NUMBER, *_BUFFER]),
    "ocelli_boxes": (_STATUS, [_HANDLE, _TEXT, _SIZE, *_BUFFER, _AT, _SIZE, _NEEDED]),
    "ocelli_image_open": (_STATUS, [_TEXT, _OUT]),
    "ocelli_image_open_memory": (_STATUS, [_AT, _SIZE, _OUT]),
    "ocelli_image_open_with": (_STATUS, [_TEXT, _AT, _SIZE, c.POINTER(ImageOptions), _OUT]),
    "ocelli_image_open_pixels": (_STATUS, [_AT, _SIZE, c.c_uint32, c.c_uint32, _SIZE, c.c_uint32, _OUT]),
    "ocelli_image_size": (_STATUS, [_HANDLE, _NUMBER, _NUMBER]),
    "ocelli_image_close": (_STATUS, [_HANDLE]),
    "ocelli_session_open": (_STATUS, [_HANDLE, c.POINTER(SessionOptions), _OUT]),
    "ocelli_session_close": (_STATUS, [_HANDLE]),
    "ocelli_session_fork": (_STATUS, [_HANDLE, _OUT]),
    "ocelli_session_cancel": (_STATUS, [_HANDLE]),
    "ocelli_session_usage": (_STATUS, [_HANDLE, c.POINTER(Usage)]),
    "ocelli_session_add_text": (_STATUS, [_HANDLE, _TEXT, _SIZE]),
    "ocelli_session_add_image": (_STATUS, [_HANDLE, _HANDLE]),
    "ocelli_session_add_video": (_STATUS, [_HANDLE, _AT, _SIZE, c.c_double]),
    "ocelli_session_add_tokens": (_STATUS, [_HANDLE, _AT, _SIZE]),
    "ocelli_session_add_shot": (_STATUS, [_HANDLE, _HANDLE, _TEXT, _TEXT, c.c_uint32]),
    "ocelli_session_add_turn": (_STATUS, [_HANDLE, _TEXT, _AT, _SIZE, _TEXT, _SIZE]),
    "ocelli_session_take_turn_back": (_STATUS, [_HANDLE]),
    "ocelli_session_turn": (_STATUS, [_HANDLE, _SIZE, *_BUFFER, *_BUFFER, _NEEDED]),
    "ocelli_session_clear": (_STATUS, [_HANDLE]),
    "ocelli_session_generate": (
        _STATUS, [_HANDLE, c.POINTER(GenerateOptions), Piece, c.c_void_p, c.POINTER(c.c_int32)]),
    "ocelli_session_start": (_STATUS, [_HANDLE, c.POINTER(GenerateOptions)]),
    "ocelli_session_next": (_STATUS, [_HANDLE, _NUMBER, *_BUFFER, c.POINTER(c.c_int32)]),
    "ocelli_session_answer": (_STATUS, [_HANDLE, *_BUFFER, _AT, _SIZE, _NEEDED]),
    "ocelli_session_score": (_STATUS, [_HANDLE, c.POINTER(c.c_char_p), _SIZE, c.POINTER(c.c_double), _AT]),
    "ocelli_session_logprobs": (_STATUS, [_HANDLE, _AT, _AT, _SIZE, _NEEDED]),
    "ocelli_session_embed": (_STATUS, [_HANDLE, _HANDLE, c.c_uint32, _AT, _SIZE, _NEEDED]),
    "ocelli_session_match": (_STATUS, [_HANDLE, _HANDLE, _TEXT, _SIZE, c.POINTER(c.c_float)]),
    "ocelli_session_save": (_STATUS, [_HANDLE, *_BUFFER]),
    "ocelli_session_restore": (_STATUS, [_HANDLE, _AT, _SIZE]),
}


def _load() -> c.CDLL:
    named = os.environ.get("OCELLI_LIBRARY")
    beside = Path(__file__).with_name("libocelli.so")
    path = named or (str(beside) if beside.exists() else "libocelli.so.%d" % ABI)
    try:
        lib = c.CDLL(path)
    except OSError as e:
        raise ImportError(
            "the library of Ocelli cannot be loaded: %s. A wheel of this package has it inside; otherwise set "
            "OCELLI_LIBRARY to the path of libocelli.so" % e) from e
    lib.ocelli_abi_version.restype = c.c_uint32
    if lib.ocelli_abi_version() != ABI:
        raise ImportError("%s has ABI %d, this package speaks %d" % (path, lib.ocelli_abi_version(), ABI))
    for name, (result, arguments) in SIGNATURES.items():
        try:
            function = getattr(lib, name)
        except AttributeError:
            version = c.CFUNCTYPE(c.c_char_p)(("ocelli_version", lib))().decode()
            raise ImportError("%s is of version %s, which is too old: it has no %s" % (path, version, name)) from None
        function.restype, function.argtypes = result, arguments
    return lib


lib = _load()


class Error(Exception):
    """A call of the library that failed.

    ``code`` is its number, ``name`` the name of that, such as ``OCELLI_ERR_FILE``, ``message`` what the library said, and
    ``numbers`` the whole numbers in that, in order: of a context that is too small for example what is needed, and what there is.
    """

    code: int
    name: str
    message: str
    numbers: Tuple[int, ...]

    def __init__(self, code: int, message: str) -> None:
        self.code, self.message = code, message
        self.name = lib.ocelli_status_name(code).decode()
        self.numbers = tuple(int(number) for number in re.findall(r"(?<![\w.])\d+(?!\w|\.\d)", message))
        super().__init__(code, message)

    def __str__(self) -> str:
        return "%s: %s" % (self.name, self.message)


class Cancelled(Error):
    """The call was cancelled."""


class ContextFull(Error):
    """The prompt does not fit the context."""


class OverBudget(Error):
    """More memory is needed than ``budget`` allows."""


_KINDS: Dict[int, Type[Error]] = {11: ContextFull, 13: OverBudget, 15: Cancelled}


def check(status: int) -> None:
    """Raises what a status stands for, unless that is success."""
    if status != 0:
        message = c.create_string_buffer(8192)
        lib.ocelli_last_error(message, len(message), None)
        raise _KINDS.get(status, Error)(status, message.value.decode(errors="replace"))


def data(call: Callable[..., int], *arguments: Any) -> bytes:
    """What a function copies into a buffer that its last three arguments describe."""
    needed = c.c_size_t()
    check(call(*arguments, None, 0, c.byref(needed)))
    buffer = c.create_string_buffer(max(needed.value, 1))
    check(call(*arguments, buffer, needed.value, c.byref(needed)))
    return buffer.raw[:needed.value]


def text(call: Callable[..., int], *arguments: Any) -> str:
    """As :func:`data`, of a text that ends with a NUL."""
    return data(call, *arguments)[:-1].decode(errors="replace")


def numbers(ids: Any) -> Any:
    """An array of token ids for C."""
    ids = list(ids)
    return (c.c_uint32 * len(ids))(*ids)


class Handle:
    """A handle of the library that closes itself; handles are closed in any order."""

    _close: Any = None
    _handle: Optional[c.c_void_p] = None

    def _open(self, opener: Callable[..., int], *arguments: Any) -> None:
        handle = c.c_void_p()
        check(opener(*arguments, c.byref(handle)))
        self._handle = handle

    def close(self) -> None:
        """Closes it. A second time does nothing."""
        handle, self._handle = self._handle, None
        if handle:
            check(self._close(handle))

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._handle:
            self._close(self._handle)
