"""Writes golden.json beside this script: what transformers makes of distances (T5's buckets) and of positions with three
axes (Qwen2-VL's and Qwen3-VL's rotary embeddings, and the positions of their rows).

Made with transformers 4.57.6 and torch 2.15.0 on a CPU, OMP_NUM_THREADS=1.
"""

import json
import pathlib

import torch
from transformers import Qwen2VLConfig, Qwen3VLConfig
from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen2
from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen3
from transformers.models.t5.modeling_t5 import T5Attention


def buckets(two_sided, count, reach):
    """The buckets of the distances -1200 to 1200, as runs: bucket, distances."""
    distances = torch.arange(-1200, 1201)
    runs = []
    for bucket in T5Attention._relative_position_bucket(distances, two_sided, count, reach).tolist():
        if runs and runs[-1][0] == bucket:
            runs[-1][1] += 1
        else:
            runs.append([bucket, 1])
    return {"two_sided": two_sided, "buckets": count, "reach": reach, "runs": runs}


def formula(rows, width):
    """Numbers that the test makes as well."""
    i = torch.arange(rows * width)
    return ((i * 7 % 23).float() / 8 - 1).view(rows, width)


# Three tokens, a picture of 2 x 3 rows, two tokens, a picture of 4 x 1 rows, a token: 27 is where a picture begins.
VISION, IMAGE = 27, 28
IDS = torch.tensor([[1, 2, VISION, *[IMAGE] * 6, 3, VISION, *[IMAGE] * 4, 4]])
GRIDS = torch.tensor([[1, 4, 6], [1, 8, 2]])
VISUAL = {"vision_start_token_id": VISION, "image_token_id": IMAGE, "video_token_id": 29}
WIDTH, HEADS = 16, 2


def rotary(interleaved, sections):
    scaling = {"rope_type": "default", "mrope_section": sections, "mrope_interleaved": interleaved}
    text = {
        "hidden_size": WIDTH * HEADS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "num_hidden_layers": 1,
        "intermediate_size": 8,
        "vocab_size": 32,
        "rope_theta": 100.0,
        "rope_scaling": scaling,
        "head_dim": WIDTH,
    }
    if interleaved:
        vision = {"depth": 1, "hidden_size": 8, "num_heads": 1, "intermediate_size": 8, "out_hidden_size": 32,
                  "deepstack_visual_indexes": []}
        config = Qwen3VLConfig(text_config=text, vision_config=vision, **VISUAL)
        model = qwen3.Qwen3VLModel(config)
        embedding = qwen3.Qwen3VLTextRotaryEmbedding(config.text_config)
    else:
        vision = {"depth": 1, "embed_dim": 8, "hidden_size": 32, "num_heads": 1, "mlp_ratio": 1}
        config = Qwen2VLConfig(text_config=text, vision_config=vision, **VISUAL)
        model = qwen2.Qwen2VLModel(config)
        embedding = qwen2.Qwen2VLRotaryEmbedding(config.text_config)
    positions, delta = model.get_rope_index(IDS, GRIDS)
    count = IDS.shape[1]
    x = formula(count, HEADS * WIDTH).view(1, count, HEADS, WIDTH).transpose(1, 2)
    cos, sin = embedding(x, positions)
    if interleaved:
        turned, _ = qwen3.apply_rotary_pos_emb(x, x, cos, sin)
    else:
        turned, _ = qwen2.apply_multimodal_rotary_pos_emb(x, x, cos, sin, sections)
    return {
        "interleaved": interleaved,
        "sections": sections,
        "base": 100.0,
        "positions": positions[:, 0].T.tolist(),
        "next": int(count + delta),
        "turned": [round(v, 6) for v in turned.transpose(1, 2).flatten().tolist()],
    }


golden = {
    "distances": [
        buckets(*of)
        for of in [
            (True, 32, 128), (False, 32, 128), (True, 8, 20), (False, 8, 20), (True, 4, 3), (False, 2, 7),
            (True, 64, 500), (False, 6, 1000),
        ]
    ],
    "rotary": [rotary(False, [2, 3, 3]), rotary(True, [4, 2, 2]), rotary(True, [3, 3, 2])],
}
path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
