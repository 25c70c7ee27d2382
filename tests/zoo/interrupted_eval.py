"""Kills an evaluation at random moments, goes on with it, and compares the file with that of an undisturbed run.

    python interrupted_eval.py --ocelli PROGRAM --data DIR [--kills 50] [--seed 1] [-- MORE OPTIONS]

DIR is what made_up_scienceqa.py wrote. Then two parts are run and merged, which has to give the same file again. Python 3.9 or
later, nothing else.
"""

import argparse
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
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("more", nargs="*")
    args = parser.parse_args()

    def command(out, *more):
        asked = [args.ocelli, "eval", "scienceqa", "--data", str(args.data), "-n", "16", "-q"]
        return [*asked, "--out", str(out), *args.more, *more]

    def run(command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    drawn = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        run(command(folder / "whole.jsonl"))
        whole = (folder / "whole.jsonl").read_bytes()
        out, torn = folder / "cut.jsonl", 0
        # Moments by how far the file is, and a little more, so that a kill may fall anywhere within a line.
        for target in sorted(drawn.uniform(0, len(whole)) for _ in range(args.kills)):
            child = subprocess.Popen(command(out), stdout=subprocess.DEVNULL)
            while child.poll() is None and (not out.exists() or out.stat().st_size < target):
                time.sleep(0.0005)
            time.sleep(drawn.uniform(0, 0.005))
            child.send_signal(signal.SIGKILL)
            child.wait()
            there = out.read_bytes() if out.exists() else b""
            if not whole.startswith(there):
                sys.exit("what is there is no beginning of the whole")
            # A kill seldom falls within a line's one write: cut the file there, too.
            if there and drawn.random() < 0.5:
                out.write_bytes(there[: -drawn.randrange(1, 40)])
                torn += 1
        run(command(out))
        if out.read_bytes() != whole:
            sys.exit("the file is another one")
        parts = [folder / f"{part}.jsonl" for part in (2, 1)]
        for part, number in zip(parts, (2, 1)):
            run(command(part, "--shard", f"{number}/2"))
        run([args.ocelli, "eval", "merge", *map(str, parts), "--out", str(folder / "merged.jsonl"), "-q"])
        if (folder / "merged.jsonl").read_bytes() != whole:
            sys.exit("two parts are not the whole")
    print(f"{args.kills} kills, {torn} of them within a line: the same file; two parts merged: the same file")


if __name__ == "__main__":
    main()
