"""What a browser says for its visitor on every request: Sec-GPC and DNT.

Source: W3C, Global Privacy Control, “The Sec-GPC Header Field”: its only value is 1, and one
of several is enough. DNT is read alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.conf import settings

_HEADERS = {"gpc": "HTTP_SEC_GPC", "dnt": "HTTP_DNT"}
RESPECT = "respect"


def signals_of(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the signals that came with a request (its `META`)."""
    return tuple(name for name, header in _HEADERS.items() if _is_on(meta.get(header, "")))


def objects(meta: Mapping[str, Any]) -> bool:
    """Return whether the visitor's browser objects, and the site heeds that.

    What was agreed to before does not count while it does; what is agreed to on a page of the
    site all the same does.
    """
    return settings.SIGNALS == RESPECT and bool(signals_of(meta))


def _is_on(value: str) -> bool:
    # Servers join several headers of one name with commas.
    return any(each.strip() == "1" for each in value.split(","))
