"""Goldens of KOSMOS-2: small random Kosmos2ForConditionalGeneration run by transformers 4.57.6, and by 5.24.0, kosmos_*.json.

    python kosmos.py                          makes every golden of the version it is run with
    python kosmos.py NAME...                  only these
    python kosmos.py --random FIRST COUNT DIR goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original (modeling_kosmos2.py, processing_kosmos2.py):

A picture is `<image>`, its rows, `</image>`; the ids of its rows, which nothing embeds, count up from behind the unknown token's and
are what penalties see. The processor takes one picture, model and makers' code several, which are given here as one batch of rows. It
adds its tags to the tokenizer where they lack and `<s>` before a text, and drops what the tokenizer itself puts around one.
The model scales rows and embeddings alike. Its sines begin at 2, or wherever the padding token is, which has none itself; what is
generated behind one counts it. Without a picture the language model is asked by itself.
"""
import io
import json
import os
import random
import struct
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import numpy as np
import sentencepiece
import torch
import transformers
from PIL import Image
from sentencepiece import sentencepiece_model_pb2
from transformers import CLIPImageProcessor, Kosmos2Config, Kosmos2ForConditionalGeneration, Kosmos2Processor

import blip2_opt
import formula
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored
from instructblip import CLEAR
from llava import FOUR, main, pictures_of, read_files
from unigram import CORPUS, RULES

blip2_opt.NEW = 24
FIRST = 4  # id of a picture's first row
CASES = [
    [1, "<grounding>An image of"],
    ["<grounding> two dogs ", 2, "<phrase> a red dog</phrase><object><patch_index_0003><patch_index_0014></object> is ", 0, " — café 東京 🦉?\n It is", 3,
     "<phrase>  it</phrase> <object> <patch_index_0000>"],
    ["  What is the answer to this Question? "],
    [4, " Question: what is  that? Answer:"],
    ["a dog</doc> and<phrase> two  cats</phrase>.</s><image"],
]
NAMES = [["greedy", "beams", "repetition"], ["greedy", "beams"], ["greedy", "beams"], ["greedy", "beams_length_0", "repetition_beams", "no_repeat"], ["greedy"]]


def v(width, heads, ffn, layers, image, patch, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, image_size=image, patch_size=patch, **more)


def t(width, heads, ffn, layers, **more):
    return dict(embed_dim=width, attention_heads=heads, ffn_dim=ffn, layers=layers, **more)


# name: (what it is for, seed, stored type, vision, language model, rows of a picture, places of the grid, the image processor's own)
CONFIGS = {
    "default": ("as published, smaller", 701, "float32", v(48, 4, 96, 3, 28, 14), t(64, 4, 128, 3), 6, 16, dict(use_square_size=True)),
    "half": ("halves, one row a picture, a side the patch does not divide, other activations", 702, "float16", v(60, 6, 100, 2, 43, 9, hidden_act="gelu"),
             t(60, 3, 90, 2, activation_function="relu", max_position_embeddings=100), 1, 16, {}),
    "plain": ("embeddings as they are, other epsilons, a head of its own", 703, "bfloat16", v(36, 3, 70, 4, 32, 8, layer_norm_eps=1e-3),
              t(48, 6, 77, 4, scale_embedding=False, layer_norm_eps=1e-3, activation_function="gelu_new", tie_word_embeddings=False), 9, 16, {}),
    "odd": ("a width that two does not divide, all places of the grid", 704, "float32", v(40, 2, 64, 1, 30, 10), t(45, 3, 101, 2), 4, 1024, dict(use_square_size=True)),
}
FIVE = {"five": ("as 5.24.0 saves it", 711, "float32", v(48, 4, 96, 2, 28, 14), t(56, 4, 96, 2), 5, 16, {})}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}


