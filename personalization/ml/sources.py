"""A site's own tables as items, in the `ready` of one of its apps:

    from personalization.ml.sources import register

    register(Product, key="slug", title="name", category="category.name", price="price")

`sync_items` then keeps the items up to the table. Each of the values is the name of a field or
attribute, with points to follow relations, or a function of the object. Keys are those that
events name: the `product_id` of a “Product Viewed”.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.urls import NoReverseMatch

from personalization.exceptions import PersonalizationError
from personalization.ml.item_events import MAX_KEY, key_of
from personalization.ml.item_words import (
    MAX_ADDRESS,
    MAX_CATEGORY,
    MAX_KIND,
    MAX_TAG,
    MAX_TITLE,
    Words,
    address_of,
    line_of,
    price_of,
    tags_of,
    text_of,
)
from personalization.registry import Registry

#: Name of a field or attribute (`category.name`), a function of the object, or None: nothing.
Reading: TypeAlias = str | Callable[[Any], Any] | None


#: What may be wrong with one row, or with a site's way to read it, and is no matter of the others.
FAILURES: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NoReverseMatch,
    ObjectDoesNotExist, TypeError, ValueError,
)  # fmt: skip


class InvalidSource(PersonalizationError):
    """This table cannot be a source of items."""


class BadRow(PersonalizationError):
    """A row of a source cannot be an item."""


@dataclass(frozen=True, kw_only=True)
class ItemSource:
    """A table of the site, and how its rows are read."""

    model: type[Model]
    kind: str
    key: Reading
    queryset: Callable[[], QuerySet[Any]]
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def rows(self) -> QuerySet[Any]:
        """Return the rows in order of their numbers, with the relations that are read."""
        relations = {
            path.partition(".")[0]
            for path in (self.key, *self.readings.values())
            if isinstance(path, str) and _is_relation(self.model, path)
        }
        rows = self.queryset().order_by("pk")
        return rows.select_related(*sorted(relations)) if relations else rows

    def item(self, row: Model) -> tuple[str, Words]:
        """Return the key and the words of a row.

        :raises BadRow: naming what cannot be used.
        """
        key = self.key_in(row)
        said = {name: self._said(row, name, reading) for name, reading in self.readings.items()}
        words = Words(
            title=line_of(_text(said["title"]), MAX_TITLE),
            url=self._address(row, "url", said["url"]),
            image=self._address(row, "image", said["image"]),
            category=line_of(_text(said["category"]), MAX_CATEGORY),
            tags=tags_of(said["tags"]),
            text=text_of(said["text"]),
            price=price_of(said["price"]),
            attributes={
                name: text
                for name, reading in said.items()
                if name not in _WORDS and (text := line_of(_text(reading), MAX_TAG))
            },
        )
        return key, words

    def key_in(self, row: Model) -> str:
        """Return the key of a row alone.

        :raises BadRow: if it has none that can be used.
        """
        value = self._said(row, "key", self.key)
        key = key_of(_text(value))
        if key is None:
            raise BadRow(
                f"{self.kind} {row.pk} has the key {value!r}; allowed: a text in one line of 1 to "
                f"{MAX_KEY} characters."
            )
        return key

    def _said(self, row: Model, name: str, reading: Reading) -> Any:
        try:
            return _read(row, reading)
        except FAILURES as error:
            raise BadRow(
                f"The {name} of {self.kind} {row.pk} cannot be read: {type(error).__name__}: {error}"
            ) from error

    def _address(self, row: Model, name: str, value: Any) -> str:
        text = str(value or "")
        address = address_of(text)
        if text and not address:
            raise BadRow(
                f"{self.kind} {row.pk} has as its {name} {text[:100]!r}; allowed: a path of this "
                f"site, or an http(s) address, of up to {MAX_ADDRESS} characters."
            )
        return address


_WORDS = frozenset({"title", "url", "image", "category", "tags", "text", "price"})

#: Kind of item → where its items come from.
item_sources: Registry[ItemSource] = Registry("source of items")


def register(
    model: type[Model],
    *,
    key: Reading = "pk",
    title: Reading = None,
    url: Reading = None,
    category: Reading = None,
    tags: Reading = None,
    text: Reading = None,
    price: Reading = None,
    image: Reading = None,
    attributes: Mapping[str, Reading] | None = None,
    queryset: Callable[[], QuerySet[Any]] | None = None,
    kind: str = "",
) -> ItemSource:
    """Have the rows of `model` be items; return how they are read.

    Without `title` and `url` it is what the object calls itself, and its `get_absolute_url`.
    `queryset` returns the rows that may be recommended; `kind` is the model's name. From then
    on events say nothing of items of this kind: the table does.

    :raises InvalidSource: naming a field that the model does not have.
    :raises AlreadyRegistered: if there is another source of this kind.
    """
    given: dict[str, Reading] = {
        "title": title or str, "category": category, "tags": tags, "text": text, "price": price,
        "image": image, "url": url or ("get_absolute_url" if _has_address(model) else None),
    }  # fmt: skip
    for name, reading in (*given.items(), ("key", key), *(attributes or {}).items()):
        _check(model, name, reading)
    if taken := sorted((attributes or {}).keys() & _WORDS):
        raise InvalidSource(f"“{taken[0]}” is no attribute: register has a parameter for it.")
    kind = kind or str(model._meta.model_name)
    if len(kind) > MAX_KIND:
        raise InvalidSource(f"“{kind}” is too long for a kind; allowed: {MAX_KIND} characters.")
    source = ItemSource(
        model=model,
        kind=kind,
        key=key,
        queryset=queryset or model._default_manager.all,
        readings={**(attributes or {}), **given},
    )
    return item_sources.register(kind)(source)


def key_of_row(row: object) -> str:
    """Return the key of the item that an object of the site is; empty if it is none."""
    for _kind, source in item_sources.items():
        if isinstance(row, source.model):
            try:
                return source.key_in(row)
            except BadRow:
                return ""
    return ""


def _has_address(model: type[Model]) -> bool:
    return hasattr(model, "get_absolute_url")


def _check(model: type[Model], name: str, reading: Reading) -> None:
    if reading is None or callable(reading):
        return
    first = reading.partition(".")[0]
    if not hasattr(model, first):
        known = ", ".join(sorted(each.name for each in model._meta.get_fields()))
        raise InvalidSource(
            f"{model.__name__} has no “{first}”, which is to be the {name}; allowed: {known}, "
            "another attribute, or a function."
        )


def _is_relation(model: type[Model], path: str) -> bool:
    """Return whether the first part of a path is a row that a join can bring along."""
    first, point, _ = path.partition(".")
    try:
        found = model._meta.get_field(first)
    except FieldDoesNotExist:
        return False
    return bool(point and (found.many_to_one or found.one_to_one) and found.concrete)


def _read(row: Model, reading: Reading) -> Any:
    """Return what a reading says of a row; of what a relation leads nowhere to, nothing."""
    if reading is None:
        return None
    if not isinstance(reading, str):
        return reading(row)
    value: Any = row
    for name in reading.split("."):
        try:
            value = getattr(value, name, None)
        except ObjectDoesNotExist:
            return None
        if callable(value) and not hasattr(value, "all"):
            value = value()
        if value is None:
            return None
    return [str(each) for each in value.all()] if hasattr(value, "all") else value


def _text(value: Any) -> str:
    return "" if value is None else str(value)
