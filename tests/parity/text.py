"""Goldens of language models by themselves: small random LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM,
Qwen3ForCausalLM, Phi3ForCausalLM, Gemma2ForCausalLM, Gemma3ForCausalLM, MptForCausalLM, GPTNeoXForCausalLM and
OPTForCausalLM run by transformers 4.57.6, text_*.json, and by 5.24.0, text_five_*.json.

    python text.py                          makes every golden of the version it is run with
    python text.py NAME...                  only these
    python text.py --random FIRST COUNT DIR [KIND...]  random configurations by seed, into DIR, for checks that are not kept

Weights are formulas and the tokenizer is the one of the OPT goldens, so that only the model differs. What a stranger needs
to know about the originals (modeling_llama.py, modeling_gemma3.py): head_dim need not be hidden_size / heads; k and v have
num_key_value_heads heads, each shared by neighbouring query heads; RoPE turns halves of a head; Gemma's norms multiply by
1 + weight, its embeddings by sqrt(hidden_size), and five layers of six see sliding_window positions, their own included,
with a RoPE base of rope_local_base_freq and no scaling. MPT's transformers class takes 8 for alibi_bias_max and 4 for
expansion_ratio whatever the configuration says, and leaves q_ln and k_ln out, which MPT-1B's own class (MosaicGPT) has:
norms of all heads together, put back here behind the fused projection. GPT-NeoX turns the first int(head * rotary_pct) of a head.
Qwen 2 has biases of q, k and v, Qwen 3 norms of heads instead; with use_sliding_window their layers from max_window_layers on
see a window. Mistral's and Phi 3's layers all have the window, where sliding_window is no null, which is not what is taken
where the key is absent. Gemma 2 caps scores before the mask, cap * tanh(score / cap), and has the window in every other layer,
the first one first. Phi 3 turns by short_factor while what it has read is no longer than original_max_position_embeddings, and all of it
by long_factor once it is longer. LFM2's layers without attention have conv_L_cache taps a column, the last on the newest position.
"""
import json
import os
import random
import struct
import sys
import tempfile
import warnings

import blip2_opt
import formula
import numpy as np
import opt_tokenizer
import torch
import transformers
from blip2_opt import CONTINUATIONS, HERE, QUESTION, SETTINGS, UNICODE, generate, logits, numbers, scores, stored
from transformers import (Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig,
                          LlamaForCausalLM, MistralConfig, MistralForCausalLM, MptConfig, MptForCausalLM, OPTConfig, OPTForCausalLM,
                          Lfm2Config, Lfm2ForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

ROWS = 320  # of the embedding: eight more than the tokenizer has tokens
LONG = (
    "this is what they are and were: a photo of the old house by the river, with the light of the evening on the water. "
    "Question: how many people are in the image? Answer: two, a cat and a dog."
)
PROMPTS = [QUESTION, LONG, UNICODE]
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)


def llama(width, heads, kv, ffn, layers, kind="llama", **more):
    return kind, dict(vocab_size=ROWS, hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn,
                         num_hidden_layers=layers, max_position_embeddings=256, bos_token_id=2, pad_token_id=1, **more)


def gemma(width, heads, kv, head, ffn, layers, kind="gemma3", **more):
    return kind, dict(vocab_size=ROWS, hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, head_dim=head,
                          intermediate_size=ffn, num_hidden_layers=layers, max_position_embeddings=256, bos_token_id=2, pad_token_id=1, **more)


def lfm2(width, heads, kv, ffn, layers, attends, **more):
    kinds = ["full_attention" if i in attends else "conv" for i in range(layers)]
    return "lfm2", dict(vocab_size=ROWS, hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn,
                        num_hidden_layers=layers, layer_types=kinds, max_position_embeddings=256, bos_token_id=2, pad_token_id=1, **more)


def longrope(pairs, **more):
    return dict(type="longrope", short_factor=[1.0 + i / 16 for i in range(pairs)], long_factor=[1.5 + i * i / 8 for i in range(pairs)], **more)


