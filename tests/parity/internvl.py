"""Goldens of InternVL: small random InternVLForConditionalGeneration run by transformers 4.57.6, and by 5.24.0,
internvl_*.json.

    python internvl.py                          makes every golden of the version it is run with
    python internvl.py NAME...                  only these
    python internvl.py --random FIRST COUNT DIR goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original (modeling_internvl.py, image_processing_got_ocr2.py):

The processor cuts pictures into tiles whatever the image processor's own file says; tiles come row by row, the whole picture,
resized by itself, behind them, unless one tile is all there is. What is a tie between two grids goes to the later one where the
picture has more than half its pixels. Pictures go through Pillow, as the slow processor of 4.x and the one that 5.x calls ...Pil
do. The rows of the class and a norm behind the blocks are there as the configuration says.

A random model may say `<IMG_CONTEXT>`, which no released one does: only a prompt's ids stand for pictures here.
"""
import json
import os
import random
import struct
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer
from transformers import InternVLConfig, InternVLForConditionalGeneration, InternVLProcessor, InternVLVideoProcessor, InternVLVisionConfig
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen3Config

import blip2_opt
import formula
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored
from instructblip import CLEAR
from llava import FOUR, HERE, main, pictures_of, read_files

blip2_opt.NEW = 32
MARKS = ["<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
with open(f"{HERE}/opt_tokenizer.json", encoding="utf-8") as shared:
    SHARED = json.load(shared)
FIRST = len(SHARED["vocab"])
IMAGE, TABLE = FIRST + 2, FIRST + len(MARKS)
PLACE = MARKS[2]
CASES = [
    ["What is it? ", 1, "\nWhat is unusual about this image?"],
    [2, "\nand ", 0, " — a naïve café 東京 🦉?  it is the cat\n"],
    ["What is the answer to this Question?"],
    [4, 3, "\nthe ", 0],
]
NAMES = [["greedy", "beams"], ["greedy", "beams", "beams_length_0"], ["greedy", "beams"], ["greedy", "repetition"]]


def v(width, heads, ffn, layers, image, patch, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, image_size=[image, image],
                patch_size=[patch, patch], **more)


def qwen(width, heads, kv, ffn, layers, kind="qwen2", **more):
    more.setdefault("vocab_size", TABLE + 3)
    return dict(model_type=kind, hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=2048, bos_token_id=2, eos_token_id=2, pad_token_id=1, **more)


# name: (what it is for, seed, type of the stored weights, names, vision, language model, the outer configuration's own, processor's own)
CONFIGS = {
    "default": ("as published: biases, twelve tiles, Qwen 2", 41, "float32", "hub", v(48, 4, 96, 3, 28, 7, attention_bias=True, layer_scale_init_value=0.1),
                qwen(64, 4, 2, 128, 3), {}, {}),
    "quarter": ("four by four patches a row, no biases, a norm behind the blocks, Qwen 3, few tiles, tied head", 42, "bfloat16", "module",
              v(36, 3, 72, 2, 40, 5, use_mean_pooling=False, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-5),
              qwen(48, 4, 2, 90, 2, "qwen3", head_dim=16, tie_word_embeddings=True), dict(downsample_ratio=0.25, projector_hidden_act="relu"),
              dict(min_patches=2, max_patches=5)),
    "single": ("one tile at most", 43, "float32", "hub", v(32, 2, 64, 3, 24, 6, use_mask_token=True), qwen(40, 5, 1, 72, 2), {}, dict(max_patches=1)),
}
FIVE = {
    "five": ("as 5.24.0 saves it", 44, "float32", "module", v(48, 4, 96, 2, 28, 7, attention_bias=True), qwen(64, 4, 2, 128, 2), {}, {}),
    "five_inner": ("a layer before the last, which 4.57.6 cannot read", 45, "float32", "hub", v(32, 2, 64, 3, 24, 6, use_mean_pooling=False), qwen(40, 5, 1, 72, 2),
                   dict(vision_feature_layer=-2), dict(max_patches=4)),
}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}


