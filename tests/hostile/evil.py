"""What people send who mean no good, and what clients send that went wrong."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.hostile.tally import MARK

#: Ends whatever it may stand in, and begins an element and an attribute that can be looked for.
MARKUP = (
    f"\"'><{MARK}>--></script></style></textarea></title></select><{MARK} x=1>"
    f"\" {MARK}=\"1\" ' {MARK}='1' javascript:alert(1) &lt;{MARK}&gt;"
)
SHORT = f"\"'><{MARK}>"
#: 7 × 191 is nowhere else in a page; template languages of all kinds would write it.
PRODUCT = "1337"
TEMPLATES = (
    "{{ 7|add:1330 }}{% widthratio 191 1 7 %}{{ 7*191 }}${7*191}#{7*191}<%= 7*191 %>"
    "{{ request }}{{ settings.SECRET_KEY }}{% debug %}{% include 'admin/base.html' %}{% load x %}"
)


def evil(length: int | None = None) -> str:
    """Return text that is markup if it is let, of no more than `length` characters."""
    if length is None or length >= len(MARKUP):
        return MARKUP
    return SHORT[:length]


#: Texts that are no attack and have broken many a program.
ODDITIES = [
    "", " ", "\x00", "a\x00b", "\r\nSet-Cookie: pz_id=x", "%00", "%0d%0aX: y", "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd", "C:\\boot.ini", "\ud800", "\udfff\ud800", "\u202e\u2066abc", "﷽" * 50,
    "e" + "\u0301" * 2000, "İıßſK", "\ufeff{}", "\U0010ffff", "٣", "１２", "NaN", "Infinity",
    "-1", "1e400", "9" * 5000, "0x7fffffff", str(2**63), str(-(2**63) - 1), "' OR 1=1 --", "%s%n%x",
    "None", "null", "true", "[]", "{}", "__proto__", "constructor", "__class__", "*", "%", "_",
    "() { :; }; x", "$(id)", "`id`", "|id", "a" * 100_000, MARKUP, TEMPLATES,
]  # fmt: skip


def nested(depth: int, kind: str = "[") -> bytes:
    """Return JSON that is nested so deeply."""
    opened, closed = ("[", "]") if kind == "[" else ('{"a":', "}")
    inner = "" if kind == "[" else "1"
    return (opened * depth + inner + closed * depth).encode()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode(errors="surrogatepass")


#: Bodies that are none, or too many.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no text": bytes(range(256)),
    "half a letter": b'{"event": "\xff\xfe"}',
    "a lone surrogate": b'{"event": "\\ud800", "userId": "\\udfff", "type": "track"}',
    "a null byte": b'{"event": "a\\u0000b", "userId": "u\\u0000", "type": "track"}',
    "cut off": b'{"event": "a',
    "deep list": nested(100_000),
    "deep object": nested(100_000, "{"),
    "deep enough for some": b'{"batch": ' + nested(900) + b"}",
    "many keys": _json({f"k{number}": number for number in range(20_000)}),
    "the same key often": b"{" + b",".join([b'"a":1'] * 20_000) + b"}",
    "a long key": _json({"a" * 200_000: 1}),
    "a long number": b'{"properties": {"n": ' + b"9" * 100_000 + b"}}",
    "no number": b'{"properties": {"n": NaN, "i": Infinity}, "event": "x"}',
    "too long": b'{"a": "' + b"a" * 1_000_000 + b'"}',
    "a bomb": gzip.compress(b"[" + b" " * 50_000_000 + b"]", 9),
    "a bomb in a bomb": gzip.compress(gzip.compress(b"0" * 50_000_000, 9), 9),
    "gzip cut off": gzip.compress(b'{"a": 1}' * 1000)[:-9],
    "gzip of a thousand parts": gzip.compress(b"[]") * 1000,
    "no gzip": b"\x1f\x8b" + b"x" * 100,
    "a list": b"[1, null, [], {}]",
    "a word": b'"text"',
    "null": b"null",
    "all wrong types": _json(
        {
            "batch": [[], None, 1, "x", {"type": []}], "type": {}, "event": [], "userId": {},
            "anonymousId": [1], "properties": "x", "traits": 1, "context": [], "timestamp": {},
            "slots": {"x": 1}, "purposes": {"x": 1}, "page": [], "writeKey": {}, "segments": 1,
            "events": {}, "name": [], "url": {}, "payload": [], "members": "x", "choice": [],
        }
    ),
    "inherited names": _json(
        {"__proto__": {"admin": True}, "constructor": {"prototype": {}}, "__class__": "x"}
    ),
    "markup": _json({"type": "track", "event": MARKUP, "userId": MARKUP, "properties": {MARKUP: MARKUP}}),
    "an entity": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a pickle": b"cos\nsystem\n(S'id'\ntR.",
}  # fmt: skip
TYPES = (
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/json; charset=utf-7",
    "\x00",
)
