"""Published reports, as the site's own systems read them."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.reports.budget import budget_at
from personalization.reports.models import BudgetEntry, Report
from tests.api.conftest import Api
from tests.reports.conftest import NOW

pytestmark = pytest.mark.django_db

COUNTS = [
    {"name": "Guests", "count": 1204, "error": 30},
    {"name": "VIPs", "count": None, "error": 30},
]


def published(title: str = "Sizes in May") -> Report:
    report = Report.objects.create(
        kind=Report.Kind.SEGMENTS,
        title=title,
        definition={"segments": ["guests", "vips"], "scale": 10.0, "delta": 2e-06},
        epsilon=0.2,
        threshold=20,
        rows=COUNTS,
        published_at=NOW,
    )
    BudgetEntry.objects.create(report=report, epsilon=0.2, at=NOW)
    return report


def test_a_report_tells_what_was_published(api: Api) -> None:
    report = published()
    assert api.get(f"reports/{report.uid}") == {
        "uid": str(report.uid),
        "kind": "segments",
        "title": "Sizes in May",
        "definition": {"segments": ["guests", "vips"], "scale": 10.0, "delta": 2e-06},
        "epsilon": 0.2,
        "threshold": 20,
        "publishedAt": NOW.isoformat(),
        "counts": COUNTS,
    }


def test_reading_spends_nothing(api: Api) -> None:
    report = published()
    before = budget_at(NOW + timedelta(hours=1))
    for _ in range(3):
        api.get(f"reports/{report.uid}")
        api.get("reports")
    assert budget_at(NOW + timedelta(hours=1)) == before


def test_they_are_listed_the_oldest_first(api: Api) -> None:
    published("one")
    published("two")
    told = api.get("reports")
    assert [report["title"] for report in told["reports"]] == ["one", "two"]
    assert told["next"] is None


def test_a_page_leads_to_the_next_one(api: Api) -> None:
    for number in range(3):
        published(f"report {number}")
    first = api.get("reports", limit=2)
    second = api.get("reports", limit=2, cursor=first["next"])
    assert [report["title"] for report in second["reports"]] == ["report 2"]
    assert second["next"] is None


def test_a_list_is_read_with_one_query_beside_the_key(api: Api) -> None:
    published()
    with CaptureQueriesContext(connection) as one:
        api.get("reports")
    published("another")
    with CaptureQueriesContext(connection) as two:
        api.get("reports")
    assert len(two) <= len(one)


@pytest.mark.parametrize(
    "uid", [str(uuid.UUID(int=1)), "nonsense", "1", "x" * 500, "%00", "' OR 1"]
)
def test_what_is_no_report_is_not_there(uid: str, api: Api) -> None:
    assert api.get(f"reports/{uid}", status=404)["code"] == "unknown_report"


def test_by_its_number_in_the_database_nobody_finds_one(api: Api) -> None:
    report = published()
    api.get(f"reports/{report.pk}", status=404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_changes_what_was_published(method: str, api: Api) -> None:
    report = published()
    api.send(method, f"reports/{report.uid}", b"{}", status=405)
    api.send(method, "reports", b"{}", status=405)
