from __future__ import annotations

import gzip
import json
import math
import tracemalloc
import zlib
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.test import Client

from personalization.events.models import BufferedBatch, Source
from personalization.exceptions import RequestRejected
from personalization.ingest.body import parse_json, read_body
from personalization.testing import drain
from tests.ingest.sending import post, problem, send, track

pytestmark = pytest.mark.django_db

GOOD = json.dumps({"batch": [track(messageId="one")]}).encode()
CONTENT_TYPES = [
    "application/json",
    "application/json; charset=utf-16",
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=none",
    "application/octet-stream",
    "nonsense",
    "",
]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("said", ["gzip", "x-gzip", "identity", "UTF-8", ""])
def test_the_body_is_read_by_what_it_is(
    client: Client, server: Source, content_type: str, zipped: bool, said: str
) -> None:
    headers = {"HTTP_CONTENT_ENCODING": said} if said else {}
    body = gzip.compress(GOOD) if zipped else GOOD
    response = post(client, body, content_type=content_type, **headers)
    assert response.json() == {"success": True, "accepted": 1, "rejected": []}


@pytest.mark.parametrize("said", ["br", "deflate", "Deflate", "gzip, zstd", "compress"])
def test_what_python_cannot_unpack_is_said_to_be_so(
    client: Client, server: Source, said: str
) -> None:
    response = post(client, zlib.compress(GOOD), HTTP_CONTENT_ENCODING=said)
    assert response.status_code == 415
    assert problem(response) == "unsupported_encoding"
    assert response.headers["Accept-Encoding"] == "gzip"
    assert said.lower().rpartition(" ")[2] in response.json()["message"]


@pytest.mark.parametrize("parts", [2, 8])
def test_a_gzip_in_several_parts_is_read_to_its_end(
    client: Client, server: Source, parts: int
) -> None:
    step = len(GOOD) // parts + 1
    body = b"".join(gzip.compress(GOOD[n : n + step]) for n in range(0, len(GOOD), step))
    assert post(client, body).json()["accepted"] == 1


def test_a_gzip_in_parts_without_end_is_refused(client: Client, server: Source) -> None:
    assert problem(post(client, gzip.compress(b"") * 9)) == "invalid_gzip"


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(GOOD) + b"something else",
        gzip.compress(GOOD)[:-8],  # without its checksum
        gzip.compress(GOOD)[:30],
        gzip.compress(GOOD)[:10],
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00 this is no gzip at all",
        gzip.compress(GOOD)[:-8] + b"\x00" * 8,  # with a wrong checksum
        gzip.compress(GOOD)[:20] + b"!" + gzip.compress(GOOD)[21:],
    ],
    ids=["more", "no checksum", "half", "head", "magic", "no gzip", "wrong checksum", "wrong byte"],
)
def test_damaged_gzip_is_refused(client: Client, server: Source, body: bytes) -> None:
    response = post(client, body)
    assert response.status_code == 400
    assert problem(response) == "invalid_gzip"
    assert not BufferedBatch.objects.exists()


