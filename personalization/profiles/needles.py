"""The texts by which what is left of somebody would be found, and the rows that hold one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import Field, JSONField, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from personalization.profiles.identity import Key

M = TypeVar("M", bound=Model)

#: An id of so many characters, one of which is no letter, stands for nothing else.
LONG = 8
#: How calls name an id of ours.
_STATED_AS = {"anonymous": ("anonymousId", "previousId"), "user": ("userId", "previousId")}
#: More texts than this are looked for in several statements: databases bound an expression.
_AT_ONCE = 50


@dataclass(frozen=True)
class Needles:
    """The texts, and the numbers of the profiles that there were.

    An id that is long is found wherever it stands. A short one, as 42, stands for many
    things; it is only looked for where it is said to be an id.
    """

    texts: tuple[str, ...] = ()
    profile_ids: frozenset[int] = field(default=frozenset())

    @classmethod
    def of(cls, keys: Iterable[Key], *, profile_ids: Collection[int] = ()) -> Needles:
        texts = dict.fromkeys(text for key in sorted(keys) for text in _texts(key))
        return cls(tuple(texts), frozenset(profile_ids))

    def found_in(self, text: str) -> bool:
        """Return whether one of the texts stands there as a whole, not as a part of a word."""
        return self._pattern is not None and self._pattern.search(text) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if not self.texts:
            return None
        return re.compile("|".join(map(_whole, self.texts)))


def naming(rows: QuerySet[M], *, needles: Needles, fields: Sequence[str]) -> Iterator[M]:
    """Yield the rows in one of whose `fields`, texts or JSON, one of the needles stands."""
    seen: set[Any] = set()
    for row in _likely(rows, needles=needles, fields=fields):
        if row.pk not in seen and any(needles.found_in(written(row, name)) for name in fields):
            seen.add(row.pk)
            yield row


def written(row: Model, name: str) -> str:
    """Return what a field holds as the text in which needles are looked for."""
    value = getattr(row, name)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def is_text(one: Field[Any, Any]) -> bool:
    """Return whether an id could stand in the field."""
    return isinstance(one, JSONField) or one.get_internal_type() in _TEXTS


_TEXTS = frozenset(
    {"CharField", "TextField", "SlugField", "URLField", "EmailField", "FileField", "FilePathField"}
)


def _likely(rows: QuerySet[M], *, needles: Needles, fields: Sequence[str]) -> Iterator[M]:
    """Yield the rows that the database finds: those, and some in which it stands in a word."""
    casts = {f"text_of_{name}": Cast(name, TextField()) for name in fields}
    for start in range(0, len(needles.texts), _AT_ONCE):
        wanted = Q()
        for text in needles.texts[start : start + _AT_ONCE]:
            for name in casts:
                wanted |= Q(**{f"{name}__contains": text})
        yield from rows.alias(**casts).filter(wanted).iterator(chunk_size=500)


def _texts(key: Key) -> Iterator[str]:
    """Yield what stands for an identity, as databases and files write it."""
    for value in _spellings(key.value):
        if _is_long(key.value):
            yield value
            continue
        yield f"{key.namespace}:{value}"
        for gap in ("", " "):  # JSON with and without a space
            yield f'["{key.namespace}",{gap}"{value}"]'
            for name in _STATED_AS.get(key.namespace, ()):
                yield f'"{name}":{gap}"{value}"'


def _is_long(value: str) -> bool:
    return len(value) >= LONG and not value.isalpha()


def _spellings(value: str) -> list[str]:
    """Return the value as it is, and as JSON has it with and without escapes."""
    escaped = (json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    return list(dict.fromkeys((value, *escaped)))


def _whole(text: str) -> str:
    before = r"(?<![^\W_])" if text[:1].isalnum() else ""
    after = r"(?![^\W_])" if text[-1:].isalnum() else ""
    return before + re.escape(text) + after
