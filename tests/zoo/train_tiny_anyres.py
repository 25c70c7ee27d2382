"""Train the tiny model with tiles: a LLaVA-NeXT that reads small shapes where the view of the whole shows blurs.

The non-obvious thing: that a shape is seen says nothing about where, as tiles look alike to the tower. The language model has
to count rows and ends of lines to know the place of each, which it learns by read-outs of its own from every row, thrown away
afterwards. Questions about one picture stand behind each other and do not see each other, so that its rows are read once.
"""

import argparse
import functools
import json
import math
import os
import random
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
)
from transformers.models.llava_next.modeling_llava_next import get_anyres_image_grid_shape, unpad_image

from llama_tokenizer import build, steps
from small_shapes import COLOURS, LONGEST, PLACES, SHAPES, SIZES, WORDS, picture, question

SIDE, PATCH, WIDTH = 24, 8, 128
ALONG = SIDE // PATCH
# Height and width; the first has a single tile, which is the view of the whole again.
PINPOINTS = [[SIDE, SIDE], [LONGEST, LONGEST], [LONGEST // 2, LONGEST], [LONGEST, LONGEST // 2]]
CLIP_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
CLIP_STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% endif %}{{ ' ' if message['role'] == 'user' else eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)

# ------------------------------------------------------------------- model


def build_processor():
    merges = steps("What") + steps("Where")
    tokenizer = build(WORDS, merges, ["<image>"])
    images = LlavaNextImageProcessor(
        image_grid_pinpoints=PINPOINTS, size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    )
    return LlavaNextProcessor(
        images, tokenizer, patch_size=PATCH, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )


def build_model(seed, tokens):
    torch.manual_seed(seed)
    vision = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4, image_size=SIDE,
        patch_size=PATCH, hidden_act="quick_gelu",
    )
    text = LlamaConfig(
        vocab_size=tokens, hidden_size=WIDTH, intermediate_size=320, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=512, rms_norm_eps=1e-6, bos_token_id=1, eos_token_id=2,
        pad_token_id=0, tie_word_embeddings=False,
    )
    config = LlavaNextConfig(
        vision_config=vision.to_dict(), text_config=text.to_dict(), image_token_index=tokens - 1,
        image_grid_pinpoints=PINPOINTS, tie_word_embeddings=False,
    )
    # Eager attention is the faster one at these lengths.
    config.vision_config._attn_implementation = config.text_config._attn_implementation = "eager"
    model = LlavaNextForConditionalGeneration(config)
    with torch.no_grad():
        # The library starts at std 0.02, made for widths in the thousands.
        for name, module in model.named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.weight.normal_(0.0, 0.8 / math.sqrt(module.weight[0].numel()))
                if name.endswith(("fc2", "out_proj", "o_proj", "down_proj")):
                    module.weight.mul_(0.4)
                if module.bias is not None:
                    module.bias.zero_()
        tower = model.model.vision_tower.vision_model
        tower.embeddings.position_embedding.weight.normal_(0.0, 0.2)
        tower.embeddings.class_embedding.normal_(0.0, 0.2)
        embedding = model.model.language_model.embed_tokens
        embedding.weight.normal_(0.0, 0.7)
        model.model.image_newline.normal_(0.0, 0.7)
        model.lm_head.weight.copy_(embedding.weight / math.sqrt(WIDTH))
        # Positions attend to what is like them, and later layers pass on what they attend to: from random weights answers
        # were guesses still when every row told shape and place.
        for number, layer in enumerate(model.model.language_model.layers):
            layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)
            if number >= 2:
                layer.self_attn.v_proj.weight.copy_(torch.eye(WIDTH))
                layer.self_attn.o_proj.weight.copy_(torch.eye(WIDTH))
    # The block behind the one that is read is never trained and makes no difference.
    del tower.encoder.layers[-1:]
    config.vision_config.num_hidden_layers = 3
    config.vision_feature_layer = -1
    model.generation_config = GenerationConfig(
        max_new_tokens=8, do_sample=False, bos_token_id=1, eos_token_id=2, pad_token_id=0
    )
    return model


