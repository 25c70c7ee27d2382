"""Train the tiny BLIP-2 (OPT) model that answers questions about one coloured shape.

The non-obvious thing: the picture tower (ViT + Q-Former) is taught first, by plain
classification heads on freshly drawn pictures; only then does the language model join.
Trained end to end from scratch, the same model spends its hour learning that "no" is
the most frequent answer.
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
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    BlipImageProcessor,
    GPT2TokenizerFast,
    GenerationConfig,
    OPTConfig,
)

SIDE = 64
SHAPES = ["circle", "rectangle", "triangle"]
COLOURS = {
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "teal": (0, 128, 128),
    "brown": (165, 42, 42),
}
COLOUR_NAMES = list(COLOURS)
PLACES = [
    "top left", "top", "top right",
    "left", "center", "right",
    "bottom left", "bottom", "bottom right",
]
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]

# ---------------------------------------------------------------- pictures


def shape_corners(rng, shape, span, grown=False, turned=False):
    """Corner points (or the box of a circle) of a random shape on a span x span canvas."""
    low, high = span // 8, span // 2
    if grown:
        high = int(span * 0.7)
    if shape == "triangle" and not turned:
        high = span // 2
        side = rng.randint(low, high)
        x, y = rng.randint(side, span - side), rng.randint(side, span - side)
        return [(x, y), (x + side, y), (x + side * 0.5, y - side * math.sqrt(3) / 2)]
    if shape == "triangle":
        side = rng.randint(low, high)
        angle = rng.uniform(0, 2 * math.pi)
        radius = side / math.sqrt(3)
        points = [
            (radius * math.cos(angle + k * 2 * math.pi / 3), radius * math.sin(angle + k * 2 * math.pi / 3))
            for k in range(3)
        ]
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        dx = rng.uniform(-min(xs), span - 1 - max(xs))
        dy = rng.uniform(-min(ys), span - 1 - max(ys))
        return [(px + dx, py + dy) for px, py in points]
    w = rng.randint(low, high)
    h = w if shape == "circle" else rng.randint(low, high)
    x, y = rng.randint(0, span - w), rng.randint(0, span - h)
    return [(x, y), (x + w, y + h)]


def draw_shape(shape, corners, ink, paper, span):
    """Draw at the given span without smoothing, then halve: the halving is the anti-aliasing."""
    canvas = Image.new("RGB", (span, span), paper)
    pen = ImageDraw.Draw(canvas)
    if shape == "circle":
        pen.ellipse(corners, fill=ink)
    elif shape == "rectangle":
        pen.rectangle(corners, fill=ink)
    else:
        pen.polygon(corners, fill=ink)
    return canvas.resize((span // 2, span // 2), Image.BILINEAR)


def place_of(corners, span):
    x = (min(p[0] for p in corners) + max(p[0] for p in corners)) / 2
    y = (min(p[1] for p in corners) + max(p[1] for p in corners)) / 2
    return min(2, int(3 * y / span)) * 3 + min(2, int(3 * x / span))


def random_picture(rng, small_share=0.3, varied_share=0.15):
    """(64x64 uint8 array, (shape, colour, place) as indices, measures of the shape, inked patches)."""
    shape, colour = rng.randrange(len(SHAPES)), rng.randrange(len(COLOURS))
    ink = COLOURS[COLOUR_NAMES[colour]]
    paper = tuple(rng.randint(230, 255) for _ in range(3))
    span = 2 * SIDE
    if rng.random() < varied_share:
        # Other sizes, other papers, turned triangles: for pictures that users draw themselves.
        span = rng.choice([128, 256, 512])
        ink = tuple(min(255, max(0, v + rng.randint(-12, 12))) for v in ink)
        if rng.random() < 0.4:
            paper = (255, 255, 255)
        elif rng.random() < 0.5:
            paper = tuple(rng.randint(205, 255) for _ in range(3))
        corners = shape_corners(rng, SHAPES[shape], span, grown=True, turned=rng.random() < 0.5)
    else:
        corners = shape_corners(rng, SHAPES[shape], span)
        if rng.random() < small_share:
            # Small shapes are the hard ones: of two drawings keep the smaller.
            other = shape_corners(rng, SHAPES[shape], span)
            if other[1][0] - other[0][0] < corners[1][0] - corners[0][0]:
                corners = other
    image = draw_shape(SHAPES[shape], corners, ink, paper, span)
    if image.width != SIDE:
        image = image.resize((SIDE, SIDE), Image.BICUBIC)
    pixels = np.asarray(image)
    return (pixels, (shape, colour, place_of(corners, span)), *measure(pixels, paper, ink))


def measure(pixels, paper, ink):
    """((centre x, centre y, width, height, root of the area) over the side, which patches hold ink)."""
    across = np.array(ink, np.float32) - np.array(paper, np.float32)
    cover = ((pixels - np.array(paper, np.float32)) @ across) / (across @ across)
    cover[cover < 0.1] = 0
    columns, rows = np.nonzero(cover.max(0) > 0.5)[0], np.nonzero(cover.max(1) > 0.5)[0]
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    sizes = np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top, math.sqrt(cover.sum())])
    patches = cover.reshape(8, 8, 8, 8).max((1, 3)).reshape(64) > 0.3
    return (sizes / SIDE).astype(np.float32), patches


def demo_pictures(directory):
    """Four small pictures and a large one, none of them seen in training."""
    os.makedirs(directory, exist_ok=True)
    rng = random.Random(20240607)
    for colour, shape, side in [
        ("blue", "circle", 64), ("red", "triangle", 64), ("yellow", "rectangle", 64),
        ("green", "circle", 64), ("teal", "triangle", 256),
    ]:
        span = 2 * side
        corners = shape_corners(rng, shape, span)
        while abs(corners[1][0] - corners[0][0]) < span * 0.25:
            corners = shape_corners(rng, shape, span)
        paper = tuple(rng.randint(230, 255) for _ in range(3))
        name = f"{colour}_{shape}.png" if side == 64 else f"{colour}_{shape}_{side}.png"
        draw_shape(shape, corners, COLOURS[colour], paper, span).save(os.path.join(directory, name))
        print("drew", name)


def read_package_pictures():
    """The 4,000 training pictures of easy-VQA whose shape and colour their questions give away."""
    import easy_vqa

    shapes, colours = {}, {}
    for question, answer, picture in zip(*easy_vqa.get_train_questions()):
        if answer in SHAPES:
            shapes[picture] = SHAPES.index(answer)
        if answer in COLOURS:
            colours[picture] = COLOUR_NAMES.index(answer)
        words = question.rstrip("?").split()
        if words[0] == "what" and words[-1] in SHAPES:
            shapes[picture] = SHAPES.index(words[-1])
        if words[0] == "what" and len(words) > 3 and words[3] in COLOURS:
            colours[picture] = COLOUR_NAMES.index(words[3])
    paths = easy_vqa.get_train_image_paths()
    known = sorted(set(shapes) & set(colours))
    pixels = [np.asarray(Image.open(paths[i]).convert("RGB")) for i in known]
    found = []
    for i, picture in zip(known, pixels):
        seen, times = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
        paper = seen[times.argmax()]
        found.append((picture, (shapes[i], colours[i], -1), *measure(picture, paper, COLOURS[COLOUR_NAMES[colours[i]]])))
    return known, found


# --------------------------------------------------------------- questions

# Wordings of easy-VQA; {s} a shape, {c} a colour, {x} either "circle" or "red shape".
SHAPE_QUESTIONS = [
    "what shape is in the image?", "what shape is present?",
    "what shape does the image contain?", "what is the {c} shape?",
]
COLOUR_QUESTIONS = [
    "what color is the {s}?", "what is the color of the {s}?",
    "what color is the shape?", "what is the color of the shape?",
]
IS_QUESTIONS = [
    "is there a {x}?", "is there a {x} in the image?", "does the image contain a {x}?", "is a {x} present?",
]
IS_NOT_QUESTIONS = [
    "is there not a {x}?", "is there not a {x} in the image?",
    "does the image not contain a {x}?", "is no {x} present?",
]
# Further wordings that people try.
MORE_SHAPE_QUESTIONS = [
    "what shape is it?", "what shape is this?", "what is the shape?", "what kind of shape is it?",
    "what shape is there?", "which shape is it?", "which shape is in the image?", "what shape do you see?",
    "what is the shape in the image?", "what shape is shown?", "what shape is the {c} object?",
    "what shape is in this image?", "what shape is the object?",
]
MORE_COLOUR_QUESTIONS = [
    "what color is it?", "what color is this?", "what is the color?", "which color is it?",
    "which color is the shape?", "which color is the {s}?", "what color is this {s}?", "what color is shown?",
    "what is the color of this {s}?", "what color does the {s} have?", "what color is the object?",
]
MORE_IS_QUESTIONS = [
    "is it a {x}?", "is this a {x}?", "do you see a {x}?", "can you see a {x}?",
    "does the image show a {x}?", "is there any {x}?", "is the shape a {x}?", "is there a {x} here?",
]
WHOLE_QUESTIONS = [
    "what is in the image?", "what is this?", "what do you see?", "what does the image show?",
    "what can you see?", "what is in this image?", "what's in the image?", "what is it?",
    "what is shown in the image?", "describe the image.", "what is there?", "what's this?",
]
COUNT_QUESTIONS = ["how many shapes are there?", "how many shapes are in the image?", "how many {s}s are there?"]
WHERE_QUESTIONS = ["where is the {s}?", "where is the shape?", "where is it?", "where is the {c} {s}?"]
ABSENT = [
    "cat", "dog", "person", "car", "house", "star", "tree", "bird",
    "orange shape", "purple shape", "pink shape", "white shape",
]
CAPTION_PROMPTS = [
    "a photo of", "a picture of", "an image of", "this is", "there is", "a photo of a", "this is a photo of",
    "this is a picture of", "this is an image of", "A photo of", "the image shows", "I see", "a drawing of",
]


def other_than(rng, values, index):
    step = rng.randrange(1, len(values))
    return values[(index + step) % len(values)]


def question_and_answer(rng, shape, colour, place):
    s, c = SHAPES[shape], COLOUR_NAMES[colour]
    kind = rng.random()
    if kind < 0.20:
        pool = SHAPE_QUESTIONS if rng.random() < 0.7 else MORE_SHAPE_QUESTIONS
        return rng.choice(pool).format(s=s, c=c), s
    if kind < 0.38:
        pool = COLOUR_QUESTIONS if rng.random() < 0.7 else MORE_COLOUR_QUESTIONS
        return rng.choice(pool).format(s=s, c=c), c
    if kind < 0.88:
        truth = rng.random() < 0.5
        if rng.random() < 0.5:
            x = s if truth else other_than(rng, SHAPES, shape)
        else:
            x = (c if truth else other_than(rng, COLOUR_NAMES, colour)) + " shape"
        if rng.random() < 0.48:
            return rng.choice(IS_NOT_QUESTIONS).format(x=x), "no" if truth else "yes"
        pool = IS_QUESTIONS if rng.random() < 0.8 else MORE_IS_QUESTIONS
        return rng.choice(pool).format(x=x), "yes" if truth else "no"
    if kind < 0.91:
        # Shape and colour in one question; "no" when either is wrong.
        truth = rng.random() < 0.5
        s2, c2 = s, c
        if not truth:
            which = rng.randrange(3)
            s2 = s if which == 0 else other_than(rng, SHAPES, shape)
            c2 = c if which == 1 else other_than(rng, COLOUR_NAMES, colour)
        text = rng.choice(IS_QUESTIONS + MORE_IS_QUESTIONS).format(x=f"{c2} {s2}")
        return text, "yes" if truth else "no"
    if kind < 0.93:
        truth = rng.random() < 0.5
        word = c if truth else other_than(rng, COLOUR_NAMES, colour)
        text = rng.choice(["is it {w}?", "is the shape {w}?", "is the {s} {w}?", "is this shape {w}?"])
        return text.format(w=word, s=s), "yes" if truth else "no"
    if kind < 0.97:
        return rng.choice(WHOLE_QUESTIONS), f"a {c} {s}"
    if kind < 0.98:
        return rng.choice(COUNT_QUESTIONS).format(s=s), "one"
    if kind < 0.99 or place < 0:
        x = rng.choice(ABSENT)
        if rng.random() < 0.2:
            return rng.choice(IS_NOT_QUESTIONS).format(x=x), "yes"
        return rng.choice(IS_QUESTIONS + MORE_IS_QUESTIONS).format(x=x), "no"
    return rng.choice(WHERE_QUESTIONS).format(s=s, c=c), PLACES[place]


def reword(rng, question):
    if rng.random() < 0.15:
        question = question.replace("image", rng.choice(["picture", "photo"]))
    if rng.random() < 0.12:
        question = question.replace("color", "colour")
    if rng.random() < 0.2:
        question = question.replace("gray", "grey")
    return question.replace(" a orange", " an orange")


def prompt_and_answer(rng, shape, colour, place):
    """One training text: the prompt as a user would type it and what the model must add to it."""
    if rng.random() < 0.08:
        caption = f"a {COLOUR_NAMES[colour]} {SHAPES[shape]}"
        if rng.random() < 0.45:
            return "", caption
        prompt = rng.choice(CAPTION_PROMPTS)
        return prompt, caption[1:] if prompt.endswith(" a") else " " + caption
    question, answer = question_and_answer(rng, shape, colour, place)
    question = reword(rng, question)
    form = rng.random()
    bare = form >= 0.72
    if rng.random() < (0.5 if bare else 0.2):
        question = question[0].upper() + question[1:]
    if rng.random() < (0.25 if bare else 0.04):
        question = question.rstrip("?.")
    if form < 0.64:
        prompt = f"Question: {question} Answer:"
    elif form < 0.68:
        prompt = f"Question: {question} Short answer:"
    elif form < 0.70:
        prompt = f"Q: {question} A:"
    elif form < 0.72:
        prompt = f"{question} Answer:"
    else:
        prompt = question
    return prompt, " " + answer


# ----------------------------------------------------- tokenizer and model


def build_tokenizer(vocab_size):
    """Byte-level BPE with OPT's special ids; the last id is the picture placeholder."""
    rng = random.Random(5)
    corpus = []
    for _ in range(60000):
        prompt, answer = prompt_and_answer(rng, rng.randrange(3), rng.randrange(8), rng.randrange(9))
        corpus.append(prompt + answer)
    # A few more words, so that there are pairs enough to fill the vocabulary.
    corpus += ["please answer with one word", "small large light dark round square corner side"] * 20
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        corpus,
        trainers.BpeTrainer(
            vocab_size=vocab_size - 1,
            min_frequency=2,
            special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    assert tokenizer.get_vocab_size() == vocab_size - 1, tokenizer.get_vocab_size()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", pair="</s> $A $B", special_tokens=[("</s>", 2)]
    )
    wrapped = GPT2TokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="<pad>",
        add_prefix_space=False, add_bos_token=True, errors="replace", model_max_length=128,
    )
    wrapped.padding_side = "left"
    return wrapped


