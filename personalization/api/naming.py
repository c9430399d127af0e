"""How clients call people: by the names that events use, or by the number of the profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from personalization.exceptions import BodyRejected, EventRejected, MemberRejected
from personalization.ingest.ids import external_key, read_id
from personalization.ingest.times import read_time
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.segments.members import Named

#: Members of one request.
MOST_MEMBERS = 1000
#: Identities by which one member may be called.
MOST_KEYS = 20
NAMES = ("profileId", "userId", "anonymousId", "externalId", "identities")
_NAMESPACES = {"userId": Identity.USER, "anonymousId": Identity.ANONYMOUS}
_LARGEST = 2**63 - 1

T = TypeVar("T")


def read_members(data: Any) -> list[Any]:
    """Return the list of members in a body, each still to be read.

    :raises BodyRejected: when there is no such list, or too long a one.
    """
    listed = data.get("members") if isinstance(data, Mapping) else None
    if not isinstance(listed, list):
        raise BodyRejected(
            "/members is needed: a list of members.", code="missing_members", pointer="/members"
        )
    if len(listed) > MOST_MEMBERS:
        raise BodyRejected(
            f"/members has {len(listed)} entries; {MOST_MEMBERS} are allowed.",
            code="batch_too_long",
            pointer="/members",
        )
    return listed


def read_named(item: Any) -> Named:
    """Return how somebody is called: an object with one of `NAMES`, or a list of identities.

    :raises MemberRejected: naming what is wrong with it.
    """
    if isinstance(item, list):
        return Named(keys=_keys(item, pointer=""))
    if not isinstance(item, Mapping):
        raise MemberRejected(
            f"A member is an object with one of {', '.join(NAMES)}.", code="invalid_member"
        )
    said = [name for name in NAMES if item.get(name) is not None]
    if len(said) != 1:
        found = ", ".join(said) or "none"
        raise MemberRejected(
            f"One of {', '.join(NAMES)} is needed; there is {found}.", code="missing_ids"
        )
    [name] = said
    if name == "profileId":
        return Named(profile_id=_profile_id(item[name]))
    if name == "externalId":
        return Named(keys=(_external(item[name], kind="type", value="id", pointer="/externalId"),))
    if name == "identities":
        return Named(keys=_keys(item[name], pointer="/identities"))
    return Named(keys=(_key(_NAMESPACES[name], item, name=name, pointer=f"/{name}"),))


def read_until(item: Any, *, usual: datetime | None, now: datetime) -> datetime | None:
    """Return until when a membership is to last: as `item` says, or else as `usual`.

    :raises MemberRejected: for what is no instant after `now`.
    """
    if not isinstance(item, Mapping) or "until" not in item:
        return usual
    stated = item["until"]
    if stated is None:
        return None
    until = read_time(stated)
    if until is None:
        raise MemberRejected(
            f"/until: {stated!r:.50} is not an ISO 8601 date and time.",
            code="invalid_until",
            pointer="/until",
        )
    if until <= now:
        raise MemberRejected(
            f"/until: {until.isoformat()} is over already.", code="invalid_until", pointer="/until"
        )
    return until


def _keys(listed: Any, *, pointer: str) -> tuple[Key, ...]:
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_KEYS:
        raise MemberRejected(
            f"A list of 1 to {MOST_KEYS} identities is needed.",
            code="invalid_member",
            pointer=pointer,
        )
    return tuple(
        _external(entry, kind="namespace", value="value", pointer=f"{pointer}/{index}")
        for index, entry in enumerate(listed)
    )


def _external(entry: Any, *, kind: str, value: str, pointer: str) -> Key:
    """Return the identity in an object of two: its kind and its value."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get(kind), str):
        raise MemberRejected(
            f"An object of {kind} and {value} is needed.", code="invalid_member", pointer=pointer
        )
    namespace = entry[kind]
    if namespace in _NAMESPACES.values():
        return _key(namespace, entry, name=value, pointer=f"{pointer}/{value}")
    stated = {"type": namespace, "id": entry.get(value)}
    return _checked(external_key(stated), pointer=pointer)


def _key(namespace: str, item: Mapping[str, Any], *, name: str, pointer: str) -> Key:
    try:
        value = read_id(item, name)
    except EventRejected as error:
        raise MemberRejected(str(error), code=error.code, pointer=pointer) from None
    return _checked(Key(namespace, value) if value else None, pointer=pointer)


def _checked(key: Key | None, *, pointer: str) -> Key:
    """Return an identity that somebody can have: of letters that a database can keep."""
    if key is None or "\x00" in key.value or not _is_text(key.value):
        raise MemberRejected("This can be nobody's identity.", code="invalid_id", pointer=pointer)
    return key


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half a letter
        return False
    return True


def _profile_id(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST:
        raise MemberRejected(
            "/profileId is the number of a profile.", code="invalid_id", pointer="/profileId"
        )
    return value
