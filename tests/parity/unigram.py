#!/usr/bin/env python3
"""Unigram tokenizers against the sentencepiece library and transformers' fast tokenizers.

  unigram.py OUT                       writes the golden unigram.json
  unigram.py check OCELLI MODEL        encodes 10,000 made-up lines with a program and a SentencePiece model, and says how
                                       many have other ids than the library gives (with tokens such as <extra_id_0> in
                                       between for a model of T5: how many differ from T5TokenizerFast, besides)
  unigram.py speed OCELLI MODEL        tokens a second on a long text, the program's beside the library's

The golden's vocabularies are trained here, by sentencepiece with rules of this script's own. Where sentencepiece and the
`tokenizers` library differ, sentencepiece is followed: with several equally good cuts, as runs of one mark have them, and
where a decomposed character is replaced, which `tokenizers` does by whole clusters.

Made with sentencepiece 0.2.3, tokenizers 0.22.2, transformers 4.57.6.
"""
import base64
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

SPECIAL = ["</s>", "<pad>", "<unk>", "<extra_id_0>", "<extra_id_1>", "<extra_id_99>"]

LINE = "<the end of a line>"

WORDS = """a photo of two cats The quick brown fox jumps over lazy dog Question Answer: What is in this picture? internationalization
antidisestablishmentarianism it's don't we've 3.14159 1,234,567 $99.95 50% e.g. i.e. U.S.A. http://example.org/path?query=1&b=2
name@example.com C++ #tag @user Größe straße naïve façade déjà vu Привет как дела фотография кошки 你好世界 这是一张猫的照片 こんにちは
カタカナ 안녕하세요 세계 שלום עולם مرحبا بالعالم नमस्ते दुनिया สวัสดีชาวโลก Γειά σου Κόσμε Xin chào thế giới ଓଡ଼ିଆ தமிழ் ქართული հայերեն
አማርኛ မြန်မာ ខ្មែរ བོད་སྐད ᏣᎳᎩ ᚠᚢᚦ""".split()

# One of these lists of ranges a word: letters of many scripts, marks, and what maps of characters are about.
RANGES = [
    [(0x41, 0x5A), (0x61, 0x7A)], [(0x21, 0x7E)], [(0xC0, 0x17F)], [(0x370, 0x3FF)], [(0x400, 0x4FF)], [(0x531, 0x587)],
    [(0x5D0, 0x5EA), (0x5B0, 0x5C2)], [(0x621, 0x652)], [(0x904, 0x94D)], [(0x985, 0x9CD)], [(0xB85, 0xBCD)],
    [(0xE01, 0xE4E)], [(0x10A0, 0x10FF)], [(0x1100, 0x1112), (0x1161, 0x1175), (0x11A8, 0x11C2)], [(0xAC00, 0xD7A3)],
    [(0x3041, 0x3096), (0x3099, 0x309C)], [(0x30A1, 0x30FA)], [(0x4E00, 0x9FFF)], [(0xFF01, 0xFF5E)], [(0xFF61, 0xFFDC)],
    [(0xFB00, 0xFB06), (0xFB13, 0xFB4F)], [(0xFB50, 0xFDFF)], [(0x2460, 0x24FF)], [(0x2150, 0x218B)],
    [(0x2070, 0x209C)], [(0x3300, 0x33FF)], [(0x1D400, 0x1D7FF)], [(0x1F300, 0x1FAFF)], [(0x20000, 0x2A6DF)],
    [(0x1E00, 0x1EFF)], [(0xF900, 0xFAFF)], [(0x2000, 0x206F)], [(0x2100, 0x214F)], [(0xE000, 0xF8FF)],
]
MARKS = [(0x300, 0x36F), (0x1AB0, 0x1ABE), (0x3099, 0x309A), (0x93C, 0x94D), (0x591, 0x5AF), (0x64B, 0x655)]
BLANKS = [" "] * 30 + ["  ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\u200d", "\u2028", "\u0085",
                       "\u1680", "\ufeff", "\u2581", " \u2581", "\x0b", "\x0c", "\u202f", "\u2060"]
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☺", "🤷🏿‍♀️"]


def one(rnd, ranges):
    low, high = rnd.choice(ranges)
    return chr(rnd.randrange(low, high + 1))


