"""Full-size checkpoints with random weights, and how long the original takes for what `ocelli run` does with them.

    python released.py skeleton SHAPE DIR [--t5 t5_spiece.model]
    synthesize --skeleton DIR --type bf16 --shard-gb 4 OUT
    python released.py time OUT PICTURE [--prompt TEXT] [--tokens 30] [--rounds 3]

A skeleton is what a directory of the hub holds beside its weights, and tensors.json with the names and shapes of these,
which no one holds in memory: models are made on the device "meta". Vocabularies are made up, of the released size.
Written with transformers 4.57.6 and PyTorch.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoProcessor, BertTokenizerFast, Blip2Config, Blip2ForConditionalGeneration, Blip2ForImageTextRetrieval, Blip2Processor,
    Blip2QFormerConfig, Blip2VisionConfig, BlipImageProcessor, CLIPImageProcessor, InstructBlipConfig, InstructBlipForConditionalGeneration,
    InstructBlipProcessor, InstructBlipQFormerConfig, InstructBlipVisionConfig, Kosmos2Config, Kosmos2ForConditionalGeneration, Kosmos2Processor,
    LlamaConfig, LlamaTokenizerFast, OPTConfig, T5Config, T5TokenizerFast, XLMRobertaTokenizerFast,
)

SHAPES = {}


def shape(function):
    SHAPES[function.__name__.replace("_", "-")] = function
    return function


def letters(first, count):
    """`count` words that are all different, made of small letters."""
    return ["".join(chr(97 + (n // 26**k) % 26) for k in range(4)) for n in range(first, first + count)]


def wordpiece():
    """30,523 entries, as BERT's with [DEC]."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    single = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    entries = [*special, *single, *("##" + s for s in single)]
    entries += letters(0, 30522 - len(entries))
    inner = Tokenizer(models.WordPiece({t: i for i, t in enumerate(entries)}, unk_token="[UNK]", max_input_chars_per_word=100))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = BertTokenizerFast(tokenizer_object=inner, model_max_length=512)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    return tokenizer


