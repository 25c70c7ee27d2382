"""Goldens of LLaVA: small random LlavaForConditionalGeneration and LlavaNextForConditionalGeneration run by transformers 4.57.6,
and by 5.24.0, llava_*.json.

    python llava.py                          makes every golden of the version it is run with
    python llava.py NAME...                  only these
    python llava.py --random FIRST COUNT DIR goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original (modeling_llava.py, modeling_llava_next.py and their processors):

The tower's hidden states are counted from 0, the rows before its first block, and none has passed the norm behind the blocks.
The processor writes `<image>` as often as a picture has rows and gives the whole text to the tokenizer. Pictures are resized by
Pillow in all versions here, as the slow processors do. Each of several pictures has its own tiles; a batch is filled up with
tiles of zeros that are not used.

save_pretrained writes other names than the modules', so that a weight is the formula of its name in the file. Names are one of
four sets: those of a file on the hub, the modules', and both with a tower without `vision_model.`, as 5.x makes it.
"""
import json
import os
import random
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
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import CLIPImageProcessor, CLIPVisionConfig, LlamaConfig, LlamaTokenizerFast, LlavaConfig, LlavaForConditionalGeneration
from transformers import LlavaImageProcessor, LlavaNextConfig, LlavaNextForConditionalGeneration, LlavaNextImageProcessor, LlavaNextProcessor
from transformers import LlavaProcessor, PreTrainedTokenizerFast

import blip2_opt
import formula
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored
from instructblip import CLEAR, lossy, pieces

HERE = os.path.dirname(os.path.abspath(__file__))
FOUR = transformers.__version__[0] == "4"
IMAGE = len(pieces()[0])  # id of `<image>`; `<pad>` is the next
TABLE = IMAGE + 2
blip2_opt.NEW = 32
# Pictures, (width, height).
PICTURES = [(20, 17), (97, 64), (31, 83), (64, 64), (150, 40)]
SYSTEM = "A chat between a curious user and an artificial intelligence assistant. USER: "
# Texts, and pictures by number.
CASES = [
    [SYSTEM, 1, "\nWhat is unusual about this image? ASSISTANT:"],
    ["USER: ", 2, "\nand ", 0, " — a naïve café 東京 🦉? ASSISTANT: it is the cat</s>USER: two of them? ASSISTANT:"],
    ["What is the answer to this Question?"],
    [4, 3, "\nthe ", 0, "\n\tin image  two"],
]
NAMES = [["greedy", "beams", "beams_length_0", "repetition"], ["greedy", "beams"], ["greedy", "beams"], ["greedy", "repetition_beams", "no_repeat"]]


def v(width, heads, ffn, layers, image, patch, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, image_size=image, patch_size=patch, **more)


def llama(width, heads, kv, ffn, layers, **more):
    more.setdefault("vocab_size", TABLE + 5)
    return dict(model_type="llama", hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=1024, **more)


# name: (what it is for, seed, type of the stored weights, names, vision, language model, the outer configuration's own, processor's own)
CONFIGS = {
    "default": ("1.5 as published: the middle cut out, the block before the last", 3, "float32", "hub", v(48, 4, 96, 3, 28, 14, hidden_act="quick_gelu"),
                llama(64, 4, 4, 128, 3), {}, {}),
    "layers": ("three layers side by side, the class row kept, no biases, padded to a square, tied head", 4, "bfloat16", "module", v(36, 3, 72, 4, 32, 8),
               llama(48, 6, 2, 90, 3, tie_word_embeddings=True), dict(vision_feature_layer=[-1, 0, 2], vision_feature_select_strategy="full",
               multimodal_projector_bias=False, projector_hidden_act="relu"), dict(do_pad=True)),
    "next": ("tiles, padding cut off, lines ended", 5, "float32", "hub", v(48, 4, 96, 3, 28, 14, hidden_act="quick_gelu"), llama(64, 4, 2, 128, 3),
             dict(image_grid_pinpoints=[[28, 56], [56, 28], [56, 56], [84, 28], [28, 84]]), {}),
    "next_odd": ("a list without symmetry, sides the patch does not divide, another layer, a tokenizer that begins texts only at their start", 6, "float16",
                 "bare_module", v(60, 6, 100, 4, 43, 9, hidden_act="gelu"), llama(56, 7, 7, 96, 2, head_dim=14),
                 dict(image_grid_pinpoints=[[86, 43], [43, 172], [129, 86], [43, 43]], vision_feature_layer=1), {}),
}
FIVE = {
    "five": ("1.5 as 5.24.0 saves it", 7, "float32", "bare", v(48, 4, 96, 3, 28, 14, hidden_act="quick_gelu"), llama(64, 4, 4, 128, 2), {}, dict(do_pad=True)),
    "five_next": ("tiles, as 5.24.0 saves it", 8, "float32", "bare", v(48, 4, 96, 3, 28, 14, hidden_act="quick_gelu"), llama(64, 4, 2, 128, 2),
                  dict(image_grid_pinpoints=[[28, 56], [56, 28], [56, 56], [84, 28], [28, 84]]), {}),
}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}
# Ids that end texts beside `</s>`, picked by trying so that some answers end.
EOS = {}