class Heads(nn.Module):
    """Read-outs that the lessons are about besides the answers; thrown away afterwards."""

    def __init__(self):
        super().__init__()
        self.shape = nn.Linear(WIDTH, len(SHAPES) + 1)
        self.colour = nn.Linear(WIDTH, len(COLOURS) + 1)


# ---------------------------------------------------------------- pictures


class Layout:
    """What pictures of one size become: tiles, rows, and which place each row shows. `alone`: the view of the whole."""

    def __init__(self, width, height, alone):
        self.size, self.pinpoints = (width, height), PINPOINTS[:1] if alone else PINPOINTS
        self.tiles = get_anyres_image_grid_shape((height, width), self.pinpoints, SIDE)
        down, across = (ALONG * n for n in self.tiles)
        numbers = unpad_image(torch.arange(down * across).view(1, down, across), (height, width))[0]
        self.kept, self.lines, self.line = numbers.flatten(), *numbers.shape
        canvas = (SIDE * self.tiles[1], SIDE * self.tiles[0])
        self.scale = min(canvas[0] / width, canvas[1] / height)
        self.fitted = [min(math.ceil(length * self.scale), room) for length, room in zip((width, height), canvas)]
        self.left, self.top = ((room - length) // 2 for room, length in zip(canvas, self.fitted))
        # Where in the picture the middle of a patch lies, and in which place.
        x = ((self.kept % across + 0.5) * PATCH - self.left) / self.fitted[0]
        y = ((self.kept // across + 0.5) * PATCH - self.top) / self.fitted[1]
        inside = (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
        self.place = torch.where(inside, 3 * (3 * y).long() + (3 * x).long(), -100)
        self.across = across
        self.rows = ALONG * ALONG + self.lines * (self.line + 1)

    def views(self, pixels):
        """The whole and the tiles, as the library's image processor makes them: [1 + tiles, 24, 24, 3]."""
        image = Image.fromarray(pixels)
        whole = np.asarray(image.resize((SIDE, SIDE), Image.BICUBIC))
        down, across = self.tiles
        canvas = np.zeros((down * SIDE, across * SIDE, 3), np.uint8)
        fitted = pixels if self.scale == 1 else np.asarray(image.resize(tuple(self.fitted), Image.BICUBIC))
        canvas[self.top : self.top + self.fitted[1], self.left : self.left + self.fitted[0]] = fitted
        tiles = canvas.reshape(down, SIDE, across, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
        return np.concatenate([whole[None], tiles])

    def shapes(self, found, centres):
        """The shape whose centre each patch holds, as many as there are where none does, -100 beside one; and its colour."""
        label = np.full((self.tiles[0] * ALONG, self.across), len(SHAPES))
        ink = np.full(label.shape, -100)
        for (shape, colour, _), (x, y) in zip(found, centres):
            x, y = self.left + x * self.scale, self.top + y * self.scale
            room = 4 * self.scale
            near = [slice(max(int((at - room) // PATCH), 0), int((at + room) // PATCH) + 1) for at in (y, x)]
            label[near[0], near[1]] = np.where(label[near[0], near[1]] == len(SHAPES), -100, label[near[0], near[1]])
            label[int(y // PATCH), int(x // PATCH)], ink[int(y // PATCH), int(x // PATCH)] = shape, colour
        return label.reshape(-1), ink.reshape(-1)


def to_pixels(views):
    return (torch.from_numpy(views).permute(0, 3, 1, 2).float() / 255 - CLIP_MEAN) / CLIP_STD


def see(model, layout, pixels):
    """(the tower's patches of wholes [n, 9, d] and of tiles [n, rows, d], the rows that the language model reads)."""
    patches = model.model.vision_tower(pixel_values=pixels).last_hidden_state[:, 1:]
    down, across = layout.tiles
    views = patches.view(-1, 1 + down * across, ALONG * ALONG, WIDTH)

    def put_together(views):
        tiles = views[:, 1:].reshape(-1, down, across, ALONG, ALONG, WIDTH)
        return tiles.transpose(2, 3).reshape(-1, down * across * ALONG * ALONG, WIDTH)[:, layout.kept]

    projected = model.model.multi_modal_projector(views)
    lines = put_together(projected).unflatten(1, (layout.lines, layout.line))
    ends = model.model.image_newline.to(lines.dtype).expand(len(lines), layout.lines, 1, WIDTH)
    rows = torch.cat([projected[:, 0], torch.cat([lines, ends], 2).flatten(1, 2)], 1)
    return views[:, 0], put_together(views), rows


# ------------------------------------------------------------------- texts


def prompt_of(asked):
    return f"USER: <image>\n{asked} ASSISTANT:"


class Speller:
    """Questions and answers as ids, those that the processor of the library would make."""

    def __init__(self, tokenizer):
        self.tokenizer, self.image = tokenizer, tokenizer.convert_tokens_to_ids("<image>")
        self.split = functools.lru_cache(maxsize=None)(self.split)

    def split(self, asked, answer):
        """(ids before the picture, ids behind it with the answer, how many of these are the answer's, the place or shape that
        the question names)."""
        ids = self.tokenizer(f"{prompt_of(asked)} {answer}")["input_ids"] + [2]
        at = ids.index(self.image)
        given = len(self.tokenizer(prompt_of(asked))["input_ids"])
        named = [*PLACES, *SHAPES].index(asked.partition(" the ")[2].rstrip("?"))
        return ids[:at], ids[at + 1 :], len(ids) - given, named


class Batch:
    """Pictures of one size, each with questions."""

    def __init__(self, rng, speller, layout, count, questions):
        made = [picture(rng, *layout.size) for _ in range(count)]
        self.views = np.concatenate([layout.views(pixels) for pixels, *_ in made])
        known = np.stack([layout.shapes(*known) for _, *known in made])
        self.shape, self.ink = (torch.tensor(known[:, n])[:, layout.kept] for n in (0, 1))
        self.colour = torch.full((count, len(PLACES)), len(COLOURS))
        texts = []
        for number, (_, found, _) in enumerate(made):
            for _, colour, place in found:
                self.colour[number, place] = colour
            texts.append([speller.split(*question(rng, found)[1:]) for _ in range(questions)])
        self.before = torch.tensor(texts[0][0][0])
        first = len(self.before) + layout.rows
        longest = max(sum(len(behind) for _, behind, *_ in each) for each in texts)
        self.ids = torch.zeros(count, longest, dtype=torch.long)
        self.labels = torch.full((count, longest), -100)
        self.named = torch.full((count, longest), -100)
        self.number = torch.full((count, longest), -1)
        self.places = torch.zeros(count, longest, dtype=torch.long)
        for row, each in enumerate(texts):
            at = 0
            for number, (_, behind, answer, named) in enumerate(each):
                span = slice(at, at + len(behind))
                self.ids[row, span] = torch.tensor(behind)
                self.number[row, span] = number
                self.places[row, span] = torch.arange(first, first + len(behind))
                said = slice(at + len(behind) - answer - 1, at + len(behind) - 1)
                self.labels[row, said] = torch.tensor(behind[-answer:])
                self.named[row, said] = named
                at += len(behind)
        own = (self.number[:, :, None] == self.number[:, None]) & torch.ones(longest, longest, dtype=torch.bool).tril()
        self.mask = torch.zeros(count, first + longest, first + longest, dtype=torch.bool)
        self.mask[:, :first, :first] = torch.ones(first, first, dtype=torch.bool).tril()
        self.mask[:, first:, :first] = True
        self.mask[:, first:, first:] = own
        self.places = torch.cat([torch.arange(first).expand(count, -1), self.places], 1)


def say(model, batch, rows):
    """(loss, share of answers said right to the end, hidden states behind two layers: the picture's rows, where answers are said)."""
    words = model.get_input_embeddings()
    before = words(batch.before).expand(len(rows), -1, -1)
    embeds = torch.cat([before, rows.to(before.dtype), words(batch.ids)], 1)
    mask = torch.zeros(batch.mask.shape).masked_fill(~batch.mask, torch.finfo(torch.float32).min)[:, None]
    out = model.model.language_model(
        inputs_embeds=embeds, attention_mask=mask, position_ids=batch.places, use_cache=False, output_hidden_states=True
    )
    first = batch.mask.shape[1] - batch.ids.shape[1]
    wanted = batch.labels != -100
    scores = model.lm_head(out.last_hidden_state[:, first:][wanted]).float()
    loss = F.cross_entropy(scores, batch.labels[wanted])
    wrong = torch.zeros(wanted.shape, dtype=torch.bool)
    wrong[wanted] = scores.argmax(-1) != batch.labels[wanted]
    count = int(batch.number.max()) + 1
    bad = torch.stack([(wrong & (batch.number == number)).any(1) for number in range(count)], 1)
    hidden = out.hidden_states[2]
    return loss, 1 - bad.float().mean(), (hidden[:, len(batch.before) : first], hidden[:, first:][wanted])


def look(heads, batch, whole, tiles):
    """(loss of what the tower's patches tell, how many shapes are told)."""
    shape, wanted = heads.shape(tiles).float().flatten(0, 1), batch.shape.flatten()
    there, none = (wanted >= 0) & (wanted < len(SHAPES)), wanted == len(SHAPES)
    # Apart, as there are thirty patches of paper for each with a shape.
    loss = F.cross_entropy(shape[there], wanted[there]) + 0.3 * F.cross_entropy(shape[none], wanted[none])
    loss = loss + F.cross_entropy(heads.colour(whole).float().flatten(0, 1), batch.colour.flatten())
    return loss, (shape.argmax(-1) == wanted)[there].float().mean()


class Words:
    """The ids of the words that rows are to be like, and of those of each place."""

    def __init__(self, tokenizer):
        def ids(words):
            return [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]

        self.shapes = torch.tensor(ids([*SHAPES, "nothing"]))[:, 0]
        self.colours = torch.tensor(ids([*COLOURS, "nothing"]))[:, 0]
        self.places = ids(PLACES)


def tell(model, words, layout, batch, hidden):
    """(loss of what rows say by being like words, how many say their place rightly, how many what the question names).

    What a row of the picture shows and where that is are to be the sum of the words for it, and where an answer is said the
    place or shape that was asked for: it is then found by what is like it, and what is found is said as it is."""
    hidden, answers = hidden
    embedding = model.get_input_embeddings().weight

    def like(rows, vectors):
        return (F.normalize(rows.float(), dim=-1) @ vectors.T * math.sqrt(WIDTH) / 2).flatten(0, 1)

    whole = hidden[:, : ALONG * ALONG]
    lines = hidden[:, ALONG * ALONG :].unflatten(1, (layout.lines, layout.line + 1))[:, :, :-1].flatten(1, 2)
    shape = batch.shape.flatten()
    there, none = (shape >= 0) & (shape < len(SHAPES)), shape == len(SHAPES)
    said = like(lines, embedding[words.shapes])
    loss = F.cross_entropy(said[there], shape[there]) + 0.3 * F.cross_entropy(said[none], shape[none])
    loss = loss + F.cross_entropy(like(lines, embedding[words.colours])[there], batch.ink.flatten()[there])
    loss = loss + F.cross_entropy(like(whole, embedding[words.colours]), batch.colour.flatten())
    # Of the tiles' rows only those with a shape say where they are, or a place would be found sixteen times.
    places = torch.stack([embedding[ids].sum(0) for ids in words.places])
    place, wanted = like(lines, places)[there], layout.place.repeat(len(lines))[there]
    loss = loss + F.cross_entropy(place, wanted, ignore_index=-100)
    loss = loss + F.cross_entropy(like(whole, places), torch.arange(len(PLACES)).repeat(len(whole)))
    asked, named = like(answers[None], torch.cat([places, embedding[words.shapes[:-1]]])), batch.named[batch.named >= 0]
    loss = loss + F.cross_entropy(asked, named)
    return loss, (place.argmax(-1) == wanted).float().mean(), (asked.argmax(-1) == named).float().mean()


# ---------------------------------------------------------------- training


def save(model, processor, directory):
    model.save_pretrained(directory, safe_serialization=True)
    processor.save_pretrained(directory)
    os.chmod(os.path.join(directory, "model.safetensors"), 0o644)


def train(args):
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    os.makedirs(args.out, exist_ok=True)
    processor = build_processor()
    speller = Speller(processor.tokenizer)
    words = Words(processor.tokenizer)
    model = build_model(args.seed, len(processor.tokenizer))
    if args.begin:
        known = LlavaNextForConditionalGeneration.from_pretrained(args.begin, dtype=torch.float32)
        model.load_state_dict(known.state_dict())
    heads = Heads()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    params = [*model.parameters(), *heads.parameters()]
    groups = [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": 0.02},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), fused=True)
    layouts = {(size, alone): Layout(*size, alone) for size in SIZES for alone in (False, True)}
    half = torch.cpu._is_avx512_bf16_supported()
    model.train()
    begin = last_report = last_save = time.time()
    running, step = [], 0
    while step < args.steps:
        done = step / args.steps
        if args.minutes:
            done = max(done, (time.time() - begin) / (60 * args.minutes))
        if done >= 1:
            break
        # The step's number alone decides what it draws.
        rng = random.Random(f"{args.seed} {step}")
        rate = args.lr * min(1.0, (step + 1) / 100)
        if done > 0.4:
            rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - 0.4) / 0.6))
        for group in optimizer.param_groups:
            group["lr"] = rate
        # The tower by itself first, whose steps are short.
        tower = done < args.tower
        alone = not tower and rng.random() < 0.1
        # Narrow pictures first, which have half the rows to find something among.
        if done < args.narrow:
            size = rng.choice(SIZES[3:]) if rng.random() < 0.85 else SIZES[0]
        else:
            size = SIZES[0] if rng.random() < 0.5 else rng.choice(SIZES[1:])
        layout = layouts[size, alone]
        batch = Batch(rng, speller, layout, args.pictures, args.questions)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            whole, tiles, rows = see(model, layout, to_pixels(batch.views))
            loss, told = look(heads, batch, whole, tiles)
            seen = {"shape": told}
            if not tower:
                spoken, right, hidden = say(model, batch, rows)
                found, placed, asked = tell(model, words, layout, batch, hidden)
                seen |= {"text": spoken, "right": right, "place": placed, "asked": asked}
                loss = spoken + 0.5 * (loss + found)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        step += 1
        running.append((alone, {name: value.item() for name, value in seen.items()}))
        now = time.time()
        if now - last_report > 20:
            parts = []
            for kind in (False, True):
                of = [values for alone, values in running if alone == kind]
                if of:
                    means = " ".join(f"{name} {np.mean([v[name] for v in of if name in v]):.3f}" for name in of[-1])
                    parts.append(("whole alone: " if kind else "tiles: ") + means)
            print(f"{step} ({len(running) / (now - last_report):.2f}/s) lr {rate:.1e} | {' | '.join(parts)}", flush=True)
            last_report, running = now, []
        if now - last_save > 180:
            save(model, processor, args.out)
            last_save = now
    save(model, processor, args.out)
    with open(os.path.join(args.out, "training.json"), "w") as file:
        json.dump(vars(args) | {"steps_made": step, "seconds": round(time.time() - begin)}, file, indent=1)
    print(f"saved {args.out} after {step} steps")


def main():
    parser = argparse.ArgumentParser(description="Train the tiny model with tiles on the CPU.")
    parser.add_argument("--out", required=True, help="directory for the checkpoint, in Hugging Face layout")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lr", type=float, default=1.5e-3, help="highest learning rate (default %(default)s)")
    parser.add_argument("--steps", type=int, default=5000, help="most steps (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=0, help="end after so many minutes, the rate falling accordingly")
    parser.add_argument("--tower", type=float, default=0.12, help="share of the training that is the tower's alone (default %(default)s)")
    parser.add_argument("--begin", metavar="DIR", help="begin with the weights of this checkpoint")
    parser.add_argument("--narrow", type=float, default=0.35, help="share of the training with mostly narrow pictures (default %(default)s)")
    parser.add_argument("--pictures", type=int, default=16, help="pictures of a step (default %(default)s)")
    parser.add_argument("--questions", type=int, default=8, help="questions about each (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
