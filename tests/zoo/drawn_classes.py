"""Classes of drawn things (an outline, two inks, a texture) and pictures of them, without end.

The non-obvious thing: most outlines in training are random, so that a model has to compare
pictures instead of remembering shapes; the outlines in HELD_OUT are never drawn in training.
Pictures of one class differ in place, size, slight turn, brightness and paper.
"""

import colorsys
import math

import numpy as np
from PIL import Image, ImageDraw

SIDE = 64
TEXTURES = ["plain", "rows", "columns", "slants", "dots", "squares", "rim"]


# ---------------------------------------------------------------- outlines
# A list of polygons within the unit circle, y downwards. Later polygons cut holes.


def wheel(points, low=1.0, start=-90.0):
    """A star of 2 * points corners whose inner ones lie at `low`; a regular polygon where low is 0."""
    if low == 0:
        steps = [(1.0, start + 360 * k / points) for k in range(points)]
    else:
        steps = [(1.0 if k % 2 == 0 else low, start + 180 * k / points) for k in range(2 * points)]
    return [[(r * math.cos(math.radians(a)), r * math.sin(math.radians(a))) for r, a in steps]]


def arc(centre_x, centre_y, radius_x, radius_y, begin, end, steps=36):
    angles = [math.radians(begin + (end - begin) * k / steps) for k in range(steps + 1)]
    return [(centre_x + radius_x * math.cos(a), centre_y + radius_y * math.sin(a)) for a in angles]


def box(left, top, right, bottom):
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


