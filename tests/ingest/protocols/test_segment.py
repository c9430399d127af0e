"""Segment's addresses keep the contract too; what they answer is tested beside the view."""

from __future__ import annotations

from typing import Any

from tests.contracts.protocol import ProtocolContract, Sample

TRACK: dict[str, Any] = {
    "type": "track",
    "event": "Product Added",
    "userId": "u1",
    "anonymousId": "a1",
    "properties": {"sku": "S1"},
    "context": {"page": {"path": "/"}},
    "timestamp": "2026-11-20T10:00:00Z",
    "messageId": "m-1",
}
KEY = {"writeKey": "server-key"}
SINGLE: dict[str, dict[str, Any]] = {
    "track": {"event": "E"},
    "identify": {"traits": {"plan": "pro"}},
    "page": {"name": "Home"},
    "screen": {"name": "Start"},
    "group": {"groupId": "g1"},
    "alias": {"previousId": "a2"},
}


class TestSegment(ProtocolContract):
    protocol = "segment"
    samples = (
        Sample(path="v1/batch", body={**KEY, "batch": [TRACK]}, calls=1),
        Sample(path="v1/b", content_type="text/plain", body={**KEY, "batch": []}, calls=0),
        *(
            Sample(path=f"v1/{path}", body={**KEY, "userId": "u1", **fields}, calls=1)
            for call, fields in SINGLE.items()
            for path in (call, call[0])
        ),
        Sample(path="v1/projects/server-key/settings", method="GET", calls=0),
    )
