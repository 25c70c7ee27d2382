"""Goldens of LAVIS' BLIP-2 and InstructBLIP checkpoints (lavis_*.json): small random ones in LAVIS' names, computed by LAVIS' code
restated below with torch 2; the language models are those of transformers 4.57.6.

    python lavis.py                             makes every golden
    python lavis.py NAME...                     only these
    python lavis.py --random FIRST COUNT DIR    random configurations by seed, into DIR, for checks that are not kept
    python lavis.py --save NAME DIR             writes the parts of one with torch.save and save_pretrained

Weights are formulas of LAVIS' names. What a stranger needs to know about the original (eva_vit.py, clip_vit.py, Qformer.py,
blip2_qformer.py, blip2_opt.py, blip2_t5.py, blip2_vicuna_instruct.py, blip2_t5_instruct.py): heads are fixed at 64 numbers, at 88 in EVA's tower; eva_vit_g.pth has one block
more than is built; queries and values have biases, keys have none; epsilons are 1e-6 in EVA's blocks, 1e-5 in CLIP's and in
ln_vision, 1e-12 in the Q-Former. OPT's generation ends at "\\n" and has one token at least; T5 gets dense_act_fn "gelu". Captions of the
first stage begin with `[DEC]`, which is added behind BERT's tokens.

InstructBLIP's Q-Former reads the prompt's last 126 tokens between `[CLS]` and `[SEP]`. Vicuna's tokenizer gets the padding token
`[PAD]`, whose row is new and never looked up, so that it is left out here, and `</s>` for its beginning, its end and what is
unknown: prompts begin with id 2. Its `generate` is given rows and no ids, so that what penalties look at begins with the answer, and
id 0 in an answer is taken for 2. Texts end where the language model's own generation settings say.
"""
import json
import os
import random
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import tempfile

import numpy as np
import torch
import transformers
from PIL import Image
from torch.nn import functional as F
from transformers import BertTokenizerFast, LlamaConfig, LlamaForCausalLM, LlamaTokenizerFast, OPTConfig, OPTForCausalLM, T5Config, T5ForConditionalGeneration

import beams
import formula
import instructblip
import opt_tokenizer
from blip2_itm import BEGINNINGS, CONTINUATIONS, PICTURES, TABLE, TEXTS, VOCABULARY, number, numbers, sample, stored

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = 320  # of the language models' tables: the tokenizer has 313 tokens
PROMPTS = ["", "a photo of", "Question: what is it? Answer:"]
INSTRUCTIONS = ["What is unusual about this image?", "", "two red cat of the " * 40 + "dog?"]
READ, POSITIONS = 128, 140  # tokens of an instruction, and places for them
TOKENS = len(instructblip.pieces()[0])  # of Vicuna
TARGETS = [[], [40, 71], [105, 9, 300]]
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def opt(**more):
    return dict(dict(vocab_size=ROWS, hidden_size=64, word_embed_proj_dim=64, ffn_dim=96, num_hidden_layers=2, num_attention_heads=4,
                     max_position_embeddings=128, eos_token_id=2), **more)


def t5(**more):
    return dict(dict(vocab_size=ROWS, d_model=48, num_heads=3, d_kv=20, d_ff=96, num_layers=3, num_decoder_layers=2, feed_forward_proj="gated-gelu",
                     tie_word_embeddings=False, decoder_start_token_id=0, pad_token_id=0, eos_token_id=[32]), **more)


def vicuna(**more):
    return dict(dict(vocab_size=TOKENS, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
                     max_position_embeddings=512, eos_token_id=2), **more)


