"""Conversations."""

from __future__ import annotations

from typing import Any, Iterator, List, Optional

from ._image import Picture
from ._model import Model
from ._session import Answer, Listener, Session, Turn


class Chat:
    """A conversation by the chat template of the model's file; the options are those of :class:`Session`.

    All that is said is text: neither names of special tokens nor <image> are read in it. Where the context is full the oldest
    turns are dropped, and :attr:`dropped` tells how many. What fails or is cancelled leaves no trace in the conversation.
    """

    def __init__(self, model: Model, system: Optional[str] = None, **options: Any) -> None:
        self.system = system
        #: The session underneath, for usage, scores, saving and what else it can.
        self.session = Session(model, **options)
        try:
            self._begin()
        except BaseException:
            self.session.close()
            raise

    def _begin(self) -> None:
        if self.system is not None:
            self.session.add_turn("system", self.system)

    def ask(self, text: str, *images: Picture, listen: Optional[Listener] = None, **options: Any) -> Answer:
        """Says something, pictures first, and gives the answer. The options are those of :meth:`Session.generate`."""
        self.session.add_turn("user", text, images)
        try:
            return self.session.generate(listen, **options)
        except BaseException:
            self._take_back()
            raise

    def stream(self, text: str, *images: Picture, **options: Any) -> Iterator[str]:
        """As :meth:`ask`, piece by piece; :attr:`answer` is the whole behind it. Leaving the loop ends the answer there."""
        self.session.add_turn("user", text, images)
        try:
            yield from self.session.stream(**options)
        except Exception:
            self._take_back()
            raise

    def _take_back(self) -> None:
        """Takes away what was asked, and the beginning of an answer that a listener has broken off by an exception."""
        if self.session._handle:
            self.undo()

    @property
    def answer(self) -> Optional[Answer]:
        """The last answer."""
        return self.session.answer

    @property
    def turns(self) -> List[Turn]:
        """What was said."""
        return self.session.turns()

    @property
    def dropped(self) -> int:
        """Turns that were dropped for the last answer, since the context had no room."""
        return self.session.usage().dropped

    def undo(self) -> None:
        """Takes the last question and its answer away."""
        turns = self.turns
        while turns and turns[-1].role != "system":
            self.session.take_turn_back()
            if turns.pop().role == "user":
                break

    def reset(self) -> None:
        """Begins anew, with the same system text."""
        self.session.clear()
        self._begin()

    def save(self) -> bytes:
        """The conversation, for :meth:`restore`."""
        return self.session.save()

    def restore(self, state: Any) -> None:
        """Goes on from a saved conversation."""
        self.session.restore(state)

    def cancel(self) -> None:
        """As :meth:`Session.cancel`."""
        self.session.cancel()

    def close(self) -> None:
        """Closes the session."""
        self.session.close()

    def __enter__(self) -> "Chat":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
