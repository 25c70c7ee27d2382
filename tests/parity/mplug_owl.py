"""Goldens of mPLUG-Owl, the first version (mplug_owl_*.json): small random ones in the names of its repository, computed by that
code restated below with torch 2; the language model is transformers 4.57.6's.

    python mplug_owl.py                             makes every golden
    python mplug_owl.py NAME...                     only these
    python mplug_owl.py --random FIRST COUNT DIR    random configurations by seed, into DIR, for checks that are not kept

What a stranger needs to know about the original (modeling_mplug_owl.py): the fused projection has queries, keys and values of a
head together; the tower's activation is QuickGELU whatever the configuration says; its last norm is over all rows, and the
class row is read. The abstractor adds what its attention finds to the queries as they were normed, with an epsilon of 1e-5, that of
PyTorch; only the norm within its feed-forward layers has the configuration's. One learned row ends each picture.
"""
import json
import os
import random
import sys
import tempfile

import torch
from torch.nn import functional as F
from transformers import LlamaConfig

import spliced
from blip2_opt import stored
from llava import TABLE, main, pictures_of, read_files, tokenizer

HEAD = "The following is a conversation between a curious human and AI assistant.\nHuman: "
CASES = [
    [HEAD, 1, "\nHuman: What is unusual about this image?\nAI: "],
    ["Human: ", 2, "\nHuman: ", 0, "\nHuman: a naïve café 東京 🦉?\nAI: two</s> Human: of them?\nAI:"],
    ["What is the answer to this Question?"],
    [4, 3, "\nthe ", 0, "\n\tin image  two"],
]
NAMES = [["greedy", "beams", "beams_length_0", "repetition"], ["greedy", "beams"], ["greedy", "beams"], ["greedy"]]


def v(width, heads, ffn, layers, image, patch, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, image_size=image, patch_size=patch, **more)


def llama(width, heads, kv, ffn, layers, **more):
    more.setdefault("vocab_size", TABLE + 5)
    return dict(hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=1024, tie_word_embeddings=False, **more)


# name: (what it is for, seed, stored type, tower, queries, layers, heads, its feed-forward width, language model)
CONFIGS = {
    "default": ("as published, smaller", 501, "float32", v(48, 4, 96, 2, 28, 14), 6, 2, 4, 88, llama(64, 4, 4, 128, 3)),
    "half": ("halves, one query, a side that the patch does not divide, another epsilon", 502, "float16", v(60, 6, 100, 3, 43, 9, layer_norm_eps=1e-5), 1, 3, 3, 70,
             llama(48, 6, 6, 90, 2, rms_norm_eps=1e-5)),
}


def any_config(seed):
    r = random.Random(seed)
    heads, each = r.randint(1, 5), 4 * r.randint(2, 5)
    patch = r.choice([7, 8, 14])
    vision = v(heads * each, heads, r.randint(20, 120), r.randint(1, 4), patch * r.randint(1, 4) + r.choice([0, 3]), patch, layer_norm_eps=r.choice([1e-6, 1e-5]))
    mine = r.choice([h for h in range(1, 7) if heads * each % h == 0])
    kv = r.randint(1, 3)
    text = llama(kv * 2 * 8 * r.randint(1, 3), kv * 2, kv, r.randint(30, 120), r.randint(1, 3), vocab_size=TABLE + r.randint(0, 30))
    return (f"random {seed}", seed, r.choice(["float32", "bfloat16", "float16"]), vision, r.randint(1, 12), r.randint(1, 4), mine, r.randint(10, 120), text)


