"""Goldens of the flamingo family: small random IDEFICS models run by transformers 4.57.6 and 5.24.0, and OpenFlamingo's classes
(open_flamingo 2.0.1) around its LLaMA, MPT, GPT-NeoX and CLIP; flamingo_*.json.

    python flamingo.py                           makes every golden of the version it is run with
    python flamingo.py NAME...                   only these
    python flamingo.py --random FIRST COUNT DIR  random configurations by seed, into DIR, for checks that are not kept

Weights and pictures are formulas, gates among them, so that none is 0. The tokenizer is the one of the OPT goldens with the
marks of pictures added behind it. What a stranger needs to know about the original (modeling_idefics.py, perceiver.py,
processing_idefics.py): the vision tower's last norm is not applied; a position sees the last picture whose `<image>` token
is at or before it, none before the first and none between a `</s>` and the next picture; where it sees none, the gated
layer's feed-forward part still runs; ids above vocab_size are rows of additional tables; generated tokens see what the
prompt's last token sees. Its own cache and its own forward over everything must agree, or there is no golden.

Of OpenFlamingo (flamingo.py, helpers.py): the gated layers stand before decoder layers n - 1, 2n - 1, …; the tower's rows
are taken without the class row and without CLIP's last norm, which newer releases of open_clip apply; nothing resets. Sizes
of resampler and gated layers are fixed in its classes; goldens with these sizes can be had in the three parts of a release.

A list of pictures in a prompt is a video. Flamingo refuses more than one frame, PerceiverResampler does not: the assertion
is left out here, and videos of different lengths pass through the class one by one. More frames than embeddings of frames
have these interpolated (F.interpolate, linear, align_corners) before the class sees them, as DeepMind did for 30 frames.
"""
import json
import os
import random
import struct
import sys
import tempfile
import warnings

import beams
import formula
import numpy as np
import opt_tokenizer
import text
import torch
import transformers
from blip2_opt import HERE, NEW, Noise, QUESTION, UNICODE, number, numbers, process, sample, stored
from PIL import Image
from transformers import (AddedToken, CLIPVisionConfig, CLIPVisionModel, GPTNeoXConfig, GPTNeoXForCausalLM, IdeficsConfig, IdeficsForVisionText2Text,
                          IdeficsImageProcessor, IdeficsProcessor, LlamaConfig, LlamaForCausalLM, LogitsProcessorList, MptConfig, MptForCausalLM)

ROWS, IMAGE, EDGE, BREAK = 312, 312, 313, 314
NAMES = ["<image>", "<fake_token_around_image>", "<end_of_utterance>"]
OPEN_NAMES = ["<image>", "<|endofchunk|>"]
END = ROWS + OPEN_NAMES.index("<|endofchunk|>")
SETTINGS = {"greedy": {}, "beams": dict(num_beams=3), "repetition": dict(repetition_penalty=1.5)}
CONTINUATIONS = [" a cat", " two.", " 東京"]
# Texts and numbers of pictures, in order.
CASES = [
    ["the old house by the river, with the light"],
    ["Question: what is it? ", 0, "  a photo of "],
    [1, "Output: a cat</s>Output: a dog", " and the street", 2, 0, "it is white</s> and red.", 3, "Answer:"],
    [UNICODE, 2, 3, 2, QUESTION],
]
OPEN_CASES = [
    ["the old house by the river, with the light", 1],
    ["Question: what is it? ", 0, "  a photo of "],
    [1, "Output: a cat<|endofchunk|>", 2, 0, "it is white</s> and red.", 3, "Answer:"],
    [UNICODE, 2, 3, 2, QUESTION],
]
# Behind no picture at all, too.
CLASS_CASES = [
    ["the old house by the river, with the light"],
    [0, "Output:"],
    ["Answer: ", 1, "Output: a cat<|endofchunk|>", 2, 0, "it is white<|endofchunk|>\n", 3, "Question: what is it? Short answer:"],
    [UNICODE, 2, QUESTION],
]
CLIP_CASES = [
    ["the old house by the river, with the light", [0, 1, 2]],
    [[1, 3], "Output:"],
    ["Answer: ", 1, "Output: a cat<|endofchunk|>", [2, 0, 3, 1, 0, 2, 2], 0, "it is white<|endofchunk|>\n", [3], "Question: what is it? Short answer:"],
    [UNICODE, [2], 2, [0, 3, 1, 2, 3], QUESTION],
]
PICTURES = [(20, 17), (97, 64), (31, 83), (28, 28)]