def build_model(seed, vocab_size, image_token):
    torch.manual_seed(seed)
    width = 128
    vision = Blip2VisionConfig(
        hidden_size=width, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
        image_size=SIDE, patch_size=8, hidden_act="gelu", attention_dropout=0.0, initializer_range=0.02,
    )
    qformer = Blip2QFormerConfig(
        vocab_size=32, hidden_size=width, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        cross_attention_frequency=1, encoder_hidden_size=width, max_position_embeddings=32,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )
    text = OPTConfig(
        vocab_size=vocab_size, hidden_size=width, word_embed_proj_dim=width, ffn_dim=512,
        num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=128,
        dropout=0.0, attention_dropout=0.0, layerdrop=0.0, activation_function="relu",
        bos_token_id=2, eos_token_id=2, pad_token_id=1,
    )
    config = Blip2Config.from_vision_qformer_text_configs(
        vision, qformer, text, num_query_tokens=8, image_token_index=image_token
    )
    model = Blip2ForConditionalGeneration(config)
    with torch.no_grad():
        # The library starts at std 0.02, made for widths near 1,000; and all queries equal,
        # which would keep them equal for ever.
        for name, module in model.named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)) and "lm_head" not in name:
                fan_in = module.weight[0].numel()
                module.weight.normal_(0.0, 0.8 / math.sqrt(fan_in))
                if name.endswith(("fc2", "self_attn.projection", "out_proj")):
                    module.weight.mul_(0.4)
        model.query_tokens.normal_(0.0, 0.5)
        model.vision_model.embeddings.position_embedding.normal_(0.0, 0.2)
        model.vision_model.embeddings.class_embedding.normal_(0.0, 0.2)
        model.language_model.model.decoder.embed_tokens.weight.normal_(0.0, 0.08)
        model.language_model.model.decoder.embed_positions.weight.normal_(0.0, 0.08)
    model.generation_config = GenerationConfig(
        max_new_tokens=16, do_sample=False, bos_token_id=2, eos_token_id=2, pad_token_id=1
    )
    return model