def test_a_gzip_bomb_is_refused_in_little_memory(client: Client, server: Source) -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(b" " * 1_000_000) for _ in range(100)) + squeeze.flush()
    assert len(bomb) < 512 * 1024
    tracemalloc.start()
    response = post(client, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 413
    assert problem(response) == "too_large"
    assert peak < 8_000_000


@pytest.mark.parametrize("zipped", [True, False])
def test_a_body_of_the_length_allowed_is_taken(
    client: Client, server: Source, settings: Any, zipped: bool
) -> None:
    settings.PERSONALIZATION_BATCH_MAX_BYTES = 2000
    room = 2000 - len(GOOD)
    full = GOOD + b" " * room
    assert len(full) == 2000
    assert post(client, gzip.compress(full) if zipped else full).status_code == 200
    over = full + b" "
    response = post(client, gzip.compress(over) if zipped else over)
    assert response.status_code == 413
    assert problem(response) == "too_large"


def test_a_body_that_django_thinks_too_large_is_still_ours_to_judge(
    client: Client, server: Source, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert send(client, track())["accepted"] == 1


@pytest.mark.parametrize("length", ["9" * 7, "9" * 19, "9" * 5000])
def test_a_length_beyond_all_limits_is_refused_before_a_byte_is_read(length: str) -> None:
    request = _wsgi(b"never read", CONTENT_LENGTH=length)
    with pytest.raises(RequestRejected) as caught:
        read_body(request)
    assert caught.value.status == 413
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("length", ["", "-5", "abc", "²", "0"])
def test_a_length_that_is_none_means_no_body(length: str) -> None:
    assert read_body(_wsgi(GOOD, CONTENT_LENGTH=length)) == b""


@pytest.mark.parametrize("short", [GOOD[:-1], b""])
def test_a_body_that_is_cut_off_is_refused_whatever_is_in_it(short: bytes) -> None:
    with pytest.raises(RequestRejected) as caught:
        read_body(_wsgi(short, CONTENT_LENGTH=str(len(GOOD))))
    assert (caught.value.status, caught.value.code) == (400, "incomplete_body")


@pytest.mark.parametrize("length", ["", str(len(GOOD))])
def test_a_chunked_body_that_the_server_does_not_take_apart_is_refused(length: str) -> None:
    with pytest.raises(RequestRejected) as caught:
        read_body(_wsgi(GOOD, HTTP_TRANSFER_ENCODING="Chunked", CONTENT_LENGTH=length))
    assert (caught.value.status, caught.value.code) == (411, "length_required")


def test_a_chunked_body_is_never_answered_with_success(client: Client, server: Source) -> None:
    response = client.generic(
        "POST", "/p/v1/batch?writeKey=server-key", b"", HTTP_TRANSFER_ENCODING="chunked"
    )
    assert response.status_code == 411
    assert problem(response) == "length_required"


class Chunks(BytesIO):
    """The input of a server that takes chunks apart: one at a time, then nothing."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 10))


@pytest.mark.parametrize("length", ["", "3"])
def test_a_chunked_body_is_read_where_the_server_says_that_it_ends(length: str) -> None:
    request = _wsgi(Chunks(GOOD), HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH=length)
    request.environ["wsgi.input_terminated"] = True
    assert read_body(request) == GOOD


def test_a_chunked_body_that_an_asgi_server_hands_over_is_taken() -> None:
    assert read_body(_asgi(GOOD)) == GOOD


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_chunked_body_is_bounded_too(settings: Any, kind: str) -> None:
    settings.PERSONALIZATION_BATCH_MAX_BYTES = len(GOOD) - 1
    endless = Chunks(GOOD * 1000)
    request: HttpRequest = _asgi(GOOD)
    if kind == "wsgi":
        request = _wsgi(endless, HTTP_TRANSFER_ENCODING="chunked")
        request.environ["wsgi.input_terminated"] = True
    with pytest.raises(RequestRejected) as caught:
        read_body(request)
    assert caught.value.status == 413
    assert endless.tell() < 2 * len(GOOD)


def test_a_chunked_body_that_breaks_off_is_no_failure_of_ours() -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("invalid chunk size")

    request = _wsgi(Broken(), HTTP_TRANSFER_ENCODING="chunked")
    request.environ["wsgi.input_terminated"] = True
    with pytest.raises(RequestRejected) as caught:
        read_body(request)
    assert caught.value.code == "incomplete_body"


def test_a_client_that_goes_away_is_no_failure_of_ours() -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError("gone")

    with pytest.raises(RequestRejected) as caught:
        read_body(_wsgi(Broken(), CONTENT_LENGTH="100"))
    assert (caught.value.status, caught.value.code) == (400, "incomplete_body")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"batch": [}',
        b'{"batch": []} trailing',
        b"{'batch': []}",
        b"\xff\xfe",
        b'{"batch": ["\xff"]}',
        '{"batch": []}'.encode("utf-16"),
        b'\xef\xbb\xbf{"batch": []}',
        b"data=eyJiYXRjaCI6IFtdfQ==",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"9" * 5000,
        b"-" + b"9" * 5000,
    ],
)
def test_what_is_not_json_is_refused(client: Client, server: Source, body: bytes) -> None:
    response = post(client, body)
    assert response.status_code == 400
    assert problem(response) == "invalid_json"


@pytest.mark.parametrize("depth", range(850, 1000, 3))
def test_no_depth_of_nesting_breaks_the_server(
    client: Client, server: Source, settings: Any, depth: int
) -> None:
    settings.PERSONALIZATION_EVENT_MAX_BYTES = 100
    deep = f'{{"batch": [{"[" * depth}{"]" * depth}]}}'
    response = post(client, deep)
    assert response.status_code in (200, 400)
    assert problem(response) == "invalid_json" if response.status_code == 400 else True
    single = f'{{"event": "E", "userId": "u", "properties": {"[" * depth}{"]" * depth}}}'
    assert post(client, single, path="track").status_code == 400


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_a_tree_without_end_is_refused_before_it_is_built(opening: bytes) -> None:
    body = opening * 50_000
    tracemalloc.start()
    with pytest.raises(RequestRejected) as caught:
        parse_json(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.code == "invalid_json"
    assert peak < 20 * len(body)  # a list in each list would take several times as much


def test_of_two_fields_of_one_name_the_last_counts(client: Client, server: Source) -> None:
    one, two = (json.dumps(track(messageId=name)) for name in ("one", "two"))
    assert post(client, f'{{"batch": [{one}, {one}], "batch": [{two}]}}').json()["accepted"] == 1


def test_the_neighbours_of_a_number_nobody_can_read_are_kept(
    client: Client, server: Source
) -> None:
    good, bad = json.dumps(track(messageId="good")), json.dumps(track(properties={"n": "N"}))
    body = f'{{"batch": [{good}, {bad.replace(chr(34) + "N" + chr(34), "9" * 5000)}]}}'
    answer = post(client, body).json()
    assert answer["accepted"] == 1
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(1, "poison_value")]
    assert drain() == 1


def _wsgi(body: bytes | BytesIO, **environ: str) -> WSGIRequest:
    return WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "wsgi.input": BytesIO(body) if isinstance(body, bytes) else body,
            **environ,
        }
    )


def _asgi(body: bytes) -> ASGIRequest:
    """A request as an ASGI server gives it: whole, though it states no length."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"transfer-encoding", b"chunked")],
    }
    return ASGIRequest(scope, BytesIO(body))


@pytest.mark.parametrize(
    ("digits", "finite"),
    [
        ("1" + "0" * 308, True),
        ("-1" + "0" * 308, True),
        ("2" + "0" * 308, False),
        ("-2" + "0" * 308, False),
        ("1" + "0" * 309, False),
        ("9" * 9999, False),
        ("-0", True),
    ],
)
def test_a_whole_number_beyond_a_double_is_infinite(digits: str, finite: bool) -> None:
    (value,) = parse_json(f"[{digits}]".encode())
    assert math.isfinite(value) is finite
    if finite:
        assert value == int(digits)
