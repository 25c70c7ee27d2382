"""Train the tiny model that points: a KOSMOS-2 that captions scenes of coloured shapes and says where what it names is.

The non-obvious thing: a thousand tokens of places are not learned one by one. Each begins as the sum of its row and its column,
and what is asked of a place is at first asked of its neighbours, too. The rows that the language model reads begin as a look at
one patch each; read-outs that are thrown away afterwards make patches and rows tell the edges of what they show.
"""

import argparse
import json
import math
import os
import random
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    CLIPImageProcessor,
    GenerationConfig,
    Kosmos2Config,
    Kosmos2ForConditionalGeneration,
    Kosmos2Processor,
    XLMRobertaTokenizerFast,
)

from scenes import CAPTION, CELLS, IMAGE_ROWS, SHAPES, SIDE, caption, scene, texts
from small_shapes import COLOUR_NAMES, COLOURS

PATCH, WIDTH = 8, 128
ALONG = SIDE // PATCH
CLIP_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
CLIP_STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)

# ------------------------------------------------------------------- model


def build_processor():
    """The library's processor with a SentencePiece model of the captions' words, and letters for all others."""
    rng = random.Random(5)
    corpus = [CAPTION + caption(scene(rng)[1]) for _ in range(2000)]
    words = [*SHAPES, *COLOUR_NAMES, "and", "the", "It", "is", "An", "image", "of", "Question:", "Answer:", "What", "Where", "shape", "colour"]
    corpus += [f"It is the {word}" for word in words] * 50
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!'\"-()/"
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus), model_prefix=f"{folder}/sentencepiece.bpe", vocab_size=160, model_type="unigram",
            required_chars=letters, hard_vocab_limit=False, minloglevel=2, num_threads=1,
        )
        tokenizer = XLMRobertaTokenizerFast(vocab_file=f"{folder}/sentencepiece.bpe.model", model_max_length=512)
        # Saved while the file of the pieces is there, which is saved beside.
        tokenizer.save_pretrained(f"{folder}/saved")
        pieces = open(f"{folder}/sentencepiece.bpe.model", "rb").read()
    size = {"height": SIDE, "width": SIDE}
    images = CLIPImageProcessor(size=size, crop_size=size)
    return Kosmos2Processor(images, tokenizer), pieces


def build_model(seed, tokens, cell):
    """The model; `cell` is the id of the first place."""
    torch.manual_seed(seed)
    config = Kosmos2Config(
        text_config=dict(
            vocab_size=tokens, max_position_embeddings=512, embed_dim=WIDTH, layers=4, ffn_dim=320, attention_heads=4,
            dropout=0.0, attention_dropout=0.0,
        ),
        vision_config=dict(
            hidden_size=WIDTH, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4, image_size=SIDE,
            patch_size=PATCH,
        ),
        latent_query_num=IMAGE_ROWS,
    )
    # Eager attention is the faster one at these lengths.
    config.vision_config._attn_implementation = config.text_config._attn_implementation = "eager"
    model = Kosmos2ForConditionalGeneration(config)
    seen, bridge, language = model.vision_model.model, model.image_to_text_projection, model.text_model.model
    with torch.no_grad():
        # The library starts at std 0.02, made for widths in the thousands.
        for name, module in model.named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)) and "lm_head" not in name:
                module.weight.normal_(0.0, 0.8 / math.sqrt(module.weight[0].numel()))
                if name.endswith(("fc2", "out_proj")):
                    module.weight.mul_(0.4)
                if module.bias is not None:
                    module.bias.zero_()
        places = seen.embeddings.position_embedding.weight.normal_(0.0, 0.4)
        seen.embeddings.class_embedding.normal_(0.0, 0.2)
        embedding = language.embed_tokens.weight.normal_(0.0, 0.06)
        embedding[1] = 0.0
        # A place is its row and its column, of 32 numbers each, of which neighbours share some.
        far = torch.arange(CELLS)[:, None] - torch.arange(CELLS)
        bump = F.normalize(torch.exp(-(far**2) / (2 * 0.7**2)), dim=-1)
        grid = torch.stack(torch.meshgrid(torch.arange(CELLS), torch.arange(CELLS), indexing="ij"), -1).view(-1, 2)
        embedding[cell:, :CELLS], embedding[cell:, CELLS : 2 * CELLS] = bump[grid[:, 0]], bump[grid[:, 1]]
        embedding[cell:, 2 * CELLS :] = 0.08 * torch.randn(WIDTH - 2 * CELLS)
        # What is read of a picture is scaled as words are, and so begins small.
        bridge.dense.weight.normal_(0.0, 1.0)
        bridge.x_attn.out_proj.weight.mul_(0.2)
        # Queries ask in their second half for what keys have in their first, so that no query finds another.
        half = WIDTH // 2
        alike = torch.randn(WIDTH, half) * (4.0 / math.sqrt(half))
        bridge.x_attn.k_proj.weight.copy_(torch.cat([alike, torch.zeros(WIDTH, half)], 1))
        bridge.x_attn.q_proj.weight.copy_(torch.cat([torch.zeros(WIDTH, half), alike], 1))
        patches = F.normalize(F.layer_norm(places[1:], (WIDTH,)), dim=-1)
        bridge.latent_query.copy_(torch.cat([torch.zeros(IMAGE_ROWS, half), bridge.dense(patches)[:, :half]], 1))
        # Positions attend to what is like them, and later layers pass on what they attend to: see `tell`.
        for number, layer in enumerate(language.layers):
            layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)
            if number >= 2:
                layer.self_attn.v_proj.weight.copy_(torch.eye(WIDTH))
                layer.self_attn.out_proj.weight.copy_(0.5 * torch.eye(WIDTH))
    settings = dict(max_new_tokens=64, do_sample=False, bos_token_id=0, eos_token_id=2, pad_token_id=1)
    model.generation_config = GenerationConfig(**settings)
    model.text_model.generation_config = GenerationConfig(**settings)
    return model


