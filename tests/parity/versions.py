"""Small random checkpoints of every family as one version of transformers saves them, with what that version computes for
them; then what `ocelli` makes of them. The check that a setting which moves from one version to the next is not lost.

    PYTHON versions.py make DIR [NAME...]           under each version: DIR/VERSION/NAME, the files and expected.json
    PYTHON versions.py bend DIR/VERSION [NAME...]   how far one setting of config.json after the other moves the logits
    PYTHON versions.py check OCELLI DIR [NAME...]   converts and scores all of them; a table, and counts by family and version
    PYTHON versions.py fuzz OCELLI DIR/VERSION [NAME...]   the same after every change of one key of one JSON file there

Nothing of it is kept in the tree. The expected numbers come from `from_pretrained` on the files as they lie there, hand-made
changes to config.json included, in f32. Two things are not obvious. Weights are formulas of large scale and every epsilon
that is set is huge, so that a setting that is lost moves the logits far beyond rounding: `bend` shows it. And what is
compared are log-probabilities of continuations, which `ocelli score` prints: a dozen of a single token each, which are the
logits behind the prompt but for a constant, and three of many tokens, at whose places all of the prompt has an effect.
"""
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
from versions_cases import CASES, read, write
from versions_originals import CONTINUATIONS, PROMPT, Flamingo, Frozen, NarrowBlip2, fill, major, original, tokenizer, transformers_version

# Their ids are compared, and nothing else. What a special token does to the blank behind it is among them.
TEXTS = ["a photo of", " two  spaces ", "naïve café — 東京 🦉\u00a0\n\tx", "it's they're I'VE 0123 4½", "</s>middle</s> of text", "<s>what is this?</s> a<s>b",
         "line\nline\n\n  end", ""]
LIMIT = 1e-4


def make(name, root):
    import torch

    spec, directory = CASES[name], f"{root}/{name}"
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    kind = original(spec)
    parts = kind is Flamingo
    tokens = tokenizer(spec["tokenizer"], f"{directory}/language" if parts else directory, spec.get("chat"))
    dtype = getattr(torch, spec.get("dtype", "float32"))
    model = kind.build(directory, spec, tokens)
    named = kind.trained(model).items() if parts else model.names().items() if kind is Frozen else model.named_parameters()
    fill(named, spec["seed"], dtype)
    getattr(kind, "save", lambda m, d, **more: m.to(dtype).save_pretrained(d, **more))(model, directory, **spec.get("save", {}))
    if spec.get("edit"):
        config = read(f"{directory}/config.json")
        spec["edit"](config)
        write(f"{directory}/config.json", config)
    if spec.get("files"):
        spec["files"](directory)
    generation = f"{directory}/generation_config.json"
    if "generation" in spec and spec["generation"] is None:
        os.remove(generation)
    elif spec.get("generation"):
        write(generation, read(generation) | spec["generation"])
    expected = answers(kind(directory, spec))
    write(f"{directory}/expected.json", expected | dict(version=transformers_version(), family=spec["family"], refused=spec.get("refused"), picture="picture" in spec and kind is not NarrowBlip2))


