"""Search every store for what is left of somebody: the proof that an erasure has worked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from django.db.models import Model

from personalization.profiles.needles import Needles, is_text, naming, written
from personalization.profiles.stores import Store, stores

#: Places that are told of each store; more would not help whoever looks.
MOST_PLACES = 10


def search(needles: Needles) -> Mapping[str, list[str]]:
    """Return the stores in which something is found, each with some of the places."""
    found = {
        name: list(islice(_places(store(), needles), MOST_PLACES)) for name, store in stores.items()
    }
    return {name: places for name, places in found.items() if places}


def searched() -> list[str]:
    """Return what a search looks through: the stores, and the tables of each."""
    return [
        ": ".join((name, ", ".join(model._meta.db_table for model in store.models) or "no table"))
        for name, store in stores.items()
    ]


def unsearched() -> list[str]:
    """Return the places that no search can look through."""
    return [place for _, store in stores.items() for place in store().unsearched()]


def _places(store: Store, needles: Needles) -> Iterator[str]:
    for model in store.models:
        yield from _in_table(model, needles, except_for=store.searched_apart)
    yield from store.search(needles)


def _in_table(model: type[Model], needles: Needles, *, except_for: frozenset[str]) -> Iterator[str]:
    """Yield table, column and row of each place, and never what stands there."""
    names = [
        field.name
        for field in model._meta.concrete_fields
        if is_text(field) and field.name not in except_for
    ]
    if not names:
        return
    for row in naming(model._default_manager.order_by(), needles=needles, fields=names):
        where = next(name for name in names if needles.found_in(written(row, name)))
        yield f"{model._meta.db_table}.{where}: {row.pk}"
