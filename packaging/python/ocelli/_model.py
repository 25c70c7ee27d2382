"""Models: opening them, what they are, and their tokenizers."""

from __future__ import annotations

import ctypes as c
import logging
import os
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

from . import _library as n
from ._library import Handle, check, lib

if TYPE_CHECKING:
    from ._chat import Chat
    from ._session import Session

_COPY, _AHEAD = 1, 2
_IMAGES, _EMBED, _MATCH, _VIDEO, _CHAT, _SHOTS = 1, 2, 4, 8, 16, 32
_CACHES = {"default": 0, "f32": 1, "f16": 2, "q8_0": 3}
_STAGES = {1: "encode", 2: "prefill"}
_CONTROL, _UNKNOWN, _USER, _UNUSED, _BYTE, _ENDS, _IMAGE = 1, 2, 4, 8, 16, 32, 64

Log = Union[Callable[[int, str], Any], logging.Logger]
"""What is told of the library's doings: a function of a level of :mod:`logging` and a line, or a logger."""


class Token(NamedTuple):
    """One token of a vocabulary."""

    id: int
    #: What it stands for, or its name if it is special; not always whole characters.
    data: bytes
    #: It steers the model and is no text.
    special: bool
    #: A generated text ends at it.
    ends: bool
    #: It stands for a picture.
    image: bool


class Memory(NamedTuple):
    """The memory of a session in bytes, by kind; see ocelli_memory."""

    mapped: int
    cache: int
    scratch: int
    images: int
    tokenizer: int
    other: int
    total: int


def count(name: str, number: Optional[int], most: int = n.NONE - 1) -> int:
    """An option that is a count; None is the default."""
    if number is None:
        return 0
    if not 0 <= number <= most:
        raise ValueError("%s is %d: from 0 to %d" % (name, number, most))
    return number


def session_options(**given: Any) -> n.SessionOptions:
    """Keyword arguments as C has them."""
    cache = given.pop("cache") or "default"
    if cache not in _CACHES:
        raise ValueError("cache is %r: one of %s" % (cache, ", ".join(_CACHES)))
    wide = {name: count(name, given.pop(name), 2**64 - 1) for name in ("image_cache", "budget")}
    complete = bool(given.pop("complete"))
    counts = {name: count(name, number) for name, number in given.items()}
    return n.SessionOptions(cache=_CACHES[cache], complete=complete, **wide, **counts)


def plan(model: Union["Model", str, "os.PathLike[str]"], *, context: Optional[int] = None, beams: Optional[int] = None,
         new_tokens: Optional[int] = None, batch: Optional[int] = None, cache: Optional[str] = None,
         complete: bool = False, images: Optional[int] = None, image_cache: Optional[int] = None,
         budget: Optional[int] = None, frames: Optional[int] = None,
         parallel: Optional[int] = None) -> Memory:
    """The memory that a session with these options will need, of a model or of a file that is not opened for it."""
    options = session_options(context=context, beams=beams, new_tokens=new_tokens, batch=batch, cache=cache,
                              complete=complete, images=images, image_cache=image_cache, budget=budget, frames=frames,
                              parallel=parallel)
    memory = n.Memory()
    path, handle = (None, model._handle) if isinstance(model, Model) else (os.fsencode(model), None)
    check(lib.ocelli_plan(path, handle, c.byref(options), c.byref(memory)))
    return Memory(*(getattr(memory, name) for name in Memory._fields))


