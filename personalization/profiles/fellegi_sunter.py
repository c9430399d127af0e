"""How much it says that two records agree or differ, learnt from the records themselves.

Each comparison of two records agrees, differs or cannot be made (None, which says nothing).
`m` is how often a comparison agrees for two records of one person, `u` for two of different
persons. Given which person they are of, comparisons are taken to be independent.

Sources: Fellegi and Sunter, A Theory for Record Linkage, 1969; the estimation is Winkler's
use of the EM algorithm, 1988; to fix `u` first is the practice of splink.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2

Pattern = tuple[bool | None, ...]

#: No probability is believed to be nearer to 0 or 1.
_LEAST = 1e-6


@dataclass(frozen=True)
class Model:
    """`prior` is the share of pairs that are one person; `m` and `u` have a value for each
    comparison."""

    prior: float
    m: tuple[float, ...]
    u: tuple[float, ...]

    def weights(self, pattern: Pattern) -> tuple[float, ...]:
        """Return what each comparison says in bits: above 0 for one person."""
        return tuple(
            0.0 if agrees is None else log2(m / u) if agrees else log2((1 - m) / (1 - u))
            for agrees, m, u in zip(pattern, self.m, self.u, strict=True)
        )

    def probability(self, pattern: Pattern) -> float:
        """Return the probability that both are one person."""
        odds = self.prior / (1 - self.prior)
        odds *= float(2 ** sum(self.weights(pattern)))
        return odds / (1 + odds)


def estimate(
    counts: Mapping[Pattern, int],
    *,
    start: Model,
    strength: float = 0.0,
    unseen: int = 0,
    learn_u: bool = False,
    rounds: int = 200,
) -> Model:
    """Return the model under which the patterns, as often as they occur, are most likely.

    `start` also counts as if it had been learnt from `strength` pairs of one person, so
    that little data teach little. `unseen` pairs were not compared because they are
    surely of different persons. `u` is left as it is unless `learn_u`.
    """
    model = start
    for _ in range(rounds):
        learnt = _round(counts, model, start, strength, unseen)
        if not learn_u:
            learnt = replace(learnt, u=start.u)
        if _distance(learnt, model) < _LEAST:
            return learnt
        model = learnt
    return model


def _round(
    counts: Mapping[Pattern, int], model: Model, start: Model, strength: float, unseen: int
) -> Model:
    """Expect by `model` which pairs are one person, and learn from what was expected."""
    expected = [
        (pattern, n * model.probability(pattern), n)
        for pattern, n in sorted(counts.items(), key=lambda item: str(item[0]))
    ]
    matches = [(pattern, share) for pattern, share, _ in expected]
    others = [(pattern, n - share) for pattern, share, n in expected]
    pairs = strength / start.prior
    total = sum(n for _, _, n in expected) + unseen
    return Model(
        prior=_share(sum(share for _, share in matches), total, start.prior, pairs),
        m=_agreeing(matches, start.m, strength),
        u=_agreeing(others, start.u, pairs - strength),
    )


def _agreeing(
    weighted: Sequence[tuple[Pattern, float]], start: Sequence[float], strength: float
) -> tuple[float, ...]:
    """Return for each comparison the share that agrees of those that could be made."""
    return tuple(
        _share(
            sum(weight for pattern, weight in weighted if pattern[place]),
            sum(weight for pattern, weight in weighted if pattern[place] is not None),
            assumed,
            strength,
        )
        for place, assumed in enumerate(start)
    )


def _share(part: float, whole: float, assumed: float, strength: float) -> float:
    if whole + strength <= 0:
        return assumed
    return bounded((part + assumed * strength) / (whole + strength))


def bounded(probability: float) -> float:
    return min(max(probability, _LEAST), 1 - _LEAST)


def _distance(one: Model, other: Model) -> float:
    ones, others = (one.prior, *one.m, *one.u), (other.prior, *other.m, *other.u)
    return max(abs(a - b) for a, b in zip(ones, others, strict=True))
