"""Goldens of the smolvlm family as pairs of llama.cpp's, written by its own Python package (gguf) by the rules of its converter:
DIR/NAME/text.gguf and DIR/NAME/mmproj.gguf, which are checked and not kept.

    python pairs.py DIR [NAME...]
    OCELLI_PAIRS=DIR cargo test -p ocelli-tests --test parity -- --ignored pairs

Names and shapes are those of tools/mtmd/clip-impl.h and of convert_hf_to_gguf.py: rows of a LLaMA's queries and keys have the pairs
that rope turns beside each other, a kernel has four dimensions, and which activation there is, two switches say. With `old` behind
a name the layers of the feed-forward stand in each other's place and the size before tiles is not said, as in files of 2025.
"""
import json
import os
import sys

import gguf
import numpy as np

from blip2_opt import HERE, stored


def tokens(golden):
    with open(f"{HERE}/opt_tokenizer.json", encoding="utf-8") as f:
        shared = json.load(f)
    merges = shared["merges"] + golden["more_merges"]
    vocab = shared["vocab"] + [m.replace(" ", "") for m in golden["more_merges"]]
    special = {"<s>", "<pad>", "</s>", "<unk>"}
    types = [gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in vocab]
    return vocab + golden["added_tokens"], types + [gguf.TokenType.CONTROL] * len(golden["added_tokens"]), merges


def permuted(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def text(golden, weights, path):
    c = golden["config"]["text_config"]
    heads, kv, width = c["num_attention_heads"], c["num_key_value_heads"], c["hidden_size"]
    w = gguf.GGUFWriter(path, "llama")
    w.add_type("model")
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(width)
    w.add_block_count(c["num_hidden_layers"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(c.get("rope_theta", 10000.0))
    w.add_rope_dimension_count(width // heads)
    w.add_vocab_size(c["vocab_size"])
    entries, types, merges = tokens(golden)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(entries)
    w.add_token_types(types)
    w.add_token_merges(merges)
    w.add_bos_token_id(2)
    w.add_eos_token_id(2)
    w.add_add_bos_token(True)
    inside = "model.text_model."
    w.add_tensor("token_embd.weight", weights[inside + "embed_tokens.weight"])
    w.add_tensor("output_norm.weight", weights[inside + "norm.weight"])
    if "lm_head.weight" in weights:
        w.add_tensor("output.weight", weights["lm_head.weight"])
    names = {"self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
             "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    for n in range(c["num_hidden_layers"]):
        of = lambda name: weights[f"{inside}layers.{n}.{name}.weight"]
        w.add_tensor(f"blk.{n}.attn_q.weight", permuted(of("self_attn.q_proj"), heads))
        w.add_tensor(f"blk.{n}.attn_k.weight", permuted(of("self_attn.k_proj"), kv))
        for theirs, ours in names.items():
            w.add_tensor(f"blk.{n}.{ours}.weight", of(theirs))
    finish(w)


def mmproj(golden, weights, path, old):
    c, p = golden["config"]["vision_config"], golden["preprocessor_config"]
    w = gguf.GGUFWriter(path, "clip")
    w.add_string("general.type", "mmproj")
    w.add_bool("clip.has_vision_encoder", True)
    w.add_string("clip.projector_type", "idefics3")
    w.add_bool("clip.use_gelu", True)
    for key, value in [("image_size", c["image_size"]), ("patch_size", c["patch_size"]), ("embedding_length", c["hidden_size"]), ("feed_forward_length", c["intermediate_size"]),
                       ("block_count", c["num_hidden_layers"]), ("attention.head_count", c["num_attention_heads"]), ("projection_dim", golden["config"]["text_config"]["hidden_size"]),
                       ("projector.scale_factor", golden["config"]["scale_factor"])]:
        w.add_uint32(f"clip.vision.{key}", value)
    if not old:
        w.add_uint32("clip.vision.preproc_image_size", p["size"]["longest_edge"])
    w.add_float32("clip.vision.attention.layer_norm_epsilon", c.get("layer_norm_eps", 1e-6))
    w.add_array("clip.vision.image_mean", p["image_mean"])
    w.add_array("clip.vision.image_std", p["image_std"])
    inside = "model.vision_model."
    w.add_tensor("v.patch_embd.weight", weights[inside + "embeddings.patch_embedding.weight"])
    w.add_tensor("v.patch_embd.bias", weights[inside + "embeddings.patch_embedding.bias"])
    w.add_tensor("v.position_embd.weight", weights[inside + "embeddings.position_embedding.weight"])
    up, down = ("ffn_down", "ffn_up") if old else ("ffn_up", "ffn_down")
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_out", "mlp.fc1": up, "mlp.fc2": down,
             "layer_norm1": "ln1", "layer_norm2": "ln2"}
    for n in range(c["num_hidden_layers"]):
        for theirs, ours in names.items():
            for end in ("weight", "bias"):
                w.add_tensor(f"v.blk.{n}.{ours}.{end}", weights[f"{inside}encoder.layers.{n}.{theirs}.{end}"])
    for end in ("weight", "bias"):
        w.add_tensor(f"v.post_ln.{end}", weights[f"{inside}post_layernorm.{end}"])
    w.add_tensor("mm.model.fc.weight", weights["model.connector.modality_projection.proj.weight"])
    finish(w)


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main(folder, names):
    for name in names or ["default", "three", "default old"]:
        name, *old = name.split()
        with open(f"{HERE}/smolvlm_{name}.json") as f:
            golden = json.load(f)
        weights = {k: np.ascontiguousarray(stored(k, s, golden["seed"], golden["dtype"]).numpy()) for k, s in golden["tensors"]}
        out = f"{folder}/{name}" + ("_old" if old else "")
        os.makedirs(out, exist_ok=True)
        text(golden, weights, f"{out}/text.gguf")
        mmproj(golden, weights, f"{out}/mmproj.gguf", bool(old))
        print(out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