def mpt(kind, width, heads, layers, **more):
    return kind, dict(vocab_size=ROWS, d_model=width, n_heads=heads, n_layers=layers, max_seq_len=256, bos_token_id=2,
                      pad_token_id=1, **more)


def neox(width, heads, ffn, layers, **more):
    return "neox", dict(vocab_size=ROWS, hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers,
                        max_position_embeddings=256, bos_token_id=2, pad_token_id=1, **more)


def opt(width, heads, ffn, layers, **more):
    return "opt", dict(vocab_size=ROWS, hidden_size=width, num_attention_heads=heads, ffn_dim=ffn, num_hidden_layers=layers,
                       max_position_embeddings=256, bos_token_id=2, pad_token_id=1, **more)


# name: (what it is for, seed of the weights, stored type, (kind, config))
CONFIGS = {
    "llama": ("shared key heads, tied head", 101, "float32", llama(64, 4, 2, 176, 3, tie_word_embeddings=True, rms_norm_eps=1e-5)),
    "llama_untied": ("own head, another base, biases", 112, "float16",
                     llama(96, 6, 6, 160, 4, tie_word_embeddings=False, rope_theta=500000.0, attention_bias=True, mlp_bias=True)),
    "llama_linear": ("linear scaling, one key head, odd sizes", 143, "float32",
                     llama(60, 3, 1, 100, 3, tie_word_embeddings=True, rope_scaling=dict(rope_type="linear", factor=2.5))),
    "llama_llama3": ("llama 3.1's scaling, heads wider than the stream", 104, "bfloat16",
                     llama(48, 4, 2, 128, 3, head_dim=16, tie_word_embeddings=False, rope_theta=10000.0, rope_scaling=LLAMA3)),
    "gemma": ("window of 8, both kinds of layers", 105, "float32", gemma(64, 4, 1, 24, 160, 7, sliding_window=8, query_pre_attn_scalar=24)),
    "gemma_scaled": ("its own query scale, stretched global layers, two of each kind, capped logits", 116, "bfloat16",
                     gemma(48, 4, 2, 16, 96, 12, sliding_window=8, query_pre_attn_scalar=12, rope_theta=50000.0, rope_local_base_freq=100.0,
                           rope_scaling=dict(rope_type="linear", factor=8.0), final_logit_softcapping=20.0)),
    "mpt": ("slopes of four heads", 154, "float32", mpt("mpt", 64, 4, 3)),
    "mpt_heads": ("slopes of twelve heads", 133, "bfloat16", mpt("mpt", 96, 12, 4)),
    "mpt_mosaic": ("MPT-1B's names, norms of queries and keys", 109, "float16", mpt("mosaic", 80, 5, 3)),
    "neox": ("a quarter of a head is turned, both sublayers side by side", 142, "float32", neox(96, 3, 200, 4)),
    "neox_sequential": ("RedPajama's: whole heads, sublayers in turn", 111, "float16",
                        neox(60, 3, 240, 3, rotary_pct=1.0, use_parallel_residual=False)),
    "opt": ("norms before, tied head", 121, "float32", opt(64, 4, 160, 3, word_embed_proj_dim=64)),
    "opt_narrow": ("a narrower embedding, norms behind, no biases", 127, "bfloat16",
                   opt(96, 6, 144, 4, word_embed_proj_dim=48, do_layer_norm_before=False, enable_bias=False, activation_function="gelu")),
    "qwen2": ("biases of queries, keys and values, tied head", 504, "float32", llama(64, 4, 2, 176, 3, "qwen2", tie_word_embeddings=True)),
    "qwen2_window": ("a window in the layers behind the first, another base, own head", 202, "bfloat16",
                     llama(96, 6, 3, 160, 4, "qwen2", rope_theta=1000000.0, use_sliding_window=True, sliding_window=8, max_window_layers=1)),
    "qwen3": ("norms of heads that are wider than the stream, tied head", 508, "float32",
              llama(48, 4, 2, 128, 3, "qwen3", head_dim=20, tie_word_embeddings=True, rope_theta=1000000.0)),
    "qwen3_biases": ("biases, linear scaling, own head", 505, "float16",
                     llama(60, 3, 1, 100, 4, "qwen3", head_dim=24, attention_bias=True, rope_scaling=dict(rope_type="linear", factor=2.5))),
    "mistral": ("a window of 8 in all layers", 510, "float32", llama(64, 4, 2, 176, 3, "mistral", sliding_window=8)),
    "mistral_whole": ("no window, heads wider than the stream, tied head", 206, "bfloat16",
                      llama(48, 4, 2, 128, 3, "mistral", head_dim=16, sliding_window=None, tie_word_embeddings=True, rope_theta=1000000.0)),
    "gemma2": ("window of 8 in every other layer, capped scores and logits", 511, "float32",
               gemma(64, 4, 1, 24, 160, 5, "gemma2", sliding_window=8, query_pre_attn_scalar=24)),
    "gemma2_caps": ("low caps, biases, its own query scale and layers", 509, "bfloat16",
                    gemma(48, 4, 2, 16, 96, 5, "gemma2", sliding_window=8, query_pre_attn_scalar=12, rope_theta=500.0, attn_logit_softcapping=1.5,
                          final_logit_softcapping=20.0, attention_bias=True, tie_word_embeddings=False,
                          layer_types=["full_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention"])),
    "phi3": ("fused projections, a window of 9", 509, "float32", llama(64, 4, 4, 176, 3, "phi3", sliding_window=9)),
    "phi3_long": ("longrope, its original context within the answers", 510, "float32",
                  llama(60, 3, 1, 100, 3, "phi3", original_max_position_embeddings=48, rope_scaling=longrope(10))),
    "lfm2": ("convolutions of three positions beside attention, tied head", 607, "float32",
             lfm2(64, 4, 2, 150, 5, [2, 4], block_multiple_of=16, rope_theta=1000000.0)),
    "lfm2_own": ("four positions, attention first, its own head and width of the feed-forward layer", 602, "bfloat16",
                 lfm2(48, 6, 3, 100, 4, [0], conv_L_cache=4, block_auto_adjust_ff_dim=False, tie_word_embeddings=False, rope_theta=500.0)),
    "lfm2_two": ("two positions, one key head, a factor of the width", 603, "float16",
                 lfm2(60, 3, 1, 120, 6, [1, 4], conv_L_cache=2, block_multiple_of=10, block_ffn_dim_multiplier=1.3)),
    "phi3_partial": ("longrope of three quarters of a head, a window, tied head", 511, "bfloat16",
                     llama(64, 4, 2, 128, 4, "phi3", original_max_position_embeddings=40, sliding_window=24, partial_rotary_factor=0.75,
                           tie_word_embeddings=True, rope_scaling=longrope(6))),
}
# Of 5.24.0, which saves all of RoPE in rope_parameters.
FIVE = {
    "five_llama": ("another base", 161, "float32", llama(64, 4, 2, 176, 3, tie_word_embeddings=True,
                   rope_parameters=dict(rope_type="default", rope_theta=300.0))),
    "five_llama_linear": ("another base, linear scaling, own head", 169, "bfloat16", llama(60, 3, 1, 100, 3,
                          rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.5))),
    "five_llama_llama3": ("llama 3.1's scaling", 163, "float32", llama(48, 4, 2, 128, 3, head_dim=16, tie_word_embeddings=True,
                          rope_parameters=dict(LLAMA3, rope_theta=2000.0))),
    "five_gemma": ("one object for each kind of layer", 164, "float32", gemma(48, 4, 2, 16, 96, 7, sliding_window=8, query_pre_attn_scalar=12,
                   rope_parameters=dict(full_attention=dict(rope_type="linear", rope_theta=50000.0, factor=8.0),
                                        sliding_attention=dict(rope_type="default", rope_theta=100.0)))),
    "five_neox": ("half of a head is turned, another base", 173, "float32", neox(96, 3, 200, 4,
                  rope_parameters=dict(rope_type="default", rope_theta=700.0, partial_rotary_factor=0.5))),
    "five_qwen2": ("a window in the layers behind the first", 522, "float32",
                   llama(64, 4, 2, 176, 3, "qwen2", tie_word_embeddings=True, use_sliding_window=True, sliding_window=8, max_window_layers=1,
                         rope_parameters=dict(rope_type="default", rope_theta=300.0))),
    "five_qwen3": ("norms of heads, another base", 523, "float32", llama(48, 4, 2, 128, 3, "qwen3", head_dim=20,
                   rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    "five_mistral": ("a window of 8 in all layers", 524, "bfloat16", llama(64, 4, 2, 176, 3, "mistral", sliding_window=8,
                     rope_parameters=dict(rope_type="default", rope_theta=300.0))),
    "five_gemma2": ("capped scores and logits", 524, "float32", gemma(64, 4, 2, 16, 160, 4, "gemma2", sliding_window=8, query_pre_attn_scalar=24,
                    attn_logit_softcapping=20.0, tie_word_embeddings=False, rope_parameters=dict(rope_type="default", rope_theta=500.0))),
    "five_lfm2": ("convolutions of three positions beside attention", 621, "float32",
                  lfm2(64, 4, 2, 150, 5, [2, 4], block_multiple_of=16, rope_parameters=dict(rope_type="default", rope_theta=300.0))),
    "five_phi3": ("longrope, its original context within the answers", 527, "float32",
                  llama(64, 4, 2, 128, 3, "phi3", original_max_position_embeddings=48,
                        rope_parameters=dict(longrope(6), rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.75))),
}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}
EOS = {}
# Models with their own kind of tokenizer: ids and logits alone.
WORDS = {
    "qwen3_words": ("Qwen's own tokenizer", 231, "float32", llama(48, 4, 2, 96, 2, "qwen3", head_dim=16)),
    "phi3_words": ("Phi 3's own tokenizer", 232, "float32", llama(48, 4, 2, 96, 2, "phi3")),
    "gemma2_words": ("Gemma's own tokenizer", 233, "float32", gemma(48, 4, 2, 16, 96, 2, "gemma2", sliding_window=8, query_pre_attn_scalar=16)),
}
TALK = {
    "qwen3_words": "<|im_start|>user\nwhat is he\u0301 1234 to a cat?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n it's ITS a cat",
    "phi3_words": "<|user|>\nwhat is it? <|end|>\n<|assistant|>\n the cat<|end|> <|endoftext|> a cat</s> and a dog<|user|>x<unk> y",
    "gemma2_words": "<start_of_turn>user\nwhat is  it?  <end_of_turn>\n<start_of_turn>model\n\n\n the cat \t<eos> a       cat",
}


