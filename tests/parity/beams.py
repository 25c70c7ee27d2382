"""Beam search of transformers 4.57.6 (`GenerationMixin._beam_search`) written out for one prompt, with plain lists.

The engine's search follows this page; blip2_opt.py runs it beside transformers for every beam case and stops if the two
differ. It also measures how close each decision was, so that a golden never hangs on the last bit of a logit.
"""


def search(log_probs, prompt, beams, max_new, eos, length_penalty=1.0, early_stopping=False, process=None):
    """Best sequence (new ids only), its score, and the smallest gap between a chosen and a refused candidate.

    `log_probs(list of id lists)` gives log-softmax rows; `process(ids, row)` is the chain of logits processors, which
    sees log-probabilities here (and raw logits in greedy search).
    """
    keep = max(2, 1 + len(eos)) * beams
    running = [(0.0, list(prompt))]  # The other beams start at -1e9, so only the first counts at the first step.
    finished = []  # (score, ids), at most `beams`, best first
    gap, length, improvable = float("inf"), 0, True
    while True:
        rows = log_probs([ids for _, ids in running])
        candidates = []
        for (score, ids), row in zip(running, rows):
            row = process(ids, row) if process else row
            candidates += [(score + p, ids + [t]) for t, p in enumerate(row)]
        # Highest score first; the sort is stable, so equal scores keep the order (beam, token).
        candidates.sort(key=lambda c: -c[0])
        top = candidates[:keep]
        length += 1
        ends = [ids[-1] in eos or length >= max_new for _, ids in top]
        alive = [c[0] for c, end in zip(top, ends) if not end]
        if len(alive) > beams:
            gap = min(gap, alive[beams - 1] - alive[beams])
        for i, ((score, _), end) in enumerate(zip(top, ends)):
            if end:
                gap = min(gap, score - candidates[beams][0] if i < beams else candidates[beams - 1][0] - score)
        # Continue with the best `beams` that have not ended. At the length limit all have: the loop stops below.
        running = [c for c, end in zip(top, ends) if not end][:beams]
        # Only candidates among the first `beams` may end up as results: an end further down is lost.
        full = len(finished) == beams and early_stopping is True
        if improvable and not full:
            new = [(s / length**length_penalty, ids) for (s, ids), end in zip(top[:beams], ends[:beams]) if end]
            merged = sorted(finished + new, key=lambda c: -c[0])  # stable: an older result wins a tie
            if len(merged) > beams:
                gap = min(gap, merged[beams - 1][0] - merged[beams][0])
            finished = merged[:beams]
        if not running:
            break
        # Could the best running beam still beat the worst result? Its length is taken as it is now, not as it may become;
        # with fewer than `beams` results the answer is yes.
        if early_stopping == "never" and length_penalty > 0.0:
            hypothetical = max_new
        else:
            hypothetical = length
        if len(finished) == beams:
            possible, worst = running[0][0] / hypothetical**length_penalty, finished[-1][0]
            gap = min(gap, abs(possible - worst))
            improvable = improvable and possible > worst
        if not improvable or (len(finished) == beams and early_stopping is True):
            break
    best = finished[0]
    if len(finished) > 1:
        gap = min(gap, best[0] - finished[1][0])
    return best[1][len(prompt) :], best[0], gap
