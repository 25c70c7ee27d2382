"""The naming game: texts of episodes in which made-up names are bound to classes, and their tokenizer.

An episode shows pictures, each with a sentence that names its class, and ends with a picture whose
name is missing, as in Frozen's open-ended few-shot test (arXiv 2106.13884, section 4.2). Names are
syllables drawn at random; a fifth of all names, by checksum, is kept for tests.

The non-obvious thing: the tokenizer is LLaMA's kind with merges written by hand. Words of the
sentences are one token each, names two or three (▁da x, ▁bli cke t), so a name never seen is
spelled with tokens that all were.
"""

import zlib

from llama_tokenizer import build

ONSETS = ["b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "bl", "gr", "kr"]
INNER = ONSETS[:17] + ["ck"]
VOWELS = ["a", "e", "i", "o", "u"]
CODAS = ["x", "n", "t", "ck", "p", "l", "s", "m"]
# Wordings with the place of the name; what follows it is said, too.
WORDINGS = ["This is a {}.", "Question: What is this? Answer: {}", "Output: {}"]
WORDS = [
    "This", "is", "a", "Question", "What", "this", "Answer", "Output", "an", "image", "of", "A", "Image", "Short", "answer",
]
FAKE, IMAGE = "<fake_token_around_image>", "<image>"


def is_held_out(name):
    return name in ("dax", "blicket") or zlib.crc32(name.encode()) % 5 == 0


def random_name(rng, held_out):
    while True:
        kind = rng.random()
        name = rng.choice(ONSETS) + rng.choice(VOWELS)
        if kind > 0.4:
            name += rng.choice(INNER) + rng.choice(VOWELS)
        if kind < 0.4 or kind > 0.65:
            name += rng.choice(CODAS)
        if is_held_out(name) == held_out:
            return name


def build_tokenizer():
    """LLaMA's tokenizer with the two tokens that IDEFICS adds after all others."""
    merges = [tuple(pair) for pair in ["bl", "gr", "kr", "ck"]]
    merges += [("▁", onset) for onset in ONSETS]
    merges += [("▁" + onset, vowel) for onset in ONSETS for vowel in VOWELS]
    merges += [(onset, vowel) for onset in INNER for vowel in VOWELS]
    return build(WORDS, merges, [FAKE, IMAGE])


class Speller:
    """Turns episodes into ids: what the processor of the library would make of `[picture, sentence, ...]`."""

    def __init__(self, tokenizer):
        self.tokenizer, self.known = tokenizer, {}
        self.around = tokenizer.convert_tokens_to_ids([FAKE, IMAGE, FAKE])

    def split(self, text):
        if text not in self.known:
            if len(self.known) > 200_000:
                self.known.clear()
            self.known[text] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return self.known[text]

    def episode(self, wording, said):
        """(ids, picture of each id or -1, whether the id belongs to a name) for names in order."""
        head, tail = wording.split(" {}")
        before, after = self.split(head), self.split(head + " x" + tail)[len(self.split(head + " x")) :]
        ids, seen, named = [1], [-1], [False]
        for number, name in enumerate(said):
            spelled = self.split("a " + name)[len(self.split("a")) :]
            for part, is_name in [(self.around, False), (before, False), (spelled, True), (after, False)]:
                ids += part
                named += [is_name] * len(part)
                # The fake token before a picture still sees the one before.
                seen += [number] * len(part)
            start = len(ids) - len(self.around) - len(before) - len(spelled) - len(after)
            seen[start] = number - 1
        return ids, seen, named