def own_tokenizer(name, folder):
    """A small tokenizer of the class that a model is published with, and its files."""
    from transformers import AddedToken, GemmaTokenizerFast, LlamaTokenizerFast, Qwen2TokenizerFast
    if name == "qwen3_words":
        opt_tokenizer.save(folder)
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        t = Qwen2TokenizerFast(f"{folder}/vocab.json", f"{folder}/merges.txt", unk_token="<|endoftext|>", eos_token="<|im_end|>",
                               pad_token="<|endoftext|>", additional_special_tokens=special[1:])
        t.add_tokens([AddedToken(x, special=False, normalized=False) for x in ("<think>", "</think>")])
    else:
        import io

        import sentencepiece
        gemma_kind = name == "gemma2_words"
        pieces = ["<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "\n\n\n", "\t", *("\u2581" * n for n in range(2, 6))] if gemma_kind else []
        ids = dict(pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", bos_piece="<bos>", eos_piece="<eos>") if gemma_kind else {}
        model = io.BytesIO()
        sentences = opt_tokenizer.SENTENCES.split("\n") + [LONG]
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences * 3), model_writer=model, vocab_size=300, model_type="bpe", byte_fallback=True,
            character_coverage=1.0, add_dummy_prefix=not gemma_kind, normalization_rule_name="identity", remove_extra_whitespaces=False,
            user_defined_symbols=pieces, minloglevel=2, num_threads=1, **ids)
        with open(f"{folder}/tokenizer.model", "wb") as f:
            f.write(model.getvalue())
        if gemma_kind:
            t = GemmaTokenizerFast(f"{folder}/tokenizer.model", additional_special_tokens=["<start_of_turn>", "<end_of_turn>"])
        else:
            t = LlamaTokenizerFast(f"{folder}/tokenizer.model", legacy=False, eos_token="<|endoftext|>", pad_token="<|endoftext|>")
            t.add_tokens([AddedToken(x, special=True, normalized=False, rstrip=True) for x in ("<|assistant|>", "<|end|>", "<|user|>")], special_tokens=True)
            t.add_tokens([AddedToken("</s>", special=False, normalized=False, rstrip=True)])
    assert len(t) <= ROWS, len(t)
    t.save_pretrained(f"{folder}/own")
    return t, {f: json.load(open(f"{folder}/own/{f}")) for f in ("tokenizer.json", "tokenizer_config.json")}