def any_config(seed):
    r = random.Random(seed)
    heads, patch = r.randint(1, 5), r.choice([7, 8, 14])
    vision = v(heads * 4 * r.randint(2, 5), heads, r.randint(20, 120), r.randint(1, 4), patch * r.randint(1, 4) + r.choice([0, 3]), patch,
               hidden_act=r.choice(["quick_gelu", "gelu"]), layer_norm_eps=r.choice([1e-5, 1e-6]))
    heads = r.randint(1, 6)
    text = t(heads * r.randint(4, 16), heads, r.randint(20, 150), r.randint(1, 4), scale_embedding=r.random() < 0.7, layer_norm_eps=r.choice([1e-5, 1e-6]),
             activation_function=r.choice(["gelu", "gelu", "relu", "gelu_new"]), tie_word_embeddings=r.random() < 0.7)
    return (f"random {seed}", seed, r.choice(["float32", "bfloat16", "float16"]), vision, text, r.randint(1, 12), 16, r.choice([{}, dict(use_square_size=True)]))


def sentences(folder):
    """A small model of the library's, with unk, bos and eos first, as the original has it."""
    out = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        points = lambda text: " ".join(f"{ord(c):X}" for c in text)
        file.write("".join(f"{points(a)}\t{points(b)}\n" for a, b in sorted(RULES.items())))
        file.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS.strip().split("\n") * 3), model_writer=out, vocab_size=300, model_type="unigram", hard_vocab_limit=False,
            normalization_rule_tsv=file.name, minloglevel=2, num_threads=1)
    proto = sentencepiece_model_pb2.ModelProto.FromString(out.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    proto.trainer_spec.ClearField("input")
    path = f"{folder}/sentencepiece.bpe.model"
    with open(path, "wb") as file:
        file.write(proto.SerializeToString())
    return path


def tokenizer():
    with tempfile.TemporaryDirectory() as folder:
        path = sentences(folder)
        if FOUR:
            return transformers.XLMRobertaTokenizerFast(vocab_file=path)
        with open(f"{folder}/tokenizer_config.json", "w") as file:
            json.dump({"tokenizer_class": "XLMRobertaTokenizer"}, file)
        return transformers.AutoTokenizer.from_pretrained(folder)


def processor_of(spec, folder):
    """The processor, saved into a folder with what its tokenizer was before it; it resizes by Pillow."""
    _, _, _, vision, _, _, places, own = spec
    side = vision["image_size"]
    kind = getattr(transformers, "CLIPImageProcessorPil", CLIPImageProcessor)
    size = {"shortest_edge": side} if own and FOUR else {"height": side, "width": side}
    images = kind(size=size, crop_size={"height": side, "width": side}, **(own if FOUR else {}))
    tokens = tokenizer()
    tokens.save_pretrained(f"{folder}/own")
    bare = {name: open(f"{folder}/own/{name}").read() for name in os.listdir(f"{folder}/own") if name.endswith(".json")}
    processor = Kosmos2Processor(images, tokens, num_patch_index_tokens=places)
    processor.save_pretrained(f"{folder}/all")
    files = read_files(f"{folder}/all")
    # Some lists of tokens have the tags, some get them from the processor.
    return processor, {name: text for name, text in files.items() if name not in bare and name.endswith(".json")} | bare


class Beside:
    """The model beside its pictures, as a language model by itself."""

    def __init__(self, model, pixels, mask):
        self.model, self.config, self.rows, self.mask = model, model.config, None, mask
        if pixels is not None:
            with torch.no_grad():
                normed = model.vision_model.model.post_layernorm(model.vision_model(pixels)[0])
                seen = model.image_to_text_projection(torch.nn.functional.normalize(normed, dim=-1))[0]
            self.rows = seen.reshape(1, -1, seen.shape[-1])

    def given(self, length):
        if self.rows is None:
            return {}
        mask = torch.zeros(1, length, dtype=torch.long)
        mask[0, : len(self.mask)] = torch.tensor(self.mask)
        return dict(image_embeds=self.rows, image_embeds_position_mask=mask)

    def generate(self, input_ids, **more):
        return self.model.text_model.generate(input_ids=input_ids, **self.given(input_ids.shape[1]), **more)

    def __call__(self, input_ids):
        # Padding stands nowhere, and what is generated behind it counts on.
        places = torch.where(input_ids == 1, 1, torch.arange(2, 2 + input_ids.shape[1]))
        with torch.no_grad():
            return self.model.text_model(input_ids=input_ids, position_ids=places, **self.given(input_ids.shape[1]))


def build(spec, folder, size, eos):
    """The model in f32, its weights rounded to the stored type, its configuration saved into a folder, and its tensors."""
    _, seed, dtype, vision, text, latents, *_ = spec
    text = dict(text, vocab_size=size, eos_token_id=eos if len(eos) > 1 else eos[0])
    model = Kosmos2ForConditionalGeneration(Kosmos2Config(text_config=text, vision_config=vision, latent_query_num=latents))
    # By default 4.57.6 gives the learned rows a causal mask by mistake; 5.24.0 and eager attention do not.
    model.set_attn_implementation("eager")
    model.tie_weights()
    named = dict(model.named_parameters())
    with torch.no_grad():
        for name, p in named.items():
            p.copy_(stored(name, list(p.shape), seed, dtype))
    model.save_pretrained(folder)
    with open(f"{folder}/model.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    os.remove(f"{folder}/model.safetensors")
    assert set(header) <= set(named) | {"text_model.model.embed_positions.weights"}, set(header) - set(named)
    return model.eval(), sorted([k, list(p.shape)] for k, p in named.items())


def case(model, processor, rgb, latents, pieces, names, eos):
    tokens, pictures = processor.tokenizer, [Image.fromarray(rgb[p]) for p in pieces if isinstance(p, int)]
    whole = "".join("<image>" * (latents + 1) + "</image>" if isinstance(p, int) else p for p in pieces)
    ids = tokens(f"<s>{whole.strip()}", add_special_tokens=False)["input_ids"]
    image = tokens.convert_tokens_to_ids("<image>")
    mask, at = [0] * len(ids), 0
    for _ in pictures:
        at = ids.index(image, at) + 1
        ids[at : at + latents], mask[at : at + latents] = range(FIRST, FIRST + latents), [1] * latents
    if len(pictures) < 2:
        own = dict(images=pictures[0], num_image_tokens=latents) if pictures else {}
        x = processor(text="".join(p for p in pieces if isinstance(p, str)), return_tensors="pt", **own)
        assert x["input_ids"][0].tolist() == ids, (x["input_ids"][0].tolist(), ids)
        assert not pictures or x["image_embeds_position_mask"][0].tolist() == mask
    pixels = [processor.image_processor(images=p, return_tensors="pt")["pixel_values"] for p in pictures]
    beside = Beside(model, torch.cat(pixels) if pixels else None, mask)
    rows_of = lambda s: beside(torch.tensor([s])).logits[0].detach()
    whole = rows_of(ids)
    last = len(ids) - 1
    seen = [i for i, m in enumerate(mask) if m]
    r = {"pieces": pieces, "ids": ids, "pixels": [f"{formula.fnv1a(np.ascontiguousarray(p[0].numpy(), dtype='<f4').tobytes()):016x}" for p in pixels]}
    if pictures:
        r["rows"] = sample(beside.rows[0], 40)
    r["logits"] = [{"position": p, "values": numbers(whole[p])} for p in sorted({0, last, *seen[-1:]})]
    found = [blip2_opt.generate(beside, tokens, None, torch.tensor([ids]), n, SETTINGS[n], eos) for n in names]
    # An answer that hangs on a near-tie is none.
    r["generate"] = [g for g in found if g["gap"] > CLEAR]
    r["score"] = blip2_opt.scores(rows_of, tokens, ids, CONTINUATIONS)
    return r


def golden(name, spec):
    what, seed, dtype, _, _, latents, places, _ = spec
    eos = [2]
    with tempfile.TemporaryDirectory() as folder:
        processor, files = processor_of(spec, folder)
        os.mkdir(f"{folder}/model")
        model, tensors = build(spec, f"{folder}/model", len(processor.tokenizer) + seed % 3, eos)
        files |= read_files(f"{folder}/model")
    pictures, rgb = pictures_of(seed)
    cases = [case(model, processor, rgb, latents, p, n, eos) for p, n in zip(CASES, NAMES)]
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "placeholder": FIRST, "files": files, "tensors": tensors,
            "pictures": pictures, "cases": cases}


if __name__ == "__main__":
    main("kosmos", VERSIONS.get(transformers.__version__, {}), any_config, golden, sys.argv[1:])