def word(rnd):
    kind = rnd.random()
    if kind < 0.45:
        return rnd.choice(WORDS)
    if kind < 0.75:
        ranges = rnd.choice(RANGES)
        return "".join(one(rnd, ranges) for _ in range(rnd.randrange(1, 9)))
    if kind < 0.83:
        base = rnd.choice(WORDS)
        return "".join(c + (one(rnd, MARKS) if rnd.random() < 0.4 else "") for c in base)
    if kind < 0.87:
        return rnd.choice(EMOJI) * rnd.randrange(1, 3)
    if kind < 0.90:
        return chr(rnd.choice([*range(1, 0x20), *range(0x7F, 0xA0)])) + rnd.choice(WORDS)
    if kind < 0.93:
        return "".join(rnd.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rnd.randrange(20, 200)))
    if kind < 0.95:
        return rnd.choice([".", "-", "=", "ab", "!?", "_", "0", "x", "\u2026", "한", "ｱ"]) * rnd.randrange(2, 60)
    if kind < 0.98:
        import unicodedata
        return unicodedata.normalize("NFD", rnd.choice(WORDS))
    while True:
        point = rnd.randrange(1, 0x110000)
        if not 0xD800 <= point < 0xE000:
            return chr(point)


def lines(seed, count, special=()):
    """Made-up lines; with `special` tokens, such inside of them."""
    rnd = random.Random(seed)
    out = ["", " ", "  \t ", "\u2581", "\x01", " \x01 "]
    while len(out) < count:
        text = rnd.choice(["", "", "", " ", "  ", "\n"])
        for _ in range(rnd.randrange(1, 14)):
            text += word(rnd) + (rnd.choice(BLANKS) if rnd.random() < 0.8 else "")
            if special and rnd.random() < 0.3:
                text += rnd.choice(["", " ", "  "]) + rnd.choice(special) + rnd.choice(["", " ", "\n"])
        out.append(text)
    return out


def proto_of(path):
    with open(path, "rb") as file:
        return sentencepiece_model_pb2.ModelProto.FromString(file.read())


def write_keys(path, keys):
    """A GGUF file of keys alone: their names, types and values."""
    text = lambda s: struct.pack("<Q", len(s.encode())) + s.encode()
    number = lambda form: lambda value: struct.pack(form, value)
    types = {"u8": (0, number("<B")), "u32": (4, number("<I")), "i32": (5, number("<i")), "f32": (6, number("<f")),
             "bool": (7, number("<?")), "str": (8, text)}
    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys))
    for key, kind, value in keys:
        name, write = types[kind.strip("[]")]
        if kind.startswith("["):
            out += text(key) + struct.pack("<IIQ", 9, name, len(value)) + b"".join(map(write, value))
        else:
            out += text(key) + struct.pack("<I", name) + write(value)
    with open(path, "wb") as file:
        file.write(out)


def write_gguf(path, proto, extra_ids):
    """A vocabulary as llama.cpp's converter writes it for T5, and nothing else."""
    tokens = [(p.piece, p.score, p.type) for p in proto.pieces]
    tokens += [(f"<extra_id_{i}>", 0.0, 3) for i in range(extra_ids - 1, -1, -1)] + [(LINE, 0.0, 3)]
    spec, trainer = proto.normalizer_spec, proto.trainer_spec
    keys = [
        ("general.architecture", "str", "t5"),
        ("tokenizer.ggml.model", "str", "t5"),
        ("tokenizer.ggml.pre", "str", "default"),
        ("tokenizer.ggml.tokens", "[str]", [t for t, _, _ in tokens]),
        ("tokenizer.ggml.scores", "[f32]", [s for _, s, _ in tokens]),
        ("tokenizer.ggml.token_type", "[i32]", [t for _, _, t in tokens]),
        ("tokenizer.ggml.add_space_prefix", "bool", spec.add_dummy_prefix),
        ("tokenizer.ggml.remove_extra_whitespaces", "bool", spec.remove_extra_whitespaces),
        ("tokenizer.ggml.add_bos_token", "bool", False),
        ("tokenizer.ggml.add_eos_token", "bool", False),
    ]
    if spec.precompiled_charsmap:
        keys.append(("tokenizer.ggml.precompiled_charsmap", "[u8]", spec.precompiled_charsmap))
    named = [("eos", trainer.eos_id), ("unknown", trainer.unk_id), ("padding", trainer.pad_id), ("bos", trainer.bos_id)]
    keys += [(f"tokenizer.ggml.{key}_token_id", "u32", number) for key, number in named if number >= 0]
    write_keys(path, keys)


