"""Goldens of InstructBLIP: small random InstructBlipForConditionalGeneration and InstructBlipVideoForConditionalGeneration run
by transformers 4.57.6, and by 5.24.0, instructblip_*.json.

    python instructblip.py                          makes every golden of the version it is run with
    python instructblip.py NAME...                  only these
    python instructblip.py --random FIRST COUNT DIR goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original (modeling_instructblip.py, processing_instructblip.py):

The processor gives the same text to two tokenizers: the language model's, and BERT's for the Q-Former, which saves itself in
the folder qformer_tokenizer. Before the ids of the former, its beginning token included, it puts num_query_tokens times
`<image>`; of a video, always four times as many `<video>`. An empty text is `[CLS] [SEP]` to the Q-Former.

The Q-Former's queries and the text's rows are one sequence in self-attention. Only the queries' rows go on, through
language_projection, in the placeholders' places. Each frame of a video goes through tower and Q-Former by itself, beside the same
text, and their rows stand one behind the other.

Vicuna's tokenizer, as saved, has `</s>` for its beginning, its end and what is unknown, so that a text begins with id 2. Both
ids and embeddings are handed to the language model's generate, so that the repetition penalty sees placeholders and prompt.
"""
import json
import os
import random
import struct
import sys
import tempfile
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, decoders, models, normalizers, processors
from transformers import BertTokenizerFast, BlipImageProcessor, InstructBlipConfig, InstructBlipForConditionalGeneration, InstructBlipProcessor
from transformers import InstructBlipQFormerConfig, InstructBlipVideoConfig, InstructBlipVideoForConditionalGeneration, InstructBlipVideoProcessor
from transformers import InstructBlipVideoVideoProcessor, InstructBlipVisionConfig, LlamaConfig, LlamaTokenizerFast, PreTrainedTokenizerFast

import blip2_itm
import blip2_opt
import formula
from blip2_itm import v
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored

HERE = os.path.dirname(os.path.abspath(__file__))
FRAMES = 4  # of a video, in the processor

# Pieces of SentencePiece's kind: bytes, letters, and words put together from left to right.
WORDS = ["▁the", "▁a", "▁cat", "▁two", "▁of", "▁is", "▁in", "▁image", "▁this", "▁What", "▁unusual", "▁Question", "▁answer", "▁on", "ing", "er"]
LETTERS = ["▁", *map(chr, range(33, 127)), "é", "東"]


def pieces():
    """The vocabulary and the merges that make its words."""
    vocabulary, merges = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *LETTERS], []
    for word in WORDS:
        made = word[0]
        for letter in word[1:]:
            if made + letter not in vocabulary:
                vocabulary.append(made + letter)
                merges.append((made, letter))
            made += letter
    return vocabulary, merges


TABLE = len(pieces()[0]) + 2  # with `[PAD]` and the placeholder, which is the last
QUESTION = "What is unusual about this image?"
TEXTS = [QUESTION, "Question: is the red dog on this beach running? Short answer:", "", "a naïve café — 東京 🦉\n\tit's 4½ [SEP] </s>x"]
# A golden's pictures, (width, height), and its cases: pictures and text. Two texts of one picture, and two pictures.
PICTURES = [(20, 17), (97, 64), (31, 83), (64, 64)]
CASES = [([0], 0), ([0], 1), ([1], 2), ([2], 3)]
NAMES = [list(SETTINGS), ["greedy", "beams", "beams_length_0", "beams_length_minus_1", "repetition"], ["greedy", "beams"], ["greedy", "repetition_beams"]]


def q(width, heads, ffn, layers, frequency, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, cross_attention_frequency=frequency,
                max_position_embeddings=more.pop("positions", 96), vocab_size=blip2_itm.TABLE, **more)


def llama(width, heads, kv, ffn, layers, **more):
    more.setdefault("vocab_size", TABLE + 5)
    return dict(model_type="llama", hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=192, **more)


# name: (what it is for, seed, type of the stored weights, queries, vision, Q-Former, language model, whether it takes videos)
CONFIGS = {
    "default": ("every switch as published, two ending ids", 7, "float32", 4, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 4, 2), llama(64, 4, 4, 128, 2), False),
    "every": ("cross-attention in every layer, quick_gelu tower, shared key heads, tied head", 9, "float32", 7,
              v(60, 6, 100, 3, 56, 14, hidden_act="quick_gelu"), q(48, 3, 80, 3, 1, hidden_act="gelu_new"),
              llama(48, 6, 2, 90, 3, tie_word_embeddings=True, rope_theta=500.0), False),
    "plain": ("no bias of queries, keys and values in the tower, relu, biases in the language model, another head width", 9, "bfloat16", 5,
              v(36, 3, 72, 3, 32, 8, qkv_bias=False, layer_norm_eps=1e-5), q(30, 5, 64, 5, 3, hidden_act="relu", layer_norm_eps=1e-6),
              llama(60, 3, 3, 100, 3, head_dim=16, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5), False),
    "half": ("weights in float16, as the hub has them, and one query", 13, "float16", 1, v(64, 8, 128, 2, 42, 14), q(64, 8, 96, 4, 2),
             llama(72, 4, 1, 150, 4, vocab_size=TABLE), False),
    "video": ("four frames of a video", 12, "float32", 3, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2), llama(64, 4, 4, 128, 2), True),
}
# Of 5.24.0, which saves the image processor within processor_config.json.
FIVE = {"five": ("as 5.24.0 saves it", 33, "float32", 5, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2), llama(64, 4, 4, 128, 2), False)}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}
# text_config.eos_token_id: ids that texts of a golden meet. Seeds and these were picked by trying, so that every decision of every
# generation is clear (its "gap").
EOS = {"default": [2, 246, 340], "every": [2, 380, 389], "half": [2, 112, 158], "plain": [2, 155, 255], "video": [2, 183], "five": [2, 145, 367]}


