"""Goldens of InstructBLIP: small random InstructBlipForConditionalGeneration and InstructBlipVideoForConditionalGeneration run
by transformers 4.57.6, and by 5.24.0, instructblip_*.json.

    python instructblip.py                          makes every golden of the version it is run with
    python instructblip.py NAME...                  only these
    python instructblip.py --random FIRST COUNT DIR goldens of random configurations, by seed, that are not kept

What a stranger needs to know about the original (modeling_instructblip.py, processing_instructblip.py):

The processor gives the same text to two tokenizers: the language model's, and BERT's for the Q-Former, which saves itself in
the folder qformer_tokenizer. Before the ids of the former, its beginning token included, it puts num_query_tokens times
`<image>`; of a video, always four times as many `<video>`. An empty text is `[CLS] [SEP]` to the Q-Former.

The Q-Former's queries and the text's rows are one sequence in self-attention. Only the queries' rows go on, through
language_projection, in the placeholders' places. Each frame of a video goes through tower and Q-Former by itself, beside the same
text, and their rows stand one behind the other.

Vicuna's tokenizer, as saved, has `</s>` for its beginning, its end and what is unknown, so that a text begins with id 2. Both
ids and embeddings are handed to the language model's generate, so that the repetition penalty sees placeholders and prompt.

Flan-T5 reads placeholders, text and `</s>` in its encoder; ids, logits and penalties are its decoder's, as in t5.py. Candidates
have the `</s>` that ends them written out: LAVIS ranks by the loss over all of it, and Vicuna's without an end.
"""
import copy
import json
import os
import random
import struct
import sys
import tempfile
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertTokenizerFast, BlipImageProcessor, InstructBlipConfig, InstructBlipForConditionalGeneration, InstructBlipProcessor
from transformers import InstructBlipQFormerConfig, InstructBlipVideoConfig, InstructBlipVideoForConditionalGeneration, InstructBlipVideoProcessor
from transformers import InstructBlipVideoVideoProcessor, InstructBlipVisionConfig, LlamaConfig, LlamaTokenizerFast, PreTrainedTokenizerFast
from transformers import T5Config, T5TokenizerFast

import blip2_itm
import blip2_opt
import formula
import t5
from blip2_itm import v
from blip2_opt import CONTINUATIONS, SETTINGS, numbers, sample, stored

HERE = os.path.dirname(os.path.abspath(__file__))
FRAMES = 4  # of a video, in the processor
CLEAR = 4e-4  # the narrowest decision of an answer that is kept

# Pieces of SentencePiece's kind: bytes, letters, and words put together from left to right.
WORDS = ["▁the", "▁a", "▁cat", "▁two", "▁of", "▁is", "▁in", "▁image", "▁this", "▁What", "▁unusual", "▁Question", "▁answer", "▁on", "ing", "er"]
LETTERS = ["▁", *map(chr, range(33, 127)), "é", "東"]


def pieces():
    """The vocabulary and the merges that make its words."""
    vocabulary, merges = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *LETTERS], []
    for word in WORDS:
        made = word[0]
        for letter in word[1:]:
            if made + letter not in vocabulary:
                vocabulary.append(made + letter)
                merges.append((made, letter))
            made += letter
    return vocabulary, merges


# Flan-T5's kind: no bytes, scores that fall with the length of the list, and ids of its own behind.
UNIGRAMS = ["<pad>", "</s>", "<unk>", *LETTERS, *WORDS, "▁Answer", "▁red", "un", "usual", "ed", "▁dog"]
EXTRA = 3


def table(text):
    """Rows for all tokens of a language model's tokenizer; the last is the placeholder."""
    return len(UNIGRAMS) + EXTRA + 1 if text["model_type"] == "t5" else TABLE


TABLE = len(pieces()[0]) + 2  # with `[PAD]`
QUESTION = "What is unusual about this image?"
TEXTS = [QUESTION, "Question: is the red dog on this beach running? Short answer:", "", "a naïve café — 東京 🦉\n\tit's 4½ [SEP] </s>x"]
# A golden's pictures, (width, height), and its cases: pictures and text. Two texts of one picture, and two pictures.
PICTURES = [(20, 17), (97, 64), (31, 83), (64, 64)]
CASES = [([0], 0), ([0], 1), ([1], 2), ([2], 3)]
NAMES = [list(SETTINGS), ["greedy", "beams", "beams_length_0", "beams_length_minus_1", "repetition"], ["greedy", "beams"], ["greedy", "repetition_beams"]]


