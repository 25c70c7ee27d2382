"""Makes snippets.json: what Jinja2 makes of small templates, in transformers' environment.

Made with transformers 4.57.6 and Jinja2 3.1.6 on Python 3.11. The clock stands at noon of 30 November 2026.

    python engine/tests/templates/snippets.py > engine/tests/templates/snippets.json
"""

import copy
import datetime
import itertools
import json
import sys

from transformers.utils import chat_template_utils


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 30, 12, 0, 0, 123456)


chat_template_utils.datetime = Clock

CONTEXT = {
    "s": "Hello, World", "e": "", "u": "straße ΑΣ ǆ ﬁn Éa", "q": "it's \"q\"", "nl": "a\nb\n\n  c\td", "h": "<b>&'\"",
    "n": None, "t": True, "f": False, "i": 7, "m": -3, "z": 0, "x": 2.5, "y": 1e20, "big": 9007199254740993,
    "l": [3, 1, 2], "w": ["b", "A", "c", "a", "B"], "em": [], "mix": [1, "a", None, True, 2.0],
    "d": {"b": 1, "a": 2, "C": 0}, "ed": {}, "deep": {"a": {"b": [10, {"c": "x"}]}, "items": 5, "n": None},
    "o": [{"k": "b", "v": 2, "g": "x"}, {"k": "A", "v": 1, "g": "Y"}, {"k": "c", "v": 3, "g": "X"}, {"k": "d", "g": "y"}],
    "tools": None, "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "text", "text": "yo"}]}],
}
NAMES = ["s", "e", "q", "n", "t", "f", "i", "m", "x", "y", "l", "w", "em", "mix", "d", "ed", "o", "nope", "deep"]
TESTS = """odd even defined undefined none boolean false true integer float lower upper string mapping number sequence
iterable callable escaped filter test""".split()
FILTERS = """abs capitalize count d default dictsort e escape first float forceescape indent int items join last length list
lower max min reverse round safe sort string sum title tojson trim truncate unique upper wordcount center batch(2) slice(2)
default('D',true) default('D') join(',') replace('l','L') int(5) float(1.5) round(1) round(0,'ceil') round(1,'floor')
sort(reverse=true) sort(case_sensitive=true) unique(case_sensitive=true) tojson(indent=2) tojson(sort_keys=true)
tojson(separators=(',',':')) tojson(ensure_ascii=true) trim('Hd') truncate(5) truncate(8,true,'!') indent(2,true) center(9)
map('upper') select select('string') reject('none') list|length attr('upper') filesizeformat urlencode""".split()

