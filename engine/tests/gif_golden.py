#!/usr/bin/env python3
"""Makes gif_golden.json: small animations as Pillow writes them, and every frame as Pillow shows it.

Needs Pillow and numpy. Usage: gif_golden.py > gif_golden.json. Frames that change a part of the picture are written as that
part; some have colours of their own, some leave pixels out. No frame is taken away again: what is seen there is a matter of
taste (tests/gif.rs).
"""
import io
import json

import numpy as np
from PIL import Image


def frames(count, width, height, change):
    """A grid of colours in which a square moves; `change` gives each frame other colours altogether."""
    y, x = np.mgrid[0:height, 0:width]
    for n in range(count):
        base = np.stack([x * 20 % 256, y * 30 % 256, (x + y) * 9 % 256], -1).astype(np.uint8)
        if change:
            base = (base.astype(int) * (n + 2) // 3 + 17 * n).astype(np.uint8)
        base[(n * 2) % height : (n * 2) % height + 3, n : n + 4] = [255 - 40 * n, 30 * n, 128]
        yield Image.fromarray(base)


def case(name, images, **more):
    out = io.BytesIO()
    images = list(images)
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=100, **more)
    shown, gif = [], Image.open(io.BytesIO(out.getvalue()))
    for n in range(gif.n_frames):
        gif.seek(n)
        shown.append(gif.convert("RGB").tobytes().hex())
    return {"name": name, "file": out.getvalue().hex(), "size": list(gif.size), "frames": shown}


cases = [
    case("parts", frames(5, 13, 9, False), disposal=1),
    case("palettes of their own", frames(4, 11, 12, True), disposal=1),
    case("one frame, interlaced", frames(1, 16, 19, False), interlace=1),
    case("left as it is", frames(3, 9, 8, False), disposal=0, loop=0, comment=b"c" * 300),
]
print(json.dumps(cases, separators=(",", ":")))
