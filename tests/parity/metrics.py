"""What published code says of made-up answers: metrics.json.

    python metrics.py

VQA's rule and normaliser are open_flamingo 2.0.1's (eval/vqa_metric.py), BLEU, ROUGE-L and CIDEr-D pycocoevalcap 1.2's, its
tokenizer Stanford's by Java. open_flamingo is found on the path, or in the folder that is the last argument. The golden has 300
answers and 60 captions; a larger one, which the test reads where OCELLI_METRICS_GOLDEN names it, makes --many 10000 FILE.
"""

import importlib.util
import json
import pathlib
import random
import re
import sys

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

found = next(p for p in sys.path + sys.argv[-1:] if (pathlib.Path(p) / "open_flamingo/eval/vqa_metric.py").exists())
source = (pathlib.Path(found) / "open_flamingo/eval/vqa_metric.py").read_text()
names = {"re": re, "sys": sys}
exec(source[source.index("class VQAEval") : source.index("def compute_vqa_accuracy")], names)

WORDS = ["a", "the", "An", "two", "Ten", "none", "dont", "Isnt", "it's", "yall'd've", "1,000", "3.5", "blue", "red-ish", "U.S.", "yes", "no", "café", "(left)", "a/b", "x;", "; y", "$5", ".", "...", "what?", "\t", "\n", "somebody'd", "oclock", "lets", "7.", "v2.0."]
PLAIN = "a man on the red surfboard rides big wave in ocean two dogs play with ball near old tree and small house".split()
TEXTS = [
    "A man riding a wave on top of a surfboard.", "Two dogs aren't playing; they're asleep!", "A black-and-white cat, on a bed.", "He can't see 1,000 birds (or 3.5 miles).",
    "A sign that says \"STOP\" at 10:30", "It's the U.S. flag.", "Mr. Smith's dog", "a dog's ball", "cannot wait", "A cat 's toy", "man w/ hat", "the 1950s' cars", "I'm here, you've gone", "100% wool", "$5 bill - green", "rock 'n' roll",
    "She said 'hello' to him", "a   b", "tv & radio", "ice cream...", "What is it?", "It'll rain", "shouldn't've", "No. 5 bus", "half-eaten hot-dog #2", "An e-mail", "the dogs' bowl",
]


def answers(rng, count):
    for _ in range(count):
        people = [" ".join(rng.choices(WORDS, k=rng.randrange(1, 3))) for _ in range(rng.randrange(1, 5))]
        people = [rng.choice(people) for _ in range(10)]
        yield (rng.choice(people) if rng.random() < 0.7 else " ".join(rng.choices(WORDS, k=2))), people


class Given:
    """What VQAEval asks of a data set."""

    def __init__(self, qa):
        self.qa = qa

    def getQuesIds(self):
        return list(self.qa)


def worth(answer, people):
    annotation = {"question_type": "x", "answers": [{"answer": p, "answer_id": i} for i, p in enumerate(people)]}
    score = names["VQAEval"](Given({1: annotation}), Given({1: {"answer": answer}}), n=15)
    score.updateProgress = lambda _: None
    import contextlib, io

    with contextlib.redirect_stdout(io.StringIO()):
        score.evaluate()
    return score.evalQA[1] / 100


def golden(rng, answers_count, captions_count):
    score = names["VQAEval"](None, None)

    def plain(text):
        text = text.replace("\n", " ").replace("\t", " ").strip()
        return score.processDigitArticle(score.processPunctuation(text))

    out = {"vqa": [(a, p, worth(a, p)) for a, p in answers(rng, answers_count)]}
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(1, 5))) for _ in range(200)]
    texts += sorted(k for k in score.contractions) + ["x. " * 40, "1.5. 2.", "a, b", "1,5 a,b"]
    out["normalised"] = [(t, plain(t)) for t in texts]
    said, people = {}, {}
    for i in range(captions_count):
        people[i] = [" ".join(rng.choices(PLAIN, k=rng.randrange(1, 12))) for _ in range(rng.randrange(1, 6))]
        words = rng.choice(people[i]).split()
        said[i] = [" ".join(words[: rng.randrange(0, len(words) + 1)] + rng.choices(PLAIN, k=rng.randrange(0, 4)))]
    import contextlib, io

    with contextlib.redirect_stdout(io.StringIO()):
        bleu, _ = Bleu(4).compute_score(people, said)
    rouge, cider = Rouge().compute_score(people, said)[1], Cider().compute_score(people, said)[1]
    out["captions"] = [(said[i][0], people[i], float(rouge[i]), float(cider[i])) for i in range(captions_count)]
    out["bleu"] = bleu
    tokens = PTBTokenizer().tokenize({i: [{"caption": t}] for i, t in enumerate(TEXTS)})
    out["tokens"] = [(t, tokens[i][0]) for i, t in enumerate(TEXTS)]
    return out


if "--many" in sys.argv:
    at = sys.argv.index("--many")
    pathlib.Path(sys.argv[at + 2]).write_text(json.dumps(golden(random.Random(2), int(sys.argv[at + 1]), 2000)))
else:
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden(random.Random(1), 300, 60), indent=1) + "\n")