WRITTEN = r"""
{{ tools is iterable and tools | length > 0 }}
{% if tools is iterable and tools | length > 0 %}T{% else %}-{% endif %}
{{ 'a' is sequence }} {{ nope is sequence }} {{ 1 is sameas 1 }} {{ none is sameas none }} {{ l is sameas l }} {{ true is sameas 1 }}
{{ {'b':1,'a':[1,2.5,none,true,"é\n\"\u0001"]}|tojson }}
{{ {'b':{'c':[]},'a':{}}|tojson(indent=4) }}
{{ {'b':1,'a':[1,{'z':1,'y':2}]}|tojson(separators=(',',':'),sort_keys=true,indent=1) }}
{{ 'é\x7f😀'|tojson(ensure_ascii=True) }}
{{ [1e20,1e16,1e15,1e-5,1e-4,0.1,-0.0,1.0,123456789.125]|tojson }} {{ [1e20,1e16,1e15,1e-5,1e-4,0.1,-0.0,1.0] }}
{{ nope|tojson }}
{{ {1:2,none:3,true:4,1.5:5}|tojson }}
{{ range(3)|tojson }}
{{ d.items()|list|tojson }}
{{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ '1' == 1 }} {{ none == false }} {{ 1 < 'a' }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }}
{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 0.1 + 0.2 }} {{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }}
{{ 1 / 0 }}
{{ 2 ** 200 }}
{{ 170141183460469231731687303715884105727 }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1,'x'] ~ nope }}
{{ 'a' + 1 }}
{{ 'a' + 'b' }}{{ [1] + [2] }}{{ (1,) + (2,) }}{{ 'ab' * 3 }}{{ 2 * [0] }}{{ true + true }}
{{ [1] + (2,) }}
{{ '%s is %d and %.2f %r %5s|%-5s|%05d %x %c %%' % ('a', 3, 2.5, 'q', 'r', 'l', 42, 255, 'z') }}
{{ '%s' % 'x' }} {{ '%s %s' % (1, [2]) }} {{ '%(a)s' % {'a': 1} }} {{ '%s' % nope }} {{ '%e %g %G' % (12345.678, 1e-10, 1e10) }}
{{ '%d' % 'a' }}
{{ '%s %s' % 'a' }}
{{ '%s' % (1, 2) }}
{{ '%s-%s'|format(1, 'a') }} {{ '%(a)s'|format(a=5) }}
{{ '{} {}'.format(1, 'a') }} {{ '{0} {1} {0}'.format('a', 'b') }} {{ '{a.b} {c[0]}'.format(a={'b': 1}, c=[5]) }}
{{ '{:>5}|{:<5}|{:^5}|{:*^7}|{:05d}|{:.2f}|{:,}|{:x}|{:+d}|{:%}|{!r:>6}'.format('a','b','c','d',42,3.14159,1234567,255,5,0.25,'z') }}
{{ s[0] }} {{ s[-1] }} {{ s[1:4] }} {{ s[::-1] }} {{ s[-3:] }} {{ s[:-3] }} {{ s[::2] }} {{ s[10:2:-3] }} {{ s[99] }} {{ s[99:] }}
{{ l[::-1] }} {{ l[0:2] }} {{ l[-2:] }} {{ l[5:1] }} {{ l[::0] }}
{{ range(10)[2:8:2] }} {{ range(10)[::-1]|list }} {{ range(5,0,-2)|list }} {{ range(3) }} {{ range(1,10,3) }} {{ range(0) }}
{{ u[:3] }} {{ u|length }} {{ u|upper }} {{ u|lower }} {{ u|title }} {{ u|capitalize }} {{ u.title() }} {{ u.swapcase() }}
{{ "they're bill's".title() }} {{ "they're bill's-foo (bar"|title }}
{{ s.upper() }} {{ s.split() }} {{ s.split(',') }} {{ s.split('l', 1) }} {{ s.rsplit('l', 1) }} {{ ' a  b '.split() }} {{ ' a  b '.split(' ') }}
{{ 'a,b'.split(sep=',', maxsplit=0) }} {{ ' a b c '.split(none, 1) }} {{ ' a b c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }}
{{ s.find('o') }} {{ s.find('o', 5) }} {{ s.rfind('o') }} {{ s.index('W') }} {{ s.count('l') }} {{ s.find('zz') }} {{ s.count('') }} {{ s.find('', 50) }}
{{ s.index('zz') }}
{{ s.startswith('He') }} {{ s.startswith(('x', 'H')) }} {{ s.endswith('d') }} {{ s.startswith('l', 2) }} {{ s.endswith(['d']) }}
{{ 'xxhixx'.strip('x') }} {{ ' hi '.strip() }}| {{ ' hi '.lstrip() }}| {{ ' hi '.rstrip() }}| {{ 'abc'.strip('ca') }}
{{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }} {{ 'aaa'|replace('a', 'b', 2) }} {{ 'abc'.replace('', '-') }} {{ 5|replace(5, 6) }}
{{ s.partition(', ') }} {{ s.rpartition('o') }} {{ 'abc'.partition('x') }} {{ 'abc'.rpartition('x') }}
{{ s.removeprefix('Hel') }} {{ s.removesuffix('ld') }} {{ 'abc'.removeprefix('x') }}
{{ nl.splitlines() }} {{ nl.splitlines(true) }} {{ 'a\r\nb\rc\x0bd\u2028e'.splitlines() }}
{{ 'a'.center(4) }}| {{ 'ab'.center(5, '*') }} {{ 'a'.ljust(3) }}| {{ 'a'.rjust(3, '0') }} {{ '-5'.zfill(4) }}
{{ ', '.join(['a', 'b']) }} {{ '-'.join('abc') }} {{ ','.join(d) }} {{ ','.join(d.keys()) }}
{{ ', '.join([1]) }}
{{ 'a'.isalpha() }} {{ '1'.isdigit() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'A'.isupper() }} {{ 'a'.islower() }} {{ ''.isalpha() }} {{ 'é'.isascii() }}
{{ 'abc'.foo }}|{{ 'abc'.foo() }}
{{ none.x }}|{{ 5.x }}|{{ none[0] }}|{{ 5[0] }}|{{ l.x }}|{{ l['x'] }}|{{ d.zz }}
{{ nope.x }}
{{ nope['x'] }}
{{ nope() }}
{{ nope + 1 }}
{{ -nope }}
{{ nope }}|{{ nope == none }}|{{ nope == nope2 }}|{{ nope|length }}|{{ nope|list }}|{{ nope|string }}|{{ [nope] }}|{{ not nope }}|{{ nope in [1] }}|{{ 1 in nope }}
{{ nope < 1 }}
{{ nope in 'abc' }}
{{ 'a' if false }}|{{ ('a' if false) is undefined }}|{{ 'a' if 0 else 'b' if 1 else 'c' }}
{{ deep.items }}
{{ deep['items'] }} {{ deep.a.b[1].c }} {{ deep.a.b.1.c }} {{ deep.items()|list|length }} {{ deep.get('zz') }} {{ deep.get('zz', 4) }} {{ deep.get('n', 4) }}
{{ deep['a']['b'][0] }} {{ deep['get']('items') }}
{{ d.items() }} {{ d.keys() }} {{ d.values() }} {{ d }} {{ d.items()|first }} {{ d|list }} {{ d|first }} {{ d|last }} {{ d.keys()|sort }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for k, v in d|items %}{{ loop.index }}{{ k }}{% endfor %}
{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %} {{ d|dictsort(true) }} {{ d|dictsort(false, 'value') }} {{ d|dictsort(reverse=true) }}
{{ d|dictsort(by='x') }}
{{ d.update({'a': 1}) }}
{{ l.append(1) }}
{{ l.append }}|{{ l.pop is defined }}|{{ l.__class__ }}|{{ d.__len__ }}
{{ l.__class__.__name__ }}
{{ l.index(2) }} {{ l.count(1) }} {{ (1,2,1).count(1) }}
{{ o|map(attribute='k')|join(',') }} {{ o|map(attribute='v', default=9)|list }} {{ o|map(attribute='v')|list }}
{{ o|selectattr('v')|map(attribute='k')|list }} {{ o|selectattr('v', 'defined')|list|length }} {{ o|selectattr('v', 'undefined')|list }} {{ o|rejectattr('g', 'equalto', 'x')|map(attribute='g')|list }}
{{ o|selectattr('v', '>', 1)|list }}
{{ o[:3]|selectattr('v', '>', 1)|map(attribute='v')|list }} {{ o[:3]|sort(attribute='v')|map(attribute='v')|list }} {{ o|sort(attribute='k')|map(attribute='k')|join }} {{ o|sort(attribute='g,k')|map(attribute='k')|join }}
{% for g in o|groupby('g') %}{{ g.grouper }}:{{ g.list|map(attribute='k')|join }} {% endfor %} {{ o|groupby('g', case_sensitive=true)|map('first')|list }} {{ o[:2]|groupby('k') }}
{{ w|sort }} {{ w|sort(case_sensitive=true) }} {{ w|sort(true) }} {{ w|unique|list }} {{ w|min }} {{ w|max }} {{ w|min(case_sensitive=true) }} {{ em|min }}
{{ mix|sort }}
{{ l|sum }} {{ o[:3]|sum(attribute='v') }} {{ [[1],[2]]|sum(start=[]) }} {{ [1.5, 2]|sum }} {{ w|sum }}
{{ l|map('string')|join('-') }} {{ l|map('multiply') }}
{{ l|select('odd')|list }} {{ l|reject('odd')|list }} {{ l|select('divisibleby', 3)|list }} {{ mix|select('none')|list }} {{ mix|select|list }} {{ l|select('in', [1,2])|list }} {{ l|select('==', 3)|list }}
{{ none|select|list }} {{ 0|map('upper')|list }} {{ none|selectattr('a')|list }}
{{ 5|select|list }}
{{ l|batch(2)|list }} {{ l|batch(2, 0)|list }} {{ l|slice(2)|list }} {{ l|slice(2, 'f')|list }} {{ range(7)|batch(3)|map('list')|list }}
{{ l|reverse|list }} {{ 'abc'|reverse }} {{ l|map('abs')|reverse }} {{ d|reverse|list }}
{{ l|reverse }}
{{ l|map('abs') }}
{{ l|map('abs')|length }}
{% set g = l|map('abs') %}{{ g|list }}{{ g|list }}{{ g is iterable }}{{ g is sequence }}{{ g[0] }}
{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 1234.5678|round(2) }} {{ 7|round }} {{ 7|round(2) }} {{ 2.1|round(0, 'ceil') }} {{ 2.19|round(1, 'floor') }} {{ 5|round(0,'ceil') }} {{ -2.5|round }} {{ 0.5|round }} {{ true|round }}
{{ 2.5|round(method='x') }}
{{ '42'|int }} {{ '42.7'|int }} {{ 'x'|int }} {{ 'x'|int(-1) }} {{ ' 12 '|int }} {{ '1e3'|int }} {{ '0x1f'|int(base=16) }} {{ '1_000'|int }} {{ '11'|int(0, 2) }} {{ none|int }} {{ true|int }} {{ 3.99|int }} {{ -3.99|int }} {{ 'inf'|int(3) }} {{ l|int(4) }} {{ '0b1'|int(base=0) }} {{ '010'|int(5, 0) }}
{{ nope|int }}
{{ '1.5'|float }} {{ 'x'|float }} {{ 'x'|float(2.0) }} {{ 3|float }} {{ ' 1e3 '|float }} {{ 'nan'|float }} {{ '-inf'|float }} {{ none|float }} {{ '1_0.5'|float }} {{ '1__0'|float }}
{{ nope|float }}
{{ 'x y z'|wordcount }} {{ 'a-b c_d é1'|wordcount }} {{ nl|indent }}| {{ nl|indent(2, true) }}| {{ nl|indent(width='> ', blank=true) }}| {{ nl|indent(1, first=true) }}
{{ 'foo bar baz qux'|truncate(9) }} {{ 'foo bar baz qux'|truncate(9, True) }} {{ 'foo bar baz qux'|truncate(11, leeway=0) }} {{ 'foo bar'|truncate(5, leeway=5) }} {{ 'foobarbazqux'|truncate(6, end='', leeway=0) }}
{{ 'foo'|truncate(1) }}
{{ h|e }} {{ h|escape|e }} {{ h|e|forceescape }} {{ h|safe }} {{ (h|e) ~ '<' }} {{ (h|e) + '<' }} {{ '<' + (h|safe) }} {{ [h|e] }} {{ h|e is escaped }} {{ h is escaped }} {{ h|e|upper }} {{ '%s'|e }}
{{ none|default('x') }} {{ nope|default }}| {{ none|default('x', true) }} {{ ''|d('y', boolean=true) }} {{ nope|default(none) }} {{ 0|default(1) }}
{{ [1, [2, ['x', "it's", 'a"b', 'a\'b"c']], (1,), (), {}, {'a': none, 1: 2.0}, true, 1e100, -0.5, '\n\t\\é\x00\u200b'] }}
{{ (1, 2) }} {{ 1, 2 }} {{ () }} {{ (1,) }} {{ [] }} {{ {} }} {{ {'a': (1, [2])} }}
{% set ns = namespace(a=1, b='x') %}{% set ns.a = ns.a + 1 %}{{ ns.a }}{{ ns.zz }}{{ ns }}{% for q in l %}{% set ns.a = ns.a + q %}{% endfor %}{{ ns.a }}
{% set ns = namespace({'k': 1}) %}{{ ns.k }}{{ ns['k'] }}{{ ns.items }}
{% set q = 1 %}{% set q.x = 2 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, (x1, y1)) = (1, (2, 3)) %}{{ y1 }}
{% set a, b = 1 %}
{% set a, b = [1] %}
{% set blk %}a{{ 1 }}b{% endset %}{{ blk }}{{ blk|upper }}{% set blk | upper | trim %} hi {% endset %}[{{ blk }}]
{% filter upper %}abc{{ s }}{% endfilter %}{% filter replace('a', 'b')|upper %}aaa{% endfilter %}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}|{% with %}{% set k = 3 %}{{ k }}{% endwith %}{{ k }}{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}
{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }}|{{ m(1, 3, 4, 5, z=6) }}|{{ m(b=1, a=0) }}|{{ m() }}|{{ m }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m is callable }}
{% macro m(a) %}[{{ caller(a) }}]{% endmacro %}{% call(x) m(3) %}x={{ x }}{{ s }}{% endcall %}{% call m(1) %}n{% endcall %}
{% macro m() %}[{{ caller() if caller else 'none' }}]{% endmacro %}{% call m() %}n{% endcall %}{{ m() }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}
{% macro m() %}{{ zz }}{% endmacro %}{% set zz = 1 %}{{ m() }}{% set zz = 2 %}{{ m() }}
{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 1) }};{% endfor %}
{% for i in l %}{{ loop }}{{ loop.zz }}{{ loop|length }}{{ loop is iterable }}{% endfor %}
{% for i in em %}x{% else %}empty{% endfor %}{% for i in nope %}x{% else %}undef{% endfor %}{% for c in 'abc' %}{{ c }}.{% endfor %}
{% for i in none %}x{% endfor %}
{% for i in 5 %}x{% endfor %}
{% for i in range(10) if i % 2 %}{{ i }}{{ loop.index }}{{ loop.last }}{{ loop.length }} {% endfor %}
{% set ns = namespace(s=false) %}{% for i in l if not ns.s %}{{ i }}{% set ns.s = true %}{% endfor %}
{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% else %}E{% endfor %}
{% for i in l %}{% continue %}{% else %}E{% endfor %}
{% for i in l %}{% break %}{% else %}E{% endfor %}
{% for i in [[1, [2, [3]]], 4] recursive %}{{ loop.depth }}{% if i is iterable %}({{ loop(i) }}){% else %}{{ i }}{% endif %}{% endfor %}
{% for i in [1,2] %}{% for j in [1,2] %}{{ loop.index }}{{ i }}{% endfor %}{{ loop.index }}{% endfor %}
{% for i in [1,2,3] %}{% if i == 2 %}{% set v = i %}{% endif %}{{ v }},{% endfor %}|{{ v }}
{% for i in [1,2,3] %}{{ i9 }}{% set i9 = i %}{% endfor %}
{% set v = 9 %}{% for i in [1,2] %}{{ v }}{% set v = i %}{{ v }}{% endfor %}{{ v }}
{% for s in l %}{{ s }}{% endfor %}{{ s }}
{% for a, b in [[1,2],[3,4]] %}{{ a }}{{ b }}{% endfor %}
{% for a, b in [[1,2,3]] %}{% endfor %}
{% if true %}{% set zz = 1 %}{% endif %}{{ zz }}{% if false %}{% set yy = 1 %}{% endif %}{{ yy }}
{% if i %}{% set s = 'new' %}{% endif %}{{ s }}{% if not i %}{% set e = 'new' %}{% endif %}[{{ e }}]
{% generation %}a{{ s }}{% set zz = 1 %}{% endgeneration %}{{ zz }}
{%- for m in messages -%} {%- generation -%} {{ m.role }} {%- endgeneration -%} {%- endfor -%}
{% set x = cycler('a', 'b') %}{{ x.next() }}{{ x.next() }}{{ x.next() }}{{ x.current }}{% set j = joiner('|') %}{{ j() }}a{{ j() }}b{{ j() }}
{{ dict(a=1, b=2) }} {{ dict({'x': 1}, y=2) }} {{ dict([['a', 1]]) }} {{ dict() }}
{{ 'a' in 'abc' }} {{ 1 in [1,2] }} {{ 'a' in d }} {{ 'z' not in d }} {{ 1.0 in [1] }} {{ none in [none] }} {{ 'a' in d.keys() }} {{ 5 in range(10) }} {{ ('a', 2) in d.items() }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ not 1 == 2 }} {{ not (1) }} {{ 1 and 2 }} {{ 0 or 'x' }} {{ none and 1 }} {{ '' or [] or {} }} {{ not true or true }}
{{ 1 is not none }} {{ 1 is defined and 2 is odd }} {{ s is string and s is not number }} {{ 4 is divisibleby 2 }} {{ 4 is divisibleby(3) }} {{ 3 is in [3] }} {{ 1 is eq 1 }} {{ 2 is gt 1 }} {{ 2 is lessthan 1 }} {{ 'upper' is filter }} {{ 'x' is filter }} {{ 'odd' is test }}
{{ 3 is divisibleby 0 }}
{{ 'a' is odd }}
{{ s|nofilter }}
{% if false %}{{ s|nofilter }}{% endif %}ok
{{ s|nofilter if false else 'ok' }}
{{ s is notest }}
{% if false %}{{ s is notest }}{% endif %}ok
{% for i in l %}{% if false %}{% for j in l %}{{ j|nofilter }}{% endfor %}{% endif %}{% endfor %}
{% raw %}{{ x }}{% if %}{% endraw %}|{%- raw -%}  a  {%- endraw -%}  b
{# comment #}a{#- c -#} b {#+ x #}
  {% if true %}  
    a
  {% endif %}  
b
  {%+ if true %}a{%+ endif %}
a
   {%- if true -%}
   b
   {%- endif %}
c
  {% if true +%}
x
{% endif %}
  {# c #}
y  {# d #}  
  {{ s }}  
  {% set a = 1 %}{{ a }}
{{ 'a' 'b' "c" }} {{ "\u00e9\x41\101\'\"\\\q" }} {{ '\N{BULLET}' }}
{{ 1.0 }} {{ 1.50 }} {{ 100000000000000000000.0 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 1e-7 }} {{ 3.0e0 }}
{{ true }} {{ false }} {{ none }} {{ True }} {{ None }} {{ [true, none] }}
{{ s.upper }}
{{ range }}
{{ lipsum() }}
{{ self }}
{% include 'x' %}
{% import 'x' as y %}
{% if false %}{% include 'x' %}{% endif %}ok
{% extends 'x' %}
{% block b %}B{{ s }}{{ nope }}{% endblock %}{% set zz = 1 %}{% block c %}{{ zz }}{% endblock %}
{% autoescape false %}{{ h }}{% endautoescape %}
{% do x %}
{% print s %}
{{ raise_exception('no: ' + s) }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %A %B %-d %j %p') }}
{{ messages[0]['role'] ~ messages[-1].content[0].text }} {{ messages|length }} {{ messages[1:]|length }} {{ messages[0].content is string }} {{ messages[1].content is string }} {{ messages[1]['content'] is iterable }} {{ messages|map(attribute='role')|list }}
{{ (messages|selectattr('role', 'equalto', 'user')|list)[0].content }} {{ (messages|last).role }} {{ messages|last|attr('role') }} {{ messages[5] }} {{ (messages|first)['content'] }}
{{ {'a': 1}.a }} {{ {'a': {'b': 2}}['a']['b'] }} {{ [1,2,3][1] }} {{ (1,2)[0] }} {{ 'abc'|first }} {{ 'abc'|last }} {{ 'abc'|list }} {{ {'a':1}|length }}
{{ {[1]: 2} }}
{{ l|join(', ', attribute='x') }} {{ o|join('|', attribute='k') }} {{ [1, none, nope, true]|join('-') }} {{ nope|join }}
{{ 'HELLO'.lower().capitalize() }} {{ 'hello world'.title() }} {{ 'İ'.lower()|length }} {{ 'ß'.upper() }} {{ 'ŉ'.title() }} {{ 'ΑΣ ΣΑΣ'|lower }}
{{ 'a\tb'.expandtabs() }}
{{ 'a'.encode() }}
{{ '1,2;3'.split(';')[0].split(',')[-1] }} {{ s.split('</think>')[-1].lstrip('\n') }} {{ 'x</t>y'.split('</t>')|last }}
{{ i.real }} {{ x.imag }} {{ i.bit_length() }} {{ true.real }}
{{ '%s' % [1,2] }} {{ 'a' % [1] }} {{ '%5.1f|%+d|% d|%#x|%*d' % (2.25, 3, 4, 255, 5, 6) }} {{ '%i' % 3.9 }} {{ '%s' % none }}
{{ 'a' % 1 }}
{{ 9007199254740993 / 1 }}
{{ big * big }} {{ big + 0.5 }} {{ big == 9007199254740992.0 }}
{{ 1 if l else 2 }}{{ 'x' if em else 'y' }}{{ 'd' if d else 'n' }}{{ 1 if ' ' }}{{ 1 if 0.0 else 3 }}
{{ loop }}{{ caller }}{{ varargs }}
{%- set a -%} x {%- endset -%}[{{ a }}]
{{ [1,2,3,]|length }}{{ {'a':1,}|length }}{{ dict(a=1,)|length }}
{{ l[0],l[1] }} {{ l.0 }} {{ l[true] }} {{ l['0'] }} {{ l[1.0] }} {{ d[0] }} {{ s['upper']() }} {{ l[-4] }}
{{ foo(*[1,2], **{'a': 1}) }}
{{ range(*[1, 4])|list }} {{ dict(**{'a': 1}) }}
{{ - 5|abs }} {{ (-5)|abs }} {{ -5 ** 2 }} {{ +5 }} {{ --5 }} {{ not not 1 }} {{ -l[0] }} {{ -x|round }}
{{ 10 - 2 - 3 }} {{ 2 + 3 * 4 ~ 'a' }} {{ 1 ~ 2 + 3 }} {{ 100 / 10 / 2 }} {{ 7 // 2 * 2 }} {{ 'a' ~ 'b' == 'ab' }}
{{ '😀é'[0] }} {{ '😀é'|length }} {{ '😀é'[::-1] }} {{ '😀é'.find('é') }} {{ '😀é'.center(4, '·') }}
{{ 'a b'|urlencode }} {{ 'é/?&='|urlencode }} {{ 1000|filesizeformat }} {{ 1|filesizeformat }} {{ 1500000|filesizeformat(true) }} {{ 999|filesizeformat }}
{{ [3,1,2]|sort|first }} {{ [[2,'b'],[1,'z'],[2,'a']]|sort }} {{ [(1,2),(1,1)]|min }} {{ [1,1.0,true,'1']|unique|list }} {{ [1, 2.5]|max }}
{% for i in range(3) %}{{ loop.changed(i // 2) }}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}
{% for x in [1,2] %}{% set outer = loop %}{% for y in [1,2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{{ 'x'.join(l|map('string')) }} {{ l|map('string')|map('upper')|list }} {{ ['a ', ' b']|map('trim')|join }} {{ ['a', 'b']|map('replace', 'a', 'z')|list }} {{ [[1,2],[3]]|map('length')|list }} {{ [[1,2],[3]]|map('join', '+')|list }} {{ o|map(attribute='k.0')|list }}
{{ ['x']|map|list }}
{{ 'abc' is sequence and 'abc' is not mapping }} {{ {}.keys() is sequence }} {{ {} is iterable }} {{ none is iterable }} {{ 5 is iterable }} {{ range is callable }} {{ nope is callable }} {{ joiner() is callable }} {{ namespace() is iterable }} {{ namespace() is mapping }} {{ true is number }} {{ true is integer }} {{ 1.0 is float }} {{ 'A1' is upper }} {{ '' is lower }}
{{ '' is string }} {{ h|safe is string }} {{ (h|safe).upper() }} {{ (h|e)|replace('&', 'x') }} {{ (h|e)|length }} {{ '<'|e == '&lt;' }} {{ ('<'|e)[0] }} {{ ('a'|e)|tojson }} {{ ('<'|e)|trim + '<' }}
""".strip("\n").split("\n")