def any_config(seed):
    """A configuration by its seed."""
    r = random.Random(seed)
    _, _, dtype, queries, _, vision, former, *_ = blip2_itm.any_config(seed)
    former = {k: x for k, x in former.items() if k != "use_qformer_text_input"} | dict(max_position_embeddings=r.randint(96, 130))
    kv = r.choice([1, 2, 3])
    heads, head = kv * r.choice([1, 2, 4]), 2 * r.randint(2, 12)
    text = llama(r.choice([heads * head, 8 * r.randint(3, 14)]), heads, kv, r.randint(20, 150), r.randint(1, 5), head_dim=head, vocab_size=TABLE + r.randint(0, 40),
                 tie_word_embeddings=r.random() < 0.5, rope_theta=r.choice([100.0, 10000.0]), rms_norm_eps=r.choice([1e-6, 1e-5]),
                 attention_bias=r.random() < 0.3, mlp_bias=r.random() < 0.3)
    return (f"random {seed}", seed, dtype, r.randint(1, min(queries, 12)), vision, former, text, r.random() < 0.25)


def vicuna(folder):
    """The language model's tokenizer."""
    vocabulary, merges = pieces()
    t = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(vocabulary)}, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    names = dict(bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="[PAD]")
    if transformers.__version__[0] == "4":
        return LlamaTokenizerFast(tokenizer_object=t, **names)
    t.save(f"{folder}/whole.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/whole.json", **names)
    os.remove(f"{folder}/whole.json")
    return tokenizer


def bert(folder):
    """The Q-Former's."""
    with open(f"{folder}/vocab.txt", "w") as f:
        f.writelines(f"{token}\n" for token in blip2_itm.VOCABULARY)
    tokenizer = BertTokenizerFast.from_pretrained(folder) if transformers.__version__[0] == "4" else BertTokenizerFast(vocab=f"{folder}/vocab.txt")
    os.remove(f"{folder}/vocab.txt")
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    return tokenizer


def make_processor(spec, folder):
    """The processor, saved into a folder."""
    _, _, _, queries, vision, _, _, videos = spec
    size = {"height": vision["image_size"], "width": vision["image_size"]}
    if videos:
        processor = InstructBlipVideoProcessor(InstructBlipVideoVideoProcessor(size=size), vicuna(folder), bert(folder), num_query_tokens=queries)
    else:
        images = getattr(transformers, "BlipImageProcessorPil", BlipImageProcessor)(size=size)
        processor = InstructBlipProcessor(images, vicuna(folder), bert(folder), num_query_tokens=queries)
    processor.save_pretrained(folder)
    return processor