def line(spread):
    """How much of what is asked of a cell is asked of each cell, in one direction."""
    far = (torch.arange(CELLS)[:, None] - torch.arange(CELLS)).float()
    near = torch.exp(-(far**2) / (2 * spread**2))
    return near / near.sum(-1, keepdim=True)


LINE = line(0.6)


class Heads(nn.Module):
    """Read-outs of what a patch shows, from the tower's rows or the bridge's; thrown away afterwards."""

    def __init__(self):
        super().__init__()
        self.shape = nn.Linear(WIDTH, len(SHAPES) + 1)
        self.colour = nn.Linear(WIDTH, len(COLOURS) + 1)
        self.order = nn.Linear(WIDTH, 4)
        self.edges = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * CELLS))

    def forward(self, rows, batch):
        """(loss, share of the edges told exactly, by how many cells they are wrong)."""
        rows = rows.flatten(0, 1)
        loss = 0.0
        for head, wanted in ((self.shape, batch.shape), (self.colour, batch.colour), (self.order, batch.order)):
            loss = loss + F.cross_entropy(head(rows).float(), wanted, ignore_index=-100)
        there = batch.edges[:, 0] >= 0
        edges = self.edges(rows[there]).float().view(-1, CELLS)
        wanted = batch.edges[there].flatten()
        loss = loss + F.cross_entropy(edges, LINE[wanted])
        # Far off is worse than near.
        far = (edges.softmax(-1) @ torch.arange(CELLS).float() - wanted).abs().mean()
        loss = loss + 0.5 * far
        return loss, (edges.argmax(-1) == wanted).float().mean(), far


# ----------------------------------------------------------------- batches