class Processor(IdeficsProcessor):
    """The tokenizer's class is checked by name; any will do."""

    tokenizer_class = "PreTrainedTokenizerFast"


def idefics(width, heads, ffn, layers, interval, vision, latents, depth, rheads, rhead, **more):
    norms = more.pop("perceiver_norms", True)
    more.setdefault("qk_layer_norms", True)
    w, vheads, vffn, vlayers, size, patch = vision
    return dict(vocab_size=ROWS, hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers,
                cross_layer_interval=interval, use_resampler=True, pad_token_id=1, bos_token_id=2, **more,
                vision_config=dict(embed_dim=w, num_attention_heads=vheads, intermediate_size=vffn, num_hidden_layers=vlayers, image_size=size,
                                   patch_size=patch),
                perceiver_config=dict(use_resampler=True, resampler_n_latents=latents, resampler_depth=depth, resampler_n_heads=rheads,
                                      resampler_head_dim=rhead, qk_layer_norms_perceiver=norms))


# name: (what it is for, seed, stored type, added tokens, config)
CONFIGS = {
    "idefics": ("as published but small: norms of heads everywhere", 301, "float32", 2,
                idefics(64, 4, 120, 8, 4, (48, 4, 96, 2, 28, 14), 6, 2, 3, 20)),
    "idefics_every": ("a gated layer before each, no norms of heads, f16, texts broken by a token", 304, "float16", 3,
                      idefics(60, 6, 100, 3, 1, (40, 4, 72, 3, 32, 8), 5, 3, 2, 12, qk_layer_norms=False, perceiver_norms=False, rms_norm_eps=1e-5)),
    "idefics_second": ("every second, one latent, a tower of more rows, bf16", 303, "bfloat16", 2,
                       idefics(48, 3, 88, 4, 2, (36, 3, 60, 2, 42, 7), 1, 1, 5, 8, perceiver_norms=False)),
}
# Of 5.24.0, which saves RoPE's base and the image processor elsewhere.
FIVE = {
    "idefics_five": ("as 5.24.0 saves it, another base of RoPE", 305, "float32", 2,
                     idefics(64, 4, 120, 4, 2, (48, 4, 96, 2, 28, 14), 6, 2, 3, 20, rope_parameters=dict(rope_type="default", rope_theta=300.0))),
}
EOS = {}


# model_type: (its classes, where the layers are, what the adapter has of it beside the gated layers)
LANGUAGES = {
    "llama": (LlamaConfig, LlamaForCausalLM, "model.layers", ("embed_tokens", "lm_head")),
    "mpt": (MptConfig, MptForCausalLM, "transformer.blocks", ("wte",)),
    "mosaic_gpt": (MptConfig, MptForCausalLM, "transformer.blocks", ("wte",)),
    "gpt_neox": (GPTNeoXConfig, GPTNeoXForCausalLM, "gpt_neox.layers", ("embed_in", "embed_out")),
}


