"""The configurations of versions.py: what is built, and how config.json is changed by hand afterwards.

A case is a name with: family, config (as its class takes it), and where needed dtype, tokenizer (a kind of versions_originals.py),
chat (a template), picture (its size), processor (settings of the pictures), generation (of generation_config.json, None: no such
file), ids (special ones), save (of save_pretrained), edit (changes config.json as people do), files (changes the others), versions
(those that can) and refused (what Ocelli may say of it by design). `rows` are rows of the embedding beyond the tokenizer's tokens.
"""
import json



def write(path, value):
    with open(path, "w") as f:
        json.dump(value, f, ensure_ascii=False, indent=1)


def read(path):
    with open(path) as f:
        return json.load(f)


CASES = {}


def case(name, family, config, **more):
    assert name not in CASES, name
    CASES[name] = dict(family=family, config=config, seed=1000 + len(CASES)) | more


def llama(name, heads=4, kv=2, width=64, ffn=120, layers=3, rows=None, edit=None, more=None, **config):
    case(name, "llama", dict(hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn, num_hidden_layers=layers,
                             max_position_embeddings=256, rows=rows) | config, edit=edit, **(more or {}))


def rename(config, old, new):
    if old in config:
        config[new] = config.pop(old)


def older(config):
    """As 4.2x wrote it: another name for the type, every setting that is unset there as null."""
    config.pop("transformers_version", None)
    rename(config, "dtype", "torch_dtype")


def put(**values):
    """Sets values; of nested objects those of one object each."""

    def edit(config):
        for key, value in values.items():
            if isinstance(value, dict) and isinstance(config.get(key), dict):
                config[key].update(value)
            else:
                config[key] = value

    return edit


def drop(*paths):
    """Removes keys, `a.b` in a nested object."""

    def edit(config):
        for path in paths:
            *outer, key = path.split(".")
            inside = config
            for part in outer:
                inside = inside[part]
            inside.pop(key, None)

    return edit


def both(*edits):
    def edit(config):
        for one in edits:
            one(config)

    return edit


def dumped(*paths):
    """As 4.2x wrote what is nested: with everything that any configuration has."""

    def edit(config):
        from transformers import PretrainedConfig

        for path in paths:
            inside = config[path] if path else config
            for key, value in PretrainedConfig().to_dict().items():
                inside.setdefault(key, value)

    return edit


def generation_dump(directory):
    """generation_config.json with everything there is, most of it null."""
    from transformers import GenerationConfig

    write(f"{directory}/generation_config.json", GenerationConfig(bos_token_id=0, eos_token_id=2, pad_token_id=1).to_dict())


def tokenizer_dump(directory):
    """tokenizer_config.json as LLaMA's repositories have it."""
    path = f"{directory}/tokenizer_config.json"
    mark = lambda t: dict(__type="AddedToken", content=t, lstrip=False, normalized=False, rstrip=False, single_word=False)
    write(path, read(path) | dict(bos_token=mark("<s>"), eos_token=mark("</s>"), unk_token=mark("<unk>"), pad_token=None, padding_side="left", sp_model_kwargs={},
                                  spaces_between_special_tokens=False, use_default_system_prompt=False, model_max_length=1000000000000000019884624838656))


LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
llama("llama_default", more=dict(tokenizer="pieces_always"))
llama("llama_theta", rope_theta=500000.0, kv=1, tie_word_embeddings=True, more=dict(tokenizer="pieces_first"))
llama("llama_linear", heads=3, kv=1, width=60, rope_scaling=dict(rope_type="linear", factor=2.5), rope_theta=500.0, more=dict(tokenizer="pieces_never"))
llama("llama_llama3", width=48, head_dim=16, rope_theta=50000.0, rope_scaling=LLAMA3, more=dict(tokenizer="bytes_llama3", dtype="bfloat16"))
llama("llama_llama3_context", width=64, rope_theta=10000.0, rope_scaling={k: v for k, v in LLAMA3.items() if k[0] != "o"}, max_position_embeddings=128,
      more=dict(tokenizer="bytes_llama3", versions=[5]))
