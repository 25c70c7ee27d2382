"""Kills a batch at random moments, goes on with it, and compares the file with that of an undisturbed run.

    python tests/zoo/interrupted_batch.py --ocelli PROGRAM --data DATA --whole FILE [--kills 10] [--seed 1]

DATA is what evaluate_easy_vqa.py --export wrote. FILE holds the answers of one run and is made where
it is not there. Python 3.9 or later, nothing else. Prints how many answers are right, by the rule of
the accuracy command: equal after trimming.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ocelli", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--whole", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    questions = args.data / "questions.jsonl"

    def command(out):
        return [args.ocelli, "run", "--batch", str(questions), "-n", "16", "-q", "--resume", "-o", str(out)]

    if not args.whole.exists():
        subprocess.run(command(args.whole), check=True)
    whole = args.whole.read_bytes()
    drawn = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "cut.jsonl"
        # Moments by how far the file is, and a little more, so that a kill may fall anywhere within a line.
        for target in sorted(drawn.uniform(0, len(whole)) for _ in range(args.kills)):
            child = subprocess.Popen(command(out))
            while child.poll() is None and (not out.exists() or out.stat().st_size < target):
                time.sleep(0.001)
            time.sleep(drawn.uniform(0, 0.005))
            child.send_signal(signal.SIGKILL)
            child.wait()
            there = out.read_bytes()
            print(f"killed with {there.count(bytes([10]))} answers, {len(there)} bytes")
            if not whole.startswith(there):
                sys.exit("what is there is no beginning of the whole")
        subprocess.run(command(out), check=True)
        if out.read_bytes() != whole:
            sys.exit("the file is another one")
    wanted = [json.loads(line)["answer"] for line in questions.read_text().splitlines()]
    given = [json.loads(line)["text"].strip() for line in whole.decode().splitlines()]
    if len(given) != len(wanted):
        sys.exit(f"{len(given)} answers to {len(wanted)} questions")
    right = sum(a == b for a, b in zip(wanted, given))
    print(f"the same file; {right} of {len(wanted)} right")


if __name__ == "__main__":
    main()
