"""Goldens of BLIP-2 with OPT: small random checkpoints run by transformers 4.57.6, and by 5.24.0, blip2_opt_*.json.

    python blip2_opt.py                     makes every golden of the version it is run with, and opt_tokenizer.json with 4.57.6
    python blip2_opt.py NAME...             only these
    python blip2_opt.py --check NAME DIR    runs the golden's generations on a directory written by the Rust tests

What a stranger needs to know about the original (modeling_blip_2.py, modeling_opt.py, generation/utils.py):

Files. config.json leaves out much that equals a default (eos_token_id 2, bos_token_id 2, pad_token_id 1 and
tie_word_embeddings true of OPT here; any field in older files), so a reader must know these (../src/checkpoint.rs has them).
Only text_config.tie_word_embeddings counts, not the outer one. Tied `language_model.lm_head.weight` is not saved. `qkv` rows are q, k, v, each [heads * head_dim]; the k third
of the bias exists and has no effect. `query_tokens` and `vision_model.embeddings.*` keep their leading 1.

Ids. Blip2Processor gives num_query_tokens times `<image>`, then `</s>` (2, the tokenizer's beginning token), then the text;
nothing is appended. With no text the model itself makes `<image>`... and text_config.bos_token_id. The rows of `<image>`
in the embedded prompt are overwritten by language_projection(qformer(...)); everything, image rows included, is plain
causal context with positions 0, 1, 2... (table row + 2).

Output. generate returns the prompt ids followed by new ids. The ending id is included where one was met; here "ids" are
the new ids only, with the ending id. A beam result shorter than others is not padded here.

Ending. Blip2ForConditionalGeneration.generate hands over to language_model.generate, and the language model, built from
text_config, takes eos_token_id (one id or a list) from text_config only. generation_config.json of the directory is read
into the outer model and has no effect on generation. text_config's own generation fields (num_beams, repetition_penalty,
max_length, ...) do have effect where they are present.

Lengths. min_new_tokens and max_new_tokens count new ids. The repetition penalty sees all ids: `<image>`, `</s>`, prompt
and what was generated; in greedy search it works on raw logits, in beam search on log-probabilities.

word_embed_proj_dim other than hidden_size is broken in the original: language_projection makes rows of hidden_size, but
they replace rows of word_embed_proj_dim (masked_scatter copies the flattened rows until the places are full, and fails
where they do not suffice). No published BLIP-2 does this. The golden "project" keeps what transformers computes and, in
"text_only", what the language model alone gives, where the two projections make sense.
"""
import copy
import json
import os
import struct
import sys
import tempfile
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import numpy as np
import torch
import transformers
from PIL import Image
from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor, BlipImageProcessor, OPTConfig
from transformers import Blip2QFormerConfig, Blip2VisionConfig, LogitsProcessor, LogitsProcessorList

try:
    from transformers.modeling_utils import no_init_weights
except ImportError:  # where 5.0 moved it
    from transformers.initialization import no_init_weights

import beams
import formula
import opt_tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = 4 + 256 + opt_tokenizer.MERGES  # the id of <image>
QUESTION = "Question: what is it? Answer:"
UNICODE = " naïve café — 東京 🦉\u200d\u00a0\n\tΩ≈ç√ it's 4½"


def v(width, heads, ffn, layers, image, patch, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, image_size=image, patch_size=patch, **more)


def q(width, heads, ffn, layers, frequency, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, cross_attention_frequency=frequency, **more)


def o(width, heads, ffn, layers, rows, positions, **more):
    more.setdefault("word_embed_proj_dim", width)
    return dict(hidden_size=width, num_attention_heads=heads, ffn_dim=ffn, num_hidden_layers=layers, vocab_size=rows, max_position_embeddings=positions, **more)


