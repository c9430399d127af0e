"""Random experiments and visitors, as JSON that Python and JavaScript both read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.experiments.twins import Question

#: Everything in ASCII, control characters too.
plain = st.text(st.characters(max_codepoint=0x7F), max_size=12)
units = st.text(st.characters(max_codepoint=0x7F), min_size=1, max_size=12)
shares = st.floats(0, 1)
#: Whole shares of a hundred that add up to 1, for two to six arms.
weights = (
    st.lists(st.integers(0, 20), min_size=2, max_size=6)
    .filter(any)
    .map(lambda parts: tuple(part / sum(parts) for part in parts))
)


def questions(seed: int, n: int) -> list[Question]:
    """Return questions of every kind; many are about the bounds of what there is."""
    dice = random.Random(seed)
    return [dice.choice(KINDS)(dice) for _ in range(n)]


def _text(dice: random.Random, least: int = 0) -> str:
    usual = [str(dice.randrange(10**6)), f"{dice.getrandbits(128):032x}", "exp-1"]
    length = dice.randint(least, 20)
    return dice.choice([*usual, "".join(chr(dice.randrange(0x80)) for _ in range(length))])


def _odd_text(dice: random.Random) -> str:
    """Return a text that now and then is not ASCII."""
    text = _text(dice)
    return text + dice.choice("éß😀\x80ÿ€") if dice.random() < 0.05 else text


def _weights(dice: random.Random, n: int) -> list[float]:
    kind = dice.randrange(6)
    if kind == 0:
        return [1 / n] * n
    if kind == 1:  # of the wrong number, or sum
        return [dice.random() for _ in range(dice.randint(0, n + 1))]
    if kind == 2:  # about as far off as may be
        return [dice.choice((0.99, 1.01)) / n] * n
    parts = [dice.randrange(10) for _ in range(n)]
    return [part / max(sum(parts), 1) for part in parts]


def _coverage(dice: random.Random) -> float:
    return dice.choice([dice.random(), dice.random(), 1.0, 0.0, -0.5, 1.5])


def _range(dice: random.Random) -> list[float]:
    return sorted([dice.choice([0.0, dice.random()]), dice.choice([1.0, dice.random()])])


def _trial(dice: random.Random) -> dict[str, Any]:
    n = dice.choice([1, 2, 2, 3, 5])
    trial: dict[str, Any] = {
        "key": _text(dice, 1),
        "seed": dice.choice(["", _odd_text(dice)]),
        "arms": [{"key": f"arm{place}"} for place in range(n)],
        "weights": _weights(dice, n),
        "hashVersion": dice.choice([2, 2, 1, 3] if dice.random() < 0.1 else [2, 2, 1]),
        "coverage": _coverage(dice),
        "audience": dice.choice(["", "", "buyers"]),
    }
    if dice.random() < 0.3:
        trial["namespace"] = {"name": _odd_text(dice), "held": _range(dice)}
    if dice.random() < 0.3:
        instants = sorted(dice.sample(range(20), 2))
        trial["ramp"] = [[at, _coverage(dice)] for at in instants]
    for name in ("starts", "ends"):
        if dice.random() < 0.2:
            trial[name] = dice.randrange(20)
    if dice.random() < 0.2:
        trial["learned"] = [_weights(dice, n), _weights(dice, n)]
    return trial


def _entrant(dice: random.Random, trial: dict[str, Any]) -> dict[str, Any]:
    entrant: dict[str, Any] = {
        "unit": dice.choice([_odd_text(dice), _text(dice, 1)]),
        "segments": dice.choice([[], ["buyers"], ["others", "buyers"]]),
        "now": dice.randrange(20),
        "context": dice.choice([{}, {"warmth": 1}]),
    }
    if dice.random() < 0.1:
        arms = [arm["key"] for arm in trial["arms"]]
        entrant["forced"] = {dice.choice([trial["key"], "other"]): dice.choice([*arms, "none"])}
    return entrant


def _assign(dice: random.Random) -> Question:
    trial = _trial(dice)
    return "assign", trial, _entrant(dice, trial)


def _sticky(dice: random.Random) -> Question:
    trial = _trial(dice)
    by = {
        "attribute": "user",
        "fallback": dice.choice(["", "device"]),
        "version": dice.randrange(3),
        "least": dice.randrange(3),
    }
    attributes = {name: _text(dice) for name in ("user", "device") if dice.random() < 0.7}
    arms = [*(arm["key"] for arm in trial["arms"]), "gone"]
    documents = {
        f"{name}||{value}": {
            f"{trial['key']}__{dice.randrange(3)}": dice.choice(arms)
            for _ in range(dice.randrange(3))
        }
        for name, value in attributes.items()
        if dice.random() < 0.6
    }
    known = {"by": by, "attributes": attributes, "documents": documents}
    return "assignSticky", trial, _entrant(dice, trial), known


def _bucket(dice: random.Random) -> Question:
    version = dice.choice([1, 2, 2])
    return "bucket", _odd_text(dice), {"seed": _odd_text(dice), "version": version}


def _ranges(dice: random.Random) -> Question:
    n = dice.randint(0, 6)
    return "rangesOf", n, {"coverage": _coverage(dice), "weights": _weights(dice, max(n, 1))}


def _namespace(dice: random.Random) -> Question:
    return "inNamespace", _odd_text(dice), _odd_text(dice), _range(dice)


def _holdout(dice: random.Random) -> Question:
    name = "".join(dice.choice('a/é😀\ud800ß:\\"\x7f') for _ in range(dice.randrange(6)))
    return "holdout", name, {"unit": _odd_text(dice), "share": _coverage(dice)}


KINDS: Sequence[Any] = (
    _assign, _assign, _assign, _sticky, _sticky, _bucket, _ranges, _namespace, _holdout,
)  # fmt: skip