KNOWN = {
    "circle": [arc(0, 0, 0.9, 0.9, 0, 360)],
    "ellipse": [arc(0, 0, 1.0, 0.55, 0, 360)],
    "tall ellipse": [arc(0, 0, 0.5, 1.0, 0, 360)],
    "square": [box(-0.8, -0.8, 0.8, 0.8)],
    "rectangle": [box(-1.0, -0.5, 1.0, 0.5)],
    "pillar": [box(-0.45, -1.0, 0.45, 1.0)],
    "triangle": wheel(3, 0),
    "hanging triangle": wheel(3, 0, 90),
    "diamond": [[(0, -1), (0.65, 0), (0, 1), (-0.65, 0)]],
    "hexagon": wheel(6, 0),
    "ring": [arc(0, 0, 0.95, 0.95, 0, 360), arc(0, 0, 0.5, 0.5, 0, 360)],
    "frame": [box(-0.85, -0.85, 0.85, 0.85), box(-0.4, -0.4, 0.4, 0.4)],
    "dome": [arc(0, 0.5, 1.0, 1.1, 180, 360)],
    "bowl": [arc(0, -0.5, 1.0, 1.1, 0, 180)],
    "wedge": [[(-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]],
    "slice": [[(-0.7, 0.7)] + arc(-0.7, 0.7, 1.5, 1.5, 270, 360)],
    "mouth": [[(0, 0)] + arc(0, 0, 0.95, 0.95, 35, 325)],
    "trapezoid": [[(-0.5, -0.65), (0.5, -0.65), (1, 0.65), (-1, 0.65)]],
    "leaning box": [[(-0.4, -0.6), (1, -0.6), (0.4, 0.6), (-1, 0.6)]],
    "chevron": [[(-1, -0.1), (0, -0.85), (1, -0.1), (1, 0.65), (0, -0.1), (-1, 0.65)]],
    "corner": [[(-0.8, -0.9), (-0.2, -0.9), (-0.2, 0.3), (0.85, 0.3), (0.85, 0.9), (-0.8, 0.9)]],
    "gate": [[(-0.9, 0.9), (-0.9, -0.8), (0.9, -0.8), (0.9, 0.9), (0.4, 0.9), (0.4, -0.3), (-0.4, -0.3), (-0.4, 0.9)]],
    "table": [[(-0.95, -0.8), (0.95, -0.8), (0.95, -0.3), (0.28, -0.3), (0.28, 0.9), (-0.28, 0.9), (-0.28, -0.3), (-0.95, -0.3)]],
    "stairs": [[(-0.9, 0.9), (-0.9, 0.3), (-0.3, 0.3), (-0.3, -0.3), (0.3, -0.3), (0.3, -0.9), (0.9, -0.9), (0.9, 0.9)]],
    "spark": wheel(4, 0.35),
    "saw": wheel(9, 0.7),
    "house": [[(-0.75, 0.9), (-0.75, -0.15), (0, -0.95), (0.75, -0.15), (0.75, 0.9)]],
    "drop": [[(0, -1)] + arc(0, 0.35, 0.6, 0.6, -25, 205)],
    "lens": [arc(0.75, 0, 1.2, 1.2, 128, 232) + arc(-0.75, 0, 1.2, 1.2, -52, 52)],
}

HELD_OUT = {
    "star": wheel(5, 0.42),
    "heart": [arc(-0.45, -0.35, 0.47, 0.47, 150, 345, 24) + arc(0.45, -0.35, 0.47, 0.47, 195, 390, 24) + [(0, 0.95)]],
    "arrow": [[(-1, -0.25), (0.1, -0.25), (0.1, -0.75), (1, 0), (0.1, 0.75), (0.1, 0.25), (-1, 0.25)]],
    "crescent": [arc(0, 0, 0.95, 0.95, 40, 320) + arc(0.42, 0, 0.66, 0.66, 300, 60)],
    "cross": [[
        (-0.3, -0.95), (0.3, -0.95), (0.3, -0.3), (0.95, -0.3), (0.95, 0.3), (0.3, 0.3),
        (0.3, 0.95), (-0.3, 0.95), (-0.3, 0.3), (-0.95, 0.3), (-0.95, -0.3), (-0.3, -0.3),
    ]],
    "hourglass": [[(-0.8, -0.95), (0.8, -0.95), (0.15, 0), (0.8, 0.95), (-0.8, 0.95), (-0.15, 0)]],
    "bolt": [[(0.25, -1), (-0.75, 0.2), (-0.05, 0.2), (-0.3, 1), (0.75, -0.25), (0.05, -0.25)]],
    "fish": [arc(-0.25, 0, 0.75, 0.55, 30, 330) + [(1, -0.6), (1, 0.6)]],
}


def random_outline(rng):
    """An outline that nobody has a word for."""
    kind = rng.random()
    if kind < 0.4:
        # A closed curve of a few waves.
        waves = [(k, rng.uniform(0, 0.5) / math.sqrt(k), rng.uniform(0, 2 * math.pi)) for k in range(2, rng.randint(3, 8))]
        radii = []
        for step in range(72):
            angle = 2 * math.pi * step / 72
            radii.append(max(0.15, 1 + sum(a * math.cos(k * angle + p) for k, a, p in waves)))
        corners = [(r, 2 * math.pi * step / 72) for step, r in enumerate(radii)]
    elif kind < 0.75:
        # Corners at random distances.
        count = rng.randint(3, 9)
        turn = rng.uniform(0, 2 * math.pi)
        corners = [
            (rng.uniform(0.3, 1), turn + 2 * math.pi * (k + rng.uniform(-0.3, 0.3)) / count) for k in range(count)
        ]
    else:
        # A wheel of teeth, even or skew.
        points, low, skew = rng.randint(2, 8), rng.uniform(0.25, 0.8), rng.uniform(0.2, 0.8)
        turn = rng.uniform(0, 2 * math.pi)
        corners = []
        for k in range(points):
            corners += [(1.0, turn + 2 * math.pi * k / points), (low, turn + 2 * math.pi * (k + skew) / points)]
    wide, tall = rng.choice([(1, 1), (1, 1), (1, 0.6), (0.6, 1)])
    points = [(wide * r * math.cos(a), tall * r * math.sin(a)) for r, a in corners]
    left, right = min(p[0] for p in points), max(p[0] for p in points)
    top, bottom = min(p[1] for p in points), max(p[1] for p in points)
    scale = 2 / max(right - left, bottom - top)
    outline = [[((x - (left + right) / 2) * scale, (y - (top + bottom) / 2) * scale) for x, y in points]]
    if rng.random() < 0.15:
        outline.append(arc(0, 0, 0.3, 0.3, 0, 360))
    return outline


# ----------------------------------------------------------------- classes


def random_ink(rng):
    if rng.random() < 0.15:
        level = rng.choice([0.1, 0.45])
        return (level, level, level)
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.6, 1.0), rng.uniform(0.45, 1.0))


