"""Goldens of T5: small random T5ForConditionalGeneration by themselves (text_t5_*.json) and in BLIP-2 (blip2_t5_*.json), run by
transformers 4.57.6, and, where the name has "five", by 5.24.0.

    python t5.py                             makes every golden of the version it is run with
    python t5.py NAME...                     only these
    python t5.py --random FIRST COUNT DIR    random configurations by seed, into DIR, for checks that are not kept

Weights are formulas and the tokenizer is the one of the OPT goldens, which begins texts with `</s>` and ends them with
nothing, so that only the model differs; those named "words" have T5's own, around the model "rules" of unigram.json. What a stranger needs to know about the original (modeling_t5.py,
configuration_t5.py, generation/utils.py):

The encoder reads the prompt, BLIP-2's rows of the picture in the place of `<image>` as ever; the decoder starts with
decoder_start_token_id. "ids" of a generation are the decoder's without that start; penalties and n-grams see it. "logits"
are the decoder's, behind the start (position 0) and behind each of "targets", which are given to it.

dense_act_fn and is_gated_act go over feed_forward_proj where they are saved. The decoder's output is multiplied by
d_model^-0.5 where tie_word_embeddings is not false. The cache of 4.57.6 has as many layers as the encoder, so that with
another depth of the decoder nothing but use_cache=False works: all is run so.
"""
import base64
import json
import os
import random
import struct
import sys
import tempfile
import warnings

import beams
import blip2_opt
import formula
import numpy as np
import opt_tokenizer
import torch
import transformers
from blip2_opt import CONTINUATIONS, HERE, IMAGE, NEW, PICTURES, QUESTION, SETTINGS, UNICODE, Noise, number, numbers, preprocessor, process, q, sample, stored, v
from PIL import Image
from text import LONG, ROWS
from transformers import (Blip2Config, Blip2ForConditionalGeneration, Blip2Processor, Blip2QFormerConfig, Blip2VisionConfig, LogitsProcessorList,
                          T5Config, T5ForConditionalGeneration, T5TokenizerFast)

START = 1


def t5(width, heads, head, ffn, layers, decoder, **more):
    return dict(dict(vocab_size=ROWS, d_model=width, num_heads=heads, d_kv=head, d_ff=ffn, num_layers=layers, num_decoder_layers=decoder,
                     n_positions=256, bos_token_id=2, pad_token_id=1, decoder_start_token_id=START, eos_token_id=[2]), **more)


# name: (what it is for, seed of the weights, stored type, config)
CONFIGS = {
    "gated": ("as T5 1.1: gated, tanh polynomial, own head", 201, "float32",
              t5(64, 4, 16, 128, 3, 3, feed_forward_proj="gated-gelu", tie_word_embeddings=False, eos_token_id=[32])),
    "erf": ("as in BLIP-2: dense_act_fn goes over it, wide heads", 202, "bfloat16",
            t5(48, 3, 24, 112, 2, 3, feed_forward_proj="gated-gelu", dense_act_fn="gelu", tie_word_embeddings=False, eos_token_id=[112, 233])),
    "plain": ("as T5 1.0: relu, tied and scaled, a deep encoder", 203, "float32", t5(60, 6, 8, 160, 4, 2, eos_token_id=[2, 45])),
    "buckets": ("other buckets, an odd number of them, a start that is no padding", 204, "float16",
                t5(72, 5, 12, 96, 2, 4, feed_forward_proj="gated-silu", relative_attention_num_buckets=13, relative_attention_max_distance=40,
                   layer_norm_epsilon=1e-5, decoder_start_token_id=7, tie_word_embeddings=False)),
    "near": ("few buckets, everything further alike", 205, "float32",
             t5(64, 2, 20, 96, 1, 1, feed_forward_proj="gelu", relative_attention_num_buckets=6, relative_attention_max_distance=5)),
    "words": ("T5's own tokenizer", 206, "float32", t5(64, 4, 16, 128, 2, 2, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
              pad_token_id=0, decoder_start_token_id=0, bos_token_id=None, eos_token_id=1)),
}
# Of 5.24.0, which saves what is scaled by a name of its own.
FIVE = {
    "five_gated": ("own head", 211, "float32", t5(64, 4, 16, 128, 2, 3, feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
    "five_plain": ("tied and scaled", 212, "float32", t5(48, 4, 16, 96, 3, 2)),
}
# name: (what it is for, seed, type of the stored weights, queries, vision, Q-Former, T5)
BLIP2 = {
    "gated": ("as published: gated, erf GELU, own head", 221, "float32", 4, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2),
              t5(64, 4, 16, 128, 3, 3, feed_forward_proj="gated-gelu", dense_act_fn="gelu", is_gated_act=True, tie_word_embeddings=False, eos_token_id=[168])),
    "deep": ("more queries, a deeper decoder, wide heads", 222, "float16", 7, v(60, 6, 100, 3, 56, 14), q(48, 3, 80, 4, 1),
             t5(72, 5, 20, 144, 2, 4, feed_forward_proj="gated-gelu", tie_word_embeddings=False, eos_token_id=[87, 250])),
    "tied": ("tied and scaled, relu", 223, "float32", 5, v(40, 4, 88, 2, 32, 8), q(36, 3, 60, 3, 3), t5(60, 5, 12, 120, 3, 2)),
    "buckets": ("buckets in which the picture's rows are far apart", 224, "bfloat16", 6, v(44, 4, 64, 2, 42, 14), q(30, 3, 50, 2, 2),
                t5(64, 4, 8, 96, 2, 2, feed_forward_proj="gated-gelu", relative_attention_num_buckets=8, relative_attention_max_distance=12,
                   tie_word_embeddings=False)),
    "words": ("T5's own tokenizer", 225, "float32", 4, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2),
              t5(64, 4, 16, 128, 2, 2, feed_forward_proj="gated-gelu", dense_act_fn="gelu", tie_word_embeddings=False, pad_token_id=0,
                 decoder_start_token_id=0, bos_token_id=1, eos_token_id=1)),
}
BLIP2_FIVE = {
    "five": ("as 5.24.0 saves it", 231, "float32", 5, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2),
             t5(64, 4, 16, 128, 2, 3, feed_forward_proj="gated-gelu", dense_act_fn="gelu", tie_word_embeddings=False)),
}
VERSIONS = {"4.57.6": (CONFIGS, BLIP2), "5.24.0": (FIVE, BLIP2_FIVE)}
PROMPTS = [QUESTION, LONG, UNICODE]
TARGETS = [12, 70, 30]
NAMES = [["greedy", "beams", "beams_length_0", "beams_length_minus_1"], list(SETTINGS), ["greedy", "beams"]]


