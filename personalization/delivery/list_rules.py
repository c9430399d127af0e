"""The rules for recommendations that hold for a visitor at a place, kept in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.serving.kept import Kept
from personalization.ml.serving.rerank import Action, Rule, Target

#: How soon a changed rule holds.
FRESH: Final = timedelta(seconds=5)
#: What scores may be multiplied or divided by.
LEAST_FACTOR, MOST_FACTOR = 1.0, 100.0


@dataclass(frozen=True, slots=True)
class Stated:
    """A rule with where and for whom it holds: everywhere and for everybody where empty."""

    rule: Rule
    place: str = ""
    segment: str = ""


def rules_for(place: str, *, segments: Collection[str], now: datetime) -> tuple[Rule, ...]:
    """Return the rules that hold at a place for who is in these segments (slugs)."""
    return holding(_kept.at(now), place, segments=segments)


def holding(stated: Iterable[Stated], place: str, *, segments: Collection[str]) -> tuple[Rule, ...]:
    """Return those of the rules that hold. Pure."""
    return tuple(
        one.rule
        for one in stated
        if one.place in ("", place) and (not one.segment or one.segment in segments)
    )


def stated_by(row: RecommendationRule) -> Stated:
    """Return what a row says; its choices are those of the rule.

    A factor or position that no form lets through counts as the nearest that one does.
    """
    rule = Rule(
        action=cast(Action, row.action),
        target=cast(Target, row.target),
        value=row.value,
        # In this order: what is no number is not greater than 1.
        factor=min(max(LEAST_FACTOR, row.factor), MOST_FACTOR),
        position=max(row.position, 1),
        name=row.name,
    )
    return Stated(rule, row.place, row.segment.slug if row.segment else "")


def forget(**kwargs: Any) -> None:
    """Read the rules anew: what this process has just written holds at once."""
    _kept.forget()


def _read(before: tuple[Stated, ...] | None, now: datetime) -> tuple[Stated, ...]:
    rows = RecommendationRule.objects.filter(is_active=True).select_related("segment")
    return tuple(stated_by(row) for row in rows)


_kept: Kept[tuple[Stated, ...]] = Kept(_read, fresh=FRESH)
