"""Reports in the admin: publish within the budget, and look at what was published."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.admin import reports as page
from personalization.reports import publish as publishing
from personalization.reports.budget import BudgetRefused
from personalization.reports.models import BudgetEntry, Report
from personalization.segments.models import Segment
from tests.reports.conftest import PLENTY, make_crowd, make_people

__all__ = ["make_crowd", "make_people"]

pytestmark = pytest.mark.django_db
pytest.importorskip("opendp")

LIST = "admin:personalization_report_changelist"
PUBLISH = "admin:personalization_report_publish"


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.PERSONALIZATION_REPORT_THRESHOLD = 5
    settings.PERSONALIZATION_REPORT_BUDGET = 100.0


@pytest.fixture
def crowd(make_crowd: Callable[..., Segment]) -> Segment:
    return make_crowd("crowd", 12)


def sizes(*slugs: str, **others: Any) -> dict[str, Any]:
    return {"title": "Sizes", "kind": "segments", "segments": slugs, "epsilon": PLENTY, **others}


def steps(*names: str, **others: Any) -> dict[str, Any]:
    return {
        "title": "Orders", "kind": "funnel", "steps": "\n".join(names), "days": 30, "hours": 24,
        "epsilon": PLENTY, **others,
    }  # fmt: skip


def posted(client: Client, data: dict[str, Any], *, status: int = 200) -> str:
    response = client.post(reverse(PUBLISH), data)
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


def shown(client: Client, name: str = LIST, *args: Any) -> str:
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return response.content.decode()


def report(**fields: Any) -> Report:
    given = {
        "kind": "segments", "title": "Sizes", "epsilon": 0.2, "threshold": 5,
        "definition": {"delta": 2e-6},
        "rows": [
            {"name": "Guests", "count": 1204, "error": 30}, {"name": "VIPs", "count": None, "error": 30},
        ],
    }  # fmt: skip
    found = Report.objects.create(**{**given, **fields})
    BudgetEntry.objects.create(report=found, epsilon=found.epsilon)
    return found


# -- publishing ------------------------------------------------------------------------------


def test_sizes_of_segments_are_published(owner: Client, crowd: Segment) -> None:
    posted(owner, sizes("crowd"), status=302)
    found = Report.objects.get()
    assert (found.title, found.kind) == ("Sizes", "segments")
    assert [row["count"] for row in found.rows] == [12]
    assert found.published_by is not None


def test_steps_of_a_funnel_are_published(
    owner: Client, make_people: Callable[..., Any], make_event: Callable[..., Any]
) -> None:
    for person in make_people(7):
        make_event(person, "Product Viewed", at=timezone.now() - timedelta(hours=2))
        make_event(person, "Order Completed", at=timezone.now() - timedelta(hours=1))
    posted(owner, steps("Product Viewed", "", " Order Completed "), status=302)
    found = Report.objects.get()
    assert found.definition["steps"] == ["Product Viewed", "Order Completed"]
    assert [row["count"] for row in found.rows] == [7, 7]


def test_whoever_published_is_led_to_the_report(owner: Client, crowd: Segment) -> None:
    response = owner.post(reverse(PUBLISH), sizes("crowd"), follow=True)
    assert "“Sizes” was published." in response.content.decode()
    assert "too few to be shown" not in response.content.decode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (sizes(), "There are 0 counts"),
        (sizes("nothing"), "nothing is not one of the available choices"),
        (sizes("crowd", title=""), "This field is required"),
        (sizes("crowd", kind="nothing"), "nothing is not one of the available choices"),
        (sizes("crowd", epsilon=""), "This field is required"),
        (sizes("crowd", epsilon=0), "greater than or equal to 0.01"),
        (sizes("crowd", epsilon=-1), "greater than or equal to 0.01"),
        (sizes("crowd", epsilon="nan"), "Enter a number"),
        (sizes("crowd", epsilon=101), "101 is more than the 100 that is left"),
        (steps(), "There are 0 counts"),
        (steps("Product Viewed"), "There are 1 counts"),
        (steps("Product Viewed", "x" * 201), "is longer than the name of an event"),
        (steps("A", "B", days=0), "greater than or equal to 1"),
        (steps("A", "B", days=10**9), "less than or equal to 750"),
        (steps("A", "B", hours=-1), "greater than or equal to 1"),
        (steps(*["A"] * 21), "There are 21 counts"),
    ],
)
def test_what_cannot_be_published_is_refused_with_the_reason(
    data: dict[str, Any], words: str, owner: Client, crowd: Segment
) -> None:
    text = posted(owner, data)
    assert words in text, text
    assert not Report.objects.exists()
    assert not BudgetEntry.objects.exists()


def test_a_segment_that_was_switched_off_meanwhile_is_refused(
    owner: Client, crowd: Segment
) -> None:
    Segment.objects.update(active=False)
    assert "crowd is not one of the available choices" in posted(owner, sizes("crowd"))


def test_who_was_slower_than_somebody_else_is_told_what_is_left(
    owner: Client, crowd: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_args: Any, **_others: Any) -> Any:
        raise BudgetRefused("Somebody was faster.")

    monkeypatch.setattr(page, "publish", gone)
    assert "Somebody was faster." in posted(owner, sizes("crowd"))


def test_counting_that_takes_too_long_spends_nothing(
    owner: Client, crowd: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def slow(*_args: Any, **_others: Any) -> Any:
        raise OperationalError("interrupted")

    monkeypatch.setattr(publishing, "count", slow)
    assert "Counting took too long" in posted(owner, sizes("crowd"))
    assert not BudgetEntry.objects.exists()


def test_without_opendp_it_says_what_to_install(
    owner: Client, crowd: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opendp", None)
    text = shown(owner, PUBLISH)
    assert "personalization[reports]" in text
    assert 'name="title"' not in text
    assert "personalization[reports]" in posted(owner, sizes("crowd"))
    assert not Report.objects.exists()


def test_looking_at_the_form_spends_nothing(owner: Client) -> None:
    shown(owner, PUBLISH)
    assert not BudgetEntry.objects.exists()


def test_a_spent_budget_shows_no_form(owner: Client, settings: Any) -> None:
    settings.PERSONALIZATION_REPORT_BUDGET = 0.2
    report(epsilon=0.2)
    text = shown(owner, PUBLISH)
    assert "The budget is spent" in text
    assert 'name="title"' not in text


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_no_other_method_publishes(method: str, owner: Client) -> None:
    assert getattr(owner, method)(reverse(PUBLISH)).status_code == 405


def test_it_takes_a_token_against_forgery(owner: Client, crowd: Segment) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert strict.post(reverse(PUBLISH), sizes("crowd")).status_code == 403


# -- looking ---------------------------------------------------------------------------------


def test_a_report_shows_counts_with_their_errors(owner: Client) -> None:
    text = shown(owner, "admin:personalization_report_change", report().pk)
    assert "<strong>1,204</strong>" in text
    assert "1,174 and 1,234" in text
    assert "too few to be shown" in text


def test_a_count_is_never_said_to_be_below_nobody(owner: Client) -> None:
    found = report(rows=[{"name": "Guests", "count": 21, "error": 30}])
    assert "0 and 51" in shown(owner, "admin:personalization_report_change", found.pk)


def test_a_funnel_numbers_its_steps(owner: Client) -> None:
    rows = [{"name": "Product Viewed", "count": 90, "error": 3}]
    found = report(
        kind="funnel", rows=rows, definition={"since": "2026-05-01", "until": "2026-05-20"}
    )
    assert "1. Product Viewed" in shown(owner, "admin:personalization_report_change", found.pk)


def test_the_list_says_what_is_left(owner: Client, settings: Any) -> None:
    settings.PERSONALIZATION_REPORT_BUDGET = 1.0
    report(epsilon=0.25)
    text = shown(owner)
    assert "0.75 of 1 left" in text
    assert "Sizes" in text
    assert "30 days" in text


def test_names_are_escaped(owner: Client) -> None:
    bad = "<script>alert(1)</script>"
    found = report(title=bad, rows=[{"name": bad, "count": 90, "error": 3}])
    for text in (shown(owner), shown(owner, "admin:personalization_report_change", found.pk)):
        assert bad not in text
        assert "&lt;script&gt;" in text


def test_nothing_published_is_changed_or_deleted(owner: Client) -> None:
    found = report()
    for action in ("add", "delete"):
        args = () if action == "add" else (found.pk,)
        address = reverse(f"admin:personalization_report_{action}", args=args)
        assert owner.post(address, {"post": "yes"}).status_code == 403
    address = reverse("admin:personalization_report_change", args=(found.pk,))
    assert owner.post(address, {"title": "Others"}).status_code == 403
    found.refresh_from_db()
    assert found.title == "Sizes"


# -- who may ---------------------------------------------------------------------------------


def test_who_may_look_may_not_publish(sign_in: Callable[..., Client], crowd: Segment) -> None:
    reader = sign_in("view_report")
    assert reverse(PUBLISH) not in shown(reader)
    assert reader.get(reverse(PUBLISH)).status_code == 403
    posted(reader, sizes("crowd"), status=403)
    assert not Report.objects.exists()


def test_who_may_publish_only_is_led_home(sign_in: Callable[..., Client], crowd: Segment) -> None:
    response = sign_in("publish_report").post(reverse(PUBLISH), sizes("crowd"))
    assert response["Location"] == reverse("admin:index")
    assert Report.objects.exists()


def test_nobody_else_sees_reports(sign_in: Callable[..., Client]) -> None:
    stranger = sign_in("view_segment")
    assert stranger.get(reverse(LIST)).status_code == 403
    args = (report().pk,)
    page = reverse("admin:personalization_report_change", args=args)
    assert stranger.get(page).status_code == 403


def test_who_is_not_signed_in_is_asked_to(client: Client) -> None:
    for name in (LIST, PUBLISH):
        assert "/login/" in client.get(reverse(name))["Location"]
