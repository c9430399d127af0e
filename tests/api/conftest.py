"""The site's own systems, as they ask: with the key of a server source."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Source

KEY = "server-key-of-the-tests"


class Api:
    """Asks below `/p/v1/`, and reads the JSON of the answers."""

    def __init__(self, **headers: str) -> None:
        self._client = Client(headers=headers)

    def get(self, path: str, *, status: int = 200, **query: Any) -> Any:
        return self._read(self._client.get(f"/p/v1/{path}", query), status)

    def post(self, path: str, body: Any, *, status: int = 200) -> Any:
        return self.send("POST", path, json.dumps(body), status=status)

    def delete(self, path: str, body: Any, *, status: int = 200) -> Any:
        return self.send("DELETE", path, json.dumps(body), status=status)

    def send(
        self, method: str, path: str, data: str | bytes, *, status: int = 200, **headers: str
    ) -> Any:
        headers.setdefault("content_type", "application/json")
        return self._read(self._client.generic(method, f"/p/v1/{path}", data, **headers), status)

    def _read(self, response: Any, status: int) -> Any:
        assert response.status_code == status, response.content
        assert response["Content-Type"] == "application/json"
        assert "no-store" in response["Cache-Control"]
        assert response["X-Content-Type-Options"] == "nosniff"
        return response.json()


@pytest.fixture
def api(make_source: Callable[..., Source]) -> Api:
    make_source(write_key=KEY)
    return Api(authorization=f"Bearer {KEY}")
