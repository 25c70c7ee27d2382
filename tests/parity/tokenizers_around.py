#!/usr/bin/env python3
"""Makes tokenizers_around.json: what happens around special tokens, at the beginning of a text and between its pieces.

Two small vocabularies are trained here, one by sentencepiece and one by the `tokenizers` library. Around them stand the
tokenizer files of many makes, with added tokens of every kind. Each file's ids of some hundreds of made-up texts are
recorded as one number a text, FNV-1a over the ids; the texts come from a formula that the Rust side repeats.

Made with tokenizers 0.22.2, transformers 4.57.6, sentencepiece 0.2.1. Usage: tokenizers_around.py OUT
"""
import copy
import io
import json
import os
import sys
import tempfile

import sentencepiece
import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaTokenizer, LlamaTokenizerFast

CORPUS = """a photo of a cat sitting on the table next to the window
what is this? there are three people and two dogs. word sep end
The quick brown fox jumps over the lazy dog, and it's gone; they're not there, we've seen it
In 2023 there were 1234567 of them, or 3.14159 each (about 50%).
Größe, straße, naïve, façade: déjà vu. Привет, как дела?
你好，世界。 こんにちは世界。
x = [1, 2]; <a> </b> user assistant  two  blanks   three
"""

# Pieces of texts: words, blanks, marks, every added token, and what is nearly one.
FRAGMENTS = [
    "what", " what", "is", " this", "a", " cat", "the", " the", "word", "words", "Sep", "sep", "_", "2023", "12", ".", ", ",
    " ", "  ", "   ", "\n", "\t", "\n\n", " \n ", "\u00a0", "\u2003", "\u2581", "\u2581what", " \u2581", "\u3000",
    "<s>", "</s>", "<unk>", "<l>", "<r>", "<lr>", "<n>", "<nl>", "<nr>", "<w>", " <l>", "<l> ", "<r> ", " <lr> ", "<n> ",
    " <n>", " <nl> ", " <nr> ", "<s> ", " <s>", "</s>\n", "xy", "xyz", " xy", "yz ", "\u2581\u2581", "<", "<s", "s>", "<0x41>",
    "日本", "é", "e\u0301", "\u0301", "👍", "Ö", "O\u0308", "'s", "\x00", "user", "<image>", "<image><image>", "ﬁ", "word\u0301",
]
TEXTS = 400


def texts(seed):
    """The texts of a tokenizer; xorshift32."""
    state = seed
    out = [""]
    while len(out) < TEXTS:
        parts = []
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        for _ in range(1 + state % 9):
            state ^= state << 13 & 0xFFFFFFFF
            state ^= state >> 17
            state ^= state << 5 & 0xFFFFFFFF
            parts.append(FRAGMENTS[state % len(FRAGMENTS)])
        out.append("".join(parts))
    return out


def fnv(ids):
    h = 0x811C9DC5
    for i in ids:
        for byte in int(i).to_bytes(4, "little"):
            h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def added(first, plain=False):
    """Added tokens: the special ones of every vocabulary and one of every kind, ids from `first` on."""
    base = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    kinds = [
        ("<l>", {"lstrip": True}),
        ("<r>", {"rstrip": True}),
        ("<lr>", {"lstrip": True, "rstrip": True}),
        ("<image>", {}),
        ("xy", {"special": False}),
        ("xyz", {"special": False, "rstrip": True}),
    ]
    if not plain:
        kinds += [
            ("<n>", {"normalized": True}),
            ("<nl>", {"normalized": True, "lstrip": True}),
            ("<nr>", {"normalized": True, "rstrip": True, "special": False}),
            ("<w>", {"single_word": True}),
            ("word", {"single_word": True, "special": False, "normalized": True}),
            ("Sep", {"single_word": True, "lstrip": True, "rstrip": True, "special": False}),
            ("O\u0308", {"normalized": True, "special": False}),
            ("yz", {"normalized": True, "special": False}),
        ]
    return [{"id": first + i, "content": c, **base, **flags} for i, (c, flags) in enumerate(kinds)]