def build_processor(tokenizer):
    image_processor = BlipImageProcessor(
        size={"height": SIDE, "width": SIDE}, resample=Image.BICUBIC, do_convert_rgb=True,
        image_mean=CLIP_MEAN, image_std=CLIP_STD,
    )
    return Blip2Processor(image_processor, tokenizer, num_query_tokens=8)


class Heads(nn.Module):
    """Linear read-outs of shape, colour, place and size; training aids that are thrown away.

    Measures and the shape at every inked patch are asked for as well: a mean over 65 rows
    alone teaches the patches of a small shape next to nothing.
    """

    def __init__(self, patch_width, row_width, rows):
        super().__init__()
        sizes = [len(SHAPES), len(COLOURS), len(PLACES), 5]
        self.on_patches = nn.ModuleList(nn.Linear(patch_width, n) for n in sizes)
        self.on_rows = nn.ModuleList(nn.Linear(row_width * rows, n) for n in sizes)
        self.on_each_patch = nn.Linear(patch_width, len(SHAPES))

    def forward(self, patches, rows, labels, measures, inked):
        pooled, flat = patches.mean(1), rows.flatten(1)
        loss = F.cross_entropy(
            self.on_each_patch(patches[:, 1:][inked]).float(),
            labels[:, :1].expand(-1, inked.shape[1])[inked],
        )
        hits = []
        for k, weight in enumerate([1.0, 1.0, 0.2]):
            target = labels[:, k]
            for source, head in [(pooled, self.on_patches[k]), (flat, self.on_rows[k])]:
                scores = head(source).float()
                loss = loss + weight * F.cross_entropy(scores, target, ignore_index=-1) / 2
            hits.append(scores.argmax(-1) == target)
        for source, head in [(pooled, self.on_patches[3]), (flat, self.on_rows[3])]:
            loss = loss + 4 * F.l1_loss(head(source).float(), measures)
        return loss, hits


