"""Goldens of the smolvlm family: small random SmolVLMForConditionalGeneration and Idefics3ForConditionalGeneration run by
transformers 5.24.0, smolvlm_*.json.

    python smolvlm.py                          makes every golden
    python smolvlm.py NAME...                  only these
    python smolvlm.py --random FIRST COUNT DIR goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original: transformers 4.57.6 places the patches of a full square one row and one column
late in f32 (a fraction times 1 - 1e-6 falls below its own boundary), so goldens are made with a version that does not. Pictures
go through the processor whose filter is Pillow's Lanczos, which 5.x calls ...Pil and 4.x takes with use_fast=False. Whole texts,
with what stands among a picture's rows written out, go through the tokenizer at once; the shared vocabulary has one more entry
here, two line ends, as SmolLM2's has.

A random model may say `<image>`, which no released one does and which the original refuses to read again: the goldens suppress it.
"""
import json
import os
import random
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
import transformers
from PIL import Image
from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor, PreTrainedTokenizerFast, SmolVLMConfig
from transformers import SmolVLMForConditionalGeneration
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from tokenizers import Tokenizer

import formula
from blip2_opt import HERE, QUESTION, UNICODE, number, numbers, process, sample, stored

NEW = 32
SETTINGS = {"greedy": {}, "repetition": dict(repetition_penalty=1.5)}
CONTINUATIONS = [" a cat", " two.", " 東京"]
PICTURES = [(20, 17), (97, 64), (31, 83), (140, 40), (28, 28)]
CASES = [
    ["a photo of the old house"],
    [0, QUESTION],
    ["Please answer the question. ", 1, QUESTION, " a cat. ", 2, " and\n"],
    [UNICODE, 3, "\n", 4, 1, "it is"],
]
NAMES = [["greedy"], ["greedy", "repetition"], ["greedy"], ["greedy", "repetition"]]
MORE_MERGES = ["Ċ Ċ"]
IMAGE, AROUND, WHOLE, END = "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"
ADDED = [IMAGE, AROUND, WHOLE, END, *(f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5))]


def tokenizer_file():
    """tokenizer.json of the shared vocabulary with one more merge and the added tokens."""
    with open(f"{HERE}/opt_tokenizer.json", encoding="utf-8") as f:
        shared = json.load(f)
    whole, vocab, merges = shared["tokenizer.json"], list(shared["vocab"]), list(shared["merges"])
    for m in MORE_MERGES:
        merges.append(m)
        vocab.append(m.replace(" ", ""))
    whole["model"]["vocab"] = {t: i for i, t in enumerate(vocab)}
    whole["model"]["merges"] = [m.split(" ") for m in merges]
    kept = [t for t in whole["added_tokens"] if t["content"] != IMAGE]
    more = [dict(id=len(vocab) + i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, t in enumerate(ADDED)]
    whole["added_tokens"] = kept + more
    return whole, len(vocab)


TOKENIZER, FIRST = tokenizer_file()
ROWS = FIRST + len(ADDED)


def tokens():
    fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(TOKENIZER)), bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="<pad>")
    assert [fast.convert_tokens_to_ids(t) for t in ADDED] == list(range(FIRST, ROWS))
    return fast


def smol(kind, text, vision, scale, **more):
    w, heads, ffn, layers, size, patch = vision
    width, theads, kv, tffn, tlayers = text
    return dict(model_type=kind, image_token_id=FIRST, scale_factor=scale, tie_word_embeddings=more.pop("tied", True),
                vision_config=dict(model_type=f"{kind}_vision", hidden_size=w, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers,
                                   image_size=size, patch_size=patch, **more.pop("seen", {})),
                text_config=dict(model_type="llama", vocab_size=ROWS, hidden_size=width, num_attention_heads=theads, num_key_value_heads=kv,
                                 intermediate_size=tffn, num_hidden_layers=tlayers, max_position_embeddings=2048, bos_token_id=2, eos_token_id=2, pad_token_id=1, **more))


