from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client

from personalization.events.models import BufferedBatch, Source
from personalization.exceptions import RequestRejected
from personalization.ingest.body import read_json
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
@pytest.mark.parametrize("said", ["gzip", "identity", "br", ""])
def test_the_body_is_read_by_what_it_is(
    client: Client, server: Source, content_type: str, zipped: bool, said: str
) -> None:
    headers = {"HTTP_CONTENT_ENCODING": said} if said else {}
    body = gzip.compress(GOOD) if zipped else GOOD
    response = post(client, body, content_type=content_type, **headers)
    assert response.json() == {"success": True, "accepted": 1, "rejected": []}


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(GOOD)[:-8],  # without its checksum
        gzip.compress(GOOD)[:30],
        gzip.compress(GOOD)[:10],
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00 this is no gzip at all",
        gzip.compress(GOOD)[:-8] + b"\x00" * 8,  # with a wrong checksum
        gzip.compress(GOOD)[:20] + b"!" + gzip.compress(GOOD)[21:],
    ],
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
        read_json(request)
    assert caught.value.status == 413


@pytest.mark.parametrize("length", ["", "-5", "abc", "²", "0"])
def test_a_length_that_is_none_means_no_body(length: str) -> None:
    with pytest.raises(RequestRejected) as caught:
        read_json(_wsgi(GOOD, CONTENT_LENGTH=length))
    assert caught.value.code == "invalid_json"


def test_a_chunked_body_is_never_answered_with_success(client: Client, server: Source) -> None:
    with pytest.raises(RequestRejected) as caught:
        read_json(_wsgi(GOOD, HTTP_TRANSFER_ENCODING="Chunked"))
    assert (caught.value.status, caught.value.code) == (411, "length_required")
    response = client.generic(
        "POST", "/p/v1/batch?writeKey=server-key", b"", HTTP_TRANSFER_ENCODING="chunked"
    )
    assert response.status_code == 411
    assert problem(response) == "length_required"


def test_a_chunked_body_that_the_server_hands_over_is_taken() -> None:
    data, size = read_json(_asgi(GOOD))
    assert data["batch"][0]["messageId"] == "one"
    assert size == len(GOOD)


def test_a_chunked_body_is_bounded_too(settings: Any) -> None:
    settings.PERSONALIZATION_BATCH_MAX_BYTES = len(GOOD) - 1
    with pytest.raises(RequestRejected) as caught:
        read_json(_asgi(GOOD))
    assert caught.value.status == 413


def test_a_client_that_goes_away_is_no_failure_of_ours() -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError("gone")

    with pytest.raises(RequestRejected) as caught:
        read_json(_wsgi(Broken(), CONTENT_LENGTH="100"))
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