MEAN = torch.tensor(CLIP_MEAN).view(1, 3, 1, 1)
STD = torch.tensor(CLIP_STD).view(1, 3, 1, 1)


def to_pixels(pictures):
    raw = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    return (raw - MEAN) / STD


def see(model, pixels):
    patches = model.vision_model(pixel_values=pixels).last_hidden_state
    queries = model.query_tokens.expand(pixels.shape[0], -1, -1)
    seen = model.qformer(query_embeds=queries, encoder_hidden_states=patches).last_hidden_state
    return patches, model.language_projection(seen)


class Texts:
    """Turns (prompt, answer) pairs into padded ids and labels, remembering what it has split."""

    def __init__(self, tokenizer):
        self.split = functools.lru_cache(maxsize=100_000)(
            lambda text: tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
        )

    def batch(self, pairs):
        rows = []
        for prompt, answer in pairs:
            head = (2,) + self.split(prompt)
            tail = self.split(answer) + (2,)
            rows.append((head + tail, len(head)))
        longest = max(len(ids) for ids, _ in rows) - 1
        ids = torch.ones(len(rows), longest, dtype=torch.long)
        labels = torch.full((len(rows), longest), -100, dtype=torch.long)
        for i, (row, start) in enumerate(rows):
            ids[i, : len(row) - 1] = torch.tensor(row[:-1])
            labels[i, start - 1 : len(row) - 1] = torch.tensor(row[start:])
        return ids, labels