llama("llama_biases", attention_bias=True, mlp_bias=True, rms_norm_eps=0.05, rows=17, more=dict(tokenizer="pieces_first", dtype="float16"))
llama("llama_heads", heads=2, kv=2, width=72, head_dim=20, rope_theta=100.0, tie_word_embeddings=True, more=dict(tokenizer="bytes"))
llama("llama_shards", rope_theta=2000.0, more=dict(tokenizer="bytes", save=dict(max_shard_size="40KB")))
llama("llama_pickle", rope_theta=2000.0, more=dict(tokenizer="pieces_first", versions=[4], save=dict(safe_serialization=False)))
llama("llama_chat", rope_theta=3000.0, more=dict(tokenizer="pieces_first", chat="{% for m in messages %}{{ bos_token }}[{{ m.role }}] {{ m.content }}{% endfor %}"))
llama("llama_old", rope_theta=9000.0, edit=both(older, put(rope_scaling=None, pretraining_tp=2, head_dim=None, mlp_bias=None, attention_bias=None)),
      more=dict(tokenizer="pieces_first", versions=[4]))
llama("llama_hub", rope_theta=700.0, edit=both(older, put(_name_or_path="meta-llama/Llama-2-7b-hf", max_length=4096, pretraining_tp=1, rope_scaling=None, use_cache=True)),
      more=dict(tokenizer="pieces_first", versions=[4], files=tokenizer_dump))
llama("llama_dump", rope_theta=700.0, edit=both(older, dumped("")), more=dict(tokenizer="bytes", files=generation_dump))
llama("llama_old_type", edit=both(older, put(rope_theta=700.0, rope_scaling=dict(type="linear", factor=4.0)), drop("rope_parameters")),
      more=dict(tokenizer="pieces_always"))
llama("llama_top_theta", rope_theta=800.0, edit=put(rope_theta=500000.0), more=dict(tokenizer="bytes", refused="do not agree"))
llama("llama_scaling_beside", rope_theta=800.0, edit=put(rope_scaling=dict(type="linear", factor=3.0)), more=dict(tokenizer="bytes", refused="do not agree"))
llama("llama_null_parameters", edit=put(rope_parameters=None, rope_theta=800.0), more=dict(tokenizer="bytes"))
llama("llama_type_only", edit=put(rope_parameters=dict(type="linear", factor=2.0, rope_theta=800.0)), more=dict(tokenizer="bytes", versions=[5], refused="do not agree"))
llama("llama_type_alone", edit=both(drop("rope_parameters"), put(rope_parameters=dict(type="linear", factor=2.0, rope_theta=800.0))),
      more=dict(tokenizer="bytes", versions=[5]))
llama("llama_bare_theta", edit=both(drop("rope_parameters", "rope_theta", "rope_scaling"), put(rope_parameters=dict(rope_theta=800.0))),
      more=dict(tokenizer="bytes", versions=[5]))
llama("llama_top_context", rope_scaling=LLAMA3, rope_theta=5000.0, edit=put(original_max_position_embeddings=16), more=dict(tokenizer="bytes", refused="say it in one way"))
llama("llama_settings", edit=put(repetition_penalty=1.4, eos_token_id=[2, 290], min_length=3),
      more=dict(tokenizer="bytes", ids=dict(eos_token_id=2), generation=None))
llama("llama_generation", more=dict(tokenizer="bytes", ids=dict(eos_token_id=2),
                                    generation=dict(eos_token_id=[2, 290], repetition_penalty=1.3, min_new_tokens=4, no_repeat_ngram_size=2)))
llama("llama_beams", more=dict(tokenizer="bytes", generation=dict(num_beams=3, length_penalty=0.5, early_stopping=True)))
llama("llama_tied_other", tie_word_embeddings=False, edit=put(tie_word_embeddings=True), more=dict(tokenizer="bytes"))
llama("llama_untied_missing", tie_word_embeddings=True, edit=put(tie_word_embeddings=False), more=dict(tokenizer="bytes", refused="lm_head"))
llama("llama_yarn", rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64), more=dict(tokenizer="bytes", refused="yarn"))
llama("llama_dynamic", rope_scaling=dict(rope_type="dynamic", factor=4.0), more=dict(tokenizer="bytes", refused="dynamic"))
llama("llama_gelu", hidden_act="gelu", more=dict(tokenizer="bytes", refused="gelu"))