def build(spec, eos, folder):
    """The model in f32 (weights rounded to the stored type), saved into a folder, and its tensors."""
    _, seed, dtype, queries, vision, former, text, videos = spec
    configs = dict(vision_config=InstructBlipVisionConfig(**vision).to_dict(), qformer_config=InstructBlipQFormerConfig(**former).to_dict(),
                   text_config=LlamaConfig(**text, eos_token_id=eos).to_dict(), num_query_tokens=queries)
    if videos:
        model = InstructBlipVideoForConditionalGeneration(InstructBlipVideoConfig(**configs, video_token_index=TABLE - 1))
    else:
        model = InstructBlipForConditionalGeneration(InstructBlipConfig(**configs, image_token_index=TABLE - 1))
    model.tie_weights()
    with torch.no_grad():
        for k, p in model.named_parameters():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    with open(f"{folder}/model.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    os.remove(f"{folder}/model.safetensors")
    model = model.to(torch.float32)
    with torch.no_grad():  # some are kept in f32 whatever is asked for
        for k, p in model.named_parameters():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    return model.eval(), sorted([k, t["shape"]] for k, t in header.items())


class Asked:
    """The model beside one picture and one text, as a language model by itself: only its leading ids stand for the picture."""

    def __init__(self, model, x):
        self.model, self.seen = model, {k: x[k] for k in ("pixel_values", "qformer_input_ids", "qformer_attention_mask")}
        self.config = model.config
        with torch.no_grad():
            features = model.get_video_features if x["pixel_values"].dim() == 5 else model.get_image_features
            rows = features(x["pixel_values"], x["qformer_input_ids"], x["qformer_attention_mask"])
        # Newer versions have all of it in one object.
        self.rows = rows if isinstance(rows, torch.Tensor) else rows.pooler_output

    def generate(self, **more):
        return self.model.generate(**self.seen, **more)

    def __call__(self, input_ids):
        embedded = self.model.get_input_embeddings()(input_ids)
        rows = self.rows.reshape(1, -1, embedded.shape[-1])
        embedded = torch.cat([rows, embedded[:, rows.shape[1] :]], 1)
        return self.model.language_model(inputs_embeds=embedded)


def inputs(processor, model, pictures, text):
    """What the processor makes of pictures, or of a video's frames, and a text; pictures resized by Pillow in any case."""
    size = model.config.vision_config.image_size
    pillow = getattr(transformers, "BlipImageProcessorPil", BlipImageProcessor)(size={"height": size, "width": size})
    pixels = pillow(images=[Image.fromarray(p) for p in pictures], return_tensors="pt")["pixel_values"]
    if len(pictures) == 1:
        x = processor(images=Image.fromarray(pictures[0]), text=text, return_tensors="pt")
        assert torch.equal(x["pixel_values"], pixels)
        return x
    x = processor(text=text, return_tensors="pt")
    placeholders = torch.full((1, FRAMES * model.config.num_query_tokens), TABLE - 1)
    ids = torch.cat([placeholders, x["input_ids"]], 1)
    return x | {"pixel_values": pixels[None], "input_ids": ids, "attention_mask": torch.ones_like(ids)}


def golden(name, spec):
    what, seed, dtype, queries, *_, videos = spec
    eos = EOS.get(name, [2])
    with tempfile.TemporaryDirectory() as folder:
        model, tensors = build(spec, eos if len(eos) > 1 else eos[0], folder)
        processor = make_processor(spec, folder)
        files = {}
        for root, _, found in os.walk(folder):
            files |= {os.path.relpath(f"{root}/{f}", folder): open(f"{root}/{f}").read() for f in sorted(found)}
    pictures = [{"seed": seed * 10 + i, "width": w, "height": h} for i, (w, h) in enumerate(PICTURES)]
    rgb = [formula.picture(p["seed"], p["width"], p["height"]) for p in pictures]
    for p, bytes_ in zip(pictures, rgb):
        p["hash"] = f"{formula.fnv1a(bytes_.tobytes()):016x}"
    cases = []
    for (shown, text), names in zip(CASES, NAMES):
        # A video of four frames turns all pictures, another one first each time.
        shown = [(shown[0] + i) % len(PICTURES) for i in range(FRAMES)] if videos else shown
        text = TEXTS[text]
        x = inputs(processor, model, [rgb[i] for i in shown], text)
        ids, rows = x["input_ids"], queries * len(shown)
        assert ids[0].tolist() == [TABLE - 1] * rows + [2] + processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        asked = Asked(model, x)
        whole = asked(ids).logits[0].detach()
        with torch.no_grad():
            assert torch.equal(model(**x).logits[0], whole)
        last = ids.shape[1] - 1
        row_of = lambda s: asked(torch.tensor([s])).logits[0].detach()
        cases.append({
            "pictures": shown, "prompt": text, "ids": ids[0].tolist(), "qformer_ids": x["qformer_input_ids"][0].tolist(),
            "projection": sample(asked.rows.reshape(-1, asked.rows.shape[-1]), 24),
            "logits": [{"position": p, "values": numbers(whole[p])} for p in sorted({0, rows - 1, rows, last})],
            "generate": [blip2_opt.generate(asked, processor.tokenizer, None, ids, n, SETTINGS[n], eos) for n in names],
            "score": blip2_opt.scores(row_of, processor.tokenizer, ids[0].tolist(), CONTINUATIONS),
        })
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "video": videos, "placeholder": TABLE - 1, "files": files,
            "tensors": tensors, "pictures": pictures, "cases": cases}


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    folder, configs = HERE, VERSIONS[transformers.__version__]
    if args[:1] == ["--random"]:
        first, count, folder = int(args[1]), int(args[2]), args[3]
        os.makedirs(folder, exist_ok=True)
        configs, args = {f"random{seed}": any_config(seed) for seed in range(first, first + count)}, []
    for name in args or configs:
        g = golden(name, configs[name])
        with open(f"{folder}/instructblip_{name}.json", "w") as f:
            json.dump(g, f, separators=(",", ":"))
        print(f"{name}: {os.path.getsize(f.name)} bytes, eos {g['eos']}")
        for c in g["cases"]:
            for r in c["generate"]:
                mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
                print(f"  {r['name']:22s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {r['ids']}{mark}")


if __name__ == "__main__":
    main(sys.argv[1:])
