"""Sessions."""

from __future__ import annotations

import ctypes as c
from array import array
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from . import _library as n
from ._image import Image, Picture, image
from ._library import Handle, check, lib
from ._model import _STAGES, Model, session_options

_TOO_SMALL, _NOT_FOUND = 6, 22
_FINISH = {0: None, 1: "eos", 2: "length", 3: "stopped", 4: "stop-string", 5: "context"}

Progress = Callable[[str, int, int], Any]
"""Told of "encode" or "prefill", and how much of that is done, of how much. It stops the call where it returns something true."""

Listener = Callable[[str], Any]
"""Given text as it is generated. It ends the text where it returns something true, as in C."""


class Answer(NamedTuple):
    """A generated text."""

    text: str
    #: Every token, the one that ended the text included.
    tokens: List[int]
    #: The natural logarithm of each token's probability, if ``logprobs`` asked for it.
    logprobs: Optional[List[float]]
    #: "eos" if the model ended it, "length" for ``max_new_tokens``, "context" for a full context, "stop-string", or "stopped" by
    #: the listener or by leaving :meth:`Session.stream` early.
    finish: str

    def __str__(self) -> str:
        return self.text


class Step(NamedTuple):
    """One token of a text that is being generated."""

    token: int
    #: What it completes, in whole characters; perhaps nothing.
    text: str
    #: The natural logarithm of its probability, if ``logprobs`` asked for it.
    logprob: Optional[float]
    #: Why it is the last, if it is.
    finish: Optional[str]


class Score(NamedTuple):
    """How likely a text is behind a prompt."""

    #: The natural logarithm of its probability: the sum of ``logprobs``.
    sum: float
    tokens: List[int]
    #: The natural logarithm of each token's probability after all before it.
    logprobs: List[float]

    @property
    def mean(self) -> float:
        """The sum by the number of tokens."""
        return self.sum / max(len(self.tokens), 1)


class Turn(NamedTuple):
    """What somebody said."""

    role: str
    text: str
    #: How many pictures went before the text.
    images: int


class Usage(NamedTuple):
    """What a session takes, and what its last text took; see ocelli_usage."""

    context: int
    positions: int
    kept: int
    prompt: int
    reused: int
    generated: int
    encoded: int
    prepare_us: int
    encode_us: int
    prefill_us: int
    generate_us: int
    turns: int
    dropped: int


class _Generating:
    """Options of a text, and the memory that they point to."""

    def __init__(self, max_new_tokens: int, beams: int, top_k: int, temperature: float, top_p: float, min_p: float,
                 repetition_penalty: float, length_penalty: float, early_stopping: Optional[bool],
                 no_repeat_ngram: Optional[int], min_new_tokens: Optional[int], seed: int,
                 stop: Union[str, Sequence[str]], json_schema: Optional[str], grammar: Optional[str],
                 keep_special: bool, logprobs: bool, logit_bias: Mapping[int, float], forced: Sequence[int],
                 speculate: bool) -> None:
        def suggested(value: Optional[int]) -> int:
            # None is what the file suggests, 0 is none.
            return 0 if value is None else value or n.NONE

        stop = [stop] if isinstance(stop, str) else list(stop)
        self._stop = (c.c_char_p * len(stop))(*(_terminated("stop", text) for text in stop))
        self._bias = ((c.c_uint32 * len(logit_bias))(*(_token("logit_bias", id) for id in logit_bias)),
                      (c.c_float * len(logit_bias))(*logit_bias.values()))
        self._forced = (c.c_uint32 * len(forced))(*(_token("forced", id) for id in forced))
        early = 0 if early_stopping is None else (1 if early_stopping else n.NONE)
        self.logprobs = logprobs
        counts: Dict[str, int] = dict(max_new_tokens=max_new_tokens, beams=beams, top_k=top_k, seed=seed)
        for name, number in counts.items():
            if not 0 <= number < (2**64 if name == "seed" else 2**32):
                raise ValueError("%s is %d: it must not be negative, and not that large" % (name, number))
        self.options = n.GenerateOptions(
            temperature=temperature, top_p=top_p, min_p=min_p, repetition_penalty=repetition_penalty,
            length_penalty=length_penalty, early_stopping=early, no_repeat_ngram=suggested(no_repeat_ngram),
            min_new_tokens=suggested(min_new_tokens), keep_special=bool(keep_special),
            speculate=bool(speculate), stop=self._stop, stop_count=len(stop), logprobs=bool(logprobs), bias_tokens=self._bias[0], bias_values=self._bias[1],
            bias_count=len(logit_bias), forced=self._forced, forced_count=len(forced),
            json_schema=None if json_schema is None else _terminated("json_schema", json_schema),
            grammar=None if grammar is None else _terminated("grammar", grammar), **counts)


