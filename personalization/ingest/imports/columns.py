"""What the columns of a table are meant for in a call of the Segment spec."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from personalization.exceptions import UnreadableFile
from personalization.ingest.imports.record import FIELDS

#: Where a column goes: a field, or a bag and the keys in it; nowhere when it is empty.
Path = tuple[str, ...]

#: A column that nothing else is said of is a property, or a trait: the call decides.
REST = ""
_BAGS = ("properties", "traits", "context")
_WITH_TRAITS = ("identify", "group")
#: What `user_id` and `User ID` are meant for.
_BY_COLUMN = {field.lower(): field for field in FIELDS}


def paths_of(names: Sequence[str], *, meant: Mapping[str, str]) -> Sequence[Path]:
    """Return where each column goes: as `meant` says, or as its name does.

    :raises UnreadableFile: when a column is missing, or two go to the same place.
    """
    for column in meant:
        if column not in names:
            raise UnreadableFile(f"There is no column “{column}”. There are: {', '.join(names)}.")
    paths = [_meant(meant[name]) if name in meant else _named(name) for name in names]
    _refuse_conflicts(zip(paths, names, strict=True))
    return paths


def bag_of(path: Path, *, kind: str) -> str:
    """Return where in a call of type `kind` the keys of `path` stand."""
    return path[0] or ("traits" if kind in _WITH_TRAITS else "properties")


def place(bag: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    """Put `value` into `bag`, as deep as `keys` lead."""
    *outer, last = keys
    for key in outer:
        bag = bag.setdefault(key, {})
    bag[last] = value


def _named(name: str) -> Path:
    field = _BY_COLUMN.get(re.sub(r"[ _-]", "", name).lower())
    if field:
        return (field,)
    bag, *keys = name.split(".")
    return (bag, *keys) if bag in _BAGS and keys and all(keys) else (REST, name)


def _meant(text: str) -> Path:
    bag, *keys = text.split(".")
    if not text:
        return ()
    if text in FIELDS or (bag in _BAGS and keys and all(keys)):
        return (bag, *keys)
    allowed = ", ".join((*FIELDS, *(f"{bag}.…" for bag in _BAGS)))
    raise UnreadableFile(f"No column can be meant for “{text}”. Allowed: {allowed}.")


def _refuse_conflicts(columns: Iterable[tuple[Path, str]]) -> None:
    places = sorted((found, name) for path, name in columns for found in _places(path))
    for (path, one), (longer, other) in pairwise(places):
        # Sorted, a path stands right before those that lead through it.
        if longer[: len(path)] == path:
            raise UnreadableFile(
                f"Two columns are meant for {'.'.join(path)}: “{one}” and “{other}”."
            )


def _places(path: Path) -> Sequence[Path]:
    if path and path[0] == REST:
        return [(bag, *path[1:]) for bag in ("properties", "traits")]
    return [path] if path else []