def apart(one, other):
    return sum(abs(a - b) for a, b in zip(one, other)) > 0.7


def random_inks(rng):
    """The main ink and a second one that is easily told from it."""
    ink = random_ink(rng)
    while True:
        second = rng.choice([(1.0, 1.0, 1.0), (0.05, 0.05, 0.05), random_ink(rng)])
        if apart(ink, second):
            return ink, second


def random_class(rng, shapes=None):
    """(shape's name or None, outline, inks, texture); `shapes` restricts outlines to those names of HELD_OUT."""
    if shapes is not None:
        name = rng.choice(shapes)
        outline = HELD_OUT[name]
    elif rng.random() < 0.35:
        name = rng.choice(sorted(KNOWN))
        outline = KNOWN[name]
    else:
        name, outline = None, random_outline(rng)
    texture = "plain" if rng.random() < 0.3 else rng.choice(TEXTURES)
    return name, outline, random_inks(rng), texture


def sibling(rng, one, what):
    """A class that differs from `one` in its "shape", "ink" or "texture" only."""
    name, outline, inks, texture = one
    other = random_class(rng)
    if what == "shape":
        while other[0] == name and name is not None:
            other = random_class(rng)
        return other[0], other[1], inks, texture
    if what == "ink":
        while not apart(other[2][0], inks[0]):
            other = random_class(rng)
        return name, outline, other[2], texture
    while other[3] == texture:
        other = random_class(rng)
    return name, outline, inks, other[3]


# ---------------------------------------------------------------- pictures

GRID_Y, GRID_X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


def draw(rng, one):
    """A picture of the class: uint8 [64, 64, 3]."""
    _, outline, (ink, second), texture = one
    radius = rng.uniform(15, 25)
    x, y = rng.uniform(radius + 2, SIDE - radius - 2), rng.uniform(radius + 2, SIDE - radius - 2)
    turn = math.radians(rng.uniform(-15, 15))
    cos, sin = radius * math.cos(turn), radius * math.sin(turn)

    def cover(scale):
        # Drawn at twice the side without smoothing; the halving is the anti-aliasing.
        canvas = Image.new("L", (2 * SIDE, 2 * SIDE), 0)
        pen = ImageDraw.Draw(canvas)
        for number, polygon in enumerate(outline):
            grown = scale if number == 0 else 2 - scale
            pen.polygon(
                [(2 * (x + grown * (cos * u - sin * v)), 2 * (y + grown * (sin * u + cos * v))) for u, v in polygon],
                fill=0 if number else 255,
            )
        return np.asarray(canvas, np.float32).reshape(SIDE, 2, SIDE, 2).mean((1, 3)) / 255

    ink, second = np.array(ink, np.float32), np.array(second, np.float32)
    period = 0.42 * radius
    along, down = (GRID_X - x) / period, (GRID_Y - y) / period
    if texture == "plain":
        part = np.zeros((SIDE, SIDE), np.float32)
    elif texture == "rows":
        part = (np.floor(down * 2) % 2).astype(np.float32)
    elif texture == "columns":
        part = (np.floor(along * 2) % 2).astype(np.float32)
    elif texture == "slants":
        part = (np.floor((along + down) * 1.5) % 2).astype(np.float32)
    elif texture == "dots":
        part = (((along % 1 - 0.5) ** 2 + (down % 1 - 0.5) ** 2) < 0.1).astype(np.float32)
    elif texture == "squares":
        part = ((np.floor(along * 1.4) + np.floor(down * 1.4)) % 2).astype(np.float32)
    else:
        part = 1 - cover(0.68)
    light = rng.uniform(0.9, 1.05)
    inner = np.clip(light * (ink + (second - ink) * part[..., None]), 0, 1)
    level = rng.uniform(0.86, 1.0)
    paper = np.clip(np.array([level + rng.uniform(-0.06, 0.06) for _ in range(3)], np.float32), 0, 1)
    mask = cover(1.0)[..., None]
    return np.round(255 * (paper + (inner - paper) * mask)).astype(np.uint8)
