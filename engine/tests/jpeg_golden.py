#!/usr/bin/env python3
"""Makes jpeg_golden.json: what Pillow makes of the files that tests/jpeg.rs writes, as CRC-32 of file and of RGB.

Made with Pillow 13.0.0 and its libjpeg-turbo 3.2.0 on x86-64. Usage:

    OCELLI_JPEGS=DIR cargo test -p ocelli-engine --test jpeg files_are
    jpeg_golden.py DIR > jpeg_golden.json

A line is name, CRC of the file, width, height, CRC of the pixels; the last three are missing where Pillow refuses it.
"""
import io
import json
import pathlib
import sys
import warnings
import zlib

import PIL
from PIL import Image, features

warnings.simplefilter("ignore")
lines = []
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jpg")):
    data = path.read_bytes()
    line = [path.with_suffix(".txt").read_text(), zlib.crc32(data)]
    try:
        rgb = Image.open(io.BytesIO(data)).convert("RGB")
        line += [*rgb.size, zlib.crc32(rgb.tobytes())]
    except (OSError, SyntaxError):
        pass
    lines.append(json.dumps(line, separators=(",", ":")))
made_with = {"pillow": PIL.__version__, "libjpeg_turbo": features.version("libjpeg_turbo")}
print('{\n "made_with": ' + json.dumps(made_with) + ',\n "files": [\n  ' + ",\n  ".join(lines) + "\n ]\n}")