def any_config(seed):
    """A configuration by its seed."""
    r = random.Random(seed)
    scale, rows, patch = r.choice([1, 2, 2, 2, 4]), r.choice([1, 2, 3]), r.choice([4, 5, 7, 8])
    heads = r.choice([2, 3, 4])
    layers = r.randint(1, 4)
    pooled = r.random() < 0.7
    vision = v(heads * 4 * r.randint(2, 4), heads, r.randint(20, 120), layers, scale * rows * patch + r.choice([0, 0, 3]), patch, attention_bias=r.random() < 0.5,
               layer_norm_eps=r.choice([1e-5, 1e-6]), use_mean_pooling=pooled, hidden_act=r.choice(["gelu", "gelu_pytorch_tanh"]))
    kv = r.choice([1, 2, 3])
    theads, head = kv * r.choice([1, 2, 4]), 2 * r.randint(2, 12)
    kind = r.choice(["qwen2", "qwen3"])
    more = dict(head_dim=head) if kind == "qwen3" else {}
    text = qwen(theads * head, theads, kv, r.randint(20, 150), r.randint(1, 4), kind, vocab_size=TABLE + r.randint(0, 40), tie_word_embeddings=r.random() < 0.4,
                rms_norm_eps=r.choice([1e-6, 1e-5]), **more)
    least = r.randint(1, 3)
    own = dict(downsample_ratio=1 / scale, projector_hidden_act=r.choice(["gelu", "gelu", "relu", "silu"]))
    if not FOUR and r.random() < 0.4:
        own["vision_feature_layer"] = r.randint(-layers - 1, -1)
    names = r.choice(["hub", "module"])
    return (f"random {seed}", seed, r.choice(["float32", "bfloat16", "float16"]), names, vision, text, own,
            dict(min_patches=least, max_patches=r.randint(least, 14)))


def tokenizer():
    whole = json.loads(json.dumps(SHARED["tokenizer.json"]))
    whole["model"]["vocab"] = {t: i for i, t in enumerate(SHARED["vocab"])}
    whole["model"]["merges"] = [m.split(" ") for m in SHARED["merges"]]
    kept = [t for t in whole["added_tokens"] if t["id"] < FIRST]
    more = [dict(id=FIRST + i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, t in enumerate(MARKS)]
    whole["added_tokens"] = kept + more
    names = dict(start_image_token=MARKS[0], end_image_token=MARKS[1], context_image_token=MARKS[2], video_token=MARKS[3])
    fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(whole)), bos_token="</s>", eos_token="</s>", unk_token="</s>",
                                   pad_token="<pad>", extra_special_tokens=names)
    assert fast.convert_tokens_to_ids(PLACE) == IMAGE
    return fast


def renamed(name, names):
    """A parameter's name in a file, of its module's in either version."""
    if names == "module":
        return name
    name = name.replace("model.vision_tower.", "vision_tower.", 1).replace("model.multi_modal", "multi_modal", 1)
    return name.replace("model.language_model.", "language_model.model.", 1).replace("lm_head", "language_model.lm_head", 1)


