"""Goldens of Gemma 3 with pictures: small random Gemma3ForConditionalGeneration run by transformers 4.57.6, and by 5.24.0,
gemma3_*.json.

    python gemma3.py                          makes every golden of the version it is run with
    python gemma3.py NAME...                  only these
    python gemma3.py --random FIRST COUNT DIR goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original (modeling_gemma3.py, processing_gemma3.py):

A picture's place is written `<start_of_image>`; the processor makes "\\n\\n<start_of_image>", the rows and
"<end_of_image>\\n\\n" of it and gives the whole text to the tokenizer, whose line ends join those of the text beside them.
A picture's rows see one another both ways, in layers with a window, too: 5.24.0 holds them to the window's past as the
authors' own code does, 4.57.6 shows them all of their picture. Both are the same unless a picture has more rows than the
window, and goldens where it has are 5.24.0's.

A random model may say `<image_soft_token>`, which no released one does: only a prompt's ids stand for pictures here.
"""
import os
import random
import struct
import sys
import tempfile
import json

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import torch
import transformers
import numpy as np
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3Processor, Gemma3TextConfig, PreTrainedTokenizerFast, SiglipVisionConfig

import blip2_opt
import formula
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored
from instructblip import CLEAR, pieces
from llava import FOUR, main, pictures_of, read_files, renamed, v

blip2_opt.NEW = 32
LINES = ["\n", "\n\n", "\n\n\n", "\n\n\n\n"]
MARKS = ["<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"]
WORDS = ["<pad>", "<eos>", "<bos>", "<unk>", *pieces()[0][3:]]
TABLE = len(WORDS) + len(LINES) + len(MARKS)
IMAGE = TABLE - 1
PLACE = "<start_of_image>"
CASES = [
    ["<start_of_turn>user\n", 1, "What is unusual about this image?<end_of_turn>\n<start_of_turn>model\n"],
    [2, "\nand ", 0, " — a naïve café 東京 🦉?  it is the cat\n"],
    ["What is the answer to this Question?"],
    [4, 3, "\n\n\nthe ", 0],
]
# A conversation that is rendered, and its pictures.
TEMPLATE = ("{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' }}"
            "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for p in m['content'] %}{% if p['type'] == 'image' %}<start_of_image>"
            "{% else %}{{ p['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<end_of_turn>\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}")
TALK = [("user", [1, "What is it?"]), ("assistant", "two"), ("user", ["and\n", 2, 0, "\nof"])]
NAMES = [["greedy", "beams"], ["greedy", "beams", "beams_length_0"], ["greedy", "beams"], ["greedy", "repetition"]]


def gemma(width, heads, kv, head, ffn, layers, **more):
    more.setdefault("vocab_size", TABLE + 3)
    return dict(hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, head_dim=head, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=1024, bos_token_id=2, eos_token_id=1, pad_token_id=0, **more)


# name: (what it is for, seed, type of the stored weights, names, vision, language model, rows of a picture, the processor's own)
CONFIGS = {
    "default": ("pooled by four, a window that holds a picture, both kinds of layers", 31, "float32", "hub", v(48, 4, 96, 3, 56, 7, vision_use_head=False),
                gemma(64, 4, 2, 16, 128, 7, sliding_window=16, query_pre_attn_scalar=24), 4, {}),
    "odd": ("a side that neither patch nor pool divides, the pooling head stored, wide heads, another eps", 32, "bfloat16", "module",
            v(36, 3, 72, 2, 47, 5, layer_norm_eps=1e-5), gemma(40, 2, 1, 32, 90, 3, sliding_window=12, query_pre_attn_scalar=32), 9, {}),
    "whole": ("one patch a row", 33, "float32", "hub", v(32, 2, 64, 2, 24, 8, vision_use_head=False, hidden_act="gelu"),
              gemma(48, 6, 3, 8, 64, 2, sliding_window=9, query_pre_attn_scalar=8), 9, {}),
}
FIVE = {
    "five": ("as 5.24.0 saves it", 34, "float32", "bare", v(48, 4, 96, 2, 56, 7, vision_use_head=False),
             gemma(64, 4, 2, 16, 128, 6, sliding_window=16, query_pre_attn_scalar=16), 16, {}),
    "five_narrow": ("a picture of more rows than the window, the pooling head stored", 35, "float32", "bare", v(48, 4, 96, 2, 42, 7),
                    gemma(64, 4, 2, 16, 128, 6, sliding_window=5, query_pre_attn_scalar=16), 36, {}),
}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}


