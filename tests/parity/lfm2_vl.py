"""Goldens of LFM2-VL: small random Lfm2VlForConditionalGeneration run by transformers 5.24.0, lfm2_vl_*.json.

    python lfm2_vl.py                           makes every golden
    python lfm2_vl.py NAME...                   only these
    python lfm2_vl.py --random FIRST COUNT DIR  goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original (modeling_lfm2_vl.py, image_processing_lfm2_vl.py, modeling_siglip2.py):

A picture is brought to whole squares of patches near its own size; one that is too large for that is cut into tiles in the grid of
the closest shape, row by row, the whole behind them. Positions are resampled to a picture's patches as torch's interpolate does
with antialias. Tokens name a tile by its row and column; 4.57.6 exchanged the two. Pictures go through Pillow here, not through
torchvision, whose bilinear filter on bytes is Pillow's but for the last bit, and are scaled to 0..1 before the mean is subtracted,
as slow processors do, which differs from the fused step in the last bit.

A random model may say `<image>`, which no released one does: only a prompt's ids stand for pictures here.
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
from transformers import Lfm2Config, Lfm2VlConfig, Lfm2VlForConditionalGeneration, Lfm2VlImageProcessor, Lfm2VlProcessor, PreTrainedTokenizerFast
from transformers import Siglip2VisionConfig
from transformers.image_processing_backends import TorchvisionBackend

import blip2_opt
import formula
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored
from instructblip import CLEAR
from llava import FOUR, HERE, main, pictures_of, read_files

blip2_opt.NEW = 32
MARKS = ["<|image_start|>", "<|image_end|>", "<image>", "<|img_thumbnail|>"]
MARKS += [f"<|img_row_{r}_col_{c}|>" for r in range(1, 11) for c in range(1, 11) if r * c <= 10]
with open(f"{HERE}/opt_tokenizer.json", encoding="utf-8") as shared:
    SHARED = json.load(shared)
FIRST = len(SHARED["vocab"])
IMAGE, TABLE = FIRST + 2, FIRST + len(MARKS)
PLACE = MARKS[2]
CASES = [
    ["What is it? ", 1, "\nWhat is unusual about this image?"],
    [2, "\nand ", 0, " \u2014 a na\u00efve caf\u00e9 \u6771\u4eac \U0001f989?  it is the cat\n"],
    ["What is the answer to this Question?"],
    [4, 3, "\nthe ", 0],
]
NAMES = [["greedy", "beams"], ["greedy", "beams", "beams_length_0"], ["greedy", "beams"], ["greedy", "repetition"]]


def by_pillow(self, image, size, resample=None, **_):
    """What torchvision makes of a batch of planar bytes."""
    done = [np.asarray(Image.fromarray(one.permute(1, 2, 0).numpy()).resize((size.width, size.height), Image.BILINEAR)) for one in image]
    return torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2)


def in_turn(self, images, do_rescale, factor, do_normalize, mean, std):
    images = (images.double() * factor).float() if do_rescale else images.float()
    return (images - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None] if do_normalize else images


TorchvisionBackend.resize, TorchvisionBackend.rescale_and_normalize = by_pillow, in_turn


def v(width, heads, ffn, layers, across, patch, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, num_patches=across * across,
                patch_size=patch, **more)


def lfm2(width, heads, kv, ffn, layers, attends, **more):
    more.setdefault("vocab_size", TABLE + 3)
    kinds = ["full_attention" if i in attends else "conv" for i in range(layers)]
    return dict(model_type="lfm2", hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn, num_hidden_layers=layers,
                layer_types=kinds, block_auto_adjust_ff_dim=False, max_position_embeddings=2048, bos_token_id=2, eos_token_id=2, pad_token_id=1, **more)


def cut(patch, factor, side, least, most, **more):
    return dict(encoder_patch_size=patch, downsample_factor=factor, tile_size=side, min_image_tokens=least, max_image_tokens=most, **more)


# name: (what it is for, seed, type of the stored weights, vision, language model, the outer configuration's own, the image processor's)
CONFIGS = {
    "default": ("as published: a norm, squares of two patches, up to ten tiles", 81, "float32", v(48, 4, 96, 3, 4, 4), lfm2(64, 4, 2, 128, 4, [2]),
                dict(projector_hidden_size=56), cut(4, 2, 32, 4, 16)),
    "plain": ("no norm, no biases, one patch a row, few tiles, its own head", 82, "bfloat16", v(36, 3, 72, 2, 5, 5, hidden_act="gelu", layer_norm_eps=1e-5),
              lfm2(48, 6, 3, 90, 3, [0], conv_L_cache=4, tie_word_embeddings=False),
              dict(projector_hidden_size=40, projector_use_layernorm=False, projector_bias=False, downsample_factor=1, projector_hidden_act="relu"),
              cut(5, 1, 20, 3, 12, min_tiles=2, max_tiles=5, max_pixels_tolerance=1.5)),
    "whole": ("never cut, squares of three patches", 83, "float16", v(32, 2, 64, 2, 7, 3), lfm2(40, 5, 1, 72, 4, [1, 3], conv_L_cache=2),
              dict(projector_hidden_size=64, downsample_factor=3), cut(3, 3, 27, 2, 20, do_image_splitting=False)),
}
VERSIONS = {"5.24.0": CONFIGS}


def any_config(seed):
    """A configuration by its seed."""
    r = random.Random(seed)
    factor, patch, heads = r.choice([1, 2, 2, 2, 3]), r.choice([3, 4, 5, 8]), r.choice([2, 3, 4])
    layers = r.randint(1, 6)
    vision = v(heads * 4 * r.randint(2, 4), heads, r.randint(20, 120), r.randint(1, 4), r.randint(1, 9), patch, layer_norm_eps=r.choice([1e-5, 1e-6]),
               hidden_act=r.choice(["gelu", "gelu_pytorch_tanh"]))
    kv = r.choice([1, 2, 3])
    theads, head = kv * r.choice([1, 2, 4]), 2 * r.randint(2, 12)
    text = lfm2(theads * head, theads, kv, r.randint(20, 150), layers, [i for i in range(layers) if i == layers // 2 or r.random() < 0.4],
                vocab_size=TABLE + r.randint(0, 40), tie_word_embeddings=r.random() < 0.6, conv_L_cache=r.randint(1, 5), norm_eps=r.choice([1e-6, 1e-5]))
    own = dict(downsample_factor=factor, projector_hidden_size=r.randint(20, 80), projector_use_layernorm=r.random() < 0.5, projector_bias=r.random() < 0.6,
               projector_hidden_act=r.choice(["gelu", "gelu", "relu", "silu"]))
    least = r.randint(1, 8)
    tiles = r.randint(2, 4)
    return (f"random {seed}", seed, r.choice(["float32", "bfloat16", "float16"]), vision, text, own,
            cut(patch, factor, factor * patch * r.randint(1, 4), least, least + r.randint(0, 20), min_tiles=tiles, max_tiles=r.randint(tiles, 10),
                max_pixels_tolerance=r.choice([1.0, 1.5, 2.0]), do_image_splitting=r.random() < 0.8))


def tokenizer():
    whole = json.loads(json.dumps(SHARED["tokenizer.json"]))
    whole["model"]["vocab"] = {t: i for i, t in enumerate(SHARED["vocab"])}
    whole["model"]["merges"] = [m.split(" ") for m in SHARED["merges"]]
    kept = [t for t in whole["added_tokens"] if t["id"] < FIRST]
    more = [dict(id=FIRST + i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, t in enumerate(MARKS)]
    whole["added_tokens"] = kept + more
    names = dict(image_token=PLACE, image_start_token=MARKS[0], image_end_token=MARKS[1], image_thumbnail_token=MARKS[3])
    fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(whole)), bos_token="</s>", eos_token="</s>", unk_token="</s>",
                                   pad_token="<pad>", extra_special_tokens=names)
    assert fast.convert_tokens_to_ids(PLACE) == IMAGE
    return fast


def build(spec, folder):
    """The model in f32 (weights rounded to the stored type), saved into a folder, and its tensors."""
    _, seed, dtype, vision, text, own, _ = spec
    config = Lfm2VlConfig(vision_config=Siglip2VisionConfig(vision_use_head=False, **vision).to_dict(), text_config=Lfm2Config(**text).to_dict(),
                          image_token_id=IMAGE, tie_word_embeddings=text.get("tie_word_embeddings", True), **own)
    config._attn_implementation = "eager"
    model = Lfm2VlForConditionalGeneration(config)
    model.tie_weights()
    model.generation_config.eos_token_id, model.generation_config.bos_token_id, model.generation_config.pad_token_id = 2, 2, 1
    model.save_pretrained(folder)
    with open(f"{folder}/model.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    os.remove(f"{folder}/model.safetensors")
    # The file's names of the tower are older than the module's.
    parameters = {k if k in header else k.replace("vision_tower.", "vision_tower.vision_model.", 1): p for k, p in model.named_parameters()}
    assert set(header) == set(parameters), set(header) ^ set(parameters)
    with torch.no_grad():
        for k, p in parameters.items():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    return model.eval(), sorted([k, list(p.shape)] for k, p in parameters.items())


def make_processor(spec, folder):
    processor = Lfm2VlProcessor(Lfm2VlImageProcessor(**spec[6]), tokenizer())
    processor.save_pretrained(folder)
    return processor


def planes(x, patch):
    """What the tower is shown, as planes of colours, view by view."""
    views = []
    for pixels, (down, across) in zip(x["pixel_values"], x["spatial_shapes"].tolist()):
        view = pixels[: down * across].reshape(down, across, patch, patch, 3).permute(4, 0, 2, 1, 3)
        views.append(np.ascontiguousarray(view.numpy(), dtype="<f4").tobytes())
    return b"".join(views)


SEEN = ("pixel_values", "spatial_shapes", "pixel_attention_mask")


class Beside:
    """The model beside its pictures, as a language model by itself; only a prompt's ids stand for pictures."""

    def __init__(self, model, x):
        self.model, self.config, self.x, self.n = model, model.config, x, x["input_ids"].shape[1]
        self.rows = None
        if "pixel_values" in x:
            with torch.no_grad():
                self.rows = torch.cat(model.get_image_features(**{k: x[k] for k in SEEN}).pooler_output)

    def generate(self, input_ids, **more):
        beams = more.get("num_beams", 1)
        seen = {k: self.x[k] for k in SEEN if k in self.x}
        return self.model.generate(input_ids=input_ids, **seen, **more)

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
    x = processor(images=pictures or None, text=text, return_tensors="pt", add_special_tokens=True)
    ids = x["input_ids"]
    beside = Beside(model, x)
    whole = beside(ids).logits[0].detach()
    with torch.no_grad():
        given = {k: x[k] for k in ("input_ids", *SEEN) if k in x}
        assert torch.allclose(model(**given).logits[0], whole, atol=1e-5)
    r = {"pieces": pieces_, "ids": ids[0].tolist(), "pixels": []}
    for picture in pictures:
        one = processor(images=[picture], text=PLACE, return_tensors="pt")
        r["pixels"].append(f"{formula.fnv1a(planes(one, model.config.vision_config.patch_size)):016x}")
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
    main("lfm2_vl", VERSIONS[transformers.__version__], any_config, golden, sys.argv[1:])
