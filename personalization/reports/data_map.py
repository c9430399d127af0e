"""The data map: where data of people lie, what for, how long, and how they are erased.

Nothing of it is written by hand: it is read off the stores and the models, so that a new
column is in it as soon as it is there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db.models import CASCADE, Field, ForeignKey, Model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from personalization.conf import settings
from personalization.profiles.models import Identity, Profile
from personalization.profiles.stores import Store, stores
from personalization.types import JsonObject

APP = "personalization"
#: A person is what these say somebody is.
_PEOPLE: tuple[type[Model], ...] = (Profile, Identity)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: its name, what it holds, and what of."""

    name: str
    words: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: `whose` leads from a row to the person, and is empty where nothing does."""

    name: str
    words: str
    what: str
    whose: str
    columns: Sequence[Column]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A store, as a data protection officer reads of it."""

    name: str
    holds: str
    used_for: str
    kept: str
    erased: str
    is_shown: bool
    tables: Sequence[Table]

    def as_json(self) -> JsonObject:
        return {
            "store": self.name,
            "holds": self.holds,
            "usedFor": self.used_for,
            "kept": self.kept,
            "erased": self.erased,
            "shownToVisitors": self.is_shown,
            "tables": [
                {
                    "table": table.name,
                    "whose": table.whose or None,
                    "columns": [
                        {"column": column.name, "holds": column.words, "type": column.kind}
                        for column in table.columns
                    ],
                }
                for table in self.tables
            ],
        }


def places() -> list[Place]:
    """Return every place where data of people lie."""
    return [_place(name, store) for name, store in stores.items()]


def impersonal_tables() -> list[Table]:
    """Return the tables of the app that no store has: they are of the site and not of people."""
    stored = {model for _name, store in stores.items() for model in store.models}
    return [
        _table(model)
        for model in sorted(apps.get_app_config(APP).get_models(), key=_table_name)
        if model not in stored
    ]


def _place(name: str, store: type[Store]) -> Place:
    return Place(
        name=name,
        holds=str(store.holds),
        used_for=str(store.used_for),
        kept=kept_in_words(name, store),
        erased=_erased(store),
        is_shown=store.is_shown,
        tables=[_table(model) for model in store.models],
    )


# -- how long, and how it ends ---------------------------------------------------------------


def kept_in_words(name: str, store: type[Store]) -> str:
    """Return how long a store keeps what it has, as people say it."""
    span = settings.RETENTION_OF.get(name, store.kept_for)
    spans = {
        "retention": span_words(settings.RETENTION),
        "span": span_words(span) if span is not None else "",
    }
    if store.kept_words:
        return str(store.kept_words) % spans
    return _("%(span)s at most.") % spans if span is not None else _("As long as the profile is.")


def span_words(span: timedelta) -> str:
    """Return a length of time as it is said of retention: whole days, or hours."""
    if span < timedelta(days=1):
        hours = round(span / timedelta(hours=1))
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    return ngettext("%(n)d day", "%(n)d days", span.days) % {"n": span.days}


def _erased(store: type[Store]) -> str:
    """Return what becomes of it when somebody is erased."""
    if store.erase is not Store.erase:
        return _("At once, with the request.")
    if store.erase_slowly is not Store.erase_slowly:
        return _("Before the receipt is signed.")
    if any(_goes_along(model) for model in store.models):
        return _("At once, with the profile.")
    return _("It stays: nobody is named in it.")


def _goes_along(model: type[Model]) -> bool:
    """Return whether the rows of somebody are deleted with their profile or ids."""
    return any(
        key.remote_field.on_delete is CASCADE and key.related_model in _PEOPLE
        for key in _references(model)
    )


# -- tables ----------------------------------------------------------------------------------


def _table(model: type[Model]) -> Table:
    return Table(
        name=_table_name(model),
        words=str(model._meta.verbose_name_plural),
        what=" ".join((inspect.getdoc(model) or "").partition("\n\n")[0].split()),
        whose=" · ".join(dict.fromkeys(_whose(model))),
        columns=[_column(each) for each in model._meta.concrete_fields],
    )


def _table_name(model: type[Model]) -> str:
    return model._meta.db_table


def _whose(model: type[Model]) -> Iterator[str]:
    if model in _PEOPLE:
        yield str(model._meta.verbose_name)
    for key in _references(model):
        if key.related_model in _PEOPLE:
            yield f"{key.column} → {key.related_model._meta.verbose_name}"


def _references(model: type[Model]) -> list[Any]:
    """Return the columns that name rows of other tables."""
    return [each for each in model._meta.concrete_fields if isinstance(each, ForeignKey)]


def _column(field: Field[Any, Any]) -> Column:
    kind = field.get_internal_type().removesuffix("Field")
    if isinstance(field, ForeignKey):
        assert not isinstance(field.related_model, str)
        kind = f"→ {_table_name(field.related_model)}"
    return Column(name=field.column or field.name, words=str(field.verbose_name), kind=kind)
