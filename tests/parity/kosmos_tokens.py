"""KOSMOS-2's tokenizer by itself: 10,000 made-up lines, 2,000 of them with tags, by an `ocelli` binary, by the sentencepiece library
between tags, and by transformers' XLMRobertaTokenizerFast with the processor's tags. transformers 4.57.6, sentencepiece 0.2.3.

    python kosmos_tokens.py OCELLI MODEL     MODEL is the released sentencepiece.bpe.model

A checkpoint of one narrow layer is converted with the library's file alone and with tokenizer.json; neither is kept.
"""
import os
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import sentencepiece
from transformers import CLIPImageProcessor, Kosmos2Config, Kosmos2ForConditionalGeneration, Kosmos2Processor, XLMRobertaTokenizerFast

import unigram

BETWEEN = "</s>"  # takes no blanks
TAGS = ["</doc>", "</image>", "</chunk>", "<phrase>", "</phrase>", "<object>", "</object>", "</delimiter_of_multi_objects/>", "<grounding>",
        "<patch_index_0000>", "<patch_index_0044>", "<patch_index_0863>", "<patch_index_1023>", "<unk>", "<mask>"]


class Shifted:
    """The library with fairseq's ids."""

    def __init__(self, library):
        self.library = library

    def encode(self, text):
        return [i + 1 if i else 3 for i in self.library.encode(text)]


def segmented(library, tags, text):
    """The library's ids between tags, which take the blanks before them."""
    out, rest = [], text
    while rest:
        found = [(rest.find(t), -len(t), t) for t in tags if t in rest]
        at, _, tag = min(found, default=(len(rest), 0, ""))
        out += library.encode(rest[:at].rstrip() if tag and tag != "<unk>" else rest[:at])
        out += [tags[tag]] if tag else []
        rest = rest[at + len(tag):]
    return out


def main(ocelli, model):
    library = Shifted(sentencepiece.SentencePieceProcessor(model_file=model))
    fast = XLMRobertaTokenizerFast(vocab_file=model)
    plain, mixed = unigram.lines(7, 8000), unigram.lines(8, 2000, TAGS)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        size = {"height": 28, "width": 28}
        fast.save_pretrained(f"{folder}/json")
        processor = Kosmos2Processor(CLIPImageProcessor(size=size, crop_size=size), fast)
        small = dict(embed_dim=8, attention_heads=2, ffn_dim=8, layers=1)
        tower = dict(hidden_size=8, num_attention_heads=2, intermediate_size=8, num_hidden_layers=1, image_size=28, patch_size=14)
        Kosmos2ForConditionalGeneration(Kosmos2Config(text_config=small, vision_config=tower)).save_pretrained(f"{folder}/json")
        processor.image_processor.save_pretrained(f"{folder}/json")
        shutil.copytree(f"{folder}/json", f"{folder}/alone")
        os.remove(f"{folder}/alone/tokenizer.json")
        shutil.copy(model, f"{folder}/alone/sentencepiece.bpe.model")
        tags = {t: fast.convert_tokens_to_ids(t) for t in TAGS}
        by_library = [library.encode(t) for t in plain] + [segmented(library, tags, t) for t in mixed]
        by_fast = [fast(t, add_special_tokens=False).input_ids for t in plain + mixed]
        print(f"{sum(map(len, by_library))} tokens; the two originals differ on {sum(a != b for a, b in zip(by_library, by_fast))} lines")
        unigram.LINE = BETWEEN
        for name in ["alone", "json"]:
            subprocess.run([ocelli, "convert", f"{folder}/{name}", "-o", f"{folder}/{name}.gguf", "--type", "f32", "--quiet"], check=True)
            got = unigram.run(ocelli, f"{folder}/{name}.gguf", plain + mixed, fast.convert_tokens_to_ids(BETWEEN))
            for what, wanted in [("the library", by_library), ("transformers", by_fast)]:
                wrong = [(t, w, g) for t, w, g in zip(plain + mixed, wanted, got) if w != g]
                print(f"{name}: {len(got)} lines, {len(wrong)} differ from {what}")
                failed |= what == "the library" and bool(wrong)
                for text, want, have in wrong[:4]:
                    print(f"  {text!r}\n    expected {want}\n    got      {have}")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