def batch_of(found):
    """Pictures with what is known of them, as tensors: pixels, labels, measures, inked patches."""
    return (
        to_pixels([f[0] for f in found]),
        torch.tensor([f[1] for f in found]),
        torch.from_numpy(np.stack([f[2] for f in found])),
        torch.from_numpy(np.stack([f[3] for f in found])),
    )


def say(model, rows, ids, labels):
    """(loss, exact): exact[i] is True when greedy generation would give the whole answer and stop."""
    words = model.language_model.model.decoder.embed_tokens(ids)
    # Padding is on the right and attention is causal, so no mask is needed.
    hidden = model.language_model.model.decoder(
        inputs_embeds=torch.cat([rows, words], 1), use_cache=False
    ).last_hidden_state[:, rows.shape[1] :]
    wanted = labels != -100
    scores = model.language_model.lm_head(hidden[wanted]).float()
    loss = F.cross_entropy(scores, labels[wanted])
    wrong = torch.zeros_like(labels, dtype=torch.bool)
    wrong[wanted] = scores.argmax(-1) != labels[wanted]
    return loss, ~wrong.any(1)


# ---------------------------------------------------------------- training


@torch.no_grad()
def validate(model, heads, texts, drawn, held_out):
    """Accuracy on drawn pictures (by attribute and width) and on held-out package pictures."""
    rng = random.Random(99)
    shape_hits, colour_hits, exact, exact_easy = [], [], [], []
    for start in range(0, len(drawn), 128):
        chunk = drawn[start : start + 128]
        pixels, *known = batch_of(chunk)
        patches, rows = see(model, pixels)
        _, hits = heads(patches, rows, *known)
        shape_hits += hits[0].tolist()
        colour_hits += hits[1].tolist()
        pairs = [prompt_and_answer(rng, *f[1]) for f in chunk for _ in range(2)]
        _, good = say(model, rows.repeat_interleave(2, 0), *texts.batch(pairs))
        exact += good.tolist()
    widths = np.array([f[2][2] * SIDE for f in drawn])
    questions, images = held_out
    for start in range(0, len(questions), 256):
        chunk = questions[start : start + 256]
        used = sorted({q[2] for q in chunk})
        _, rows = see(model, to_pixels([images[i] for i in used]))
        order = torch.tensor([used.index(q[2]) for q in chunk])
        pairs = [(f"Question: {q[0]} Answer:", " " + q[1]) for q in chunk]
        _, good = say(model, rows[order], *texts.batch(pairs))
        exact_easy += good.tolist()
    shape_hits = np.array(shape_hits)
    by_width = [
        f"{low}-{high}px {shape_hits[(widths >= low) & (widths < high)].mean():.3f}"
        for low, high in [(0, 12), (12, 18), (18, 64)]
    ]
    return (
        f"heads: shape {shape_hits.mean():.4f} ({', '.join(by_width)}) colour {np.mean(colour_hits):.4f}"
        f" | texts on drawn {np.mean(exact):.4f} | held-out easy-VQA training questions {np.mean(exact_easy):.4f}"
    )


