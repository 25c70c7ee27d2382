"""The values of every random checkpoint and picture the parity tests use; the same bits as tests/src/formula.rs.

A weight is a function of (seed, tensor name, shape, index): 24 bits of a hash, an exact small integer, one multiplication
and at most one addition in f32. No random generator of any framework is involved, so a checkpoint needs no storage: the
goldens keep answers only. Scales are chosen so that the models of the goldens have something to say: logits spread over
several units and greedy text does not repeat one token.
"""
import math

import numpy as np

U64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def fnv1a(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & U64
    return h


def splitmix(key: int, start: int, count: int) -> np.ndarray:
    """`count` outputs of splitmix64 whose state is key + (index + 1) * golden, from index `start`; uint64."""
    index = np.arange(start + 1, start + 1 + count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = index * np.uint64(GOLDEN) + np.uint64(key)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def kind(name: str, shape: list[int]) -> tuple[float, float]:
    """(centre, half-width) of the uniform distribution of a tensor, in f64."""
    if name.endswith("bias"):
        return 0.0, 0.1
    if name in ("text_model.model.embed_tokens.weight", "gpt_model.decoder.embed_tokens.weight"):  # KOSMOS scales it by √width
        return 0.0, 0.15
    if name.endswith("embed_tokens.weight"):
        return 0.0, 0.6
    if name.endswith("shared.weight"):
        return 0.0, 1.2
    if name.endswith("relative_attention_bias.weight"):
        return 0.0, 1.5
    if name.endswith("embed_positions.weight"):
        return 0.0, 1.2
    if name.endswith("class_embedding") or name.endswith("position_embedding") or name == "query_tokens":
        return 0.0, 1.0
    if len(shape) == 1:
        return 1.0, 0.2
    fan_in = 1
    for d in shape[1:]:
        fan_in *= d
    gain = 1.5
    if name.endswith("q_proj.weight") or name.endswith("k_proj.weight") or ".query." in name or ".key." in name:
        gain = 2.0
    elif name.endswith(".q.weight") or name.endswith(".k.weight"):
        gain = 0.7
    elif name.startswith("language_projection."):
        gain = 1.0
    elif name.endswith("lm_head.weight"):
        gain = 3.0
    return 0.0, gain * math.sqrt(3.0 / float(fan_in))


def values(seed: int, name: str, shape: list[int], start: int = 0, count: int | None = None) -> np.ndarray:
    """`count` values (f32) of a tensor in row-major order from element `start`."""
    if count is None:
        count = int(np.prod(shape, dtype=np.int64)) - start
    centre, half_width = kind(name, shape)
    key = fnv1a(f"{seed}:{name}".encode())
    step = np.float32(half_width / 8388608.0)
    k = (splitmix(key, start, count) >> np.uint64(40)).astype(np.int64) - 8388608
    v = k.astype(np.float32) * step
    return v if centre == 0.0 else v + np.float32(centre)


def tensor(seed: int, name: str, shape: list[int]) -> np.ndarray:
    """A whole tensor, f32."""
    return values(seed, name, shape).reshape(shape)


def picture(seed: int, width: int, height: int) -> np.ndarray:
    """A picture [height, width, 3] of bytes: two ramps that differ by channel, with three bits of noise."""
    noise = (splitmix(fnv1a(f"{seed}:picture".encode()), 0, width * height * 3) >> np.uint64(58)).astype(np.int64)
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    v = (x * (c + 2) * 5 + y * (4 - c) * 3 + c * 71 + noise.reshape(height, width, 3)) & 511
    return np.where(v > 255, 511 - v, v).astype(np.uint8)
