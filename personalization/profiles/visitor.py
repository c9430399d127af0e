"""The visitor id in the first-party cookie: random, signed, never derived from anything."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from django.core.signing import BadSignature, Signer

from personalization.conf import settings

_SALT = "personalization.visitor"
_ID = re.compile(r"[0-9a-f]{32}")


def new_visitor_id() -> str:
    return uuid.uuid4().hex


def signed(visitor_id: str) -> str:
    return Signer(salt=_SALT).sign(visitor_id)


def read_visitor_id(cookies: Mapping[str, str]) -> str | None:
    """Return the id in the visitor cookie; garbage and forgeries are no id."""
    value = cookies.get(settings.VISITOR_COOKIE)
    if not value or len(value) > 200:
        return None
    try:
        visitor_id = Signer(salt=_SALT).unsign(value)
    except BadSignature:
        return None
    return visitor_id if _ID.fullmatch(visitor_id) else None
