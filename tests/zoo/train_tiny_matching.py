"""Train the tiny first-stage BLIP-2 that says which words fit a picture of one coloured shape.

Two things are not obvious. Many sentences are true of many pictures, so a picture's contrastive target is shared among
all sentences of the batch that are true of it, and the other way round. And the tower and the query side of the
Q-Former begin as the tiny BLIP-2's, read from its file; the tower stays as it is and passes over each picture once, so
this takes minutes.
"""

import argparse
import json
import os
import random
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertTokenizerFast,
    Blip2Config,
    Blip2ForImageTextRetrieval,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    OPTConfig,
)

from train_tiny_blip2 import (
    COLOUR_NAMES,
    PLACES,
    SHAPES,
    SIDE,
    build_processor,
    random_picture,
    read_package_pictures,
    to_pixels,
)

QUERIES = 8

# ---------------------------------------------------------------- sentences

FRAMES = ["{}", "{}", "{}", "a photo of {}", "a picture of {}", "an image of {}", "this is {}", "there is {}", "{}."]


def sentence(rng, shape, colour, place):
    """A sentence that is true of a picture, with what it says of (shape, colour, place); None is nothing."""
    s, c, p = SHAPES[shape], COLOUR_NAMES[colour], PLACES[place]
    kind = rng.random()
    if kind < 0.55:
        words, said = f"a {c} {s}", (shape, colour, None)
    elif kind < 0.75:
        where = "in the center" if p == "center" else f"at the {p}"
        words, said = f"a {c} {s} {where}", (shape, colour, place)
    elif kind < 0.83:
        words, said = f"a {s}", (shape, None, None)
    elif kind < 0.91:
        words, said = f"a {c} shape", (None, colour, None)
    elif kind < 0.95:
        words, said = f"something {c}", (None, colour, None)
    else:
        where = "in the center" if p == "center" else f"at the {p}"
        words, said = f"a {s} {where}", (shape, None, place)
    words = rng.choice(FRAMES).format(words)
    if rng.random() < 0.1:
        words = words.replace("gray", "grey")
    return words, said


def truth(facts, said):
    """Which sentences are true of which pictures, as zeros and ones."""
    rows = [[all(w is None or w == f for f, w in zip(fact, what)) for what in said] for fact in facts]
    return torch.tensor(rows, dtype=torch.float32)


def facts_of(found):
    """(shape, colour, place) of a picture; the place is measured, so that package pictures have one."""
    (shape, colour, _), measures = found[1], found[2]
    x, y = min(2, int(3 * measures[0])), min(2, int(3 * measures[1]))
    return shape, colour, 3 * y + x


# ----------------------------------------------------- tokenizer and model


def build_tokenizer():
    """BERT's WordPiece over the words of this small world, with single characters for all others."""
    words = "a an the of at in is this there photo picture image shape shapes something center grey . , ? ! : - '".split()
    words += SHAPES + COLOUR_NAMES + ["top", "bottom", "left", "right", "small", "large", "one", "no", "and", "drawing"]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    tokens += [t for t in letters if t not in tokens] + ["##" + t for t in letters]
    vocab = {token: i for i, token in enumerate(tokens)}
    inner = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])]
    )
    tokenizer = BertTokenizerFast(tokenizer_object=inner, model_max_length=64)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    return tokenizer


def build_model(seed, vocab_size):
    torch.manual_seed(seed)
    width = 128
    vision = Blip2VisionConfig(
        hidden_size=width, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
        image_size=SIDE, patch_size=8, hidden_act="gelu", attention_dropout=0.0,
    )
    qformer = Blip2QFormerConfig(
        vocab_size=vocab_size, hidden_size=width, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        cross_attention_frequency=1, encoder_hidden_size=width, max_position_embeddings=64,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, use_qformer_text_input=True,
    )
    text = OPTConfig(vocab_size=vocab_size, hidden_size=16, word_embed_proj_dim=16, ffn_dim=16, num_hidden_layers=1)
    config = Blip2Config.from_vision_qformer_text_configs(
        vision, qformer, text, num_query_tokens=QUERIES, image_text_hidden_size=64
    )
    config.image_token_index = None
    model = Blip2ForImageTextRetrieval(config)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear):
                module.weight.normal_(0.0, 0.8 / module.weight.shape[1] ** 0.5)
        model.embeddings.word_embeddings.weight.normal_(0.0, 0.5)
        model.embeddings.position_embeddings.weight.normal_(0.0, 0.2)
    return model