def save(model, processor, directory):
    model.save_pretrained(directory, safe_serialization=True)
    processor.save_pretrained(directory)
    processor.tokenizer.save_pretrained(directory)
    # The library leaves out what equals its defaults; readers of config.json should not need those.
    path = os.path.join(directory, "config.json")
    with open(path) as file:
        config = json.load(file)
    config["text_config"].update(bos_token_id=2, eos_token_id=2, pad_token_id=1, tie_word_embeddings=True)
    with open(path, "w") as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")
    os.chmod(os.path.join(directory, "model.safetensors"), 0o644)


def train(args):
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    rng = random.Random(args.seed)
    tokenizer = build_tokenizer(512)
    processor = build_processor(tokenizer)
    image_token = tokenizer.convert_tokens_to_ids("<image>")
    assert image_token == 511
    model = build_model(args.seed, 512, image_token)
    heads = Heads(128, 128, 8)
    texts = Texts(tokenizer)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)

    known, package = read_package_pictures()
    import easy_vqa

    # The last 400 training pictures are held out for validation.
    cut = next(i for i, number in enumerate(known) if number >= 3600)
    package = package[:cut]
    paths = easy_vqa.get_train_image_paths()
    held_out = (
        [q for q in zip(*easy_vqa.get_train_questions()) if q[2] >= 3600],
        {i: np.asarray(Image.open(paths[i]).convert("RGB")) for i in range(3600, 4000)},
    )
    check_rng = random.Random(args.seed + 1)
    drawn = [random_picture(check_rng, 0.0, 0.0) for _ in range(1024)]

    params = list(model.parameters()) + list(heads.parameters())
    matrices = [p for p in params if p.ndim > 1]
    vectors = [p for p in params if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}],
        lr=args.lr, betas=(0.9, 0.98), eps=1e-8, fused=True,
    )
    # Only the training passes may run in bfloat16; weights and every check stay float32.
    half = args.bfloat16 == "on" or (args.bfloat16 == "auto" and torch.cpu._is_avx512_bf16_supported())
    print("bfloat16 passes:", half)
    # Eager attention is the faster one here: 65 rows are too few for the fused kernels.
    model.vision_model.config._attn_implementation = "eager"
    model.train()
    begin = time.time()
    last_report = last_save = begin
    running = []
    step = 0
    while True:
        elapsed = time.time() - begin
        done = step / args.steps
        if args.minutes:
            done = max(done, elapsed / (60 * args.minutes))
        if done >= 1:
            break
        rate = args.lr * min(1.0, (step + 1) / 150)
        if done > args.flat:
            rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - args.flat) / (1 - args.flat)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        tower_only = done < args.tower_share
        count = args.tower_batch if tower_only else args.batch
        found = [
            package[rng.randrange(len(package))] if rng.random() < 0.1 else random_picture(rng) for _ in range(count)
        ]
        pixels, *known = batch_of(found)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            patches, rows = see(model, pixels)
            loss, hits = heads(patches, rows, *known)
            if not tower_only:
                pairs = [prompt_and_answer(rng, *f[1]) for f in found for _ in range(args.texts)]
                spoken, exact = say(model, rows.repeat_interleave(args.texts, 0), *texts.batch(pairs))
        shape_rate = hits[0].float().mean().item()
        text_loss, text_rate = float("nan"), float("nan")
        if not tower_only:
            loss = spoken + 0.2 * loss
            text_loss, text_rate = spoken.item(), exact.float().mean().item()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        step += 1
        running.append((loss.item(), shape_rate, text_loss, text_rate))
        now = time.time()
        if now - last_report > 30:
            mean = np.mean(np.array(running), 0)
            left = (now - begin) * (1 - done) / max(done, 1e-6) / 60
            print(
                f"{(now - begin) / 60:5.1f} min, {left:5.1f} left | step {step} ({len(running) / (now - last_report):.2f}/s)"
                f" lr {rate:.1e} | loss {mean[0]:.4f} shape {mean[1]:.3f} | text loss {mean[2]:.4f} exact {mean[3]:.3f}",
                flush=True,
            )
            last_report, running = now, []
        if now - last_save > 60 * args.save_minutes:
            model.eval()
            print("   ", validate(model, heads, texts, drawn, held_out), flush=True)
            model.train()
            save(model, processor, args.out)
            last_save = last_report = time.time()
    model.eval()
    print("   ", validate(model, heads, texts, drawn, held_out), flush=True)
    save(model, processor, args.out)
    with open(os.path.join(args.out, "training.json"), "w") as file:
        json.dump({**vars(args), "steps_done": step, "minutes_spent": round((time.time() - begin) / 60, 1)}, file, indent=1)
    print(f"saved {args.out} after {step} steps, {(time.time() - begin) / 60:.1f} minutes")


