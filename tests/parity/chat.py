#!/usr/bin/env python3
"""Makes chat.json: conversations of converted models as token ids, by transformers' apply_chat_template.

Usage: chat.py OUT      (transformers 4.57.6, tokenizers 0.22.2)

The templates write what the field's well-known ones write, in words of our own: turns, default system messages, where a
blank stands, which token ends a turn, and where a picture goes. One byte-level tokenizer is trained here that has the
control tokens of all of them; its files go into the golden, so that the test converts them as a checkpoint has them. Texts
that spell control tokens are left out: transformers reads those, which the engine does not (engine/tests/chat_prompt.rs).
"""
import json
import sys
import tempfile

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

CONTROL = [
    "<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "<|user|>", "<|assistant|>", "<|system|>",
    "<|end|>", "<end_of_utterance>", "[INST]", "[/INST]",
]  # fmt: skip
SIZE = 312
CORPUS = ["What is in the picture? It is a dog. Answer in one sentence: the other one is brown, I think."] * 20


TEMPLATES = {
    # ChatML as it was published.
    "chatml": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    # Qwen 2: ChatML that adds a system message where there is none.
    "qwen2": "{% for m in messages %}{% if loop.first and m.role != 'system' %}<|im_start|>system\nYou are helpful.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    # Qwen 3: thoughts of earlier turns are left out.
    "qwen3": "{%- for m in messages -%}{%- set text = m.content -%}{%- if m.role == 'assistant' and '</think>' in text -%}"
    "{%- set text = text.split('</think>')[-1].lstrip('\\n') -%}{%- endif -%}"
    "{{- '<|im_start|>' + m.role + '\\n' + text + '<|im_end|>' + '\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}"
    "{%- if enable_thinking is defined and not enable_thinking -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}{%- endif -%}",
    # Llama 2: the system message inside the first user's turn, roles that must alternate.
    "llama2": "{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}{% set told = messages[0].content %}{% else %}"
    "{% set rest = messages %}{% set told = false %}{% endif %}{% for m in rest %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Turns must alternate') }}{% endif %}"
    "{% if loop.first and told is not false %}{% set text = '<<SYS>>\\n' + told + '\\n<</SYS>>\\n\\n' + m.content %}"
    "{% else %}{% set text = m.content %}{% endif %}"
    "{% if m.role == 'user' %}{{ bos_token + '[INST] ' + text.strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + text.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    # Llama 3: headers, contents trimmed, the first token added by the template.
    "llama3": "{% for m in messages %}{% set turn = '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set turn = '<|begin_of_text|>' + turn %}{% endif %}{{ turn }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    # Gemma: the assistant is called model, the system message stands before the first text.
    "gemma": "{{ bos_token }}{% if messages[0].role == 'system' %}{% set prefix = messages[0].content + '\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set prefix = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ prefix if loop.first else '' }}{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
    # Mistral: the system message before the last user's text.
    "mistral": "{% set told = messages[0].content if messages[0].role == 'system' else none %}"
    "{% set rest = messages[1:] if told is not none else messages %}{{ bos_token }}{% for m in rest %}"
    "{% if m.role == 'user' %}{% if loop.last and told is not none %}{{ '[INST] ' + told + '\n\n' + m.content + '[/INST]' }}"
    "{% else %}{{ '[INST] ' + m.content + '[/INST]' }}{% endif %}{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}",
    # Vicuna: words for roles, blanks between turns.
    "vicuna": "{% for m in messages %}{% if m.role == 'system' %}{{ m.content + ' ' }}{% elif m.role == 'user' %}"
    "{{ 'USER: ' + m.content + ' ' }}{% else %}{{ 'ASSISTANT: ' + m.content + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    # Phi 3
    "phi3": "{% for m in messages %}{% if m.content %}{{ '<|' + m.role + '|>' + '\n' + m.content + '<|end|>' + '\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' + '\n' }}{% else %}{{ eos_token }}{% endif %}",
    # Zephyr: control tokens between lines that a block's end takes away.
    "zephyr": "{% for m in messages %}\n{% if m['role'] == 'user' %}\n{{ '<|user|>\n' + m['content'] + eos_token }}\n"
    "{% elif m['role'] == 'system' %}\n{{ '<|system|>\n' + m['content'] + eos_token }}\n"
    "{% elif m['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + m['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    # Alpaca's headings, as many fine-tunes have them.
    "headings": "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n\n{% elif m.role == 'user' %}### Instruction:\n"
    "{{ m.content }}\n\n{% else %}### Response:\n{{ m.content }}{{ eos_token }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}",
}
# Contents are lists: pictures first, then texts; or all in their order.
PICTURED = {
    "llava": "{% for m in messages %}{{ m.role | upper + ': ' }}{% for part in m.content | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}{% if m.role != 'assistant' %}{% for part in m.content | selectattr('type', 'equalto', 'text') %}"
    "{{ part.text + ' ' }}{% endfor %}{% else %}{% for part in m.content | selectattr('type', 'equalto', 'text') %}"
    "{{ part.text }}{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    "idefics": "{% for m in messages %}{{ m.role | capitalize }}{% if m.content[0].type == 'image' %}{{ ':' }}{% else %}{{ ': ' }}"
    "{% endif %}{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% elif part.type == 'image' %}{{ '<image>' }}"
    "{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}",
    "qwen2_vl": "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}<|im_end|>\n{% else %}"
    "{% for part in m.content %}{% if part.type == 'image' or 'image' in part %}{{ '<s><image></s>' }}"
    "{% elif 'text' in part %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
}

