"""Makes pointing_golden.json: what transformers' KOSMOS-2 processor reads out of answers, and which cells it makes of boxes.

Made with transformers 4.57.6. Usage: pointing_golden.py > pointing_golden.json; with a number, of so many texts by other seeds, for
checks that are not kept: OCELLI_POINTING=FILE cargo test -p ocelli-engine --test pointing.
"""
import json
import random
import sys

from transformers.models.kosmos2.processing_kosmos2 import clean_text_and_extract_entities_with_bboxes, coordinate_to_patch_index

FIRST = [
    "<grounding> An image of<phrase> a snowman</phrase><object><patch_index_0044><patch_index_0863></object> warming himself by<phrase> a fire"
    "</phrase><object><patch_index_0005><patch_index_0911></object>.",
    "", "  two words \n", "<object><patch_index_0000><patch_index_1023></object>", "a <b\nc> d", "<>", "<<a>>",
]
PIECES = [
    "<phrase>", "</phrase>", "<object>", "</object>", "</delimiter_of_multi_objects/>", "<grounding>", "<image>", "</image>", "<", ">", "\n", " ", "  ", "a dog", "é 東京 🦉",
    "<phrase> a red dog</phrase>", "<phrase>\n</phrase>", "<phrase></phrase>", "\u00a0", "\x1c", ".", "<x>", "<patch_index_>", "<patch_index_7>", "<patch_index_99999>",
]


def cell(r):
    return f"<patch_index_{r.randrange(1024):04d}>"


def text(r):
    out = []
    for _ in range(r.randrange(1, 14)):
        kind = r.random()
        if kind < 0.4:
            out.append(r.choice(PIECES))
        elif kind < 0.5:
            out.append(cell(r))
        else:
            pairs = "</delimiter_of_multi_objects/>".join(cell(r) + cell(r) for _ in range(r.choice([1, 1, 1, 2, 3])))
            if r.random() < 0.1:
                pairs += r.choice(["</delimiter_of_multi_objects/>", cell(r), " "])
            out.append(r.choice(["", f"<phrase>{r.choice([' a cat', 'two', '  it ', 'x > y'])}</phrase>"]) + f"<object>{pairs}</object>")
    return "".join(out)


def main(count, seed):
    r = random.Random(seed)
    texts = (FIRST if seed == 1 else []) + [text(r) for _ in range(count)]
    found = []
    for t in texts:
        clean, entities = clean_text_and_extract_entities_with_bboxes(t.split("</image>")[-1])
        found.append([t, clean, [[name, list(span), [list(b) for b in boxes]] for name, span, boxes in entities]])
    boxes = []
    while len(boxes) < count:
        x1, x2 = sorted(r.choice([r.random(), r.randrange(33) / 32]) for _ in range(2))
        y1, y2 = sorted(r.choice([r.random(), r.randrange(33) / 32]) for _ in range(2))
        if x1 < x2 and y1 < y2:
            boxes.append([[x1, y1, x2, y2], list(coordinate_to_patch_index((x1, y1, x2, y2), 32))])
    json.dump({"texts": found, "boxes": boxes}, sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main(*((int(sys.argv[1]), 2) if len(sys.argv) > 1 else (250, 1)))
