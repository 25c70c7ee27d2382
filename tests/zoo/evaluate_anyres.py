"""Questions about small shapes: by the tiny model with tiles in PyTorch, or by the `ocelli` program, with and without tiles.

The pictures are drawn here, from a fixed seed that training does not use. Without tiles means the smallest of the model's
sizes for every picture, which is the view of the whole a second time: in PyTorch by the list of sizes, in the program by
`--image-max-rows`. An answer counts only if it is exact.
"""

import argparse
import collections
import json
import os
import random
import subprocess
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from PIL import Image

from small_shapes import KINDS, LONGEST, SIZES, picture, question

# Rows of a square picture in the smallest size: 9 of the whole, and 3 lines of 3 with their ends.
FEWEST = 21
# Of the test in `tests/tests/tiles.rs`.
PICTURES, COLUMNS = 24, 6


def test_questions(count):
    """(pictures, [(picture, kind, question, answer)]): eight questions each, none twice about one picture."""
    rng = random.Random("test questions")
    pictures, asked = [], []
    while len(asked) < count:
        pixels, found, _ = picture(rng, *rng.choices(SIZES, [4, 1, 1, 1, 1])[0])
        pictures.append(Image.fromarray(pixels))
        known = {}
        while len(known) < 8:
            kind, text, answer = question(rng, found)
            known[text] = (len(pictures) - 1, kind, text, answer)
        asked += known.values()
    return pictures, asked[:count]


def by_torch(directory, pictures, asked, alone):
    import torch
    from transformers import LlavaNextForConditionalGeneration, LlavaNextProcessor

    torch.set_num_threads(1)
    processor = LlavaNextProcessor.from_pretrained(directory)
    model = LlavaNextForConditionalGeneration.from_pretrained(directory, dtype=torch.float32).eval()
    if alone:
        sizes = processor.image_processor.image_grid_pinpoints[:1]
        model.config.image_grid_pinpoints = processor.image_processor.image_grid_pinpoints = sizes
    said = []
    for number, _, text, _ in asked:
        content = [{"type": "image"}, {"type": "text", "text": text}]
        prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(images=pictures[number], text=prompt, return_tensors="pt")
        with torch.no_grad():
            out = model.generate(**inputs, max_new_tokens=8, do_sample=False)
        said.append(processor.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip())
    return said


def by_program(program, model, pictures, asked, alone):
    with tempfile.TemporaryDirectory() as folder:
        for number, image in enumerate(pictures):
            image.save(os.path.join(folder, f"{number}.png"))
        with open(os.path.join(folder, "questions.jsonl"), "w") as file:
            for number, _, text, _ in asked:
                file.write(json.dumps({"image": f"{number}.png", "prompt": text}) + "\n")
        command = [program, "run", "-m", model, "--batch", file.name, "-t", "1", "--max-new-tokens", "8", "-q"]
        command += ["--image-max-rows", str(FEWEST)] if alone else []
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [json.loads(line)["text"].strip() for line in out.splitlines()]


def make(directory):
    """Draws the pictures of the test and asks PyTorch about them: tiles.png, tiles.json; and one by itself, small_shapes.png."""
    pictures, asked = test_questions(PICTURES * 8)
    assert len(pictures) == PICTURES
    sheet = Image.new("RGB", (COLUMNS * LONGEST, -(-PICTURES // COLUMNS) * LONGEST))
    listed = []
    for number, image in enumerate(pictures):
        left, top = number % COLUMNS * LONGEST, number // COLUMNS * LONGEST
        sheet.paste(image, (left, top))
        listed.append({"left": left, "top": top, "width": image.width, "height": image.height, "questions": []})
    said = [by_torch(directory, pictures, asked, alone) for alone in (False, True)]
    for (number, kind, text, answer), tiles, without in zip(asked, *said):
        line = {"kind": kind, "text": text, "answer": answer, "tiles": tiles, "without": without}
        listed[number]["questions"].append(line)
    here = os.path.dirname(os.path.abspath(__file__))
    sheet.save(os.path.join(here, "tiles.png"), optimize=True)
    first = next(n for n, one in enumerate(listed) if one["width"] == one["height"])
    pictures[first].save(os.path.join(here, "small_shapes.png"), optimize=True)
    with open(os.path.join(here, "tiles.json"), "w") as file:
        json.dump(listed, file, separators=(",", ":"))
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description="Questions about small shapes, with and without tiles.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--torch", metavar="DIR", help="the checkpoint in DIR, in PyTorch, float32")
    what.add_argument("--make", metavar="DIR", help="draw the pictures of the test and let the checkpoint in DIR answer, in PyTorch")
    what.add_argument("--model", metavar="FILE", help="a converted file, by the program")
    parser.add_argument("--program", default="target/release/ocelli", help="default %(default)s")
    parser.add_argument("--questions", type=int, default=1200, help="default %(default)s")
    parser.add_argument("--answers", metavar="FILE", help="write all answers as JSON lines")
    args = parser.parse_args()
    if args.make:
        make(args.make)
        return
    pictures, asked = test_questions(args.questions)
    lines = [{"picture": n, "kind": kind, "prompt": text, "answer": answer} for n, kind, text, answer in asked]
    for alone, name in ((False, "tiles"), (True, "without")):
        begin = time.time()
        given = (pictures, asked, alone)
        said = by_torch(args.torch, *given) if args.torch else by_program(args.program, args.model, *given)
        assert len(said) == len(asked)
        total, right = collections.Counter(), collections.Counter()
        for line, text in zip(lines, said):
            line[name] = text
            for kind in (line["kind"], "all"):
                total[kind] += 1
                right[kind] += text == line["answer"]
        print(f"{name}: {time.time() - begin:.0f} s, {len(pictures)} pictures")
        for kind in [*KINDS, "all"]:
            print(f"  {kind:12} {right[kind]:5} of {total[kind]:5}  {100 * right[kind] / max(total[kind], 1):6.2f} %")
    if args.answers:
        with open(args.answers, "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