def q(width, heads, ffn, layers, frequency, **more):
    return dict(hidden_size=width, num_attention_heads=heads, intermediate_size=ffn, num_hidden_layers=layers, cross_attention_frequency=frequency,
                max_position_embeddings=more.pop("positions", 96), vocab_size=blip2_itm.TABLE, **more)


def llama(width, heads, kv, ffn, layers, **more):
    more.setdefault("vocab_size", TABLE + 5)
    return dict(model_type="llama", hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn, num_hidden_layers=layers,
                max_position_embeddings=192, **more)


def flan(width, heads, head, ffn, layers, decoder, **more):
    more.setdefault("vocab_size", len(UNIGRAMS) + EXTRA + 6)
    return dict(dict(model_type="t5", d_model=width, num_heads=heads, d_kv=head, d_ff=ffn, num_layers=layers, num_decoder_layers=decoder,
                     decoder_start_token_id=0, feed_forward_proj="gated-gelu", dense_act_fn="gelu", tie_word_embeddings=False), **more)


# name: (what it is for, seed, type of the stored weights, queries, vision, Q-Former, language model, whether it takes videos)
CONFIGS = {
    "default": ("every switch as published, two ending ids", 7, "float32", 4, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 4, 2), llama(64, 4, 4, 128, 2), False),
    "every": ("cross-attention in every layer, quick_gelu tower, shared key heads, tied head", 9, "float32", 7,
              v(60, 6, 100, 3, 56, 14, hidden_act="quick_gelu"), q(48, 3, 80, 3, 1, hidden_act="gelu_new"),
              llama(48, 6, 2, 90, 3, tie_word_embeddings=True, rope_theta=500.0), False),
    "plain": ("no bias of queries, keys and values in the tower, relu, biases in the language model, another head width", 9, "bfloat16", 5,
              v(36, 3, 72, 3, 32, 8, qkv_bias=False, layer_norm_eps=1e-5), q(30, 5, 64, 5, 3, hidden_act="relu", layer_norm_eps=1e-6),
              llama(60, 3, 3, 100, 3, head_dim=16, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5), False),
    "half": ("weights in float16, as the hub has them, and one query", 13, "float16", 1, v(64, 8, 128, 2, 42, 14), q(64, 8, 96, 4, 2),
             llama(72, 4, 1, 150, 4, vocab_size=TABLE), False),
    "video": ("four frames of a video", 12, "float32", 3, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2), llama(64, 4, 4, 128, 2), True),
    "t5": ("Flan-T5 as published", 21, "float32", 4, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 4, 2), flan(64, 4, 16, 128, 3, 3), False),
    "t5_tied": ("tied and scaled, relu, a deeper decoder", 22, "bfloat16", 7, v(60, 6, 100, 3, 56, 14, hidden_act="quick_gelu"), q(48, 3, 80, 3, 1),
                flan(48, 3, 24, 100, 2, 3, feed_forward_proj="relu", dense_act_fn="relu", tie_word_embeddings=True), False),
    "t5_buckets": ("few buckets, the tanh polynomial", 23, "float16", 5, v(36, 3, 72, 3, 32, 8, qkv_bias=False), q(30, 5, 64, 5, 3, hidden_act="relu"),
                   flan(60, 5, 12, 90, 2, 2, dense_act_fn="gelu_new", relative_attention_num_buckets=8, relative_attention_max_distance=12), False),
    "t5_video": ("four frames of a video", 24, "float32", 3, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2), flan(64, 4, 16, 128, 2, 2), True),
}
# Of 5.24.0, which saves the image processor within processor_config.json.
FIVE = {"five": ("as 5.24.0 saves it", 33, "float32", 5, v(48, 4, 96, 2, 28, 14), q(40, 4, 72, 3, 2), llama(64, 4, 4, 128, 2), False)}
VERSIONS = {"4.57.6": CONFIGS, "5.24.0": FIVE}
# text_config.eos_token_id: ids that texts of a golden meet. Seeds and these were picked by trying, so that every decision of every
# generation is clear (its "gap").
EOS = {"default": [2, 246, 340], "every": [2, 380, 389], "half": [2, 112, 158], "plain": [2, 155, 255], "video": [2, 183], "five": [2, 145, 367]}


