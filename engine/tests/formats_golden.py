#!/usr/bin/env python3
"""Makes formats_golden.json: small WebP, BMP, TIFF and GIF files of many kinds, with the pixels that Pillow makes of them;
pictures that EXIF turns, and transparent ones on a background.

Made with Pillow 13.0.0. Usage: formats_golden.py > formats_golden.json. `rgb` is `convert("RGB")`; `upright` is that of
`ImageOps.exif_transpose`; `blended` is the picture pasted by its own alpha onto the colour 200, 100, 50.
"""
import io
import json
import random
import struct

from PIL import Image, ImageOps

W, H = 13, 7
BACKGROUND = (200, 100, 50)


def photo(w=W, h=H):
    picture = Image.new("RGB", (w, h))
    picture.putdata([((x * 19 + y * 3) % 256, (x * 5 + y * 29) % 256, (x * y * 7 + 90) % 256) for y in range(h) for x in range(w)])
    return picture


rgb = photo()
alpha = Image.new("L", rgb.size)
alpha.putdata([(x * 20 + y) % 256 for y in range(H) for x in range(W)])
rgba = rgb.copy()
rgba.putalpha(alpha)
grey = rgb.convert("L")
grey16 = Image.new("I;16", rgb.size)
grey16.putdata([(x * 7 + y * 3000) % 65536 for y in range(H) for x in range(W)])
few, many, two = rgb.quantize(16), rgb.quantize(90), rgb.convert("1")
flipped = rgb.transpose(Image.Transpose.ROTATE_180)
cases = []


def add(name, data, upright=False, blended=False):
    opened = Image.open(io.BytesIO(data))
    plain = opened.convert("RGB")
    case = {"name": name, "file": data.hex(), "size": plain.size, "rgb": plain.tobytes().hex()}
    if upright:
        turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        case["upright"] = {"size": turned.size, "rgb": turned.tobytes().hex()}
    if blended:
        whole = Image.open(io.BytesIO(data)).convert("RGBA")
        under = Image.new("RGB", whole.size, BACKGROUND)
        under.paste(whole.convert("RGB"), mask=whole.getchannel("A"))
        case["blended"] = under.tobytes().hex()
    cases.append(case)


def saved(name, picture, kind, upright=False, blended=False, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    add(name, out.getvalue(), upright, blended)


saved("webp lossy", rgb, "WEBP", quality=80)
saved("webp lossy, large", photo(70, 41), "WEBP", quality=30)
saved("webp lossy, one pixel", rgb.crop((0, 0, 1, 1)), "WEBP")
saved("webp lossy, alpha", rgba, "WEBP", blended=True, quality=75)
saved("webp lossless", rgb, "WEBP", lossless=True)
saved("webp lossless, alpha", rgba, "WEBP", blended=True, lossless=True, exact=True)
saved("webp animated", rgb, "WEBP", save_all=True, append_images=[flipped], duration=100)

for name, picture in (("rgb", rgb), ("rgba", rgba), ("grey", grey), ("16 colours", few), ("90 colours", many), ("two", two)):
    saved(f"bmp {name}", picture, "BMP")
for name, picture in (("rgb", rgb), ("grey", grey), ("16 colours", few), ("two", two)):
    saved(f"gif {name}", picture, "GIF")
saved("gif transparent", few, "GIF", blended=True, transparency=3)
saved("gif interlaced", few, "GIF", interlace=1)
saved("gif animated", rgb, "GIF", save_all=True, append_images=[flipped])

kinds = (("rgb", rgb), ("rgba", rgba), ("grey", grey), ("16 bits", grey16), ("cmyk", rgb.convert("CMYK")), ("90 colours", many), ("two", two))
for name, picture in kinds:
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        saved(f"tiff {name}, {compression}", picture, "TIFF", compression=compression, blended=name == "rgba")
saved("tiff two, group 4", two, "TIFF", compression="group4")
saved("tiff of two pages", rgb, "TIFF", save_all=True, append_images=[flipped])
saved("tiff in strips", photo(40, 31), "TIFF", compression="tiff_lzw", tiffinfo={278: 5})
saved("tiff predicted", rgb, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})

