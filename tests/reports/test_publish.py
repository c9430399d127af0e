"""What is published: nothing of too few, nothing beyond the budget, and the same to all."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connection
from hypothesis import given
from hypothesis import strategies as st

from personalization.privacy.models import AuditEntry
from personalization.reports import publish as publishing
from personalization.reports.budget import BudgetRefused, budget_at
from personalization.reports.counting import Counted
from personalization.reports.definitions import DefinitionRejected, Funnel, SegmentSizes
from personalization.reports.models import BudgetEntry, Report
from personalization.reports.noise import Noisy, NoNoise, reach
from personalization.reports.publish import RISK, least_shown, publish, rows_of
from personalization.segments.models import Segment
from tests.reports.conftest import NOW, PLENTY

pytest.importorskip("opendp")

CROWD = SegmentSizes(slugs=("crowd",))


@pytest.fixture(autouse=True)
def _a_small_threshold(settings: Any) -> None:
    settings.PERSONALIZATION_REPORT_THRESHOLD = 5
    settings.PERSONALIZATION_REPORT_BUDGET = 100.0


def published(definition: Any = CROWD, *, epsilon: float = PLENTY, by: Any = None) -> Report:
    return publish(definition, title="Sizes", epsilon=epsilon, by=by, now=NOW)


def counts(report: Report) -> list[Any]:
    return [row["count"] for row in report.rows]


# -- what is shown ---------------------------------------------------------------------------


@pytest.mark.django_db
class TestShown:
    def test_a_count_comes_with_its_name_and_error(
        self, make_crowd: Callable[..., Segment]
    ) -> None:
        make_crowd("crowd", 12)
        report = published()
        assert report.rows == [
            {"name": "Crowd", "count": 12, "error": reach(1 / PLENTY, risk=0.05)}
        ]
        assert (report.kind, report.title, report.threshold) == ("segments", "Sizes", 5)

    def test_fewer_than_the_threshold_are_not_shown(
        self, make_crowd: Callable[..., Segment]
    ) -> None:
        make_crowd("crowd", 4)
        assert counts(published()) == [None]

    def test_not_even_that_there_is_nobody(self, make_crowd: Callable[..., Segment]) -> None:
        make_crowd("crowd", 0)
        assert counts(published()) == [None]

    def test_too_few_in_one_leave_the_others_to_be_seen(
        self, make_crowd: Callable[..., Segment]
    ) -> None:
        make_crowd("crowd", 12)
        make_crowd("few", 2)
        assert counts(published(SegmentSizes(slugs=("few", "crowd")))) == [None, 12]

    def test_the_threshold_is_that_of_the_site(
        self, make_crowd: Callable[..., Segment], settings: Any
    ) -> None:
        make_crowd("crowd", 12)
        settings.PERSONALIZATION_REPORT_THRESHOLD = 13
        assert counts(published()) == [None]

    def test_a_funnel_is_published_step_by_step(
        self, make_people: Callable[..., Any], make_event: Callable[..., Any]
    ) -> None:
        for number, person in enumerate(make_people(9)):
            make_event(person, "Product Viewed", at=NOW - timedelta(minutes=9))
            if number < 3:
                make_event(person, "Order Completed", at=NOW - timedelta(minutes=5))
        funnel = Funnel(
            steps=("Product Viewed", "Order Completed"),
            window=timedelta(hours=1),
            since=NOW - timedelta(days=1),
            until=NOW,
        )
        report = published(funnel)
        assert counts(report) == [9, None]
        assert report.definition["steps"] == ["Product Viewed", "Order Completed"]

    def test_it_says_how_much_noise_there_is(self, make_crowd: Callable[..., Segment]) -> None:
        make_crowd("crowd", 12)
        make_crowd("other", 12)
        report = published(SegmentSizes(slugs=("crowd", "other")), epsilon=0.5)
        assert report.definition["scale"] == pytest.approx(4)
        assert report.definition["delta"] == pytest.approx(2 * RISK)
        assert report.epsilon == pytest.approx(0.5)

    def test_the_true_count_is_kept_nowhere(self, make_crowd: Callable[..., Segment]) -> None:
        make_crowd("crowd", 4)
        report = published()
        assert report.rows[0].keys() == {"name", "count", "error"}
        assert report.rows[0]["count"] is None
        assert set(report.definition) == {"segments", "scale", "delta"}


def shown(n: int, drawn: int, *, threshold: int = 20, scale: float = 2.0) -> Any:
    noisy = Noisy(counts=(drawn,), scale=scale, epsilon=0.5)
    [row] = rows_of([Counted(name="a", n=n)], noisy, threshold=threshold)
    return row["count"]


def test_a_lucky_draw_does_not_show_too_few() -> None:
    assert shown(19, 10_000) is None


def test_an_unlucky_draw_hides_enough() -> None:
    assert shown(1000, 20) is None


def test_a_count_is_shown_from_where_noise_alone_does_not_get() -> None:
    least = least_shown(2.0, threshold=20)
    assert shown(1000, least) == least
    assert shown(1000, least - 1) is None
    assert least == 20 + reach(2.0, risk=2 * RISK)


@given(
    st.integers(0, 200),
    st.integers(-500, 500),
    st.integers(1, 100),
    st.floats(0.1, 50, allow_nan=False),
)
def test_below_the_threshold_nothing_is_ever_shown(
    n: int, drawn: int, threshold: int, scale: float
) -> None:
    count = shown(n, drawn, threshold=threshold, scale=scale)
    if n < threshold:
        assert count is None
    if count is not None:
        assert count == drawn
        assert count >= threshold


# -- what it costs ---------------------------------------------------------------------------


@pytest.mark.django_db
class TestCost:
    @pytest.fixture(autouse=True)
    def _crowd(self, make_crowd: Callable[..., Segment], settings: Any) -> None:
        make_crowd("crowd", 12)
        settings.PERSONALIZATION_REPORT_BUDGET = 1.0

    def test_a_report_spends_what_it_says(self) -> None:
        report = published(epsilon=0.4)
        assert report.spending.epsilon == report.epsilon
        assert budget_at(NOW).left == pytest.approx(0.6)

    def test_looking_at_it_again_spends_nothing_and_shows_the_same(self) -> None:
        report = published(epsilon=0.4)
        again = [Report.objects.get(uid=report.uid).rows for _ in range(5)]
        assert again == [report.rows] * 5
        assert BudgetEntry.objects.count() == 1

    def test_all_of_it_can_be_spent_and_not_more(self) -> None:
        published(epsilon=0.4)
        published(epsilon=0.6)
        with pytest.raises(BudgetRefused, match="0 is left"):
            published(epsilon=0.01)
        assert Report.objects.count() == 2

    def test_what_is_refused_is_not_even_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def never(*_args: Any, **_others: Any) -> Any:
            raise AssertionError("it was counted")

        monkeypatch.setattr(publishing, "count", never)
        with pytest.raises(BudgetRefused):
            published(epsilon=1.1)

    def test_what_cannot_be_counted_spends_nothing(self) -> None:
        with pytest.raises(DefinitionRejected):
            published(SegmentSizes(slugs=("nothing",)), epsilon=0.4)
        assert budget_at(NOW).left == 1

    def test_without_opendp_nothing_is_spent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "opendp", None)
        with pytest.raises(NoNoise):
            published(epsilon=0.4)
        assert not Report.objects.exists()

    def test_noise_that_fails_spends_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_args: Any, **_others: Any) -> Any:
            raise OverflowError

        monkeypatch.setattr(publishing, "add_noise", fails)
        with pytest.raises(OverflowError):
            published(epsilon=0.4)
        assert budget_at(NOW).left == 1

    def test_who_published_is_in_the_audit_log(self) -> None:
        owner = User.objects.create_user("owner")
        report = published(epsilon=0.4, by=owner)
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor, entry.kind) == ("published", owner, "report")
        assert entry.number == str(report.pk)
        assert report.published_by == owner


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_that_would_spend_the_same_rest_one_may(
    make_crowd: Callable[..., Segment], settings: Any
) -> None:
    settings.PERSONALIZATION_REPORT_BUDGET = 1.0
    make_crowd("crowd", 12)
    started, outcomes = threading.Barrier(4), []

    def spend() -> None:
        started.wait(timeout=30)
        try:
            published(epsilon=0.6)
            outcomes.append("published")
        except BudgetRefused:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    close_old_connections()
    assert sorted(outcomes) == ["published", "refused", "refused", "refused"]
    assert budget_at(NOW).left == pytest.approx(0.4)
