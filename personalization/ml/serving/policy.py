"""How the list of a place is made, as the site says in `PERSONALIZATION_RECOMMENDATIONS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

from personalization.conf import settings
from personalization.exceptions import SettingError

#: What of the items that a visitor knows is left out: all, what they bought, or nothing.
Seen = Literal["hide", "bought", "keep"]

#: With whom what is popular is so, or whether it is to be what becomes so with everybody.
Popularity = Literal["segment", "everybody", "rising"]

#: Stands for every place that is not named.
ANY: Final = "*"
_SHARES: Final[Mapping[str, float]] = {"diversity": 1.0, "explore": 0.5}
MOST_PER_CATEGORY: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the list of a place is made."""

    seen: Seen = "hide"
    #: How much it counts that an item differs from those above it, beside its score (0 to 1).
    diversity: float = 0.2
    #: How many of one category stand in a list, as long as there are others; 0: any number.
    per_category: int = 0
    #: Share of the positions, all but the first, that are left to chance (0 to 0.5).
    explore: float = 0.05
    #: With whom popular items are to be: who is in the same segment, or everybody; or rising ones.
    popular: Popularity = "segment"
    #: Kinds of items that are listed; none: all.
    kinds: tuple[str, ...] = ()


def policy_of(place: str) -> Policy:
    """Return the policy of a place: what is said of it, and of all, and what is shipped.

    :raises SettingError: naming the value that is none, and what is allowed.
    """
    return _policy(place, settings.RECOMMENDATIONS)


def refuse_odd(stated: Mapping[str, Any]) -> None:
    """Do nothing where all that is stated for places can be read.

    :raises SettingError: as `policy_of` does.
    """
    for place in stated:
        _policy(place, stated)


def _policy(place: str, stated: Mapping[str, Any]) -> Policy:
    said: dict[str, Any] = {}
    for name in (ANY, place):
        values = stated.get(name, {})
        if not isinstance(values, Mapping):
            raise SettingError(f"{_of(name)} is {values!r}; a mapping is needed.")
        said |= {key: _checked(f"{_of(name)}[{key!r}]", key, each) for key, each in values.items()}
    return Policy(**said)


def _of(place: str) -> str:
    return f"PERSONALIZATION_RECOMMENDATIONS[{place!r}]"


def _checked(where: str, name: str, value: Any) -> Any:
    if name == "seen" and value in get_args(Seen):
        return value
    if name == "popular" and value in get_args(Popularity):
        return value
    if name == "kinds" and isinstance(value, list | tuple) and _are_texts(value):
        return tuple(value)
    if name in _SHARES and _is_number(value) and 0 <= value <= _SHARES[name]:
        return float(value)
    if name == "per_category" and _is_number(value) and value in range(MOST_PER_CATEGORY + 1):
        return int(value)
    raise SettingError(f"{where} is {value!r}; allowed: {_allowed(name)}.")


def _allowed(name: str) -> str:
    known = {
        "seen": ", ".join(get_args(Seen)),
        "popular": ", ".join(get_args(Popularity)),
        "kinds": "a list of kinds of items",
        "per_category": f"whole numbers from 0 to {MOST_PER_CATEGORY}",
        **{share: f"numbers from 0 to {most:g}" for share, most in _SHARES.items()},
    }
    return known.get(name) or f"one of {', '.join(each.name for each in fields(Policy))} as name"


def _are_texts(value: Any) -> bool:
    return all(isinstance(each, str) for each in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
