"""Train the tiny Flamingo (IDEFICS layout) that learns made-up names from its prompt.

The non-obvious thing is the order. Both halves of the trick are learned apart, where each is
cheap: the tower and the resampler by telling pictures of one class from those of others, the
decoder and its gated layers on classes that are random latents and no pictures at all. Together
from scratch neither starts: matching pictures pays only once there is something to match.
"""

import argparse
import json
import math
import os
import random
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    GenerationConfig,
    IdeficsConfig,
    IdeficsForVisionText2Text,
    IdeficsImageProcessor,
    IdeficsProcessor,
)
from transformers.models.idefics.configuration_idefics import IdeficsPerceiverConfig, IdeficsVisionConfig

from drawn_classes import KNOWN, SIDE, TEXTURES, draw, random_class, sibling
from naming_game import WORDINGS, Speller, build_tokenizer, random_name

CLIP_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
CLIP_STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
PICTURE_WIDTH, LATENTS, TEXT_WIDTH = 128, 4, 128

# ------------------------------------------------------------------- model


def build_model(seed, base_tokens):
    torch.manual_seed(seed)
    config = IdeficsConfig(
        vocab_size=base_tokens, additional_vocab_size=2, hidden_size=TEXT_WIDTH, intermediate_size=256, num_hidden_layers=4,
        num_attention_heads=4, alpha_initializer="ones", rms_norm_eps=1e-6, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, tie_word_embeddings=False, cross_layer_interval=1, qk_layer_norms=True, use_resampler=True,
        freeze_text_layers=False, freeze_lm_head=False, freeze_vision_layers=False,
        vision_config=IdeficsVisionConfig(
            embed_dim=PICTURE_WIDTH, image_size=SIDE, patch_size=8, intermediate_size=384, num_hidden_layers=4,
            num_attention_heads=4, hidden_act="gelu",
        ),
        perceiver_config=IdeficsPerceiverConfig(
            use_resampler=True, resampler_n_latents=LATENTS, resampler_depth=2, resampler_n_heads=4,
            resampler_head_dim=32, qk_layer_norms_perceiver=True,
        ),
    )
    # Eager attention is the faster one at these lengths.
    config._attn_implementation = "eager"
    model = IdeficsForVisionText2Text(config)
    with torch.no_grad():
        # The library starts at std 0.02, made for widths in the thousands.
        for name, module in model.named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.weight.normal_(0.0, 0.8 / math.sqrt(module.weight[0].numel()))
                if name.endswith(("fc2", "out_proj", "output_proj", "c_proj", "o_proj", "down_proj")):
                    module.weight.mul_(0.4)
                if module.bias is not None:
                    module.bias.zero_()
        model.model.perceiver_resampler.latents.normal_(0.0, 0.5)
        model.model.vision_model.embeddings.position_embedding.weight.normal_(0.0, 0.2)
        model.model.vision_model.embeddings.class_embedding.normal_(0.0, 0.2)
        embedding = model.model.embed_tokens
        # Large, or what the layers add would drown which token it is.
        embedding.weight.normal_(0.0, 0.7)
        embedding.additional_embedding.weight.normal_(0.0, 0.7)
        # To say again what was read where things looked alike is the task. So a token starts out being written as it is
        # read, later layers pass on what they attend to, and positions attend to what is like them: from random weights
        # 700 steps went by without a first name said again.
        for number, layer in enumerate(model.model.layers):
            layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)
            if number >= 2:
                layer.self_attn.v_proj.weight.copy_(torch.eye(TEXT_WIDTH))
                layer.self_attn.o_proj.weight.copy_(torch.eye(TEXT_WIDTH))
        scale = 1 / math.sqrt(TEXT_WIDTH)
        model.lm_head.weight.copy_(scale * embedding.weight)
        model.lm_head.additional_fc.weight.copy_(scale * embedding.additional_embedding.weight)
    model.generation_config = GenerationConfig(
        max_new_tokens=8, do_sample=False, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        bad_words_ids=[[base_tokens], [base_tokens + 1]],
    )
    return model