def build(spec, folder):
    """The model in f32 (weights rounded to the stored type), saved into a folder, and its tensors."""
    _, seed, dtype, names, vision, text, own, _ = spec
    kind = {"qwen2": Qwen2Config, "qwen3": Qwen3Config}[text["model_type"]]
    config = InternVLConfig(vision_config=InternVLVisionConfig(**vision).to_dict(), text_config=kind(**text).to_dict(), image_token_id=IMAGE,
                            tie_word_embeddings=text.get("tie_word_embeddings", False), **own)
    config._attn_implementation = "eager"
    model = InternVLForConditionalGeneration(config)
    model.tie_weights()
    model.generation_config.eos_token_id, model.generation_config.bos_token_id, model.generation_config.pad_token_id = 2, 2, 1
    parameters = {renamed(k, names): p for k, p in model.named_parameters()}
    with torch.no_grad():
        for k, p in parameters.items():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    model.save_pretrained(folder)
    with open(f"{folder}/model.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    os.remove(f"{folder}/model.safetensors")
    if names == "hub" and FOUR:
        assert set(header) == set(parameters), set(header) ^ set(parameters)
    return model.eval(), sorted([k, list(p.shape)] for k, p in parameters.items())


def make_processor(spec, folder):
    vision, own = spec[4], spec[6]
    side, patch = vision["image_size"][0], vision["patch_size"][0]
    kind = transformers.GotOcr2ImageProcessor if FOUR else transformers.GotOcr2ImageProcessorPil
    images = kind(size={"height": side, "width": side}, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], **spec[7])
    rows = (side // patch // round(1 / own.get("downsample_ratio", 0.5))) ** 2
    processor = InternVLProcessor(images, tokenizer(), InternVLVideoProcessor(), image_seq_length=rows)
    processor.save_pretrained(folder)
    return processor


class Beside:
    """The model beside its pictures, as a language model by itself; only a prompt's ids stand for pictures."""

    def __init__(self, model, x):
        self.model, self.config, self.x, self.n = model, model.config, x, x["input_ids"].shape[1]
        self.rows = None
        if "pixel_values" in x:
            with torch.no_grad():
                rows = model.get_image_features(x["pixel_values"])
            self.rows = (rows if isinstance(rows, torch.Tensor) else rows.pooler_output).reshape(-1, model.config.text_config.hidden_size)

    def generate(self, **more):
        seen = {k: self.x[k] for k in ("pixel_values",) if k in self.x}
        # Before 5.x beams see several pictures in another order than the prompt's: here each beam gets all rows.
        all_rows = None if self.rows is None else torch.cat([self.rows] * more.get("num_beams", 1))[None]
        if all_rows is not None and FOUR:
            self.model.model.get_image_features = lambda *_, **__: all_rows
        try:
            return self.model.generate(**seen, **more)
        finally:
            self.model.model.__dict__.pop("get_image_features", None)

    def __call__(self, input_ids):
        with torch.no_grad():
            embedded = self.model.get_input_embeddings()(input_ids)
            mask = (input_ids == IMAGE) & (torch.arange(input_ids.shape[1]) < self.n)
            if self.rows is not None:
                embedded = embedded.masked_scatter(mask[..., None].expand_as(embedded), self.rows)
            hidden = self.model.model.language_model(inputs_embeds=embedded).last_hidden_state
        return type("Out", (), {"logits": self.model.lm_head(hidden)})


def case(model, processor, rgb, pieces_, names, eos):
    pictures = [Image.fromarray(rgb[p]) for p in pieces_ if isinstance(p, int)]
    text = "".join(PLACE if isinstance(p, int) else p for p in pieces_)
    x = processor(images=pictures or None, text=text, return_tensors="pt")
    ids = x["input_ids"]
    beside = Beside(model, x)
    whole = beside(ids).logits[0].detach()
    with torch.no_grad():
        given = {k: x[k] for k in ("input_ids", "pixel_values") if k in x}
        assert torch.allclose(model(**given).logits[0], whole, atol=1e-5)
    r = {"pieces": pieces_, "ids": ids[0].tolist(), "pixels": []}
    for picture in pictures:
        pixels = processor(images=[picture], text=PLACE, return_tensors="pt")["pixel_values"]
        r["pixels"].append(f"{formula.fnv1a(np.ascontiguousarray(pixels.numpy(), dtype='<f4').tobytes()):016x}")
    if pictures:
        r["rows"] = sample(beside.rows, 40)
    at = [i for i, t in enumerate(r["ids"]) if t == IMAGE]
    last = len(r["ids"]) - 1
    r["logits"] = [{"position": p, "values": numbers(whole[p])} for p in sorted({0, last, *at[:1], *at[-1:]})]
    tokens = processor.tokenizer
    r["generate"] = [blip2_opt.generate(beside, tokens, None, ids, n, SETTINGS[n], eos) for n in names]
    # An answer that hangs on a near-tie is none.
    r["generate"] = [g for g in r["generate"] if g["gap"] > CLEAR]
    row_of = lambda s: beside(torch.tensor([s])).logits[0].detach()
    r["score"] = blip2_opt.scores(row_of, tokens, r["ids"], CONTINUATIONS)
    return r


def golden(name, spec):
    what, seed, dtype, *_ = spec
    with tempfile.TemporaryDirectory() as folder:
        model, tensors = build(spec, folder)
        processor = make_processor(spec, folder)
        files = read_files(folder)
    pictures, rgb = pictures_of(seed)
    cases = [case(model, processor, rgb, p, n, [2]) for p, n in zip(CASES, NAMES)]
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": [2], "placeholder": IMAGE, "added_tokens": MARKS, "files": files, "tensors": tensors,
            "pictures": pictures, "cases": cases}


if __name__ == "__main__":
    main("internvl", VERSIONS[transformers.__version__], any_config, golden, sys.argv[1:])
