"""What a version was made of, against what the log says now."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.events.goals import Goal
from personalization.events.models import Event
from personalization.ml.models import FeedbackWeight, ModelVersion
from personalization.ml.training import audit
from personalization.ml.training.audit import recounted
from personalization.ml.training.log import interactions
from personalization.profiles.models import Profile, Snapshot, Visit
from tests.ml.training.conftest import MINUTE
from tests.ml.training.visitors import Does, MakeProfile, after

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(visitor: MakeProfile, does: Does) -> list[Profile]:
    """Two visitors who did three things with items before the window ended, and one later."""
    one, other = visitor(), visitor()
    does(one, "Product Viewed", 0, product_id="sock")
    does(one, "Order Completed", 1, products=[{"sku": "sock"}, {"sku": "shoe"}])
    does(other, "Product Viewed", 70, product_id="sock")
    Event.objects.update(received_at=after(1))
    return [one, other]


@pytest.fixture
def version(people: list[Profile]) -> ModelVersion:
    since, until = after(-60), after(60)
    return ModelVersion.objects.create(
        name="recommend", number=1, algorithm="stack", window_from=since, window_until=until,
        rows=len(interactions(since=since, until=until)),
    )  # fmt: skip


def test_where_nothing_changed_the_log_has_the_same_rows(version: ModelVersion) -> None:
    found = recounted(version)
    assert found is not None
    assert (found.kept, found.counted, found.difference, found.late) == (3, 3, 0, 0)
    assert found.words() == "The log has the same 3 rows."


def test_who_takes_consent_back_is_missed(version: ModelVersion, people: list[Profile]) -> None:
    Snapshot.objects.filter(pk=people[0].pk).update(consents={})
    found = recounted(version)
    assert found is not None
    assert (found.counted, found.difference) == (0, -3)
    assert "made of 3 rows, and the log has 0 now: visitors were erased" in found.words()


def test_what_came_late_is_told(version: ModelVersion, people: list[Profile], does: Does) -> None:
    does(people[0], "Product Viewed", 30, product_id="hat")
    Event.objects.filter(properties__product_id="hat").update(received_at=after(90))
    found = recounted(version)
    assert found is not None
    assert (found.difference, found.late) == (1, 1)
    assert found.words().endswith(" 1 event of the window arrived after its end.")


def test_other_weights_make_other_rows(version: ModelVersion) -> None:
    FeedbackWeight.objects.create(event="Order Completed", weight=0)
    found = recounted(version)
    assert found is not None
    assert found.difference == -2


@pytest.mark.parametrize(
    "other",
    [{"name": "own"}, {"name": "propensity.gone"}, {"window_from": None}, {"window_until": None}],
)
def test_of_other_versions_there_is_nothing_to_count(
    version: ModelVersion, other: dict[str, Any]
) -> None:
    for name, value in other.items():
        setattr(version, name, value)
    assert recounted(version) is None


# -- rows that are no events -------------------------------------------------------------------


def trained(name: str, rows: int, *, days: float = 60) -> ModelVersion:
    """Return a version that learned from the days before the noon of `after`."""
    return ModelVersion.objects.create(
        name=name, number=1, window_from=after(-days * 1440), window_until=after(0), rows=rows
    )


def visit(profile: Profile, does: Does, *, days: float) -> None:
    """Have somebody look at a page so many days before noon, for ten minutes."""
    for minutes in (0, 10):
        does(profile, "Page Viewed", minutes - days * 1440, page="/")
    start = after(-days * 1440)
    Visit.objects.create(profile=profile, started_at=start, ended_at=start + 10 * MINUTE, events=2)
    Event.objects.update(received_at=after(-1))


@pytest.fixture
def visited(visitor: MakeProfile, does: Does) -> list[Profile]:
    """Ten visitors, who were there 40 and 20 days before."""
    found = [visitor() for _ in range(10)]
    for each in found:
        visit(each, does, days=40)
        visit(each, does, days=20)
    return found


#: What each of them is a row of, and how many such rows there are of one visitor.
KINDS = (("propensity.order", 2), ("churn", 1), ("cluster.personas", 1), ("sequences.order", 1))


@pytest.mark.parametrize(("name", "each"), KINDS)
class TestOfPeople:
    @pytest.fixture(autouse=True)
    def goal(self) -> None:
        Goal.objects.create(slug="order", name="An order", event="Order Completed")

    def test_where_nothing_changed_there_are_the_same_rows(
        self, visited: list[Profile], name: str, each: int
    ) -> None:
        found = recounted(trained(name, 10 * each))
        assert found is not None
        assert (found.difference, found.late) == (0, 0)
        assert found.words() == f"The log has the same {10 * each} rows."

    def test_who_takes_consent_back_is_missed(
        self, visited: list[Profile], name: str, each: int
    ) -> None:
        Snapshot.objects.filter(pk__in=[one.pk for one in visited[:4]]).update(consents={})
        found = recounted(trained(name, 10 * each))
        assert found is not None
        assert found.difference == -4 * each
        assert "visitors were erased or take their consent back, or events" in found.words()
        assert "feedback" not in found.words()

    def test_who_agrees_meanwhile_and_what_came_late_is_told(
        self, visited: list[Profile], visitor: MakeProfile, does: Does, name: str, each: int
    ) -> None:
        late = visitor()
        visit(late, does, days=40)
        visit(late, does, days=20)
        mine = Event.objects.filter(identity__profile=late)
        mine.update(received_at=after(60))
        found = recounted(trained(name, 10 * each))
        assert found is not None
        assert (found.difference, found.late) == (each, 4)
        assert "agree who did not, or events came late. 4 events of the window" in found.words()

    def test_what_was_done_before_or_after_the_window_is_no_row(
        self, visited: list[Profile], visitor: MakeProfile, does: Does, name: str, each: int
    ) -> None:
        other = visitor()
        visit(other, does, days=90)
        visit(other, does, days=-2)
        # Who comes back after the window was in it all the same.
        visit(visited[0], does, days=-2)
        found = recounted(trained(name, 10 * each))
        assert found is not None
        assert found.difference == 0

    def test_rows_that_were_drawn_are_compared_with_as_many(
        self, visited: list[Profile], monkeypatch: pytest.MonkeyPatch, name: str, each: int
    ) -> None:
        for module in ("outcomes", "clustering", "sequencing"):
            monkeypatch.setattr(f"personalization.ml.training.{module}.MOST", 6)
        found = recounted(trained(name, 6))
        assert found is not None
        assert found.difference == 0
        assert found.words() == (
            f"The version was made of 6 rows, drawn of all: the log has {10 * each}."
        )
        Snapshot.objects.filter(pk__in=[one.pk for one in visited[:8]]).update(consents={})
        fewer = recounted(ModelVersion.objects.get(name=name))
        assert fewer is not None
        assert fewer.difference == 2 * each - 6

    def test_without_the_extra_nothing_is_counted(
        self, monkeypatch: pytest.MonkeyPatch, name: str, each: int
    ) -> None:
        def missing(_path: str) -> None:
            raise ImportError("numpy")

        monkeypatch.setattr(audit, "import_string", missing)
        assert recounted(trained(name, each)) is None


def test_what_is_not_known_yet_is_no_row_of_a_goal(visitor: MakeProfile, does: Does) -> None:
    Goal.objects.create(slug="order", name="An order", event="Order Completed")
    one = visitor()
    for days in (20, 6):
        visit(one, does, days=days)
    found = recounted(trained("propensity.order", 1))
    assert found is not None
    assert found.difference == 0


def test_counting_people_asks_for_no_features(
    visited: list[Profile], django_assert_max_num_queries: Any
) -> None:
    Goal.objects.create(slug="order", name="An order", event="Order Completed")
    version = trained("propensity.order", 20)
    # The goal, the visits, who agrees, and what came late.
    with django_assert_max_num_queries(4):
        recounted(version)
