"""What a tag says of a slot besides its name: the same words in the templates of every engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from personalization.delivery.decide_body import SLUG
from personalization.delivery.deferred import LEAST_RESERVE, MOST_RESERVE
from personalization.delivery.render import DEFERRED, MODES

#: Has an element stand around what the slot shows, so that clicks in it are counted.
WRAP: Final = "wrap"
RESERVE: Final = "reserve="


@dataclass(frozen=True)
class Options:
    """How a slot is delivered, one of `MODES`, or empty: as everywhere on the site; the height
    in rem that it has before it is filled; whether an element stands around what it shows."""

    mode: str = ""
    reserve: int | None = None
    wrap: bool = False


def refuse_odd(slugs: Iterable[str], *, tag: str) -> None:
    """Refuse what no slot or segment can be called: whoever asks for it later is not answered.

    :raises ValueError: naming it.
    """
    for slug in slugs:
        if not SLUG.fullmatch(slug):
            raise ValueError(
                f"{tag} takes slugs of 1 to 50 letters, digits, - and _; got {slug!r}."
            )


def read_options(words: Sequence[str], *, tag: str) -> Options:
    """Return what the words behind the slug of a `tag` say, in any order, each once.

    :raises ValueError: naming the word that is none, or what does not go together.
    """
    modes = [word for word in words if word in MODES]
    reserves = [word for word in words if word.startswith(RESERVE)]
    wraps = [word for word in words if word == WRAP]
    known = len(modes) + len(reserves) + len(wraps)
    if known < len(words) or max(len(modes), len(reserves), len(wraps)) > 1:
        raise ValueError(
            f"{tag} takes one quoted slug, and after it {', '.join(MODES)} or nothing, {WRAP} "
            f'and {RESERVE}20 where they are wanted, as in {{% {tag} "my-slot" %}}; '
            f"got {' '.join(words)!r}."
        )
    mode = modes[0] if modes else ""
    reserve = _reserve(reserves[0], mode=mode, tag=tag) if reserves else None
    return Options(mode, reserve, wrap=bool(wraps))


def _reserve(word: str, *, mode: str, tag: str) -> int:
    number = word.removeprefix(RESERVE)
    reserve = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
    if not LEAST_RESERVE <= reserve <= MOST_RESERVE:
        raise ValueError(
            f"{tag} reserves {LEAST_RESERVE} to {MOST_RESERVE} rem, in whole numbers, as in "
            f"{RESERVE}20; got {number!r}."
        )
    if mode not in (DEFERRED, ""):
        raise ValueError(
            f"{tag} reserves space where it is {DEFERRED}; it is {mode}, so its content is there."
        )
    return reserve
