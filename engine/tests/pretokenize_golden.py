#!/usr/bin/env python3
"""Makes pretokenize_golden.json: texts split by the published patterns with the `tokenizers` library.

Usage: pretokenize_golden.py OUT
"""
import json
import random
import sys

import tokenizers
from tokenizers import Regex, pre_tokenizers

C = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def words(letter, digits):
    return C + r"|[^\r\n\p{L}\p{N}]?[" + letter + r"]+|\p{N}" + digits + r"| ?[^\s" + letter + r"\p{N}]+[\r\n]*" + TAIL


def cased(contraction, digits):
    word = r"[^\r\n\p{L}\p{N}]?"
    return (word + UPPER + "*" + LOWER + "+" + contraction + "|" + word + UPPER + "+" + LOWER + "*" + contraction
            + r"|\p{N}" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL)


PATTERNS = {
    "gpt-2": [GPT2],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
    "llama-bpe": [words(r"\p{L}", "{1,3}")],
    "qwen2": [words(r"\p{L}", "")],
    "qwen35": [words(r"\p{L}\p{M}", "")],
    "gpt-4o": [cased(C + "?", "{1,3}")],
    "tekken": [cased("", "")],
    "smollm": [r"\p{N}", GPT2],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[一-龥ࠀ-一가-퟿]+", r"\p{N}"],
    "deepseek-v3": [
        r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+",
        r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
        + TAIL],
    "gemma4": [r"\n+"],
}
TEXTS = [
    "Hello world", "  a   b  ", "it's IT'S we'LL 'sup 'ſo", "12345 6 7890abc", "a\n\n b \r\n\t c\n", "x = y+2; // `tick` $5|^~<>",
    "CamelCaseWORD iPhoneX ABCdef", "你好，世界 ABC你好", "नमस्ते दुनिया", "e\u0301 \u0301a \u0301\u0301 A\u0301B", "½²Ⅷ٣ x²",
    "\u00a0nb\u3000wide\u200bzw", "👍🏽 ok/\n/path\n", "...!!! ?\n\n?", " \n \n x", "ÀÉî ǅabc ªº", "\u0001\u0002a\u007f",
    "he'd'Ve", "(a)(b)[c]", "3.14159 1,000,000", "ends in blanks   ", "\n", " ", "'", "한국어 カナ ｶﾅ",
]
POOL = "abzABZ   \n\r\t''sSltLd0123789.,!?/$+<|`éÉüßжЖǅªʰ你世界カ한é\u0301\u093f²½٣\u00a0\u3000\u200b\u0001👍€"


def main(out):
    rnd = random.Random(11)
    texts = TEXTS + ["".join(rnd.choice(POOL) for _ in range(rnd.randrange(2, 24))) for _ in range(60)]
    splits = {}
    for name, patterns in PATTERNS.items():
        split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in patterns])
        splits[name] = [[word for word, _ in split.pre_tokenize_str(text)] for text in texts]
    with open(out, "w") as file:
        file.write(f'{{"made_with": "tokenizers {tokenizers.__version__}",\n"texts": {json.dumps(texts)},\n"splits": {{\n')
        file.write(",\n".join(f"{json.dumps(name)}: {json.dumps(split)}" for name, split in splits.items()) + "}}\n")


if __name__ == "__main__":
    main(sys.argv[1])
