"""Makes published.json: what Jinja2 makes of published templates with twelve conversations, as digests.

Made with transformers 4.57.6 and Jinja2 3.1.6 on Python 3.11, of llama.cpp's models/ as in the sources of
llama-cpp-python 0.3.36. The templates themselves are not kept: the test reads them where OCELLI_MATERIALS says.

    python engine/tests/templates/published.py MODELS > engine/tests/templates/published.json

MODELS has templates/*.jinja, and ggml-vocab-*.gguf, of which some hold a template (read with the gguf package).
"""

import copy
import datetime
import json
import pathlib
import sys

from gguf import GGUFReader
from transformers.utils import chat_template_utils


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 30, 12, 0, 0, 123456)


chat_template_utils.datetime = Clock

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)[:1]}
    return {"type": "function", "function": {"name": name, "description": f"Does {name} \"well\" & <fast>", "parameters": parameters}}


TOOLS = [tool("get_weather", city={"type": "string", "description": "Where, e.g. 'Zürich'"}, days={"type": "integer", "enum": [1, 2]}), tool("now")]


def said(role, content, **more):
    return {"role": role, "content": content, **more}


def called(name, arguments, id="abcdefghi"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def texts(*parts):
    return [{"type": "image"} if part is None else {"type": "text", "text": part} for part in parts]


CALLS = [
    said("user", "Weather?"), said("assistant", "", tool_calls=[called("get_weather", {"city": "Zürich", "days": 2})]),
    said("tool", '{"t": 3.5}', name="get_weather", tool_call_id="abcdefghi"), said("assistant", "Cold: 3.5 °C."), said("user", "Thanks"),
]
CONVERSATIONS = {
    "one": {"messages": [said("user", "Hello")]},
    "no prompt": {"messages": [said("user", "Hello"), said("assistant", "Hi!")], "add_generation_prompt": False},
    "system": {"messages": [said("system", "Be \"kind\"."), said("user", "  Who's there?\n")]},
    "long": {"messages": [said("system", "S")] + [said(role, f"{role} {n}\n\n日本 😀") for n in range(8) for role in ("user", "assistant")] + [said("user", "last")]},
    "empty": {"messages": [said("user", ""), said("assistant", ""), said("user", "x")]},
    "tools": {"messages": [said("system", "Use them."), said("user", "Weather?")], "tools": TOOLS},
    "calls": {"messages": CALLS, "tools": TOOLS},
    "calls as texts": {"messages": [CALLS[0], said("assistant", None, tool_calls=[called("now", "{}"), called("get_weather", '{"city": "Bern"}', "ihgfedcba")])] + [said("tool", "noon", tool_call_id="abcdefghi")], "tools": TOOLS},
    "picture": {"messages": [said("user", texts(None, "What's in it?"))]},
    "pictures": {"messages": [said("system", texts("Look.")), said("user", texts("First", None, "second", None)), said("assistant", texts("Two cats.")), said("user", texts("Sure?"))]},
    "thinking": {"messages": [said("user", "2+2?"), said("assistant", "<think>\neasy\n</think>\n\n4", reasoning_content="easy"), said("user", "3+3?")], "enable_thinking": False},
    "prefill": {"messages": [said("user", "A poem"), said("assistant", "Roses are\n")], "add_generation_prompt": False, "documents": [{"title": "T", "text": "D"}]},
}


def sources(models):
    for path in sorted((models / "templates").glob("*.jinja")):
        yield path.name, path.read_text()
    for path in sorted(models.glob("ggml-vocab-*.gguf")):
        field = GGUFReader(path).get_field("tokenizer.chat_template")
        if field is not None:
            yield path.name, field.contents()


def digest(text):
    """FNV-1a of 64 bits."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def rendered(source, conversation):
    context = {"tools": None, "documents": None, "add_generation_prompt": True, **SPECIAL, **copy.deepcopy(conversation)}
    try:
        text = chat_template_utils._compile_jinja_template(source).render(**context)
        if " at 0x" in text:
            return None
        return digest(text) if "texts" not in sys.argv else text
    except Exception as error:
        return None if "texts" not in sys.argv else {"error": f"{type(error).__name__}: {error}"[:200]}


out = {name: {label: rendered(source, conversation) for label, conversation in CONVERSATIONS.items()} for name, source in sources(pathlib.Path(sys.argv[1]))}
print(json.dumps({"special": SPECIAL, "conversations": CONVERSATIONS, "digests": out}, ensure_ascii=False, indent=1))
