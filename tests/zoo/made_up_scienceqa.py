"""Writes a made-up ScienceQA folder: problems.json, pid_splits.json, captions.json and pictures, in the public layout.

    python made_up_scienceqa.py DIR [--problems 60] [--seed 1]

A picture shows a coloured square; the questions are about its colour or about sums. Python 3.9 or later and Pillow. What it
writes has the fields and the kinds of values of the real files and nothing of their content.
"""

import argparse
import json
import random
from pathlib import Path

from PIL import Image

COLOURS = {"red": (220, 20, 20), "green": (20, 160, 20), "blue": (20, 20, 220), "yellow": (230, 220, 20)}
SUBJECTS = {"natural science": ["physics", "biology"], "social science": ["geography"], "language science": ["grammar"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--problems", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    drawn = random.Random(args.seed)
    problems, splits, captions = {}, {"train": [], "val": [], "test": []}, {}
    for number in range(1, args.problems + 1):
        pid = str(number)
        split = ["train", "test", "test", "val"][number % 4]
        splits[split].append(pid)
        seen = drawn.random() < 0.5
        subject = drawn.choice(list(SUBJECTS))
        problem = {
            "hint": drawn.choice(["", "Look closely.", "A picture may help.\nOr not."]),
            "image": "image.png" if seen else None,
            "task": "closed choice",
            "grade": f"grade{drawn.randrange(1, 13)}",
            "subject": subject,
            "topic": drawn.choice(SUBJECTS[subject]),
            "category": "Made up",
            "skill": "Answer",
            "lecture": drawn.choice(["", "A question has one answer.\nThe others are wrong."]),
            "split": split,
        }
        if seen:
            choices = drawn.sample(list(COLOURS), drawn.randrange(2, 5))
            answer = drawn.randrange(len(choices))
            problem.update(question="What color is the shape?", choices=choices, answer=answer)
            path = args.folder / "images" / split / pid / "image.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = Image.new("RGB", (64, 64), (255, 255, 255))
            side = drawn.randrange(16, 40)
            picture.paste(COLOURS[choices[answer]], (8, 8, 8 + side, 8 + side))
            picture.save(path)
            captions[pid] = f"a {choices[answer]} square"
        else:
            one, other = drawn.randrange(2, 9), drawn.randrange(2, 9)
            choices = [str(one + other), str(one + other + 1), str(one + other - 1)][: drawn.randrange(2, 4)]
            drawn.shuffle(choices)
            problem.update(question=f"What is {one} + {other}?", choices=choices, answer=choices.index(str(one + other)))
        problem["solution"] = drawn.choice(["", f"It is {problem['choices'][problem['answer']]}."])
        problems[pid] = problem
    splits["trainval"] = splits["train"] + splits["val"]
    splits["minitrain"], splits["minival"], splits["minitest"] = (splits[s][:5] for s in ("train", "val", "test"))
    for name, content in [("problems", problems), ("pid_splits", splits), ("captions", {"captions": captions})]:
        (args.folder / f"{name}.json").write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
