"""Names that say what distinguishes a group: “buys often, few visits”.

They are made once, in the language that the training speaks, and kept with the id: rules compare
them, so they may not depend on who reads. What is said of a feature is in `SAID`; a site adds
words for its own features there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.ml.arrays import Doubles, Indices
from personalization.registry import Registry

#: Standard deviations from the mean of all from which something distinguishes a group.
NOTABLE = 0.4
#: What is said at first, and at most where that is no name of one group alone.
_SAID, _MOST = 2, 4


@dataclass(frozen=True, kw_only=True)
class Said:
    """What is said of a group whose mean of a feature is high, and whose is low."""

    high: Any
    low: Any


SAID: Registry[Said] = Registry("wording of a feature")

for _feature, _high, _low in (
    ("visits.count", gettext_lazy("many visits"), gettext_lazy("few visits")),
    ("events.count", gettext_lazy("very active"), gettext_lazy("hardly active")),
    ("pages.count", gettext_lazy("many pages"), gettext_lazy("few pages")),
    ("cart.adds", gettext_lazy("fills the cart"), gettext_lazy("leaves the cart empty")),
    ("orders.count", gettext_lazy("buys often"), gettext_lazy("rarely buys")),
    ("orders.revenue", gettext_lazy("spends much"), gettext_lazy("spends little")),
    ("orders.mean", gettext_lazy("large orders"), gettext_lazy("small orders")),
    ("engagement.seconds", gettext_lazy("stays long"), gettext_lazy("leaves soon")),
    ("recency.event", gettext_lazy("long away"), gettext_lazy("here lately")),
    ("recency.first", gettext_lazy("known for long"), gettext_lazy("new")),
    ("recency.cart", gettext_lazy("filled the cart long ago"), gettext_lazy("filled the cart lately")),
    ("recency.order", gettext_lazy("bought long ago"), gettext_lazy("bought lately")),
    ("visits.pause", gettext_lazy("comes back late"), gettext_lazy("comes back soon")),
    ("visits.seconds", gettext_lazy("long visits"), gettext_lazy("short visits")),
    ("visits.pages", gettext_lazy("many pages a visit"), gettext_lazy("few pages a visit")),
    ("visits.bounced", gettext_lazy("leaves at once"), gettext_lazy("looks further")),
    ("ratio.clicks", gettext_lazy("clicks much"), gettext_lazy("hardly clicks")),
    ("ratio.scrolled", gettext_lazy("reads to the end"), gettext_lazy("skims")),
    ("ratio.dwell", gettext_lazy("reads slowly"), gettext_lazy("reads fast")),
    ("ratio.searches", gettext_lazy("searches"), gettext_lazy("does not search")),
    ("ratio.abandoned", gettext_lazy("leaves carts behind"), gettext_lazy("buys what is in the cart")),
    ("variety.products", gettext_lazy("many products"), gettext_lazy("few products")),
):  # fmt: skip
    SAID.register(_feature)(Said(high=_high, low=_low))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """By how many standard deviations the mean of a group lies above that of all."""

    feature: str
    by: float


def differences(
    rows: Doubles, numbers: Indices, *, k: int, features: Sequence[str]
) -> list[list[Difference]]:
    """Return what tells each of `k` groups from all others, the largest first.

    `rows` (n × features) are those that groups were found in, as they were cleaned.
    """
    spread = rows.std(axis=0)
    middle = rows.mean(axis=0)
    found = []
    for number in range(k):
        members = rows[numbers == number]
        mean = members.mean(axis=0) if len(members) else middle
        by = np.where(spread > 0, (mean - middle) / np.where(spread > 0, spread, 1), 0)
        order = np.argsort(-np.abs(by), kind="stable")
        found.append([Difference(feature=features[n], by=float(by[n])) for n in order])
    return found


def names_of(
    groups: Sequence[Sequence[Difference]],
    *,
    labels: Mapping[str, str],
    taken: Collection[str] = (),
) -> list[str]:
    """Return a name for each of the groups, none of which another has or is `taken`.

    `labels` say what features are called that no words are known of.
    """
    short = [_joined(_phrases(group, labels), _SAID) for group in groups]
    names: list[str] = []
    for place, group in enumerate(groups):
        used = {*taken, *names}
        alone = short.count(short[place]) == 1
        candidates = _candidates(_phrases(group, labels), first=_SAID if alone else _SAID + 1)
        names.append(next(name for name in candidates if name not in used))
    return names


def _candidates(phrases: Sequence[str], *, first: int) -> Iterator[str]:
    """Yield names, each with more in it than the one before."""
    for n in range(first, _MOST + 1):
        yield _joined(phrases, n)
    longest = _joined(phrases, _MOST)
    for number in count(2):
        yield f"{longest} {number}"


def _joined(phrases: Sequence[str], n: int) -> str:
    return ", ".join(phrases[:n]) or _("like most")


def _phrases(group: Sequence[Difference], labels: Mapping[str, str]) -> list[str]:
    """Return what is said of a group: of each family of features one first, as those say alike."""
    notable = [each for each in group if abs(each.by) >= NOTABLE]
    first: list[str] = []
    others: list[str] = []
    seen: set[str] = set()
    for each in notable:
        family = each.feature.split(".")[0]
        (others if family in seen else first).append(_phrase(each, labels))
        seen.add(family)
    return list(dict.fromkeys(first + others))


def _phrase(difference: Difference, labels: Mapping[str, str]) -> str:
    feature = difference.feature
    said = SAID.get(feature)
    if said is not None:
        return str(said.high if difference.by > 0 else said.low)
    label = labels.get(feature, feature)
    words = _("%(feature)s high") if difference.by > 0 else _("%(feature)s low")
    return words % {"feature": label}