class Open:
    """OpenFlamingo's model, of any sizes, to be called as transformers' Idefics is."""

    bad = [IMAGE]

    def __init__(self, config, seed, dtype):
        from open_flamingo.src.flamingo import Flamingo
        from open_flamingo.src.flamingo_lm import FlamingoLMMixin
        from open_flamingo.src.helpers import GatedCrossAttentionBlock, PerceiverResampler
        from open_flamingo.src.utils import extend_instance

        class Mixin(FlamingoLMMixin):
            """generate leaves attention_mask out where it is all ones; the original's signature needs it."""

            def forward(self, input_ids=None, attention_mask=None, **kw):
                return super().forward(input_ids, attention_mask, **kw)

        class Rows(torch.nn.Module):
            """What open_clip up to 2.22 hands on as tokens."""

            def __init__(self, tower):
                super().__init__()
                self.tower = tower

            def forward(self, pixels):
                return None, self.tower(pixels, output_hidden_states=True).hidden_states[-1][:, 1:]

        class Clips(Flamingo):
            """vision_x is (b, T, F, C, H, W) with NaN for frames that an item does not have; all of b are the same."""

            def encode(self, vision_x):
                items, rows = vision_x[0], []
                for t, item in enumerate(items):
                    x = self.vision_encoder(item[~item.isnan().flatten(1).any(1)])[1]
                    # As often as there are items, so that the class gives this one the embedding of its place.
                    rows.append(self.resample(x.expand(1, len(items), *x.shape))[:, t])
                return torch.stack(rows, 1).expand(len(vision_x), -1, -1, -1)

            def resample(self, x):
                learned, frames = self.perceiver.frame_embs, x.shape[2]
                if learned is None or frames <= len(learned):
                    return self.perceiver(x)
                more = torch.nn.functional.interpolate(learned.T[None], size=frames, mode="linear", align_corners=True)[0].T
                self.perceiver.frame_embs = torch.nn.Parameter(more)
                rows = self.perceiver(x)
                self.perceiver.frame_embs = learned
                return rows

            def _encode_vision_x(self, vision_x):
                with torch.no_grad():
                    rows = self.encode(vision_x)
                for layer in self.lang_encoder._get_decoder_layers():
                    layer.condition_vis_x(rows)

        c = config
        vision, language = c["vision_config"], c["text_config"]
        self.tower = CLIPVisionModel(CLIPVisionConfig(**vision)).eval()
        configuration, model, layers, trained = LANGUAGES[language["model_type"]]
        lm = model(configuration(**language, attn_implementation="eager"))
        lm.tie_weights()
        named = text.mosaic(lm) if language["model_type"] == "mosaic_gpt" else lambda k: k
        extend_instance(lm, Mixin)
        lm.set_decoder_layers_attr_name(layers)
        outer = torch.nn.Module()
        outer.visual = Rows(self.tower)
        w, d = vision["hidden_size"], lm.config.hidden_size
        f = Clips(outer, lm, IMAGE + 1, IMAGE, vis_dim=w, cross_attn_every_n_layers=c["cross_attn_every_n_layers"])
        f.perceiver = PerceiverResampler(dim=w, depth=c["resampler_depth"], dim_head=c["resampler_head_dim"], heads=c["resampler_n_heads"],
                                         num_latents=c["resampler_n_latents"], max_num_media=c.get("resampler_max_num_media"),
                                         max_num_frames=c.get("resampler_max_num_frames"))  # the sizes are fixed in Flamingo()
        for i, g in enumerate(lm.gated_cross_attn_layers):
            if g is not None:
                lm.gated_cross_attn_layers[i] = GatedCrossAttentionBlock(dim=d, dim_visual=w, dim_head=c["cross_attn_dim_head"], heads=c["cross_attn_heads"])
        lm.init_flamingo_layers(False)
        lm.generation_config.pad_token_id = 1
        self.model, self.names = f.eval(), {}
        for k, p in self.tower.named_parameters():
            self.names[k] = p
        for k, p in f.perceiver.named_parameters():
            self.names[f"perceiver.{k}"] = p
        for k, p in lm.named_parameters():
            k = named(k)
            adapter = "gated_cross_attn_layer" in k or any(part in k for part in trained)
            self.names[f"lang_encoder.{k}" if adapter else k.replace(".decoder_layer.", ".")] = p
        with torch.no_grad():
            for k, p in self.names.items():
                p.copy_(stored(k, list(p.shape), seed, dtype))
        self.check_tower(vision)

    def check_tower(self, vision):
        """open_clip's tower with the same weights and without its last norm gives the same rows."""
        from open_clip.model import CLIP

        s, w = vision["image_size"], vision["hidden_size"]
        clip = CLIP(embed_dim=8, quick_gelu=True, text_cfg=dict(context_length=8, vocab_size=16, width=16, heads=2, layers=1),
                    vision_cfg=dict(layers=vision["num_hidden_layers"], width=w, head_width=w // vision["num_attention_heads"],
                                    patch_size=vision["patch_size"], image_size=s, mlp_ratio=vision["intermediate_size"] / w))
        visual, own = clip.visual.eval(), self.tower.vision_model
        visual.output_tokens, visual.ln_post = True, torch.nn.Identity()
        with torch.no_grad():
            visual.conv1.weight.copy_(own.embeddings.patch_embedding.weight)
            visual.class_embedding.copy_(own.embeddings.class_embedding)
            visual.positional_embedding.copy_(own.embeddings.position_embedding.weight)
            visual.ln_pre.load_state_dict(own.pre_layrnorm.state_dict())
            for a, b in zip(visual.transformer.resblocks, own.encoder.layers):
                q = [b.self_attn.q_proj, b.self_attn.k_proj, b.self_attn.v_proj]
                a.attn.in_proj_weight.copy_(torch.cat([x.weight for x in q]))
                a.attn.in_proj_bias.copy_(torch.cat([x.bias for x in q]))
                for x, y in [(a.attn.out_proj, b.self_attn.out_proj), (a.ln_1, b.layer_norm1), (a.ln_2, b.layer_norm2), (a.mlp.c_fc, b.mlp.fc1), (a.mlp.c_proj, b.mlp.fc2)]:
                    x.load_state_dict(y.state_dict())
            pixels = torch.randn(1, 3, s, s, generator=torch.Generator().manual_seed(1))
            theirs, ours = visual(pixels)[1], self.model.vision_encoder(pixels)[1]
        assert (theirs - ours).abs().max() < 1e-5 * ours.abs().max(), (theirs - ours).abs().max()

    def __call__(self, input_ids, pixel_values, image_attention_mask, attention_mask, use_cache):
        return self.model(vision_x=pixel_values, lang_x=input_ids, attention_mask=attention_mask)

    def generate(self, input_ids, attention_mask, pixel_values, image_attention_mask, **kw):
        return self.model.generate(vision_x=pixel_values, lang_x=input_ids, attention_mask=attention_mask, **kw)

    def media(self, pixels):
        return self.model.encode(pixels[None])[0]