class Model(Handle):
    """An open model file, which any number of sessions and threads share.

    ``file`` is a path, the bytes of a file, or an open file. ``threads`` compute, one for each processor by default, on the
    processors whose numbers ``cpus`` has. ``copy`` reads the file into memory instead of mapping it; ``ahead`` reads a mapped
    file through once. ``progress(done, total)`` is told of bytes while the file is read and stops that where it returns
    something true. ``log`` is told what the model and its sessions do. ``mmproj`` is the path of what a language model in a
    file of its own sees with, the second file of a pair of llama.cpp's; ``image_max_rows`` are the most rows that a picture may
    become, where that depends on its size.
    """

    _close = lib.ocelli_model_close

    def __init__(self, file: Any, *, threads: Optional[int] = None, cpus: Optional[Iterable[int]] = None,
                 copy: bool = False, ahead: bool = False, mmproj: Optional[Union[str, "os.PathLike[str]"]] = None,
                 image_max_rows: Optional[int] = None,
                 progress: Optional[Callable[[int, int], Any]] = None, log: Optional[Log] = None) -> None:
        options = n.ModelOptions(flags=(_COPY if copy else 0) | (_AHEAD if ahead else 0),
                                 threads=count("threads", threads),
                                 image_max_rows=count("image_max_rows", image_max_rows))
        if mmproj is not None:
            options.mmproj = os.fsencode(mmproj)
        if cpus is not None:
            words = _words(cpus)
            options.cpu_set, options.cpu_set_words = words, len(words)
        raised: List[BaseException] = []

        def tell(done: int, total: int, _: Any) -> int:
            try:
                return 1 if progress is not None and progress(done, total) else 0
            except BaseException as e:  # nothing must pass through the library
                raised.append(e)
                return 1

        options.progress = n.Progress(tell)
        # The library calls it until the last session is closed, and those hold the model.
        self._log = n.Log(_listener(log)) if log is not None else n.Log()
        options.log = self._log
        try:
            if isinstance(file, (str, os.PathLike)):
                self._open(lib.ocelli_model_open, os.fsencode(file), c.byref(options))
            elif hasattr(file, "fileno"):
                self._open(lib.ocelli_model_open_fd, file.fileno(), 0, 0, c.byref(options))
            else:
                data = bytes(memoryview(file))
                options.flags &= ~_COPY  # it is copied in any case
                self._open(lib.ocelli_model_open_memory, data, len(data), c.byref(options))
        except n.Error:
            if raised:
                raise raised[0] from None
            raise
        info = n.ModelInfo()
        check(lib.ocelli_model_get_info(self._handle, c.byref(info)))
        self._info = info

    @property
    def takes_images(self) -> bool:
        """Whether it takes pictures."""
        return bool(self._info.can & _IMAGES)

    @property
    def takes_video(self) -> bool:
        """Whether it takes videos."""
        return bool(self._info.can & _VIDEO)

    @property
    def chats(self) -> bool:
        """Whether its file has a chat template: :meth:`chat`."""
        return bool(self._info.can & _CHAT)

    @property
    def takes_shots(self) -> bool:
        """Whether its file words demonstrations: :meth:`Session.add_shot`."""
        return bool(self._info.can & _SHOTS)

    @property
    def matches(self) -> bool:
        """Whether it compares pictures with texts: :meth:`Session.match`."""
        return bool(self._info.can & _MATCH)

    @property
    def context(self) -> int:
        """Positions it was made for."""
        return int(self._info.context)

    @property
    def vocabulary(self) -> int:
        """Tokens of its tokenizer."""
        return int(self._info.vocabulary)

    @property
    def image_positions(self) -> int:
        """Positions that a picture takes."""
        return int(self._info.image_positions)

    @property
    def embedding_width(self) -> int:
        """Numbers of a position's input."""
        return int(self._info.embedding_width)

    @property
    def threads(self) -> int:
        """Threads that compute."""
        return int(self._info.threads)

    @property
    def file_bytes(self) -> int:
        """Bytes of the file."""
        return int(self._info.file_bytes)

    @property
    def bos(self) -> Optional[int]:
        """The token that begins texts."""
        return _token(self._info.bos)

    @property
    def eos(self) -> Optional[int]:
        """The token that the tokenizer ends texts with; :attr:`Token.ends` tells of all that end a generated text."""
        return _token(self._info.eos)

    @property
    def pad(self) -> Optional[int]:
        """The token that pads texts."""
        return _token(self._info.pad)

    def keys(self) -> List[str]:
        """The keys of the file, in its order."""
        return [n.text(lib.ocelli_model_key, self._handle, index) for index in range(self._info.keys)]

    def meta(self, key: str) -> str:
        """The value of a key of the file: text as it is, numbers and truth values written out."""
        return n.text(lib.ocelli_model_meta, self._handle, key.encode())

    def tokenize(self, text: str, *, special: bool = False, plain: bool = False) -> List[int]:
        """The token ids of a text. ``special`` puts around it what the tokenizer puts around texts; ``plain`` takes names of
        special tokens in it for text."""
        data, needed = text.encode(), c.c_size_t()
        flags = (1 if special else 0) | (2 if plain else 0)
        check(lib.ocelli_tokenize(self._handle, data, len(data), flags, None, 0, c.byref(needed)))
        ids = (c.c_uint32 * needed.value)()
        check(lib.ocelli_tokenize(self._handle, data, len(data), flags, ids, len(ids), None))
        return list(ids)

    def detokenize(self, tokens: Iterable[int], *, special: bool = False) -> str:
        """The text of token ids; ``special`` writes special ones by their names."""
        ids = n.numbers(tokens)
        return n.text(lib.ocelli_detokenize_with, self._handle, ids, len(ids), 1 if special else 0)

    def pointed(self, text: str) -> Tuple[str, List[Tuple[str, List[Tuple[float, float, float, float]]]]]:
        """What an answer says of places: its text as people read it, and its phrases, each with its boxes (left, top, right, bottom
        as shares of the picture)."""
        data, needed, count = text.encode(), c.c_size_t(), c.c_size_t()
        check(lib.ocelli_boxes(self._handle, data, len(data), None, 0, c.byref(needed), None, 0, c.byref(count)))
        buffer, boxes = c.create_string_buffer(needed.value), (n.Box * max(count.value, 1))()
        check(lib.ocelli_boxes(self._handle, data, len(data), buffer, len(buffer), None, boxes, len(boxes), None))
        words = lambda at: buffer.raw[at:].split(b"\0", 1)[0].decode()
        phrases: List[Tuple[str, List[Tuple[float, float, float, float]]]] = []
        for box in boxes[: count.value]:
            if box.phrase == len(phrases):
                phrases.append((words(box.words), []))
            phrases[-1][1].append((box.left, box.top, box.right, box.bottom))
        return words(0), phrases

    def token(self, id: int) -> Token:
        """What a token is."""
        kind = c.c_uint32()
        data = n.data(lib.ocelli_token_piece, self._handle, id, c.byref(kind))[:-1]
        special, ends = bool(kind.value & (_CONTROL | _UNKNOWN)), bool(kind.value & _ENDS)
        return Token(id, data, special, ends, bool(kind.value & _IMAGE))

    def plan(self, **options: Any) -> Memory:
        """As :func:`ocelli.plan`."""
        return plan(self, **options)

    def session(self, **options: Any) -> "Session":
        """A session of this model; the options are those of :class:`Session`."""
        from ._session import Session

        return Session(self, **options)

    def chat(self, system: Optional[str] = None, **options: Any) -> "Chat":
        """A conversation with this model; the options are those of :class:`Session`."""
        from ._chat import Chat

        return Chat(self, system, **options)

    def __repr__(self) -> str:
        return "<ocelli.Model, context %d>" % self.context if self._handle else "<ocelli.Model, closed>"


