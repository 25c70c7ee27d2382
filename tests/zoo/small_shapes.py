"""Pictures of small coloured shapes at named places, and questions about them: the world of the tiny model with tiles.

A picture has three to five different shapes, each in one of nine places. Shapes are 6 to 8 pixels wide, so that nothing of
their outline is left in the view of the whole, which is 24x24 pixels.

The non-obvious thing: inks are mixed with the paper, each as strongly as it happens to be. Otherwise how much ink a blur has
would tell a square from a ring.
"""

import functools

import numpy as np

LONGEST = 96
SHAPES = ["square", "triangle", "diamond", "ring", "plus", "cross"]
COLOURS = {
    "red": (225, 20, 20), "green": (20, 150, 40), "blue": (30, 60, 225), "yellow": (240, 205, 0), "purple": (150, 30, 170),
    "black": (10, 10, 10),
}
COLOUR_NAMES = list(COLOURS)
PLACES = [
    "top left", "top", "top right",
    "left", "center", "right",
    "bottom left", "bottom", "bottom right",
]
# Width and height of pictures: most are square, and the others leave room in a square of tiles or fill less of them.
SIZES = [(96, 96), (96, 72), (72, 96), (96, 48), (48, 96)]
# What is asked, and how often.
KINDS = {"what": 5, "where": 5, "colour of": 3, "colour at": 3, "nothing": 1, "nowhere": 1}


def inside(shape, u, v):
    """Which points a shape covers; both its sides go from -1 to 1."""
    box = (abs(u) <= 1) & (abs(v) <= 1)
    if shape == "square":
        return box
    if shape == "triangle":
        return box & (abs(u) <= (v + 1) / 2)
    if shape == "diamond":
        return abs(u) + abs(v) <= 1
    if shape in ("circle", "ring"):
        far = np.hypot(u, v)
        return (far <= 1) & (far >= (0.5 if shape == "ring" else 0))
    if shape == "plus":
        return box & ((abs(u) <= 0.3) | (abs(v) <= 0.3))
    assert shape == "cross", shape
    return box & ((abs(u - v) <= 0.42) | (abs(u + v) <= 0.42))


def cover(shape, width, height, dx, dy, fine):
    """How much of each pixel a shape covers, of so many pixels and moved right and down by less than one."""
    down, across = int(np.ceil(height + dy)), int(np.ceil(width + dx))
    x, y = (np.arange(across * fine) + 0.5) / fine, (np.arange(down * fine) + 0.5) / fine
    ink = inside(shape, *np.meshgrid(2 * (x - dx) / width - 1, 2 * (y - dy) / height - 1))
    return ink.reshape(down, fine, across, fine).mean((1, 3)).astype(np.float32)[..., None]


@functools.lru_cache(maxsize=None)
def mask(shape, size, dx, dy):
    """The cover of a small shape, of few sizes and places."""
    return cover(shape, size, size, dx, dy, 8)


def picture(rng, width, height):
    """(uint8 array, what is in it: (shape, colour, place) as numbers, the centres of all as (x, y))."""
    paper = np.array([rng.randint(225, 255) for _ in range(3)], np.float32)
    pixels = np.tile(paper, (height, width, 1))
    count = rng.randint(3, 5)
    found, centres = [], []
    for shape, place in zip(rng.sample(range(len(SHAPES)), count), rng.sample(range(len(PLACES)), count)):
        colour, size = rng.randrange(len(COLOURS)), rng.randint(6, 8)
        column, row = place % 3, place // 3
        # A pixel of room on each side, or a shape could lie in two places.
        x = rng.uniform(column * width / 3 + 1, (column + 1) * width / 3 - size - 1)
        y = rng.uniform(row * height / 3 + 1, (row + 1) * height / 3 - size - 1)
        left, top = int(x), int(y)
        covered = mask(SHAPES[shape], size, round(4 * (x - left)) / 4, round(4 * (y - top)) / 4)
        part = pixels[top : top + len(covered), left : left + covered.shape[1]]
        ink = np.array(COLOURS[COLOUR_NAMES[colour]], np.float32)
        part += rng.uniform(0.6, 1.0) * covered * (ink - part)
        found.append((shape, colour, place))
        centres.append((x + size / 2, y + size / 2))
    return np.rint(pixels).astype(np.uint8), found, centres


def question(rng, found, kind=None):
    """(kind, question, answer) about what is in a picture."""
    kind = kind or rng.choices(list(KINDS), list(KINDS.values()))[0]
    shape, colour, place = rng.choice(found)
    s, c, p = SHAPES[shape], COLOUR_NAMES[colour], PLACES[place]
    if kind == "what":
        return kind, f"What is at the {p}?", f"a {c} {s}"
    if kind == "where":
        return kind, f"Where is the {s}?", p
    if kind == "colour of":
        return kind, f"What colour is the {s}?", c
    if kind == "colour at":
        return kind, f"What colour is at the {p}?", c
    if kind == "nothing":
        free = sorted(set(range(len(PLACES))) - {one[2] for one in found})
        return kind, f"What is at the {PLACES[rng.choice(free)]}?", "nothing"
    free = sorted(set(range(len(SHAPES))) - {one[0] for one in found})
    return kind, f"Where is the {SHAPES[rng.choice(free)]}?", "nowhere"


WORDS = [
    "USER", "ASSISTANT", "What", "Where", "is", "at", "the", "a", "colour", "nothing", "nowhere", *SHAPES, *COLOUR_NAMES,
    *dict.fromkeys(" ".join(PLACES).split()), "picture", "in", "of", "this", "there",
]