# name: (what it is for, seed, stored type, tower, heads, blocks, its feed-forward width, side, patch, tower within the checkpoint,
#        Q-Former's heads, layers, every how many look, its feed-forward width, queries, numbers compared, language model, which is asked
#        where a third value says so)
CONFIGS = {
    "first": ("first stage", 401, "float32", "eva", 1, 2, 96, 28, 14, False, 1, 3, 2, 80, 4, 24, None),
    "finetuned": ("first stage with its own tower of another side, two heads, looking in every layer", 402, "float32", "eva", 2, 1, 100, 42, 14, True, 2, 2, 1, 72, 3, 16, None),
    "clip": ("first stage behind CLIP's tower, halves", 403, "float16", "clip", 1, 2, 128, 28, 14, False, 1, 5, 3, 64, 5, 20, None),
    "opt": ("second stage with OPT", 404, "float32", "eva", 1, 3, 90, 28, 14, False, 2, 3, 2, 96, 5, None, ("opt", opt())),
    "t5": ("second stage with T5, whose configuration means the tanh polynomial", 405, "float32", "eva", 2, 2, 120, 28, 7, False, 1, 4, 2, 64, 6, None, ("t5", t5())),
    "vicuna": ("InstructBLIP with Vicuna", 410, "float32", "eva", 1, 2, 96, 28, 14, False, 2, 3, 2, 80, 4, None, ("llm", vicuna(eos_token_id=[2, *range(40, 90)]), True)),
    "flan": ("InstructBLIP with T5", 408, "float16", "eva", 1, 1, 80, 28, 14, False, 1, 4, 2, 64, 5, None, ("t5", t5(eos_token_id=[32, *range(40, 90)]), True)),
}


def any_config(seed):
    r = random.Random(seed)
    kind = r.choice([None, ("opt", opt(num_hidden_layers=r.randint(1, 3))), ("t5", t5(num_layers=r.randint(1, 3)))])
    if r.random() < 0.6:
        ends = [2, *r.sample(range(3, ROWS - 20), 60)]
        kv = r.choice([1, 2, 4])
        llama = vicuna(num_hidden_layers=r.randint(1, 3), num_key_value_heads=kv, intermediate_size=r.randint(20, 150), eos_token_id=ends)
        kind = r.choice([("llm", llama, True), ("llm", llama, True), ("llm", llama, False), ("t5", t5(num_layers=r.randint(1, 3), eos_token_id=ends), True)])
    layers, patch = r.randint(1, 5), r.choice([7, 14])
    return (f"random {seed}", seed, r.choice(["float32", "float32", "float16"]), r.choice(["eva", "eva", "clip"]), r.randint(1, 2), r.randint(1, 3), r.randint(20, 150),
            patch * r.randint(1, 4), patch, r.random() < 0.4, r.randint(1, 3), layers, r.randint(1, layers), r.randint(20, 120), r.randint(1, 33),
            None if kind else r.randint(2, 80), kind)


class Shapes:
    """Names and shapes, in LAVIS' names."""

    def __init__(self):
        self.all = {}

    def linear(self, name, inputs, outputs):
        self.all |= {f"{name}.weight": [outputs, inputs], f"{name}.bias": [outputs]}

    def norm(self, name, width):
        self.all |= {f"{name}.weight": [width], f"{name}.bias": [width]}


