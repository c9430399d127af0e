"""What lists led to, of every version that served of late, with popularity beside them.

Who gets the popular is not like who gets a list of their own, and a day not like the next: the
intervals say what is chance, and nothing says what is cause. For that there are experiments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from personalization.ml.evaluation.intervals import wilson
from personalization.ml.models import ModelVersion
from personalization.ml.serving.clicks import ClickThrough, click_through_of_each
from personalization.ml.training.served_then import served

#: Lists of so long a time are looked at.
SPAN: Final = timedelta(days=30)
#: What fills a list where no model does.
POPULARITY: Final = "popularity"
#: Lists of a version below which its share is not compared.
LEAST: Final = 100

Compared: TypeAlias = Literal["better", "worse", "alike", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Clicked:
    """Of `lists` that `by` scored (“recommend 7”, “popularity”), `clicked` led to one of their
    items."""

    by: str
    lists: int
    clicked: int

    @property
    def share(self) -> float:
        return self.clicked / self.lists if self.lists else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Return between what the share lies, but for one time in twenty."""
        return wilson(self.clicked, self.lists)

    def beside(self, other: Clicked) -> Compared:
        """Return how it is beside another one; intervals that touch are no difference."""
        if min(self.lists, other.lists) < LEAST:
            return "unknown"
        (low, high), (other_low, other_high) = self.interval, other.interval
        if low > other_high:
            return "better"
        return "worse" if high < other_low else "alike"

    def words(self) -> str:
        low, high = self.interval
        return f"{self.share:.1%} ({low:.1%} to {high:.1%})"


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """What lists led to: of a version, of popularity, and of the other versions that served in the
    same time and filled one, the newest first."""

    since: datetime
    own: Clicked
    popularity: Clicked
    others: Sequence[Clicked] = ()

    @property
    def together(self) -> Clicked:
        """The other versions as one."""
        return Clicked(
            by="other versions",
            lists=sum(each.lists for each in self.others),
            clicked=sum(each.clicked for each in self.others),
        )

    @property
    def beside_popularity(self) -> Compared:
        return self.own.beside(self.popularity)

    @property
    def beside_others(self) -> Compared:
        return self.own.beside(self.together)

    def missing(self) -> str:
        """Return what is missing for a comparison, in a sentence; empty if nothing is."""
        since = f"since {self.since:%Y-%m-%d}"
        if not self.own.lists and not self.popularity.lists and not self.together.lists:
            return (
                f"No list was shown {since}: no page has one, or nobody who saw one agrees to "
                "personalization."
            )
        if not self.own.lists:
            n = self.popularity.lists + self.together.lists
            return (
                f"No list of {self.own.by} was shown {since}, of others {n}. It fills one as soon as "
                "a visitor with a history asks for it."
            )
        if self.own.lists < LEAST:
            return f"Too few lists to compare: {self.own.by} has {self.own.lists}, needs {LEAST}."
        if self.popularity.lists < LEAST and self.together.lists < LEAST:
            return (
                f"There is nothing to compare with: {self.popularity.lists} lists of popularity "
                f"and {self.together.lists} of other versions were shown {since}, needs {LEAST}."
            )
        return ""

    def remarks(self) -> list[str]:
        """Return what is to be looked at, in sentences."""
        return [
            f"Its lists lead to an item in {self.own.words()}, those of {other.by} in "
            f"{other.words()}."
            for other in (self.popularity, self.together)
            if self.own.beside(other) == "worse"
        ]


def clicks_of(version: ModelVersion, *, now: datetime) -> Clicks:
    """Return what lists of a version led to, and others in the same time.

    Of each the newest lists alone are looked at, so that none crowds the others out: two queries,
    and another for 500 visitors, however many versions served.
    """
    since = now - SPAN
    others = [
        str(each)
        for each in reversed(served(version.name, since=since, until=now))
        if each.pk != version.pk
    ]
    looked_at = {str(version), POPULARITY, *others}
    found = {one.model: one for one in click_through_of_each(looked_at, since=since, until=now)}
    return Clicks(
        since=since,
        own=_clicked(str(version), found),
        popularity=_clicked(POPULARITY, found),
        others=[_clicked(by, found) for by in others if by in found],
    )


def _clicked(by: str, found: Mapping[str, ClickThrough]) -> Clicked:
    one = found.get(by)
    return Clicked(by=by, lists=one.lists if one else 0, clicked=one.clicked if one else 0)