def check_model(path: Union[str, "os.PathLike[str]"]) -> None:
    """Raises :class:`Error` unless the file is a model that can be run; no weight is read."""
    check(lib.ocelli_check_model(os.fsencode(path)))


def _token(id: int) -> Optional[int]:
    return None if id == n.NONE else int(id)


def _words(cpus: Iterable[int]) -> Any:
    """Processors as a set of bits."""
    words: Dict[int, int] = {}
    for cpu in cpus:
        if not 0 <= cpu < 64 * 128:
            raise ValueError("processor %d: from 0 to %d" % (cpu, 64 * 128 - 1))
        words[cpu // 64] = words.get(cpu // 64, 0) | 1 << cpu % 64
    if not words:
        raise ValueError("cpus names no processor")
    return (c.c_uint64 * (max(words) + 1))(*(words.get(at, 0) for at in range(max(words) + 1)))


def _listener(log: Log) -> Callable[[int, bytes, Any], None]:
    tell = log.log if isinstance(log, logging.Logger) else log

    def hear(level: int, message: bytes, _: Any) -> None:
        try:
            tell(logging.ERROR if level == 1 else logging.INFO, message.decode(errors="replace"))
        except Exception:  # there is nobody to tell
            logging.getLogger(__name__).exception("the log of Ocelli")

    return hear