def cases():
    multi = [
        "  {% if true %}  \n    a\n  {% endif %}  \nb\n", "a\n   {%- if true -%}\n   b\n   {%- endif %}\nc\n\n",
        "  {% if true +%}\nx\n{% endif %}\n  {# c #}\ny  {# d #}  \n", "\r\na\r{% if 1 %}\r\nb{% endif %}\r\n", "a\n\n", "\n{{ 1 }}\n",
        "{% for i in l %}\n  {{ i }}\n{% endfor %}\n", "x {%- raw %}\n {{ a }} {% endraw -%}\n y", "{%- if 1 %}a{% endif -%}\n\n b",
        "{% for i in l -%}\n {{ i }}\n{%- endfor %}", "{{ s -}}\n\n x {{- s }}", "{#- a -#}\n\nb", "\t {% set a = 1 %}\n\t {{ a }}", "{{\n s\n|\nupper\n}}",
        "{% if x is defined\n and y %}\nyes\n{% endif %}", "a{% if 1 %}\n{% endif %}\nb", "{{ '{{' }}{{ '}}' }}{{ {'a': {'b': 1}} }}", "{{ '#}' }}{# '#' #}",
        "{% if 1 %}", "{{ 1", "{% endif %}", "{{ 'a }}", "{{ a b }}", "{% for x %}{% endfor %}", "{{ [1,2 }}", "{{ 1 + }}", "{% if %}a{% endif %}", "{{ }}", "{% raw %}",
        "{# a", "{% set 1 = 2 %}", "{% set true = 2 %}", "{% macro m(a, a) %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{{ m(a=1, 2) }}", "{% break %}",
        "{{ x.y.z }}", "{{ 1is odd }}", "{{ 1 is odd is even }}", "{{ a.b| }}", "{{ ! }}", "{{ a ? b }}", "{% for loop in l %}{% endfor %}", "{% elif %}", "{% else %}",
    ]
    for source in WRITTEN + multi:
        yield source
    for name, test in itertools.product(NAMES, TESTS):
        yield "{{ %s is %s }}" % (name, test)
    for name, filter in itertools.product(NAMES, FILTERS):
        yield "{{ %s|%s }}" % (name, filter)
    if "all" in sys.argv:
        for a, op, b in itertools.product(NAMES, ["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", ">=", "in", "not in", "~", "and", "or"], NAMES):
            yield "{{ %s %s %s }}" % (a, op, b)
        for name, filter in itertools.product(NAMES, FILTERS):
            yield "{{ %s|%s|list }}" % (name, filter)
        for name, key in itertools.product(NAMES, ["[0]", "[-1]", "['a']", ".a", "[1:]", "[::-1]", "[:-1]", "[none]", "[x]", ".items", ".get('a')", ".upper()", ".count(1)", ".keys()", ".index(1)", ".real", ".__class__", "()"]):
            yield "{{ %s%s }}" % (name, key)


def rendered(source):
    try:
        return chat_template_utils._compile_jinja_template(source).render(**copy.deepcopy(CONTEXT))
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        return error


out = []
for source in dict.fromkeys(cases()):
    made = rendered(source)
    failed = isinstance(made, Exception)
    if not failed and " at 0x" in made:
        # An address, which is another each time: what is right is to refuse it.
        continue
    out.append([source, None if failed else made] + ([f"{type(made).__name__}: {made}"[:100]] if failed and "all" in sys.argv else []))
print('{\n"context": ' + json.dumps(CONTEXT, ensure_ascii=False) + ',\n"cases": [\n' + ",\n".join(json.dumps(case, ensure_ascii=False) for case in out) + "\n]}")
