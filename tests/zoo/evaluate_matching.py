"""Retrieval on easy-VQA's test pictures: by the tiny matching model in PyTorch, or by the `ocelli` program.

The captions are the distinct ones of the test pictures ("a blue circle"). Several pictures have the same one, so a
caption's first hit is right where that picture shows what it says. What the questions do not tell of a picture leaves it
out. ITC is the greatest cosine over the queries; ITM is the matching head's probability, over all pairs.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import easy_vqa
import numpy as np
from PIL import Image

from train_tiny_blip2 import COLOUR_NAMES, SHAPES


def test_pictures():
    """(numbers of the pictures, caption of each) where the test questions give shape and colour away."""
    shapes, colours = {}, {}
    for question, answer, picture in zip(*easy_vqa.get_test_questions()):
        words = question.rstrip("?").split()
        if answer in SHAPES:
            shapes[picture] = answer
        if answer in COLOUR_NAMES:
            colours[picture] = answer
        if words[0] == "what" and words[-1] in SHAPES:
            shapes[picture] = words[-1]
        if words[0] == "what" and len(words) > 3 and words[3] in COLOUR_NAMES:
            colours[picture] = words[3]
    known = sorted(set(shapes) & set(colours))
    return known, [f"a {colours[i]} {shapes[i]}" for i in known]


def report(name, scores, captions, texts):
    """Recall at 1 both ways; scores are pictures x texts."""
    truth = np.array([[c == t for t in texts] for c in captions])
    to_text = truth[np.arange(len(captions)), scores.argmax(1)].mean()
    to_picture = truth[scores.argmax(0), np.arange(len(texts))].mean()
    print(f"{name}: text of a picture {100 * to_text:.2f} % of {len(captions)}, picture of a text {100 * to_picture:.2f} % of {len(texts)}")


def by_torch(directory, pictures, texts):
    import torch
    from transformers import AutoTokenizer, Blip2ForImageTextRetrieval, BlipImageProcessor

    from train_tiny_matching import match, queries_of, similarities, texts_of

    torch.set_num_threads(1)
    model = Blip2ForImageTextRetrieval.from_pretrained(directory, dtype=torch.float32).eval()
    words = AutoTokenizer.from_pretrained(directory)(texts, padding=True, return_tensors="pt")
    ids, mask = words["input_ids"], words["attention_mask"]
    processor = BlipImageProcessor.from_pretrained(directory)
    itc, itm = [], []
    with torch.no_grad():
        read = texts_of(model, ids, mask)
        for path in pictures:
            pixels = processor(Image.open(path).convert("RGB"), return_tensors="pt")["pixel_values"]
            rows = model.vision_model(pixel_values=pixels).last_hidden_state
            itc.append(similarities(queries_of(model, rows), read)[0].numpy())
            logits = match(model, rows.expand(len(texts), -1, -1), ids, mask)
            itm.append(logits.softmax(1)[:, 1].numpy())
    return np.stack(itc), np.stack(itm)


def by_program(program, model, pictures, texts):
    command = [program, "match", "-m", model, "--json"]
    for path in pictures:
        command += ["--image", path]
    for text in texts:
        command += ["--text", text]
    pairs = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["pairs"]
    itc = np.zeros((len(pictures), len(texts)))
    itm = np.zeros_like(itc)
    for pair in pairs:
        itc[pair["image"], pair["text"]], itm[pair["image"], pair["text"]] = pair["itc"], pair["itm"]
    return itc, itm


def main():
    parser = argparse.ArgumentParser(description="Retrieval on the test pictures of easy-VQA.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--torch", metavar="DIR", help="the checkpoint in DIR, in PyTorch")
    what.add_argument("--model", metavar="FILE", help="a converted file, by the program")
    parser.add_argument("--program", default="target/release/ocelli", help="default %(default)s")
    parser.add_argument("--limit", type=int, default=0, help="only the first pictures (0: all)")
    args = parser.parse_args()
    known, captions = test_pictures()
    known, captions = known[: args.limit or None], captions[: args.limit or None]
    texts = sorted(set(captions))
    paths = easy_vqa.get_test_image_paths()
    begin = time.time()
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for number in known:
            files.append(os.path.join(directory, f"{number}.png"))
            Image.open(paths[number]).convert("RGB").save(files[-1])
        found = by_torch(args.torch, files, texts) if args.torch else by_program(args.program, args.model, files, texts)
    for name, scores in zip(["ITC", "ITM"], found):
        report(name, scores, captions, texts)
    print(f"{time.time() - begin:.0f} s")


if __name__ == "__main__":
    main()