def gemma(name, layers=7, heads=4, kv=2, head=24, width=64, edit=None, more=None, **config):
    case(name, "gemma3_text", dict(hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, head_dim=head, intermediate_size=100,
                                   num_hidden_layers=layers, max_position_embeddings=256, sliding_window=8, query_pre_attn_scalar=24) | config,
         edit=edit, **dict(tokenizer="pieces_gemma") | (more or {}))


TYPES = ["full_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]
gemma("gemma_default")
gemma("gemma_types", layers=5, layer_types=TYPES, rope_theta=50000.0, rope_local_base_freq=100.0, rope_scaling=dict(rope_type="linear", factor=8.0),
      final_logit_softcapping=20.0, query_pre_attn_scalar=12, more=dict(dtype="bfloat16"))
gemma("gemma_untied", layers=4, tie_word_embeddings=False, rope_theta=300.0, rms_norm_eps=0.05, sliding_window=3)
gemma("gemma_pattern", layers=6, edit=both(drop("layer_types", "_sliding_window_pattern"), put(sliding_window_pattern=3)))
gemma("gemma_old", layers=4, edit=both(older, drop("layer_types", "rope_parameters"), put(rope_theta=900.0, rope_local_base_freq=50.0, rope_scaling=None, cache_implementation="hybrid",
                                                                                          attn_logit_softcapping=None, final_logit_softcapping=None, sliding_window_pattern=2)))
gemma("gemma_hub", more=dict(generation=dict(cache_implementation="hybrid", do_sample=True, top_k=64, top_p=0.95)),
      edit=both(older, drop("layer_types", "rope_parameters", "_sliding_window_pattern"),
                put(rope_theta=1000000, rope_local_base_freq=10000, rope_scaling=None, cache_implementation="hybrid", sliding_window_pattern=6, attn_logit_softcapping=None,
                    final_logit_softcapping=None, eos_token_id=[1, 106], attention_bias=False, attention_dropout=0.0)))
gemma("gemma_scaling_beside", edit=put(rope_scaling=dict(rope_type="linear", factor=4.0)), more=dict(refused="do not agree"))
gemma("gemma_local_linear", edit=put(rope_parameters=dict(sliding_attention=dict(rope_type="linear", factor=2.0, rope_theta=70.0),
                                                          full_attention=dict(rope_type="default", rope_theta=900.0))), more=dict(versions=[5], refused="sliding_attention"))
gemma("gemma_one_type", layers=4, layer_types=["full_attention"] * 4, rope_theta=700.0)
gemma("gemma_half_types", edit=put(rope_parameters=None, rope_theta=400.0), more=dict(versions=[5]))
gemma("gemma_flat", edit=both(drop("rope_parameters"), put(rope_parameters=dict(rope_type="default", rope_theta=900.0))), more=dict(versions=[5], refused="rope_parameters"))
gemma("gemma_bias", attention_bias=True, more=dict(refused="attention_bias"))
gemma("gemma_bidirectional", use_bidirectional_attention=True, more=dict(refused="use_bidirectional_attention"))


def mpt(name, heads=4, width=64, layers=3, edit=None, more=None, **config):
    case(name, "mpt", dict(d_model=width, n_heads=heads, n_layers=layers, max_seq_len=256) | config, edit=edit, **dict(tokenizer="bytes") | (more or {}))


mpt("mpt_default")
mpt("mpt_heads", heads=12, width=96, layer_norm_epsilon=0.05, more=dict(dtype="bfloat16"))
mpt("mpt_five", heads=5, width=60, attn_config=dict(attn_impl="triton", alibi=True))
mpt("mpt_untied", tie_word_embeddings=False)
mpt("mpt_hub", edit=both(older, put(architectures=["MPTForCausalLM"], auto_map=dict(AutoConfig="configuration_mpt.MPTConfig", AutoModelForCausalLM="modeling_mpt.MPTForCausalLM"),
                                    embedding_fraction=1.0, init_config=dict(name="kaiming_normal_", init_std=0.02), learned_pos_emb=True, resid_pdrop=0, emb_pdrop=0,
                                    tokenizer_name="EleutherAI/gpt-neox-20b", verbose=0, no_bias=True, norm_type="low_precision_layernorm", use_cache=False,
                                    attn_config=dict(alibi=True, alibi_bias_max=8, attn_impl="torch", attn_pdrop=0, attn_type="multihead_attention",
                                                     attn_uses_sequence_id=False, clip_qkv=None, prefix_lm=False, qk_ln=False, softmax_scale=None))))
mpt("mpt_bare", edit=drop("attn_config", "no_bias", "layer_norm_epsilon", "norm_type", "expansion_ratio"))
mpt("mpt_scale", attn_config=dict(softmax_scale=0.3), more=dict(refused="softmax_scale"))
mpt("mpt_clip", attn_config=dict(clip_qkv=0.5), more=dict(refused="clip_qkv"))


def neox(name, heads=3, width=96, layers=3, edit=None, more=None, **config):
    case(name, "gpt_neox", dict(hidden_size=width, num_attention_heads=heads, intermediate_size=200, num_hidden_layers=layers,
                                max_position_embeddings=256) | config, edit=edit, **dict(tokenizer="bytes") | (more or {}))


neox("neox_default")
neox("neox_sequential", rotary_pct=1.0, rotary_emb_base=500, use_parallel_residual=False, more=dict(dtype="float16"))
neox("neox_half", rotary_pct=0.5, rotary_emb_base=500000, layer_norm_eps=0.05, hidden_act="gelu_new", rows=21)
neox("neox_tied", rotary_pct=0.75, tie_word_embeddings=True, attention_bias=False, hidden_act="relu")
neox("neox_old", edit=both(older, drop("rope_parameters", "partial_rotary_factor", "rope_theta"), put(rotary_pct=0.5, rotary_emb_base=300, rope_scaling=None)))
neox("neox_hub", edit=both(older, drop("rope_parameters", "partial_rotary_factor", "rope_theta"), put(
    rotary_pct=0.25, rotary_emb_base=10000, attention_probs_dropout_prob=0, hidden_dropout_prob=0, classifier_dropout=0.1, use_parallel_residual=True, rope_scaling=None)))
neox("neox_theta", edit=put(rope_theta=400.0), more=dict(refused="does not read"))
neox("neox_partial", edit=put(partial_rotary_factor=0.5), more=dict(refused="does not read"))
neox("neox_parameters", edit=both(drop("rotary_pct", "rotary_emb_base"), put(rope_parameters=dict(rope_type="default", rope_theta=70.0, partial_rotary_factor=0.5))),
      more=dict(versions=[5]))
neox("neox_half_parameters", edit=both(drop("rope_parameters"), put(rope_parameters=dict(rope_theta=70.0), rotary_pct=0.5)), more=dict(versions=[5]))
neox("neox_linear", rope_scaling=dict(rope_type="linear", factor=3.0), rotary_pct=0.5, more=dict(refused="linear"))


def stale(directory):
    """What version 4 left there before 5 saved the rest."""
    write(f"{directory}/preprocessor_config.json", dict(image_processor_type="BlipImageProcessor", size=dict(height=28, width=28), image_mean=[0.5] * 3, image_std=[0.5] * 3))


def blip2(name, queries=5, vision=None, former=None, text=None, outer=None, edit=None, **more):
    vision = dict(hidden_size=48, num_attention_heads=4, intermediate_size=96, num_hidden_layers=2, image_size=28, patch_size=14) | (vision or {})
    former = dict(hidden_size=40, num_attention_heads=4, intermediate_size=72, num_hidden_layers=3) | (former or {})
    text = dict(hidden_size=64, num_attention_heads=4, ffn_dim=128, num_hidden_layers=3, max_position_embeddings=200) | (text or {})
    case(name, "blip-2", dict(vision_config=vision, qformer_config=former, text_config=text, num_query_tokens=queries) | (outer or {}), edit=edit,
         tokenizer="opt", picture=(57, 40), **more)


blip2("blip2_default")
blip2("blip2_deep", queries=7, vision=dict(hidden_act="quick_gelu", image_size=56, num_hidden_layers=3), former=dict(cross_attention_frequency=1, num_hidden_layers=4),
      text=dict(num_hidden_layers=4, rows=9))
blip2("blip2_postnorm", vision=dict(patch_size=8, image_size=32), former=dict(cross_attention_frequency=3), text=dict(do_layer_norm_before=False, rows=8))
blip2("blip2_untied", vision=dict(qkv_bias=False, hidden_act="gelu_new"), former=dict(hidden_act="relu", layer_norm_eps=0.05),
      text=dict(tie_word_embeddings=False, activation_function="gelu"), outer=dict(tie_word_embeddings=False))
blip2("blip2_untied_inside", text=dict(tie_word_embeddings=False))
blip2("blip2_untied_outside", outer=dict(tie_word_embeddings=False))
blip2("blip2_plain", vision=dict(layer_norm_eps=0.05), text=dict(enable_bias=False, layer_norm_elementwise_affine=False))
blip2("blip2_half", text=dict(activation_function="silu", _remove_final_layer_norm=True), dtype="float16")
blip2("blip2_narrow", text=dict(word_embed_proj_dim=52, do_layer_norm_before=False), picture_less=True)
blip2("blip2_vision_absent", vision=dict(image_size=224, patch_size=14), edit=drop(*(f"vision_config.{k}" for k in (
    "image_size", "patch_size", "hidden_act", "layer_norm_eps", "qkv_bias", "model_type", "attention_dropout", "initializer_range"))))
blip2("blip2_text_absent", edit=drop(*(f"text_config.{k}" for k in (
    "model_type", "do_layer_norm_before", "activation_function", "word_embed_proj_dim", "enable_bias", "layer_norm_elementwise_affine", "tie_word_embeddings", "bos_token_id",
    "eos_token_id", "pad_token_id", "_remove_final_layer_norm"))))
blip2("blip2_former_absent", former=dict(num_attention_heads=10, num_hidden_layers=2), edit=drop(*(f"qformer_config.{k}" for k in (
    "hidden_act", "layer_norm_eps", "cross_attention_frequency", "encoder_hidden_size", "model_type", "position_embedding_type", "use_qformer_text_input", "vocab_size"))))
blip2("blip2_token_id", edit=lambda c: rename(c, "image_token_index", "image_token_id"), versions=[5])
blip2("blip2_old", edit=both(older, lambda c: [older(c[k]) for k in ("text_config", "vision_config", "qformer_config")],
                             put(text_config=dict(prefix="</s>", temperature=1.0, num_beams=1, max_length=20, is_decoder=False, torch_dtype="float16"),
                                 tie_word_embeddings=True, use_decoder_only_language_model=True, initializer_factor=1.0)))
blip2("blip2_hub", edit=both(older, dumped("text_config", "vision_config", "qformer_config"), put(tie_word_embeddings=False, use_decoder_only_language_model=True)))
blip2("blip2_settings", edit=put(text_config=dict(repetition_penalty=1.4, eos_token_id=[2, 290])))
blip2("blip2_image_mean", processor=dict(image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.4, 0.3], resample=2))
blip2("blip2_stale", files=stale, versions=[5], refused="do not agree")
blip2("blip2_no_rescale", processor=dict(rescale_factor=1 / 127.5, do_normalize=False))