def any_config(seed):
    """A configuration by its seed."""
    r = random.Random(seed)
    patch, side, pool = r.choice([4, 5, 7, 8]), r.choice([1, 2, 3, 4, 5]), r.choice([1, 2, 3, 4])
    across = side * pool
    heads = r.choice([2, 3, 4])
    vision = v(heads * 4 * r.randint(2, 4), heads, r.randint(20, 120), r.randint(1, 4), across * patch + r.choice([0, 0, 3]), patch,
               layer_norm_eps=r.choice([1e-5, 1e-6]), vision_use_head=r.random() < 0.3)
    kv = r.choice([1, 2, 3])
    head = 2 * r.randint(2, 12)
    window = r.randint(side * side, 40) if FOUR else r.randint(1, 40)
    heads = kv * r.choice([1, 2, 4])
    text = gemma(heads * r.choice([4, 6, 8, 12]), heads, kv, head, r.randint(20, 150), r.randint(1, 8), vocab_size=TABLE + r.randint(0, 40),
                 sliding_window=window, query_pre_attn_scalar=r.choice([head, 17]), rms_norm_eps=r.choice([1e-6, 1e-5]))
    names = r.choice(["hub", "module", "bare", "bare_module"])
    return f"random {seed}", seed, r.choice(["float32", "bfloat16", "float16"]), names, vision, text, side * side, {}


def tokenizer(folder):
    """Gemma's: no blank ahead, line ends that are tokens."""
    _, merges = pieces()
    t = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(WORDS)}, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    t.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    t.add_special_tokens(WORDS[:4])
    t.add_tokens([AddedToken(x, normalized=False) for x in LINES])
    t.add_special_tokens([AddedToken(x, normalized=False) for x in MARKS])
    t.save(f"{folder}/whole.json")
    tokens = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/whole.json", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>",
                                     extra_special_tokens=dict(image_token=MARKS[4], boi_token=MARKS[2], eoi_token=MARKS[3]))
    os.remove(f"{folder}/whole.json")
    assert tokens.convert_tokens_to_ids(MARKS[-1]) == IMAGE
    return tokens


def build(spec, folder):
    """The model in f32 (weights rounded to the stored type), saved into a folder, and its tensors."""
    _, seed, dtype, names, vision, text, rows, _ = spec
    config = Gemma3Config(vision_config=SiglipVisionConfig(**vision).to_dict(), text_config=Gemma3TextConfig(**text), mm_tokens_per_image=rows,
                          boi_token_index=IMAGE - 2, eoi_token_index=IMAGE - 1, image_token_index=IMAGE, eos_token_id=1)
    config._attn_implementation = "eager"
    model = Gemma3ForConditionalGeneration(config)
    model.tie_weights()
    model.generation_config.eos_token_id, model.generation_config.bos_token_id, model.generation_config.pad_token_id = 1, 2, 0
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
    side = spec[4]["image_size"]
    kind = transformers.Gemma3ImageProcessor if FOUR else transformers.Gemma3ImageProcessorPil
    processor = Gemma3Processor(kind(size={"height": side, "width": side}, **spec[7]), tokenizer(folder), image_seq_length=spec[6])
    processor.tokenizer.chat_template = TEMPLATE
    processor.save_pretrained(folder)
    return processor


