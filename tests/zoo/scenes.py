"""Scenes of two to four coloured shapes on plain ground, with the box of each, and what is said of them in KOSMOS-2's way: the
world of the tiny model that points.

The non-obvious thing: a text goes on behind a tag without a new blank, as the released model writes it, while the tokenizer
begins what it reads there with one. So what is to be said is put together of the ids of words.
"""

import math

import numpy as np

from small_shapes import COLOUR_NAMES, COLOURS, cover

SIDE, CELLS = 64, 32
SHAPES = ["circle", "square", "triangle", "diamond", "ring", "cross"]
IMAGE_ROWS = 64
CAPTION, GROUNDED = "An image of", "<grounding>An image of"


def scene(rng):
    """(uint8 array, what is in it from left to right: (shape, colour, box as left, top, right, bottom in pixels), cover of each)."""
    ground = np.array([rng.randint(200, 255) for _ in range(3)], np.float32)
    pixels = np.tile(ground, (SIDE, SIDE, 1))
    kinds = rng.sample(range(len(SHAPES) * len(COLOURS)), rng.choice([2, 3, 3, 4]))
    while True:
        boxes = []
        for _ in kinds:
            for _ in range(20):
                width, height = rng.uniform(15, 28), rng.uniform(15, 28)
                x, y = rng.uniform(0, SIDE - width), rng.uniform(0, SIDE - height)
                box = (x, y, x + width, y + height)
                if all(box[2] < b[0] - 1 or b[2] < x - 1 or box[3] < b[1] - 1 or b[3] < y - 1 for b in boxes):
                    boxes.append(box)
                    break
        # Who is left of whom must be plain to see.
        middles = sorted(b[0] + b[2] for b in boxes)
        if len(boxes) == len(kinds) and all(right - left > 4 for left, right in zip(middles, middles[1:])):
            break
    boxes.sort(key=lambda b: b[0] + b[2])
    found, covers = [], np.zeros((len(kinds), SIDE, SIDE), np.float32)
    for number, (kind, box) in enumerate(zip(kinds, boxes)):
        shape, colour = divmod(kind, len(COLOURS))
        left, top = int(box[0]), int(box[1])
        covered = cover(SHAPES[shape], box[2] - box[0], box[3] - box[1], box[0] - left, box[1] - top, 4)
        covered = covered[: SIDE - top, : SIDE - left]
        part = pixels[top : top + len(covered), left : left + covered.shape[1]]
        ink = np.array(COLOURS[COLOUR_NAMES[colour]], np.float32)
        part += covered * (ink - part)
        covers[number, top : top + len(covered), left : left + covered.shape[1]] = covered[..., 0]
        found.append((shape, colour, box))
    return np.rint(pixels).astype(np.uint8), found, covers


def name(one):
    return f"{COLOUR_NAMES[one[1]]} {SHAPES[one[0]]}"


def cells(box):
    """The two cells of a box, as the library's `coordinate_to_patch_index` has them."""
    left, top, right, bottom = (at / SIDE * CELLS for at in box)
    return math.floor(top) * CELLS + math.floor(left), math.ceil(bottom - 1) * CELLS + math.ceil(right - 1)


def joined(parts):
    """What stands before each of several things that are named together."""
    return ["" if n == 0 else " and" if n == len(parts) - 1 else "," for n in range(len(parts))]


def caption(found):
    """What is in a scene, without boxes."""
    return "".join(f"{before} a {name(one)}" for before, one in zip(joined(found), found)) + "."


def pointing(one):
    return f"<grounding><phrase> the {name(one)}</phrase>"


def referring(box):
    first, last = cells(box)
    return f"<grounding><phrase> It</phrase><object><patch_index_{first:04}><patch_index_{last:04}></object> is"


def texts(tokenizer, found):
    """(ids of a prompt, ids of what is to be said) about a scene: a caption with boxes, one without, and of each thing where
    it is and what it is."""
    def tags(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    def words(text):
        return [part for word in text.split() for part in tags(word.strip(",."))] if text.strip(",.") else []

    def mark(text):
        return tokenizer.convert_tokens_to_ids(text)

    def boxed(one):
        return [mark("<object>"), *(mark(f"<patch_index_{cell:04}>") for cell in cells(one[2])), mark("</object>")]

    plain, grounded = [], []
    for before, one in zip(joined(found), found):
        before = [mark(",")] if before == "," else words(before)
        phrase = words(f"a {name(one)}")
        plain += before + phrase
        grounded += before + [mark("<phrase>"), *phrase, mark("</phrase>"), *boxed(one)]
    end = [mark("."), tokenizer.eos_token_id]
    yield tags(GROUNDED), grounded + end
    yield tags(CAPTION), plain + end
    for one in found:
        yield tags(pointing(one)), boxed(one) + end[1:]
        yield tags(referring(one[2])), words(f"a {name(one)}") + end
