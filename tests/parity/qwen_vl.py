"""Goldens of the qwen_vl family: small random Qwen2VLForConditionalGeneration, Qwen2_5_VLForConditionalGeneration and
Qwen3VLForConditionalGeneration run by transformers 5.24.0, qwen_vl_*.json.

    python qwen_vl.py                          makes every golden
    python qwen_vl.py NAME...                  only these
    python qwen_vl.py --random FIRST COUNT DIR goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original: the slow processor of 4.57.6 never reads the bounds that its file has under
`size`, so goldens are made with 5.24.0, whose processor with Pillow's filter is called ...Pil. A picture's pixels come in patches,
each twice, for the two frames of a pair; here they are put together again and hashed as planes.

A random model may say `<|image_pad|>`, which no released one does and which the original refuses to read again: the goldens suppress
it, and the one for videos.
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
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2VLConfig
from transformers import Qwen2VLForConditionalGeneration, Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

import beams
import formula
from blip2_opt import HERE, QUESTION, UNICODE, number, numbers, process, sample, stored

NEW = 32
SETTINGS = {"greedy": {}, "repetition": dict(repetition_penalty=1.5), "beams": dict(num_beams=5)}
CONTINUATIONS = [" a cat", " two.", " 東京"]
# Odd, wide, tall, tiny, and one that fits.
PICTURES = [(97, 65), (140, 40), (31, 133), (9, 7), (64, 64)]
CASES = [
    ["a photo of the old house"],
    [0, QUESTION],
    ["Please answer the question. ", 1, QUESTION, " a cat. ", 2, " and\n"],
    [UNICODE, 3, "\n", 4, 0, "it is"],
]
NAMES = [["greedy", "beams"], ["greedy", "repetition", "beams"], ["greedy", "beams"], ["greedy", "repetition", "beams"]]
# The first stands for pictures in the shared vocabulary and for nothing here.
IMAGE, VIDEO, START, END = "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"
ADDED = ["<image>", IMAGE, VIDEO, START, END]
CLASSES = {"qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration), "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration),
           "qwen3_vl": (Qwen3VLConfig, Qwen3VLForConditionalGeneration)}


def tokenizer_file():
    """tokenizer.json of the shared vocabulary with the added tokens."""
    with open(f"{HERE}/opt_tokenizer.json", encoding="utf-8") as f:
        shared = json.load(f)
    whole, vocab = shared["tokenizer.json"], list(shared["vocab"])
    whole["model"]["vocab"] = {t: i for i, t in enumerate(vocab)}
    whole["model"]["merges"] = [m.split(" ") for m in shared["merges"]]
    kept = [t for t in whole["added_tokens"] if t["content"] != "<image>"]
    more = [dict(id=len(vocab) + i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, t in enumerate(ADDED)]
    whole["added_tokens"] = kept + more
    return whole, len(vocab)


TOKENIZER, FIRST = tokenizer_file()
ROWS = FIRST + len(ADDED)
PAD, SUPPRESSED = FIRST + 1, [FIRST + 1, FIRST + 2]


def tokens():
    fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(TOKENIZER)), bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="<pad>")
    assert [fast.convert_tokens_to_ids(t) for t in ADDED] == list(range(FIRST, ROWS))
    return fast


def qwen(kind, text, vision, sections, tied=True, flat=False, scaling=None, **more):
    """A configuration as it is saved: `flat` as the first ones were released."""
    width, heads, kv, ffn, layers, head = text
    w, vheads, vffn, blocks, patch, merge = vision
    rope = {"mrope_section": sections, **(scaling or {"rope_type": "default"})}
    inner = dict(vocab_size=ROWS, hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn, num_hidden_layers=layers,
                 max_position_embeddings=2048, rope_theta=more.pop("theta", 10000.0), rope_scaling=rope, rms_norm_eps=1e-6)
    seen = dict(depth=blocks, num_heads=vheads, patch_size=patch, spatial_merge_size=merge, temporal_patch_size=2)
    if kind == "qwen2_vl":
        seen |= dict(embed_dim=w, hidden_size=width, mlp_ratio=vffn // w)
    else:
        seen |= dict(hidden_size=w, out_hidden_size=width, intermediate_size=vffn)
    if kind == "qwen3_vl":
        inner["head_dim"] = head
    seen |= more
    ids = dict(image_token_id=PAD, video_token_id=PAD + 1, vision_start_token_id=PAD + 2, vision_end_token_id=PAD + 3)
    if flat:
        return dict(model_type=kind, vision_config=seen, tie_word_embeddings=tied, **ids, **inner)
    return dict(model_type=kind, vision_config={"model_type": kind, **seen}, text_config={"model_type": kind + "_text", **inner}, tie_word_embeddings=tied, **ids)


def pixels(config, least, most):
    """Bounds in rows as bounds in pixels."""
    square = (config["vision_config"]["patch_size"] * config["vision_config"]["spatial_merge_size"]) ** 2
    return least * square, most * square


MROPE = {"type": "mrope"}
BOTH = {"type": "default", "rope_type": "default"}
# What for, seed, type, configuration, fewest and most rows of a picture.
CONFIGS = {
    "default": ("Qwen3-VL: two features, a tied head, a table of six places a side", 611, "float32",
                qwen("qwen3_vl", (48, 4, 2, 96, 3, 16), (64, 4, 96, 3, 8, 2), [4, 2, 2], num_position_embeddings=36, deepstack_visual_indexes=[0, 1],
                     scaling={"rope_type": "default", "mrope_interleaved": True}), (4, 40)),
    "three": ("Qwen3-VL: nine patches of a row, one feature behind the last block, a head of its own, bfloat16", 623, "bfloat16",
              qwen("qwen3_vl", (40, 3, 1, 72, 2, 24), (48, 2, 60, 2, 7, 3), [6, 3, 3], tied=False, num_position_embeddings=25, deepstack_visual_indexes=[1], theta=5e6), (1, 9)),
    "plain": ("Qwen3-VL: no features, heads of eight numbers, more places than patches", 603, "float32",
              qwen("qwen3_vl", (32, 4, 4, 64, 2, 8), (32, 4, 40, 2, 6, 2), [2, 1, 1], num_position_embeddings=400, deepstack_visual_indexes=[]), (9, 30)),
    "two_five": ("Qwen2.5-VL: windows of two rows a side, every second block sees all", 631, "float32",
                 qwen("qwen2_5_vl", (48, 4, 2, 96, 2, 12), (64, 4, 100, 4, 8, 2), [2, 2, 2], scaling=MROPE, window_size=32, fullatt_block_indexes=[1, 3]), (4, 40)),
    "two_five_odd": ("Qwen2.5-VL: windows of three rows a side, the first and the third block see all, a head of its own", 641, "float32",
                     qwen("qwen2_5_vl", (40, 2, 1, 60, 2, 20), (48, 3, 50, 3, 5, 2), [4, 3, 3], tied=False, scaling=BOTH, window_size=34, fullatt_block_indexes=[0, 2]), (2, 60)),
    "two": ("Qwen2-VL: a configuration as it was released, without a part for texts", 651, "float32",
            qwen("qwen2_vl", (48, 4, 2, 96, 2, 12), (32, 2, 96, 3, 8, 2), [2, 2, 2], flat=True, scaling=MROPE), (4, 40)),
    "two_saved": ("Qwen2-VL: as 5.24.0 saves it, bfloat16, one patch a row", 661, "bfloat16",
                       qwen("qwen2_vl", (32, 2, 2, 64, 3, 16), (40, 5, 80, 2, 14, 1), [2, 3, 3], tied=False), (4, 30)),
}


def drawn(seed):
    """A random configuration."""
    r = random.Random(seed)
    kind = r.choice(list(CLASSES))
    merge, patch = r.choice([(2, 8), (2, 7), (3, 5), (1, 14), (4, 4), (2, 14)])
    heads, each, blocks = r.choice([2, 3, 4]), r.choice([8, 12, 16]), r.choice([1, 2, 3, 4])
    theads, pairs = r.choice([2, 4, 6]), r.choice([4, 6, 8])
    kv = r.choice([k for k in range(1, theads + 1) if theads % k == 0])
    width = theads * 2 * pairs
    height = r.randint(0, pairs // 3)
    across = r.randint(0, pairs // 3)
    w = heads * each
    more = {}
    if kind == "qwen3_vl":
        width = r.choice([width, 40])
        more = dict(num_position_embeddings=r.choice([1, 9, 16, 64]), deepstack_visual_indexes=sorted(r.sample(range(blocks), r.randint(0, min(2, blocks)))))
    if kind == "qwen2_5_vl":
        more = dict(window_size=r.choice([1, 2, 3, 4]) * patch * merge + r.choice([0, 1]), fullatt_block_indexes=sorted(r.sample(range(blocks), r.randint(1, blocks))))
    config = qwen(kind, (width, theads, kv, r.choice([60, 96]), r.choice([2, 3]), 2 * pairs), (w, heads, w * r.choice([1, 2, 3]), blocks, patch, merge),
                  [pairs - height - across, height, across], tied=r.random() < 0.5, flat=kind != "qwen3_vl" and r.random() < 0.5,
                  scaling=r.choice([{"rope_type": "default"}, *([MROPE, BOTH] if kind != "qwen3_vl" else [])]), theta=r.choice([1e4, 1e6]), **more)
    least = r.randint(1, 12)
    return f"drawn {seed}", seed, r.choice(["float32", "float32", "bfloat16"]), config, (least, least + r.randint(0, 50))


def picture(seed, i):
    width, height = PICTURES[i]
    u8 = formula.picture(seed * 10 + i, width, height)
    return Image.fromarray(u8), {"seed": seed * 10 + i, "width": width, "height": height, "hash": f"{formula.fnv1a(u8.tobytes()):016x}"}


def planes(values, grids, patch, merge):
    """Patches as pictures again, one behind the other, as bytes."""
    out, start = [], 0
    for _, down, across in grids.tolist():
        part = values[start : start + down * across].numpy().reshape(down // merge, across // merge, merge, merge, 3, 2, patch, patch)
        start += down * across
        assert np.array_equal(part[..., 0, :, :], part[..., 1, :, :])
        out.append(np.ascontiguousarray(part[:, :, :, :, :, 0].transpose(4, 0, 2, 5, 1, 3, 6)).astype("<f4").tobytes())
    return b"".join(out)


def logits(model, inputs, ids):
    ids = torch.tensor([ids])
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == PAD).int(), **inputs).logits[0]


def generate(model, fast, inputs, ids, name, settings, eos):
    run = process(settings, 0, eos)

    def allowed(row):
        row = np.array(row)
        row[SUPPRESSED] = -np.inf
        return row.tolist()

    if "num_beams" in settings:
        log_probs = lambda all: [torch.log_softmax(logits(model, inputs, list(one))[-1], -1).tolist() for one in all]
        found = beams.search(log_probs, ids, settings["num_beams"], NEW, eos, process=lambda _, row: allowed(row))
        new, gap = found[0], found[2]
    else:
        new, gap = [], float("inf")
        while len(new) < NEW and (not new or new[-1] not in eos):
            row = np.array(allowed(run(ids + new, logits(model, inputs, ids + new)[-1].tolist())))
            first, second = np.sort(row)[::-1][:2]
            new.append(int(row.argmax()))
            gap = min(gap, float(first - second))
    return {"name": name, "settings": settings, "max_new_tokens": NEW, "ids": new, "text": fast.decode(new, skip_special_tokens=True),
            "ended": new[-1] in eos, "gap": number(gap)}


def case(model, seen, fast, seed, pieces, eos, names):
    images = [picture(seed, p)[0] for p in pieces if isinstance(p, int)]
    found = seen(images=images, return_tensors="pt") if images else {}
    merge = seen.merge_size**2
    rows = iter([int(grid.prod()) // merge for grid in found.get("image_grid_thw", [])])
    # As the processors put it: start and end are the prompt's, and the rows are counted.
    text = "".join(START + IMAGE * next(rows) + END if isinstance(p, int) else p for p in pieces)
    ids = fast(text)["input_ids"]
    inputs = {k: found[k] for k in ("pixel_values", "image_grid_thw") if k in found}
    out = logits(model, inputs, ids)
    last = len(ids) - 1
    at = sorted({0, last // 3, 2 * last // 3, last} | {i for i, t in enumerate(ids) if t == PAD})
    r = {"pieces": pieces, "ids": ids, "logits": [{"position": p, "values": numbers(out[p])} for p in at[-3:]]}
    r["generate"] = [generate(model, fast, inputs, ids, n, SETTINGS[n], eos) for n in names]
    r["score"] = []
    for t in CONTINUATIONS:
        more = fast(t, add_special_tokens=False)["input_ids"]
        scored = torch.log_softmax(logits(model, inputs, ids + more), -1)[len(ids) - 1 : -1]
        r["score"].append({"text": t, "ids": more, "logprobs": numbers(scored[torch.arange(len(more)), torch.tensor(more)])})
    if images:
        one = seen(images=images[:1], return_tensors="pt")
        with torch.no_grad():
            r["media"] = sample(model.model.visual(one["pixel_values"], grid_thw=one["image_grid_thw"]).pooler_output)
        r["pixels"] = f"{formula.fnv1a(planes(found['pixel_values'], found['image_grid_thw'], seen.patch_size, seen.merge_size)):016x}"
    return r


def golden(name, what, seed, dtype, config, bounds):
    classes = CLASSES[config["model_type"]]
    wanted = classes[0](**json.loads(json.dumps(config)))
    wanted._attn_implementation = "eager"
    model = classes[1](wanted).eval()
    # Names as the version saves them.
    saved = {k: k for k, _ in model.named_parameters()}
    if config["model_type"] != "qwen3_vl":
        saved = {k: k.removeprefix("model.") if k.startswith("model.visual.") else k.replace("model.language_model.", "model.") for k in saved}
    parameters = {saved[k]: p for k, p in model.named_parameters()}
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
    least, most = pixels(config, *bounds)
    half = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3) if config["model_type"] == "qwen3_vl" else {}
    size = {"shortest_edge": least, "longest_edge": most}
    seen = Qwen2VLImageProcessorPil(size=size, patch_size=vision["patch_size"], merge_size=vision["spatial_merge_size"], **half)
    fast = tokens()
    cases = [case(model, seen, fast, seed, p, [2], n) for p, n in zip(CASES, NAMES)]
    named = size if config["model_type"] == "qwen3_vl" else {}
    older = {} if named else {"min_pixels": least, "max_pixels": most}
    preprocessor = dict(image_processor_type="Qwen2VLImageProcessor", do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True, image_mean=list(seen.image_mean),
                        image_std=list(seen.image_std), resample=3, rescale_factor=1 / 255, patch_size=vision["patch_size"], merge_size=vision["spatial_merge_size"], temporal_patch_size=2,
                        processor_class="Qwen2VLProcessor", **({"size": named} if named else older))
    return {
        "name": name, "note": what, "seed": seed, "dtype": dtype, "eos": [2], "added_tokens": ADDED, "config": config,
        "generation_config": {"eos_token_id": 2, "suppress_tokens": SUPPRESSED}, "preprocessor_config": preprocessor,
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
            make(f"drawn_{seed}", f"{folder}/qwen_vl_drawn_{seed}.json", drawn(seed))
        return
    for name in args or CONFIGS:
        make(name, f"{HERE}/qwen_vl_{name}.json", CONFIGS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