def words(name, folder):
    what, seed, dtype, (kind, config) = WORDS[name]
    tokenizer, files = own_tokenizer(name, folder)
    g = golden(name, what, seed, dtype, kind, config, [2], tokenizer, [[], [], []], [QUESTION, UNICODE, TALK[name]])
    return g | {"tokenizer": files}


def build(kind, config, seed, dtype, eos):
    """The model in f32, weights rounded to the stored type, with config.json, generation_config.json and the tensor list."""
    config = dict(config, eos_token_id=eos, attn_implementation="eager")
    classes = {"llama": (LlamaConfig, LlamaForCausalLM), "gemma3": (Gemma3TextConfig, Gemma3ForCausalLM), "mpt": (MptConfig, MptForCausalLM),
               "mosaic": (MptConfig, MptForCausalLM), "neox": (GPTNeoXConfig, GPTNeoXForCausalLM),
               "opt": (OPTConfig, OPTForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM),
               "lfm2": (Lfm2Config, Lfm2ForCausalLM), "mistral": (MistralConfig, MistralForCausalLM), "gemma2": (Gemma2Config, Gemma2ForCausalLM),
               "phi3": (Phi3Config, Phi3ForCausalLM)}
    model = classes[kind][1](classes[kind][0](**config))
    model.tie_weights()
    # Newer versions call GPT-NeoX's head otherwise in memory than in the file.
    named = mosaic(model) if kind == "mosaic" else lambda k: k.replace("lm_head.", "embed_out.") if kind == "neox" else k
    with torch.no_grad():
        for k, p in model.named_parameters():
            p.copy_(stored(named(k), list(p.shape), seed, dtype))
    model = model.eval()
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(d)
        config_json, generation_json = json.load(open(f"{d}/config.json")), json.load(open(f"{d}/generation_config.json"))
        with open(f"{d}/model.safetensors", "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    config_json["dtype"] = dtype
    if kind == "phi3":
        # With its cache 4.57.6 mixes both kinds of turns once it has read more than the original context; 5.24.0 reads all anew.
        model.generation_config.use_cache = False
    if kind == "lfm2":
        # The cache of 4.57.6 has nothing to reorder where a layer convolves, and fails.
        model.generation_config.use_cache = False
    if kind == "mosaic":
        config_json = {k: v for k, v in config_json.items() if k.endswith("_id") or k in ("d_model", "n_heads", "n_layers", "max_seq_len", "vocab_size", "dtype")}
        config_json |= dict(model_type="mosaic_gpt", mlp_ratio=4, attn_qk_ln=True, alibi=True, alibi_bias_max=8, no_bias=True)
    return model, config_json, generation_json, sorted([named(k), t["shape"]] for k, t in header.items())


def mosaic(model):
    """Makes an MPT what MosaicGPT with attn_qk_ln is; returns what turns its names into those of the class."""
    for block in model.transformer.blocks:
        for name in ("q_ln", "k_ln"):
            norm = torch.nn.LayerNorm(model.config.d_model)
            norm.bias = None
            setattr(block.attn, name, norm)

        def normed(wqkv, _, out, a=block.attn):
            q, k, v = out.chunk(3, dim=2)
            return torch.cat([a.q_ln(q), a.k_ln(k), v], dim=2)

        block.attn.Wqkv.register_forward_hook(normed)
    pairs = [("norm_1", "ln_1"), ("norm_2", "ln_2"), ("norm_f", "ln_f"), ("ffn.up_proj", "mlp.mlp_up"), ("ffn.down_proj", "mlp.mlp_down")]

    def named(k):
        for theirs, ours in pairs:
            k = k.replace(theirs, ours)
        return k

    return named


def case(model, tokenizer, prompt, eos, names):
    ids = tokenizer(prompt)["input_ids"]
    rows = logits(model, None, torch.tensor([ids]))
    last = len(ids) - 1
    return {
        "prompt": prompt, "ids": ids,
        "logits": [{"position": p, "values": numbers(rows[p])} for p in sorted({0, last // 2, last})],
        "generate": [generate(model, tokenizer, None, torch.tensor([ids]), n, SETTINGS[n], eos) for n in names],
        "score": scores(lambda s: logits(model, None, torch.tensor([s])), tokenizer, ids, CONTINUATIONS),
    }


def golden(name, what, seed, dtype, kind, config, eos, tokenizer, names, prompts=PROMPTS):
    model, config_json, generation_json, tensors = build(kind, config, seed, dtype, eos)
    check = []
    for k, shape in tensors[:: max(1, len(tensors) // 8)]:
        n = int(np.prod(shape))
        index = sorted({0, 1, n // 2, n - 1})
        bits = formula.tensor(seed, k, shape).reshape(-1)[index].view(np.uint32)
        check.append({"name": k, "shape": shape, "index": index, "bits": [int(b) for b in bits]})
    return {
        "name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "config": config_json, "generation_config": generation_json,
        "tensors": tensors, "formula": check, "cases": [case(model, tokenizer, p, eos, n) for p, n in zip(prompts, names)],
    }


def newer(kind, r, width, heads, kv, head, ffn, layers, **more):
    """A random configuration of a kind that names itself."""
    more |= dict(kind=kind, tie_word_embeddings=r.random() < 0.5)
    window = r.choice([1, 3, 8, 40])
    if kind == "qwen2":
        if r.random() < 0.5:
            more |= dict(use_sliding_window=True, sliding_window=window, max_window_layers=r.randint(0, layers))
        return llama(heads * head, heads, kv, ffn, layers, **more)
    if kind == "qwen3":
        return llama(width, heads, kv, ffn, layers, head_dim=head, attention_bias=r.random() < 0.3, **more)
    if kind == "lfm2":
        more.pop("rope_scaling")
        more["norm_eps"] = more.pop("rms_norm_eps")
        more.pop("kind")
        return lfm2(heads * head, heads, kv, ffn, layers, [i for i in range(layers) if i == layers // 2 or r.random() < 0.4],
                    conv_L_cache=r.randint(1, 5), block_auto_adjust_ff_dim=r.random() < 0.5, block_multiple_of=r.choice([1, 8, 30]),
                    block_ffn_dim_multiplier=r.choice([1.0, 0.7]), **more)
    if kind == "mistral":
        return llama(width, heads, kv, ffn, layers, head_dim=head, sliding_window=r.choice([None, window]), **more)
    if kind == "gemma2":
        more.pop("rope_scaling")
        if r.random() < 0.3:
            more["layer_types"] = [r.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
        return gemma(heads * head, heads, kv, head, ffn, layers, sliding_window=window, query_pre_attn_scalar=r.choice([head, 17]),
                     attn_logit_softcapping=r.choice([None, 1.0, 5.0, 50.0]), final_logit_softcapping=r.choice([None, 5.0, 30.0]), **more)
    share = r.choice([s for s in (1.0, 0.75, 0.5) if int(head * s) > 0 and int(head * s) % 2 == 0])
    more["rope_scaling"] = longrope(int(head * share) // 2) if r.random() < 0.7 else None
    return llama(heads * head, heads, kv, ffn, layers, sliding_window=r.choice([None, window]), partial_rotary_factor=share,
                 original_max_position_embeddings=r.choice([32, 48, 100, 256]), **more)


def some(seed, kinds=()):
    """A random configuration."""
    r = random.Random(seed)
    kv = r.choice([1, 2, 3])
    heads = kv * r.choice([1, 2, 4])
    head = 2 * r.randint(2, 20)
    width, ffn, layers = r.choice([heads * head, 8 * r.randint(3, 20)]), r.randint(20, 200), r.randint(1, 8)
    theta = r.choice([100.0, 10000.0, 500000.0])
    scaling = r.choice([None, None, dict(rope_type="linear", factor=r.choice([1.5, 4.0])), dict(LLAMA3, original_max_position_embeddings=r.choice([32, 128]))])
    eps = r.choice([1e-6, 1e-5])
    if kinds:
        return newer(kinds[seed % len(kinds)], r, width, heads, kv, head, ffn, layers, rope_theta=theta, rope_scaling=scaling, rms_norm_eps=eps)
    if r.random() < 0.3:
        heads = r.choice([1, 2, 3, 5, 6, 7, 8, 12, 20])
        if r.random() < 0.5:
            return mpt(r.choice(["mpt", "mosaic"]), heads * head, heads, layers)
        share = r.choice([s for s in (1.0, 0.75, 0.5, 0.25) if int(head * s) > 0 and int(head * s) % 2 == 0])
        return neox(heads * head, heads, ffn, layers, rotary_pct=share, rotary_emb_base=theta, use_parallel_residual=r.random() < 0.5,
                    layer_norm_eps=eps, attention_bias=r.random() < 0.7, tie_word_embeddings=r.random() < 0.3,
                    hidden_act=r.choice(["gelu", "gelu_new", "relu"]))
    if r.random() < 0.5:
        return llama(width, heads, kv, ffn, layers, head_dim=head, tie_word_embeddings=r.random() < 0.5, rope_theta=theta, rope_scaling=scaling,
                     rms_norm_eps=eps, attention_bias=r.random() < 0.3, mlp_bias=r.random() < 0.3)
    if scaling and scaling["rope_type"] != "linear":
        scaling = None
    more = dict(final_logit_softcapping=15.0) if r.random() < 0.2 else {}
    if r.random() < 0.3:
        more["layer_types"] = [r.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
    return gemma(width, heads, kv, head, ffn, layers, sliding_window=r.choice([1, 3, 8, 40]), query_pre_attn_scalar=r.choice([head, 17]), rope_theta=theta,
                 rope_local_base_freq=r.choice([50.0, 10000.0]), rope_scaling=scaling, rms_norm_eps=eps, **more)


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    configs = VERSIONS[transformers.__version__]
    with tempfile.TemporaryDirectory() as d:
        tokenizer = opt_tokenizer.save(d)
        if args[:1] == ["--random"]:
            for seed in range(int(args[1]), int(args[1]) + int(args[2])):
                kind, config = some(seed, args[4:])
                g = golden(f"random_{seed}", str(config), seed, "float32", kind, config, [2], tokenizer, [[], [], []])
                with open(os.path.join(args[3], f"text_random_{seed}.json"), "w") as f:
                    json.dump(g, f, separators=(",", ":"))
            return
        own = WORDS if configs is CONFIGS else {}
        for name in [n for n in args or own if n in own]:
            with tempfile.TemporaryDirectory() as folder, open(f"{HERE}/text_{name}.json", "w") as f:
                json.dump(words(name, folder), f, separators=(",", ":"))
        for name in [n for n in args or configs if n not in WORDS]:
            what, seed, dtype, (kind, config) = configs[name]
            g = golden(name, what, seed, dtype, kind, config, EOS.get(name, [2]), tokenizer, [["greedy", "beams"], ["greedy", "beams", "repetition"], ["greedy"]])
            with open(f"{HERE}/text_{name}.json", "w") as f:
                json.dump(g, f, separators=(",", ":"))
            print(f"{name}: {os.path.getsize(f.name)} bytes, eos {g['eos']}")
            for c in g["cases"]:
                for r in c["generate"]:
                    mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
                    print(f"  {r['name']:22s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {r['ids']}{mark}")


if __name__ == "__main__":
    main(sys.argv[1:])