def run(ocelli, gguf, texts, line):
    """Ids of each text by the program, which gets them all at once with a token between them that ends a text."""
    command = [ocelli, "tokenize", "-m", gguf, "--ids", "--no-special", "-"]
    done = subprocess.run(command, input=LINE.join(texts).encode() + b"\n", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    out = [[]]
    for i in map(int, done.stdout.split()):
        if i == line:
            out.append([])
        else:
            out[-1].append(i)
    assert len(out) == len(texts), (len(out), len(texts))
    return out


def segmented(library, specials, text):
    """Ids of a text with special tokens: the library's between them."""
    out, rest = [], text
    while rest:
        found = [(rest.find(t), -len(t), t) for t in specials if t in rest]
        at, _, token = min(found, default=(len(rest), 0, ""))
        out += library.encode(rest[:at])
        rest = rest[at + len(token):]
        if token:
            out.append(specials[token])
    return out


def check(ocelli, model):
    proto = proto_of(model)
    library = sentencepiece.SentencePieceProcessor(model_file=model)
    t5 = proto.pieces[0].piece == "<pad>"
    extra = 100 if t5 else 0
    with tempfile.TemporaryDirectory() as tmp:
        gguf = os.path.join(tmp, "vocabulary.gguf")
        write_gguf(gguf, proto, extra)
        ids = {t: library.piece_to_id(t) for t in SPECIAL[:3]}
        ids = {t: i for t, i in ids.items() if library.id_to_piece(i) == t}
        if t5:
            ids.update({f"<extra_id_{i}>": library.get_piece_size() + 99 - i for i in (0, 1, 99)})
        plain = lines(7, 8000)
        mixed = lines(8, 2000, list(ids))
        expected = [library.encode(t) for t in plain] + [segmented(library, ids, t) for t in mixed]
        got = run(ocelli, gguf, plain + mixed, len(proto.pieces) + extra)
        wrong = [(t, e, g) for t, e, g in zip(plain + mixed, expected, got) if e != g]
        print(f"{model}: {len(got)} lines, {sum(map(len, expected))} tokens, {len(wrong)} lines differ from sentencepiece {sentencepiece.__version__}")
        for text, want, have in wrong[:8]:
            print(f"  {text!r}\n    expected {want}\n    got      {have}")
        if t5:
            from transformers import T5TokenizerFast
            fast = T5TokenizerFast(vocab_file=model, add_prefix_space=True)
            differ = [(t, f, g) for t, g in zip(plain + mixed, got) if (f := fast(t, add_special_tokens=False).input_ids) != g]
            own = sum(1 for t, e in zip(plain + mixed, expected) if fast(t, add_special_tokens=False).input_ids != e)
            print(f"  {len(differ)} lines differ from T5TokenizerFast, from which sentencepiece differs on {own}")
            for text, want, have in [d for d in differ if any(s in d[0] for s in ids)][:8]:
                print(f"  {text!r}\n    fast     {want}\n    got      {have}")
    return not wrong


def speed(ocelli, model):
    proto = proto_of(model)
    library = sentencepiece.SentencePieceProcessor(model_file=model)
    rnd = random.Random(9)
    text = " ".join(rnd.choice(WORDS) for _ in range(800_000))
    with tempfile.TemporaryDirectory() as tmp:
        gguf, file = os.path.join(tmp, "vocabulary.gguf"), os.path.join(tmp, "text")
        write_gguf(gguf, proto, 0)
        with open(file, "w") as out:
            out.write(text)

        def timed(path):
            start = time.perf_counter()
            with open(path) as given:
                done = subprocess.run([ocelli, "tokenize", "-m", gguf, "--ids", "--no-special", "-"], stdin=given, capture_output=True, check=True)
            return time.perf_counter() - start, len(done.stdout.split())
        with open(os.path.join(tmp, "empty"), "w") as out:
            out.write("a")
        none = min(timed(out.name)[0] for _ in range(3))
        (whole, count) = min(timed(file) for _ in range(3))
    best = None
    for _ in range(3):
        start = time.perf_counter()
        theirs = len(library.encode(text))
        best = min(best or 1e9, time.perf_counter() - start)
    print(f"{len(text.encode())} bytes, {count} tokens ({theirs}): {count / (whole - none):.0f} tokens/s, sentencepiece {theirs / best:.0f}; loading {none * 1e3:.0f} ms")


CORPUS = """a photo of a cat sitting on the table next to the window
what is this? there are three people and two dogs. word sep end
The quick brown fox jumps over the lazy dog, and it's gone; they're not there, we've seen it
In 2023 there were 1234567 of them, or 3.14159 each (about 50%).
Größe, straße, naïve, façade: déjà vu. Привет, как дела? 한국 하나
你好，世界。 こんにちは世界。 a figure, an office ... and more ...
two photos of two cats, answering questions: what is the answer?
"""

# The map of characters, as code points: what is written as what.
RULES = {
    **{chr(c): " " for c in (0x9, 0xA, 0xD, 0xA0, 0x2003, 0x200B, 0x2581, 0x3000)},
    **{chr(c): "" for c in [*range(1, 9), 0x7F, 0xAD]},
    **{chr(c): chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F)},
    "ﬁ": "fi", "ﬃ": "ffi", "…": "...", "½": "1/2", "ß": "ss", ":)": "☺", ":-)": "☺", "\ufdfa": "a b", "¨": " \u0308",
    "e\u0301": "é", "e\u0301\u0308": "eé", "a\u0308": "ä", "o\u0308": "ö", "ᄒ\u1161\u11ab": "한", "ᄒ\u1161": "하",
}