class OpenProcessor:
    """The texts with `<image>` in them as one text, and open_clip's transform for the pictures."""

    def __init__(self, tokenizer, size):
        from open_clip.transform import image_transform

        self.tokenizer = tokenizer
        self.transform = image_transform(size, is_train=False, mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711))

    def __call__(self, text, return_tensors):
        (pieces,) = text
        ids = self.tokenizer("".join(p if isinstance(p, str) else "<image>" for p in pieces))["input_ids"]
        shown = [p if isinstance(p, list) else [p] for p in pieces if not isinstance(p, str)]
        # There is always a picture for the original; without a token for it nothing attends to it.
        size = self.transform.transforms[1].size
        pixels = torch.full((1, max(len(shown), 1), max(map(len, shown), default=1), 3, *size), float("nan") if shown else 0.0)
        for t, frames in enumerate(shown):
            for n, frame in enumerate(frames):
                pixels[0, t, n] = self.transform(frame)
        n = len(ids)
        return {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, n, dtype=torch.long), "pixel_values": pixels,
                "image_attention_mask": torch.zeros(1, n, 1)}


def llama(width, heads, ffn, layers, **more):
    return dict(model_type="llama", vocab_size=ROWS + 2, hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=256, bos_token_id=2, pad_token_id=1, tie_word_embeddings=False, **more)


