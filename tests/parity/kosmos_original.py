"""Goldens of KOSMOS-2's original layout, and of KOSMOS-1's shape in it (kosmos_original_*.json): small random checkpoints in fairseq's
names. Tower and bridge are transformers 4.57.6's, the language model is the makers' code (unilm, torchscale) restated below with torch 2.

    python kosmos_original.py                          makes every golden
    python kosmos_original.py NAME...                  only these
    python kosmos_original.py --random FIRST COUNT DIR random configurations by seed, into DIR, for checks that are not kept

What a stranger needs to know about the original: `self_attn_sope.scale` is in the file whether positions are xPos or sines. With
xPos the makers centre the powers on the middle of what is read at once and cache keys as they are; only the difference of two
positions counts in a product of a query and a key, so that this is the same for every cut of a text. Beyond 2,048 positions
queries are multiplied by the logarithm of theirs to that base.
"""
import math
import random
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from transformers import CLIPImageProcessor, Kosmos2Config, Kosmos2ForConditionalGeneration

import formula
import frozen
import kosmos
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored
from instructblip import CLEAR
from kosmos import CASES, FIRST, t, v
from llava import main, pictures_of

frozen.NEW = 24
NAMES = [["greedy", "beams"], ["greedy"], ["greedy", "beams"], ["greedy", "repetition"], ["greedy"]]
# name: (what it is for, seed, stored type, tower, language model, rows of a picture, xPos)
CONFIGS = {
    "two": ("KOSMOS-2's file", 721, "float32", v(48, 4, 96, 2, 28, 14), t(64, 4, 128, 3), 6, False),
    "one": ("KOSMOS-1's shape, with xPos", 722, "float32", v(40, 2, 72, 2, 30, 10), t(60, 5, 100, 3), 4, True),
    "one_half": ("the same in halves, one head", 723, "float16", v(36, 3, 64, 1, 32, 8), t(24, 1, 60, 2), 3, True),
}


def any_config(seed):
    r = random.Random(seed)
    heads, patch = r.randint(1, 4), r.choice([7, 8, 14])
    vision = v(heads * 4 * r.randint(2, 4), heads, r.randint(20, 90), r.randint(1, 3), patch * r.randint(1, 4), patch)
    heads = r.randint(1, 5)
    text = t(heads * 2 * r.randint(2, 10), heads, r.randint(20, 120), r.randint(1, 4))
    return (f"random {seed}", seed, r.choice(["float32", "bfloat16", "float16"]), vision, text, r.randint(1, 8), r.random() < 0.7)


def theirs(name):
    """fairseq's name of a tensor of transformers'."""
    for ours, other in [
        ("text_model.lm_head.", "gpt_model.decoder.output_projection."), ("text_model.model.", "gpt_model.decoder."), ("image_to_text_projection.", "img_connector."),
        ("vision_model.model.embeddings.class_embedding", "img_model.visual.class_embedding"),
        ("vision_model.model.embeddings.position_embedding.weight", "img_model.visual.positional_embedding"),
        ("vision_model.model.embeddings.patch_embedding.", "img_model.visual.conv1."), ("vision_model.model.", "img_model.visual."),
        (".pre_layrnorm.", ".ln_pre."), (".post_layernorm.", ".ln_post."), (".layer_norm1.", ".ln_1."), (".layer_norm2.", ".ln_2."),
        (".mlp.fc1.", ".mlp.c_fc."), (".mlp.fc2.", ".mlp.c_proj."),
    ]:
        name = name.replace(ours, other)
    if name.startswith("img_model."):
        name = name.replace(".encoder.layers.", ".transformer.resblocks.").replace(".self_attn.", ".ts_attn.")
    return name


def waves(count, width):
    """fairseq's sines, from position 2 on."""
    half = width // 2
    w = torch.exp(torch.arange(half, dtype=torch.float) * -(math.log(10000) / (half - 1)))
    a = torch.arange(2, 2 + count, dtype=torch.float)[:, None] * w
    out = torch.cat([a.sin(), a.cos()], 1)
    return F.pad(out, (0, width - 2 * half))


def every_two(x):
    return torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)