class Heads(nn.Module):
    """Read-outs for the tower's lessons; thrown away afterwards."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(PICTURE_WIDTH * LATENTS, 96)
        self.outline = nn.Linear(PICTURE_WIDTH, len(KNOWN))
        self.texture = nn.Linear(PICTURE_WIDTH, len(TEXTURES))
        self.ink = nn.Linear(PICTURE_WIDTH, 3)

    def forward(self, patches, latents, pool):
        """(loss, accuracy of finding one's nearest neighbour) for pictures of a pool."""
        point = F.normalize(self.project(latents.flatten(1)).float(), dim=-1)
        near = point @ point.T / 0.1
        own = torch.eye(len(near), dtype=torch.bool)
        same = (pool.owner[:, None] == pool.owner[None]) & ~own
        chance = F.log_softmax(near.masked_fill(own, -1e4), -1)
        loss = -(chance * same).sum(-1) / same.sum(-1)
        found = same.gather(1, near.masked_fill(own, -1e4).argmax(-1, keepdim=True)).float().mean()
        mean = patches.mean(1).float()
        loss = loss.mean() + 0.3 * F.cross_entropy(self.texture(mean), pool.texture)
        if (pool.outline >= 0).any():
            loss = loss + 0.3 * F.cross_entropy(self.outline(mean), pool.outline, ignore_index=-1)
        return loss + F.l1_loss(self.ink(mean), pool.ink), found


# ---------------------------------------------------------------- pictures


class Pool:
    """Pictures of a few classes. Classes come in families of four, of which three differ from the first in one
    respect: what tells classes apart is not always what is easiest to see."""

    def __init__(self, rng, families, copies):
        self.families, self.copies, self.classes = families, copies, []
        for _ in range(families):
            first = random_class(rng)
            self.classes += [first] + [sibling(rng, first, what) for what in ("shape", "ink", "texture")]
        order = sorted(KNOWN)
        self.pictures = np.stack([draw(rng, one) for one in self.classes for _ in range(copies)])
        each = torch.arange(len(self.classes)).repeat_interleave(copies)
        self.owner = each
        self.outline = torch.tensor([order.index(c[0]) if c[0] in KNOWN else -1 for c in self.classes])[each]
        self.texture = torch.tensor([TEXTURES.index(c[3]) for c in self.classes])[each]
        self.ink = torch.tensor([c[2][0] for c in self.classes], dtype=torch.float32)[each]

    def pair(self, rng, ways):
        """Different classes: half the time of one family."""
        if ways <= 4 and rng.random() < 0.5:
            base = 4 * rng.randrange(self.families)
            return [base + k for k in rng.sample(range(4), ways)]
        return rng.sample(range(len(self.classes)), ways)

    def picture(self, rng, one, count):
        return [one * self.copies + k for k in rng.sample(range(self.copies), count)]


def to_pixels(pictures):
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - CLIP_MEAN) / CLIP_STD


def see(model, pixels):
    """(patches [n, 65, 128], latents [n, LATENTS, 128])."""
    patches = model.model.vision_model(pixel_values=pixels).last_hidden_state
    return patches, model.model.perceiver_resampler(patches)


# ---------------------------------------------------------------- episodes