def mpt(kind, width, heads, layers):
    own = dict(mlp_ratio=4, attn_qk_ln=True, alibi=True, alibi_bias_max=8, no_bias=True) if kind == "mosaic_gpt" else {}
    return dict(model_type=kind, vocab_size=ROWS + 2, d_model=width, n_heads=heads, n_layers=layers, max_seq_len=256, bos_token_id=2, pad_token_id=1,
                tie_word_embeddings=True, **own)


def neox(width, heads, ffn, layers, **more):
    return llama(width, heads, ffn, layers, **(dict(rotary_pct=1.0, use_parallel_residual=False) | more)) | dict(model_type="gpt_neox")


# The classes' sizes of resampler and gated layers.
CLASS = (64, 6, 8, 64, 8, 64)


def open_flamingo(every, language, vision, latents, depth, rheads, rhead, xheads, xhead, frames=None, media=None):
    w, vheads, vffn, vlayers, size, patch = vision
    tower = dict(hidden_size=w, num_attention_heads=vheads, intermediate_size=vffn, num_hidden_layers=vlayers, image_size=size, patch_size=patch,
                 hidden_act="quick_gelu")
    times = {f"resampler_max_num_{k}": n for k, n in (("frames", frames), ("media", media)) if n}
    return dict(model_type="open_flamingo", **times, text_config=language, vision_config=tower, cross_attn_every_n_layers=every, resampler_n_latents=latents,
                resampler_depth=depth, resampler_n_heads=rheads, resampler_head_dim=rhead, cross_attn_heads=xheads, cross_attn_dim_head=xhead)


# name: as CONFIGS.
OPEN = {
    "open": ("OpenFlamingo around LLaMA, every second layer", 311, "float32", open_flamingo(2, llama(64, 4, 120, 4), (48, 4, 96, 2, 28, 14), 6, 2, 3, 20, 2, 24)),
    "open_every": ("a gated layer before each, shared key heads, f16", 314, "float16",
                   open_flamingo(1, llama(48, 4, 100, 3, num_key_value_heads=2), (40, 5, 80, 2, 35, 7), 4, 3, 2, 12, 5, 8)),
    "open_clips": ("videos without embeddings of time", 319, "float32",
                   open_flamingo(2, llama(56, 4, 110, 4), (40, 4, 88, 2, 28, 7), 5, 2, 3, 16, 3, 20)),
    "open_frames": ("MPT with embeddings of frames and of places, every second layer, sizes as released, f16", 351, "float16",
                    open_flamingo(2, mpt("mpt", 40, 5, 4), (32, 2, 128, 2, 28, 7), *CLASS, frames=3, media=4)),
    "open_fourth": ("every fourth, bf16", 313, "bfloat16", open_flamingo(4, llama(56, 7, 90, 8), (36, 3, 72, 3, 56, 14), 9, 1, 4, 16, 1, 40)),
    "open_mpt": ("MPT, every fourth layer, sizes as released, f16", 321, "float16", open_flamingo(4, mpt("mpt", 40, 5, 8), (32, 2, 128, 2, 28, 7), *CLASS)),
    "open_mosaic": ("MPT-1B's class, each layer, sizes as released", 331, "float32",
                    open_flamingo(1, mpt("mosaic_gpt", 48, 4, 3), (32, 2, 128, 2, 28, 7), *CLASS)),
    "open_neox": ("GPT-NeoX as RedPajama's, every second layer, sizes as released, bf16", 345, "bfloat16",
                  open_flamingo(2, neox(48, 3, 96, 4), (32, 2, 128, 2, 28, 7), *CLASS)),
}


def tokenizer(directory, names):
    """The tokenizer of the OPT goldens with more added tokens."""
    fast = opt_tokenizer.save(directory)
    mark = lambda s: AddedToken(s, normalized=False, special=True)
    fast.add_special_tokens({"additional_special_tokens": [mark(s) for s in names]})
    assert [fast.convert_tokens_to_ids(s) for s in names] == list(range(ROWS, ROWS + len(names))), fast.convert_tokens_to_ids(names)
    return fast