def any_config(seed):
    """A configuration by its seed; odd ones have tiles."""
    r = random.Random(seed)
    patch = r.choice([7, 8, 10, 14])
    side = patch * r.randint(2, 4) + r.choice([0, 0, 3])
    heads = r.choice([2, 3, 4])
    layers = r.randint(1, 5)
    vision = v(heads * 4 * r.randint(2, 4), heads, r.randint(20, 120), layers, side, patch, hidden_act=r.choice(["quick_gelu", "gelu"]),
               layer_norm_eps=r.choice([1e-5, 1e-6]))
    kv = r.choice([1, 2, 3])
    heads, head = kv * r.choice([1, 2, 4]), 2 * r.randint(2, 12)
    text = llama(8 * r.randint(3, 14), heads, kv, r.randint(20, 150), r.randint(1, 4), head_dim=head, vocab_size=TABLE + r.randint(0, 40),
                 tie_word_embeddings=r.random() < 0.3, rope_theta=r.choice([500.0, 10000.0]), rms_norm_eps=r.choice([1e-6, 1e-5]))
    own = dict(vision_feature_layer=r.randint(-layers - 1, layers), multimodal_projector_bias=r.random() < 0.8,
               projector_hidden_act=r.choice(["gelu", "gelu", "relu", "silu"]))
    processor = {}
    if seed % 2:
        own["image_grid_pinpoints"] = [[side * r.randint(1, 3), side * r.randint(1, 3)] for _ in range(r.randint(1, 6))]
    else:
        own["vision_feature_select_strategy"] = r.choice(["default", "full"])
        processor["do_pad"] = r.random() < 0.5
    if r.random() < 0.4:
        own["vision_feature_layer"] = [r.randint(-layers - 1, layers) for _ in range(r.randint(1, 3))]
    return (f"random {seed}", seed, r.choice(["float32", "bfloat16", "float16"]), r.choice(["hub", "module", "bare", "bare_module"]), vision, text, own, processor)


def tokenizer(folder, legacy=True, marks=True):
    """LLaMA's, with tokens for pictures and padding or without."""
    vocabulary, merges = pieces()
    t = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(vocabulary)}, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if legacy:
        t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    t.add_special_tokens(["<unk>", "<s>", "</s>"])
    names = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    if marks:
        t.add_special_tokens([AddedToken("<image>", normalized=False), AddedToken("<pad>", normalized=False)])
        names["pad_token"] = "<pad>"
    if FOUR:
        return LlamaTokenizerFast(tokenizer_object=t, **names)
    t.save(f"{folder}/whole.json")
    tokens = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/whole.json", **names)
    os.remove(f"{folder}/whole.json")
    return tokens


def renamed(name, names):
    """A parameter's name in a file, of its module's in either version."""
    name = name.replace("model.vision_tower.", "vision_tower.", 1).replace("vision_tower.vision_model.", "vision_tower.", 1)
    if not names.startswith("bare"):
        name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
    name = name.replace("model.multi_modal", "multi_modal", 1).replace("model.image_newline", "image_newline", 1)
    if names.endswith("module"):
        return name if name.startswith(("lm_head", "model.")) else f"model.{name}"
    return name.replace("model.language_model.", "language_model.model.", 1).replace("lm_head", "language_model.lm_head", 1)


