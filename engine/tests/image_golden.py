#!/usr/bin/env python3
"""Makes image_golden.json: what Pillow and transformers do with pictures that a formula makes.

Needs Pillow, numpy, torchvision and transformers (the slow BlipImageProcessor). Usage: image_golden.py OUT [RESIZE_CASES]
The formula is `picture` below; tests/image.rs has the same one. Results are stored as CRC-32 of the bytes.
"""
import io
import json
import random
import struct
import sys
import warnings
import zlib

import numpy as np
import PIL
from PIL import Image
import transformers
from torchvision.transforms import CenterCrop, InterpolationMode, Resize
from transformers import BlipImageProcessor

warnings.simplefilter("ignore")


def picture(seed, width, height):
    """Noise; every second seed is driven to 0 and 255, where resampling over- and undershoots."""
    i = np.arange(width * height * 3, dtype=np.uint64)
    v = (i * 2654435761 + seed * 40503 + 1) & 0xFFFFFFFF
    v ^= v >> 15
    v = (v * 2246822519) & 0xFFFFFFFF
    v ^= v >> 13
    v = ((v * 3266489917) & 0xFFFFFFFF) >> 24
    if seed % 2:
        v = np.where(v < 128, 0, 255)
    return v.astype(np.uint8).reshape(height, width, 3)


def resize_cases(count):
    rnd = random.Random(20)
    sizes = [
        (1, 1, 1, 1), (1, 1, 7, 5), (7, 5, 1, 1), (2, 2, 3, 3), (3, 3, 2, 2), (5, 9, 5, 4), (5, 9, 3, 9), (5, 9, 5, 9),
        (1, 200, 16, 16), (200, 1, 16, 16), (300, 2, 7, 31), (640, 480, 224, 224), (100, 75, 224, 224),
        (224, 224, 224, 224), (448, 224, 224, 224), (223, 225, 224, 224), (1000, 5, 1000, 6), (13, 17, 490, 364),
    ]
    def side():
        return int(2 ** rnd.uniform(0, 8.6))
    while len(sizes) < count:
        sizes.append((side(), side(), side(), side()))
    cases = []
    for n, (w, h, ow, oh) in enumerate(sizes):
        for pil in ([0, 1, 2, 3, 4, 5] if n < 18 else [3, n % 6]):
            source = Image.fromarray(picture(n, w, h))
            image = source.resize((ow, oh), resample=pil)
            # One side at a time: the order of the passes up to Pillow 12.
            across_first = source.resize((ow, h), resample=pil).resize((ow, oh), resample=pil)
            crcs = [zlib.crc32(i.tobytes()) for i in (image, across_first)]
            cases.append([n, w, h, ow, oh, pil, *crcs])
    return cases


CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def preprocess_cases():
    cases = []
    for seed, w, h, ow, oh, pil, factor, mean, std, rescale, normalize in [
        (0, 640, 427, 224, 224, 3, 1 / 255, CLIP_MEAN, CLIP_STD, True, True),
        (1, 97, 201, 224, 224, 3, 1 / 255, CLIP_MEAN, CLIP_STD, True, True),
        (2, 31, 64, 16, 16, 2, 1 / 255, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5], True, True),
        (3, 64, 64, 32, 32, 3, 1 / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], True, True),
        (4, 50, 40, 20, 30, 1, 1 / 127.5, [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], True, True),
        (5, 50, 40, 20, 30, 3, 1 / 255, CLIP_MEAN, CLIP_STD, True, False),
        (6, 50, 40, 20, 30, 3, 1 / 255, [127.5, 120.0, 110.0], [58.1, 57.2, 57.3], False, True),
        (7, 200, 5, 14, 14, 3, 0.0037, CLIP_MEAN, CLIP_STD, True, True),
    ]:
        processor = BlipImageProcessor(
            size={"width": ow, "height": oh}, resample=pil, rescale_factor=factor, image_mean=mean, image_std=std,
            do_rescale=rescale, do_normalize=normalize,
        )
        out = processor(Image.fromarray(picture(seed, w, h)))["pixel_values"][0]
        out = np.ascontiguousarray(out)
        assert out.dtype == np.float32 and out.shape == (3, oh, ow)
        cases.append({
            "seed": seed, "width": w, "height": h, "to": [ow, oh], "filter": pil, "rescale": factor, "mean": mean,
            "std": std, "do_rescale": rescale, "do_normalize": normalize, "crc": zlib.crc32(out.astype("<f4").tobytes()),
            "first": struct.pack("<3f", *out.reshape(-1)[:3].tolist()).hex(),
        })
    # CLIP's: the shorter side to the size, then the middle. The rest is as above, at a size that stays.
    for seed, w, h, side in [(8, 640, 427, 224), (9, 97, 201, 224), (10, 31, 64, 15), (11, 50, 41, 13), (12, 200, 5, 14), (13, 9, 9, 9)]:
        middle = CenterCrop(side)(Resize(side, InterpolationMode.BICUBIC)(Image.fromarray(picture(seed, w, h))))
        assert middle.size == (side, side)
        processor = BlipImageProcessor(size={"width": side, "height": side}, image_mean=CLIP_MEAN, image_std=CLIP_STD)
        out = np.ascontiguousarray(processor(middle)["pixel_values"][0])
        cases.append({
            "seed": seed, "width": w, "height": h, "to": [side, side], "crop": True, "filter": 3, "rescale": 1 / 255, "mean": CLIP_MEAN,
            "std": CLIP_STD, "do_rescale": True, "do_normalize": True, "crc": zlib.crc32(out.astype("<f4").tobytes()),
            "first": struct.pack("<3f", *out.reshape(-1)[:3].tolist()).hex(),
        })
    return cases


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(width, height, depth, colour, interlace=0, extra=b"", seed=1):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    rnd = random.Random(seed)
    pixels = [[[rnd.randrange(1 << depth) for _ in range(channels)] for _ in range(width)] for _ in range(height)]
    def rows(pixels):
        out = b""
        for row in pixels:
            bits = "".join(format(v, f"0{depth}b") for p in row for v in p)
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
        return out
    if interlace:
        raw = b""
        for x, y, dx, dy in ADAM7:
            part = [row[x::dx] for row in pixels[y::dy]]
            if part and part[0]:
                raw += rows(part)
    else:
        raw = rows(pixels)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw))
            + chunk(b"IEND", b""))