def idefics(name, width=64, heads=4, ffn=120, layers=4, interval=2, added=2, vision=None, perceiver=None, edit=None, more=None, **config):
    vision = dict(embed_dim=48, num_attention_heads=4, intermediate_size=96, num_hidden_layers=2, image_size=28, patch_size=14) | (vision or {})
    perceiver = dict(use_resampler=True, resampler_n_latents=6, resampler_depth=2, resampler_n_heads=3, resampler_head_dim=20) | (perceiver or {})
    case(name, "idefics", dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, cross_layer_interval=interval,
                               additional_vocab_size=added, use_resampler=True, vision_config=vision, perceiver_config=perceiver) | config,
         edit=edit, **dict(tokenizer="pieces_idefics", picture=(57, 40)) | (more or {}))


idefics("idefics_default", qk_layer_norms=True, perceiver=dict(qk_layer_norms_perceiver=True))
idefics("idefics_every", interval=1, layers=3, rms_norm_eps=0.05, vision=dict(patch_size=7, layer_norm_eps=0.05), more=dict(dtype="float16"))
idefics("idefics_added", added=9, qk_layer_norms=True)
idefics("idefics_tied", tie_word_embeddings=True, more=dict(save=dict(safe_serialization=False)))  # which 4 cannot as safetensors
idefics("idefics_acts", vision=dict(hidden_act="quick_gelu", image_size=42))
idefics("idefics_rows", vision=dict(image_size=56), perceiver=dict(qk_layer_norms_perceiver=True), more=dict(dtype="bfloat16"))
# Version 4 knows nothing of these.
idefics("idefics_theta", edit=put(rope_theta=300.0), more=dict(versions=[5], refused="do not agree"))
idefics("idefics_parameters", edit=put(rope_parameters=dict(rope_type="default", rope_theta=300.0)), more=dict(versions=[5]))
idefics("idefics_linear", edit=put(rope_scaling=dict(type="linear", factor=3.0)), more=dict(versions=[5], refused="do not agree"))
idefics("idefics_llama_keys", edit=put(num_key_value_heads=2, attention_bias=True, mlp_bias=True, head_dim=16))
idefics("idefics_vision_absent", vision=dict(embed_dim=64, num_attention_heads=16, intermediate_size=5120), edit=drop(*(f"vision_config.{k}" for k in (
    "num_attention_heads", "intermediate_size", "patch_size", "hidden_act", "layer_norm_eps", "model_type", "num_channels"))))
