"""Goldens of the frozen family: frozen_*.json. Nothing was released, so the reference is written here.

    python frozen.py           makes every golden
    python frozen.py NAME...   only these

A tower's one vector (the class row or the mean of all rows, behind the tower's last norm), a linear map to n rows, and those
rows among a LLaMA's embeddings, in the order of the prompt, behind its begin token. The language model and CLIP's tower are
transformers', the paper's own tower, an NF-ResNet, is timm's: its vector is the mean of the last map behind the last ReLU. Weights and pictures are formulas. Pictures are padded with black to a square, the odd pixel behind, and
resized by bicubic.
"""
import json
import os
import sys
import tempfile
import warnings

import beams
import formula
import numpy as np
import opt_tokenizer
import timm.models.nfnet
import torch
import transformers
from blip2_opt import HERE, NEW, QUESTION, UNICODE, number, numbers, process, sample, stored
from flamingo import CONTINUATIONS, PICTURES, SETTINGS, picture
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

IMAGE = 312
MEAN, STD = np.float32([0.48145466, 0.4578275, 0.40821073]), np.float32([0.26862954, 0.26130258, 0.27577711])
CASES = [
    ["a photo of the old house"],
    [0, QUESTION],
    ["Please answer the question. ", 1, QUESTION, " a cat. ", 3, QUESTION],
    [UNICODE, 2, 2, 1, "it is"],
]


def frozen(rows, pool, width, heads, ffn, layers, vision, **more):
    text = dict(model_type="llama", vocab_size=IMAGE + 1, hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=256, bos_token_id=2, pad_token_id=1, tie_word_embeddings=True, eos_token_id=2, **more)
    return dict(model_type="frozen", text_config=text, vision_config=vision, prefix_length=rows, pool=pool)


def clip(width, heads, ffn, layers, size, patch):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, image_size=size, patch_size=patch,
                hidden_act="quick_gelu")


def nf_resnet(size, stem, depths, channels, **more):
    return dict(model_type="nf_resnet", image_size=size, stem_chs=stem, depths=depths, channels=channels, **more)


CONFIGS = {
    "class": ("two rows of the class row, as the paper found best", 401, "float32", frozen(2, "class", 64, 4, 120, 3, clip(48, 4, 96, 2, 28, 14))),
    "mean": ("four rows of the mean of all, bf16", 402, "bfloat16", frozen(4, "mean", 48, 6, 90, 4, clip(40, 5, 72, 3, 40, 8), num_key_value_heads=3)),
    "nf": ("NF-ResNet with learned gains, two rows, sides that halve evenly", 407, "float32",
           frozen(2, "mean", 64, 4, 120, 3, nf_resnet(64, 32, [2, 1, 2], [64, 96, 160], skipinit=True))),
    "nf_odd": ("NF-ResNet of four stages, sides that do not halve evenly, a first stage as wide as the stem, bf16", 406, "bfloat16",
               frozen(3, "mean", 48, 6, 90, 2, nf_resnet(107, 64, [1, 2, 2, 1], [64, 32, 96, 64], alpha=0.3, std_conv_eps=1e-4), num_key_value_heads=3)),
}


class Frozen(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        vision = dict(config["vision_config"])
        self.nf_resnet = vision.pop("model_type", None) == "nf_resnet"
        if self.nf_resnet:
            del vision["image_size"]
            cfg = timm.models.nfnet.NfCfg(stem_type="7x7_pool", bottle_ratio=0.25, act_layer="relu", **vision)
            self.tower = timm.models.nfnet.NormFreeNet(cfg, num_classes=0)
            width = self.tower.num_features
        else:
            self.tower = CLIPVisionModel(CLIPVisionConfig(**vision))
            width = vision["hidden_size"]
        self.lm = LlamaForCausalLM(LlamaConfig(**config["text_config"], attn_implementation="eager"))
        self.rows, self.pool = config["prefix_length"], config["pool"]
        self.prefix = torch.nn.Linear(width, self.rows * config["text_config"]["hidden_size"])

    def names(self):
        """Parameters by their names in the checkpoint."""
        before = "vision_model." if self.nf_resnet else ""
        parts = [{before + k: p for k, p in self.tower.named_parameters()}, dict(self.lm.named_parameters()), {f"prefix.{k}": p for k, p in self.prefix.named_parameters()}]
        return {k: p for part in parts for k, p in part.items()}

    def see(self, pixels):
        """[3, S, S] -> the tower's rows."""
        if self.nf_resnet:
            return self.tower.forward_features(pixels[None])[0].flatten(1).T
        tower = self.tower.vision_model
        return tower.post_layernorm(self.tower(pixels[None]).last_hidden_state)[0]

    def encode(self, pixels):
        """[3, S, S] -> [rows, width]."""
        rows = self.see(pixels)
        vector = rows.mean(0) if self.pool == "mean" else rows[0]
        return self.prefix(vector).reshape(self.rows, -1)

    def logits(self, items, more=()):
        """`items` are lists of ids and pixels; rows of logits for all of them with `more` ids behind."""
        with torch.no_grad():
            embed = self.lm.get_input_embeddings()
            parts = [self.encode(x) if isinstance(x, torch.Tensor) else embed(torch.tensor(x, dtype=torch.long)) for x in [*items, list(more)] if len(x)]
            return self.lm(inputs_embeds=torch.cat(parts)[None]).logits[0]


def prepare(image, size):
    """Padded, resized, normalised as transformers does: scaled in f64, the rest in f32."""
    side = max(image.size)
    square = Image.new("RGB", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    x = np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))
    x = ((x.astype(np.float64) * (1 / 255)).astype(np.float32) - MEAN) / STD
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))


