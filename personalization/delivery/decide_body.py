"""What `POST /v1/decide` is asked: the JSON of its body as values, or a refusal that points at
what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from personalization.delivery.published import Candidate
from personalization.exceptions import BodyRejected, EventRejected, RequestRejected, TooLarge
from personalization.ingest.body import parse_json
from personalization.ingest.ids import read_id
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

MAX_BYTES = 64 * 1024
MOST_SLOTS, MOST_CANDIDATES, MOST_SEGMENTS = 50, 50, 50
LONGEST = 2000
#: A slot or segment that the admin can have, so never one that is kept for ourselves.
SLUG = re.compile(r"[-a-zA-Z0-9_]{1,50}", re.ASCII)
_KEY = re.compile(r"[-a-zA-Z0-9_:.+/]{1,200}", re.ASCII)
_NAMESPACES = {"anonymousId": Identity.ANONYMOUS, "userId": Identity.USER}
_OF_PAGE = ("path", "search", "referrer", "userAgent", "language")


@dataclass(frozen=True, kw_only=True)
class AskedSlot:
    """A slot, with the contents that who asks has for it: without the contents themselves."""

    slug: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """Where the slots are shown, as far as it is said; None is what the request itself says."""

    path: str | None = None
    search: str | None = None
    referrer: str | None = None
    userAgent: str | None = None  # noqa: N815 - as the body has it
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A body. `who` is somebody else than the visitor of the request; only servers may ask so."""

    slots: Sequence[AskedSlot]
    page: Page
    who: Key | None = None
    write_key: Any = None


def read_question(body: bytes) -> Question:
    """Return what a body asks.

    :raises RequestRejected: when it cannot be read; `BodyRejected` says where.
    """
    if len(body) > MAX_BYTES:
        raise TooLarge(f"The body has {len(body)} bytes; {MAX_BYTES} are allowed.")
    data = parse_json(body)
    if not isinstance(data, Mapping):
        raise RequestRejected(
            f"A JSON object is needed, not {type(data).__name__}.", code="invalid_json"
        )
    return Question(
        slots=[_slot(item, f"/slots/{n}") for n, item in enumerate(_slots(data))],
        page=_page(data.get("page")),
        who=read_who(data),
        write_key=data.get("writeKey"),
    )


def _slots(data: Mapping[str, Any]) -> list[Any]:
    listed = data.get("slots")
    if not isinstance(listed, list) or not listed:
        raise BodyRejected(
            "/slots is needed: a list of slots.", code="missing_slots", pointer="/slots"
        )
    _refuse_longer(listed, MOST_SLOTS, "/slots")
    return listed


def _slot(item: Any, pointer: str) -> AskedSlot:
    if isinstance(item, str):
        return AskedSlot(slug=_slug(item, pointer))
    if not isinstance(item, Mapping):
        raise BodyRejected(
            f"{pointer} is {item!r:.50}; a slug is needed, or an object with one under slot.",
            code="invalid_slot",
            pointer=pointer,
        )
    slug = _slug(item.get("slot"), f"{pointer}/slot")
    listed = _list(item, "candidates", f"{pointer}/candidates", most=MOST_CANDIDATES)
    candidates = [_candidate(one, f"{pointer}/candidates/{n}") for n, one in enumerate(listed)]
    keys = [candidate.key for candidate in candidates]
    if twice := next((key for n, key in enumerate(keys) if key in keys[:n]), None):
        raise BodyRejected(
            f"{pointer}/candidates has {twice!r} twice; each needs a key of its own.",
            code="invalid_candidate",
            pointer=f"{pointer}/candidates",
        )
    return AskedSlot(slug=slug, candidates=tuple(candidates))


def _candidate(item: Any, pointer: str) -> Candidate:
    if not isinstance(item, Mapping):
        raise BodyRejected(
            f"{pointer} is {item!r:.50}; an object with key and segments is needed.",
            code="invalid_candidate",
            pointer=pointer,
        )
    key = item.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key) or key.startswith("variation:"):
        raise BodyRejected(
            f"{pointer}/key is {key!r:.50}; up to 200 letters, digits and any of -_:.+/ are "
            "needed, and those of the admin alone begin with variation:",
            code="invalid_candidate",
            pointer=f"{pointer}/key",
        )
    place = f"{pointer}/segments"
    listed = _list(item, "segments", place, most=MOST_SEGMENTS)
    return Candidate(tuple(_slug(slug, f"{place}/{n}") for n, slug in enumerate(listed)), key)


def _slug(value: Any, pointer: str) -> str:
    if not isinstance(value, str) or not SLUG.fullmatch(value):
        raise BodyRejected(
            f"{pointer} is {value!r:.60}; a slug is needed: 1 to 50 letters, digits, - and _.",
            code="invalid_slug",
            pointer=pointer,
        )
    return value


def _list(item: Mapping[str, Any], name: str, pointer: str, *, most: int) -> list[Any]:
    listed = item.get(name, [])
    if not isinstance(listed, list):
        raise BodyRejected(
            f"{pointer} is {listed!r:.50}; a list is needed.",
            code="invalid_candidate",
            pointer=pointer,
        )
    _refuse_longer(listed, most, pointer)
    return listed


def _refuse_longer(listed: Sequence[Any], most: int, pointer: str) -> None:
    if len(listed) > most:
        raise BodyRejected(
            f"{pointer} has {len(listed)} entries; {most} are allowed.",
            code="batch_too_long",
            pointer=pointer,
        )


def _page(stated: Any) -> Page:
    """Return what is said of the page; other things that clients like to say are passed over."""
    if stated is None:
        return Page()
    if not isinstance(stated, Mapping):
        raise BodyRejected(
            f"/page is {stated!r:.50}; an object with any of {', '.join(_OF_PAGE)} is needed.",
            code="invalid_page",
            pointer="/page",
        )
    found = {name: stated[name] for name in _OF_PAGE if stated.get(name) is not None}
    for name, value in found.items():
        if not isinstance(value, str) or len(value) > LONGEST:
            raise BodyRejected(
                f"/page/{name} is {value!r:.50}; a text of up to {LONGEST} characters is needed.",
                code="invalid_page",
                pointer=f"/page/{name}",
            )
    return Page(**found)


def read_who(data: Mapping[str, Any]) -> Key | None:
    """Return who is asked about, if somebody is named: by one name."""
    said = [name for name in _NAMESPACES if data.get(name) is not None]
    if len(said) > 1:
        raise BodyRejected(
            f"One of {' and '.join(_NAMESPACES)} is needed; there are both.",
            code="missing_ids",
            pointer="",
        )
    for name in said:
        try:
            value = read_id(data, name)
        except EventRejected as error:
            raise BodyRejected(str(error), code=error.code, pointer=error.pointer) from None
        if not value or not _can_be_kept(value):
            raise BodyRejected(
                f"/{name} is {data[name]!r:.50}, which is nobody.",
                code="invalid_id",
                pointer=f"/{name}",
            )
        return Key(_NAMESPACES[name], value)
    return None


def _can_be_kept(value: str) -> bool:
    """Return whether a database could have it: half a letter and a zero are no text."""
    return "\x00" not in value and value.encode(errors="replace").decode() == value