def build(spec, eos, folder):
    """The model in f32 (weights rounded to the stored type), saved into a folder, and its tensors."""
    _, seed, dtype, names, vision, text, own, _ = spec
    kind = (LlavaNextConfig, LlavaNextForConditionalGeneration) if "image_grid_pinpoints" in own else (LlavaConfig, LlavaForConditionalGeneration)
    config = kind[0](vision_config=CLIPVisionConfig(**vision).to_dict(), text_config=LlamaConfig(**text).to_dict(), image_token_index=IMAGE, **own)
    model = kind[1](config)
    model.tie_weights()
    model.generation_config.eos_token_id, model.generation_config.bos_token_id = eos if len(eos) > 1 else eos[0], 1
    model.generation_config.pad_token_id = IMAGE + 1
    parameters = {renamed(k, names): p for k, p in model.named_parameters()}
    with torch.no_grad():
        for k, p in parameters.items():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    model.save_pretrained(folder)
    with open(f"{folder}/model.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    os.remove(f"{folder}/model.safetensors")
    if names == ("hub" if FOUR else "bare"):
        assert set(header) == set(parameters), set(header) ^ set(parameters)
    return model.eval(), sorted([k, list(p.shape)] for k, p in parameters.items())


def make_processor(spec, folder):
    """The processor, saved into a folder; it resizes by Pillow."""
    _, _, _, _, vision, _, own, mine = spec
    side, tiles = vision["image_size"], "image_grid_pinpoints" in own
    sizes = dict(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    if tiles:
        kind = getattr(transformers, "LlavaNextImageProcessorPil", LlavaNextImageProcessor)
        images = kind(image_grid_pinpoints=own["image_grid_pinpoints"], **sizes)
    else:
        kind = (getattr(transformers, "LlavaImageProcessorPil", LlavaImageProcessor) if "do_pad" in mine
                else getattr(transformers, "CLIPImageProcessorPil", CLIPImageProcessor))
        images = kind(**sizes, **mine)
    more = dict(patch_size=vision["patch_size"], vision_feature_select_strategy=own.get("vision_feature_select_strategy", "default"),
                num_additional_image_tokens=1)
    legacy = spec[1] != 6
    processor = (LlavaNextProcessor if tiles else LlavaProcessor)(images, tokenizer(folder, legacy), **more)
    processor.save_pretrained(folder)
    return processor


class Beside:
    """The model beside its pictures, as a language model by itself; only a prompt's ids stand for pictures."""

    def __init__(self, model, x):
        self.model, self.config, self.n = model, model.config, x["input_ids"].shape[1]
        self.seen = {k: x[k] for k in ("pixel_values", "image_sizes") if k in x}
        self.rows = None
        if self.seen:
            with torch.no_grad():
                rows = model.get_image_features(**self.seen)
            rows = rows if isinstance(rows, (list, tuple, torch.Tensor)) else rows.pooler_output
            self.rows = torch.cat([r.reshape(-1, r.shape[-1]) for r in rows])

    def generate(self, **more):
        # Before 5.x beams see several pictures in another order than the prompt's: here each beam gets all rows.
        all_rows = [self.rows] * more.get("num_beams", 1)
        if self.seen and FOUR:
            self.model.model.get_image_features = lambda *_, **__: all_rows
        try:
            return self.model.generate(**self.seen, **more)
        finally:
            self.model.model.__dict__.pop("get_image_features", None)

    def __call__(self, input_ids):
        with torch.no_grad():
            embedded = self.model.get_input_embeddings()(input_ids)
            mask = (input_ids == IMAGE) & (torch.arange(input_ids.shape[1]) < self.n)
            if self.rows is not None:
                embedded = embedded.masked_scatter(mask[..., None].expand_as(embedded), self.rows)
            hidden = self.model.model.language_model(inputs_embeds=embedded).last_hidden_state
        return type("Out", (), {"logits": self.model.lm_head(hidden)})


def case(model, processor, rgb, pieces_, names, eos):
    pictures = [Image.fromarray(rgb[p]) for p in pieces_ if isinstance(p, int)]
    text = "".join("<image>" if isinstance(p, int) else p for p in pieces_)
    x = processor(images=pictures or None, text=text, return_tensors="pt")
    ids = x["input_ids"]
    beside = Beside(model, x)
    whole = beside(ids).logits[0].detach()
    with torch.no_grad():
        assert torch.allclose(model(**x).logits[0], whole, atol=1e-5)
    r = {"pieces": pieces_, "ids": ids[0].tolist(), "pixels": []}
    for picture in pictures:
        pixels = processor.image_processor(images=picture, return_tensors="pt")["pixel_values"][0]
        r["pixels"].append(f"{formula.fnv1a(np.ascontiguousarray(pixels.numpy(), dtype='<f4').tobytes()):016x}")
    if pictures:
        r["rows"] = sample(beside.rows, 40)
    at = [i for i, t in enumerate(r["ids"]) if t == IMAGE]
    last = len(r["ids"]) - 1
    r["logits"] = [{"position": p, "values": numbers(whole[p])} for p in sorted({0, last, *at[:1], *at[-1:]})]
    tokens = processor.tokenizer
    r["generate"] = [blip2_opt.generate(beside, tokens, None, ids, n, SETTINGS[n], eos) for n in names if n != "no_repeat"]
    r["generate"] = [g | {"text": lossy(g["text"], [i for i in g["ids"] if i not in (0, 1, IMAGE, IMAGE + 1)])} for g in r["generate"]]
    # An answer that hangs on a near-tie is none.
    r["generate"] = [g for g in r["generate"] if g["gap"] > CLEAR]
    row_of = lambda s: beside(torch.tensor([s])).logits[0].detach()
    r["score"] = blip2_opt.scores(row_of, tokens, r["ids"], CONTINUATIONS)
    return r


def pictures_of(seed):
    """The pictures of a golden, and what names them there."""
    named = [{"seed": seed * 10 + i, "width": w, "height": h} for i, (w, h) in enumerate(PICTURES)]
    rgb = [formula.picture(p["seed"], p["width"], p["height"]) for p in named]
    for p, bytes_ in zip(named, rgb):
        p["hash"] = f"{formula.fnv1a(bytes_.tobytes()):016x}"
    return named, rgb


def read_files(folder):
    files = {}
    for root, _, found in os.walk(folder):
        files |= {os.path.relpath(f"{root}/{f}", folder): open(f"{root}/{f}").read() for f in sorted(found)}
    return files


def golden(name, spec):
    what, seed, dtype, *_ = spec
    eos = EOS.get(name, [2])
    with tempfile.TemporaryDirectory() as folder:
        model, tensors = build(spec, eos, folder)
        processor = make_processor(spec, folder)
        files = read_files(folder)
    pictures, rgb = pictures_of(seed)
    cases = [case(model, processor, rgb, p, n, eos) for p, n in zip(CASES, NAMES)]
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "placeholder": IMAGE, "files": files, "tensors": tensors,
            "pictures": pictures, "cases": cases}


def write(family, folder, name, g):
    with open(f"{folder}/{family}_{name}.json", "w") as f:
        json.dump(g, f, separators=(",", ":"))
    print(f"{name}: {os.path.getsize(f.name)} bytes, eos {g['eos']}")
    for c in g["cases"]:
        for r in c["generate"]:
            mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
            print(f"  {r['name']:22s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {'ends' if r['ended'] else ''}{mark} {r['ids'][:12]}")


def main(family, configs, any_config, golden, args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    folder = HERE
    if args[:1] == ["--random"]:
        first, count, folder = int(args[1]), int(args[2]), args[3]
        os.makedirs(folder, exist_ok=True)
        configs, args = {f"random{seed}": any_config(seed) for seed in range(first, first + count)}, []
    for name in args or configs:
        write(family, folder, name, golden(name, configs[name]))


if __name__ == "__main__":
    main("llava", VERSIONS[transformers.__version__], any_config, golden, sys.argv[1:])
