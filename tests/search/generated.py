"""Writes a folder of generated pictures: PNG of coloured noise and shapes, each another one, in folders of a hundred.

    python tests/search/generated.py FOLDER [--count 10000] [--side 256]

Python 3.9 or later, nothing else. The same arguments give the same pictures.
"""

import argparse
import random
import struct
import zlib
from pathlib import Path


def png(path, width, height, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = b"".join(b"\0" + row for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels, 1)) + chunk(b"IEND", b"")
    )


def picture(path, number, side):
    """Stripes of noise with a bar of one colour, by the picture's number alone."""
    drawn = random.Random(number)
    width, height = side, side * 3 // 4
    stripes = [drawn.randbytes(3 * width) for _ in range(4)]
    colour = drawn.randbytes(3)
    left, right = sorted(drawn.sample(range(width), 2))
    top, bottom = sorted(drawn.sample(range(height), 2))
    rows = []
    for y in range(height):
        row = stripes[y * 4 // height]
        if top <= y < bottom:
            row = row[: 3 * left] + colour * (right - left) + row[3 * right :]
        rows.append(row)
    png(path, width, height, rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--side", type=int, default=256)
    args = parser.parse_args()
    for number in range(args.count):
        folder = args.folder / f"{number // 100:04}"
        if number % 100 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        picture(folder / f"{number:06}.png", number, args.side)


if __name__ == "__main__":
    main()
