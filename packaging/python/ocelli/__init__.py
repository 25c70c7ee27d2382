"""Ocelli: inference for multimodal language models from one GGUF file.

    import ocelli

    with ocelli.Model("blip2.gguf") as model, model.session() as session:
        session.add(ocelli.Image("cat.jpg"), "Question: what is it? Answer:")
        print(session.generate())

    with ocelli.Model("chat.gguf") as model, model.chat(system="Answer in one sentence.") as chat:
        for piece in chat.stream("What is an ocellus?"):
            print(piece, end="", flush=True)
"""

from ._chat import Chat
from ._image import Image, Picture
from ._library import Cancelled, ContextFull, Error, OverBudget, lib as _lib
from ._model import Memory, Model, Token, check_model, plan
from ._session import Answer, Score, Session, Step, Turn, Usage

__version__: str = _lib.ocelli_version().decode()

__all__ = [
    "Answer", "Cancelled", "Chat", "ContextFull", "Error", "Image", "Memory", "Model", "OverBudget", "Picture", "Score",
    "Session", "Step", "Token", "Turn", "Usage", "check_model", "plan",
]