def _token(name: str, token: int) -> int:
    if not 0 <= token < 2**32:
        raise ValueError("%s has %d, which is no token" % (name, token))
    return token


def _terminated(name: str, text: str) -> bytes:
    data = text.encode()
    if b"\0" in data:
        raise ValueError("%s has a NUL character" % name)
    return data


def _generating(options: Dict[str, Any]) -> _Generating:
    defaults = dict(max_new_tokens=0, beams=0, top_k=0, temperature=0.0, top_p=0.0, min_p=0.0, repetition_penalty=0.0,
                    length_penalty=0.0, early_stopping=None, no_repeat_ngram=None, min_new_tokens=None, seed=0,
                    stop=(), json_schema=None, grammar=None, keep_special=False, logprobs=False,
                    logit_bias={}, forced=(), speculate=False)
    unknown = [name for name in options if name not in defaults]
    if unknown:
        raise TypeError("%s is no option: one of %s" % (unknown[0], ", ".join(defaults)))
    return _Generating(**{**defaults, **options})


class Session(Handle):
    """A prompt that grows: pieces are added, and what is generated behind them becomes part of it.

    ``context`` is positions of prompt, pictures and answers together, ``beams`` and ``new_tokens`` what a beam search may take,
    ``batch`` positions that are read together, ``cache`` the number format of keys and values ("f32", "f16", "q8_0"),
    ``complete`` says that texts have already all that begins and ends them, ``images`` is how many different pictures a prompt
    of Flamingo's kind may have, ``image_cache`` bytes of encoded pictures that are kept, ``budget`` the most bytes that the plan
    may need, ``frames`` the most of a video, ``parallel`` how many sessions with these very options run side by side, each on a
    thread of its own, and share what they compute at the same time. What is not given is the library's or the file's default.

    ``progress`` is told how far pictures and prompt are. A session is in one call at a time; :meth:`cancel` is for any thread.
    Ctrl-C raises KeyboardInterrupt from any call that computes.

    Options of :meth:`generate`, :meth:`stream` and :meth:`steps`, each of which may be left out:

    ``max_new_tokens``, ``beams``, ``temperature`` (0, the default, takes the likeliest token), ``top_k``, ``top_p``, ``min_p``,
    ``seed``, ``repetition_penalty``, ``length_penalty``, ``early_stopping``, ``no_repeat_ngram``, ``min_new_tokens``, ``stop`` (a text
    or several, before which the answer ends), ``json_schema`` or ``grammar`` (that the answer is held to), ``keep_special``,
    ``logprobs`` (the log-probability of each token is noted), ``logit_bias`` (numbers by token, which are added to logits;
    ``-math.inf`` takes a token out), ``forced`` (tokens that the answer begins with), and ``speculate`` (tokens that followed the
    last few before are run before they are chosen, as far as that saves time; the answer is the same).
    """

    _close = lib.ocelli_session_close

    def __init__(self, model: Model, *, context: Optional[int] = None, beams: Optional[int] = None,
                 new_tokens: Optional[int] = None, batch: Optional[int] = None, cache: Optional[str] = None,
                 complete: bool = False, images: Optional[int] = None, image_cache: Optional[int] = None,
                 budget: Optional[int] = None, frames: Optional[int] = None, parallel: Optional[int] = None,
                 progress: Optional[Progress] = None) -> None:
        options = session_options(context=context, beams=beams, new_tokens=new_tokens, batch=batch, cache=cache,
                                  complete=complete, images=images, image_cache=image_cache, budget=budget,
                                  frames=frames, parallel=parallel)
        self._prepare(model, progress)
        options.stage = self._stage
        self._open(lib.ocelli_session_open, model._handle, c.byref(options))

    def _prepare(self, model: Model, progress: Optional[Progress]) -> None:
        self.model = model
        #: The text that was generated last.
        self.answer: Optional[Answer] = None
        # What steps() is writing, to tell an old one that is left late.
        self._writing: Optional[object] = None
        raised: List[BaseException] = []
        self._raised = raised

        # Also without a listener: a signal's handler runs when Python does, so Ctrl-C is heard before each layer.
        def tell(stage: int, done: int, total: int, _: Any) -> int:
            try:
                return 1 if progress is not None and progress(_STAGES.get(stage, "other"), done, total) else 0
            except BaseException as e:  # nothing must pass through the library
                raised.append(e)
                return 1

        self._stage = n.Stage(tell)

    def _check(self, status: int) -> None:
        """Raises what a callback raised during the call, or else what the call failed with."""
        if self._raised:
            first = self._raised[0]
            self._raised.clear()
            raise first
        check(status)

    def add(self, *pieces: Union[Picture, str]) -> "Session":
        """Appends texts and pictures in order. A str is text; a picture from a file is ``Image(path)`` or a pathlib.Path. Names
        of special tokens in a text are these tokens, but <image> is text."""
        for piece in pieces:
            if isinstance(piece, str):
                data = piece.encode()
                check(lib.ocelli_session_add_text(self._handle, data, len(data)))
            else:
                shown = image(piece)  # must outlive the call
                check(lib.ocelli_session_add_image(self._handle, shown._handle))
        return self

    def add_tokens(self, tokens: Iterable[int]) -> "Session":
        """Appends token ids as they are."""
        ids = n.numbers(tokens)
        check(lib.ocelli_session_add_tokens(self._handle, ids, len(ids)))
        return self

    def add_video(self, frames: Iterable[Picture], frames_per_second: float = 1.0) -> "Session":
        """Appends pictures in the order of time, to be seen as one thing."""
        images = [image(frame) for frame in frames]
        check(lib.ocelli_session_add_video(self._handle, _handles(images), len(images), frames_per_second))
        return self

    def add_shot(self, text: str, *, question: Optional[str] = None, image: Optional[Picture] = None) -> "Session":
        """Appends a demonstration as the model's file words it: a picture, perhaps a question, and what is said of it."""
        return self._shot(text, question, image, 0)

    def add_query(self, text: str = "", *, question: Optional[str] = None, image: Optional[Picture] = None) -> "Session":
        """Appends the query behind the demonstrations, worded as they are, as far as ``text`` has its answer already."""
        return self._shot(text, question, image, 1)

    def _shot(self, text: str, question: Optional[str], picture: Optional[Picture], flags: int) -> "Session":
        shown = None if picture is None else image(picture)
        asked = None if question is None else _terminated("question", question)
        check(lib.ocelli_session_add_shot(self._handle, shown and shown._handle, asked, _terminated("text", text), flags))
        return self

    def add_turn(self, role: str, text: str, images: Iterable[Picture] = ()) -> "Session":
        """Appends a turn of a conversation; :class:`Chat` does that and asks for the answer."""
        pictures, data = [image(picture) for picture in images], text.encode()
        check(lib.ocelli_session_add_turn(self._handle, _terminated("role", role), _handles(pictures), len(pictures),
                                          data, len(data)))
        return self

    def generate(self, listen: Optional[Listener] = None, **options: Any) -> Answer:
        """Generates a text behind the prompt, of which it becomes part. ``listen`` is given it as it comes and ends it by
        returning something true."""
        wanted, finish, raised = _generating(options), c.c_int32(), self._raised

        def hear(piece: Any, size: int, _: Any) -> int:
            try:
                return 1 if listen is not None and listen(c.string_at(piece, size).decode(errors="replace")) else 0
            except BaseException as e:  # nothing must pass through the library
                raised.append(e)
                return 1

        self.answer = self._writing = None
        self._check(lib.ocelli_session_generate(
            self._handle, c.byref(wanted.options), n.Piece(hear), None, c.byref(finish)))
        return self._answered(wanted.logprobs, _FINISH.get(finish.value) or "stopped")

    def steps(self, **options: Any) -> Iterator[Step]:
        """Generates a text token by token. Leaving the loop ends the text there; it is part of the prompt in any case."""
        wanted = _generating(options)
        self.answer, self._writing = None, wanted
        self._check(lib.ocelli_session_start(self._handle, c.byref(wanted.options)))
        room, token, needed, finish = c.create_string_buffer(256), c.c_uint32(), c.c_size_t(), c.c_int32()
        name: Optional[str] = None
        try:
            while name is None:
                arguments = [self._handle, c.byref(token)]
                rest = [c.byref(needed), c.byref(finish)]
                status = lib.ocelli_session_next(*arguments, room, len(room), *rest)
                if status == _TOO_SMALL:  # it did not fit, and is given again
                    room = c.create_string_buffer(needed.value)
                    status = lib.ocelli_session_next(*arguments, room, len(room), *rest)
                self._check(status)
                name = _FINISH.get(finish.value)
                logprob = self._logprobs()[1][-1] if wanted.logprobs else None
                yield Step(token.value, room.raw[:needed.value - 1].decode(errors="replace"), logprob, name)
        finally:
            if self._writing is wanted and (name is not None or not isinstance(_active(), n.Error)):
                self._settle(wanted.logprobs, name or "stopped")

    def stream(self, **options: Any) -> Iterator[str]:
        """Generates a text and gives it piece by piece; :attr:`answer` is the whole behind it."""
        steps = self.steps(**options)
        try:
            for step in steps:
                if step.text:
                    yield step.text
        finally:
            steps.close()  # type: ignore[attr-defined]

    def _settle(self, logprobs: bool, finish: str) -> None:
        if self._handle:
            self.usage()  # ends a text that is being written
            self.answer = self._answered(logprobs, finish)

    def _answered(self, logprobs: bool, finish: str) -> Answer:
        needed, count = c.c_size_t(), c.c_size_t()
        check(lib.ocelli_session_answer(self._handle, None, 0, c.byref(needed), None, 0, c.byref(count)))
        text, tokens = c.create_string_buffer(needed.value), (c.c_uint32 * count.value)()
        check(lib.ocelli_session_answer(self._handle, text, needed, None, tokens, count, None))
        noted = list(self._logprobs()[1]) if logprobs else None
        self.answer = Answer(text.raw[:needed.value - 1].decode(errors="replace"), list(tokens), noted, finish)
        return self.answer

    def _logprobs(self) -> Tuple[Any, Any]:
        needed = c.c_size_t()
        check(lib.ocelli_session_logprobs(self._handle, None, None, 0, c.byref(needed)))
        tokens, values = (c.c_uint32 * needed.value)(), (c.c_float * needed.value)()
        check(lib.ocelli_session_logprobs(self._handle, tokens, values, needed.value, None))
        return tokens, values

    def score(self, texts: Iterable[str]) -> List[Score]:
        """How likely each text is behind the prompt, which stays as it is and is read once."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        sums, lengths = (c.c_double * len(texts))(), (c.c_uint32 * len(texts))()
        data = (c.c_char_p * len(texts))(*(_terminated("a text", text) for text in texts))
        self._check(lib.ocelli_session_score(self._handle, data, len(texts), sums, lengths))
        tokens, values = self._logprobs()
        scores, at = [], 0
        for total, length in zip(sums, lengths):
            scores.append(Score(total, list(tokens[at:at + length]), list(values[at:at + length])))
            at += length
        return scores

    def embed(self, picture: Picture) -> "array[float]":
        """What the tower makes of a picture, of length one: the dot product of two is how alike the pictures are."""
        return self._embedded(picture, 0)

    def rows(self, picture: Picture) -> "memoryview":
        """What a picture becomes for the language model, as rows x width; ``numpy.asarray`` takes it as it is."""
        numbers, width = self._embedded(picture, 1), self.model.embedding_width
        shape = [len(numbers) // width, width] if len(numbers) % width == 0 else [1, len(numbers)]
        return memoryview(numbers.tobytes()).cast("f", shape)

    def match(self, picture: Picture, text: str) -> float:
        """The probability that a picture and a text belong together, where :attr:`Model.matches`."""
        shown, data, score = image(picture), text.encode(), c.c_float()
        self._check(lib.ocelli_session_match(self._handle, shown._handle, data, len(data), c.byref(score)))
        return float(score.value)

    def compared(self, picture: Picture, raw: bool = False) -> "memoryview":
        """What a picture is compared with texts by, a row a query; of length one unless ``raw``."""
        numbers, rows = self._embedded(picture, 3 if raw else 2), self.model.image_positions
        return memoryview(numbers.tobytes()).cast("f", [rows, len(numbers) // rows])

    def compared_text(self, raw: bool = False) -> "array[float]":
        """What the prompt, which is a text, is compared with pictures by; the greatest product with a picture's rows is
        their cosine. Of length one unless ``raw``."""
        return self._embedded(None, 5 if raw else 4)

    def _embedded(self, picture: Optional[Picture], kind: int) -> "array[float]":
        shown, needed = None if picture is None else image(picture), c.c_size_t()
        handle = None if shown is None else shown._handle
        # Asking for the size alone would compute it all.
        room = max(1 << 16, self.model.image_positions * self.model.embedding_width)
        while True:
            numbers = array("f", bytes(4 * room))
            status = lib.ocelli_session_embed(
                self._handle, handle, kind, numbers.buffer_info()[0], room, c.byref(needed))
            if status != _TOO_SMALL:
                self._check(status)
                return numbers[:needed.value]
            room = needed.value

    def save(self) -> bytes:
        """The session's state, for :meth:`restore` here or in another process."""
        needed = c.c_size_t()
        check(lib.ocelli_session_save(self._handle, None, 0, c.byref(needed)))
        buffer = c.create_string_buffer(needed.value)
        check(lib.ocelli_session_save(self._handle, buffer, needed.value, None))
        return buffer.raw

    def restore(self, state: Any) -> None:
        """Goes on from a saved state of the same model."""
        data = bytes(state)
        check(lib.ocelli_session_restore(self._handle, data, len(data)))
        self.answer = self._writing = None

    def fork(self) -> "Session":
        """Another session that goes on from where this one is."""
        fork = Session.__new__(Session)
        fork.model, fork.answer, fork._raised, fork._stage = self.model, self.answer, self._raised, self._stage
        fork._writing = None
        fork._open(lib.ocelli_session_fork, self._handle)
        return fork

    def clear(self) -> None:
        """Empties the prompt; encoded pictures are still known."""
        check(lib.ocelli_session_clear(self._handle))
        self.answer = self._writing = None

    def cancel(self) -> None:
        """Gives up the call that computes, or the next one: it raises :class:`Cancelled`. For any thread."""
        check(lib.ocelli_session_cancel(self._handle))

    def usage(self) -> Usage:
        """What the session takes, and what its last text took."""
        usage = n.Usage()
        check(lib.ocelli_session_usage(self._handle, c.byref(usage)))
        return Usage(*(getattr(usage, name) for name in Usage._fields))

    def turns(self) -> List[Turn]:
        """What was said, where the prompt is a conversation."""
        turns: List[Turn] = []
        while True:
            role, text, images = c.c_size_t(), c.c_size_t(), c.c_size_t()
            index = len(turns)
            status = lib.ocelli_session_turn(self._handle, index, None, 0, c.byref(role), None, 0, c.byref(text),
                                             c.byref(images))
            if status == _NOT_FOUND:
                return turns
            check(status)
            names, said = c.create_string_buffer(role.value), c.create_string_buffer(text.value)
            check(lib.ocelli_session_turn(self._handle, index, names, role, None, said, text, None, None))
            turns.append(Turn(names.raw[:-1].decode(), said.raw[:-1].decode(), images.value))

    def take_turn_back(self) -> None:
        """Takes the newest turn away."""
        check(lib.ocelli_session_take_turn_back(self._handle))


def _handles(images: Sequence[Image]) -> Any:
    return (c.c_void_p * len(images))(*(shown._handle.value if shown._handle else None for shown in images))


def _active() -> Optional[BaseException]:
    """The exception that is on its way."""
    import sys

    return sys.exc_info()[1]