def png_cases():
    cases = []
    def add(name, data):
        rgb = Image.open(io.BytesIO(data)).convert("RGB")
        cases.append({"name": name, "file": data.hex(), "size": list(rgb.size), "rgb": rgb.tobytes().hex()})
    for colour, depths in [(0, [1, 2, 4, 8, 16]), (2, [8, 16]), (4, [8, 16]), (6, [8, 16])]:
        for depth in depths:
            for interlace in (0, 1):
                add(f"colour {colour} depth {depth} interlace {interlace}", png(9, 5, depth, colour, interlace))
    for depth in (1, 2, 4, 8):
        palette = bytes((i * 37 + c * 91) % 256 for i in range(1 << depth) for c in range(3))
        for interlace in (0, 1):
            add(f"palette depth {depth} interlace {interlace}", png(9, 5, depth, 3, interlace, chunk(b"PLTE", palette)))
        add(f"palette depth {depth} with tRNS", png(9, 5, depth, 3, 0, chunk(b"PLTE", palette) + chunk(b"tRNS", b"\0\x80")))
    add("palette too short", png(9, 5, 4, 3, 0, chunk(b"PLTE", bytes(range(15)))))
    add("grey with tRNS", png(9, 5, 8, 0, 0, chunk(b"tRNS", b"\0\x05")))
    add("grey16 with tRNS", png(9, 5, 16, 0, 0, chunk(b"tRNS", b"\0\x05")))
    add("rgb with tRNS", png(9, 5, 8, 2, 0, chunk(b"tRNS", b"\0\x05\0\x06\0\x07")))
    add("gamma, text and orientation", png(9, 5, 8, 2, 0, chunk(b"gAMA", struct.pack(">I", 100000))
        + chunk(b"tEXt", b"a\0b") + chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")))
    return cases


def jpeg_cases():
    y, x = np.mgrid[0:24, 0:37]
    smooth = np.stack([(x * 6 + y) % 256, (y * 9 + x) % 256, 255 - (x + y) * 4], -1).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(smooth)
    cases = []
    for name, picture, options in [
        ("4:4:4", image, {"subsampling": 0}),
        ("4:2:2", image, {"subsampling": 1}),
        ("4:2:0", image, {"subsampling": 2}),
        ("progressive", image, {"progressive": True, "subsampling": 0}),
        ("grey", image.convert("L"), {}),
        ("cmyk", image.convert("CMYK"), {}),
        ("restarts", image, {"restart_marker_rows": 1, "subsampling": 0}),
    ]:
        out = io.BytesIO()
        picture.save(out, "jpeg", quality=90, **options)
        rgb = Image.open(io.BytesIO(out.getvalue())).convert("RGB")
        cases.append({"name": name, "file": out.getvalue().hex(), "size": list(rgb.size), "rgb": rgb.tobytes().hex()})
    return cases


if __name__ == "__main__":
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 120
    golden = {
        "made_with": {"pillow": PIL.__version__, "numpy": np.__version__, "transformers": transformers.__version__},
        "resize": resize_cases(count), "preprocess": preprocess_cases(), "png": png_cases(), "jpeg": jpeg_cases(),
    }
    with open(sys.argv[1], "w") as out:
        # One case a line, so that a change can be read.
        out.write("{\n")
        out.write(f' "made_with": {json.dumps(golden["made_with"])}')
        for key in ("resize", "preprocess", "png", "jpeg"):
            lines = ",\n  ".join(json.dumps(case, separators=(",", ":")) for case in golden[key])
            out.write(f',\n "{key}": [\n  {lines}\n ]')
        out.write("\n}\n")
