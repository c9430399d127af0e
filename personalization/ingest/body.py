"""The body of an ingest request: bounded, whatever its wrapping says.

Clients are believed in what they send, not in how they label it: gzip is told by
its magic bytes, JSON arrives as text/plain and as a form.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

from django.http import HttpRequest
from django.http.request import UnreadablePostError

from personalization.conf import settings
from personalization.exceptions import RequestRejected, TooLarge

_GZIP = b"\x1f\x8b"


def read_body(request: HttpRequest) -> bytes:
    """Return the body, bounded and without its gzip.

    :raises RequestRejected: when it is too large, cut off or damaged.
    """
    return _decompressed(_raw(request))


def parse_json(body: bytes) -> Any:
    """Return the JSON in `body`.

    :raises RequestRejected: when it is none.
    """
    try:
        return _parsed(body.decode())
    except RecursionError:
        raise RequestRejected("The JSON is nested too deeply.", code="invalid_json") from None
    except ValueError as error:  # not UTF-8 or not JSON
        raise RequestRejected(f"The body is not JSON: {error}.", code="invalid_json") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python reads no whole number of thousands of digits. No store keeps one either:
        # as infinity it is refused with its own event, and the neighbours are kept.
        return json.loads(text, parse_int=_whole_number)


def _whole_number(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:
        return math.inf


def _raw(request: HttpRequest) -> bytes:
    """Return the body as it was sent, or a byte more of it than is allowed."""
    limit = settings.BATCH_MAX_BYTES
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and (len(length) > 18 or int(length) > limit):
        raise TooLarge(f"The body has {length} bytes; {limit} are allowed.")
    try:
        # Not `request.body`: Django's own limit may be lower and answers in HTML.
        body = request.read(limit + 1)
    except UnreadablePostError as error:
        raise RequestRejected(
            f"The body ended too early: {error}.", code="incomplete_body"
        ) from error
    if not body and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        # Most WSGI servers hand over an empty body: an answer of 200 would lose it.
        raise RequestRejected(
            "Send a Content-Length: this server does not take chunked bodies.",
            code="length_required",
            status=411,
        )
    return body


def _decompressed(body: bytes) -> bytes:
    limit = settings.BATCH_MAX_BYTES
    if body.startswith(_GZIP):
        inflater = zlib.decompressobj(wbits=31)
        try:
            body = inflater.decompress(body, limit + 1)
        except zlib.error as error:
            raise RequestRejected(f"The gzip is damaged: {error}.", code="invalid_gzip") from None
        if not inflater.eof and len(body) <= limit:
            raise RequestRejected("The gzip ends too early.", code="invalid_gzip")
    if len(body) > limit:
        raise TooLarge(f"The body has more than the {limit} bytes allowed.")
    return body