def build(config, seed, dtype, added, eos):
    """The model in f32, weights rounded to the stored type, with config.json, generation_config.json and the tensor list."""
    model = IdeficsForVisionText2Text(IdeficsConfig(**dict(config, additional_vocab_size=added, eos_token_id=eos, attn_implementation="eager")))
    with torch.no_grad():
        for k, p in model.named_parameters():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    model = model.eval()
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(d)
        config_json, generation_json = json.load(open(f"{d}/config.json")), json.load(open(f"{d}/generation_config.json"))
        with open(f"{d}/model.safetensors", "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    config_json["dtype"] = dtype
    model.bad = [IMAGE, EDGE]
    model.media = lambda pixels: model.model.perceiver_resampler(model.model.vision_model(pixel_values=pixels).last_hidden_state)
    model.config.vocab_size = ROWS + added  # beam search reshapes by it, and forgets the additional rows
    return model, config_json, generation_json, sorted([k, t["shape"]] for k, t in header.items())


def extended(mask, more):
    """The prompt's mask with the last row again for tokens behind it."""
    return torch.cat([mask] + [mask[:, -1:]] * more, 1) if more else mask


def logits(model, inputs, ids):
    """All rows of logits for the prompt with more ids behind it, in one forward."""
    mask = extended(inputs["image_attention_mask"], len(ids) - inputs["input_ids"].shape[1])
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), pixel_values=inputs["pixel_values"], image_attention_mask=mask,
                     attention_mask=torch.ones(1, len(ids), dtype=torch.long), use_cache=False).logits[0]


def generate(model, tokens, inputs, name, settings, eos):
    """One generation with the original's cache, checked for near-ties and, for beams, against beams.py without a cache."""
    prompt = inputs["input_ids"][0].tolist()
    bad = model.bad
    kw = dict(**inputs, max_new_tokens=NEW, do_sample=False, bad_words_ids=[[b] for b in bad], eos_token_id=eos, **settings)
    out = model.generate(**kw, return_dict_in_generate=True, output_scores=True)
    new = out.sequences[0].tolist()[len(prompt):]
    r = {"name": name, "settings": settings, "max_new_tokens": NEW, "ids": new, "text": tokens.decode(new, skip_special_tokens=True), "ended": new[-1] in eos}

    def without(ids, row):
        row = process(settings, len(prompt), eos)(ids, row)
        for b in bad:
            row[b] = -float("inf")
        return row

    if "num_beams" in settings:
        rows = lambda many: [torch.log_softmax(logits(model, inputs, s)[-1], -1).tolist() for s in many]
        mine, score, gap = beams.search(rows, prompt, settings["num_beams"], NEW, eos, 1.0, False, without)
        assert mine == new, (name, mine, new)
        r["score"] = number(out.sequences_scores[0].item())
    else:
        gap = min(float(t[0] - t[1]) for t in (torch.topk(s[0], 2).values for s in out.scores))
        ids = list(prompt)
        for t in new:  # The cache changes nothing.
            assert int(np.argmax(without(ids, logits(model, inputs, ids)[-1].tolist()))) == t, (name, ids, t)
            ids.append(t)
    r["gap"] = number(gap)
    for seed in range(3):
        if model.generate(**kw, logits_processor=LogitsProcessorList([Noise(5e-4, seed)]))[0].tolist()[len(prompt):] != new:
            r["gap"] = 0.0
    return r


def picture(seed, i):
    width, height = PICTURES[i]
    u8 = formula.picture(seed * 10 + i, width, height)
    return Image.fromarray(u8), {"seed": seed * 10 + i, "width": width, "height": height, "hash": f"{formula.fnv1a(u8.tobytes()):016x}"}


