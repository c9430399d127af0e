"""The privacy budget: what is left, what comes back, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.reports.budget import BudgetRefused, afford, budget_at
from personalization.reports.models import BudgetEntry, Report
from tests.reports.conftest import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _a_budget_of_one(settings: Any) -> None:
    settings.PERSONALIZATION_REPORT_BUDGET = 1.0
    settings.PERSONALIZATION_REPORT_PERIOD = 30 * DAY


def spend(epsilon: float, *, at: datetime = NOW) -> None:
    report = Report.objects.create(
        kind=Report.Kind.SEGMENTS, title="r", epsilon=epsilon, threshold=20, published_at=at
    )
    BudgetEntry.objects.create(report=report, epsilon=epsilon, at=at)


def test_at_first_all_of_it_is_left() -> None:
    budget = budget_at(NOW)
    assert (budget.limit, budget.spent, budget.left, budget.next_at) == (1.0, 0, 1.0, None)
    assert not budget.is_exhausted


def test_what_reports_spend_adds_up() -> None:
    spend(0.3)
    spend(0.2)
    assert budget_at(NOW).left == pytest.approx(0.5)


def test_what_is_older_than_a_period_has_come_back() -> None:
    spend(0.3, at=NOW - 30 * DAY)
    spend(0.2, at=NOW - 29 * DAY)
    budget = budget_at(NOW)
    assert budget.left == pytest.approx(0.8)
    assert budget.next_at == NOW + DAY


def test_ten_tenths_are_all_of_it_whatever_floats_say() -> None:
    for _ in range(9):
        spend(0.1)
    afford(0.1, now=NOW)
    spend(0.1)
    assert budget_at(NOW).left == 0
    assert budget_at(NOW).is_exhausted


def test_more_than_is_left_is_refused_with_both_amounts() -> None:
    spend(0.7)
    with pytest.raises(BudgetRefused, match=r"0\.4, and of 1 for this period 0\.3 is left"):
        afford(0.4, now=NOW)
    afford(0.3, now=NOW)


@pytest.mark.parametrize("epsilon", [0, -1, 0.001, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_amount_is_refused(epsilon: float) -> None:
    with pytest.raises(BudgetRefused, match=str(epsilon)):
        afford(epsilon, now=NOW)


def test_a_budget_that_was_lowered_leaves_nothing_and_not_less(settings: Any) -> None:
    spend(0.8)
    settings.PERSONALIZATION_REPORT_BUDGET = 0.5
    assert budget_at(NOW).left == 0
    with pytest.raises(BudgetRefused):
        afford(0.01, now=NOW)


def test_it_is_read_with_one_query() -> None:
    spend(0.1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        budget_at(NOW)
    assert len(queries) == 1
