"""Adds a key with a text to a GGUF file that has little to it: as much of the format as tests need to give a model a chat template."""

import struct

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9


def _value(data, at, kind):
    """Where a value ends."""
    if kind == _STRING:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    if kind == _ARRAY:
        inner, count = struct.unpack_from("<IQ", data, at)
        at += 12
        if inner in _SIZES:
            return at + count * _SIZES[inner]
        for _ in range(count):
            at = _value(data, at, inner)
        return at
    return at + _SIZES[kind]


def with_key(data, key, value):
    """The file with one key more."""
    magic, version, tensors, keys = struct.unpack_from("<4sIQQ", data)
    assert magic == b"GGUF" and version == 3
    at, alignment = 24, 32
    for _ in range(keys):
        name = data[at + 8:at + 8 + struct.unpack_from("<Q", data, at)[0]]
        at += 8 + len(name)
        kind = struct.unpack_from("<I", data, at)[0]
        if name == b"general.alignment":
            alignment = struct.unpack_from("<I", data, at + 4)[0]
        at = _value(data, at + 4, kind)
    first = at
    for _ in range(tensors):
        at = _value(data, at, _STRING)
        at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 4 + 8
    body = data[-(-at // alignment) * alignment:]
    key, value = key.encode(), value.encode()
    head = struct.pack("<4sIQQ", magic, version, tensors, keys + 1) + data[24:first]
    head += struct.pack("<Q", len(key)) + key + struct.pack("<IQ", _STRING, len(value)) + value + data[first:at]
    return head + bytes(-len(head) % alignment) + body