class Batch:
    """Scenes and what is said of each: texts about one scene stand behind each other and do not see each other."""

    def __init__(self, rng, tokenizer, count):
        made = [scene(rng) for _ in range(count)]
        self.pixels = (torch.from_numpy(np.stack([m[0] for m in made])).permute(0, 3, 1, 2).float() / 255 - CLIP_MEAN) / CLIP_STD
        self.patches([m[1:] for m in made])
        rows = [list(texts(tokenizer, found)) for _, found, _ in made]
        cell = tokenizer.convert_tokens_to_ids("<patch_index_0000>")
        self.before, first = [0, tokenizer.convert_tokens_to_ids("<image>")], IMAGE_ROWS + 3
        self.behind = tokenizer.convert_tokens_to_ids("</image>")
        longest = max(sum(len(a) + len(b) - 1 for a, b in each) for each in rows)
        self.ids = torch.zeros(count, longest, dtype=torch.long)
        self.labels = torch.full((count, longest), -100)
        number = torch.full((count, longest), -1)
        self.named = torch.full((count, longest, 2), -100)
        # The library's positions begin at 2.
        self.places = torch.full((count, longest), 2)
        for row, each in enumerate(rows):
            at = 0
            for which, (prompt, answer) in enumerate(each):
                ids = torch.tensor(prompt + answer)
                span = slice(at, at + len(ids) - 1)
                self.ids[row, span], number[row, span] = ids[:-1], which
                self.places[row, span] = torch.arange(2 + first, 1 + first + len(ids))
                self.labels[row, at + len(prompt) - 1 : at + len(ids) - 1] = ids[len(prompt) :]
                # Where a cell is said, which thing it is of: all from left to right, or the one that the prompt names.
                placed = [place for place in range(len(prompt) - 1, len(ids) - 1) if ids[place + 1] >= cell]
                for turn, place in enumerate(placed):
                    one = made[row][1][turn // 2 if which == 0 else (which - 2) // 2]
                    self.named[row, at + place] = torch.tensor(one[:2])
                at += len(ids) - 1
        self.number = number
        sees = torch.zeros(count, first + longest, first + longest, dtype=torch.bool)
        sees[:, :first, :first] = torch.ones(first, first, dtype=torch.bool).tril()
        sees[:, first:, :first] = True
        sees[:, first:, first:] = (number[:, :, None] == number[:, None]) & torch.ones(longest, longest, dtype=torch.bool).tril()
        self.mask = torch.zeros(sees.shape).masked_fill(~sees, torch.finfo(torch.float32).min)[:, None]
        self.places = torch.cat([torch.arange(2, 2 + first).expand(count, -1), self.places], 1)

    def patches(self, made):
        """What each patch shows: a shape, its colour and the cells of its edges; -100 where it shows the rim of one."""
        shape, colour, edges, order = [], [], [], []
        for found, covers in made:
            share = covers.reshape(len(found), ALONG, PATCH, ALONG, PATCH).mean((2, 4)).reshape(len(found), -1)
            most, which = share.max(0), share.argmax(0)
            shown = most > 0.15
            rim = (most > 0.01) & ~shown
            for values, lists, none in ((0, shape, len(SHAPES)), (1, colour, len(COLOURS))):
                told = np.where(shown, np.array([one[values] for one in found])[which], none)
                lists.append(np.where(rim, -100, told))
            order.append(np.where(shown, which, -100))
            cells = [np.clip(np.array(one[2]) / SIDE * CELLS - [0, 0, 1e-6, 1e-6], 0, CELLS - 1).astype(int) for one in found]
            edges.append(np.where(shown[:, None], np.array(cells)[which], -1))
        self.shape, self.colour = (torch.tensor(np.concatenate(lists)) for lists in (shape, colour))
        self.edges, self.order = torch.tensor(np.concatenate(edges)), torch.tensor(np.concatenate(order))


def see(model, pixels):
    """(the tower's patches, the rows that the language model reads)."""
    seen = model.vision_model.model
    rows = seen.post_layernorm(seen(pixels).last_hidden_state)
    return rows[:, 1:], model.image_to_text_projection(F.normalize(rows, dim=-1))[0]


def tell(embedding, words, batch, hidden):
    """(loss of what is said by being like words, how many things are told where their cells are said).

    Behind two layers a row is to be the sum of the words for what it shows, and where a cell is said the words for the thing
    that it is of: the row is then found by what is like it."""
    def like(rows, ids):
        return F.normalize(rows.float(), dim=-1) @ F.normalize(embedding[ids], dim=-1).T * 16

    first = hidden.shape[1] - batch.ids.shape[1]
    rows, said = hidden[:, 2 : 2 + IMAGE_ROWS].flatten(0, 1), batch.named[..., 0] >= 0
    places, named = hidden[:, first:][said], batch.named[said]
    loss, told = 0.0, []
    for number, (ids, shown) in enumerate(zip(words, (batch.shape, batch.colour))):
        loss = loss + F.cross_entropy(like(rows, ids), shown, ignore_index=-100)
        asked = like(places, ids)
        loss = loss + F.cross_entropy(asked, named[:, number])
        told.append(asked.argmax(-1) == named[:, number])
    return loss, (told[0] & told[1]).float().mean()


def say(model, batch, rows, near, cell, words_of):
    """(loss, loss of the lesson within, share of words, of cells and of whole texts said rightly)."""
    language = model.text_model.model
    ids = torch.tensor([*batch.before, batch.behind]).expand(len(rows), -1)
    words = language.embed_tokens(ids)
    hidden = torch.cat([words[:, :2], rows.to(words.dtype), words[:, 2:], language.embed_tokens(batch.ids)], 1)
    hidden = hidden * language.embed_scale + language.embed_positions.weights[batch.places]
    for number, layer in enumerate(language.layers):
        hidden = layer(hidden, attention_mask=batch.mask)[0]
        if number == 1:
            lesson, told = tell(language.embed_tokens.weight, words_of, batch, hidden)
    hidden = language.layer_norm(hidden)[:, -batch.ids.shape[1] :]
    wanted = batch.labels != -100
    labels = batch.labels[wanted]
    chance = model.text_model.lm_head(hidden[wanted]).float().log_softmax(-1)
    placed = labels >= cell
    of_words = F.nll_loss(chance[~placed], labels[~placed])
    of_cells = -(near[labels[placed] - cell] * chance[placed][:, cell:]).sum(-1).mean()
    good = chance.argmax(-1) == labels
    wrong = torch.zeros(wanted.shape, dtype=torch.bool)
    wrong[wanted] = ~good
    whole = [1 - (wrong & (batch.number == n)).any(1)[(batch.number == n).any(1)].float().mean() for n in range(4)]
    return of_words + of_cells, lesson, {
        "words": of_words, "cells": of_cells, "word": good[~placed].float().mean(), "cell": good[placed].float().mean(), "told": told,
        **dict(zip(["boxed", "caption", "point", "refer"], whole)),
    }


# ---------------------------------------------------------------- training


def neighbours(spread):
    """The same for both directions."""
    if spread <= 0:
        return torch.eye(CELLS * CELLS)
    return torch.kron(line(spread), line(spread))


def save(model, processor, pieces, directory):
    model.save_pretrained(directory, safe_serialization=True)
    processor.save_pretrained(directory)
    with open(os.path.join(directory, "sentencepiece.bpe.model"), "wb") as file:
        file.write(pieces)
    os.chmod(os.path.join(directory, "model.safetensors"), 0o644)


def train(args):
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    os.makedirs(args.out, exist_ok=True)
    processor, pieces = build_processor()
    tokenizer = processor.tokenizer
    cell = tokenizer.convert_tokens_to_ids("<patch_index_0000>")
    assert cell + CELLS * CELLS == len(tokenizer)
    words_of = [torch.tensor(tokenizer(" ".join([*names, "image"]), add_special_tokens=False)["input_ids"]) for names in (SHAPES, COLOURS)]
    assert [len(ids) for ids in words_of] == [len(SHAPES) + 1, len(COLOURS) + 1]
    model = build_model(args.seed, len(tokenizer), cell)
    if args.begin:
        model.load_state_dict(Kosmos2ForConditionalGeneration.from_pretrained(args.begin, dtype=torch.float32).state_dict())
    heads = nn.ModuleList([Heads(), Heads()])
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens", flush=True)
    params = [*model.parameters(), *heads.parameters()]
    groups = [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": 0.02},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), fused=True)
    half = torch.cpu._is_avx512_bf16_supported()
    model.train()
    begin = last_report = last_save = time.time()
    running, step, together, spread, near = [], 0, None, None, None
    while step < args.steps:
        done = step / args.steps
        if args.minutes:
            done = max(done, (time.time() - begin) / (60 * args.minutes))
        if done >= 1:
            break
        # The step's number alone decides what it draws.
        rng = random.Random(f"{args.seed} {step}")
        # The tower by itself first, whose steps are short. The rate falls at the end of either part.
        tower = done < args.tower
        part = done / args.tower if tower else (done - args.tower) / (1 - args.tower)
        if not tower and together is None:
            together = step
        rate = args.lr * (1.0 if tower else 0.7) * min(1.0, (step + 1 - (together or 0)) / 60)
        if part > 0.3:
            rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (part - 0.3) / 0.7))
        for group in optimizer.param_groups:
            group["lr"] = rate
        if not tower and (wide := 0.9 if part < 0.3 else 0.5 if part < 0.7 else 0.0) != spread:
            spread, near = wide, neighbours(wide)
        batch = Batch(rng, tokenizer, args.pictures * (2 if tower else 1))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            patches, rows = see(model, batch.pixels)
            loss, told, far = heads[0](patches, batch)
            more, read, off = heads[1](rows, batch)
            loss, shown = loss + more, {"edges": told, "far": far, "read": read, "off": off}
            if not tower:
                spoken, lesson, parts = say(model, batch, rows, near, cell, words_of)
                loss, shown = spoken + 0.3 * (loss + lesson), shown | parts
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        step += 1
        running.append({name: value.item() for name, value in shown.items()})
        now = time.time()
        if now - last_report > 20:
            means = " ".join(f"{name} {np.mean([r[name] for r in running if name in r]):.3f}" for name in running[-1])
            print(f"{step} ({len(running) / (now - last_report):.2f}/s) lr {rate:.1e} | {means}", flush=True)
            last_report, running = now, []
        if now - last_save > 180:
            save(model, processor, pieces, args.out)
            last_save = now
    save(model, processor, pieces, args.out)
    with open(os.path.join(args.out, "training.json"), "w") as file:
        json.dump(vars(args) | {"steps_made": step, "seconds": round(time.time() - begin)}, file, indent=1)
    print(f"saved {args.out} after {step} steps")


def main():
    parser = argparse.ArgumentParser(description="Train the tiny model that points on the CPU.")
    parser.add_argument("--out", required=True, help="directory for the checkpoint, in Hugging Face layout")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lr", type=float, default=1.5e-3, help="highest learning rate (default %(default)s)")
    parser.add_argument("--steps", type=int, default=6000, help="most steps (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=0, help="end after so many minutes, the rate falling accordingly")
    parser.add_argument("--tower", type=float, default=0.35, help="share of the training that is the tower's alone (default %(default)s)")
    parser.add_argument("--begin", metavar="DIR", help="begin with the weights of this checkpoint")
    parser.add_argument("--pictures", type=int, default=12, help="scenes of a step (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