class Beside:
    """The model beside its pictures, as a language model by itself; only a prompt's ids stand for pictures."""

    def __init__(self, model, x):
        self.model, self.config, self.x = model, model.config, x
        self.rows = None
        if "pixel_values" in x:
            with torch.no_grad():
                rows = model.get_image_features(x["pixel_values"])
            self.rows = (rows if isinstance(rows, torch.Tensor) else rows.pooler_output).reshape(-1, model.config.text_config.hidden_size)

    def types(self, n):
        return torch.nn.functional.pad(self.x["token_type_ids"], (0, n - self.x["token_type_ids"].shape[1]))

    def generate(self, **more):
        seen = {k: self.x[k] for k in ("pixel_values", "token_type_ids") if k in self.x}
        # Before 5.x beams see several pictures in another order than the prompt's: here each beam gets all rows.
        all_rows = None if self.rows is None else torch.cat([self.rows] * more.get("num_beams", 1))
        if all_rows is not None and FOUR:
            self.model.model.get_image_features = lambda *_, **__: all_rows
        try:
            return self.model.generate(**seen, **more)
        finally:
            self.model.model.__dict__.pop("get_image_features", None)

    def __call__(self, input_ids):
        with torch.no_grad():
            embedded = self.model.get_input_embeddings()(input_ids)
            types = self.types(input_ids.shape[1])
            if self.rows is not None:
                embedded = embedded.masked_scatter((types == 1)[..., None].expand_as(embedded), self.rows)
            hidden = self.model.model(inputs_embeds=embedded, token_type_ids=types).last_hidden_state
        return type("Out", (), {"logits": self.model.lm_head(hidden)})


def case(model, processor, rgb, pieces_, names, eos):
    pictures = [Image.fromarray(rgb[p]) for p in pieces_ if isinstance(p, int)]
    text = "".join(PLACE if isinstance(p, int) else p for p in pieces_)
    x = processor(images=[pictures] if pictures else None, text=text, return_tensors="pt", return_mm_token_type_ids=True)
    ids = x["input_ids"]
    beside = Beside(model, x)
    whole = beside(ids).logits[0].detach()
    with torch.no_grad():
        given = {k: x[k] for k in ("input_ids", "pixel_values", "token_type_ids") if k in x}
        assert torch.allclose(model(**given).logits[0], whole, atol=1e-5)
    r = {"pieces": pieces_, "ids": ids[0].tolist(), "pixels": []}
    for picture in pictures:
        pixels = processor.image_processor(images=picture, return_tensors="pt")["pixel_values"][0]
        r["pixels"].append(f"{formula.fnv1a(np.ascontiguousarray(pixels.numpy(), dtype='<f4').tobytes()):016x}")
    if pictures:
        r["rows"] = sample(beside.rows, 40)
    at = [i for i, t in enumerate(r["ids"]) if t == IMAGE]
    last = len(r["ids"]) - 1
    r["logits"] = [{"position": p, "values": numbers(whole[p])} for p in sorted({0, last, *at[:1], *at[-2:]})]
    tokens = processor.tokenizer
    r["generate"] = [blip2_opt.generate(beside, tokens, None, ids, n, SETTINGS[n], eos) for n in names]
    # An answer that hangs on a near-tie is none; nor is a text whose bytes are no characters.
    r["generate"] = [g for g in r["generate"] if g["gap"] > CLEAR and "\ufffd" not in g["text"]]
    row_of = lambda s: beside(torch.tensor([s])).logits[0].detach()
    r["score"] = blip2_opt.scores(row_of, tokens, r["ids"], CONTINUATIONS)
    return r


def talk(processor, rgb):
    """Ids of the conversation."""
    part = lambda p: {"type": "image"} if isinstance(p, int) else {"type": "text", "text": p}
    said = [{"role": role, "content": content if isinstance(content, str) else [part(p) for p in content]} for role, content in TALK]
    text = processor.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True, chat_template=TEMPLATE)
    pictures = [Image.fromarray(rgb[p]) for _, content in TALK for p in content if isinstance(p, int)]
    return processor(images=[pictures], text=text, add_special_tokens=False, return_tensors="pt")["input_ids"][0].tolist()


def golden(name, spec):
    what, seed, dtype, *_ = spec
    with tempfile.TemporaryDirectory() as folder:
        model, tensors = build(spec, folder)
        processor = make_processor(spec, folder)
        files = read_files(folder)
    pictures, rgb = pictures_of(seed)
    cases = [case(model, processor, rgb, p, n, [1]) for p, n in zip(CASES, NAMES)]
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": [1], "placeholder": IMAGE, "files": files, "tensors": tensors,
            "pictures": pictures, "cases": cases, "talk": talk(processor, rgb)}


if __name__ == "__main__":
    main("gemma3", VERSIONS[transformers.__version__], any_config, golden, sys.argv[1:])