class Batch:
    """Episodes of one size: which picture of the pool stands where, and the ids with what is asked of them."""

    def __init__(self, rng, speller, pool, count, ways, shots):
        self.places, rows = [], []
        wording = rng.choices(WORDINGS, [5, 2, 3])[0]
        for _ in range(count):
            classes = pool.pair(rng, ways)
            names = set()
            while len(names) < ways:
                names.add(random_name(rng, held_out=False))
            names = dict(zip(classes, rng.sample(sorted(names), ways)))
            asked = rng.choice(classes)
            shown = {one: pool.picture(rng, one, shots + (one == asked)) for one in classes}
            order = [one for one in classes for _ in range(shots)]
            rng.shuffle(order)
            order.append(asked)
            self.places.append([shown[one].pop() for one in order])
            ids, seen, named = speller.episode(wording, [names[one] for one in order])
            ids = ids + [2]
            # A name is asked for once it has been told, and what follows it always.
            told = [one in order[:k] for k, one in enumerate(order)]
            wanted = [
                at > 0 and seen[at] >= 0 and ((named[at] and told[seen[at]]) or (named[at - 1] and not named[at]))
                for at in range(len(seen))
            ] + [True]
            rows.append((ids, seen, named + [False], wanted))
        longest = max(len(ids) for ids, *_ in rows) - 1
        pictures = len(self.places[0])
        self.ids = torch.zeros(count, longest, dtype=torch.long)
        self.labels = torch.full((count, longest), -100)
        self.last = torch.zeros(count, longest, dtype=torch.bool)
        self.mask = torch.zeros(count, longest, pictures, dtype=torch.long)
        for i, (ids, seen, named, wanted) in enumerate(rows):
            length = len(ids) - 1
            self.ids[i, :length] = torch.tensor(ids[:-1])
            target = torch.tensor(ids[1:])
            self.labels[i, :length] = torch.where(torch.tensor(wanted[1:]), target, -100)
            seen = torch.tensor(seen[:length])
            self.mask[i, :length] = F.one_hot(seen.clamp(min=0), pictures) * (seen >= 0)[:, None]
            self.last[i, :length] = torch.tensor(named[1:]) & (seen == pictures - 1)
        self.places = torch.tensor(self.places)


def say(model, latents, batch):
    """(loss, share of the last names said right to the end)."""
    hidden = model.model(
        input_ids=batch.ids, perceiver_embeddings=latents[batch.places], image_attention_mask=batch.mask, use_cache=False
    ).last_hidden_state
    wanted = batch.labels != -100
    scores = model.lm_head(hidden[wanted]).float()
    loss = F.cross_entropy(scores, batch.labels[wanted])
    wrong = torch.zeros_like(wanted)
    wrong[wanted] = scores.argmax(-1) != batch.labels[wanted]
    return loss, 1 - (wrong & batch.last).any(1).float().mean()


def episodes_of(rng, name, pictures):
    """(how many, ways, shots) of a batch with so many pictures in all. On random latents most are long, because every
    name that was told before is a lesson."""
    sizes = [(2, 1), (2, 1), (2, 2), (2, 3), (2, 3), (3, 1), (3, 2), (4, 1)]
    if name == "binding":
        sizes = [(2, 1), (2, 3), (2, 5), (2, 5), (3, 3), (3, 5), (4, 3)]
    ways, shots = rng.choice(sizes)
    return min(64, pictures // (ways * shots + 1)), ways, shots


class RandomLatents:
    """Stands in for a pool: classes are random latents, pictures of them noisy copies."""

    def __init__(self, rng, classes, copies):
        draws = torch.Generator().manual_seed(rng.getrandbits(32))
        self.count, self.copies = classes, copies
        centre = torch.randn(classes, 1, LATENTS, PICTURE_WIDTH, generator=draws)
        noise = torch.randn(classes, copies, LATENTS, PICTURE_WIDTH, generator=draws)
        self.latents = F.layer_norm(centre + rng.uniform(0.2, 0.8) * noise, (PICTURE_WIDTH,)).flatten(0, 1)

    def pair(self, rng, ways):
        return rng.sample(range(self.count), ways)

    picture = Pool.picture


# ---------------------------------------------------------------- training

PHASES = ["tower", "binding", "together"]


def save(model, processor, directory):
    model.save_pretrained(directory, safe_serialization=True)
    processor.save_pretrained(directory)
    os.chmod(os.path.join(directory, "model.safetensors"), 0o644)


def optimizer_for(modules, lr):
    params = [p for module in modules for p in module.parameters()]
    matrices, vectors = [p for p in params if p.ndim > 1], [p for p in params if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), fused=True), params


