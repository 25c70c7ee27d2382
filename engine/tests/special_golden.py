#!/usr/bin/env python3
"""Makes special_golden.json: the special tokens that transformers passes to chat templates.

Made with transformers 4.57.6. Usage: special_golden.py > special_golden.json. Transformers 5.24.0 renders the same, but for
`additional_special_tokens`, which it passes no template.
"""
import json

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

TOKENS = ["<unk>", "<s>", "</s>", "<pad>", "<sep>", "<cls>", "<mask>", "<image>", "it's", "<b>", "<tool>"]
ALL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "<sep>", "pad_token": "<pad>", "cls_token": "<cls>", "mask_token": "<mask>"}
TOKENIZERS = [
    {},
    ALL,
    {**ALL, "additional_special_tokens": ["it's", "<b>"], "extra_special_tokens": {"image_token": "<image>", "tool_token": "<tool>"}},
    {**ALL, "extra_special_tokens": {"image_token": "<image>"}},
    {**ALL, "additional_special_tokens": []},
    {"bos_token": "<s>", "pad_token": "<s>", "additional_special_tokens": ["<tool>"]},
    {"unk_token": "<unk>"},
    {"sep_token": "<sep>", "cls_token": "<cls>"},
]
NAMES = [*ALL, "additional_special_tokens", "image_token", "tool_token", "extra_special_tokens"]
TEMPLATES = ["|".join("{{ %s }}" % name for name in NAMES)]
TEMPLATES += ["{%% if %s is defined and %s is not none %%}{{ %s ~ '!' }}{%% endif %%}" % (name, name, name) for name in NAMES]
TEMPLATES += [
    "{% for t in additional_special_tokens %}{{ loop.index }}{{ t }};{% endfor %}",
    "{{ additional_special_tokens | length if additional_special_tokens else '-' }}",
    "{{ additional_special_tokens[0] }}{{ additional_special_tokens is string }}{{ '<b>' in additional_special_tokens }}",
]
TEMPLATES[-1] = "{% if additional_special_tokens %}" + TEMPLATES[-1] + "{% endif %}"

cases = []
for named in TOKENIZERS:
    model = models.WordLevel({token: at for at, token in enumerate(TOKENS)}, unk_token="<unk>")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model), **named)
    said = [{"role": "user", "content": "Hello"}]
    texts = [tokenizer.apply_chat_template(said, chat_template=template, tokenize=False) for template in TEMPLATES]
    cases.append({"tokenizer": named, "texts": texts})
print(json.dumps({"tokens": TOKENS, "templates": TEMPLATES, "cases": cases}, indent=1, ensure_ascii=False))
