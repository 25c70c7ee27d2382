"""Goldens of MiniGPT-4 and MiniGPT-v2 (minigpt4_*.json): small random ones in the names of their parts, computed by their code
restated below with torch 2, the tower and the Q-Former being lavis.py's; the language model is transformers 4.57.6's.

    python minigpt4.py                             makes every golden
    python minigpt4.py NAME...                     only these
    python minigpt4.py --random FIRST COUNT DIR    random configurations by seed, into DIR, for checks that are not kept

What a stranger needs to know about the original (mini_gpt4.py, minigpt_v2.py, eva_vit.py): with Vicuna the tower's norm, the queries and
the Q-Former are BLIP-2's, the text branch being left out. With LLaMA 2 there is no Q-Former: the class row goes, four neighbouring
rows become one, and the norm behind the tower was never loaded nor trained. MiniGPT-v2 does the same for pictures of 448 pixels, to
which the positions are spread out by torch's bicubic interpolation, and has changes of low rank of queries and values.
"""
import json
import os
import random
import sys
import tempfile

import torch
from torch.nn import functional as F
from transformers import LlamaConfig

import lavis
import spliced
from blip2_opt import stored
from llava import TABLE, main, pictures_of, read_files, tokenizer
from mplug_owl import llama

CASES = {
    "qformer": [
        ["Give the following image: <Img>ImageContent</Img>. ###Human: <Img>", 1, "</Img> What is unusual about this image?###Assistant: "],
        ["###Human: <Img>", 2, "</Img> and <Img>", 0, "</Img> a naïve café 東京 🦉?###Assistant: "],
        ["What is the answer to this Question?"],
        [4, 3, "\nthe ", 0, "\n\tin image  two"],
    ],
    "rows": [
        ["<s>[INST] <Img>", 1, "</Img> What is unusual about this image? [/INST] "],
        ["<s>[INST] <Img>", 2, "</Img> [vqa] and <Img>", 0, "</Img> a naïve café 東京 🦉? [/INST]"],
        ["<s>[INST] What is the answer to this Question? [/INST]"],
    ],
}
NAMES = [["greedy", "beams", "repetition"], ["greedy", "beams"], ["greedy", "beams"], ["greedy"]]
ALPHA, SIDE = 16, 448

# name: (what it is for, seed, stored type, tower's heads, blocks, feed-forward width, side, patch, Q-Former's heads, layers, every how many look, its
#        feed-forward width, queries; or the rank of an adapter or none, language model)
CONFIGS = {
    "vicuna": ("with a Q-Former, as for Vicuna", 601, "float32", 1, 2, 96, 28, 14, (1, 3, 2, 80, 5), llama(64, 4, 4, 128, 3)),
    "llama2": ("neighbouring rows, as for LLaMA 2, halves", 602, "float16", 2, 1, 100, 56, 14, None, llama(48, 6, 6, 90, 2, rms_norm_eps=1e-5)),
    "v2": ("MiniGPT-v2: positions spread out, changes of low rank", 603, "float32", 1, 1, 60, 56, 14, 16, llama(64, 4, 4, 100, 2)),
}


def any_config(seed):
    r = random.Random(seed)
    bridge = r.choice([(r.randint(1, 3), r.randint(1, 4), r.randint(1, 3), r.randint(20, 100), r.randint(1, 12)), None, r.choice([4, 8, 16])])
    side = 14 * r.choice([2, 4]) if not isinstance(bridge, tuple) else 14 * r.randint(1, 4)
    heads = r.randint(1, 4) * 2
    text = llama(heads * 8 * r.randint(1, 2), heads, r.choice([heads, heads // 2]), r.randint(30, 120), r.randint(1, 3), vocab_size=TABLE + r.randint(0, 30))
    return (f"random {seed}", seed, r.choice(["float32", "float16"]), r.randint(1, 2), r.randint(1, 3), r.randint(20, 120), side, 14, bridge, text)


def golden(name, spec):
    what, seed, dtype, tower_heads, blocks, ffn, side, patch, bridge, text = spec
    w, d = tower_heads * 88, text["hidden_size"]
    former = isinstance(bridge, tuple)
    lm, language = spliced.llama(text, seed, dtype)
    read = lambda all_: {k: stored(k, s, seed, dtype) for k, s in all_.items()}
    vision = lavis.tower_shapes("eva", w, ffn, blocks + 1, side, patch)
    sd = {f"visual_encoder.{k}": t for k, t in read(vision).items()}
    parts = {"vision": vision, "qformer": {}, "checkpoint": {}}
    size = SIDE if isinstance(bridge, int) else side
    if former:
        heads, layers, every, inner, queries = bridge
        q = heads * 64
        parts["qformer"] = lavis.trained_shapes(w, q, layers, every, inner, queries, None, "t5", 40, False)
        sd |= read(parts["qformer"])
        model = lavis.Lavis(sd, "eva", tower_heads, blocks, patch, heads, layers)
        inputs = q
        encode = lambda x: model.linear(model.former(model.tower(x), [])[0], "llama_proj")
    else:
        sd |= {"ln_vision.weight": torch.ones(w), "ln_vision.bias": torch.zeros(w)}
        model = lavis.Lavis(sd, "eva", tower_heads, blocks, patch, 1, 0)
        inputs = 4 * w
        encode = lambda x: model.linear(model.tower(x)[1:].reshape(-1, inputs), "llama_proj")
    parts["checkpoint"] = {"llama_proj.weight": [d, inputs], "llama_proj.bias": [d]}
    if isinstance(bridge, int):
        grid = side // patch
        table = sd["visual_encoder.pos_embed"]
        places = table[:, 1:].reshape(1, grid, grid, w).permute(0, 3, 1, 2)
        places = F.interpolate(places, size=(SIDE // patch,) * 2, mode="bicubic", align_corners=False)
        sd["visual_encoder.pos_embed"] = torch.cat([table[:, :1], places.permute(0, 2, 3, 1).flatten(1, 2)], 1)
        for n in range(text["num_hidden_layers"]):
            for part in ["q_proj", "v_proj"]:
                start = f"llama_model.base_model.model.model.layers.{n}.self_attn.{part}.lora"
                weight = getattr(lm.model.layers[n].self_attn, part).weight
                shapes = {f"{start}_A.weight": [bridge, weight.shape[1]], f"{start}_B.weight": [weight.shape[0], bridge]}
                parts["checkpoint"] |= shapes
                a, b = read(shapes).values()
                with torch.no_grad():
                    weight += ALPHA / bridge * b @ a
    sd |= read({k: s for k, s in parts["checkpoint"].items() if k.startswith("llama_proj")})
    with tempfile.TemporaryDirectory() as folder:
        tokens = tokenizer(folder, legacy=bool(seed % 2), marks=False)
        tokens.save_pretrained(folder)
        for file, content in [("config.json", LlamaConfig(**text).to_diff_dict()), ("generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})]:
            with open(f"{folder}/{file}", "w") as f:
                json.dump(content, f)
        files = read_files(folder)
    pictures, rgb = pictures_of(seed)
    whole = spliced.Model(lm, encode, size)
    cases = [spliced.case(whole, tokens, rgb, p, n, [2]) for p, n in zip(CASES["qformer" if former else "rows"], NAMES)]
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": [2], "placeholder": spliced.IMAGE, "files": files, "tensors": language,
            "parts": {k: sorted([n, s] for n, s in t.items()) for k, t in parts.items()}, "pictures": pictures, "cases": cases}


if __name__ == "__main__":
    main("minigpt4", CONFIGS, any_config, golden, sys.argv[1:])