def answers(model):
    """What the original says of the prompt and of other texts."""
    import torch

    tokens = model.tokens
    # A continuation stands behind something: some tokenizers put a blank before what begins a text, and nowhere else.
    encode = lambda t: tokens(tokens.eos_token + t, add_special_tokens=False)["input_ids"][1:]
    with torch.no_grad():
        last = model.rows([])[-1]
        singles = []
        for id in range(0, len(last), 3):
            text = tokens.decode([id])
            if text.strip().isalnum() and text.isascii() and encode(text) == [id]:
                singles.append((text, [id]))
        wanted = singles[:: max(1, len(singles) // 12)] + [(t, encode(t)) for t in CONTINUATIONS]
        scores = []
        for text, ids in wanted:
            rows = torch.log_softmax(model.rows(ids)[-len(ids) - 1 : -1].double(), -1)
            scores.append(dict(text=text, ids=ids, logprobs=rows[torch.arange(len(ids)), torch.tensor(ids)].tolist()))
        marks = [i for t in ("<image>",) for i in [tokens.convert_tokens_to_ids(t)] if i is not None and i != tokens.unk_token_id]
        found = dict(ids=[i for i in model.inputs["input_ids"][0].tolist() if i not in marks], marks=marks, scale=float(last.abs().max()), scores=scores,
                     texts=[dict(text=t, ids=tokens(t)["input_ids"]) for t in TEXTS], chat=tokens.chat_template)
        if hasattr(model, "model") and not isinstance(model, Flamingo):
            found["greedy"] = greedy(model)
    return found


def greedy(model):
    """Eight tokens by the original's own `generate`, its defaults included, and how clear each decision was."""
    out = model.model.generate(**model.inputs, max_new_tokens=8, do_sample=False, return_dict_in_generate=True, output_scores=True)
    ids = out.sequences[0, model.inputs["input_ids"].shape[1] :].tolist()
    tops = [s[0].topk(2).values for s in out.scores]
    beams = len(out.scores[0]) > 1
    return dict(ids=ids, gap=1.0 if beams else min(float(t[0] - t[1]) for t in tops))


def bend(name, root):
    """What each number and switch of config.json changes where it is another: what has no effect here, a check would miss."""
    import torch

    spec, directory = CASES[name], f"{root}/{name}"
    kind = original(spec)
    if kind is Flamingo or spec.get("refused"):
        return
    with torch.no_grad(), tempfile.TemporaryDirectory() as other:
        plain = kind(directory, spec).rows([])[-1]
        for what, changed in changes(read(f"{directory}/config.json"), ["change"]):
            shutil.copytree(directory, other, dirs_exist_ok=True)
            write(f"{other}/config.json", changed)
            try:
                rows = kind(other, spec).rows([])[-1]
            except Exception:  # Other sizes than the tensors'.
                continue
            moved = float((rows - plain).abs().max() / plain.abs().max()) if rows.shape == plain.shape else float("inf")
            print(f"{name:24s} {what:50s} {moved:.1e}", flush=True)


def changes(value, kinds, path=()):
    """A JSON object with one key changed: its number doubled or its switch turned, taken out, given another name, or put one deeper."""
    for key, inside in value.items():
        at = ".".join((*path, key))
        if isinstance(inside, dict):
            yield from ((what, value | {key: changed}) for what, changed in changes(inside, kinds, (*path, key)))
        rest = {k: v for k, v in value.items() if k != key}
        if "change" in kinds and isinstance(inside, (bool, int, float)):
            yield f"change {at}", value | {key: not inside if isinstance(inside, bool) else inside * 2}
        if "drop" in kinds:
            yield f"drop {at}", rest
        if "rename" in kinds:
            yield f"rename {at}", rest | {f"{key}_2": inside}
        if "nest" in kinds:
            yield f"nest {at}", rest | {"inner": {key: inside}}
    if "add" in kinds and not path:
        yield "add", value | {"attention_sink": 4}


FILES = ["config.json", "generation_config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json"]


def fuzz(binary, name, root, counts):
    """Every change of one key; the original is asked anew for each."""
    spec, directory = CASES[name], f"{root}/{name}"
    kind = original(spec)
    if kind is Flamingo or spec.get("refused"):
        return
    plain, (before, _, known) = read(f"{directory}/expected.json"), check(binary, directory)
    for file in [f for f in FILES if os.path.exists(f"{directory}/{f}")]:
        for what, changed in changes(read(f"{directory}/{file}"), ["change", "drop", "rename", "nest", "add"]):
            with tempfile.TemporaryDirectory() as other:
                shutil.copytree(directory, other, dirs_exist_ok=True)
                write(f"{other}/{file}", changed)
                try:
                    asked = answers(kind(other, spec))
                except Exception:
                    asked = None
                write(f"{other}/expected.json", plain | (asked or {}))
                verdict, worst, notes = check(binary, other)
            verdict = "refused" if verdict == "REFUSED" else "as unchanged" if (verdict, notes) == (before, known) else verdict
            if asked is None and verdict != "refused":
                verdict = "original fails"
            counts[verdict] = counts.get(verdict, 0) + 1
            if verdict not in ("agrees", "refused", "as unchanged", "original fails"):
                print(f"{name:20s} {file:24s} {what:50s} {verdict:22s} {'' if worst is None else f'{worst:.1e}':8s} {notes[:240]}", flush=True)


def ocelli(binary, *args):
    """Exit status, standard output, standard error."""
    run = subprocess.run([binary, *args], capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr.strip()


def check(binary, directory):
    """A row of the table: verdict, worst difference of logits relative to the largest, and what else is to be said."""
    expected = read(f"{directory}/expected.json")
    file = f"{directory}/model.gguf"
    source = [directory]
    if expected["family"] == "open_flamingo":
        source = ["openflamingo", "--adapter", f"{directory}/checkpoint.pt", "--language", f"{directory}/language", "--vision", f"{directory}/vision"]
    code, out, error = ocelli(binary, "convert", *source, "-o", file, "--type", "f32")
    if code:
        by_design = expected["refused"] and expected["refused"] in error
        return ("refused" if by_design else "REFUSED"), None, error.splitlines()[-1]
    said = [line.strip() for line in (out + error).splitlines() if line.startswith("note")]
    prompt = ["-m", file, "-p", PROMPT, "-q", "--json", *(["-i", f"{directory}/picture.png"] if expected["picture"] else [])]
    code, out, error = ocelli(binary, "score", *prompt, *(f"--continuation={s['text']}" for s in expected["scores"]))
    if code:
        return "FAILED", None, error
    worst, notes = compare(json.loads(out), expected)
    if worst > LIMIT:
        return "WRONG, " + ("said" if said else "SILENT"), worst, "; ".join(said + notes)
    notes += others(binary, file, prompt, expected)
    os.remove(file)
    return ("logits agree" + (", said" if said else "") if notes else "agrees"), worst, "; ".join(said + notes if notes else [])


def compare(got, expected):
    """The worst difference of log-probabilities whose ids agree, infinite where none do, and where ids do not."""
    notes, worst = [], []
    ids = [i for i in got["prompt_ids"] if i not in expected["marks"]]
    if ids != expected["ids"]:
        notes.append(f"prompt ids {first_difference(ids, expected['ids'])}")
    for ours, theirs in zip(got["continuations"], expected["scores"]):
        if ours["ids"] != theirs["ids"]:
            notes.append(f"ids of {theirs['text']!r} {first_difference(ours['ids'], theirs['ids'])}")
        else:
            worst += [abs(a - b) for a, b in zip(ours["logprobs"], theirs["logprobs"])]
    return max(worst, default=float("inf")) / expected["scale"], notes


def others(binary, file, prompt, expected):
    """Differences that are none of logits."""
    notes = []
    for t in expected["texts"]:
        code, out, error = ocelli(binary, "tokenize", "-m", file, "--ids", t["text"])
        ids = [int(i) for i in out.split()]
        if code or ids != t["ids"]:
            notes.append(f"{t['text']!r} is {error or first_difference(ids, t['ids'])}")
    if expected["chat"] and expected["chat"].encode() not in open(file, "rb").read():
        notes.append("the chat template is lost")
    if expected.get("greedy", {}).get("gap", 0.0) > 5e-3:
        code, out, error = ocelli(binary, "run", *prompt, "-n", "8")
        ids = json.loads(out)["ids"] if not code else error
        if ids != expected["greedy"]["ids"]:
            notes.append(f"generates {ids}, the original {expected['greedy']['ids']}")
    return notes


def first_difference(ours, theirs):
    at = next((i for i, (a, b) in enumerate(itertools.zip_longest(ours, theirs)) if a != b), 0)
    return f"{ours[at : at + 3]} not {theirs[at : at + 3]} at {at} ({len(ours)} for {len(theirs)})"


def table(binary, root, names):
    counts = {}
    for version in sorted(os.listdir(root)):
        for name in names or [n for n in CASES if os.path.exists(f"{root}/{version}/{n}")]:
            if not os.path.exists(f"{root}/{version}/{name}/expected.json"):
                continue
            verdict, worst, notes = check(binary, f"{root}/{version}/{name}")
            print(f"{name:26s} {version:8s} {verdict:16s} {'' if worst is None else f'{worst:.1e}':8s} {notes}", flush=True)
            for row in ((CASES[name]["family"], version), ("all", "")):
                counts.setdefault(row, {}).setdefault(verdict, 0)
                counts[row][verdict] += 1
    for (family, version), found in counts.items():
        print(f"{family} {version}: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(found.items())))
    return any(v not in ("agrees", "refused") for v in counts.get(("all", ""), {}))


def main(command, *args):
    if command == "check":
        return table(args[0], args[1], args[2:])
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore")
    binary, args = (args[0], args[1:]) if command == "fuzz" else (None, args)
    root, counts, failed = f"{args[0]}/{transformers.__version__}" if command == "make" else args[0], {}, 0
    os.makedirs(root, exist_ok=True)
    for name in args[1:] or [n for n, spec in CASES.items() if major() in spec.get("versions", (4, 5))]:
        try:
            {"make": lambda: make(name, root), "bend": lambda: bend(name, root), "fuzz": lambda: fuzz(binary, name, root, counts)}[command]()
        except Exception as error:  # Said, and the rest is made: some versions cannot write or read some cases.
            failed += 1
            shutil.rmtree(f"{root}/{name}.published", ignore_errors=True)
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}", flush=True)
    print(", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())) or f"{failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