def begin_as(model, path):
    """Tower and query side from the tiny BLIP-2's file."""
    read = {t.name: torch.from_numpy(gguf.dequantize(t.data, t.tensor_type).copy()) for t in gguf.GGUFReader(path).tensors}
    state, given = model.state_dict(), {}

    def take(name, tensor):
        given[name] = tensor.reshape(state[name].shape).float()

    def linear(name, source):
        take(f"{name}.weight", read[f"{source}.weight"])
        take(f"{name}.bias", read[f"{source}.bias"])

    take("vision_model.embeddings.class_embedding", read["v.class_embd.weight"])
    take("vision_model.embeddings.position_embedding", read["v.position_embd.weight"])
    linear("vision_model.embeddings.patch_embedding", "v.patch_embd")
    linear("vision_model.post_layernorm", "v.post_ln")
    for n in range(model.config.vision_config.num_hidden_layers):
        to, source = f"vision_model.encoder.layers.{n}", f"v.blk.{n}"
        for part in ["weight", "bias"]:
            fused = torch.cat([read[f"{source}.attn_{x}.{part}"] for x in "qkv"])
            take(f"{to}.self_attn.qkv.{part}", fused)
        linear(f"{to}.self_attn.projection", f"{source}.attn_out")
        for ours, theirs in [("layer_norm1", "ln1"), ("layer_norm2", "ln2"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]:
            linear(f"{to}.{ours}", f"{source}.{theirs}")
    take("query_tokens", read["mm.query_embd.weight"])
    linear("qformer.layernorm", "mm.qformer.norm")
    for n in range(model.config.qformer_config.num_hidden_layers):
        to, source = f"qformer.encoder.layer.{n}", f"mm.qformer.blk.{n}"
        for kind, short in [("attention", "attn"), ("crossattention", "cross")]:
            for part, letter in [("query", "q"), ("key", "k"), ("value", "v")]:
                linear(f"{to}.{kind}.attention.{part}", f"{source}.{short}_{letter}")
            linear(f"{to}.{kind}.output.dense", f"{source}.{short}_out")
            linear(f"{to}.{kind}.output.LayerNorm", f"{source}.{short}_norm")
        linear(f"{to}.intermediate_query.dense", f"{source}.ffn_up")
        linear(f"{to}.output_query.dense", f"{source}.ffn_down")
        linear(f"{to}.output_query.LayerNorm", f"{source}.ffn_norm")
        for which in ["intermediate", "output"]:
            part = f"{to}.{which}.dense"
            for end in ["weight", "bias"]:
                given[f"{part}.{end}"] = given[f"{to}.{which}_query.dense.{end}"].clone()
    wrong = model.load_state_dict(given, strict=False)
    assert not wrong.unexpected_keys, wrong.unexpected_keys
    return sorted(wrong.missing_keys)


# ---------------------------------------------------------------- training


def look(model, pixels):
    """Rows of pictures, without a gradient: the tower is not trained."""
    with torch.no_grad():
        return model.vision_model(pixel_values=pixels).last_hidden_state


def queries_of(model, rows):
    queries = model.query_tokens.expand(rows.shape[0], -1, -1)
    seen = model.qformer(query_embeds=queries, encoder_hidden_states=rows).last_hidden_state
    return F.normalize(model.vision_projection(seen), dim=-1)


def texts_of(model, ids, mask):
    rows = model.embeddings(input_ids=ids)
    read = model.qformer(query_embeds=rows, query_length=0, attention_mask=mask).last_hidden_state
    return F.normalize(model.text_projection(read[:, 0]), dim=-1)


def match(model, rows, ids, mask):
    """Logits of (does not fit, fits)."""
    queries = model.query_tokens.expand(rows.shape[0], -1, -1)
    both = model.embeddings(input_ids=ids, query_embeds=queries)
    mask = torch.cat([torch.ones(rows.shape[0], QUERIES, dtype=mask.dtype), mask], 1)
    out = model.qformer(
        query_embeds=both, query_length=QUERIES, attention_mask=mask, encoder_hidden_states=rows
    ).last_hidden_state
    return model.itm_head(out[:, :QUERIES]).mean(1)


def similarities(images, texts):
    """The greatest cosine over the queries of each picture with each text."""
    return torch.einsum("iqd,td->itq", images, texts).max(-1).values


def losses(model, rows, facts, ids, mask, said, temperature):
    true = truth(facts, said)
    close = similarities(queries_of(model, rows), texts_of(model, ids, mask)) / temperature
    share = lambda t: t / t.sum(1, keepdim=True)
    contrast = -(share(true) * F.log_softmax(close, 1)).sum(1).mean()
    contrast = contrast - (share(true.T) * F.log_softmax(close.T, 1)).sum(1).mean()
    # The false partners that look truest, drawn by how true they look.
    with torch.no_grad():
        weights = F.softmax(close, 1) * (1 - true) + 1e-6 * (1 - true)
        wrong_text = torch.multinomial(weights, 1).squeeze(1)
        weights = F.softmax(close.T, 1) * (1 - true.T) + 1e-6 * (1 - true.T)
        wrong_picture = torch.multinomial(weights, 1).squeeze(1)
    logits = match(
        model, torch.cat([rows, rows, rows[wrong_picture]]),
        torch.cat([ids, ids[wrong_text], ids]), torch.cat([mask, mask[wrong_text], mask]),
    )
    labels = torch.cat([torch.ones(len(rows)), torch.zeros(2 * len(rows))]).long()
    fits = F.cross_entropy(logits, labels)
    return contrast, fits, (logits.argmax(1) == labels).float().mean()


def train(args):
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    rng = random.Random(args.seed)
    tokenizer = build_tokenizer()
    model = build_model(args.seed, len(tokenizer))
    fresh = begin_as(model, args.begin)
    model.vision_model.requires_grad_(False)
    temperature = torch.nn.Parameter(torch.tensor(0.07))
    params = [p for p in model.parameters() if p.requires_grad] + [temperature]
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(fresh)} tensors of which begin anew", flush=True)
    _, package = read_package_pictures()
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in params if p.ndim > 1], "weight_decay": 0.02},
         {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0}],
        lr=args.lr, betas=(0.9, 0.98),
    )
    model.train()
    begin = last = time.time()
    found = package + [random_picture(rng) for _ in range(args.pictures)]
    facts = [facts_of(f) for f in found]
    seen = torch.cat([look(model, to_pixels([f[0] for f in found[i : i + 64]])) for i in range(0, len(found), 64)])
    print(f"{time.time() - begin:.0f} s for the tower, {len(found):,} pictures", flush=True)
    kept = []
    for step in range(args.steps):
        rate = args.lr * min(1, (step + 1) / 100) * (0.01 + 0.99 * min(1, 2 * (1 - step / args.steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = rng.sample(range(len(found)), args.batch)
        words, said = zip(*[sentence(rng, *facts[i]) for i in chosen])
        batch = tokenizer(list(words), padding=True, return_tensors="pt")
        contrast, fits, right = losses(
            model, seen[chosen], [facts[i] for i in chosen], batch["input_ids"], batch["attention_mask"], said, temperature.clamp(0.02, 0.5)
        )
        loss = contrast + 2 * fits
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        kept.append((contrast.item(), fits.item(), right.item()))
        if time.time() - last > 20:
            mean = np.mean(np.array(kept), 0)
            print(
                f"{(time.time() - begin) / 60:5.1f} min | step {step + 1} ({len(kept) / (time.time() - last):.2f}/s) | "
                f"contrast {mean[0]:.4f} fits {mean[1]:.4f} ({mean[2]:.3f} right) temperature {temperature.item():.3f}",
                flush=True,
            )
            last, kept = time.time(), []
    model.eval()
    save(model, tokenizer, args.out)
    with open(os.path.join(args.out, "training.json"), "w") as file:
        json.dump({**vars(args), "minutes_spent": round((time.time() - begin) / 60, 1)}, file, indent=1)
    print(f"saved {args.out} after {args.steps} steps, {(time.time() - begin) / 60:.1f} minutes")


def save(model, tokenizer, directory):
    model.save_pretrained(directory, safe_serialization=True)
    processor = Blip2Processor(build_processor(tokenizer).image_processor, tokenizer)
    processor.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def main():
    parser = argparse.ArgumentParser(description="Train the tiny model that matches pictures and texts, on the CPU.")
    parser.add_argument("--out", required=True, help="directory for the checkpoint, in Hugging Face layout")
    parser.add_argument("--begin", default="cli/models/tiny-blip2.gguf", help="the file whose tower it has (default %(default)s)")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--pictures", type=int, default=4000, help="drawn ones beside those of the package")
    parser.add_argument("--batch", type=int, default=48, help="pictures a step, each with a sentence")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