def any_config(seed):
    """A configuration by its seed."""
    r = random.Random(seed)
    _, _, dtype, queries, _, vision, former, *_ = blip2_itm.any_config(seed)
    former = {k: x for k, x in former.items() if k != "use_qformer_text_input"} | dict(max_position_embeddings=r.randint(96, 130))
    kv = r.choice([1, 2, 3])
    heads, head = kv * r.choice([1, 2, 4]), 2 * r.randint(2, 12)
    if seed % 2:
        text = dict(t5.some(seed), model_type="t5", vocab_size=len(UNIGRAMS) + EXTRA + 1 + r.randint(0, 30), decoder_start_token_id=r.choice([0, 5]))
        text = {k: x for k, x in text.items() if k not in ("bos_token_id", "pad_token_id", "eos_token_id")}
        return (f"random {seed}", seed, dtype, r.randint(1, min(queries, 12)), vision, former, text, r.random() < 0.25)
    text = llama(r.choice([heads * head, 8 * r.randint(3, 14)]), heads, kv, r.randint(20, 150), r.randint(1, 5), head_dim=head, vocab_size=TABLE + r.randint(0, 40),
                 tie_word_embeddings=r.random() < 0.5, rope_theta=r.choice([100.0, 10000.0]), rms_norm_eps=r.choice([1e-6, 1e-5]),
                 attention_bias=r.random() < 0.3, mlp_bias=r.random() < 0.3)
    return (f"random {seed}", seed, dtype, r.randint(1, min(queries, 12)), vision, former, text, r.random() < 0.25)


def vicuna(folder):
    """The language model's tokenizer."""
    vocabulary, merges = pieces()
    t = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(vocabulary)}, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    names = dict(bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="[PAD]")
    if transformers.__version__[0] == "4":
        return LlamaTokenizerFast(tokenizer_object=t, **names)
    t.save(f"{folder}/whole.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/whole.json", **names)
    os.remove(f"{folder}/whole.json")
    return tokenizer