def shapes(spec):
    _, _, _, vision, queries, layers, _, ffn, text = spec
    w, p, f, d = vision["hidden_size"], vision["patch_size"], vision["intermediate_size"], text["hidden_size"]
    rows = (vision["image_size"] // p) ** 2 + 1
    s = {"vision_model.embeddings.cls_token": [1, 1, w], "vision_model.embeddings.patch_embed.weight": [w, 3, p, p],
         "vision_model.embeddings.position_embedding": [1, rows, w], "query_tokens": [1, queries, w], "abstractor.vit_eos": [1, 1, d]}

    def linear(name, inputs, outputs):
        s[f"{name}.weight"], s[f"{name}.bias"] = [outputs, inputs], [outputs]

    def norm(name, width):
        s[f"{name}.weight"], s[f"{name}.bias"] = [width], [width]

    norm("vision_model.embeddings.pre_layernorm", w), norm("vision_model.post_layernorm", w)
    for n in range(vision["num_hidden_layers"]):
        b = f"vision_model.encoder.layers.{n}"
        norm(f"{b}.input_layernorm", w), norm(f"{b}.post_attention_layernorm", w)
        linear(f"{b}.self_attn.query_key_value", w, 3 * w), linear(f"{b}.self_attn.dense", w, w), linear(f"{b}.mlp.fc1", w, f), linear(f"{b}.mlp.fc2", f, w)
    for n in range(layers):
        b = f"abstractor.encoder.layers.{n}.crossattention"
        for part in ["attention.query", "attention.key", "attention.value", "output.out_proj"]:
            linear(f"{b}.{part}", w, w)
        for part in ["norm1", "normk", "output.norm2"]:
            norm(f"{b}.{part}", w)
        linear(f"{b}.output.mlp.w1", w, ffn), linear(f"{b}.output.mlp.w2", ffn, w), linear(f"{b}.output.mlp.w3", w, ffn), norm(f"{b}.output.mlp.ffn_ln", ffn)
    linear("abstractor.visual_fc", w, d)
    return s


class Owl:
    def __init__(self, sd, spec):
        self.sd, (_, _, _, self.vision, _, self.layers, self.heads, _, _) = sd, spec
        self.eps = self.vision.get("layer_norm_eps", 1e-6)

    def linear(self, x, name):
        return x @ self.sd[f"{name}.weight"].T + self.sd[f"{name}.bias"]

    def norm(self, x, name, eps):
        return F.layer_norm(x, x.shape[-1:], self.sd[f"{name}.weight"], self.sd[f"{name}.bias"], eps)

    def tower(self, pixels):
        e, heads = "vision_model.embeddings", self.vision["num_attention_heads"]
        x = F.conv2d(pixels[None], self.sd[f"{e}.patch_embed.weight"], stride=self.vision["patch_size"])[0].flatten(1).T
        x = torch.cat([self.sd[f"{e}.cls_token"][0], x]) + self.sd[f"{e}.position_embedding"][0]
        x = self.norm(x, f"{e}.pre_layernorm", self.eps)
        for n in range(self.vision["num_hidden_layers"]):
            b = f"vision_model.encoder.layers.{n}"
            mixed = self.linear(self.norm(x, f"{b}.input_layernorm", self.eps), f"{b}.self_attn.query_key_value")
            q, k, value = mixed.view(len(x), heads, 3, -1).permute(2, 1, 0, 3)
            found = (q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).softmax(-1) @ value
            x = x + self.linear(found.transpose(0, 1).flatten(1), f"{b}.self_attn.dense")
            h = self.linear(self.norm(x, f"{b}.post_attention_layernorm", self.eps), f"{b}.mlp.fc1")
            x = x + self.linear(h * torch.sigmoid(1.702 * h), f"{b}.mlp.fc2")
        return self.norm(x, "vision_model.post_layernorm", self.eps)

    def encode(self, pixels):
        seen, x = self.tower(pixels), self.sd["query_tokens"][0]
        split = lambda t: t.view(len(t), self.heads, -1).transpose(0, 1)
        for n in range(self.layers):
            b = f"abstractor.encoder.layers.{n}.crossattention"
            h = self.norm(x, f"{b}.norm1", 1e-5)
            both = torch.cat([h, self.norm(seen, f"{b}.normk", 1e-5)])
            q, k, value = [split(self.linear(t, f"{b}.attention.{part}")) for t, part in [(h, "query"), (both, "key"), (both, "value")]]
            found = ((q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).softmax(-1) @ value).transpose(0, 1).flatten(1)
            h = h + self.linear(found, f"{b}.output.out_proj")
            y = self.norm(h, f"{b}.output.norm2", 1e-5)
            y = F.silu(self.linear(y, f"{b}.output.mlp.w1")) * self.linear(y, f"{b}.output.mlp.w3")
            x = h + self.linear(self.norm(y, f"{b}.output.mlp.ffn_ln", self.eps), f"{b}.output.mlp.w2")
        return torch.cat([self.linear(x, "abstractor.visual_fc"), self.sd["abstractor.vit_eos"][0]])


def golden(name, spec):
    what, seed, dtype, vision, queries, layers, heads, ffn, text = spec
    lm, tensors = spliced.llama(text, seed, dtype, "language_model.")
    own = shapes(spec)
    owl = Owl({k: stored(k, shape, seed, dtype) for k, shape in own.items()}, spec)
    config = {
        "architectures": ["MplugOwlForConditionalGeneration"], "model_type": "mplug-owl", "num_query_tokens": queries,
        "text_config": LlamaConfig(**text).to_diff_dict(), "vision_config": vision | {"model_type": "mplug_owl_vision_model", "hidden_act": "quick_gelu"},
        "visual_abstractor_config": {"model_type": "mplug_owl_visual_abstract", "hidden_size": vision["hidden_size"], "num_hidden_layers": layers,
                                     "num_attention_heads": heads, "encoder_hidden_size": vision["hidden_size"], "layer_norm_eps": owl.eps},
    }
    side = vision["image_size"]
    with tempfile.TemporaryDirectory() as folder:
        tokens = tokenizer(folder, legacy=bool(seed % 2), marks=False)
        tokens.save_pretrained(folder)
        for file, content in [("config.json", config), ("generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}),
                              ("preprocessor_config.json", {"image_processor_type": "MplugOwlImageProcessor", "size": {"height": side, "width": side},
                                                            "do_center_crop": True, "crop_size": {"height": side, "width": side}})]:
            with open(f"{folder}/{file}", "w") as f:
                json.dump(content, f)
        files = read_files(folder)
    pictures, rgb = pictures_of(seed)
    model = spliced.Model(lm, owl.encode, side)
    cases = [spliced.case(model, tokens, rgb, p, n, [2]) for p, n in zip(CASES, NAMES)]
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": [2], "placeholder": spliced.IMAGE, "files": files,
            "tensors": sorted(tensors + [[k, s] for k, s in own.items()]), "pictures": pictures, "cases": cases}


if __name__ == "__main__":
    main("mplug_owl", CONFIGS, any_config, golden, sys.argv[1:])