def own_tokenizer(folder):
    """T5's tokenizer around a small SentencePiece model."""
    model = json.load(open(f"{HERE}/unigram.json"))["models"]["rules"]
    with open(f"{folder}/spiece.model", "wb") as f:
        f.write(base64.b64decode(model))
    return T5TokenizerFast(vocab_file=f"{folder}/spiece.model")


def tokenizer_files(tokenizer, folder):
    tokenizer.save_pretrained(f"{folder}/own")
    return {name: json.load(open(f"{folder}/own/{name}")) for name in ("tokenizer.json", "tokenizer_config.json")}


def saved(model, dtype):
    """config.json, generation_config.json and the list of tensors as the version saves them."""
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(d)
        config, generation = json.load(open(f"{d}/config.json")), json.load(open(f"{d}/generation_config.json"))
        with open(f"{d}/model.safetensors", "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    config["dtype"] = dtype
    return config, generation, sorted([k, t["shape"]] for k, t in header.items())


def fill(model, seed, dtype):
    model.tie_weights()
    with torch.no_grad():
        for k, p in model.named_parameters():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    return model.eval()


class Run:
    """A model with the source of one case: what the decoder says behind ids, and what generate makes."""

    def __init__(self, model, start, **source):
        self.model, self.start, self.source = model, start, source

    def rows(self, ids):
        with torch.no_grad():
            return self.model(**self.source, decoder_input_ids=torch.tensor([[self.start] + ids]), use_cache=False).logits[0]

    def generate(self, tokenizer, name, settings, eos):
        kw = dict(self.source, max_new_tokens=NEW, do_sample=False, use_cache=False, **settings)
        out = self.model.generate(**kw, return_dict_in_generate=True, output_scores=True)
        seq = out.sequences[0].tolist()
        assert seq[0] == self.start
        new = seq[1:]
        r = {"name": name, "settings": settings, "max_new_tokens": NEW, "ids": new, "text": tokenizer.decode(new, skip_special_tokens=True), "ended": new[-1] in eos}
        if "num_beams" in settings:
            rows = lambda many: [torch.log_softmax(self.rows(s[1:])[-1], -1).tolist() for s in many]
            processed = process(settings, 1, eos)
            mine, score, gap = beams.search(rows, [self.start], settings["num_beams"], NEW, eos, settings.get("length_penalty", 1.0),
                                            settings.get("early_stopping", False), processed)
            assert mine == new, (name, mine, new)
            assert abs(score - out.sequences_scores[0].item()) < 1e-5 * (1 + abs(score)), (name, score, out.sequences_scores)
            r["score"] = number(out.sequences_scores[0].item())
        else:
            gap = min(float(t[0] - t[1]) for t in (torch.topk(s[0], 2).values for s in out.scores))
        r["gap"] = number(gap)
        for seed in range(6):
            shaken = self.model.generate(**kw, logits_processor=LogitsProcessorList([Noise(5e-4, seed)]))[0].tolist()[1:]
            if shaken != new:
                r["gap"] = 0.0
        return r

    def scores(self, tokenizer):
        r = []
        for t in CONTINUATIONS:
            ids = tokenizer(t, add_special_tokens=False)["input_ids"]
            rows = torch.log_softmax(self.rows(ids), -1)[:-1]
            r.append({"text": t, "ids": ids, "logprobs": numbers(rows[torch.arange(len(ids)), torch.tensor(ids)])})
        return r

    def answers(self, tokenizer, seed, count, eos, names):
        targets = [int(x) for x in formula.splitmix(seed, 0, count) % np.uint64(ROWS)]
        rows = self.rows(targets)
        return {
            "targets": targets,
            "logits": [{"position": p, "values": numbers(rows[p])} for p in sorted({0, 1, count // 2, count})],
            "generate": [self.generate(tokenizer, n, SETTINGS[n], eos) for n in names],
            "score": self.scores(tokenizer),
        }


def ends(config):
    eos = config["eos_token_id"]
    return eos if isinstance(eos, list) else [eos]


def checks(tensors, seed):
    check = []
    for k, shape in tensors[:: max(1, len(tensors) // 8)]:
        n = int(np.prod(shape))
        index = sorted({0, 1, n // 2, n - 1})
        bits = formula.tensor(seed, k, shape).reshape(-1)[index].view(np.uint32)
        check.append({"name": k, "shape": shape, "index": index, "bits": [int(b) for b in bits]})
    return check


def text_golden(name, what, seed, dtype, config, tokenizer, names=NAMES):
    own = {}
    if name == "t5_words":
        with tempfile.TemporaryDirectory() as d:
            tokenizer = own_tokenizer(d)
            own["tokenizer"] = tokenizer_files(tokenizer, d)
    model = fill(T5ForConditionalGeneration(T5Config(**config)), seed, dtype)
    config_json, generation_json, tensors = saved(model, dtype)
    start, eos = config["decoder_start_token_id"], ends(config)
    cases = []
    for i, prompt in enumerate(PROMPTS):
        ids = tokenizer(prompt)["input_ids"]
        run = Run(model, start, input_ids=torch.tensor([ids]))
        cases.append({"prompt": prompt, "ids": ids, **run.answers(tokenizer, seed + i, TARGETS[i], eos, names[i])})
    return {
        "name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "config": config_json, "generation_config": generation_json,
        "tensors": tensors, "formula": checks(tensors, seed), "cases": cases, **own,
    }


def blip2_golden(name, what, seed, dtype, queries, vision, former, text, tokenizer, names=NAMES):
    own = {}
    if name == "t5_words":
        with tempfile.TemporaryDirectory() as d:
            tokenizer = own_tokenizer(d)
            Blip2Processor(preprocessor(vision["image_size"]), tokenizer, num_query_tokens=queries)  # adds `<image>`
            own["tokenizer"] = tokenizer_files(tokenizer, d)
    image_token = tokenizer.convert_tokens_to_ids("<image>")
    assert own or image_token == IMAGE
    config = Blip2Config(
        vision_config=Blip2VisionConfig(**vision).to_dict(), qformer_config=Blip2QFormerConfig(**former).to_dict(),
        text_config=T5Config(**text).to_dict(), num_query_tokens=queries, image_token_index=image_token,
    )
    model = fill(Blip2ForConditionalGeneration(config), seed, dtype)
    config_json, generation_json, tensors = saved(model, dtype)
    processor = Blip2Processor(preprocessor(vision["image_size"]), tokenizer, num_query_tokens=queries)
    with tempfile.TemporaryDirectory() as d:
        processor.save_pretrained(d)
        pre, proc = [json.load(open(f)) if os.path.exists(f) else None for f in (f"{d}/preprocessor_config.json", f"{d}/processor_config.json")]
    start, eos = text["decoder_start_token_id"], ends(text)
    cases = []
    for i, (width, height, prompt) in enumerate(PICTURES):
        pixels_u8 = formula.picture(seed * 10 + i, width, height)
        image = Image.fromarray(pixels_u8)
        inputs = processor(images=image, text=prompt, return_tensors="pt")
        ids, pixels = inputs["input_ids"], inputs["pixel_values"]
        run = Run(model, start, pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids))
        if prompt == "":  # Without text the model makes the same ids.
            a = model.generate(pixel_values=pixels, max_new_tokens=3, do_sample=False, use_cache=False)
            b = model.generate(**run.source, max_new_tokens=3, do_sample=False, use_cache=False)
            assert a.tolist() == b.tolist()
        with torch.no_grad():
            projected, tower, former_rows = blip2_opt.features(model, pixels)
        size = vision["image_size"]
        resized = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
        cases.append({
            "picture": {"seed": seed * 10 + i, "width": width, "height": height, "hash": f"{formula.fnv1a(pixels_u8.tobytes()):016x}"},
            "prompt": prompt, "ids": ids[0].tolist(), "resized_hash": f"{formula.fnv1a(resized.tobytes()):016x}",
            "pixels": {**sample(pixels[0], 24), "hash": f"{formula.fnv1a(pixels[0].numpy().tobytes()):016x}"},
            "tower": sample(tower.last_hidden_state[0]), "qformer": sample(former_rows.last_hidden_state[0]), "projection": sample(projected[0]),
            **run.answers(tokenizer, seed + i, TARGETS[i], eos, names[i]),
        })
    return {
        "name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "config": config_json, "generation_config": generation_json,
        "preprocessor_config": pre, "processor_config": proc, "tensors": tensors, "formula": checks(tensors, seed), "cases": cases, **own,
    }


def some(seed):
    """A random T5."""
    r = random.Random(seed)
    buckets = r.choice([4, 5, 6, 8, 13, 32, 32, 33, 64])
    act = r.choice([dict(feed_forward_proj=r.choice(["gated-gelu", "gated-silu", "gated-relu", "relu", "gelu", "gelu_new"])),
                    dict(feed_forward_proj="gated-gelu", dense_act_fn=r.choice(["gelu", "relu", "silu"])),
                    dict(feed_forward_proj="relu", dense_act_fn="gelu_new", is_gated_act=True)])
    return t5(4 * r.randint(5, 30), r.choice([1, 2, 3, 5, 6, 8, 12]), r.choice([4, 7, 8, 16, 24, 33]), r.randint(20, 200), r.randint(1, 6), r.choice([None, 1, 2, 3, 5]),
              relative_attention_num_buckets=buckets, relative_attention_max_distance=buckets // 2 + r.choice([1, 2, 9, 100]),
              layer_norm_epsilon=r.choice([1e-6, 1e-5]), tie_word_embeddings=r.random() < 0.5, decoder_start_token_id=r.choice([0, 1, 2, 9]), **act)


def write(folder, name, g):
    with open(os.path.join(folder, f"{name}.json"), "w") as f:
        json.dump(g, f, separators=(",", ":"))
    print(f"{name}: {os.path.getsize(f.name)} bytes, eos {g['eos']}")
    for c in g["cases"]:
        for r in c["generate"]:
            mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
            print(f"  {r['name']:22s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {r['ids']}{mark}")


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    texts, blip2 = VERSIONS[transformers.__version__]
    with tempfile.TemporaryDirectory() as d:
        tokenizer = opt_tokenizer.save(d)
        if args[:1] == ["--random"]:
            for seed in range(int(args[1]), int(args[1]) + int(args[2])):
                config = some(seed)
                if seed % 3 == 2:
                    r = random.Random(seed)
                    made = blip2_golden(f"random_{seed}", str(config), seed, "float32", r.randint(1, 9), v(32, 2, 40, 1, 28, 14),
                                        q(24, 2, 40, 2, 2), config, tokenizer, [["beams"], ["beams_length_0"], ["beams_length_minus_1"]])
                    write(args[3], f"blip2_t5_random_{seed}", made)
                else:
                    made = text_golden(f"random_{seed}", str(config), seed, "float32", config, tokenizer, [["beams"], ["beams_length_0"], ["beams_length_minus_1"]])
                    write(args[3], f"text_t5_random_{seed}", made)
            return
        names = args or [f"text_t5_{n}" for n in texts] + [f"blip2_t5_{n}" for n in blip2]
        for name in names:
            kind, short = name.split("_t5_")
            if kind == "text":
                write(HERE, name, text_golden(f"t5_{short}", *texts[short], tokenizer))
            else:
                write(HERE, name, blip2_golden(f"t5_{short}", *blip2[short], tokenizer))


if __name__ == "__main__":
    main(sys.argv[1:])
