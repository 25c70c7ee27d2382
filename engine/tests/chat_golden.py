#!/usr/bin/env python3
"""Makes chat_golden.json: short templates that use what published ones use, rendered by transformers.

Usage: chat_golden.py OUT
"""
import json
import sys

import transformers
from transformers.utils.chat_template_utils import render_jinja_template

TEMPLATES = {
    # ChatML with a default system message (as SmolLM2's and Qwen-2's).
    "chatml": "{% for m in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + m['role'] + '\n' + m['content']"
    " + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    # Turns that must alternate, a system message inside the first one (as Gemma's).
    "turns": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set prefix = messages[0]['content'] + '\n\n' -%}
    {%- set rest = messages[1:] -%}
{%- else -%}
    {%- set prefix = "" -%}
    {%- set rest = messages -%}
{%- endif -%}
{%- for message in rest -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("roles must alternate") }}
    {%- endif -%}
    {%- set role = "model" if message['role'] == 'assistant' else message['role'] -%}
    {{ '<turn>' + role + '\n' + (prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}{{ item['text'] | trim }}{%- endfor -%}
    {%- endif -%}
    {{ '</turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<turn>model\n' }}{%- endif -%}
""",
    # Blocks on lines of their own: trim_blocks and lstrip_blocks.
    "blocks": """{# a comment #}
{% for message in messages %}
    {% if message.role == 'user' %}
[INST] {{ message.content }} [/INST]
    {% else %}
  {{ message.content }}{{ eos_token }}

    {% endif %}
{% endfor %}
tail
""",
    "python": "{% for m in messages %}{% set c = m.content %}{{ c.strip() }}|{{ c.lstrip(' x') }}|{{ c.rstrip('!') }}|"
    "{{ c.split('e')|join('+') }}|{{ c.split()|length }}|{{ c.split(None, 1)|join('/') }}|{{ c.rsplit('e', 1)[-1] }}|"
    "{{ c.startswith('H') }}|{{ c.endswith(('!', '?')) }}|{{ c.upper() }}|{{ c.title() }}|{{ c.capitalize() }}|"
    "{{ c.replace('e', 'E', 1) }}|{{ c.find('e') }}|{{ c.count('e') }}|{{ m.get('role') }}|{{ m.get('none', 'd') }}|"
    "{{ m.get('none') is none }}|{{ ', '.join(['a', c]) }}|{{ c.splitlines()|length }}|{{ c[:3] }}|{{ c[-2:] }}|"
    "{{ c.removeprefix('He') }}|{{ '</think>' in c }}|{{ '{}-{{{}}}'.format(m.role, 3) }}{{ '{1}{0}'.format('a', c) }}|{{ tools is none }}\n{% endfor %}{% for k, v in {'b': 1, 'a': [2]}.items() %}{{ k }}{{ v }}{% endfor %}",
    "state": """{%- set ns = namespace(last=-1, seen=false) -%}
{%- for m in messages -%}
    {%- if m.role == 'system' %}{% set ns.seen = true %}{% continue %}{% endif -%}
    {%- set ns.last = loop.index0 -%}
    {%- if loop.previtem is defined and loop.previtem.role == m.role %}!{% endif -%}
    {{- loop.index ~ ':' ~ m.role ~ (',' if not loop.last else '.') -}}
    {%- if loop.index > 4 %}{% break %}{% endif -%}
{%- endfor -%}
{{- ns.last }} {{ ns.seen }} {{ (messages|selectattr('role', 'equalto', 'user')|list)|length }} {{ messages|map(attribute='role')|join('-') }}
{%- if tools is defined and tools %}tools{% endif %}{% if not enable_thinking | default(true) %}quiet{% endif %}""",
    "json": "{{ messages|tojson }}\n{{ {'z': [1, 2.5, true, none], 'a': {}, 'l': []}|tojson(indent=2) }}\n{{ '<&>é\"\\\\\n'|tojson }}",
    "macro": "{% macro say(who, what='') %}<{{ who }}>{{ what }}{% endmacro %}{% for m in messages %}{{ say(m.role, what=m.content|trim) }}"
    "{% generation %} {{ 'g' if m.role == 'assistant' }}{% endgeneration %}{% endfor %}",
}
CONVERSATIONS = [
    [("user", "Hello!")],
    [("system", "Be brief."), ("user", "  Hello there, \n\nhow are you?  "), ("assistant", "Fine.\n"), ("user", "xx <b>é你👍</b> & \"q\" ")],
    [("user", "Hey"), ("user", "again, please </think> e")],
    [("assistant", "I begin.")],
    [("user", "{{ 1 + 1 }} {% raw %}"), ("assistant", ""), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")],
]


def main(out):
    cases = []
    for name, template in TEMPLATES.items():
        for conversation in CONVERSATIONS:
            for add in (False, True):
                messages = [{"role": role, "content": content} for role, content in conversation]
                try:
                    rendered, _ = render_jinja_template(
                        [messages], chat_template=template, add_generation_prompt=add, bos_token="<s>", eos_token="</s>"
                    )
                    cases.append([name, conversation, add, rendered[0]])
                except Exception as error:
                    cases.append([name, conversation, add, None, str(error)])
    with open(out, "w") as file:
        file.write(f'{{"made_with": "transformers {transformers.__version__}",\n')
        file.write(f'"templates": {json.dumps(TEMPLATES, indent=0)},\n"cases": [\n')
        file.write(",\n".join(json.dumps(case) for case in cases) + "]}\n")


if __name__ == "__main__":
    main(sys.argv[1])
