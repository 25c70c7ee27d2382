"""Goldens of BLIP-2's first stage: small random Blip2ForImageTextRetrieval run by transformers 4.57.6, and by 5.24.0, blip2_itm_*.json.

    python blip2_itm.py                         makes every golden of the version it is run with
    python blip2_itm.py NAME...                 only these
    python blip2_itm.py --random FIRST COUNT DIR    goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original (modeling_blip_2.py):

Two modes of one forward pass. With use_image_text_matching_head the Q-Former runs over queries and text together, the query
rows' logits of itm_head are averaged, and the probability of a match is softmax(logits)[1]. (The example in the class's
documentation takes a softmax of that softmax, and prints 27 % and 73 % where the model says 0 % and 100 %.) Without it the
queries see the picture alone and the text is read alone; logits_per_image is the greatest cosine over the queries.

With config.image_token_index the processor puts num_query_tokens times `<image>` before `[CLS]`, whose id is behind the last
row of the word table, and the model cuts them off before it looks the ids up.

Captions (ITG). transformers leaves the head out that BLIP-2's own checkpoints have (`cls.predictions`, of BERT: dense, the
activation, a norm, the word table, a bias), so it is written out here, and the model's own Q-Former runs under the mask of the
paper's section 3.2: queries see queries, a word sees all queries, itself and the words before it. The text begins with `[DEC]`
in the place of `[CLS]`, at position 0, and ends with `[SEP]`. LAVIS' settings are 3 beams and from 10 to 30 tokens, `[DEC]`
being one of them. Beams are those of transformers 4.57 (beams.py), which divides by the length of what was generated.
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
from transformers import BertTokenizerFast, Blip2Config, Blip2ForImageTextRetrieval, Blip2Processor, BlipImageProcessor
from transformers import Blip2QFormerConfig, Blip2VisionConfig, OPTConfig

import beams
import formula

HERE = os.path.dirname(os.path.abspath(__file__))

# BERT's special tokens at places of their own, pieces of one letter, and some of more: enough for every path of the search.
WORDS = "a the of on with and cat dog red two photo street running woman beach ! ' , - . 1 2 4 ( ) é 東 京 я".split()
PIECES = "s ing ed er un ner ##é ##я".split()
LETTERS = "abcdefghijklmnopqrstuvwxyzBQ"
VOCABULARY = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *(c for c in LETTERS if c not in WORDS),
              *(f"##{c}" for c in LETTERS if c not in PIECES), *(f"##{p.removeprefix('##')}" for p in PIECES)]
TABLE = len(VOCABULARY) + 1  # `[DEC]` is the last row, as in LAVIS' files

TEXTS = ["a photo of two cats", "", "The running dogs, and the Éclair on it's beach (4-2)!", "東京 naïve — 🦉 Bq unknownable",
         " ".join(f"{a} {b} woman" for a in ("red", "two", "a") for b in ("cat", "dog", "street", "beachs")), "x" * 101 + " a [MASK] dog"]
PICTURES = [(20, 17), (97, 64), (31, 83)]
BEGINNINGS = ["", "a photo of"]
CONTINUATIONS = ["a red cat", "dogs running", "Bq"]
BEAMS, LONGEST, SHORTEST = 3, 30 - 1, 10 - 1


def v(width, heads, ffn, layers, image, patch, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, image_size=image, patch_size=patch, **more)


def q(width, heads, ffn, layers, frequency, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, cross_attention_frequency=frequency,
                max_position_embeddings=more.pop("positions", 96), vocab_size=TABLE, use_qformer_text_input=True, **more)


# name: (what it is for, seed, type of the stored weights, queries, width that is compared, vision, Q-Former, lower case, `<image>` before texts,
#        the bias of the head that writes, where there is one)
CONFIGS = {
    "default": ("every switch as published", 7, "float32", 4, 24, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 4, 2), True, False, "decoder.bias"),
    "every": ("cross-attention in every layer, quick_gelu tower, placeholders before the text", 8, "float32", 7, 16,
              v(60, 6, 100, 3, 56, 14, hidden_act="quick_gelu"), q(48, 3, 80, 3, 1, hidden_act="gelu_new"), True, True, "bias"),
    "plain": ("no bias of queries, keys and values in the tower, relu, a projection wider than the Q-Former, cased words", 9, "float32", 5, 56,
              v(36, 3, 72, 3, 32, 8, qkv_bias=False, layer_norm_eps=1e-5), q(30, 5, 64, 5, 3, hidden_act="relu", layer_norm_eps=1e-6), False, False, "decoder.bias"),
    "one": ("one head, one query, one layer, one row of a picture besides the first", 10, "float32", 1, 8, v(20, 1, 33, 1, 14, 14), q(18, 1, 25, 1, 2), True, True, None),
    "half": ("weights in float16, as the hub has them", 11, "float16", 6, 32, v(64, 8, 128, 2, 42, 14), q(64, 8, 96, 4, 2), True, False, "bias"),
}
# Of 5.24.0, which saves the image processor within processor_config.json.
FIVE = {"five": ("as 5.24.0 saves it", 31, "float32", 5, 20, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2), True, True, None)}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}


def any_config(seed):
    """A configuration by its seed."""
    r = random.Random(seed)
    heads, former = r.choice([1, 2, 3, 4, 6]), r.choice([1, 2, 3, 5, 8])
    width, w = heads * r.randint(3, 20), former * r.randint(3, 16)
    patch = r.choice([7, 8, 14, 16])
    image = patch * r.randint(1, 5) + r.choice([0, 0, 3])
    vision = v(width, heads, r.randint(8, 150), r.randint(1, 4), image, patch, qkv_bias=r.random() < 0.7,
               hidden_act=r.choice(["gelu", "quick_gelu", "gelu_new", "relu"]), layer_norm_eps=r.choice([1e-6, 1e-5, 1e-12]))
    layers = r.randint(1, 6)
    qformer = q(w, former, r.randint(8, 120), layers, r.randint(1, layers), hidden_act=r.choice(["gelu", "gelu_new", "relu", "silu"]),
                layer_norm_eps=r.choice([1e-12, 1e-6, 1e-5]), positions=r.randint(70, 130))
    return (f"random {seed}", seed, r.choice(["float32", "float32", "bfloat16", "float16"]), r.randint(1, 33), r.randint(2, 80), vision, qformer,
            r.random() < 0.6, r.random() < 0.5, r.choice(["bias", "decoder.bias", None]))


def number(x):
    return float(f"{float(x):.9g}")


def numbers(a):
    return [number(x) for x in np.asarray(a, dtype=np.float32).ravel()]


def sample(t, count=24):
    """A few values spread over a tensor, the first and the last among them."""
    a = t.detach().numpy().reshape(-1)
    index = sorted({round(i * (a.size - 1) / (count - 1)) for i in range(count)})
    return {"shape": list(t.shape), "index": index, "values": numbers(a[index])}


def stored(name, shape, seed, dtype):
    """A tensor of the checkpoint, rounded to the stored type, as f32."""
    return torch.from_numpy(formula.tensor(seed, name, shape)).to(getattr(torch, dtype)).to(torch.float32)


def build(spec, folder):
    """The model in f32 (weights rounded to the stored type), saved into a folder, and its tensors."""
    _, seed, dtype, queries, compared, vision, former, _, marks, _ = spec
    config = Blip2Config(
        vision_config=Blip2VisionConfig(**vision).to_dict(), qformer_config=Blip2QFormerConfig(**former).to_dict(), text_config=OPTConfig().to_dict(),
        num_query_tokens=queries, image_text_hidden_size=compared, image_token_index=TABLE if marks else None,
    )
    model = Blip2ForImageTextRetrieval(config)
    with torch.no_grad():
        for k, p in model.named_parameters():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    with open(f"{folder}/model.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    return Blip2ForImageTextRetrieval.from_pretrained(folder, torch_dtype=torch.float32).eval(), sorted([k, t["shape"]] for k, t in header.items())


def make_processor(spec, size, folder):
    """The processor, saved into a folder."""
    _, _, _, queries, _, _, _, lower, marks, _ = spec
    with open(f"{folder}/vocab.txt", "w") as f:
        f.writelines(f"{token}\n" for token in VOCABULARY)
    tokenizer = BertTokenizerFast.from_pretrained(folder, do_lower_case=lower) if transformers.__version__[0] == "4" else BertTokenizerFast(vocab=f"{folder}/vocab.txt", do_lower_case=lower)
    os.remove(f"{folder}/vocab.txt")
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    assert tokenizer.convert_tokens_to_ids("[DEC]") == TABLE - 1
    images = getattr(transformers, "BlipImageProcessorPil", BlipImageProcessor)(size={"height": size, "width": size})
    processor = Blip2Processor(images, tokenizer, num_query_tokens=queries if marks else None)
    processor.save_pretrained(folder)
    return processor


class Writer:
    """The head that writes, over the model's Q-Former."""

    def __init__(self, model, seed, dtype, bias):
        c = model.config.qformer_config
        w, self.model, self.act = c.hidden_size, model, transformers.activations.ACT2FN[c.hidden_act]
        shapes = {"transform.dense.weight": [w, w], "transform.dense.bias": [w], "transform.LayerNorm.weight": [w], "transform.LayerNorm.bias": [w], bias: [TABLE]}
        self.shapes = [[f"cls.predictions.{k}", shape] for k, shape in shapes.items()]
        self.dense, self.dense_bias, self.norm, self.norm_bias, self.bias = [stored(k, shape, seed, dtype) for k, shape in self.shapes]
        self.eps = c.layer_norm_eps

    @torch.no_grad()
    def see(self, pixels):
        self.tower = self.model.vision_model(pixels).last_hidden_state

    @torch.no_grad()
    def logits(self, ids):
        """A row for each token."""
        f, queries = torch.nn.functional, self.model.query_tokens
        n, t = queries.shape[1], len(ids)
        rows = self.model.embeddings(input_ids=torch.tensor([ids]), query_embeds=queries)
        mask = torch.zeros(1, n + t, n + t)
        mask[:, :, :n] = 1
        mask[:, n:, n:] = torch.tril(torch.ones(t, t))
        x = self.model.qformer(query_embeds=rows, query_length=n, attention_mask=mask, encoder_hidden_states=self.tower).last_hidden_state[0, n:]
        x = f.layer_norm(self.act(x @ self.dense.T + self.dense_bias), x.shape[-1:], self.norm, self.norm_bias, self.eps)
        return x @ self.model.embeddings.word_embeddings.weight.T + self.bias

    def greedy(self, prompt, end):
        ids, gap = list(prompt), float("inf")
        while len(ids) - len(prompt) < LONGEST:
            row = self.logits(ids)[-1]
            if len(ids) - len(prompt) < SHORTEST:
                row[end] = -float("inf")
            best = row.topk(2)
            gap = min(gap, float(best.values[0] - best.values[1]))
            ids.append(int(best.indices[0]))
            if ids[-1] == end:
                break
        return ids[len(prompt):], gap

    def search(self, prompt, end):
        def rows(lists):
            return [torch.log_softmax(self.logits(ids)[-1], -1).tolist() for ids in lists]

        def process(ids, row):
            if len(ids) - len(prompt) < SHORTEST:
                row[end] = -float("inf")
            return row

        ids, _, gap = beams.search(rows, prompt, BEAMS, LONGEST, [end], process=process)
        return ids, gap


