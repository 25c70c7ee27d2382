"""Goldens of the qwen_vl family as pairs of llama.cpp's, written by its own Python package (gguf-py 0.17.1) by the rules of its
converter: DIR/qwen_vl-NAME/text.gguf and DIR/qwen_vl-NAME/mmproj.gguf, which are checked and not kept.

    python qwen_vl_pairs.py DIR [NAME...]
    OCELLI_PAIRS=DIR cargo test -p ocelli-tests --test parity -- --ignored pairs

Names of the language models and of the towers of Qwen2-VL and 2.5-VL are those of the package's own table; it does not know
Qwen3-VL's tower yet, whose names are those of tools/mtmd/clip-impl.h. The two frames of a kernel are two tensors, queries, keys and
values of Qwen3-VL are one. Bounds of a picture are not among llama.cpp's keys in files of that time, so the goldens' are added.
"""
import json
import math
import os
import sys

import gguf
import numpy as np

from blip2_opt import HERE, stored
from pairs import finish, tokens

KINDS = {"qwen2_vl": ("qwen2vl", "qwen2vl_merger"), "qwen2_5_vl": ("qwen2vl", "qwen2.5vl_merger"), "qwen3_vl": ("qwen3vl", "qwen3vl_merger")}


def plain(weights):
    """Names as they were released first: `model.` for the language model, `visual.` for the tower."""
    return {k.replace("model.visual.", "visual.").replace("model.language_model.", "model."): w for k, w in weights.items()}


def text(golden, weights, path):
    config = golden["config"]
    c = config.get("text_config", config)
    arch = KINDS[config["model_type"]][0]
    heads, width = c["num_attention_heads"], c["hidden_size"]
    head = c.get("head_dim", width // heads)
    w = gguf.GGUFWriter(path, arch)
    w.add_type("model")
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(width)
    w.add_block_count(c["num_hidden_layers"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(c["num_key_value_heads"])
    w.add_key_length(head)
    w.add_value_length(head)
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    w.add_rope_freq_base(c["rope_theta"])
    w.add_rope_dimension_sections([*c["rope_scaling"]["mrope_section"], 0])
    if arch == "qwen3vl":
        w.add_uint32(f"{arch}.n_deepstack_layers", len(config["vision_config"]["deepstack_visual_indexes"]))
    entries, types, merges = tokens({"more_merges": [], **golden})
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(entries)
    w.add_token_types(types)
    w.add_token_merges(merges)
    w.add_bos_token_id(2)
    w.add_eos_token_id(2)
    w.add_add_bos_token(True)
    # The package's table has the names of Qwen 3, which Qwen3-VL's language model shares.
    known = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3 if arch == "qwen3vl" else gguf.MODEL_ARCH.QWEN2VL, c["num_hidden_layers"])
    for name, value in weights.items():
        if not name.startswith("visual."):
            w.add_tensor(known.get_name(name, try_suffixes=(".weight", ".bias")), value)
    finish(w)


def mmproj(golden, weights, path):
    config, p = golden["config"], golden["preprocessor_config"]
    c, kind = config["vision_config"], config["model_type"]
    three = kind == "qwen3_vl"
    width = c["embed_dim" if kind == "qwen2_vl" else "hidden_size"]
    w = gguf.GGUFWriter(path, "clip")
    w.add_string("general.type", "mmproj")
    w.add_bool("clip.has_vision_encoder", True)
    w.add_string("clip.projector_type", KINDS[kind][1])
    w.add_bool("clip.use_gelu", three)
    w.add_vision_use_silu(kind == "qwen2_5_vl")
    side = math.isqrt(c["num_position_embeddings"]) * c["patch_size"] if three else 40 * c["patch_size"]
    ffn = c["intermediate_size"] if "intermediate_size" in c else width * c["mlp_ratio"]
    for key, value in [("image_size", side), ("patch_size", c["patch_size"]), ("embedding_length", width), ("feed_forward_length", ffn), ("block_count", c["depth"]),
                       ("attention.head_count", c["num_heads"]), ("projection_dim", config.get("text_config", config)["hidden_size"])]:
        w.add_uint32(f"clip.vision.{key}", value)
    w.add_vision_spatial_merge_size(c["spatial_merge_size"])
    if kind == "qwen2_5_vl":
        w.add_vision_n_wa_pattern(c["fullatt_block_indexes"][0] + 1)
        w.add_uint32("clip.vision.window_size", c["window_size"])
    if three:
        w.add_array("clip.vision.is_deepstack_layers", [n in c["deepstack_visual_indexes"] for n in range(c["depth"])])
    bounds = p.get("size") or {"shortest_edge": p["min_pixels"], "longest_edge": p["max_pixels"]}
    w.add_uint32("clip.vision.image_min_pixels", bounds["shortest_edge"])
    w.add_uint32("clip.vision.image_max_pixels", bounds["longest_edge"])
    w.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    w.add_array("clip.vision.image_mean", p["image_mean"])
    w.add_array("clip.vision.image_std", p["image_std"])
    # The layers of the merger are counted as blocks are, up to 2.
    known = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, max(c["depth"], 3))
    own = {"norm1": "ln1", "norm2": "ln2", "attn.qkv": "attn_qkv", "attn.proj": "attn_out", "mlp.linear_fc1": "ffn_up", "mlp.linear_fc2": "ffn_down"}
    outer = {"visual.merger.norm": "v.post_ln", "visual.merger.linear_fc1": "mm.0", "visual.merger.linear_fc2": "mm.2", "visual.pos_embed": "v.position_embd",
             "visual.patch_embed.proj": "v.patch_embd"}

    def renamed(name):
        stem, end = name.rsplit(".", 1)
        if not three:
            return known.get_name(name, try_suffixes=(".weight", ".bias"))
        if stem in outer:
            return f"{outer[stem]}.{end}"
        _, part, number, rest = stem.split(".", 3)
        if part == "deepstack_merger_list":
            return f"v.deepstack.{c['deepstack_visual_indexes'][int(number)]}.{rest.replace('linear_', '')}.{end}"
        return f"v.blk.{number}.{own[rest]}.{end}"

    for name, value in weights.items():
        if not name.startswith("visual."):
            continue
        if name == "visual.patch_embed.proj.weight":
            w.add_tensor("v.patch_embd.weight", np.ascontiguousarray(value[:, :, 0]))
            w.add_tensor("v.patch_embd.weight.1", np.ascontiguousarray(value[:, :, 1]))
        elif ".attn.qkv." in name and not three:
            for of, part in zip("qkv", np.split(value, 3)):
                w.add_tensor(renamed(name.replace("qkv", of)), np.ascontiguousarray(part))
        else:
            w.add_tensor(renamed(name), value)
    finish(w)


def main(folder, names):
    for name in names or ["default", "three", "plain", "two_five", "two", "two_saved"]:
        with open(f"{HERE}/qwen_vl_{name}.json") as f:
            golden = json.load(f)
        weights = plain({k: np.ascontiguousarray(stored(k, s, golden["seed"], golden["dtype"]).numpy()) for k, s in golden["tensors"]})
        out = f"{folder}/qwen_vl-{name}"
        os.makedirs(out, exist_ok=True)
        text(golden, weights, f"{out}/text.gguf")
        mmproj(golden, weights, f"{out}/mmproj.gguf")
        print(out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
