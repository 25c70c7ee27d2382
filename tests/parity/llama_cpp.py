"""Language models of text.py as files in the layout of llama.cpp's converter, written with gguf-py 0.17.1: text_NAME.gguf in DIR,
each beside its golden.

    python llama_cpp.py DIR NAME...

    OCELLI_GOLDENS=DIR cargo test -p ocelli-tests --test parity -- --ignored configurations_in_a_folder

Names of tensors and keys are gguf-py's own; what the converter does besides (permuted rows of LLaMA and Mistral, the one in
Gemma's norms, Phi 3's fused rows and factors, the vocabulary filled up with unused tokens) is done here as it does it. The
file has none of our own keys, no vocab_size, and for Mistral and Qwen no window, since llama.cpp has none there:
only goldens whose window is longer than their prompts, or that have none, agree.
"""
import json
import math
import os
import shutil
import sys
import tempfile

import gguf
import numpy as np
import opt_tokenizer
import text
import torch
from blip2_opt import HERE

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA, "mistral": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3,
    "phi3": gguf.MODEL_ARCH.PHI3, "gemma2": gguf.MODEL_ARCH.GEMMA2,
}


def permuted(rows, heads):
    """LLaMA's halves as neighbours."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def parameters(w, kind, c):
    head = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_block_count(c["num_hidden_layers"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(c["num_attention_heads"])
    w.add_head_count_kv(c["num_key_value_heads"])
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    if kind != "gemma2":
        w.add_rope_freq_base(c["rope_theta"])
    if kind == "gemma2" or "head_dim" in c:
        w.add_key_length(head)
        w.add_value_length(head)
    if kind in ("llama", "mistral"):
        w.add_rope_dimension_count(head)
    scaling = c.get("rope_scaling") or {}
    if scaling.get("rope_type") == "linear":
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(scaling["factor"])
    if kind == "gemma2":
        w.add_attn_logit_softcapping(c["attn_logit_softcapping"])
        w.add_final_logit_softcapping(c["final_logit_softcapping"])
        w.add_sliding_window(c["sliding_window"])
    if kind == "phi3":
        turned = int(c.get("partial_rotary_factor", 1.0) * c["hidden_size"]) // c["num_attention_heads"]
        original = c["original_max_position_embeddings"]
        w.add_rope_dimension_count(turned)
        w.add_rope_scaling_orig_ctx_len(original)
        w.add_sliding_window(c["sliding_window"] or 0)
        if scaling:
            longer = c["max_position_embeddings"] / original
            w.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(longer) / math.log(original)))
            for name in ("long", "short"):
                w.add_tensor(f"rope_factors_{name}.weight", np.array(scaling[f"{name}_factor"], dtype=np.float32))


def vocabulary(w, rows):
    with tempfile.TemporaryDirectory() as d:
        opt_tokenizer.save(d)
        vocab = json.load(open(f"{d}/vocab.json"))
        merges = open(f"{d}/merges.txt").read().split("\n")[1:]
    tokens, types = [f"[PAD{i}]" for i in range(rows)], [gguf.TokenType.UNUSED] * rows
    for token, i in vocab.items():
        tokens[i], types[i] = token, gguf.TokenType.CONTROL if i in (1, 2) else gguf.TokenType.NORMAL
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges([m for m in merges if m])
    w.add_bos_token_id(2)
    w.add_eos_token_id(2)
    w.add_unk_token_id(3)
    w.add_pad_token_id(1)
    w.add_add_bos_token(True)


def main(folder, names):
    torch.set_num_threads(1)
    for name in names:
        _, seed, dtype, (kind, config) = text.CONFIGS[name]
        model, c, _, tensors = text.build(kind, config, seed, dtype, [2])
        c = dict(model.config.to_dict())
        arch = ARCHITECTURES[kind]
        names_of = gguf.get_tensor_name_map(arch, c["num_hidden_layers"])
        path = os.path.join(folder, f"text_{name}.gguf")
        w = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
        parameters(w, kind, c)
        vocabulary(w, c["vocab_size"])
        weights = model.state_dict()
        for source, _ in tensors:
            x = weights[source].float().numpy()
            if kind in ("llama", "mistral") and "q_proj." in source:
                x = permuted(x, c["num_attention_heads"])
            if kind in ("llama", "mistral") and "k_proj." in source:
                x = permuted(x, c["num_key_value_heads"])
            if kind == "gemma2" and source.endswith("norm.weight"):
                x = x + 1
            if kind == "gemma2" and source == "lm_head.weight":
                continue
            w.add_tensor(names_of.get_name(source, try_suffixes=(".weight", ".bias")), np.ascontiguousarray(x))
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()
        shutil.copy(f"{HERE}/text_{name}.json", folder)
        print(path, os.path.getsize(path))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