idefics("idefics_perceiver_absent", perceiver=dict(resampler_n_latents=64, resampler_n_heads=16, resampler_head_dim=96),
        edit=drop(*(f"perceiver_config.{k}" for k in ("use_resampler", "resampler_n_latents", "resampler_n_heads", "resampler_head_dim", "model_type"))))
idefics("idefics_hub", edit=both(older, put(max_sequence_length=2048, word_embed_proj_dim=64, freeze_lm_head=False, init_std=0.02, _name_or_path="HuggingFaceM4/idefics-9b",
                                             alpha_initializer="zeros", alphas_initializer_range=0.0, cross_layer_activation_function="swiglu"), dumped("vision_config", "perceiver_config")))
idefics("idefics_mean", more=dict(processor=dict(image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.4, 0.3])))
idefics("idefics_vector", alpha_type="vector", more=dict(refused="alpha_type"))
idefics("idefics_plain", use_resampler=False, more=dict(refused="use_resampler"))


def flamingo(name, language, every=2, sizes=None, vision=None, **more):
    vision = dict(hidden_size=32, num_attention_heads=2, intermediate_size=128, num_hidden_layers=2, image_size=28, patch_size=7) | (vision or {})
    case(name, "open_flamingo", dict(language=language, every=every, sizes=sizes or (64, 6, 8, 64, 8, 64), vision=vision), tokenizer="bytes", picture=(57, 40), **more)


