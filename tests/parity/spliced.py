"""What goldens have in common whose model is written out beside them: a tower and a bridge, whose rows stand among a LLaMA's
embeddings in the order of the prompt, behind its begin token. Each text is tokenised by itself; pictures are stretched."""
import numpy as np
import torch
from PIL import Image
from transformers import LlamaConfig, LlamaForCausalLM

import formula
import frozen
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored
from frozen import MEAN, STD, generate
from instructblip import CLEAR, lossy
from llava import IMAGE

frozen.NEW = 32


def llama(config, seed, dtype, prefix=""):
    """The language model in f32, whose weights have `prefix` before their names, and its tensors."""
    lm = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="eager")).eval()
    named = {f"{prefix}{k}": p for k, p in lm.named_parameters()}
    with torch.no_grad():
        for k, p in named.items():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    return lm, sorted([k, list(p.shape)] for k, p in named.items())


def prepare(rgb, size):
    """Resized and normalised as transformers does: scaled in f64, the rest in f32."""
    x = np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.BICUBIC))
    x = ((x.astype(np.float64) * (1 / 255)).astype(np.float32) - MEAN) / STD
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))


class Model:
    """`encode` makes rows of pixels."""

    def __init__(self, lm, encode, size):
        self.lm, self.encode, self.size = lm, encode, size

    def logits(self, items, more=()):
        """`items` are lists of ids and rows; rows of logits for all of them with `more` ids behind."""
        with torch.no_grad():
            embed = self.lm.get_input_embeddings()
            parts = [x if isinstance(x, torch.Tensor) else embed(torch.tensor(x, dtype=torch.long)) for x in [*items, list(more)] if len(x)]
            return self.lm(inputs_embeds=torch.cat(parts)[None]).logits[0]


def case(model, tokens, rgb, pieces, names, eos):
    items, ids, hashes, rows = [[1]], [1], [], []
    for p in pieces:
        if isinstance(p, int):
            x = prepare(rgb[p], model.size)
            hashes.append(f"{formula.fnv1a(x.numpy().astype('<f4').tobytes()):016x}")
            with torch.no_grad():
                rows.append(model.encode(x))
            items.append(rows[-1])
            ids += [IMAGE] * len(rows[-1])
        else:
            items.append(tokens(p, add_special_tokens=False)["input_ids"])
            ids += items[-1]
    whole = model.logits(items)
    last = len(ids) - 1
    at = [i for i, t in enumerate(ids) if t == IMAGE]
    r = {"pieces": pieces, "ids": ids, "pixels": hashes, "logits": [{"position": p, "values": numbers(whole[p])} for p in sorted({0, last, *at[:1], *at[-1:]})]}
    if rows:
        r["rows"] = sample(torch.cat(rows), 40)
    # Their language models are given rows and no ids, so that the penalty sees the text alone.
    found = [generate(model, tokens, items, n, SETTINGS[n], eos, []) for n in names]
    # An answer that hangs on a near-tie is none.
    r["generate"] = [g | {"text": lossy(g["text"], [i for i in g["ids"] if i > 1])} for g in found if g["gap"] > CLEAR]
    r["score"] = []
    for t in CONTINUATIONS:
        more = tokens(t, add_special_tokens=False)["input_ids"]
        logs = torch.log_softmax(model.logits(items, more), -1)[len(ids) - 1 : -1]
        r["score"].append({"text": t, "ids": more, "logprobs": numbers(logs[torch.arange(len(more)), torch.tensor(more)])})
    return r