# name: (what it is for, seed, type of the stored weights, queries, vision, Q-Former, OPT, outer fields)
CONFIGS = {
    "default": ("every switch as published, two ending ids", 7, "float32", 4,
                v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2), o(64, 4, 128, 2, IMAGE + 1, 96), {}),
    "deep": ("more layers, cross-attention in every Q-Former layer, quick_gelu tower", 8, "float32", 7,
             v(60, 6, 100, 4, 56, 14, hidden_act="quick_gelu"), q(48, 3, 80, 4, 1), o(72, 6, 200, 4, IMAGE + 9, 128), {}),
    "postnorm": ("OPT with LayerNorm after attention and FFN (do_layer_norm_before false), early ending", 24, "float32", 5,
                 v(40, 4, 88, 2, 32, 8), q(36, 3, 60, 3, 3), o(60, 5, 120, 3, IMAGE + 8, 80, do_layer_norm_before=False), {}),
    "project": ("word_embed_proj_dim narrower than hidden_size, as in opt-350m", 21, "float32", 6,
                v(44, 4, 64, 2, 42, 14), q(30, 3, 50, 2, 2), o(72, 6, 96, 3, IMAGE + 1, 96, word_embed_proj_dim=52, do_layer_norm_before=False), {}),
    "plain": ("no biases in OPT's Linears, no weights in its LayerNorms, gelu", 7, "float32", 3,
              v(36, 3, 72, 3, 28, 14, layer_norm_eps=1e-5), q(44, 4, 64, 4, 3, hidden_act="gelu_new"),
              o(50, 5, 110, 3, IMAGE + 20, 72, enable_bias=False, layer_norm_elementwise_affine=False, activation_function="gelu"), {}),
    "untied": ("own lm_head, no qkv bias in the tower, gelu_new", 13, "float32", 4,
               v(60, 5, 90, 3, 32, 8, qkv_bias=False, hidden_act="gelu_new"), q(42, 3, 70, 3, 3, hidden_act="relu", layer_norm_eps=1e-6),
               o(56, 4, 100, 2, IMAGE + 5, 90, activation_function="gelu_new", tie_word_embeddings=False), {}),
    "half": ("weights stored as f16, no LayerNorm before lm_head (_remove_final_layer_norm), silu", 5, "float16", 6,
             v(56, 4, 84, 2, 42, 14, hidden_act="silu"), q(32, 4, 48, 4, 2), o(48, 4, 88, 3, IMAGE + 3, 88, activation_function="silu", _remove_final_layer_norm=True), {}),
    "wide": ("widths that whole quantisation blocks divide, weights stored as bf16", 12, "bfloat16", 8,
             v(128, 4, 256, 2, 56, 14), q(64, 4, 256, 2, 2), o(256, 4, 512, 2, IMAGE + 7, 120), {}),
}
# Of 5.24.0, which saves the image processor within processor_config.json.
FIVE = {
    "five": ("as 5.24.0 saves it", 31, "float32", 5,
             v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2), o(64, 4, 128, 2, IMAGE + 1, 96), {}),
}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}
# text_config.eos_token_id: ids that the text of a golden meets, after different lengths in different beams. Seeds and
# these ids were picked by trying, so that every decision of every generation is clear (its "gap").
EOS = {"default": [186, 261], "deep": 19, "postnorm": 158, "project": 271, "plain": [122, 87], "untied": 255, "half": 224, "wide": 209, "five": 186}
# A golden's three pictures: (width, height, prompt).
PICTURES = [(20, 17, ""), (97, 64, QUESTION), (31, 83, UNICODE)]
CONTINUATIONS = [" a cat", " two.", " 東京"]
NEW = 16


class Noise(LogitsProcessor):
    """Shakes the scores a little: an answer that changes hangs on a near-tie and is no golden."""

    def __init__(self, size, seed):
        self.size, self.random = size, torch.Generator().manual_seed(seed)

    def __call__(self, ids, scores):
        return scores + self.size * (2 * torch.rand(scores.shape, generator=self.random) - 1)


def number(x):
    return float(f"{float(x):.9g}")


def numbers(a):
    return [number(x) for x in np.asarray(a, dtype=np.float32).ravel()]


def sample(t, count=12):
    """A few values spread over a tensor, the first and the last among them."""
    a = t.detach().numpy().reshape(-1)
    index = sorted({round(i * (a.size - 1) / (count - 1)) for i in range(count)})
    return {"shape": list(t.shape), "index": index, "values": numbers(a[index])}


def stored(name, shape, seed, dtype):
    """A tensor of the checkpoint, rounded to the stored type, as f32."""
    t = torch.from_numpy(formula.tensor(seed, name, shape))
    return t.to(getattr(torch, dtype)).to(torch.float32)