def captions(writer, tokenizer, processor, pictures):
    """What is written about each picture, and how likely texts are."""
    begin, end, found = tokenizer.bos_token_id, tokenizer.sep_token_id, []
    plain = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
    for i, picture in enumerate(pictures):
        image = Image.fromarray(formula.picture(picture["seed"], picture["width"], picture["height"]))
        writer.see(processor(images=image, return_tensors="pt")["pixel_values"])
        for beginning in BEGINNINGS:
            prompt = [begin, *plain(beginning)]
            rows, texts = writer.logits(prompt), []
            for name, (ids, gap) in {"greedy": writer.greedy(prompt, end), "beams": writer.search(prompt, end)}.items():
                if gap < 2e-3:
                    continue  # What hangs on a near-tie is no golden.
                texts.append({"name": name, "ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True), "gap": number(gap)})
            scores = []
            for text in CONTINUATIONS:
                ids = plain(text)
                logs = torch.log_softmax(writer.logits(prompt + ids), -1)[len(prompt) - 1 : -1]
                scores.append({"text": text, "ids": ids, "logprobs": numbers(logs[torch.arange(len(ids)), ids])})
            found.append({"image": i, "beginning": beginning, "ids": prompt, "logits": [{"position": p, "values": numbers(rows[p])} for p in range(len(prompt))],
                          "texts": texts, "score": scores})
    return found


def golden(name, spec):
    what, seed, dtype, queries, *_, marks, bias = spec
    with tempfile.TemporaryDirectory() as folder:
        model, tensors = build(spec, folder)
        processor = make_processor(spec, model.config.vision_config.image_size, folder)
        files = {f: open(f"{folder}/{f}").read() for f in sorted(os.listdir(folder)) if f.endswith((".json", ".txt")) and f != "generation_config.json"}
    pictures, texts, pairs = [], [], []
    for i, (width, height) in enumerate(PICTURES):
        rgb = formula.picture(seed * 10 + i, width, height)
        pictures.append({"seed": seed * 10 + i, "width": width, "height": height, "hash": f"{formula.fnv1a(rgb.tobytes()):016x}"})
    for i, picture in enumerate(pictures):
        image = Image.fromarray(formula.picture(picture["seed"], picture["width"], picture["height"]))
        for j, text in enumerate(TEXTS):
            x = processor(images=image, text=text, return_tensors="pt")
            x.pop("token_type_ids", None)
            with torch.no_grad():
                itm = model(**x, use_image_text_matching_head=True)
                itc = model(**x, use_image_text_matching_head=False)
                tower = model.vision_model(x["pixel_values"]).last_hidden_state
                raw = model.vision_projection(model.qformer(query_embeds=model.query_tokens, encoder_hidden_states=tower).last_hidden_state)
            if j == 0:
                picture |= {"embedding": sample(itc.image_embeds[0]), "raw": sample(raw[0])}
            if i == 0:
                ids = x["input_ids"][0].tolist()[queries if marks else 0 :]
                raw = model.text_projection(itc.text_model_output.last_hidden_state[:, 0])
                texts.append({"text": text, "ids": ids, "embedding": sample(itc.text_embeds[0]), "raw": sample(raw[0])})
            pairs.append({"image": i, "text": j, "logits": numbers(itm.logits_per_image[0]),
                          "itm": number(torch.softmax(itm.logits_per_image[0], -1)[1]), "itc": number(itc.logits_per_image[0, 0])})
    written = []
    if bias:
        writer = Writer(model, seed, dtype, bias)
        tensors = sorted(tensors + writer.shapes)
        written = captions(writer, processor.tokenizer, processor, pictures)
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "files": files, "tensors": tensors, "pictures": pictures, "texts": texts, "pairs": pairs,
            "captions": written}


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    folder, configs = HERE, VERSIONS[transformers.__version__]
    if args[:1] == ["--random"]:
        first, count, folder = int(args[1]), int(args[2]), args[3]
        os.makedirs(folder, exist_ok=True)
        configs, args = {f"random{seed}": any_config(seed) for seed in range(first, first + count)}, []
    for name in args or configs:
        g = golden(name, configs[name])
        with open(f"{folder}/blip2_itm_{name}.json", "w") as f:
            json.dump(g, f, separators=(",", ":"))
        print(f"{name}: {os.path.getsize(f.name)} bytes, itm", [round(p["itm"], 4) for p in g["pairs"]], "itc", [round(p["itc"], 3) for p in g["pairs"]])
        for c in g["captions"]:
            for t in c["texts"]:
                print(f"  {t['name']:7s} gap {t['gap']:.4f} {len(set(t['ids'])):2d} of {len(t['ids']):2d} {t['text']!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
