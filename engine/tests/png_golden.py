#!/usr/bin/env python3
"""Makes png_golden.json: PNGs that end early, have something behind them or wrong check sums, as Pillow opens or refuses
them.

Made with Pillow 13.0.0. Usage: png_golden.py > png_golden.json. `rgb` is missing where Pillow refuses the file.
"""
import io
import json
import struct
import zlib

from PIL import Image


def chunk(name, data, wrong=0):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) ^ wrong)


def picture(interlace, parts=1):
    """9 x 5, RGB, its data in so many chunks; without an end."""
    rows = [bytes((x * 27 + y * 50 + c * 80) % 256 for x in range(9) for c in range(3)) for y in range(5)]
    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        raw = b""
        for x, y, dx, dy in passes:
            for row in rows[y::dy]:
                pixels = b"".join(row[3 * i : 3 * i + 3] for i in range(x, 9, dx))
                raw += b"\0" + pixels if pixels else b""
    else:
        raw = b"".join(b"\0" + row for row in rows)
    data = zlib.compress(raw)
    size = -(-len(data) // parts)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 5, 8, 2, 0, 0, interlace))
    return head, [data[i : i + size] for i in range(0, len(data), size)]


END = chunk(b"IEND", b"")
cases = []


def add(name, data):
    case = {"name": name, "file": data.hex()}
    try:
        case["rgb"] = Image.open(io.BytesIO(data)).convert("RGB").tobytes().hex()
    except (OSError, SyntaxError, ValueError):
        pass
    cases.append(case)


for interlace in (0, 1):
    for parts in (1, 3):
        head, data = picture(interlace, parts)
        body = head + b"".join(chunk(b"IDAT", part) for part in data)
        kind = f"interlace {interlace}, {parts} parts, "
        add(kind + "whole", body + END)
        for missing in range(1, 20):
            add(kind + f"{missing} bytes missing", (body + END)[:-missing])
        for missing in range(1, 13):
            add(kind + f"no end, {missing} bytes missing", body[:-missing])
        add(kind + "a trailer", body + END + b"trailer" * 9)
        add(kind + "no end, a trailer", body + b"\0\0\1\0trailer" * 9)
        add(kind + "no end, no chunk's name", body + b"\0\0\0\4\xff\xfe\xfd\xfc1234")
        add(kind + "text behind, cut", body + chunk(b"tEXt", b"a\0" + b"b" * 30)[:-12])
        add(kind + "text behind, its check sum cut", body + chunk(b"tEXt", b"a\0b")[:-3])
        add(kind + "text behind, no end", body + chunk(b"tEXt", b"a\0b"))
        add(kind + "half the data, an end", head + chunk(b"IDAT", data[0][: len(data[0]) // 2]) + END)
        add(kind + "a wrong check sum of data", body[:-1] + b"\0" + END)

head, (data,) = picture(0)
for missing in range(1, 16):
    add(f"text behind, {missing} bytes missing", head + chunk(b"IDAT", data) + chunk(b"tEXt", b"a\0b")[:-missing])
# Check sums of chunks: those before the data count, whether the picture needs them or not.
idat = chunk(b"IDAT", data)
for name, body in [(b"tEXt", b"a\0b"), (b"gAMA", struct.pack(">I", 45455)), (b"PLTE", bytes(range(9))), (b"pHYs", bytes(9)),
                   (b"tRNS", bytes(6)), (b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\0"), (b"prVt", b"abc")]:
    for wrong in (0, 1 << 20):
        kind = f"{name.decode()} with a {'wrong' if wrong else 'right'} check sum "
        add(kind + "before the data", head + chunk(name, body, wrong) + idat + END)
        add(kind + "behind the data", head + idat + chunk(name, body, wrong) + END)
add("a wrong check sum of IHDR", head[:-1] + bytes([head[-1] ^ 1]) + idat + END)
add("a wrong check sum of IEND", head + idat + chunk(b"IEND", b"", 1))
for wrong in (1, 1 << 31):
    add(f"a wrong check sum of the first of two chunks of data, {wrong}", head + chunk(b"IDAT", data[:20], wrong) + chunk(b"IDAT", data[20:]) + END)
    add(f"a wrong check sum of the last of two chunks of data, {wrong}", head + chunk(b"IDAT", data[:20]) + chunk(b"IDAT", data[20:], wrong) + END)
# The check sum of the compressed data.
raw = zlib.decompress(data)
for at in range(1, 5):
    other = bytearray(data)
    other[-at] ^= 16
    add(f"another Adler-32, {at}", head + chunk(b"IDAT", bytes(other)) + END)
    add(f"Adler-32 without its last {at} bytes", head + chunk(b"IDAT", data[:-at]) + END)
    add(f"Adler-32 in two chunks, {at}", head + chunk(b"IDAT", data[:-at]) + chunk(b"IDAT", data[-at:]) + END)
add("another Adler-32 by itself", head + chunk(b"IDAT", data[:-4]) + chunk(b"IDAT", b"abcd") + END)
add("rows behind the picture", head + chunk(b"IDAT", zlib.compress(raw + raw)) + END)
add("bytes behind the Adler-32", head + chunk(b"IDAT", data + b"abcd") + END)
add("a wrong check of the stream's header", head + chunk(b"IDAT", bytes([data[0], data[1] ^ 1]) + data[2:]) + END)
add("a byte of the data changed", head + chunk(b"IDAT", data[:30] + bytes([data[30] ^ 4]) + data[31:]) + END)
lines = ",\n ".join(json.dumps(case, separators=(",", ":")) for case in cases)
print(f"[\n {lines}\n]")
