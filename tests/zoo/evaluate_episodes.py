"""Make the naming game's test episodes, or measure a checkpoint on them in PyTorch.

Outlines and names are held out from training. Two kinds of episodes: in `apart` the two classes
differ in outline, inks and texture alike, in `outline` they differ in the outline alone.

The non-obvious thing: pictures are stored, not their recipe. An engine is scored on the very bytes
that PyTorch saw: tile n of episodes.png, counted along its rows, is picture n.
"""

import argparse
import json
import os
import random
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
from PIL import Image

from drawn_classes import HELD_OUT, SIDE, TEXTURES, draw, random_inks
from naming_game import random_name

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS, COPIES, GROUPS = 12, 4, 9
BEGUN = "This is a"


def make(directory):
    rng = random.Random(2021)
    outlines = sorted(HELD_OUT)
    order = [outlines[(4 * group + k) % len(outlines)] for group in range(GROUPS) for k in range(4)]
    textures = rng.sample(TEXTURES, len(TEXTURES)) + ["plain", "rows"]
    looks = [(random_inks(rng), textures[group]) for group in range(GROUPS)]
    classes = [(name, HELD_OUT[name], *looks[at // 4]) for at, name in enumerate(order)]
    tiles = [draw(rng, one) for one in classes for _ in range(COPIES)]
    rows = [np.concatenate(tiles[at : at + COLUMNS], 1) for at in range(0, len(tiles), COLUMNS)]
    Image.fromarray(np.concatenate(rows)).save(os.path.join(directory, "episodes.png"), optimize=True)
    episodes = []
    for kind, count in [("apart", 400), ("outline", 150)]:
        for shots in (1, 3):
            for _ in range(count):
                while True:
                    one, other = rng.sample(range(len(classes)), 2)
                    if order[one] != order[other] and (one // 4 == other // 4) == (kind == "outline"):
                        break
                names = [random_name(rng, held_out=True), random_name(rng, held_out=True)]
                while names[0] == names[1]:
                    names[1] = random_name(rng, held_out=True)
                answer = rng.randrange(2)
                pictures = [rng.sample(range(COPIES), COPIES) for _ in range(2)]
                named = [0] * shots + [1] * shots
                rng.shuffle(named)
                places = [COPIES * (one, other)[which] + pictures[which].pop() for which in named]
                asked = COPIES * (one, other)[answer] + pictures[answer].pop()
                episodes.append(
                    {"kind": kind, "names": names, "shown": places, "named": named, "asked": asked, "answer": answer}
                )
    with open(os.path.join(directory, "episodes.json"), "w") as file:
        file.write('{"side": %d, "columns": %d, "begun": "%s", "episodes": [\n' % (SIDE, COLUMNS, BEGUN))
        file.write(",\n".join(json.dumps(e, separators=(",", ":")) for e in episodes))
        file.write("\n]}\n")
    print(f"wrote {len(tiles)} pictures and {len(episodes)} episodes")


def read(directory):
    with open(os.path.join(directory, "episodes.json")) as file:
        game = json.load(file)
    sheet, side, columns = Image.open(os.path.join(directory, "episodes.png")).convert("RGB"), game["side"], game["columns"]

    def tile(number):
        x, y = number % columns * side, number // columns * side
        return sheet.crop((x, y, x + side, y + side))

    return game, tile


def measure(checkpoint, directory, threads):
    import torch
    from transformers import IdeficsForVisionText2Text, IdeficsProcessor

    torch.set_num_threads(threads)
    game, tile = read(directory)
    processor = IdeficsProcessor.from_pretrained(checkpoint)
    model = IdeficsForVisionText2Text.from_pretrained(checkpoint, dtype=torch.float32).eval()
    right, start = {}, time.time()
    for episode in game["episodes"]:
        names, prompt = episode["names"], []
        for place, which in zip(episode["shown"], episode["named"]):
            prompt += [tile(place), f"{game['begun']} {names[which]}."]
        prompt += [tile(episode["asked"]), game["begun"]]
        given = processor(text=[prompt], return_tensors="pt")
        length = given["input_ids"].shape[1]
        with torch.no_grad():
            likely = []
            for name in names:
                inputs = processor(text=[prompt[:-1] + [f"{game['begun']} {name}."]], return_tensors="pt")
                chance = model(**inputs, use_cache=False).logits[0].log_softmax(-1)
                ids = inputs["input_ids"][0]
                assert torch.equal(ids[:length], given["input_ids"][0])
                likely.append(sum(chance[at - 1, ids[at]].item() for at in range(length, len(ids))))
            said = model.generate(**given, max_new_tokens=8, do_sample=False)[0, length:]
        text = processor.tokenizer.decode(said, skip_special_tokens=True)
        key = (episode["kind"], len(episode["shown"]) // 2)
        chosen = int(likely[1] > likely[0]) == episode["answer"]
        open_ended = text.split(".")[0].strip() == names[episode["answer"]]
        right.setdefault(key, []).append((chosen, open_ended))
    for (kind, shots), found in sorted(right.items()):
        chosen, open_ended = np.mean(found, 0)
        print(f"{kind:8} {shots} shots  {len(found)} episodes  chosen of two {100 * chosen:.2f} %  said {100 * open_ended:.2f} %")
    print(f"{time.time() - start:.0f} s")


def main():
    parser = argparse.ArgumentParser(description="Make the test episodes, or measure a checkpoint on them.")
    parser.add_argument("--episodes", metavar="DIR", default=HERE, help="where episodes.json and episodes.png are")
    parser.add_argument("--threads", type=int, default=1)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--make", action="store_true", help="draw and write them")
    what.add_argument("--torch", metavar="DIR", help="measure the checkpoint in DIR in PyTorch, float32")
    args = parser.parse_args()
    if args.make:
        make(args.episodes)
    else:
        measure(args.torch, args.episodes, args.threads)


if __name__ == "__main__":
    main()
