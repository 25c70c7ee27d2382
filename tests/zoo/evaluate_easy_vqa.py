"""Measure easy-VQA test accuracy in PyTorch, or write the same questions out for other engines.

The non-obvious thing: each question goes through the library's own generate(), batched by
prompt length so that no padding is involved; an answer counts only if it is exact.
"""

import argparse
import collections
import json
import os
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import easy_vqa
from PIL import Image

COLOURS = {"black", "gray", "red", "green", "blue", "yellow", "teal", "brown"}


def kind_of(question, answer):
    if answer in ("yes", "no"):
        negative = " not " in question or question.startswith("is no ")
        about = "colour" if COLOURS & set(question.split()) else "shape"
        return f"yes/no, {about}" + (", negated" if negative else "")
    return "which colour" if answer in COLOURS else "which shape"


def test_questions():
    """(prompt, answer, picture number, kind) for all test questions, in the package's order."""
    return [
        (f"Question: {question} Answer:", answer, picture, kind_of(question, answer))
        for question, answer, picture in zip(*easy_vqa.get_test_questions())
    ]


def report(kinds, good, more=""):
    total, right = collections.Counter(kinds), collections.Counter(k for k, g in zip(kinds, good) if g)
    for kind in sorted(total):
        print(f"{kind:24} {right[kind]:5} of {total[kind]:5}  {100 * right[kind] / total[kind]:6.2f} %")
    print(f"{'all':24} {sum(good):5} of {len(good):5}  {100 * sum(good) / len(good):6.2f} %{more}")


def measure_torch(directory, batch, limit, threads, wrong_path):
    import torch
    from transformers import Blip2ForConditionalGeneration, Blip2Processor

    torch.set_num_threads(threads)
    processor = Blip2Processor.from_pretrained(directory)
    model = Blip2ForConditionalGeneration.from_pretrained(directory, dtype=torch.float32).eval()
    questions = test_questions()[: limit or None]
    paths = easy_vqa.get_test_image_paths()
    pixels = {}
    groups = collections.defaultdict(list)
    for index, (prompt, _, picture, _) in enumerate(questions):
        groups[len(processor.tokenizer(prompt)["input_ids"])].append(index)
        if picture not in pixels:
            image = Image.open(paths[picture]).convert("RGB")
            pixels[picture] = processor(images=image, return_tensors="pt")["pixel_values"][0]
    said = [None] * len(questions)
    begin = time.time()
    for indices in groups.values():
        for start in range(0, len(indices), batch):
            chunk = indices[start : start + batch]
            prompts = [questions[i][0] for i in chunk]
            # The processor puts the picture's places in front; a stand-in picture is enough for that.
            ids = processor(
                images=[Image.new("RGB", (8, 8))] * len(chunk), text=prompts, return_tensors="pt"
            )
            with torch.no_grad():
                out = model.generate(
                    pixel_values=torch.stack([pixels[questions[i][2]] for i in chunk]),
                    input_ids=ids["input_ids"],
                    attention_mask=ids["attention_mask"],
                    max_new_tokens=16,
                    do_sample=False,
                )
            # Depending on its version the library returns the prompt as well.
            given = ids["input_ids"].shape[1]
            if out.shape[1] > given and torch.equal(out[:, :given], ids["input_ids"]):
                out = out[:, given:]
            for i, text in zip(chunk, processor.batch_decode(out, skip_special_tokens=True)):
                said[i] = text.strip()
    good = [text == q[1] for text, q in zip(said, questions)]
    report([q[3] for q in questions], good, f"   ({time.time() - begin:.0f} s)")
    if wrong_path:
        with open(wrong_path, "w") as file:
            for (prompt, answer, picture, _), text, ok in zip(questions, said, good):
                if not ok:
                    file.write(json.dumps({"picture": picture, "prompt": prompt, "answer": answer, "said": text}) + "\n")


def export(directory):
    os.makedirs(os.path.join(directory, "pictures"), exist_ok=True)
    for number, path in easy_vqa.get_test_image_paths().items():
        Image.open(path).convert("RGB").save(os.path.join(directory, "pictures", f"{number}.png"))
    questions = test_questions()
    with open(os.path.join(directory, "questions.jsonl"), "w") as file:
        for prompt, answer, picture, kind in questions:
            record = {"image": f"pictures/{picture}.png", "prompt": prompt, "answer": answer, "kind": kind}
            file.write(json.dumps(record) + "\n")
    print(f"wrote {len(questions)} questions to {directory}/questions.jsonl")


def main():
    parser = argparse.ArgumentParser(description="Measure the 9,673 test questions of easy-VQA, or write them out.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--torch", metavar="DIR", help="measure the checkpoint in DIR in PyTorch, float32, greedy")
    what.add_argument("--export", metavar="DIR", help="write questions.jsonl and pictures/ into DIR")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--limit", type=int, default=0, help="only the first questions (0: all)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--wrong", metavar="FILE", help="with --torch: write the wrong answers as JSON lines")
    args = parser.parse_args()
    if args.torch:
        measure_torch(args.torch, args.batch, args.limit, args.threads, args.wrong)
    else:
        export(args.export)


if __name__ == "__main__":
    main()
