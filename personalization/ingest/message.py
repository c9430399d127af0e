"""A request as protocols see it: a value, bounded and unpacked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.utils import timezone

from personalization.exceptions import RequestRejected
from personalization.ingest.body import parse_json

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Message:
    """What came in.

    `call` is the name of the route, `parameters` come from its path, `body` is without
    its gzip, `headers` are asked for in any case, `base` is the absolute address that
    all routes lie below, `address` that of the client, `received_at` the time it came.
    """

    call: str
    method: str = "POST"
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    parameters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    base: str = ""
    address: str = ""
    received_at: datetime = field(default_factory=timezone.now)

    def json(self) -> Any:
        """Return the body as JSON.

        :raises RequestRejected: when it is none.
        """
        return parse_json(self.body)

    def object(self) -> Mapping[str, Any]:
        """Return the body as a JSON object.

        :raises RequestRejected: when it is none.
        """
        data = self.json()
        if not isinstance(data, Mapping):
            raise RequestRejected(
                f"A JSON object is needed, not {type(data).__name__}.", code="invalid_json"
            )
        return data
