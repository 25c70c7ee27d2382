#!/usr/bin/env python3
"""WordPiece against transformers' BertTokenizerFast.

  wordpiece.py OUT            writes the golden wordpiece.json
  wordpiece.py points OCELLI  says which code points are prepared otherwise
  wordpiece.py check OCELLI   encodes the 10,000 made-up lines of unigram.py, in lower case and as they are, and says how
                              many have other ids; where BertTokenizer, the slow one, differs from the fast one is told

The vocabulary has every character that BERT's preparation may leave of the lines, and some made-up pieces of words.

Made with tokenizers 0.22.2, transformers 4.57.6.
"""
import json
import os
import sys
import tempfile
import unicodedata

import unigram
from unigram import LINE

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["the", "photo", "cat", "cats", "two", "what", "is", "in", "this", "##ing", "##tion", "##al", "inter", "##nation",
          "quick", "brown", "fox", "##er", "over", "dog", "picture", "example", "answer", "question", "gross"]


def vocabulary(texts):
    """Every character as the beginning and the inside of words."""
    seen = set()
    for text in texts:
        for form in (text, unicodedata.normalize("NFD", text)):
            seen.update(form)
            seen.update(form.lower())
            seen.update(c for one in form for c in one.lower())
    letters = sorted(c for c in seen if not c.isspace() and c != "\u2581" and unicodedata.category(c) != "Cc")
    # Some are left out, so that there are unknown words.
    letters = [c for n, c in enumerate(letters) if n % 97 != 5]
    return SPECIAL + PIECES + letters + ["##" + c for c in letters]


def write(folder, tokens):
    with open(os.path.join(folder, "vocab.txt"), "w", newline="\n") as file:
        file.write("".join(t + "\n" for t in tokens))


def write_vocabulary(path, tokens, lowercase):
    """The tokens as llama.cpp's converter writes them."""
    plain = [t[2:] if t.startswith("##") else "\u2581" + t for t in tokens[len(SPECIAL):]]
    unigram.write_keys(path, [
        ("general.architecture", "str", "bert"),
        ("tokenizer.ggml.model", "str", "bert"),
        ("tokenizer.ggml.tokens", "[str]", SPECIAL + plain + [LINE]),
        ("tokenizer.ggml.token_type", "[i32]", [3] * len(SPECIAL) + [1] * len(plain) + [3]),
        ("tokenizer.ggml.unknown_token_id", "u32", 1),
        ("tokenizer.ggml.cls_token_id", "u32", 2),
        ("tokenizer.ggml.seperator_token_id", "u32", 3),
        ("tokenizer.ggml.normalizer.lowercase", "bool", lowercase),
        ("ocelli.tokenizer.longest_word", "u32", 100),
    ])


def check(ocelli):
    from transformers import BertTokenizer, BertTokenizerFast
    texts = unigram.lines(7, 8000) + unigram.lines(8, 2000, ["[MASK]", "[SEP]", "[UNK]"])
    good = True
    for lowercase in (True, False):
        tokens = vocabulary(texts)
        with tempfile.TemporaryDirectory() as tmp:
            write(tmp, tokens)
            fast = BertTokenizerFast(os.path.join(tmp, "vocab.txt"), do_lower_case=lowercase)
            slow = BertTokenizer(os.path.join(tmp, "vocab.txt"), do_lower_case=lowercase)
            gguf = os.path.join(tmp, "vocabulary.gguf")
            write_vocabulary(gguf, tokens, lowercase)
            got = unigram.run(ocelli, gguf, texts, len(tokens))
            expected = [fast(t, add_special_tokens=False).input_ids for t in texts]
            wrong = [(t, e, g) for t, e, g in zip(texts, expected, got) if e != g]
            other = sum(1 for t, e in zip(texts, expected) if slow(t, add_special_tokens=False).input_ids != e)
            good &= not wrong
            print(f"lower case {lowercase}: {len(got)} lines, {sum(map(len, expected))} tokens, {len(wrong)} differ from "
                  f"BertTokenizerFast; BertTokenizer differs from it on {other}")
            culprits = {}
            for text, _, _ in wrong:
                for c in set(text):
                    culprits[c] = culprits.get(c, 0) + 1
            single = list(culprits)
            alone = unigram.run(ocelli, gguf, [f"a{c}a" for c in single], len(tokens)) if single else []
            bad = [c for c, g in zip(single, alone) if g != fast(f"a{c}a", add_special_tokens=False).input_ids]
            print("  characters:", " ".join(f"U+{ord(c):04X}({unicodedata.category(c)})" for c in sorted(bad)[:200]), len(bad))
            for text, want, have in wrong[:6]:
                print(f"  {text!r}\n    expected {want}\n    got      {have}")
    return good


def main(out):
    import tokenizers
    from transformers import BertTokenizerFast
    given = [t[:50] for t in unigram.lines(11, 240, ["[MASK]", "[SEP]"])]
    given += ["a" * 99, "a" * 100, "a" * 101, "x" + "e\u0301" * 99, "x" + "e\u0301" * 100, "a\u0378a", "\u0378", "İstanbul ẞ ŉ ǅ"]
    tokens = vocabulary(given)
    golden = {"texts": given, "tokens": tokens}
    with tempfile.TemporaryDirectory() as tmp:
        write(tmp, tokens)
        for name, lowercase in (("uncased", True), ("cased", False)):
            fast = BertTokenizerFast(os.path.join(tmp, "vocab.txt"), do_lower_case=lowercase)
            golden[name] = [unigram.fnv(fast(t).input_ids) for t in given]
    golden["made_with"] = f"tokenizers {tokenizers.__version__}"
    with open(out, "w") as file:
        file.write("{" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=True)}" for k, v in golden.items()) + "}\n")


def points(ocelli):
    """Says which code points the program prepares otherwise than BertTokenizerFast."""
    from transformers import BertTokenizerFast
    every = [chr(p) for p in range(1, 0x110000) if not 0xD800 <= p < 0xE000 and p != 0x2581]
    for lowercase in (True, False):
        differ = []
        for at in range(0, len(every), 100_000):
            part = every[at:at + 100_000]
            seen = {f for c in part for f in (*c, *unicodedata.normalize("NFD", c), *c.lower(), *unicodedata.normalize("NFD", c).lower())}
            letters = sorted(c for c in seen | {"a"} if not c.isspace() and c != "\u2581" and unicodedata.category(c) != "Cc")
            tokens = SPECIAL + letters + ["##" + c for c in letters]
            with tempfile.TemporaryDirectory() as tmp:
                write(tmp, tokens)
                fast = BertTokenizerFast(os.path.join(tmp, "vocab.txt"), do_lower_case=lowercase)
                gguf = os.path.join(tmp, "vocabulary.gguf")
                write_vocabulary(gguf, tokens, lowercase)
                texts = [f"a{c}a" for c in part]
                got = unigram.run(ocelli, gguf, texts, len(tokens))
                want = fast(texts, add_special_tokens=False).input_ids
                differ += [(ord(c), [tokens[i] for i in w], [tokens[i] for i in g]) for c, w, g in zip(part, want, got) if w != g]
        print(f"lower case {lowercase}: {len(differ)} code points differ")
        for point, want, have in differ:
            print(f"  U+{point:04X} {unicodedata.category(chr(point))} {want} {have}")


if __name__ == "__main__":
    if sys.argv[1] == "check":
        sys.exit(0 if check(sys.argv[2]) else 1)
    if sys.argv[1] == "points":
        points(sys.argv[2])
    elif len(sys.argv) == 2:
        main(sys.argv[1])