def main():
    parser = argparse.ArgumentParser(
        description="Train the tiny BLIP-2 on the CPU. The same seed and the same number of steps give the same "
        "pictures and texts; --minutes shortens the schedule on a slow machine, which then ends with fewer steps."
    )
    parser.add_argument("--out", help="directory for the checkpoint, in Hugging Face layout")
    parser.add_argument("--minutes", type=float, default=0, help="stop after this time at the latest (0: no limit)")
    parser.add_argument("--steps", type=int, default=8000, help="length of the schedule (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lr", type=float, default=1e-3, help="highest learning rate (default %(default)s)")
    parser.add_argument("--flat", type=float, default=0.5, help="share of the schedule at the highest rate")
    parser.add_argument("--tower-share", type=float, default=0.15, help="share of the schedule for the picture tower alone")
    parser.add_argument("--tower-batch", type=int, default=64, help="pictures a step while the tower trains alone")
    parser.add_argument("--batch", type=int, default=48, help="pictures a step afterwards")
    parser.add_argument("--texts", type=int, default=6, help="texts for each picture")
    parser.add_argument("--threads", type=int, default=1, help="raise it only on an idle machine (default %(default)s)")
    parser.add_argument("--bfloat16", choices=["auto", "on", "off"], default="auto", help="training passes in bfloat16")
    parser.add_argument("--save-minutes", type=float, default=4, help="minutes between checkpoints")
    parser.add_argument("--demo-pictures", metavar="DIR", help="only draw the demonstration pictures into DIR")
    args = parser.parse_args()
    if args.demo_pictures:
        demo_pictures(args.demo_pictures)
    elif args.out:
        train(args)
    else:
        parser.error("--out is needed")


if __name__ == "__main__":
    main()
