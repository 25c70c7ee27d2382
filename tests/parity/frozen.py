"""Goldens of the frozen family: frozen_*.json. Nothing was released, so the reference is written here.

    python frozen.py           makes every golden

A tower's one vector (the class row or the mean of all rows, behind the tower's last norm), a linear map to n rows, and those
rows among a LLaMA's embeddings, in the order of the prompt, behind its begin token. Tower and language model are
transformers'; weights and pictures are formulas. Pictures are padded with black to a square, the odd pixel behind, and
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
    w, vheads, vffn, vlayers, size, patch = vision
    text = dict(model_type="llama", vocab_size=IMAGE + 1, hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=256, bos_token_id=2, pad_token_id=1, tie_word_embeddings=True, eos_token_id=2, **more)
    tower = dict(hidden_size=w, num_attention_heads=vheads, intermediate_size=vffn, num_hidden_layers=vlayers, image_size=size, patch_size=patch,
                 hidden_act="quick_gelu")
    return dict(model_type="frozen", text_config=text, vision_config=tower, prefix_length=rows, pool=pool)


CONFIGS = {
    "class": ("two rows of the class row, as the paper found best", 401, "float32", frozen(2, "class", 64, 4, 120, 3, (48, 4, 96, 2, 28, 14))),
    "mean": ("four rows of the mean of all, bf16", 402, "bfloat16", frozen(4, "mean", 48, 6, 90, 4, (40, 5, 72, 3, 40, 8), num_key_value_heads=3)),
}


class Frozen(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.tower = CLIPVisionModel(CLIPVisionConfig(**config["vision_config"]))
        self.lm = LlamaForCausalLM(LlamaConfig(**config["text_config"], attn_implementation="eager"))
        self.rows, self.pool = config["prefix_length"], config["pool"]
        self.prefix = torch.nn.Linear(config["vision_config"]["hidden_size"], self.rows * config["text_config"]["hidden_size"])

    def names(self):
        """Parameters by their names in the checkpoint."""
        parts = [dict(self.tower.named_parameters()), dict(self.lm.named_parameters()), {f"prefix.{k}": p for k, p in self.prefix.named_parameters()}]
        return {k: p for part in parts for k, p in part.items()}

    def encode(self, pixels):
        """[3, S, S] -> [rows, width]."""
        tower = self.tower.vision_model
        rows = tower.post_layernorm(self.tower(pixels[None]).last_hidden_state)[0]
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


def generate(model, tokens, items, name, settings, eos):
    rows_of = lambda more: model.logits(items, more)[-1]
    run = process(settings, 0, eos)
    r = {"name": name, "settings": settings, "max_new_tokens": NEW}
    if "num_beams" in settings:
        rows = lambda many: [torch.log_softmax(rows_of(s), -1).tolist() for s in many]
        new, score, gap = beams.search(rows, [], settings["num_beams"], NEW, eos, 1.0, False, run)
        r["score"] = number(score)
    else:
        new, gap = [], float("inf")
        while len(new) < NEW and (not new or new[-1] not in eos):
            row = np.array(run(seen(items) + new, rows_of(new).tolist()))
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
        index = sorted({0, 1, int(np.prod(shape)) - 1})
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
    for name, (what, seed, dtype, config) in CONFIGS.items():
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