def case(model, processor, seed, pieces, eos, names):
    shown = lambda p: p if isinstance(p, str) else [shown(f) for f in p] if isinstance(p, list) else picture(seed, p)[0]
    prompt = [shown(p) for p in pieces]
    inputs = dict(processor(text=[prompt], return_tensors="pt"))
    ids = inputs["input_ids"][0].tolist()
    rows = logits(model, inputs, ids)
    last = len(ids) - 1
    at = sorted({0, last // 3, 2 * last // 3, last} | {i for i, t in enumerate(ids) if t == IMAGE})
    r = {"pieces": pieces, "ids": ids, "logits": [{"position": p, "values": numbers(rows[p])} for p in at[-5:]]}
    r["generate"] = [generate(model, processor.tokenizer, inputs, n, SETTINGS[n], eos) for n in names]
    r["score"] = []
    for t in CONTINUATIONS:
        more = processor.tokenizer(t, add_special_tokens=False)["input_ids"]
        found = torch.log_softmax(logits(model, inputs, ids + more), -1)[len(ids) - 1 : -1]
        r["score"].append({"text": t, "ids": more, "logprobs": numbers(found[torch.arange(len(more)), torch.tensor(more)])})
    pixels = inputs["pixel_values"]
    if any(not isinstance(p, str) for p in pieces):
        with torch.no_grad():
            media = model.media(pixels[0, :1])
        r["media"] = sample(media[0])
    return r


def golden(name, what, seed, dtype, added, config, eos, prompts, names):
    opened = config.get("model_type") == "open_flamingo"
    tokens = OPEN_NAMES if opened else NAMES[:added]
    if opened:
        model, config_json, generation_json = Open(config, seed, dtype), config, {"eos_token_id": 2}
        tensors = sorted([k, list(p.shape)] for k, p in model.names.items())
    else:
        model, config_json, generation_json, tensors = build(config, seed, dtype, added, eos)
    size = config["vision_config"]["image_size"]
    with tempfile.TemporaryDirectory() as d:
        if opened:
            processor, pre, proc = OpenProcessor(tokenizer(d, tokens), size), {}, None
        else:
            # Newer versions resize with torchvision unless told otherwise.
            pil = getattr(transformers, "IdeficsImageProcessorPil", IdeficsImageProcessor)
            processor = Processor(pil(image_size=size), tokenizer(d, tokens))
            saved = processor if pil is not IdeficsImageProcessor else processor.image_processor
            saved.save_pretrained(d)
            pre, proc = [json.load(open(f)) if os.path.exists(f) else None for f in (f"{d}/preprocessor_config.json", f"{d}/processor_config.json")]
        check = []
        for k, shape in tensors[:: max(1, len(tensors) // 8)]:
            n = int(np.prod(shape))
            index = sorted({0, 1, n // 2, n - 1})
            index = [i for i in index if i < n]
            bits = formula.tensor(seed, k, shape).reshape(-1)[index].view(np.uint32)
            check.append({"name": k, "shape": shape, "index": index, "bits": [int(b) for b in bits]})
        cases = [case(model, processor, seed, p, eos, n) for p, n in zip(prompts, names)]
    return {
        "name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "added_tokens": tokens, "config": config_json,
        "generation_config": generation_json, "preprocessor_config": pre, **({"processor_config": proc} if proc else {}), "tensors": tensors, "formula": check,
        "pictures": [picture(seed, i)[1] for i in range(len(PICTURES))], "cases": cases,
    }


def some(seed):
    """A random configuration."""
    r = random.Random(seed)
    heads = r.choice([1, 2, 3, 4])
    width, vheads = 4 * heads * r.randint(2, 6), r.choice([1, 2, 3])
    patch, interval = r.choice([5, 7, 14]), r.choice([1, 2, 3, 4])
    return 2 + seed % 2, idefics(
        width, heads, r.randint(20, 150), interval * r.randint(1, 2), interval,
        (vheads * r.randint(4, 20), vheads, r.randint(20, 100), r.randint(1, 3), patch * r.randint(1, 4), patch),
        r.randint(1, 9), r.randint(1, 3), r.randint(1, 4), r.randint(3, 20), qk_layer_norms=r.random() < 0.5, perceiver_norms=r.random() < 0.5,
        rms_norm_eps=r.choice([1e-6, 1e-5]))


def some_open(seed):
    """A random OpenFlamingo, and prompts with none to four pictures."""
    r = random.Random(seed)
    heads, every = r.choice([1, 2, 3, 4, 5]), r.choice([1, 2, 4])
    width, ffn, layers = 4 * heads * r.randint(2, 6), r.randint(20, 150), every * r.randint(1, 2) + r.choice([0, 0, 1])
    vheads, patch = r.choice([1, 2, 3]), r.choice([5, 7, 14])
    language = [
        llama(width, heads, ffn, layers, rms_norm_eps=r.choice([1e-6, 1e-5]), num_key_value_heads=r.choice([n for n in (1, heads) if heads % n == 0])),
        mpt("mpt", width, heads, layers),
        mpt("mosaic_gpt", width, heads, layers),
        neox(width, heads, ffn, layers, use_parallel_residual=r.random() < 0.3, rotary_pct=r.choice([0.5, 1.0])),
    ][seed % 4]
    vision = vheads * r.randint(4, 20)
    config = open_flamingo(every, language, (vision, vheads, r.randint(1, 3) * vision, r.randint(1, 3), patch * r.randint(1, 4), patch),
                           r.randint(1, 9), r.randint(1, 3), r.randint(1, 4), r.randint(3, 20), r.randint(1, 5), r.randint(3, 30),
                           frames=r.choice([None, 1, 3]), media=r.choice([None, 4]))
    texts = [QUESTION, UNICODE, "Output: a cat<|endofchunk|>", "it is white</s> and red.", " the street", "\nAnswer:"]
    prompts = []
    for count in r.sample(range(5), 4):
        some_picture = lambda: r.randrange(len(PICTURES))
        medium = lambda: some_picture() if r.random() < 0.5 else [some_picture() for _ in range(r.randint(1, 6))]
        pieces = r.sample(texts, r.randint(1, 4)) + [medium() for _ in range(count)]
        r.shuffle(pieces)
        prompts.append(pieces)
    return config, prompts


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    configs = {"4.57.6": CONFIGS | OPEN, "5.24.0": FIVE}[transformers.__version__]
    if args[:1] == ["--random"]:
        first, count, folder = int(args[1]), int(args[2]), args[3]
        for seed in range(first, first + count):
            if seed % 2:
                added, config = some(seed)
                g = golden(f"random{seed}", "random", seed, "float32", added, config, [2], CASES, [["greedy", "beams"]] * 4)
            else:
                config, prompts = some_open(seed // 2)
                g = golden(f"random{seed}", "random", seed, "float32", 0, config, [END], prompts, [["greedy", "beams"]] * 4)
            with open(f"{folder}/flamingo_random{seed}.json", "w") as f:
                json.dump(g, f, separators=(",", ":"))
        return
    for name in args or configs:
        what, seed, dtype, *added, config = configs[name]
        # OpenFlamingo ends at the end of a chunk and nowhere else.
        eos = [END] if name in OPEN else EOS.get(name, [2])
        prompts = CASES if name not in OPEN else OPEN_CASES if name in ("open", "open_every", "open_fourth") else CLASS_CASES
        prompts = CLIP_CASES if name in ("open_clips", "open_frames") else prompts
        g = golden(name, what, seed, dtype, sum(added), config, eos, prompts, [["greedy"], ["greedy", "beams"], ["greedy", "beams"], ["beams", "repetition"]])
        with open(f"{HERE}/flamingo_{name}.json", "w") as f:
            json.dump(g, f, separators=(",", ":"))
        print(f"{name}: {os.path.getsize(f.name)} bytes, eos {g['eos']}")
        for c in g["cases"]:
            for r in c["generate"]:
                mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
                print(f"  {r['name']:22s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {r['ids']}{mark}")


if __name__ == "__main__":
    main(sys.argv[1:])
