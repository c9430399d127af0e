"""The body of an ingest request: bounded, whatever its wrapping says.

Clients are believed in what they send, not in how they label it: gzip is told by
its magic bytes, JSON arrives as text/plain and as a form. How long a client may take to
send it is the web server's to say: a body is here once it is whole.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from personalization.conf import settings
from personalization.exceptions import RequestRejected, TooLarge

#: Fewer digits are within a double; more, a sign aside, are not.
_LONG = 309
_GZIP = b"\x1f\x8b"
#: A gzip may be several, one after the other; each is told from the rest by a copy of it.
_MEMBERS = 8
#: Compressions that Python does not undo by itself, as they stand in Content-Encoding.
#: Other names there mean nothing: some clients write a character set.
_ENCODINGS = frozenset({"br", "compress", "dcb", "dcz", "deflate", "x-compress", "zstd"})


def read_body(request: HttpRequest) -> bytes:
    """Return the body, bounded and without its gzip.

    :raises RequestRejected: when it is too large, cut off, damaged, or wrapped in what we
        cannot unwrap.
    """
    limit = settings.BATCH_MAX_BYTES
    _refuse_encoding(request.META.get("HTTP_CONTENT_ENCODING", ""))
    body = _raw(request, limit)
    if body.startswith(_GZIP):
        body = _decompressed(body, limit)
    if len(body) > limit:
        raise TooLarge(f"The body has more than the {limit} bytes allowed.")
    return body


def parse_json(body: bytes) -> Any:
    """Return the JSON in `body`.

    :raises RequestRejected: when it is none.
    """
    try:
        return loads(body.decode())
    except RecursionError:  # the parser counts for us; counting before it takes longer
        raise RequestRejected("The JSON is nested too deeply.", code="invalid_json") from None
    except ValueError as error:  # not UTF-8 or not JSON
        raise RequestRejected(f"The body is not JSON: {error}.", code="invalid_json") from None


def loads(text: str) -> Any:
    """Return the JSON in `text`, in which a whole number beyond a double is infinity.

    Whatever is judged as an event later on is read by this.

    :raises ValueError: when it is none.
    :raises RecursionError: when it is nested too deeply.
    """
    return json.loads(text, parse_int=_whole_number)


def _whole_number(digits: str) -> float:
    """Return a whole number; one beyond a double as infinity.

    No store keeps such a number, and Python reads none of thousands of digits. So it is
    refused with its own event, and the neighbours are kept.
    """
    if len(digits) < _LONG:
        return int(digits)
    beyond = len(digits) > _LONG + 1 or math.isinf(float(digits))
    return math.inf if beyond else int(digits)


def _refuse_encoding(stated: str) -> None:
    for name in stated.lower().split(","):
        if name.strip() in _ENCODINGS:
            error = RequestRejected(
                f"The body is encoded as {name.strip()}; gzip is taken, or nothing at all.",
                code="unsupported_encoding",
                status=415,
            )
            error.headers["Accept-Encoding"] = "gzip"
            raise error


def _raw(request: HttpRequest, limit: int) -> bytes:
    """Return the body as it was sent, or a byte more of it than is allowed."""
    stated = request.META.get("CONTENT_LENGTH") or ""
    length = int(stated[:18]) if stated.isdecimal() else None
    if length is not None and length > limit:
        raise TooLarge(f"The body has {stated[:18]} bytes; {limit} are allowed.")
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    try:
        if chunked:
            return _chunks(request, limit)
        # Not `request.body`: Django's own limit may be lower and answers in HTML.
        body = request.read(limit + 1)
    except OSError as error:
        raise _cut_off(f"The body ended too early: {error}.") from error
    if length is not None and len(body) < length:
        raise _cut_off(f"The body ended after {len(body)} of its {length} bytes.")
    return body


def _chunks(request: HttpRequest, limit: int) -> bytes:
    """Return a body without a stated length, where the server says that it ends.

    ASGI servers hand it over whole. Django reads nothing of it under WSGI, where only some
    servers take the chunks apart; elsewhere an answer of 200 would lose it.
    """
    if not isinstance(request, WSGIRequest):
        return request.read(limit + 1)
    if not request.environ.get("wsgi.input_terminated"):
        raise RequestRejected(
            "Send a Content-Length: this server does not take chunked bodies.",
            code="length_required",
            status=411,
        )
    body = b""
    while len(body) <= limit and (more := request.environ["wsgi.input"].read(limit + 1)):
        body += more
    return body


def _cut_off(message: str) -> RequestRejected:
    return RequestRejected(message, code="incomplete_body")


def _decompressed(body: bytes, limit: int) -> bytes:
    """Return what is in a gzip, or a little more than `limit` of it."""
    found = b""
    for _member in range(_MEMBERS):
        inflater = zlib.decompressobj(wbits=31)
        try:
            found += inflater.decompress(body, limit + 1 - len(found))
        except zlib.error as error:
            raise _damaged(f"The gzip is damaged: {error}.") from None
        if len(found) > limit:
            return found
        if not inflater.eof:
            raise _damaged("The gzip ends too early.")
        body = inflater.unused_data
        if not body:
            return found
    raise _damaged(f"The gzip has more than {_MEMBERS} parts.")


def _damaged(message: str) -> RequestRejected:
    return RequestRejected(message, code="invalid_gzip")