CONFIGS = {
    "default": ("tied head, four tiles a side, eight patches of a row", 511, "float32", smol("smolvlm", (64, 4, 2, 120, 3), (48, 4, 96, 2, 28, 7), 2), 112, True),
    "three": ("Idefics3: a head of its own, nine patches of a row, a longer side that is no whole number of tiles", 521, "float32",
              smol("idefics3", (48, 6, 3, 90, 2), (40, 5, 72, 3, 36, 6), 3, tied=False, seen=dict(layer_norm_eps=1e-5)), 101, True),
    "whole": ("no tiles, bf16, one patch a row", 503, "bfloat16", smol("smolvlm", (64, 2, 2, 96, 2), (32, 2, 64, 2, 24, 8), 1, rope_theta=100000.0), 80, False),
    "single": ("the longer side is a tile, so that the whole stands alone", 506, "float32", smol("idefics3", (48, 4, 4, 90, 2), (40, 5, 72, 1, 32, 8), 2), 32, True),
}


def drawn(seed):
    """A random configuration."""
    r = random.Random(seed)
    scale, rows, patch = r.choice([(1, 2), (2, 2), (2, 3), (3, 2), (4, 1)]) + (r.choice([4, 5, 7, 8]),)
    side = scale * rows * patch + r.choice([0, 0, 1])
    heads, each = r.choice([2, 3, 4]), r.choice([8, 12, 16])
    theads, teach = r.choice([2, 4, 6]), r.choice([8, 16])
    kv = r.choice([k for k in range(1, theads + 1) if theads % k == 0])
    config = smol(r.choice(["smolvlm", "idefics3"]), (theads * teach, theads, kv, r.choice([60, 96]), r.choice([1, 2, 3])),
                  (heads * each, heads, r.choice([40, 64]), r.choice([1, 2, 3]), side, patch), scale, tied=r.random() < 0.5)
    return f"drawn {seed}", seed, r.choice(["float32", "float32", "bfloat16"]), config, r.randint(side, 4 * side), r.random() < 0.85


def picture(seed, i):
    width, height = PICTURES[i]
    u8 = formula.picture(seed * 10 + i, width, height)
    return Image.fromarray(u8), {"seed": seed * 10 + i, "width": width, "height": height, "hash": f"{formula.fnv1a(u8.tobytes()):016x}"}


