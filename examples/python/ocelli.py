"""Ocelli from Python, through ctypes: one file, nothing to build. As a program it answers one question about one picture:

    python3 ocelli.py MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]

The library is libocelli.so.1 where the system finds it, or what OCELLI_LIBRARY names.
"""

import ctypes as c
import os
import sys

_OPEN = c.c_void_p
_PIECE = c.CFUNCTYPE(c.c_int32, c.POINTER(c.c_char), c.c_size_t, c.c_void_p)
_FINISH = {0: None, 1: "end", 2: "length", 3: "stopped"}


class GenerateOptions(c.Structure):
    """ocelli_generate_options; whatever is not given is the default."""

    _fields_ = [
        ("struct_size", c.c_uint32), ("max_new_tokens", c.c_uint32), ("beams", c.c_uint32), ("top_k", c.c_uint32),
        ("temperature", c.c_float), ("top_p", c.c_float), ("min_p", c.c_float), ("repetition_penalty", c.c_float),
        ("length_penalty", c.c_float), ("early_stopping", c.c_uint32), ("no_repeat_ngram", c.c_uint32),
        ("min_new_tokens", c.c_uint32), ("seed", c.c_uint64),
    ]

    def __init__(self, **fields):
        super().__init__(struct_size=c.sizeof(GenerateOptions), **fields)


def _load():
    lib = c.CDLL(os.environ.get("OCELLI_LIBRARY", "libocelli.so.1"))
    size, text, out = c.c_size_t, c.c_char_p, c.POINTER(c.c_void_p)
    need = c.POINTER(c.c_size_t)
    signatures = {
        "last_error": [c.c_void_p, size, need],
        "model_open": [text, c.c_void_p, out], "model_close": [_OPEN],
        "image_open": [text, out], "image_close": [_OPEN],
        "image_open_pixels": [text, size, c.c_uint32, c.c_uint32, size, c.c_uint32, out],
        "session_open": [_OPEN, c.c_void_p, out], "session_close": [_OPEN],
        "session_add_text": [_OPEN, text, size], "session_add_image": [_OPEN, _OPEN],
        "session_clear": [_OPEN], "session_cancel": [_OPEN],
        "session_generate": [_OPEN, c.POINTER(GenerateOptions), _PIECE, c.c_void_p, c.POINTER(c.c_int32)],
        "session_answer": [_OPEN, c.c_void_p, size, need, c.c_void_p, size, need],
        "session_score": [_OPEN, c.POINTER(text), size, c.POINTER(c.c_double), c.c_void_p],
    }
    for name, arguments in signatures.items():
        function = getattr(lib, "ocelli_" + name)
        function.argtypes, function.restype = arguments, c.c_int32
    lib.ocelli_abi_version.restype = c.c_uint32
    lib.ocelli_status_name.argtypes, lib.ocelli_status_name.restype = [c.c_int32], c.c_char_p
    if lib.ocelli_abi_version() != 1:
        raise ImportError("libocelli has ABI %d, this file speaks 1" % lib.ocelli_abi_version())
    return lib


_lib = _load()


class Error(Exception):
    """What a call that failed said; `status` is its number."""

    def __init__(self, status):
        message = c.create_string_buffer(8192)
        _lib.ocelli_last_error(message, len(message), None)
        super().__init__("%s: %s" % (_lib.ocelli_status_name(status).decode(), message.value.decode()))
        self.status = status


def _check(status):
    if status != 0:
        raise Error(status)


class _Handle:
    """A handle that closes itself; closed in any order."""

    _close = None

    def __init__(self, opener, *arguments):
        self._handle = c.c_void_p()
        _check(opener(*arguments, c.byref(self._handle)))

    def close(self):
        handle, self._handle = self._handle, c.c_void_p()
        _check(self._close(handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None):
            self._close(self._handle)


class Model(_Handle):
    _close = _lib.ocelli_model_close

    def __init__(self, path):
        super().__init__(_lib.ocelli_model_open, os.fsencode(path), None)

    def session(self):
        return Session(self)


class Image(_Handle):
    _close = _lib.ocelli_image_close

    def __init__(self, path):
        super().__init__(_lib.ocelli_image_open, os.fsencode(path))


class Session(_Handle):
    _close = _lib.ocelli_session_close

    def __init__(self, model):
        super().__init__(_lib.ocelli_session_open, model._handle, None)

    def add(self, piece):
        """Text or an Image; gives the session, so that calls can follow one another."""
        if isinstance(piece, Image):
            _check(_lib.ocelli_session_add_image(self._handle, piece._handle))
        else:
            data = piece.encode()
            _check(_lib.ocelli_session_add_text(self._handle, data, len(data)))
        return self

    def generate(self, on_piece=None, **options):
        """(text, tokens, why it ended). `on_piece` is given text as it comes and returns whether to stop; the options are
        those of GenerateOptions."""
        raised = []

        def hear(piece, size, _):
            try:
                return 1 if on_piece is not None and on_piece(c.string_at(piece, size).decode()) else 0
            except BaseException as e:  # nothing must pass through the library
                raised.append(e)
                return 1

        finish, needed, count = c.c_int32(), c.c_size_t(), c.c_size_t()
        callback = _PIECE(hear)
        status = _lib.ocelli_session_generate(
            self._handle, c.byref(GenerateOptions(**options)), callback, None, c.byref(finish))
        if raised:
            raise raised[0]
        _check(status)
        answer = _lib.ocelli_session_answer
        _check(answer(self._handle, None, 0, c.byref(needed), None, 0, c.byref(count)))
        text, tokens = c.create_string_buffer(needed.value), (c.c_uint32 * count.value)()
        _check(answer(self._handle, text, needed, None, tokens, count, None))
        return text.value.decode(), list(tokens), _FINISH[finish.value]

    def score(self, texts):
        """The logarithm of the probability of each text behind the prompt."""
        sums = (c.c_double * len(texts))()
        all_of_them = (c.c_char_p * len(texts))(*[text.encode() for text in texts])
        _check(_lib.ocelli_session_score(self._handle, all_of_them, len(texts), sums, None))
        return list(sums)

    def clear(self):
        _check(_lib.ocelli_session_clear(self._handle))

    def cancel(self):
        """Stops a call that runs in another thread."""
        _check(_lib.ocelli_session_cancel(self._handle))


def main(arguments):
    if len(arguments) < 3:
        sys.exit("usage: ocelli.py MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]")
    path, picture, prompt = arguments[:3]
    temperature, seed, tokens = (arguments[3:] + ["0", "0", "0"][len(arguments) - 3:])
    with Model(path) as model, Image(picture) as image, model.session() as session:
        session.add(image).add(prompt)
        text, ids, _ = session.generate(temperature=float(temperature), seed=int(seed), max_new_tokens=int(tokens))
        print(text)
        print("tokens:", *ids)


if __name__ == "__main__":
    main(sys.argv[1:])
