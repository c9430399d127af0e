"""Events as clients send them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from django.http import HttpResponse
from django.test import Client

Call = dict[str, Any]

_numbers = count(1)


def track(name: str = "Product Viewed", **fields: Any) -> Call:
    """Return a good track call of the user `u1`, with whatever `fields` say instead."""
    call = {"type": "track", "event": name, "userId": "u1", "messageId": f"m-{next(_numbers)}"}
    return {name: value for name, value in (call | fields).items() if value is not ...}


def post(
    client: Client,
    body: bytes | str,
    *,
    path: str = "batch",
    key: str = "server-key",
    content_type: str = "application/json",
    **headers: str,
) -> HttpResponse:
    """Post a raw body, its write key in the query."""
    # `client.post` would encode the body as the content type says; clients do not.
    data = body.encode() if isinstance(body, str) else body
    return client.generic(
        "POST", f"/p/v1/{path}?writeKey={key}", data, content_type=content_type, **headers
    )


def send(client: Client, *events: Any, key: str = "server-key", **body: Any) -> Any:
    """Post a batch, demand that it is answered with 200, and return the answer."""
    response = post(client, json.dumps({"batch": events, **body}), key=key)
    assert response.status_code == 200, response.content
    return response.json()


def problem(response: HttpResponse) -> str:
    """Return the code of an error, having looked at its shape."""
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"code", "message"}
    assert answer["message"]
    return str(answer["code"])


def consent(client: Client, *purposes: str) -> HttpResponse:
    """Answer the banner as its script does."""
    return client.post(
        "/p/consent/",
        data=json.dumps({"purposes": purposes}),
        content_type="application/json",
        headers={"sec-fetch-site": "same-origin"},
    )


def codes(rejected: Sequence[Call]) -> dict[int, str]:
    return {one["index"]: one["code"] for one in rejected}