# Pieces of texts: words, blanks, what the map knows and nearly knows, tokens and symbols and what is nearly one.
FRAGMENTS = [
    "what", " what", "is", " this", "a", " cat", "photo", "a photo", " the", " two", "word", "words", "2023", "12", ".", ", ",
    " ", " ", "  ", "   ", "\n", "\t", "\r\n", " \n ", "\u00a0", "\u2003", "\u200b", "\u3000", "\u2581", "\u2581what", " \u2581",
    "\u2581\u2581", "\x01", "\x7f", "\u00ad", "\u0085", "\x0b", "ﬁgure", "oﬃce", "…", "½", "ß", "ẞ", ":)", ":-)", ":-", ":",
    "\ufdfa", "¨", "e\u0301", "e\u0301\u0308", "e\u0308", "a\u0308", "ᄒ\u1161\u11ab", "ᄒ\u1161", "ᄒ", "ｗｈａｔ", "！", "ﾜ", "日本", "你好",
    "👍", "👍🏽", "\U0010ffff", "Ö", "é", "'s", "xy", "xyz", " xy", "yx", "<sep>", " <sep> ", "<sep", "sep>", "＜ｓｅｐ＞",
    "<extra_id_0>", " <extra_id_0> ", "<extra_id_1>", "<extra_id_9>\n", "<extra_id_10>", "</s>", " </s> ", "<pad>", "<unk>", "＜／ｓ＞",
    "<0x41>", "<new>", " <new> ", "Größe", "Привет", "한국", "世界。",
]


# Of these the two libraries do not make the same: a map that goes over whole characters, special tokens that a map makes,
# white space that a map leaves, and a line break of two characters, which is one to `tokenizers`.
SENTENCEPIECE = {"\r\n", ":)", ":-)", "e\u0301\u0308", "ᄒ\u1161\u11ab", "ᄒ\u1161", "ᄒ", "＜／ｓ＞", "\x0b", "\u0085"}


def texts(fragments):
    rnd = random.Random(3)
    out = ["", " ", "  ", "\u2581", "\x01", " \x01 ", "a", " a", "a ", "\u2581a\u2581"]
    while len(out) < 300:
        out.append("".join(rnd.choice(fragments) for _ in range(rnd.randrange(1, 10))))
    return out


def fnv(ids):
    h = 0x811C9DC5
    for i in ids:
        for byte in int(i).to_bytes(4, "little"):
            h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def train(rules, size=330, **more):
    out = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        points = lambda text: " ".join(f"{ord(c):X}" for c in text)
        file.write("".join(f"{points(a)}\t{points(b)}\n" for a, b in sorted(RULES.items())))
        file.flush()
        how = {"normalization_rule_tsv": file.name} if rules else {"normalization_rule_name": "identity"}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS.strip().split("\n") * 3), model_writer=out, vocab_size=size, model_type="unigram",
            hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2, num_threads=1, **how, **more)
    proto = sentencepiece_model_pb2.ModelProto.FromString(out.getvalue())
    # No names of files, and no rules but the compiled ones.
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    proto.normalizer_spec.ClearField("name")
    proto.trainer_spec.ClearField("input")
    proto.ClearField("denormalizer_spec")
    return proto.SerializeToString()


def files_of(tokenizer):
    file = json.loads(tokenizer.to_str())
    # The golden holds the list once.
    vocab = file["model"].pop("vocab")
    return file, vocab