def llama_words():
    """32,000 entries as LLaMA's: three special ones, 256 bytes, characters, and words of one merge each."""
    entries = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), "▁"]
    single = [chr(c) for c in range(33, 127)]
    entries += single
    merges, known = [], set(entries)
    pairs = ((a, b) for a in ["▁", *single] for b in single)
    for a, b in pairs:
        if len(entries) < 9000 and a + b not in known:
            entries.append(a + b)
            known.add(a + b)
            merges.append((a, b))
    twos = [a + b for a, b in merges]
    for a in twos:
        for b in single:
            if len(entries) < 32000 and a + b not in known:
                entries.append(a + b)
                known.add(a + b)
                merges.append((a, b))
    inner = Tokenizer(models.BPE({t: i for i, t in enumerate(entries)}, merges, fuse_unk=True, byte_fallback=True, unk_token="<unk>"))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return LlamaTokenizerFast(tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def vision(config):
    return config(hidden_size=1408, intermediate_size=6144, num_hidden_layers=39, num_attention_heads=16, image_size=224, patch_size=14)


def qformer(config, **more):
    return config(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
                  encoder_hidden_size=1408, cross_attention_frequency=2, vocab_size=30523, **more)


def flan_t5_xl():
    return T5Config(vocab_size=32128, d_model=2048, d_kv=64, d_ff=5120, num_layers=24, num_decoder_layers=24, num_heads=32,
                    feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0)


@shape
def blip2_flan_t5_xl(args):
    tokenizer = T5TokenizerFast(vocab_file=args.t5, add_prefix_space=True)
    tokenizer.add_special_tokens({"additional_special_tokens": [*tokenizer.additional_special_tokens, "<image>"]})
    config = Blip2Config(vision(Blip2VisionConfig).to_dict(), qformer(Blip2QFormerConfig).to_dict(), flan_t5_xl().to_dict(),
                         num_query_tokens=32, image_token_index=tokenizer.convert_tokens_to_ids("<image>"))
    pictures = BlipImageProcessor(size={"height": 224, "width": 224})
    return config, Blip2ForConditionalGeneration, Blip2Processor(pictures, tokenizer, num_query_tokens=32)


@shape
def instructblip_vicuna_7b(args):
    tokenizer = llama_words()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    text = LlamaConfig(vocab_size=32001, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32,
                       num_attention_heads=32, max_position_embeddings=2048, rms_norm_eps=1e-6, tie_word_embeddings=False)
    config = InstructBlipConfig(vision(InstructBlipVisionConfig).to_dict(), qformer(InstructBlipQFormerConfig).to_dict(),
                                text.to_dict(), num_query_tokens=32, image_token_index=tokenizer.convert_tokens_to_ids("<image>"))
    pictures = BlipImageProcessor(size={"height": 224, "width": 224})
    return config, InstructBlipForConditionalGeneration, InstructBlipProcessor(pictures, tokenizer, wordpiece(), num_query_tokens=32)


@shape
def kosmos_2(args):
    tokenizer = XLMRobertaTokenizerFast(vocab_file=args.t5)
    side = {"height": 224, "width": 224}
    return Kosmos2Config(), Kosmos2ForConditionalGeneration, Kosmos2Processor(CLIPImageProcessor(size=side, crop_size=side), tokenizer)


@shape
def blip2_itm_vit_g(args):
    text = OPTConfig(vocab_size=64, hidden_size=16, word_embed_proj_dim=16, ffn_dim=16, num_hidden_layers=1, num_attention_heads=2)
    config = Blip2Config(vision(Blip2VisionConfig).to_dict(), qformer(Blip2QFormerConfig, use_qformer_text_input=True).to_dict(),
                         text.to_dict(), num_query_tokens=32, image_text_hidden_size=256)
    config.image_token_index = None
    pictures = BlipImageProcessor(size={"height": 224, "width": 224})
    return config, Blip2ForImageTextRetrieval, Blip2Processor(pictures, wordpiece(), num_query_tokens=32)


def skeleton(args):
    config, kind, processor = SHAPES[args.shape](args)
    out = Path(args.dir)
    out.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        model = kind(config)
    config.architectures = [kind.__name__]
    config.dtype = "bfloat16"
    config.save_pretrained(out)
    processor.save_pretrained(out)
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.save_pretrained(out)
    tied = set(getattr(model, "_tied_weights_keys", None) or [])
    seen, tensors = {}, {}
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) in seen and (name in tied or seen[id(value)] in tied or "embed_tokens" in name):
            continue  # the same tensor under a second name, which is not saved
        seen[id(value)] = name
        tensors[name] = list(value.shape)
    (out / "tensors.json").write_text(json.dumps(tensors))
    print(f"{sum(torch.Size(s).numel() for s in tensors.values()) / 1e9:.3f} billion numbers in {len(tensors)} tensors")


def measure(args):
    from PIL import Image
    import transformers

    torch.set_num_threads(args.threads)
    config = json.loads((Path(args.dir) / "config.json").read_text())
    kind = getattr(transformers, config["architectures"][0])
    begin = time.time()
    model = kind.from_pretrained(args.dir, dtype=getattr(torch, args.type)).eval()
    processor = AutoProcessor.from_pretrained(args.dir)
    picture = Image.open(args.picture).convert("RGB")
    print(f"loaded in {time.time() - begin:.1f} s", flush=True)
    for _ in range(args.rounds):
        begin = time.time()
        inputs = processor(images=picture, text=args.prompt, return_tensors="pt").to(getattr(torch, args.type))
        with torch.no_grad():
            out = model.generate(**inputs, max_new_tokens=args.tokens, min_new_tokens=args.tokens, do_sample=False)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{time.time() - begin:.2f} s, {out.shape[1]} ids, most memory so far {peak:.2f} GB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("skeleton")
    one.add_argument("shape", choices=sorted(SHAPES))
    one.add_argument("dir")
    one.add_argument("--t5", help="t5_spiece.model, where the shape is T5's")
    two = commands.add_parser("time")
    two.add_argument("dir")
    two.add_argument("picture")
    two.add_argument("--prompt", default="Question: what is it? Answer:")
    two.add_argument("--tokens", type=int, default=30)
    two.add_argument("--rounds", type=int, default=3)
    two.add_argument("--threads", type=int, default=2)
    two.add_argument("--type", default="bfloat16")
    args = parser.parse_args()
    skeleton(args) if args.command == "skeleton" else measure(args)


main()