def tower_shapes(kind, w, ffn, blocks, side, patch):
    s, rows = Shapes(), (side // patch) ** 2 + 1
    if kind == "eva":
        s.all |= {"cls_token": [1, 1, w], "pos_embed": [1, rows, w], "patch_embed.proj.weight": [w, 3, patch, patch], "patch_embed.proj.bias": [w]}
        for n in range(blocks):
            b = f"blocks.{n}"
            s.norm(f"{b}.norm1", w), s.norm(f"{b}.norm2", w)
            s.all |= {f"{b}.attn.qkv.weight": [3 * w, w], f"{b}.attn.q_bias": [w], f"{b}.attn.v_bias": [w]}
            s.linear(f"{b}.attn.proj", w, w), s.linear(f"{b}.mlp.fc1", w, ffn), s.linear(f"{b}.mlp.fc2", ffn, w)
        return s.all
    s.all |= {"class_embedding": [w], "positional_embedding": [rows, w], "conv1.weight": [w, 3, patch, patch]}
    s.norm("ln_pre", w)
    for n in range(blocks):
        b = f"transformer.resblocks.{n}"
        s.norm(f"{b}.ln_1", w), s.norm(f"{b}.ln_2", w)
        s.all |= {f"{b}.attn.in_proj_weight": [3 * w, w], f"{b}.attn.in_proj_bias": [3 * w]}
        s.linear(f"{b}.attn.out_proj", w, w), s.linear(f"{b}.mlp.c_fc", w, ffn), s.linear(f"{b}.mlp.c_proj", ffn, w)
    return s.all


def trained_shapes(tower, w, layers, every, ffn, queries, compared, speaks, width, asked):
    s = Shapes()
    s.norm("ln_vision", tower)
    s.all["query_tokens"] = [1, queries, w]
    e = "Qformer.bert.embeddings"
    s.norm(f"{e}.LayerNorm", w)
    for n in range(layers):
        b = f"Qformer.bert.encoder.layer.{n}"
        for kind, inputs in [("attention", w)] + [("crossattention", tower)] * (n % every == 0):
            for part, size in [("query", w), ("key", inputs), ("value", inputs)]:
                s.linear(f"{b}.{kind}.self.{part}", size, w)
            s.linear(f"{b}.{kind}.output.dense", w, w), s.norm(f"{b}.{kind}.output.LayerNorm", w)
        for end in ["_query"] + [""] * (speaks is None or asked):
            s.linear(f"{b}.intermediate{end}.dense", w, ffn), s.linear(f"{b}.output{end}.dense", ffn, w), s.norm(f"{b}.output{end}.LayerNorm", w)
    if speaks is None or asked:
        s.all |= {f"{e}.word_embeddings.weight": [TABLE, w], f"{e}.position_embeddings.weight": [POSITIONS if asked else 96, w]}
    if speaks:
        s.linear(f"{speaks}_proj", w, width)
        return s.all
    s.linear("vision_proj", w, compared), s.linear("text_proj", w, compared), s.linear("itm_head", w, 2)
    h = "Qformer.cls.predictions"
    s.linear(f"{h}.transform.dense", w, w), s.norm(f"{h}.transform.LayerNorm", w)
    s.all |= {f"{h}.decoder.bias": [TABLE], "temp": []}
    return s.all


# What LAVIS saves under two names, by the second.
COPIES = {"Qformer.cls.predictions.decoder.weight": "Qformer.bert.embeddings.word_embeddings.weight", "Qformer.cls.predictions.bias": "Qformer.cls.predictions.decoder.bias"}


class Lavis:
    """The models' code over a state dict."""

    def __init__(self, sd, kind, tower_heads, blocks, patch, heads, layers):
        self.sd, self.kind, self.tower_heads, self.blocks, self.patch, self.heads, self.layers = sd, kind, tower_heads, blocks, patch, heads, layers

    def linear(self, x, name):
        return x @ self.sd[f"{name}.weight"].T + self.sd[f"{name}.bias"]

    def norm(self, x, name, eps):
        return F.layer_norm(x, x.shape[-1:], self.sd[f"{name}.weight"], self.sd[f"{name}.bias"], eps)

    @staticmethod
    def attention(q, k, v, heads, mask=None):
        q, k, v = [t.view(t.shape[0], heads, -1).transpose(0, 1) for t in (q, k, v)]
        scores = q @ k.transpose(1, 2) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores + (1.0 - mask) * -10000.0
        return (scores.softmax(-1) @ v).transpose(0, 1).flatten(1)

    def tower(self, pixels):
        sd, p = self.sd, "visual_encoder."
        eva = self.kind == "eva"
        kernel = "patch_embed.proj" if eva else "conv1"
        x = F.conv2d(pixels[None], sd[f"{p}{kernel}.weight"], sd[f"{p}{kernel}.bias"] if eva else None, stride=self.patch)[0].flatten(1).T
        if eva:
            x = torch.cat([sd[f"{p}cls_token"][0], x]) + sd[f"{p}pos_embed"][0]
        else:
            x = self.norm(torch.cat([sd[f"{p}class_embedding"][None], x]) + sd[f"{p}positional_embedding"], f"{p}ln_pre", 1e-5)
        for n in range(self.blocks):
            if eva:
                b = f"{p}blocks.{n}."
                bias = torch.cat([sd[f"{b}attn.q_bias"], torch.zeros_like(sd[f"{b}attn.v_bias"]), sd[f"{b}attn.v_bias"]])
                q, k, v = (self.norm(x, f"{b}norm1", 1e-6) @ sd[f"{b}attn.qkv.weight"].T + bias).chunk(3, -1)
                x = x + self.linear(self.attention(q, k, v, self.tower_heads), f"{b}attn.proj")
                x = x + self.linear(F.gelu(self.linear(self.norm(x, f"{b}norm2", 1e-6), f"{b}mlp.fc1")), f"{b}mlp.fc2")
            else:
                b = f"{p}transformer.resblocks.{n}."
                q, k, v = (self.norm(x, f"{b}ln_1", 1e-5) @ sd[f"{b}attn.in_proj_weight"].T + sd[f"{b}attn.in_proj_bias"]).chunk(3, -1)
                x = x + self.linear(self.attention(q, k, v, self.tower_heads), f"{b}attn.out_proj")
                h = self.linear(self.norm(x, f"{b}ln_2", 1e-5), f"{b}mlp.c_fc")
                x = x + self.linear(h * torch.sigmoid(1.702 * h), f"{b}mlp.c_proj")
        return self.norm(x, "ln_vision", 1e-5)

    def former(self, image, ids, writes=False):
        """Rows of the queries, where there is a picture, and of the text behind them."""
        e, queries = "Qformer.bert.embeddings", 0
        parts = []
        if image is not None:
            parts.append(self.sd["query_tokens"][0])
            queries = len(parts[0])
        if ids:
            parts.append(self.sd[f"{e}.word_embeddings.weight"][torch.tensor(ids)] + self.sd[f"{e}.position_embeddings.weight"][: len(ids)])
        x = self.norm(torch.cat(parts), f"{e}.LayerNorm", 1e-12)
        mask = torch.ones(len(x), len(x))
        if writes:
            mask[:queries, queries:] = 0
            mask[queries:, queries:] = torch.tril(mask[queries:, queries:])

        def attend(x, seen, name, mask=None):
            q, (k, v) = self.linear(x, f"{name}.self.query"), [self.linear(seen, f"{name}.self.{part}") for part in ("key", "value")]
            return self.norm(x + self.linear(self.attention(q, k, v, self.heads, mask), f"{name}.output.dense"), f"{name}.output.LayerNorm", 1e-12)

        def feed(x, b, end):
            h = self.linear(F.gelu(self.linear(x, f"{b}.intermediate{end}.dense")), f"{b}.output{end}.dense")
            return self.norm(h + x, f"{b}.output{end}.LayerNorm", 1e-12)

        for n in range(self.layers):
            b = f"Qformer.bert.encoder.layer.{n}"
            x = attend(x, x, f"{b}.attention", mask)
            rows = []
            if queries:
                q = x[:queries]
                if f"{b}.crossattention.self.query.weight" in self.sd:
                    q = attend(q, image, f"{b}.crossattention")
                rows.append(feed(q, b, "_query"))
            if ids:
                rows.append(feed(x[queries:], b, ""))
            x = torch.cat(rows)
        return x[:queries], x[queries:]

    def captions(self, image, ids):
        h = "Qformer.cls.predictions"
        x = self.former(image, ids, writes=True)[1]
        x = self.norm(F.gelu(self.linear(x, f"{h}.transform.dense")), f"{h}.transform.LayerNorm", 1e-12)
        return x @ self.sd["Qformer.bert.embeddings.word_embeddings.weight"].T + self.sd[f"{h}.decoder.bias"]


def pixels(picture, side):
    x = torch.from_numpy(np.array(picture.resize((side, side), Image.BICUBIC))).permute(2, 0, 1).float() / 255
    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def written(rows, prompt, ends, settings, tokenizer, penalty=1.0, start=()):
    """Greedy text and that of beams. `rows` gives logits behind ids; `start` is seen by the penalty, too."""
    count, longest, shortest = settings

    def masked(ids, row):
        for i in {*start, *ids} if penalty != 1.0 else ():
            row[i] = row[i] * penalty if row[i] < 0 else row[i] / penalty
        for end in ends if len(ids) - len(prompt) < shortest else ():
            row[end] = -float("inf")
        return row

    ids, gap = list(prompt), float("inf")
    while len(ids) - len(prompt) < longest:
        row = masked(ids, rows(ids)[-1].clone())
        best = row.topk(2)
        gap = min(gap, float(best.values[0] - best.values[1]))
        ids.append(int(best.indices[0]))
        if ids[-1] in ends:
            break
    found = [("greedy", ids[len(prompt) :], gap)]
    logs = lambda lists: [torch.log_softmax(rows(ids)[-1], -1).tolist() for ids in lists]
    ids, _, gap = beams.search(logs, list(prompt), count, longest, ends, process=masked)
    found.append(("beams", ids, gap))
    # What hangs on a near-tie is no golden.
    return [{"name": n, "ids": i, "text": text_of(tokenizer, i), "gap": number(g)} for n, i, g in found if g > 2e-3]


def text_of(tokenizer, ids):
    if isinstance(tokenizer, LlamaTokenizerFast):
        ids = [2 if i < 2 else i for i in ids]
        return instructblip.lossy(tokenizer.decode(ids, skip_special_tokens=True), ids)
    return tokenizer.decode(ids, skip_special_tokens=True)


def scored(rows, prompt, texts, tokenizer):
    found = []
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        logs = torch.log_softmax(rows(list(prompt) + ids), -1)[-len(ids) - 1 : -1]
        found.append({"text": text, "ids": ids, "logprobs": numbers(logs[torch.arange(len(ids)), ids])})
    return found


def bert(folder, **more):
    """The Q-Former's tokenizer, as LAVIS makes it."""
    folder = f"{folder}/bert"
    os.makedirs(folder)
    with open(f"{folder}/vocab.txt", "w") as f:
        f.writelines(f"{token}\n" for token in VOCABULARY)
    tokenizer = BertTokenizerFast.from_pretrained(folder, **more)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    return tokenizer


def llama(folder):
    """LLaMA's tokenizer as its directory has it, saved into a folder, and then with what LAVIS does to it."""
    from tokenizers import Tokenizer, processors

    whole = Tokenizer.from_str(instructblip.vicuna(folder).backend_tokenizer.to_str())
    whole.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    # Without `[PAD]`, which that one has.
    plain = json.loads(whole.to_str())
    plain["added_tokens"] = [t for t in plain["added_tokens"] if t["content"] != "[PAD]"]
    for i, content in enumerate(("<unk>", "<s>", "</s>")):
        if all(t["content"] != content for t in plain["added_tokens"]):
            plain["added_tokens"].append({"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True})
    plain["added_tokens"].sort(key=lambda t: t["id"])
    tokenizer = LlamaTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(plain)), bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    tokenizer.save_pretrained(folder)
    for name, token in [("pad_token", "[PAD]"), ("bos_token", "</s>"), ("eos_token", "</s>"), ("unk_token", "</s>")]:
        tokenizer.add_special_tokens({name: token})
    tokenizer.update_post_processor()
    assert tokenizer.pad_token_id == TOKENS and tokenizer("")["input_ids"] == [2]
    return tokenizer


def first_stage(model, seen, side, folder):
    tokenizer = bert(folder)
    begin, end = tokenizer.bos_token_id, tokenizer.sep_token_id
    assert begin == TABLE - 1
    unit = lambda x: F.normalize(x, dim=-1)
    pictures, texts, pairs, captions = [], [], [], []
    for j, text in enumerate(TEXTS):
        ids = tokenizer(text)["input_ids"]
        raw = model.linear(model.former(None, ids)[1][:1], "text_proj")
        texts.append({"text": text, "ids": ids, "embedding": sample(unit(raw)), "raw": sample(raw), "unit": unit(raw)})
    for i, (picture, image) in enumerate(seen):
        tower = model.tower(pixels(image, side))
        raw = model.linear(model.former(tower, [])[0], "vision_proj")
        pictures.append(picture | {"embedding": sample(unit(raw)), "raw": sample(raw)})
        for j, text in enumerate(texts):
            logits = model.linear(model.former(tower, text["ids"])[0], "itm_head").mean(0)
            itc = (unit(raw) @ text["unit"].T).max()
            pairs.append({"image": i, "text": j, "logits": numbers(logits), "itm": number(logits.softmax(-1)[1]), "itc": number(itc)})
        for beginning in BEGINNINGS:
            prompt = [begin, *tokenizer(beginning, add_special_tokens=False)["input_ids"]]
            rows = lambda ids: model.captions(tower, ids)
            captions.append({"image": i, "beginning": beginning, "ids": prompt, "logits": [{"position": p, "values": numbers(r)} for p, r in enumerate(rows(prompt))],
                             "texts": written(rows, prompt, [end], (3, 29, 9), tokenizer), "score": scored(rows, prompt, CONTINUATIONS, tokenizer)})
    texts = [{k: x for k, x in text.items() if k != "unit"} for text in texts]
    return {"vocabulary": VOCABULARY, "pictures": pictures, "texts": texts, "pairs": pairs, "captions": captions}


def language_model(kind, config, seed, dtype):
    """The language model, its config.json and its tensors, in transformers' names."""
    made = {"opt": OPTConfig, "t5": T5Config, "llm": LlamaConfig}[kind](**config)
    plain = json.loads(made.to_json_string(use_diff=True))
    plain["model_type"] = "llama" if kind == "llm" else kind
    plain.pop("dense_act_fn", None), plain.pop("is_gated_act", None)
    if kind == "t5":
        made.dense_act_fn = "gelu"
    lm = {"opt": OPTForCausalLM, "t5": T5ForConditionalGeneration, "llm": LlamaForCausalLM}[kind](made).eval()
    with torch.no_grad():
        for k, p in lm.named_parameters():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    lm.tie_weights()
    return lm, plain, sorted([k, list(p.shape)] for k, p in lm.named_parameters())


def second_stage(model, seen, side, kind, lm, tokenizer, config, reads):
    """What is answered; `reads` is the Q-Former's tokenizer where it reads the prompt."""
    cases = []
    ends = config["eos_token_id"] if isinstance(config["eos_token_id"], list) else [config["eos_token_id"]]
    settings, penalty = ((5, 256), 1.5) if reads or kind == "llm" else ((5, 30), 1.0)
    for (picture, image), prompt, targets in zip(seen, INSTRUCTIONS if reads else PROMPTS, TARGETS):
        words = reads(prompt, truncation=True, max_length=READ)["input_ids"] if reads else []
        features = model.linear(model.former(model.tower(pixels(image, side)), words)[0], f"{kind}_proj")
        ids = tokenizer(prompt)["input_ids"]
        source = torch.cat([features, lm.get_input_embeddings()(torch.tensor(ids, dtype=torch.long))])[None]
        if kind != "t5":
            if kind == "opt":
                ends = tokenizer("\n", add_special_tokens=False)["input_ids"]
            embed = lambda new: torch.cat([source, lm.get_input_embeddings()(torch.tensor([new], dtype=torch.long))], 1)
            rows = lambda new: lm(inputs_embeds=embed(new)).logits[0, source.shape[1] - 1 :]
            logits = [{"position": source.shape[1] - 1, "values": numbers(rows([])[0])}]
            found = written(rows, [], ends, (*settings, 1), tokenizer, penalty)
        else:
            states = lm.encoder(inputs_embeds=source)
            rows = lambda new: lm(encoder_outputs=states, decoder_input_ids=torch.tensor([[0] + list(new)]), use_cache=False).logits[0]
            logits = [{"position": p, "values": numbers(r)} for p, r in enumerate(rows(targets))]
            found = written(rows, [], ends, (*settings, 0), tokenizer, penalty, [0])
        cases.append({"picture": picture, "prompt": prompt, "targets": targets if kind == "t5" else None, "logits": logits, "texts": found,
                      "score": scored(rows, [], [" a dog", " two cats on it"], tokenizer)})
    return cases


def golden(name, spec, save=None):
    what, seed, dtype, kind, tower_heads, blocks, tower_ffn, side, patch, own, heads, layers, every, ffn, queries, compared, speaks = spec
    tower, w = tower_heads * (88 if kind == "eva" else 64), heads * 64
    lm, asked = None, bool(speaks and speaks[2:] and speaks[2])
    if speaks:
        lm, plain, tensors = language_model(*speaks[:2], seed, dtype)
    width = speaks and speaks[1]["d_model" if speaks[0] == "t5" else "hidden_size"]
    checkpoint = trained_shapes(tower, w, layers, every, ffn, queries, compared, speaks and speaks[0], width, asked)
    vision = tower_shapes(kind, tower, tower_ffn, blocks if own else blocks + 1, side, patch)
    sd = {k: stored(k, s, seed, dtype) for k, s in checkpoint.items()}
    sd |= {f"visual_encoder.{k}": stored(f"visual_encoder.{k}" if own else k, s, seed, dtype) for k, s in vision.items()}
    model = Lavis(sd, kind, tower_heads, blocks, patch, heads, layers)
    g = {"name": name, "note": what, "seed": seed, "dtype": dtype, "vision": None if own else sorted(map(list, vision.items())), "language": None,
         "copies": [] if speaks else sorted(map(list, COPIES.items()))}
    if own:
        checkpoint |= {f"visual_encoder.{k}": s for k, s in vision.items()}
    g["checkpoint"] = sorted(map(list, checkpoint.items()))
    seen = []
    for i, (x, y) in enumerate(PICTURES):
        rgb = formula.picture(seed * 10 + i, x, y)
        seen.append(({"seed": seed * 10 + i, "width": x, "height": y, "hash": f"{formula.fnv1a(rgb.tobytes()):016x}"}, Image.fromarray(rgb)))
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        if speaks:
            g["language"] = {"config": plain, "tensors": tensors, "files": {}}
            if speaks[0] == "llm":
                tokenizer = llama(folder)
                g["language"]["files"] = {f: open(f"{folder}/{f}").read() for f in sorted(os.listdir(folder))}
            else:
                tokenizer = opt_tokenizer.save(folder)
            if asked:
                g["vocabulary"] = VOCABULARY
            reads = bert(folder, truncation_side="left") if asked else None
            g["cases"] = second_stage(model, seen, side, speaks[0], lm, tokenizer, speaks[1], reads)
        else:
            g |= first_stage(model, seen, side, folder)
        if save:
            os.makedirs(save, exist_ok=True)
            kind_of = lambda t: t.to(getattr(torch, dtype))
            trained = {k: kind_of(sd[k]) for k in checkpoint} | {k: kind_of(sd[o]) for k, o in g["copies"]}
            torch.save({"model": trained}, f"{save}/checkpoint.pth")
            if not own:
                torch.save({k: kind_of(sd[f"visual_encoder.{k}"]) for k in vision}, f"{save}/vision.pth")
            if speaks:
                lm.to(getattr(torch, dtype)).save_pretrained(f"{save}/language")
                if speaks[0] == "llm":
                    for name, content in g["language"]["files"].items():
                        with open(f"{save}/language/{name}", "w") as f:
                            f.write(content)
                else:
                    tokenizer.save_pretrained(f"{save}/language")
                with open(f"{save}/language/config.json", "w") as f:
                    json.dump(plain, f)
            if g.get("vocabulary"):
                os.makedirs(f"{save}/tokenizer", exist_ok=True)
                with open(f"{save}/tokenizer/vocab.txt", "w") as f:
                    f.writelines(f"{token}\n" for token in VOCABULARY)
    return g


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    folder, configs, save = HERE, CONFIGS, None
    if args[:1] == ["--random"]:
        first, count, folder = int(args[1]), int(args[2]), args[3]
        os.makedirs(folder, exist_ok=True)
        configs, args = {f"random{seed}": any_config(seed) for seed in range(first, first + count)}, []
    if args[:1] == ["--save"]:
        args, save = args[1:2], args[2]
    for name in args or configs:
        g = golden(name, configs[name], save)
        if save:
            continue
        with open(f"{folder}/lavis_{name}.json", "w") as f:
            json.dump(g, f, separators=(",", ":"))
        print(f"{name}: {os.path.getsize(f.name)} bytes", [round(p["itm"], 3) for p in g.get("pairs", [])], [round(p["itc"], 3) for p in g.get("pairs", [])])
        for c in g.get("captions", []) + g.get("cases", []):
            for t in c["texts"]:
                print(f"  {t['name']:7s} gap {t['gap']:.4f} {len(set(t['ids'])):2d} of {len(t['ids']):2d} {t['text']!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