def train(args):
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    os.makedirs(args.out, exist_ok=True)
    tokenizer = build_tokenizer()
    speller = Speller(tokenizer)
    processor = IdeficsProcessor(IdeficsImageProcessor(image_size=SIDE), tokenizer)
    model = build_model(args.seed, len(tokenizer) - 2)
    heads = Heads()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    lengths = {"tower": args.tower_steps, "binding": args.binding_steps, "together": args.steps}
    parts = {
        "tower": [model.model.vision_model, model.model.perceiver_resampler, heads],
        "binding": [
            model.model.embed_tokens, model.model.layers, model.model.gated_cross_attn_layers, model.model.norm,
            model.lm_head,
        ],
        "together": [model, heads],
    }
    state_path = os.path.join(args.out, "training.pt")
    state = torch.load(state_path, weights_only=True) if os.path.exists(state_path) else {"phase": 0, "step": 0}
    if "model" in state:
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        print(f"goes on with step {state['step']} of '{PHASES[state['phase']]}'", flush=True)
    half = torch.cpu._is_avx512_bf16_supported()
    model.train()
    for phase in range(state["phase"], len(PHASES)):
        name = PHASES[phase]
        total, peak = lengths[name], args.lr if name != "together" else args.lr * 0.7
        optimizer, params = optimizer_for(parts[name], peak)
        first = 0
        if phase == state["phase"] and "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
            first = state["step"]
        last_report = last_save = time.time()
        running = []
        for step in range(first, total):
            # The step's number alone decides what it draws: a run taken up again sees the same.
            rng = random.Random(f"{args.seed} {name} {step}")
            rate = peak * min(1.0, (step + 1) / 100)
            if step > 0.4 * total:
                rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step / total - 0.4) / 0.6))
            for group in optimizer.param_groups:
                group["lr"] = rate
            shown = {}
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                loss = 0.0
                if name == "binding":
                    pool = RandomLatents(rng, 32, 6)
                    latents = pool.latents
                else:
                    pool = Pool(rng, args.families, 4)
                    patches, latents = see(model, to_pixels(pool.pictures))
                    loss, shown["found"] = heads(patches, latents, pool)
                if name != "tower":
                    batch = Batch(rng, speller, pool, *episodes_of(rng, name, args.pictures))
                    spoken, shown["named"] = say(model, latents, batch)
                    shown["text"] = spoken
                    loss = spoken + 0.2 * loss
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(params, 1.0)
            optimizer.step()
            running.append({"loss": loss.item(), **{k: v.item() for k, v in shown.items()}})
            now = time.time()
            if now - last_report > 20 or step + 1 == total:
                means = " ".join(f"{k} {np.mean([r[k] for r in running]):.4f}" for k in running[0])
                print(f"{name} {step + 1} of {total} ({len(running) / (now - last_report):.2f}/s) lr {rate:.1e} | {means}", flush=True)
                last_report, running = now, []
            if now - last_save > 60 * args.save_minutes or step + 1 == total:
                done = {"phase": phase, "step": step + 1, "model": model.state_dict(), "heads": heads.state_dict()}
                torch.save({**done, "optimizer": optimizer.state_dict()}, state_path + ".new")
                os.replace(state_path + ".new", state_path)
                save(model, processor, args.out)
                last_save = time.time()
    save(model, processor, args.out)
    with open(os.path.join(args.out, "training.json"), "w") as file:
        json.dump(vars(args), file, indent=1)
    print(f"saved {args.out}")


def main():
    parser = argparse.ArgumentParser(
        description="Train the tiny Flamingo on the CPU. The same seed and options give the same episodes; a run that "
        "was ended is taken up where it last saved."
    )
    parser.add_argument("--out", required=True, help="directory for the checkpoint, in Hugging Face layout")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lr", type=float, default=1.5e-3, help="highest learning rate (default %(default)s)")
    parser.add_argument("--tower-steps", type=int, default=1000, help="steps of the tower by itself (default %(default)s)")
    parser.add_argument("--binding-steps", type=int, default=1000, help="steps on random latents (default %(default)s)")
    parser.add_argument("--steps", type=int, default=800, help="steps of all together (default %(default)s)")
    parser.add_argument("--families", type=int, default=6, help="families of four classes a step (default %(default)s)")
    parser.add_argument("--pictures", type=int, default=192, help="pictures in a step's episodes (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save-minutes", type=float, default=3, help="minutes between checkpoints")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
