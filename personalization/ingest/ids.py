"""Identifiers as clients state them: what they are, and which of them mean nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from personalization.exceptions import EventRejected
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

MAX_ID, MAX_NAMESPACE = 200, 30
#: What broken clients send when they mean nobody, as PostHog and Segment Unify list them;
#: each also in quotes. There is a Ms Null and a Mr Nan, so those count only as programs
#: write them.
_NOBODY = frozenset({
    "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email",
    "undefined", "true", "false", "[object object]",
})  # fmt: skip
_NOBODY_AS_WRITTEN = frozenset({"NaN", "None", "none", "null", "NULL", "-1"})
_NOTHING = re.compile(r"[0-]*")  # "00000000-0000-0000-0000-000000000000" is nobody either
_QUOTED = re.compile(r"""(['"])(.*)\1""", re.DOTALL)

#: Identities that have names of their own in Segment's terms, and those no type may be called.
_NAMESPACES = {"user_id": Identity.USER, "anonymous_id": Identity.ANONYMOUS}
_OURS = frozenset({Identity.USER, Identity.ANONYMOUS, Identity.CLAIMED})
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]{0,29}")
#: Of an event with more external ids, the rest say nothing.
MOST_EXTERNAL = 20


def read_id(data: Mapping[str, Any], name: str) -> str | None:
    """Return the identifier under `name`, None when there is none or it means nobody.

    :raises EventRejected: for what is no text, or too long a one.
    """
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise EventRejected(f"/{name} is a text.", code="invalid_id", pointer=f"/{name}")
    text = str(value).strip()
    if len(text) > MAX_ID:
        raise EventRejected(
            f"/{name} has {len(text)} characters; {MAX_ID} are allowed.",
            code="invalid_id",
            pointer=f"/{name}",
        )
    return None if means_nobody(text) else text


def means_nobody(text: str) -> bool:
    if quoted := _QUOTED.fullmatch(text):
        text = quoted[2].strip()
    return (
        text.lower() in _NOBODY
        or text in _NOBODY_AS_WRITTEN
        or _NOTHING.fullmatch(text) is not None
    )


def external_keys(data: Mapping[str, Any]) -> Iterator[Key]:
    """Yield the further identities in `context.externalIds`, in Segment's shape.

    What is no identifier of a person in clear is passed over: the event has others.
    """
    context = data.get("context")
    listed = context.get("externalIds") if isinstance(context, Mapping) else None
    for entry in listed[:MOST_EXTERNAL] if isinstance(listed, list) else ():
        if isinstance(entry, Mapping) and (key := external_key(entry)):
            yield key


def external_key(entry: Mapping[str, Any]) -> Key | None:
    """Return the identity that an entry stands for; None when it is none in clear."""
    kind, value = entry.get("type"), entry.get("id")
    if entry.get("collection", "users") != "users" or entry.get("encoding", "none") != "none":
        return None
    if not isinstance(kind, str) or isinstance(value, bool) or not isinstance(value, str | int):
        return None
    namespace = _NAMESPACES.get(kind, kind)
    if not _NAMESPACE.fullmatch(namespace) or kind in _OURS:
        return None
    text = str(value).strip()
    if len(text) > MAX_ID or means_nobody(text):
        return None
    # One mailbox, however it was typed.
    return Key(namespace, text.lower() if namespace == "email" else text)