def main(out):
    import copy
    import tokenizers
    from tokenizers import AddedToken, Tokenizer
    from transformers import T5Tokenizer, T5TokenizerFast
    models = {
        "rules": train(True),
        "symbols": train(True, 560, user_defined_symbols=["<sep>", "\u2581\u2581", "a photo", "xy", "xyz"], byte_fallback=True),
        "plain": train(False, remove_extra_whitespaces=False),
        "bare": train(True, add_dummy_prefix=False),
    }
    given = texts(FRAGMENTS)
    common = texts([f for f in FRAGMENTS if f not in SENTENCEPIECE])
    golden = {"texts": given, "common": common, "models": {n: base64.b64encode(m).decode() for n, m in models.items()}, "library": {}, "slow": {}, "fast": {}}
    for name, model in models.items():
        library = sentencepiece.SentencePieceProcessor(model_proto=model)
        golden["library"][name] = [fnv(library.encode(t)) for t in given]
        golden.setdefault("pieces", {})[name] = library.get_piece_size()
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "spiece.model")
        with open(path, "wb") as file:
            file.write(models["rules"])
        slow = T5Tokenizer(path, extra_ids=10, legacy=True)
        # It adds no second end; its fast form does, which is followed.
        ended = lambda tokenizer, text: tokenizer(text, add_special_tokens=False).input_ids + [1]
        golden["slow"]["legacy"] = {"config": {"tokenizer_class": "T5Tokenizer", "extra_ids": 10, "legacy": True},
                                    "ids": [fnv(ended(slow, t)) for t in common]}
        cases = {}
        late = T5TokenizerFast(path, extra_ids=10, add_prefix_space=True)
        cases["stripped"] = late._tokenizer.to_str()
        first = T5TokenizerFast(path, extra_ids=10, add_prefix_space=True, legacy=False)
        cases["first"] = first._tokenizer.to_str()
        golden["slow"]["first"] = {"config": {"tokenizer_class": "T5Tokenizer", "extra_ids": 10, "legacy": False},
                                   "ids": [fnv(first(t).input_ids) for t in common]}
        base = json.loads(cases["stripped"])
        steps = base["normalizer"]["normalizers"]
        precompiled = next(s for s in steps if s["type"] == "Precompiled")
        replace = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
        meta = {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True}

        def case(name, **changes):
            file = copy.deepcopy(base)
            file.update(changes)
            cases[name] = json.dumps(file)
        splits = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, meta]}
        case("split", normalizer=precompiled, pre_tokenizer=splits)
        case("kept", normalizer={"type": "Sequence", "normalizers": [precompiled, replace]}, pre_tokenizer=meta)
        case("every", normalizer=precompiled, pre_tokenizer=dict(meta, prepend_scheme="always", split=True))
        case("never", pre_tokenizer=dict(base["pre_tokenizer"], prepend_scheme="never"))
        more = base["added_tokens"] + [
            {"id": 340, "content": "<new>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False},
            {"id": 341, "content": "xy", "single_word": True, "lstrip": True, "rstrip": False, "normalized": False, "special": False},
        ]
        last = len(base["model"]["vocab"])
        more = base["added_tokens"] + [dict(t, id=last + n) for n, t in enumerate(more[-2:])]
        case("added", added_tokens=more)
        case("added_split", added_tokens=more, normalizer=precompiled, pre_tokenizer=splits)
        for name, text in cases.items():
            fast = Tokenizer.from_str(text)
            file, vocab = files_of(fast)
            golden.setdefault("vocab", vocab)
            assert golden["vocab"] == vocab, name
            golden["fast"][name] = {"tokenizer.json": file, "ids": [fnv(fast.encode(t).ids) for t in common]}
        library = sentencepiece.SentencePieceProcessor(model_proto=models["rules"])
        for name in ("stripped", "split"):
            fast = Tokenizer.from_str(cases[name])
            differ = [t for t in common if ended(slow, t) != fast.encode(t).ids]
            print(name, "differs from T5Tokenizer on", len(differ), sorted(differ, key=len)[:40])
    golden["made_with"] = f"sentencepiece {sentencepiece.__version__}, tokenizers {tokenizers.__version__}"
    with open(out, "w") as file:
        file.write("{" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in golden.items()) + "}\n")


if __name__ == "__main__":
    if sys.argv[1] == "check":
        sys.exit(0 if check(*sys.argv[2:]) else 1)
    if sys.argv[1] == "speed":
        speed(*sys.argv[2:])
    if len(sys.argv) == 2:
        main(sys.argv[1])
