"""Scenes of coloured shapes told and pointed at: by the tiny model that points in PyTorch, or by the `ocelli` program.

The scenes are drawn here, from a fixed seed that training does not use. The library's own function reads the boxes out of what
is said, of either. A box is compared with the true one, which no pair of cells gives exactly: between the middles of the cells
of the true box IoU is 0.91 on average.

The non-obvious thing: PyTorch runs with eager attention. With `sdpa`, its default, transformers 4.57.6 lets each of the rows
that the language model reads look only at as many of the tower's rows as its own number, as if they were a text.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
from PIL import Image
from transformers.models.kosmos2.processing_kosmos2 import clean_text_and_extract_entities_with_bboxes as read

from scenes import CAPTION, CELLS, GROUNDED, SIDE, caption, cells, name, pointing, referring, scene


def test_scenes(count):
    rng = random.Random("test scenes")
    return [scene(rng)[:2] for _ in range(count)]


def prompts(scenes):
    """[(kind, scene, thing, prompt)] of all scenes."""
    asked = []
    for number, (_, found) in enumerate(scenes):
        asked += [("boxed", number, None, GROUNDED), ("caption", number, None, CAPTION)]
        for one in found:
            asked += [("point", number, one, pointing(one)), ("refer", number, one, referring(one[2]))]
    return asked


def by_torch(directory, scenes, asked):
    import torch
    from transformers import AutoProcessor, Kosmos2ForConditionalGeneration

    torch.set_num_threads(1)
    processor = AutoProcessor.from_pretrained(directory)
    model = Kosmos2ForConditionalGeneration.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    said = []
    for _, number, _, prompt in asked:
        inputs = processor(images=Image.fromarray(scenes[number][0]), text=prompt, return_tensors="pt")
        with torch.no_grad():
            out = model.generate(**inputs, max_new_tokens=64, do_sample=False)
        said.append(processor.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip())
    return said


def by_program(program, model, scenes, asked):
    with tempfile.TemporaryDirectory() as folder:
        for number, (pixels, _) in enumerate(scenes):
            Image.fromarray(pixels).save(os.path.join(folder, f"{number}.png"))
        with open(os.path.join(folder, "prompts.jsonl"), "w") as file:
            for _, number, _, prompt in asked:
                file.write(json.dumps({"image": f"{number}.png", "prompt": prompt}) + "\n")
        command = [program, "run", "-m", model, "--batch", file.name, "-t", "1", "--max-new-tokens", "64", "--keep-special", "-q"]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [json.loads(line)["text"].strip() for line in out.splitlines()]


def overlap(a, b):
    """IoU of two boxes: left, top, right, bottom."""
    across, down = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return across * down / (sum(sizes) - across * down) if across * down else 0.0


def true_box(one):
    return tuple(at / SIDE for at in one[2])


def best_box(one):
    """What the cells of the true box give."""
    first, last = cells(one[2])
    text = f"<phrase> x</phrase><object><patch_index_{first:04}><patch_index_{last:04}></object>"
    return read(text, CELLS)[1][0][2][0]


def report(scenes, asked, said):
    pointed, exact, phrases, wanted, boxes = [], [], 0, 0, []
    right = {kind: [] for kind in ("boxed", "caption", "refer")}
    for (kind, number, one, prompt), text in zip(asked, said):
        found = scenes[number][1]
        if kind == "point":
            entities = read(prompt + text, CELLS)[1]
            box = entities[0][2][0] if entities else (0, 0, 0, 0)
            pointed.append(overlap(box, true_box(one)))
            exact.append(box == best_box(one))
        elif kind == "refer":
            right[kind].append(text == f"a {name(one)}.")
        elif kind == "caption":
            right[kind].append(text == caption(found).strip())
        else:
            clean, entities = read(text, CELLS)
            right[kind].append(clean == caption(found).strip())
            told = {phrase: where[0] for phrase, _, where in entities}
            for thing in found:
                wanted += 1
                if (phrase := f"a {name(thing)}") in told:
                    phrases += 1
                    boxes.append(overlap(told[phrase], true_box(thing)))
    print(f"pointing: mean IoU {np.mean(pointed):.4f}, IoU >= 0.5 {100 * np.mean(np.array(pointed) >= 0.5):.2f} %, "
          f"both cells right {100 * np.mean(exact):.2f} % of {len(pointed)}")
    print(f"captions with boxes: right {100 * np.mean(right['boxed']):.2f} % of {len(right['boxed'])}, phrases "
          f"{100 * phrases / wanted:.2f} % of {wanted}, mean IoU of theirs {np.mean(boxes):.4f}")
    print(f"captions without: right {100 * np.mean(right['caption']):.2f} % of {len(right['caption'])}")
    print(f"what a box shows: right {100 * np.mean(right['refer']):.2f} % of {len(right['refer'])}")


def main():
    parser = argparse.ArgumentParser(description="Scenes of coloured shapes told and pointed at.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--torch", metavar="DIR", help="the checkpoint in DIR, in PyTorch, float32")
    what.add_argument("--model", metavar="FILE", help="a converted file, by the program")
    what.add_argument("--best", action="store_true", help="how near the cells of the true boxes come")
    parser.add_argument("--program", default="target/release/ocelli", help="default %(default)s")
    parser.add_argument("--scenes", type=int, default=150, help="default %(default)s")
    parser.add_argument("--answers", metavar="FILE", help="write all answers as JSON lines")
    args = parser.parse_args()
    scenes = test_scenes(args.scenes)
    if args.best:
        print(np.mean([overlap(best_box(one), true_box(one)) for _, found in scenes for one in found]))
        return
    asked, begin = prompts(scenes), time.time()
    given = (scenes, asked)
    said = by_torch(args.torch, *given) if args.torch else by_program(args.program, args.model, *given)
    assert len(said) == len(asked)
    report(scenes, asked, said)
    print(f"{time.time() - begin:.0f} s")
    if args.answers:
        with open(args.answers, "w") as file:
            for (kind, number, _, prompt), text in zip(asked, said):
                file.write(json.dumps({"kind": kind, "scene": number, "prompt": prompt, "said": text}) + "\n")


if __name__ == "__main__":
    main()