class Magneto:
    """The makers' decoder over what takes the place of embeddings."""

    def __init__(self, sd, text, xpos, encode):
        self.sd, self.layers, self.heads, self.xpos, self.encode = sd, text["layers"], text["attention_heads"], xpos, encode

    def linear(self, x, name):
        return x @ self.sd[f"{name}.weight"].T + self.sd[f"{name}.bias"]

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.sd[f"{name}.weight"], self.sd[f"{name}.bias"], 1e-5)

    def attend(self, x, b):
        n, d = x.shape
        hd = d // self.heads
        q, k, value = [self.linear(x, f"{b}.{part}_proj").view(n, self.heads, hd).transpose(0, 1) for part in "qkv"]
        q = q * hd**-0.5
        if self.xpos:
            zeta = (torch.arange(0, hd, 2) + 0.4 * hd) / (1.4 * hd)
            scale = zeta ** (torch.arange(-(n // 2), n - n // 2).float()[:, None] / 512)
            angle = torch.arange(n, dtype=torch.float)[:, None] * (1.0 / 10000 ** (torch.arange(0, hd // 2) / (hd // 2)))
            turn = lambda x, s: x * (angle.cos() * s).repeat_interleave(2, -1) + every_two(x) * (angle.sin() * s).repeat_interleave(2, -1)
            q, k = turn(q, scale), turn(k, 1 / scale)
            if n > 2048:
                q = q * torch.maximum(torch.ones(n), torch.arange(n).log() / math.log(2048))[:, None]
        scores = (q @ k.transpose(1, 2)).masked_fill(torch.ones(n, n).triu(1).bool(), -math.inf)
        found = (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
        return self.linear(self.norm(found, f"{b}.inner_attn_ln"), f"{b}.out_proj")

    def logits(self, items, more=()):
        """`items` are lists of ids and rows; rows of logits for all of them with `more` ids behind."""
        table = self.sd["gpt_model.decoder.embed_tokens.weight"]
        parts = [p for p in [*items, list(more)] if len(p)]
        x = torch.cat([p if isinstance(p, torch.Tensor) else table[torch.tensor(p)] for p in parts]) * math.sqrt(table.shape[1])
        if not self.xpos:
            ids = torch.tensor([i for p in parts for i in ([FIRST] * len(p) if isinstance(p, torch.Tensor) else p)])
            x = x + waves(*x.shape) * (ids != 1)[:, None]
        for n in range(self.layers):
            b = f"gpt_model.decoder.layers.{n}"
            x = x + self.attend(self.norm(x, f"{b}.self_attn_layer_norm"), f"{b}.self_attn")
            h = F.gelu(self.linear(self.norm(x, f"{b}.final_layer_norm"), f"{b}.ffn.fc1"))
            x = x + self.linear(self.norm(h, f"{b}.ffn.ffn_layernorm"), f"{b}.ffn.fc2")
        return self.norm(x, "gpt_model.decoder.layer_norm") @ table.T


def case(model, tokens, images, rgb, latents, pieces, names, eos):
    image, end = tokens.convert_tokens_to_ids(["<image>", "</image>"])
    items, pixels, rows = [[0]], [], []
    for p in pieces:
        if isinstance(p, int):
            x = images(images=Image.fromarray(rgb[p]), return_tensors="pt")["pixel_values"]
            pixels.append(f"{formula.fnv1a(np.ascontiguousarray(x[0].numpy(), dtype='<f4').tobytes()):016x}")
            rows.append(model.encode(x))
            items += [[image], rows[-1], [end]]
        else:
            items.append(tokens(p, add_special_tokens=False)["input_ids"])
    seen = lambda p: list(range(FIRST, FIRST + latents)) if isinstance(p, torch.Tensor) else p
    ids = [i for p in items for i in seen(p)]
    whole, last = model.logits(items), len(ids) - 1
    r = {"pieces": pieces, "ids": ids, "pixels": pixels, "logits": [{"position": p, "values": numbers(whole[p])} for p in sorted({0, last // 2, last})]}
    if rows:
        r["rows"] = sample(torch.cat(rows), 40)
    found = [frozen.generate(model, tokens, items, n, SETTINGS[n], eos, ids) for n in names]
    r["generate"] = [g for g in found if g["gap"] > CLEAR]
    r["score"] = []
    for text in CONTINUATIONS:
        more = tokens(text, add_special_tokens=False)["input_ids"]
        logs = torch.log_softmax(model.logits(items, more), -1)[len(ids) - 1 : -1]
        r["score"].append({"text": text, "ids": more, "logprobs": numbers(logs[torch.arange(len(more)), torch.tensor(more)])})
    return r


def golden(name, spec):
    what, seed, dtype, vision, text, latents, xpos = spec
    with tempfile.TemporaryDirectory() as folder:
        side = vision["image_size"]
        processor, files = kosmos.processor_of((what, seed, dtype, vision, text, latents, 16, {}), folder)
        with open(f"{folder}/own/tokenizer.json") as f:
            files = {"tokenizer.json": f.read(), "tokenizer_config.json": files["tokenizer_config.json"]}
    tokens = processor.tokenizer
    # The makers' places of the grid are 1,024: here as many as there are rows.
    hf = Kosmos2ForConditionalGeneration(Kosmos2Config(text_config=dict(text, vocab_size=len(tokens)), vision_config=vision, latent_query_num=latents)).eval()
    hf.set_attn_implementation("eager")
    with torch.no_grad():
        named = {theirs(k): p for k, p in hf.named_parameters()}
        for k, p in named.items():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    sd = {k: p.detach() for k, p in named.items()}

    def encode(pixels):
        with torch.no_grad():
            x = hf.vision_model.model.post_layernorm(hf.vision_model(pixels)[0])
            return hf.image_to_text_projection(F.normalize(x, dim=-1))[0][0]

    model = Magneto(sd, text, xpos, encode)
    if not xpos:  # what is restated is what transformers has
        ids = torch.tensor([[0, 9, 12, 7, 30, 44, 5]])
        assert torch.allclose(hf.text_model(input_ids=ids).logits[0].detach(), model.logits([ids[0].tolist()]), atol=1e-4)
    pictures, rgb = pictures_of(seed)
    images = CLIPImageProcessor(size={"height": side, "width": side}, crop_size={"height": side, "width": side})
    cases = [case(model, tokens, images, rgb, latents, p, n, [2]) for p, n in zip(CASES, NAMES)]
    # What the makers' file has besides: all of it tensors that nothing computes with.
    more = [["gpt_model.decoder.embed_positions._float_tensor", [1]], ["gpt_model.decoder.self_attn_sope.scale", [text["embed_dim"] // text["attention_heads"] // 2]]]
    tensors = sorted([k, list(p.shape)] for k, p in sd.items()) + more
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": [2], "placeholder": FIRST, "files": files, "tensors": [], "parts": {"checkpoint": sorted(tensors)},
            "original": {"xpos": xpos, "heads": text["attention_heads"], "vision_heads": vision["num_attention_heads"]}, "pictures": pictures, "cases": cases}


if __name__ == "__main__":
    main("kosmos_original", CONFIGS, any_config, golden, sys.argv[1:])
