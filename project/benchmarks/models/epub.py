"""Documents of a publication site: each one of a visit, asked for by all others of it.

Protocol I: visits before 2008 are learned from; of each visit of 2008 with two documents or
more, every one is asked for once. “Monthly” learns anew at the start of each month. The
catalogue has all documents from the first day, also those that nobody had seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from personalization.ml.base import Options
from personalization.ml.history import History, Step
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.stack import Stack
from personalization.ml.threads import one_thread
from personalization.types import Microseconds
from project.benchmarks.models.epub_log import KIND, Log, instant, read_log
from project.benchmarks.models.next_item import Asked, Measured, measured
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

_YEAR = 2008


@protocols.register("epub")
def measure(effort: Effort) -> Iterator[Row]:
    log = read_log()
    with one_thread():
        yield from _static(log)
        yield from _monthly(log)


def _static(log: Log) -> Iterator[Row]:
    ours, popular = _asked_of_both(log, instant(year=_YEAR), instant(year=_YEAR + 1))
    yield Row(
        name="epub_hr20",
        value=100 * ours.hit20,
        unit="% HR@20",
        reference=54.2,
        goal=54,
        popularity=100 * popular.hit20,
        note=f"stack as shipped; {ours.said}",
    )
    yield Row(
        name="epub_mrr20",
        value=100 * ours.mrr20,
        unit="% MRR@20",
        reference=24.1,
        goal=24,
        popularity=100 * popular.mrr20,
    )
    yield Row(
        name="epub_cold_hr20",
        value=100 * ours.cold_hit20,
        unit="% HR@20",
        reference=26.4,
        goal=30,
        popularity=100 * popular.cold_hit20,
        note=f"of {ours.n_cold} documents that nobody had seen",
    )


def _monthly(log: Log) -> Iterator[Row]:
    begins = [instant(year=_YEAR, month=month) for month in range(1, 13)]
    ends = [*begins[1:], instant(year=_YEAR + 1)]
    months = [_asked_of_both(log, *span) for span in zip(begins, ends, strict=True)]
    ours, popular = zip(*months, strict=True)
    for name, of, unit, reference, goal in (
        ("epub_monthly_hr20", "hit20", "% HR@20", 57.4, 57),
        ("epub_monthly_mrr20", "mrr20", "% MRR@20", 25.4, 25),
    ):
        yield Row(
            name=name,
            value=100 * _mean(ours, of),
            unit=unit,
            reference=reference,
            goal=goal,
            popularity=100 * _mean(popular, of),
            note="learned anew at the start of each month",
        )


def _asked_of_both(log: Log, begin: Microseconds, end: Microseconds) -> tuple[Measured, Measured]:
    """Learn from what was before `begin`, and ask the stack and popularity of what was then."""
    learned = log.interactions.before(begin)
    dataset = Dataset(interactions=learned, until=begin, catalogue=log.catalogue)
    asked = list(_questions(log.interactions.since(begin).before(end), learned=learned))
    return (
        measured(Stack().fit(dataset, Options()), asked, known_left_out=True),
        measured(Popularity().fit(dataset, Options()), asked, known_left_out=True),
    )


def _questions(rows: Interactions, *, learned: Interactions) -> Iterator[Asked]:
    """Yield for each document of a visit the others of it, in their order."""
    seen = {learned.items[item] for item in set(learned.item.tolist())}
    visits: dict[int, dict[str, int]] = {}
    for visit, item, at in zip(
        rows.visit.tolist(), rows.item.tolist(), rows.at.tolist(), strict=True
    ):
        visits.setdefault(visit, {}).setdefault(rows.items[item], at)
    for documents in visits.values():
        for target in documents if len(documents) > 1 else ():
            steps = tuple(
                Step(item=item, at=at, kind=KIND)
                for item, at in documents.items()
                if item != target
            )
            now = max(documents.values())
            yield Asked(
                history=History(steps=steps, now=now), target=target, cold=target not in seen
            )


def _mean(several: tuple[Measured, ...], name: str) -> float:
    """Return the mean of all questions of several months."""
    total = sum(each.n for each in several)
    return float(sum(getattr(each, name) * each.n for each in several) / total)
