"""Prompts of ScienceQA's and Multimodal-CoT's own code for 200 made-up problems in every format: scienceqa.json.

    python scienceqa.py SCIENCEQA MMCOT

SCIENCEQA is a checkout of github.com/lupantech/ScienceQA (models/base_prompt.py), MMCOT one of
github.com/amazon-science/mm-cot (utils_prompt.py). The golden has the problems and, of each format, a hash (FNV-1a, 64 bits)
over the prompts of all problems, a zero byte behind each; the first problem's prompt stands as it is. Python 3.11 made it.
"""

import json
import pathlib
import random
import sys
import types

sys.path[:0] = [str(pathlib.Path(sys.argv[1]) / "models"), sys.argv[2]]
import base_prompt  # noqa: E402
import utils_prompt  # noqa: E402

WORDS = ["which", "of", "these", "is", "a", "BECAUSE:", "Question: ", "magnet", "\u00e9t\u00e9", "x  y", "   ", "\u00a0", "\x1c", "<image>", "(A)", "Context:", "\t", "two\nlines", "tail  ", "."]


def text(rng, most):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randrange(most + 1)))


def problem(rng):
    choices = [text(rng, 3) or "none" for _ in range(rng.randrange(2, 6))]
    return {
        "question": text(rng, 8),
        "choices": choices,
        "answer": rng.randrange(len(choices)),
        "hint": rng.choice(["", text(rng, 6)]),
        "image": rng.choice([None, "image.png"]),
        "caption": rng.choice(["", text(rng, 4)]),
        "lecture": rng.choice(["", text(rng, 10)]),
        "solution": rng.choice(["", text(rng, 10)]),
        "grade": f"grade{rng.randrange(1, 13)}",
        "subject": rng.choice(["natural science", "social science", "language science"]),
        "topic": rng.choice(["physics", "geography", "grammar"]),
    }


def fnv(texts):
    state = 0xCBF29CE484222325
    for one in texts:
        for byte in one.encode() + b"\0":
            state = (state ^ byte) * 0x100000001B3 % 2**64
    return f"{state:016x}"


rng = random.Random(20260)
problems = {str(number): problem(rng) for number in range(200)}
golden = {"problems": problems, "formats": {}, "mm_cot": {}}
inputs = ["QCM", "CQM", "QCML", "QCME", "QCMLE", "QCLM", "QCEM", "QCLEM"]
outputs = ["A", "AL", "AE", "ALE", "AEL", "LA", "EA", "LEA", "ELA"]
for input in inputs:
    for output in outputs:
        for captions in (False, True):
            args = types.SimpleNamespace(prompt_format=f"{input}-{output}", use_caption=captions, options=list("ABCDE"))
            prompts = [
                base_prompt.build_prompt(problems, [str((i * 7 + k) % 200) for k in range(i % 3)], str(i), args)
                for i in range(200)
            ]
            golden["formats"][f"{input}-{output} {captions}"] = [fnv(prompts), prompts[2]]
for format, rationale in [("QCM-E", None), ("QCM-LE", None), ("CQM-LE", None), ("QCMG-A", "Solution: so  it is."), ("QCMG-A", None)]:
    args = types.SimpleNamespace(prompt_format=format, use_caption=True, options=list("ABCDE"))
    pairs = [utils_prompt.build_train_pair(problems, str(i), args, rationale) for i in range(200)]
    golden["mm_cot"][f"{format} {rationale}"] = [fnv(p for p, _ in pairs), fnv(t for _, t in pairs)]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")
