"""What items have, as suggestions for whoever writes a rule on them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any, Final

from django import forms

from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.serving.shelf import Shelf

#: So many values are suggested of each: what most items have, and of items those changed last.
OFFERED: Final = 50
_Target = RecommendationRule.Target
_PARTS: Final = 4


class ValueInput(forms.TextInput):
    """A text with what items have as suggestions: one list for each target, of which a script
    takes that of the target that is chosen."""

    template_name = "personalization/admin/rule_value.html"
    #: Target → values with what they stand for.
    suggestions: dict[str, Sequence[tuple[str, str]]]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["suggestions"] = getattr(self, "suggestions", {})
        return context


class PlaceInput(forms.TextInput):
    """A text with the places that are used as suggestions."""

    template_name = "personalization/admin/event_input.html"
    places: Sequence[str] = ()

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["events"] = self.places
        context["list_id"] = context["widget"]["attrs"]["list"] = "pz-known-places"
        return context


def suggested(items: Shelf) -> dict[str, Sequence[tuple[str, str]]]:
    """Return by target the values that active items have, with a word to each; no query."""
    return {
        _Target.ITEM: _newest(items),
        _Target.KIND: _frequent(items, "kind"),
        _Target.CATEGORY: _frequent(items, "category"),
        _Target.TAG: _frequent(items, "tag"),
        _Target.PRICE: [(each, "") for each in price_ranges(items)],
    }


def _newest(items: Shelf) -> Sequence[tuple[str, str]]:
    newest = islice(reversed(list(items.items.values())), OFFERED)
    return [(one.key, str(one)) for one in newest]


def _frequent(items: Shelf, place: str) -> Sequence[tuple[str, str]]:
    counts = {
        value: len(keys) for (where, value), keys in items.index.places.items() if where == place
    }
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(value, str(n)) for value, n in ordered if value][:OFFERED]


def price_ranges(items: Shelf) -> list[str]:
    """Return ranges of prices that have about as many items each: “–10”, “10–50”, “50–”."""
    prices = [price for price, _key in items.index.prices]
    if len(set(prices)) < _PARTS:
        return []
    cuts = [prices[len(prices) * part // _PARTS] for part in range(1, _PARTS)]
    texts = list(dict.fromkeys(_text(cut) for cut in cuts))
    middle = [f"{low}–{high}" for low, high in pairwise(texts)]
    return [f"–{texts[0]}", *middle, f"{texts[-1]}–"]


def _text(price: Decimal) -> str:
    return f"{price.normalize():f}"