def flan_t5(folder):
    """The same of T5."""
    pieces = [(p, 0.0 if i < 3 else -2.0 - i / 16) for i, p in enumerate(UNIGRAMS)]
    t = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    t.normalizer = normalizers.Sequence([normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    t.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    extra = [f"<extra_id_{i}>" for i in range(EXTRA)]
    if transformers.__version__[0] == "4":
        return T5TokenizerFast(tokenizer_object=t, extra_ids=EXTRA)
    t.save(f"{folder}/whole.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/whole.json", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
                                        additional_special_tokens=extra)
    os.remove(f"{folder}/whole.json")
    return tokenizer


def bert(folder):
    """The Q-Former's."""
    with open(f"{folder}/vocab.txt", "w") as f:
        f.writelines(f"{token}\n" for token in blip2_itm.VOCABULARY)
    tokenizer = BertTokenizerFast.from_pretrained(folder) if transformers.__version__[0] == "4" else BertTokenizerFast(vocab=f"{folder}/vocab.txt")
    os.remove(f"{folder}/vocab.txt")
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    return tokenizer


def make_processor(spec, folder):
    """The processor, saved into a folder."""
    _, _, _, queries, vision, _, text, videos = spec
    size = {"height": vision["image_size"], "width": vision["image_size"]}
    tokenizer = (flan_t5 if text["model_type"] == "t5" else vicuna)(folder)
    if videos:
        processor = InstructBlipVideoProcessor(InstructBlipVideoVideoProcessor(size=size), tokenizer, bert(folder), num_query_tokens=queries)
    else:
        images = getattr(transformers, "BlipImageProcessorPil", BlipImageProcessor)(size=size)
        processor = InstructBlipProcessor(images, tokenizer, bert(folder), num_query_tokens=queries)
    processor.save_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids("<video>" if videos else "<image>") == table(text) - 1
    return processor


def build(spec, eos, folder):
    """The model in f32 (weights rounded to the stored type), saved into a folder, and its tensors."""
    _, seed, dtype, queries, vision, former, text, videos = spec
    configs = dict(vision_config=InstructBlipVisionConfig(**vision).to_dict(), qformer_config=InstructBlipQFormerConfig(**former).to_dict(),
                   text_config=(T5Config if text["model_type"] == "t5" else LlamaConfig)(**text, eos_token_id=eos).to_dict(), num_query_tokens=queries)
    if videos:
        model = InstructBlipVideoForConditionalGeneration(InstructBlipVideoConfig(**configs, video_token_index=table(text) - 1))
    else:
        model = InstructBlipForConditionalGeneration(InstructBlipConfig(**configs, image_token_index=table(text) - 1))
    model.tie_weights()
    with torch.no_grad():
        for k, p in model.named_parameters():
            p.copy_(stored(k, list(p.shape), seed, dtype))
    # A copy: RoPE's frequencies do not come back from a narrow type.
    copy.deepcopy(model).to(getattr(torch, dtype)).save_pretrained(folder)
    with open(f"{folder}/model.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    os.remove(f"{folder}/model.safetensors")
    return model.eval(), sorted([k, t["shape"]] for k, t in header.items())


class Asked:
    """The model beside one picture and one text, as a language model by itself: only its leading ids stand for the picture."""

    def __init__(self, model, x):
        self.model, self.seen = model, {k: x[k] for k in ("pixel_values", "qformer_input_ids", "qformer_attention_mask")}
        self.config = model.config
        with torch.no_grad():
            features = model.get_video_features if x["pixel_values"].dim() == 5 else model.get_image_features
            rows = features(x["pixel_values"], x["qformer_input_ids"], x["qformer_attention_mask"])
        # Newer versions have all of it in one object.
        self.rows = rows if isinstance(rows, torch.Tensor) else rows.pooler_output

    def generate(self, **more):
        return self.model.generate(**self.seen, **more)

    def __call__(self, input_ids):
        embedded = self.model.get_input_embeddings()(input_ids)
        rows = self.rows.reshape(1, -1, embedded.shape[-1])
        embedded = torch.cat([rows, embedded[:, rows.shape[1] :]], 1)
        return self.model.language_model(inputs_embeds=embedded)


def inputs(processor, model, pictures, text, placeholder):
    """What the processor makes of pictures, or of a video's frames, and a text; pictures resized by Pillow in any case."""
    size = model.config.vision_config.image_size
    pillow = getattr(transformers, "BlipImageProcessorPil", BlipImageProcessor)(size={"height": size, "width": size})
    pixels = pillow(images=[Image.fromarray(p) for p in pictures], return_tensors="pt")["pixel_values"]
    if len(pictures) == 1:
        x = processor(images=Image.fromarray(pictures[0]), text=text, return_tensors="pt")
        assert torch.equal(x["pixel_values"], pixels)
        return x
    x = processor(text=text, return_tensors="pt")
    placeholders = torch.full((1, FRAMES * model.config.num_query_tokens), placeholder)
    ids = torch.cat([placeholders, x["input_ids"]], 1)
    return x | {"pixel_values": pixels[None], "input_ids": ids, "attention_mask": torch.ones_like(ids)}


def lossy(text, ids):
    """The text of Vicuna's ids: to tokenizers a run of bytes that is no UTF-8 as a whole is nothing but U+FFFD, here what of it
    is UTF-8 stays."""
    if "\ufffd" not in text:
        return text
    vocabulary = pieces()[0]
    plain = [vocabulary[i] for i in ids if i != 2 and i < len(vocabulary)]
    bytes_ = b"".join(bytes([int(p[3:5], 16)]) if p.startswith("<0x") else p.replace("▁", " ").encode() for p in plain)
    return bytes_.decode(errors="replace").removeprefix(" ")


def behind_prompt(model, tokenizer, x, rows, names, eos, _):
    """What a decoder says behind the prompt."""
    asked, ids = Asked(model, x), x["input_ids"]
    whole = asked(ids).logits[0].detach()
    with torch.no_grad():
        assert torch.equal(model(**x).logits[0], whole)
    row_of = lambda s: asked(torch.tensor([s])).logits[0].detach()
    generations = [blip2_opt.generate(asked, tokenizer, None, ids, n, SETTINGS[n], eos) for n in names]
    return {
        "projection": sample(asked.rows.reshape(-1, asked.rows.shape[-1]), 24),
        "logits": [{"position": p, "values": numbers(whole[p])} for p in sorted({0, rows - 1, rows, ids.shape[1] - 1})],
        "generate": [r | {"text": lossy(r["text"], r["ids"])} for r in generations],
        "score": blip2_opt.scores(row_of, tokenizer, ids[0].tolist(), CONTINUATIONS),
    }


class Ended:
    """A tokenizer whose continuations end as texts do."""

    def __init__(self, tokenizer):
        self.tokenizer, self.decode = tokenizer, tokenizer.decode

    def __call__(self, text, **_):
        return self.tokenizer(text)


def beside_source(model, tokenizer, x, _, names, eos, seed):
    """What a decoder says beside the prompt that its encoder reads."""
    run = t5.Run(model, model.config.text_config.decoder_start_token_id, **x)
    rows = Asked(model, x).rows
    t5.ROWS = model.config.text_config.vocab_size
    answers = run.answers(Ended(tokenizer), seed, 12, eos, names)
    for score in answers["score"]:
        score["text"] += "</s>"
        assert tokenizer(score["text"], add_special_tokens=False)["input_ids"] == score["ids"]
    return {"projection": sample(rows.reshape(-1, rows.shape[-1]), 24), **answers}


def golden(name, spec):
    what, seed, dtype, queries, *_, language, videos = spec
    encodes, placeholder = language["model_type"] == "t5", table(language) - 1
    eos = EOS.get(name, [1 if encodes else 2])
    with tempfile.TemporaryDirectory() as folder:
        model, tensors = build(spec, eos if len(eos) > 1 else eos[0], folder)
        processor = make_processor(spec, folder)
        files = {}
        for root, _, found in os.walk(folder):
            files |= {os.path.relpath(f"{root}/{f}", folder): open(f"{root}/{f}").read() for f in sorted(found)}
    pictures = [{"seed": seed * 10 + i, "width": w, "height": h} for i, (w, h) in enumerate(PICTURES)]
    rgb = [formula.picture(p["seed"], p["width"], p["height"]) for p in pictures]
    for p, bytes_ in zip(pictures, rgb):
        p["hash"] = f"{formula.fnv1a(bytes_.tobytes()):016x}"
    cases = []
    for (shown, text), names in zip(CASES, NAMES):
        # A video of four frames turns all pictures, another one first each time.
        shown = [(shown[0] + i) % len(PICTURES) for i in range(FRAMES)] if videos else shown
        text = TEXTS[text]
        x = inputs(processor, model, [rgb[i] for i in shown], text, placeholder)
        rows = queries * len(shown)
        own = processor.tokenizer(text)["input_ids"]
        assert x["input_ids"][0].tolist() == [placeholder] * rows + own and (own[-1] == 1 if encodes else own[0] == 2)
        case = {"pictures": shown, "prompt": text, "ids": x["input_ids"][0].tolist(), "qformer_ids": x["qformer_input_ids"][0].tolist()}
        answers = (beside_source if encodes else behind_prompt)(model, processor.tokenizer, x, rows, names, eos, seed + len(cases))
        # An answer that hangs on a near-tie is none.
        cases.append(case | answers | {"generate": [r for r in answers["generate"] if r["gap"] > CLEAR]})
    return {"name": name, "note": what, "seed": seed, "dtype": dtype, "eos": eos, "video": videos, "placeholder": placeholder, "files": files,
            "tensors": tensors, "pictures": pictures, "cases": cases}


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    folder, configs = HERE, VERSIONS[transformers.__version__]
    if args[:1] == ["--random"]:
        first, count, folder = int(args[1]), int(args[2]), args[3]
        os.makedirs(folder, exist_ok=True)
        configs, args = {f"random{seed}": any_config(seed) for seed in range(first, first + count)}, []
    for name in args or configs:
        g = golden(name, configs[name])
        with open(f"{folder}/instructblip_{name}.json", "w") as f:
            json.dump(g, f, separators=(",", ":"))
        print(f"{name}: {os.path.getsize(f.name)} bytes, eos {g['eos']}")
        for c in g["cases"]:
            for r in c["generate"]:
                mark = " NEAR-TIE" if r["gap"] < 2e-3 else ""
                print(f"  {r['name']:22s} gap {r['gap']:.4f} kinds {len(set(r['ids'])):2d} of {len(r['ids']):2d} {r['ids']}{mark}")


if __name__ == "__main__":
    main(sys.argv[1:])