def logits(model, inputs, ids):
    with torch.no_grad():
        return model(**{**inputs, "input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}).logits[0]


def generate(model, fast, inputs, ids, name, settings, eos):
    run = process(settings, 0, eos)
    new, gap = [], float("inf")
    while len(new) < NEW and (not new or new[-1] not in eos):
        row = np.array(run(ids + new, logits(model, inputs, ids + new)[-1].tolist()))
        row[FIRST] = -np.inf
        first, second = np.sort(row)[::-1][:2]
        new.append(int(row.argmax()))
        gap = min(gap, float(first - second))
    return {"name": name, "settings": settings, "max_new_tokens": NEW, "ids": new, "text": fast.decode(new, skip_special_tokens=True),
            "ended": new[-1] in eos, "gap": number(gap)}


def case(model, processor, seed, pieces, eos, names):
    images = [picture(seed, p)[0] for p in pieces if isinstance(p, int)]
    text = "".join(IMAGE if isinstance(p, int) else p for p in pieces)
    found = processor(text=[text], images=[images] if images else None, return_tensors="pt")
    ids = found["input_ids"][0].tolist()
    inputs = {k: found[k] for k in ("pixel_values", "pixel_attention_mask") if k in found}
    rows = logits(model, inputs, ids)
    last = len(ids) - 1
    at = sorted({0, last // 3, 2 * last // 3, last} | {i for i, t in enumerate(ids) if t == FIRST})
    r = {"pieces": pieces, "ids": ids, "logits": [{"position": p, "values": numbers(rows[p])} for p in at[-3:]]}
    r["generate"] = [generate(model, processor.tokenizer, inputs, ids, n, SETTINGS[n], eos) for n in names]
    r["score"] = []
    for t in CONTINUATIONS:
        more = processor.tokenizer(t, add_special_tokens=False)["input_ids"]
        found = torch.log_softmax(logits(model, inputs, ids + more), -1)[len(ids) - 1 : -1]
        r["score"].append({"text": t, "ids": more, "logprobs": numbers(found[torch.arange(len(more)), torch.tensor(more)])})
    if images:
        seen = []
        hook = model.model.connector.register_forward_hook(lambda module, given, out: seen.append(out))
        one = processor(text=[IMAGE], images=[images[:1]], return_tensors="pt")
        logits(model, {k: one[k] for k in ("pixel_values", "pixel_attention_mask")}, one["input_ids"][0].tolist())
        hook.remove()
        r["media"] = sample(seen[0].reshape(-1, seen[0].shape[-1]))
        r["pixels"] = f"{formula.fnv1a(inputs['pixel_values'].contiguous().numpy().astype('<f4').tobytes()):016x}"
    return r


def golden(name, what, seed, dtype, config, longest, splits):
    smolvlm = config["model_type"] == "smolvlm"
    classes = (SmolVLMConfig, SmolVLMForConditionalGeneration) if smolvlm else (Idefics3Config, Idefics3ForConditionalGeneration)
    wanted = classes[0](**json.loads(json.dumps(config)))
    wanted._attn_implementation = "eager"
    model = classes[1](wanted).eval()
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for k, p in parameters.items():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    tensors = sorted([k, list(p.shape)] for k, p in parameters.items())
    check = []
    for k, shape in tensors[:: max(1, len(tensors) // 8)]:
        last = int(np.prod(shape)) - 1
        index = sorted({0, min(1, last), last})
        bits = formula.tensor(seed, k, shape).reshape(-1)[index].view(np.uint32)
        check.append({"name": k, "shape": shape, "index": index, "bits": [int(b) for b in bits]})
    vision = config["vision_config"]
    side = vision["image_size"]
    seen = Idefics3ImageProcessorPil(do_image_splitting=splits, size={"longest_edge": longest}, max_image_size={"longest_edge": side})
    rows = (side // vision["patch_size"] // config["scale_factor"]) ** 2
    processor = Idefics3Processor(seen, tokens(), image_seq_len=rows)
    cases = [case(model, processor, seed, p, [2], n) for p, n in zip(CASES, NAMES)]
    preprocessor = dict(image_processor_type="Idefics3ImageProcessor", do_convert_rgb=True, do_image_splitting=splits, do_normalize=True, do_pad=True, do_rescale=True,
                        do_resize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3, max_image_size={"longest_edge": side}, resample=1, rescale_factor=1 / 255,
                        size={"longest_edge": longest}, processor_class="Idefics3Processor")
    return {
        "name": name, "note": what, "seed": seed, "dtype": dtype, "eos": [2], "added_tokens": ADDED, "more_merges": MORE_MERGES, "config": config,
        "generation_config": {"eos_token_id": 2, "suppress_tokens": [FIRST]}, "preprocessor_config": preprocessor, "processor_config": {"image_seq_len": rows, "processor_class": "Idefics3Processor"},
        "tensors": tensors, "formula": check, "pictures": [picture(seed, i)[1] for i in range(len(PICTURES))], "cases": cases,
    }


def make(name, path, config):
    g = golden(name, *config)
    with open(path, "w") as f:
        json.dump(g, f, separators=(",", ":"))
    print(f"{name}: {os.path.getsize(path)} bytes")
    for c in g["cases"]:
        for r in c["generate"]:
            mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
            print(f"  {len(c['ids']):4d} ids {r['name']:12s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {r['ids'][:8]}{mark}")


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    if args[:1] == ["--random"]:
        first, count, folder = int(args[1]), int(args[2]), args[3]
        for seed in range(first, first + count):
            make(f"drawn_{seed}", f"{folder}/smolvlm_drawn_{seed}.json", drawn(seed))
        return
    for name in args or CONFIGS:
        make(name, f"{HERE}/smolvlm_{name}.json", CONFIGS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