def generate(model, tokens, items, name, settings, eos, before=None):
    """`before` are the ids that the repetition penalty sees before the text; those of the prompt where there are none."""
    before = seen(items) if before is None else before
    rows_of = lambda more: model.logits(items, more)[-1]
    run = process(settings, 0, eos)
    r = {"name": name, "settings": settings, "max_new_tokens": NEW}
    if "num_beams" in settings:
        rows = lambda many: [torch.log_softmax(rows_of(s), -1).tolist() for s in many]
        new, score, gap = beams.search(rows, [], settings["num_beams"], NEW, eos, settings.get("length_penalty", 1.0), False, run)
        r["score"] = number(score)
    else:
        new, gap = [], float("inf")
        while len(new) < NEW and (not new or new[-1] not in eos):
            row = np.array(run(before + new, rows_of(new).tolist()))
            first, second = np.sort(row)[::-1][:2]
            new.append(int(row.argmax()))
            gap = min(gap, float(first - second))
    return {**r, "ids": new, "text": tokens.decode(new, skip_special_tokens=True), "ended": new[-1] in eos, "gap": number(gap)}


def seen(items):
    """The ids that the repetition penalty sees: pictures have none."""
    return [i for x in items if not isinstance(x, torch.Tensor) for i in x]


def case(model, tokens, config, seed, pieces, names):
    size, eos = config["vision_config"]["image_size"], [2]
    items, ids = [[2]], [2]
    for p in pieces:
        items.append(tokens(p, add_special_tokens=False)["input_ids"] if isinstance(p, str) else prepare(picture(seed, p)[0], size))
        ids += items[-1] if isinstance(p, str) else [IMAGE] * model.rows
    rows = model.logits(items)
    assert rows.shape[0] == len(ids)
    last = len(ids) - 1
    at = sorted({0, last // 3, 2 * last // 3, last} | {i for i, t in enumerate(ids) if t == IMAGE})
    r = {"pieces": pieces, "ids": ids, "logits": [{"position": p, "values": numbers(rows[p])} for p in at[-5:]]}
    r["generate"] = [generate(model, tokens, items, n, SETTINGS[n], eos) for n in names]
    r["score"] = []
    for t in CONTINUATIONS:
        more = tokens(t, add_special_tokens=False)["input_ids"]
        found = torch.log_softmax(model.logits(items, more), -1)[len(ids) - 1 : -1]
        r["score"].append({"text": t, "ids": more, "logprobs": numbers(found[torch.arange(len(more)), torch.tensor(more)])})
    first = next((x for x in items if isinstance(x, torch.Tensor)), None)
    if first is not None:
        with torch.no_grad():
            r["media"] = sample(model.encode(first))
            features = model.see(first).mean(0)
            r["features"] = sample(features / features.norm())
    return r


def golden(name, what, seed, dtype, config, names):
    model = Frozen(config).eval()
    parameters = model.names()
    with torch.no_grad():
        for k, p in parameters.items():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    tensors = sorted([k, list(p.shape)] for k, p in parameters.items())
    check = []
    for k, shape in tensors[:: max(1, len(tensors) // 8)]:
        last = int(np.prod(shape)) - 1
        index = sorted({0, min(1, last), last})
        bits = formula.tensor(seed, k, shape).reshape(-1)[index].view(np.uint32)
        check.append({"name": k, "shape": shape, "index": index, "bits": [int(b) for b in bits]})
    with tempfile.TemporaryDirectory() as d:
        tokens = opt_tokenizer.save(d)
        cases = [case(model, tokens, config, seed, p, n) for p, n in zip(CASES, names)]
    return {
        "name": name, "note": what, "seed": seed, "dtype": dtype, "eos": [2], "added_tokens": ["<image>"], "config": config, "generation_config": {"eos_token_id": 2},
        "preprocessor_config": {}, "tensors": tensors, "formula": check, "pictures": [picture(seed, i)[1] for i in range(len(PICTURES))], "cases": cases,
    }


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    for name in sys.argv[1:] or CONFIGS:
        what, seed, dtype, config = CONFIGS[name]
        g = golden(name, what, seed, dtype, config, [["greedy"], ["greedy", "beams"], ["greedy", "repetition"], ["beams"]])
        with open(f"{HERE}/frozen_{name}.json", "w") as f:
            json.dump(g, f, separators=(",", ":"))
        print(f"{name}: {os.path.getsize(f.name)} bytes")
        for c in g["cases"]:
            for r in c["generate"]:
                mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
                print(f"  {r['name']:22s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {r['ids']}{mark}")


if __name__ == "__main__":
    main()
