"""Slots that no site owner named: of blocks that editors put on pages, each with one of its own."""

from __future__ import annotations

import secrets

_PREFIX = "own-"


def new_own_slot() -> str:
    return f"{_PREFIX}{secrets.token_hex(6)}"


def is_own_slot(slug: str) -> bool:
    return slug.startswith(_PREFIX)
