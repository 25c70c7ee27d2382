#!/usr/bin/env python3
"""Makes tokenizer_golden.json: a small byte-level BPE trained on the sentences below, and texts encoded with it by the
`tokenizers` library. Usage: tokenizer_golden.py OUT
"""
import json
import random
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SENTENCES = """a photo of a cat sitting on the table next to the window
Question: how many people are in the picture? Answer: there are three people and two dogs.
The quick brown fox jumps over the lazy dog, and it's gone; they're not there, we've seen it, I'll go, he'd know.
In 2023 there were 1234567 of them, or 3.14159 each (about 50%).
Größe, straße, naïve, façade: déjà vu. Привет, как дела? Это фотография кошки.
你好，世界。这是一张猫的照片。 こんにちは世界。 안녕하세요 세계
def f(x):
    return x ** 2

""" * 4

BASE = [
    "", " ", "  ", "\n", "\n\n", "\t", " \n ", "a\n\nb", "a \n b", "a  b", "a   b  ", "a\t\tb", "\r\n\r\nx", "   leading",
    "trailing   ", "a photo of a cat", "Question: how many cats? Answer:", "the theory of there", "x" * 300,
    "the" * 100, "ab" * 150, " " * 200, "\n" * 99 + "x", "0123456789" * 8, "-" * 130, "\u0301" * 90, "é" * 60,
    "I'll've don't we're they'd 'sup 's S'S", "'", "''s", "'llama", "don’t", "x' s", "x 's", "'re're", "'l", "'r",
    "Größe straße", "Привет мир", "你好，世界", "こんにちは", "안녕", "שלום עולם", "مرحبا ١٢٣", "नमस्ते १२३", "สวัสดี",
    "👩‍👩‍👧‍👦 🇩🇪 👍🏽", "x² ½ Ⅷ ① ٣", "e\u0301 a\u0300\u0301", "\u00a0nbsp\u2003em\u3000wide", "a\u00a0 b", "a \u00a0b",
    "zw\u200bsp \u180e \ufeff", "\x00\x01\x1c\x1d\x1e\x1f\x7f", "a\x1cb \x1f c", "\x85next\x0bline\x0c", "\u2028\u2029",
    "𝒜𝓁 𐍈 𠜎", "ſ ﬁ ǅ ª º ʰ \u0345", "\U0010ffff\ue000\ufffd\ufffe", "a1b2 c3", "1a", " 1", "a.b,c!", " .", ". a",
    "<image>", "<image> a", "a<image>b", "</s>", "<pad></s>", "<imag", "<im<image>age>", "  <image>  ", "\n<image>\n",
    "<image><image_long>", "<image_lon", "a </s> b", "ĠĊ Ā", "http://a.b/c?d=%20&e", "{\"k\": [1, 2]}", "CamelCase_snake",
]


def main(out):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=560, special_tokens=["<s>", "<pad>", "</s>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(SENTENCES.split("\n"), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    for name in ("<image>", "<image_long>"):
        tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    vocab = tokenizer.get_vocab()
    tokens = [t for t, _ in sorted(vocab.items(), key=lambda kv: kv[1])]
    assert [vocab[t] for t in tokens] == list(range(len(tokens)))
    control = [vocab[t] for t in ("<s>", "<pad>", "</s>", "<image>", "<image_long>")]

    rnd = random.Random(7)
    chars = "abcdefgh XYZ   \n\t''''srtmd0123.,!?-éüжщ你世界한½²👍🏽\u200d\u00a0\u2003\u200b\x1c\x85\u0301"
    texts = list(BASE)
    while len(texts) < 150:
        texts.append("".join(rnd.choice(chars) for _ in range(rnd.randrange(1, 40))))
    cases = [[t, tokenizer.encode(t).ids] for t in texts]
    # Any ids, to be decoded: tokens end inside characters.
    decoded = []
    for _ in range(60):
        ids = [rnd.randrange(len(tokens)) for _ in range(rnd.randrange(1, 16))]
        decoded.append([ids, tokenizer.decode(ids, skip_special_tokens=False), tokenizer.decode(ids)])

    with open(out, "w") as file:
        file.write(f'{{"made_with": "tokenizers {tokenizers.__version__}",\n"tokens": {json.dumps(tokens)},\n')
        file.write(f'"merges": {json.dumps(merges)},\n"control": {json.dumps(control)},\n"cases": [\n')
        file.write(",\n".join(json.dumps(c) for c in cases) + '],\n"decoded": [\n')
        file.write(",\n".join(json.dumps(c) for c in decoded) + "]}\n")


if __name__ == "__main__":
    main(sys.argv[1])
