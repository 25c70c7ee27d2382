"""The byte-level tokenizer of the OPT goldens, in the layout in which Hugging Face publishes OPT: opt_tokenizer.json.

Vocabulary: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, the 256 bytes in the order of GPT-2's byte table, one entry a merge;
`<image>`, the id after them, is an added token and not part of vocab.json. Merges come from plain byte-pair counting over
the sentences below (most frequent pair first, ties by the pair's spelling), so that remaking the file changes nothing.
"""
import json
import os
import re
import tempfile
from collections import Counter

SENTENCES = """a photo of a cat and a dog on the street. Question: what is in the picture? Answer: there is a cat.
Question: how many people are in the image? Answer: two. Question: what color is it? Answer: it is white and red.
a photo of the old house by the river, with the light of the evening on the water. this is what they are and were."""
MERGES = 52
IMAGE = "<image>"


def byte_table():
    """GPT-2's printable character for each byte, and the order in which its vocabulary lists them."""
    order = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table = {b: chr(b) for b in order}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(order) - 188)
            order.append(b)
    return table, order


def learn():
    """The vocabulary in order and the merges."""
    table, order = byte_table()
    words = Counter()
    for line in SENTENCES.split("\n"):
        for w in re.findall(r" ?[A-Za-z]+| ?[^\sA-Za-z]+", line):
            words[tuple(table[b] for b in w.encode())] += 1
    merges = []
    for _ in range(MERGES):
        pairs = Counter()
        for w, n in words.items():
            for p in zip(w, w[1:]):
                pairs[p] += n
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        joined = Counter()
        for w, n in words.items():
            out, i = [], 0
            while i < len(w):
                if w[i : i + 2] == best:
                    out.append(w[i] + w[i + 1])
                    i += 2
                else:
                    out.append(w[i])
                    i += 1
            joined[tuple(out)] += n
        words = joined
    vocab = ["<s>", "<pad>", "</s>", "<unk>"] + [table[b] for b in order] + [a + b for a, b in merges]
    assert len(set(vocab)) == len(vocab)
    return vocab, merges


def save(directory):
    """Writes vocab.json, merges.txt and, through transformers, the rest of the directory; gives the fast tokenizer."""
    from transformers import AddedToken, GPT2Tokenizer, GPT2TokenizerFast

    vocab, merges = learn()
    with tempfile.TemporaryDirectory() as d:
        with open(f"{d}/vocab.json", "w") as f:
            json.dump({t: i for i, t in enumerate(vocab)}, f, ensure_ascii=False)
        with open(f"{d}/merges.txt", "w") as f:
            f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        word = lambda s: AddedToken(s, lstrip=False, rstrip=False, normalized=True, special=True)
        slow = GPT2Tokenizer(
            f"{d}/vocab.json", f"{d}/merges.txt", unk_token=word("</s>"), bos_token=word("</s>"), eos_token=word("</s>"),
            pad_token=word("<pad>"), add_bos_token=True,
        )
        slow.save_pretrained(f"{d}/slow")
        fast = GPT2TokenizerFast.from_pretrained(f"{d}/slow")
    fast.add_tokens([AddedToken(IMAGE, normalized=False, special=True)], special_tokens=True)
    fast.save_pretrained(directory)
    return fast


# Each string is encoded with and without the beginning token, and what it decodes to is kept.
TEXTS = [
    "", " ", "a", "a photo of", "Question: what is it? Answer:", "  two  spaces \n\n lines\tand tab ",
    "naïve café — 東京 🦉👩‍🚀 Ω≈ç√ \u00a0nbsp \u2028 sep", "it's they're I'VE we'd", "0123 4½ ٣ Ⅷ x²",
    "</s>middle</s> of <pad> text<image>", "<imag e> <s>", "\x00\x01\x7f\u0085\ufeff", "ﬁ e\u0301 é",
]


def golden(tokenizer, directory):
    """What opt_tokenizer.json holds: the files, with vocabulary and merges once, and what they do to the texts."""
    read = lambda name: json.load(open(os.path.join(directory, name), encoding="utf-8"))
    vocab, merges = learn()
    whole = read("tokenizer.json")
    assert list(whole["model"]["vocab"]) == vocab and whole["model"]["merges"] == [list(m) for m in merges]
    assert list(read("vocab.json").items()) == [(t, i) for i, t in enumerate(vocab)]
    lines = open(os.path.join(directory, "merges.txt"), encoding="utf-8").read().split("\n")
    assert lines[1:-1] == [" ".join(m) for m in merges] and lines[0] == "#version: 0.2" and lines[-1] == "", lines[:3]
    whole["model"]["vocab"], whole["model"]["merges"] = {}, []
    texts = []
    for t in TEXTS:
        ids = tokenizer(t)["input_ids"]
        plain = tokenizer(t, add_special_tokens=False)["input_ids"]
        assert ids == [2] + plain
        texts.append({"text": t, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True),
                      "with_special": tokenizer.decode(ids, skip_special_tokens=False)})
    rows = [[b] for b in range(0, len(vocab) + 8)]
    return {
        "vocab": vocab, "merges": [" ".join(m) for m in merges], "image_token": tokenizer.convert_tokens_to_ids(IMAGE),
        "tokenizer.json": whole, "tokenizer_config.json": read("tokenizer_config.json"),
        "special_tokens_map.json": read("special_tokens_map.json"), "added_tokens.json": read("added_tokens.json")
        if os.path.exists(os.path.join(directory, "added_tokens.json")) else None,
        "texts": texts, "pieces": [tokenizer.decode(r) for r in rows],
    }


if __name__ == "__main__":
    import sys

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    d = sys.argv[1]
    g = golden(save(d), d)
    print(os.listdir(d), json.dumps(g, ensure_ascii=False)[:3000], len(json.dumps(g)))