for number in range(1, 9):
    exif = Image.Exif()
    exif[274] = number
    saved(f"tiff turned {number}", rgb, "TIFF", upright=True, tiffinfo={274: number})
    saved(f"png turned {number}", rgb, "PNG", upright=True, exif=exif)
    saved(f"webp turned {number}", rgb, "WEBP", upright=True, exif=exif, lossless=True)
    saved(f"jpeg turned {number}", rgb, "JPEG", upright=True, exif=exif)
saved("png alpha", rgba, "PNG", blended=True)
saved("png grey and alpha", Image.merge("LA", (grey, alpha)), "PNG", blended=True)
saved("png transparent colour", few, "PNG", blended=True, transparency=3)

draw = random.Random(3)


def noise(n):
    return bytes(draw.randrange(256) for _ in range(n))


def bmp(name, bits, rows, palette=b"", masks=None, compression=0, header=40, top_first=False):
    """6 x 4."""
    head = struct.pack("<IiiHHIIiiII", header, 6, -4 if top_first else 4, 1, bits, compression, len(rows), 2835, 2835, len(palette) // 4, 0)
    head += struct.pack("<III", *masks[:3]) if masks else b""
    head += struct.pack("<I", masks[3]).ljust(header - 52, b"\0") if header > 40 else b""
    at = 14 + len(head) + len(palette)
    add(name, b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at) + head + palette + rows)


bmp("bmp of 16 bits, 5 a colour", 16, noise(48))
bmp("bmp of 16 bits, 6 for green", 16, noise(48), masks=(0xF800, 0x7E0, 0x1F), compression=3)
bmp("bmp of 16 bits, top row first", 16, noise(48), top_first=True)
bmp("bmp of 32 bits", 32, noise(96))
for order in ((0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF, 0xFF00, 0xFF0000, 0xFF000000)):
    bmp(f"bmp of 32 bits, red in {order[0]:x}", 32, noise(96), masks=order, compression=3, header=108)
bmp("bmp of 1 bit", 1, noise(16), noise(8))
bmp("bmp of 4 bits", 4, noise(16), noise(64))
bmp("bmp of 8 bits", 8, noise(32), noise(1024))
bmp("bmp of 8 bits, 16 colours", 8, bytes(draw.randrange(16) for _ in range(32)), noise(64))
runs = [6, 3, 0, 0, 3, 1, 3, 2, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 6, 9, 0, 1]
bmp("bmp of 8 bits, in runs", 8, bytes(runs), noise(1024), compression=1)
runs = [6, 0x31, 0, 0, 6, 0x12, 0, 0, 0, 6, 0x12, 0x34, 0x56, 0, 0, 0, 6, 0x99, 0, 1]
bmp("bmp of 4 bits, in runs", 4, bytes(runs), noise(64), compression=2)


def tiles(name, order):
    """32 x 16 in four tiles of 16 x 8... TIFF wants multiples of 16: two of 16 x 16, uncompressed RGB."""
    picture = photo(30, 16)
    padded = Image.new("RGB", (32, 16))
    padded.paste(picture)
    parts = [padded.crop((x, 0, x + 16, 16)).tobytes() for x in (0, 16)]
    entries = [(256, 3, [30]), (257, 3, [16]), (258, 3, [8, 8, 8]), (259, 3, [1]), (262, 3, [2]), (277, 3, [3]), (322, 3, [16]), (323, 3, [16])]
    at = 8 + 2 + 12 * (len(entries) + 2) + 4
    more = b""
    body = b""

    def entry(tag, kind, values):
        nonlocal more
        packed = b"".join(struct.pack(order + "HI"[kind == 4], v) for v in values)
        if len(packed) > 4:
            place = struct.pack(order + "I", at + len(more))
            more += packed
        else:
            place = packed.ljust(4, b"\0")
        return struct.pack(order + "HHI", tag, kind, len(values)) + place

    for tag, kind, values in entries:
        body += entry(tag, kind, values)
    first = at + len(more) + 16
    body += entry(324, 4, [first, first + len(parts[0])]) + entry(325, 4, [len(part) for part in parts])
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    add(name, head + struct.pack(order + "H", len(entries) + 2) + body + b"\0" * 4 + more + b"".join(parts))


tiles("tiff in tiles, little end first", "<")
tiles("tiff in tiles, big end first", ">")
print("[" + ",\n".join(json.dumps(case) for case in cases) + "]")
