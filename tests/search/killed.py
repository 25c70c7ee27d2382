"""Kills 'ocelli search' at random moments while it embeds a folder, goes on with it, and compares the index with that of
an undisturbed run.

    python tests/search/killed.py --ocelli PROGRAM --model FILE --folder FOLDER [--kills 50] [--seed 1]

FOLDER is what generated.py wrote, say; the indexes lie in a temporary folder. Python 3.9 or later, nothing else.
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
    parser.add_argument("--model", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    def command(index):
        return [args.ocelli, "search", args.folder, "-m", args.model, "-q", "--index", str(index)]

    drawn = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = Path(folder) / "whole"
        start = time.monotonic()
        subprocess.run(command(undisturbed), check=True)
        took = time.monotonic() - start
        whole = undisturbed.read_bytes()
        print(f"{len(whole)} bytes in {took:.1f} s")
        index = Path(folder) / "killed"
        before = 0
        # Moments by how far the file is, and a little more, so that a kill may fall anywhere within a record.
        for kill, target in enumerate(sorted(drawn.uniform(0, len(whole)) for _ in range(args.kills)), 1):
            child = subprocess.Popen(command(index))
            while child.poll() is None and (not index.exists() or index.stat().st_size < target):
                time.sleep(0.0005)
            time.sleep(drawn.uniform(0, 0.005))
            child.send_signal(signal.SIGKILL)
            child.wait()
            there = index.read_bytes() if index.exists() else b""
            if not whole.startswith(there):
                sys.exit(f"kill {kill}: what is there is no beginning of the whole")
            if len(there) < before:
                sys.exit(f"kill {kill}: {len(there)} bytes, there were {before}")
            before = len(there)
        subprocess.run(command(index), check=True)
        if index.read_bytes() != whole:
            sys.exit("the index is another one")
    print(f"the same index after {args.kills} kills")


if __name__ == "__main__":
    main()