SAID = [
    [["user", "What is in the picture?"]],
    [["user", "  Say it again,\n\nplease. "], ["assistant", "It is a dog."], ["user", "1 < 2 > 0 [x] | y, naïve 日本 🙂"]],
    [["system", "Answer in one sentence."], ["user", "The other one?"], ["assistant", " Brown, I think.\n"], ["user", "Both?"]],
    [["user", "?"], ["assistant", "<think>\nA fox?\n</think>\n\nA dog."], ["user", "Why?"], ["assistant", "It barks."], ["user", "\tOh.\n"]],
]
SHOWN = [
    [["user", [None, "What is in the picture?"]]],
    [["user", [None, None, "Are both brown?"]], ["assistant", ["Both are."]], ["user", ["The other one ", None, " as well?"]]],
    [["system", ["Answer in one sentence."]], ["user", ["No picture here."]]],
]


def trained():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=SIZE, special_tokens=CONTROL, initial_alphabet=alphabet))
    assert t.get_vocab_size() == SIZE, t.get_vocab_size()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=t, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    fast.add_special_tokens({"additional_special_tokens": CONTROL[3:] + [AddedToken("<image>", special=True, normalized=False)]})
    assert fast.convert_tokens_to_ids("<image>") == SIZE
    return fast


def part(p):
    return {"type": "image"} if p is None else {"type": "text", "text": p}


def main():
    fast = trained()
    golden = {"made_with": f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}", "image": SIZE}
    with tempfile.TemporaryDirectory() as folder:
        fast.save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            with open(f"{folder}/{name}", encoding="utf-8") as file:
                golden[name] = json.load(file)
    golden["templates"] = []
    for pictured, templates, conversations in ((False, TEMPLATES, SAID), (True, PICTURED, SHOWN)):
        for name, source in templates.items():
            fast.chat_template = source
            cases = []
            for said in conversations:
                messages = [{"role": r, "content": [part(p) for p in c] if pictured else c} for r, c in said]
                text = fast.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
                ids = fast.apply_chat_template(messages, add_generation_prompt=True)
                cases.append({"messages": said, "text": text, "ids": ids})
            golden["templates"].append({"name": name, "pictures": pictured, "source": source, "cases": cases})
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(golden, out, ensure_ascii=True, separators=(",", ":"))
        out.write("\n")


main()