WIDE = dict(hidden_size=48, num_attention_heads=3, intermediate_size=96, num_hidden_layers=4, max_position_embeddings=256)
flamingo("flamingo_llama", dict(WIDE, model_type="llama", rope_theta=500.0, tie_word_embeddings=False))
flamingo("flamingo_mpt", dict(model_type="mpt", d_model=48, n_heads=3, n_layers=4, max_seq_len=256), vision=dict(layer_norm_eps=0.05))
flamingo("flamingo_neox", dict(WIDE, model_type="gpt_neox", rotary_pct=0.5, rotary_emb_base=500, use_parallel_residual=False), every=1)
flamingo("flamingo_sizes", dict(WIDE, model_type="llama", tie_word_embeddings=True), sizes=(8, 2, 1, 64, 8, 64))


def frozen(name, text, rows=2, pool="class", **more):
    vision = dict(hidden_size=48, num_attention_heads=4, intermediate_size=96, num_hidden_layers=2, image_size=28, patch_size=14, hidden_act="quick_gelu")
    case(name, "frozen", dict(text=dict(WIDE, model_type="llama") | text, vision=vision, rows=rows, pool=pool), tokenizer="bytes", picture=(57, 40), **more)


frozen("frozen_class", dict(rope_theta=500.0, tie_word_embeddings=True))
frozen("frozen_mean", dict(rope_scaling=dict(rope_type="linear", factor=2.5), num_key_value_heads=1, rms_norm_eps=0.05), rows=4, pool="mean")
