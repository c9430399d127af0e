"""What visitors did with which items, as columns: what recommenders learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from personalization.ml.arrays import Flags, Floats, Indices, Instants
from personalization.ml.item_events import SHIPPED
from personalization.ml.unfit import UnfitData
from personalization.types import Microseconds

#: Events that speak against the item they concern, as shipped.
AGAINST: Final = frozenset(name for name, each in SHIPPED.items() if each.weight < 0)


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """One row for each event that concerns an item, ordered by (`at`, visit).

    `visitor`, `visit`, `item` and `kind` are indices; `visitor` counts people in no order
    that says who they are, `visit` their visits. `amount` is what an event measured, in the
    unit of its kind (seconds of reading, money), NaN where it measured nothing.
    """

    visitor: Indices
    visit: Indices
    item: Indices
    kind: Indices
    amount: Floats
    at: Instants
    #: Keys of the items, and names of the events, that `item` and `kind` are indices of.
    items: tuple[str, ...]
    kinds: tuple[str, ...]
    #: Those of the kinds that speak against an item: a product was taken out of the cart.
    against: frozenset[str] = AGAINST

    def __post_init__(self) -> None:
        columns = (self.visitor, self.visit, self.item, self.kind, self.amount, self.at)
        if len({len(column) for column in columns}) > 1:
            raise UnfitData(f"Columns differ in length: {[len(column) for column in columns]}.")
        for name, column, n in (
            ("item", self.item, len(self.items)),
            ("kind", self.kind, len(self.kinds)),
        ):
            if len(column) and not (column.min() >= 0 and column.max() < n):
                raise UnfitData(f"“{name}” has indices outside of 0…{n - 1}.")

    def __len__(self) -> int:
        return len(self.item)

    @property
    def n_visitors(self) -> int:
        return int(self.visitor.max()) + 1 if len(self) else 0

    def where(self, chosen: Flags) -> Interactions:
        """Return the rows that are `chosen`; all indices mean what they did."""
        return replace(
            self,
            visitor=self.visitor[chosen],
            visit=self.visit[chosen],
            item=self.item[chosen],
            kind=self.kind[chosen],
            amount=self.amount[chosen],
            at=self.at[chosen],
        )

    def in_favour(self) -> Interactions:
        """Return the rows that do not speak against their item: for who learns from whether
        something was done with an item, and not from what it says."""
        chosen = np.array([kind not in self.against for kind in self.kinds], np.bool_)
        return self if chosen.all() else self.where(chosen[self.kind])

    def before(self, instant: Microseconds) -> Interactions:
        return self.where(self.at < instant)

    def since(self, instant: Microseconds) -> Interactions:
        return self.where(self.at >= instant)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What is known of items beside what was done with them, an entry for each of `items`."""

    items: tuple[str, ...]
    #: Title, keywords and body, as one text.
    texts: tuple[str, ...]
    #: Category and tags, most general first.
    tags: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not len(self.items) == len(self.texts) == len(self.tags):
            raise UnfitData("A catalogue needs a text and tags for each of its items.")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a recommender is fitted to: everything that happened before `until`."""

    interactions: Interactions
    until: Microseconds
    catalogue: Catalogue | None = None


def interactions_of(
    rows: list[tuple[int, int, str, str, float, Microseconds]],
) -> Interactions:
    """Return the columns of `rows` of (visitor, visit, item, kind, amount, at), in their order
    in time; items and kinds are numbered in the order of their names."""
    items = tuple(sorted({row[2] for row in rows}))
    kinds = tuple(sorted({row[3] for row in rows}))
    number = {key: index for index, key in enumerate(items)}
    kind_number = {name: index for index, name in enumerate(kinds)}
    ordered = sorted(rows, key=lambda row: (row[5], row[1]))
    return Interactions(
        visitor=np.array([row[0] for row in ordered], np.int32),
        visit=np.array([row[1] for row in ordered], np.int32),
        item=np.array([number[row[2]] for row in ordered], np.int32),
        kind=np.array([kind_number[row[3]] for row in ordered], np.int32),
        amount=np.array([row[4] for row in ordered], np.float32),
        at=np.array([row[5] for row in ordered], np.int64),
        items=items,
        kinds=kinds,
    )