def train_sentencepiece(**more):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS.strip().split("\n") * 3), model_writer=out, vocab_size=420, model_type="bpe",
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
        hard_vocab_limit=False, pad_id=-1, minloglevel=2, allow_whitespace_only_pieces=True, num_threads=1, **more)
    return out.getvalue()


def pieces(proto):
    from transformers.convert_slow_tokenizer import import_protobuf
    model = import_protobuf().ModelProto.FromString(proto)
    return [[p.piece, p.score, p.type] for p in model.pieces]


def template(first, specials):
    parts = [{"SpecialToken": {"id": t, "type_id": 0}} for t in first] + [{"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "type": "TemplateProcessing", "single": parts, "pair": parts + [{"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {t: {"id": t, "ids": [specials[t]], "tokens": [t]} for t in first}}


def main(out):
    proto = train_sentencepiece()
    symbols = train_sentencepiece(user_defined_symbols=["<image>", "xy", "xyz", "\u2581\u2581\u2581"])
    with tempfile.TemporaryDirectory() as tmp:
        def directory(model):
            folder = tempfile.mkdtemp(dir=tmp)
            with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
                file.write(model)
            return folder
        llama = json.loads(LlamaTokenizerFast.from_pretrained(directory(proto), legacy=True)._tokenizer.to_str())
        vocab, merges = llama["model"]["vocab"], llama["model"]["merges"]
        first = len(vocab)
        special = {"<unk>": 0, "<s>": 1, "</s>": 2}
        blank = "\u2581"
        base = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                 "special": True} for t, i in special.items()]
        normalised = [dict(t, normalized=True) for t in base]
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": blank}
        prepend = {"type": "Prepend", "prepend": blank}
        decoder = [{"type": "Replace", "pattern": {"String": blank}, "content": " "}, {"type": "ByteFallback"},
                   {"type": "Fuse"}]
        strip = decoder + [{"type": "Strip", "content": " ", "start": 1, "stop": 0}]
        metaspace = lambda scheme: {"type": "Metaspace", "replacement": blank, "prepend_scheme": scheme, "split": False}
        sp = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
              "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False}
        cases = {}

        def case(name, vocabulary, normalizer, pre, tokens, decode, model=sp, begin=("<s>",)):
            cases[name] = {"vocabulary": vocabulary, "tokenizer.json": {
                "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": normalizer,
                "pre_tokenizer": pre, "post_processor": template(begin, special), "decoder": decode, "model": model}}

        sequence = lambda steps: {"type": "Sequence", "normalizers": steps}
        chain = {"type": "Sequence", "decoders": strip}
        case("prepend", "pieces", sequence([prepend, replace]), None, base + added(first), chain)
        case("prepend_normalised", "pieces", sequence([prepend, replace]), None, normalised + added(first), chain)
        for scheme in ("first", "always", "never"):
            case(f"metaspace_{scheme}", "pieces", None, metaspace(scheme), base + added(first),
                 chain if scheme != "never" else {"type": "Sequence", "decoders": decoder})
        split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
        blanks = [{"id": vocab["\u2581\u2581"], "content": "\u2581\u2581", "single_word": False, "lstrip": False,
                   "rstrip": False, "normalized": False, "special": False}] if "\u2581\u2581" in vocab else []
        case("gemma", "pieces", replace, split, base + added(first) + blanks, {"type": "Sequence", "decoders": decoder})

        bytes_ = Tokenizer(models.BPE())
        bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bytes_.decoder = decoders.ByteLevel()
        bytes_.train_from_iterator(CORPUS.split("\n") * 3, trainers.BpeTrainer(
            vocab_size=460, special_tokens=list(special), show_progress=False,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
        trained = json.loads(bytes_.to_str())["model"]
        bpe = dict(sp, unk_token=None, byte_fallback=False, fuse_unk=False)
        second = len(trained["vocab"])
        level = lambda prefix, regex=True: {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True,
                                            "use_regex": regex}
        chain = level(False)
        llama3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                  r"\s*[\r\n]+|\s+(?!\S)|\s+")
        by = lambda pattern: {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
            level(False, False)]}
        case("gpt2", "bytes", None, level(False), base + added(second), chain, bpe)
        case("gpt2_prefixed", "bytes", None, level(True), base + added(second), chain, bpe)
        case("llama3", "bytes", None, by(llama3), base + added(second), chain, dict(bpe, ignore_merges=True))
        case("qwen2", "bytes", {"type": "NFC"}, by(llama3.replace("{1,3}", "")), base + added(second), chain, bpe, ())
        digits = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, level(False)]}
        case("smollm", "bytes", None, digits, base + added(second), chain, bpe, ())

        tables = {"pieces": (vocab, merges), "bytes": (trained["vocab"], trained["merges"])}
        for seed, (name, golden) in enumerate(cases.items()):
            full = copy.deepcopy(golden["tokenizer.json"])
            table = tables[golden["vocabulary"]]
            full["model"]["vocab"], full["model"]["merges"] = table
            tokenizer = Tokenizer.from_str(json.dumps(full))
            golden["seed"] = 1000 + seed
            golden["ids"] = [fnv(tokenizer.encode(t).ids) for t in texts(golden["seed"])]

        slow = {}
        for name, model, legacy, prefix, tokens in [
            ("legacy", proto, True, True, True), ("new", proto, False, True, True),
            ("legacy_symbols", symbols, True, True, False), ("new_symbols", symbols, False, True, False),
        ]:
            seed = 2000 + len(slow)
            tokenizer = LlamaTokenizer.from_pretrained(directory(model), legacy=legacy, add_prefix_space=prefix)
            count = tokenizer.sp_model.get_piece_size()
            extra = added(count, plain=True) if tokens else []
            for t in extra:
                flags = {k: t[k] for k in ("single_word", "lstrip", "rstrip", "normalized")}
                tokenizer.add_tokens([tokenizers.AddedToken(t["content"], special=t["special"], **flags)],
                                     special_tokens=t["special"])
            assert all(tokenizer.convert_tokens_to_ids(t["content"]) == t["id"] for t in extra), name
            config = {"tokenizer_class": "LlamaTokenizer", "legacy": legacy, "add_prefix_space": prefix, "bos_token": "<s>",
                      "eos_token": "</s>", "unk_token": "<unk>", "added_tokens_decoder": {
                          str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in base + extra}}
            config["additional_special_tokens"] = [t["content"] for t in extra if t["special"]]
            slow[name] = {"vocabulary": "symbols" if model is symbols else "pieces", "tokenizer_config.json": config,
                          "seed": seed, "ids": [fnv(tokenizer.encode(t)) for t in texts(seed)]}
        # The library alone, where no token of transformers is in the way.
        for name, model in (("alone", proto), ("alone_symbols", symbols)):
            seed = 2000 + len(slow)
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            slow[name] = {"vocabulary": "symbols" if model is symbols else "pieces", "tokenizer_config.json": None,
                          "seed": seed, "ids": [fnv(processor.encode(t)) for t in texts(seed)]}

        dump = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        golden = {
            "made_with": f"tokenizers {tokenizers.__version__}, sentencepiece {sentencepiece.__version__}",
            "fragments": FRAGMENTS, "texts": TEXTS,
            "pieces": pieces(proto), "symbols": pieces(symbols), "merges": merges,
            "bytes": {"vocab": trained["vocab"], "merges": trained["merges"]}, "fast": cases, "slow": slow}
        with open(out, "w", encoding="utf-8") as file:
            file.write("{\n" + ",\n".join(f"{json.dumps(k)}:{dump(v)}" for k, v in golden.items()) + "}\n")


if __name__ == "__main__":
    main(sys.argv[1])
