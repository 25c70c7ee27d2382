"""A LLaMA tokenizer of few words, with merges written by hand: words are one token each, and what is no word is letters or
bytes.

The non-obvious thing: each token comes from one merge, because the converter turns merges back into SentencePiece's scores.
"""

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import LlamaTokenizerFast

LETTERS = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!'\"-()/"


def build(words, merges, added):
    """The tokenizer with `words`, each behind a blank, with `merges` behind them, and with tokens behind all others."""
    vocabulary, taken = {"<unk>": 0, "<s>": 1, "</s>": 2}, []
    for token in [f"<0x{byte:02X}>" for byte in range(256)] + list(LETTERS):
        vocabulary[token] = len(vocabulary)
    for left, right in [pair for word in words for pair in steps("▁" + word)] + list(merges):
        if left + right not in vocabulary:
            vocabulary[left + right] = len(vocabulary)
            taken.append((left, right))
    tokenizer = Tokenizer(models.BPE(vocabulary, taken, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    wrapped = LlamaTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>",
        clean_up_tokenization_spaces=False, model_max_length=256, padding_side="left", legacy=True,
    )
    added = [AddedToken(token, special=True, normalized=False) for token in added]
    wrapped.add_special_tokens({"additional_special_tokens": added})
    ids = wrapped.convert_tokens_to_ids([str(token) for token in added])
    assert ids == list(range(len(vocabulary), len(vocabulary) + len(added)))
    return wrapped


def steps(word):
    """The merges that make a word, letter by letter."""
    return [(word[:at], word[at]) for at in range(1, len(word))]