def build(name):
    """The model in f32 (weights rounded to the stored type), and config.json, generation_config.json, the tensor list."""
    what, seed, dtype, queries, vision, former, text, outer = (CONFIGS | FIVE)[name]
    text = dict(text)
    if name in EOS:
        text["eos_token_id"] = EOS[name]
    config = Blip2Config(
        vision_config=Blip2VisionConfig(**vision).to_dict(), qformer_config=Blip2QFormerConfig(**former).to_dict(),
        text_config=OPTConfig(**text).to_dict(), num_query_tokens=queries, image_token_index=IMAGE, **outer,
    )
    with no_init_weights():  # OPT's own initialisation fails on a LayerNorm without weights.
        model = Blip2ForConditionalGeneration(config)
    model.tie_weights()
    with torch.no_grad():
        for k, p in model.named_parameters():  # a tied tensor appears once, under its embedding's name
            p.copy_(stored(k, list(p.shape), seed, dtype))
    model = model.eval()
    with tempfile.TemporaryDirectory() as d:
        copy.deepcopy(model).to(getattr(torch, dtype)).save_pretrained(d)
        config_json = json.load(open(f"{d}/config.json"))
        generation_json = json.load(open(f"{d}/generation_config.json"))
        with open(f"{d}/model.safetensors", "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        again = Blip2ForConditionalGeneration.from_pretrained(d, torch_dtype=torch.float32).eval()
    header.pop("__metadata__", None)
    tensors = sorted([k, t["shape"]] for k, t in header.items())
    assert all(t["dtype"] == {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}[dtype] for t in header.values()), name
    for (k, a), (_, b) in zip(model.state_dict().items(), again.state_dict().items()):
        assert torch.equal(a, b), k
    return again, config_json, generation_json, tensors


SETTINGS = {
    "greedy": {},
    "beams": dict(num_beams=5),
    "beams_length_0": dict(num_beams=5, length_penalty=0.0),
    "beams_length_minus_1": dict(num_beams=5, length_penalty=-1.0),
    "beams_early": dict(num_beams=5, early_stopping=True),
    "repetition": dict(repetition_penalty=1.5),
    "repetition_beams": dict(num_beams=3, repetition_penalty=1.5),
    "min_new": dict(min_new_tokens=5),
    "min_new_beams": dict(num_beams=5, min_new_tokens=5),
    "no_repeat": dict(no_repeat_ngram_size=2),
}


def process(settings, prompt, eos):
    """The logits processors of `settings` on plain lists, in their order."""

    def run(ids, row):
        row = list(row)
        p = settings.get("repetition_penalty", 1.0)
        if p != 1.0:
            for t in set(ids):
                row[t] = row[t] * p if row[t] < 0 else row[t] / p
        if len(ids) - prompt < settings.get("min_new_tokens", 0):
            for t in eos:
                row[t] = -float("inf")
        return row

    return run


def generate(model, tokenizer, pixels, ids, name, settings, eos):
    """One generation, checked for near-ties, and for beams against beams.py."""
    n = ids.shape[1]
    kw = dict(**({} if pixels is None else {"pixel_values": pixels}), input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False, **settings)
    out = model.generate(**kw, return_dict_in_generate=True, output_scores=True)
    seq = out.sequences[0].tolist()
    assert seq[:n] == ids[0].tolist()
    new = seq[n:]
    r = {"name": name, "settings": settings, "max_new_tokens": NEW, "ids": new, "text": tokenizer.decode(new, skip_special_tokens=True), "ended": new[-1] in eos}
    if "num_beams" in settings:
        rows = lambda many: [torch.log_softmax(logits(model, pixels, torch.tensor([s]))[-1], -1).tolist() for s in many]
        mine, score, gap = beams.search(rows, ids[0].tolist(), settings["num_beams"], NEW, eos, settings.get("length_penalty", 1.0),
                                        settings.get("early_stopping", False), process(settings, n, eos))
        assert mine == new, (name, mine, new)
        assert abs(score - out.sequences_scores[0].item()) < 1e-5 * (1 + abs(score)), (name, score, out.sequences_scores)
        r["score"] = number(out.sequences_scores[0].item())
    else:
        gap = min(float(t[0] - t[1]) for t in (torch.topk(s[0], 2).values for s in out.scores))
    r["gap"] = number(gap)
    for seed in range(6):
        shaken = model.generate(**kw, logits_processor=LogitsProcessorList([Noise(5e-4, seed)]))[0].tolist()[n:]
        if shaken != new:
            r["gap"] = 0.0
    return r


def logits(model, pixels, ids):
    """All rows of logits for ids [1, n]; only the leading `<image>` ids stand for the picture, unlike in model(...)."""
    with torch.no_grad():
        if pixels is None:  # a language model by itself
            return model(input_ids=ids).logits[0]
        rows = features(model, pixels)[0]
        embedded = model.get_input_embeddings()(ids)
        mask = (ids == IMAGE) & (torch.arange(ids.shape[1]) < model.config.num_query_tokens)
        embedded = embedded.masked_scatter(mask[..., None].expand_as(embedded), rows)
        return model.language_model(inputs_embeds=embedded).logits[0]


def scores(row_of, tokenizer, prompt, texts):
    """Log-probabilities of continuations, each by one forward over prompt and continuation."""
    r = []
    for t in texts:
        more = tokenizer(t, add_special_tokens=False)["input_ids"]
        rows = torch.log_softmax(row_of(prompt + more), -1)[len(prompt) - 1 : -1]
        r.append({"text": t, "ids": more, "logprobs": numbers(rows[torch.arange(len(more)), torch.tensor(more)])})
    return r


def features(model, pixels):
    """The rows that take the place of `<image>`, and what tower and Q-Former gave."""
    seen = model.get_image_features(pixels, return_dict=True)
    # Newer versions have all of it in one object.
    return seen if isinstance(seen, tuple) else (seen.pooler_output, seen, seen.qformer_outputs)


def case(model, processor, seed, i, eos, names):
    width, height, prompt = PICTURES[i]
    pixels_u8 = formula.picture(seed * 10 + i, width, height)
    image = Image.fromarray(pixels_u8)
    inputs = processor(images=image, text=prompt, return_tensors="pt")
    ids, pixels = inputs["input_ids"], inputs["pixel_values"]
    queries = model.config.num_query_tokens
    assert ids[0].tolist() == [IMAGE] * queries + [2] + processor.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    size = model.config.vision_config.image_size
    resized = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    with torch.no_grad():
        projected, tower, former = features(model, pixels)
        whole = model(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
    all_rows = logits(model, pixels, ids)
    assert torch.equal(all_rows, whole)
    last = ids.shape[1] - 1
    positions = sorted({0, queries // 2, queries - 1, queries, last})
    positions = positions[-4:] if len(positions) == 4 else [0, queries - 1, queries, last]
    if prompt == "":  # Without text the model makes the same ids.
        a = model.generate(pixel_values=pixels, max_new_tokens=3, do_sample=False)
        b = model.generate(pixel_values=pixels, input_ids=ids, max_new_tokens=3, do_sample=False)
        assert a.tolist() == b.tolist()
    r = {
        "picture": {"seed": seed * 10 + i, "width": width, "height": height, "hash": f"{formula.fnv1a(pixels_u8.tobytes()):016x}"},
        "prompt": prompt, "ids": ids[0].tolist(),
        "resized_hash": f"{formula.fnv1a(resized.tobytes()):016x}",
        "pixels": {**sample(pixels[0], 24), "hash": f"{formula.fnv1a(pixels[0].numpy().tobytes()):016x}"},
        "tower": sample(tower.last_hidden_state[0]), "qformer": sample(former.last_hidden_state[0]), "projection": sample(projected[0]),
        "logits": [{"position": p, "values": numbers(all_rows[p])} for p in positions],
        "generate": [generate(model, processor.tokenizer, pixels, ids, n, SETTINGS[n], eos) for n in names],
        "score": scores(lambda s: logits(model, pixels, torch.tensor([s])), processor.tokenizer, ids[0].tolist(), CONTINUATIONS),
    }
    return r


def text_only(model, tokenizer):
    """The language model without a picture."""
    ids = tokenizer(QUESTION)["input_ids"]

    def rows(s):
        with torch.no_grad():
            return model.language_model(input_ids=torch.tensor([s])).logits[0]

    return {"prompt": QUESTION, "ids": ids, "logits": [{"position": p, "values": numbers(rows(ids)[p])} for p in (0, len(ids) - 1)],
            "score": scores(rows, tokenizer, ids, CONTINUATIONS)}


def survivors(row):
    """Which ids each of the sampling filters leaves of a row of logits (temperature first, as transformers orders them)."""
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    cases = [dict(temperature=2.0), dict(top_k=10), dict(top_p=0.8), dict(min_p=0.1), dict(temperature=0.7, top_k=20, top_p=0.9, min_p=0.05),
             dict(temperature=3.0, top_k=40, top_p=0.6, min_p=0.01)]
    made = dict(temperature=TemperatureLogitsWarper, top_k=TopKLogitsWarper, top_p=TopPLogitsWarper, min_p=MinPLogitsWarper)
    r = []
    for c in cases:
        s = row[None].clone()
        for k, x in c.items():
            s = made[k](x)(None, s)
        left = [i for i, x in enumerate(s[0].tolist()) if x != -float("inf")]
        r.append({"settings": c, "ids": left[:60], "count": len(left), "probabilities": numbers(torch.softmax(s[0], -1)[left[:60]])})
    return r


def preprocessor(size):
    # Newer versions resize with torchvision unless told otherwise.
    return getattr(transformers, "BlipImageProcessorPil", BlipImageProcessor)(size={"height": size, "width": size})


def golden(name, tokenizer):
    what, seed, dtype, *_ = (CONFIGS | FIVE)[name]
    model, config, generation, tensors = build(name)
    size = model.config.vision_config.image_size
    processor = Blip2Processor(preprocessor(size), tokenizer, num_query_tokens=model.config.num_query_tokens)
    with tempfile.TemporaryDirectory() as d:
        processor.save_pretrained(d)
        pre, proc = [json.load(open(f)) if os.path.exists(f) else None for f in (f"{d}/preprocessor_config.json", f"{d}/processor_config.json")]
    eos = model.config.text_config.eos_token_id
    eos = eos if isinstance(eos, list) else [eos]
    check = []
    for k, shape in tensors[:: max(1, len(tensors) // 20)]:
        n = int(np.prod(shape))
        index = sorted({0, 1, n // 2, n - 1})
        bits = formula.tensor(seed, k, shape).reshape(-1)[index].view(np.uint32)
        check.append({"name": k, "shape": shape, "index": index, "bits": [int(b) for b in bits]})
    names = [["greedy", "beams"], list(SETTINGS), ["greedy", "beams", "beams_length_0"]]
    cases = [case(model, processor, seed, i, eos, names[i]) for i in range(3)]
    g = {
        "name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "config": config, "generation_config": generation,
        "preprocessor_config": pre, "processor_config": proc, "tensors": tensors, "formula": check, "cases": cases,
        "text_only": text_only(model, tokenizer),
    }
    if name == "default":
        g["survivors"] = survivors(logits(model, *image_inputs(processor, seed, 1))[-1])
    return g


def image_inputs(processor, seed, i):
    width, height, prompt = PICTURES[i]
    x = processor(images=Image.fromarray(formula.picture(seed * 10 + i, width, height)), text=prompt, return_tensors="pt")
    return x["pixel_values"], x["input_ids"]


def check(name, directory):
    """A directory written elsewhere must load in transformers and say the same."""
    from transformers import AutoProcessor

    g = json.load(open(f"{HERE}/blip2_opt_{name}.json"))
    processor = AutoProcessor.from_pretrained(directory)
    model, info = Blip2ForConditionalGeneration.from_pretrained(directory, torch_dtype=torch.float32, output_loading_info=True)
    assert not any(info.values()), info
    model.eval()
    assert type(processor) is Blip2Processor and processor.num_query_tokens == model.config.num_query_tokens
    for i, c in enumerate(g["cases"]):
        png = os.path.join(directory, f"case{i}.png")
        image = Image.open(png) if os.path.exists(png) else Image.fromarray(formula.picture(g["seed"] * 10 + i, c["picture"]["width"], c["picture"]["height"]))
        x = processor(images=image, text=c["prompt"], return_tensors="pt")
        assert x["input_ids"][0].tolist() == c["ids"]
        for r in c["generate"]:
            out = model.generate(**x, max_new_tokens=NEW, do_sample=False, **r["settings"])[0].tolist()
            assert out[len(c["ids"]) :] == r["ids"], (name, i, r["name"], out, r["ids"])
    print(name, "agrees")


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    configs = VERSIONS[transformers.__version__]
    if args[:1] == ["--check"]:
        return check(*args[1:])
    with tempfile.TemporaryDirectory() as d:
        tokenizer = opt_tokenizer.save(d)
        if not args and configs is CONFIGS:
            with open(f"{HERE}/opt_tokenizer.json", "w") as f:
                json.dump(opt_tokenizer.golden(tokenizer, d), f, separators=(",", ":"))
        for name in args or configs:
            g = golden(name, tokenizer)
            with open(f"{HERE}/blip2_opt_{name}.json", "w") as f:
                json.dump(g, f, separators=(",", ":"))
            print(f"{name}: {os.path.getsize(f.name)} bytes, eos {g['eos']}")
            for c in g["cases"]:
                for r in c["generate"]:
                    mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
                    print(f"  {r['name']:22s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {r['ids']}{mark}")


if __name__ == "__main__":
    main(sys.argv[1:])
