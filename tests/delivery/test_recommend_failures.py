"""Lists while something is away, spoilt or odd: a page is never broken, and never a query dearer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.delivery import list_rules
from personalization.delivery.list_rules import stated_by
from personalization.delivery.preview import Preview
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.delivery.visitor import Visitor
from personalization.events.models import Event
from personalization.ml.models import Item, ModelArtefact, ModelVersion
from personalization.ml.serving import loaded, popular_now, shelf
from personalization.profiles.models import Snapshot
from personalization.shortcuts import recommend
from personalization.testing import exposures_at_once, memory_buffer
from tests.calm import CALM
from tests.delivery.people import Person, make_person, make_segments
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import counted, render, render_in, request_of
from tests.delivery.showing import BROWSER, written
from tests.ml.serving.stored import serve_what_follows, spoil

pytestmark = pytest.mark.django_db

LIST = (
    '{% recommend "home" limit=3 as items %}{% for one in items %}{{ one.item.key }} {% endfor %}'
)
OWN, POPULAR, UNKNOWN = "sock belt scarf ", "hat shoe sock ", "sock scarf belt "
LATER = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM):
        yield


@pytest.fixture
def person() -> Person:
    make_items("hat", "shoe", "sock", "scarf", "belt")
    make_crowd(["hat", "shoe", "sock", "scarf", "belt"])
    serve_what_follows({"shoe": ["sock", "belt"], "hat": ["scarf"]})
    person = make_person()
    look_at(person, "hat", "shoe")
    return person


def away(*args: object, **kwargs: object) -> Any:
    raise OperationalError("the database is away")


def forget() -> None:
    for served in (loaded, popular_now, shelf, list_rules):
        served.forget()


@contextmanager
def cost(n: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as captured:
        yield
    asked = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(asked) == n, asked


READS = [
    ("personalization.ml.serving.shelf.items_revision", "items"),
    ("personalization.ml.serving.popular_now.item_events", "popularity"),
    ("personalization.ml.serving.loaded._versions", "models"),
    ("personalization.delivery.list_rules.stated_by", "rules"),
]


class TestWhileTheDatabaseIsAway:
    @pytest.mark.parametrize("read", [where for where, _ in READS], ids=[name for _, name in READS])
    def test_what_a_process_has_in_memory_serves_on(
        self, person: Person, monkeypatch: pytest.MonkeyPatch, read: str
    ) -> None:
        RecommendationRule.objects.create(action="exclude", target="item", value="belt")
        ours = "sock scarf "
        assert render(LIST, person) == ours
        before = counted("slots.failed")
        monkeypatch.setattr(read, away)
        assert render(LIST, person, now=timezone.now() + LATER) == ours
        assert counted("slots.failed") == before

    @pytest.mark.parametrize("read", [where for where, _ in READS], ids=[name for _, name in READS])
    def test_a_process_that_has_just_begun_lists_nothing_and_finds_its_way_back(
        self, person: Person, monkeypatch: pytest.MonkeyPatch, read: str
    ) -> None:
        RecommendationRule.objects.create(action="exclude", target="item", value="nothing")
        forget()
        with monkeypatch.context() as patched:
            patched.setattr(read, away)
            assert render(f"before {LIST}after", person) == "before after"
        assert render(LIST, person) == OWN

    def test_the_history_is_left_out(self, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("personalization.delivery.visitor.history_of_profile", away)
        assert render(LIST, person) == POPULAR

    def test_the_rest_of_the_page_and_what_it_writes_stay(
        self, person: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> Any:
            with connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")

        monkeypatch.setattr("personalization.ml.serving.shelf.items_revision", broken)
        with transaction.atomic():
            make_segments("written-before")
            assert render(LIST, person) == ""
            make_segments("written-after")
        assert render(LIST) == ""

    def test_a_list_that_could_not_be_made_does_not_count_as_shown(
        self, person: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = request_of(person)
        request.META["HTTP_USER_AGENT"] = BROWSER
        monkeypatch.setattr("personalization.delivery.recommendations.recommended", away)
        with memory_buffer(), exposures_at_once():
            shown = recommend(request, "home")
            assert (len(shown), shown.model_version, shown.place) == (0, None, "home")
            assert written() == []


class TestArtefacts:
    def test_a_spoilt_one_leaves_it_to_what_is_popular(self, person: Person) -> None:
        spoil(ModelVersion.objects.get())
        shown = recommend(request_of(person), "home", limit=3)
        assert [one.item.key for one in shown] == UNKNOWN.split()
        assert shown.model_version is None

    def test_a_lost_one_too_and_the_next_version_serves(self, person: Person) -> None:
        ModelArtefact.objects.all().delete()
        assert render(LIST, person) == UNKNOWN
        serve_what_follows({"shoe": ["belt"]}, number=2)
        later = timezone.now() + LATER
        assert render(LIST, person, now=later).startswith("belt ")

    @pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"PK\x03\x04", b"{}"], ids=repr)
    def test_bytes_that_are_none_are_no_obstacle(self, person: Person, content: bytes) -> None:
        ModelArtefact.objects.update(content=content)
        assert render(LIST, person) == UNKNOWN

    def test_not_more_versions_are_tried_than_a_few(self, person: Person) -> None:
        for number in range(2, 2 + loaded.TRIES + 1):
            spoil(serve_what_follows({"shoe": ["belt"]}, number=number))
        before = counted("models.corrupt")
        assert render(LIST, person) == UNKNOWN, "the first one is too long ago"
        assert counted("models.corrupt") == before + loaded.TRIES + 1

    def test_a_model_of_items_that_are_all_gone_says_nothing(self, person: Person) -> None:
        serve_what_follows({"shoe": ["gone", "lost"]}, number=2)
        assert render(LIST, person) == UNKNOWN


class TestRulesThatNoFormLetsThrough:
    """Rows that were written by hand, or by a program."""

    @pytest.mark.parametrize("factor", [0.0, -3.0, 1e-300, 1e300])
    @pytest.mark.parametrize("action", ["boost", "bury"])
    def test_a_factor_that_is_none_counts_as_the_nearest_that_is_one(
        self, person: Person, action: str, factor: float
    ) -> None:
        RecommendationRule.objects.create(action=action, target="item", value="sock", factor=factor)
        before = counted("slots.failed")
        assert set(render(LIST, person).split()) == {"sock", "belt", "scarf"}
        assert counted("slots.failed") == before

    def test_a_factor_that_is_no_number_counts_as_one(self) -> None:
        row = RecommendationRule(action="boost", target="item", factor=float("nan"))
        assert stated_by(row).rule.factor == 1.0

    def test_a_position_before_the_first_is_the_first(self, person: Person) -> None:
        RecommendationRule.objects.create(action="pin", target="item", value="scarf", position=0)
        assert render(LIST, person) == "scarf sock belt "

    @pytest.mark.parametrize(
        "said", [{"action": "sell"}, {"target": "colour"}, {"value": ""}, {"value": "%s\\'"}]
    )
    def test_what_they_do_not_say_changes_nothing(
        self, person: Person, said: dict[str, str]
    ) -> None:
        RecommendationRule.objects.create(
            **{"action": "exclude", "target": "item", "value": "nothing", **said}
        )
        assert render(LIST, person) == OWN


class TestOddHistories:
    def test_events_that_name_no_item_of_ours_break_nothing(self, person: Person) -> None:
        other = make_person()
        look_at(other, "x")
        newest = Event.objects.latest("pk")
        before = counted("slots.failed")
        for properties in (
            [], "shoe", 5, {}, {"product_id": None}, {"product_id": ["shoe"]},
            {"product_id": {"a": 1}}, {"product_id": "x" * 5000}, {"product_id": ""},
            {"products": "shoe"}, {"products": [None, 5, {"product_id": True}]},
            {"product_id": 1e300}, {"product_id": "<script>"},
        ):  # fmt: skip
            Event.objects.filter(pk=newest.pk).update(properties=properties)
            assert render(LIST, other) == POPULAR, properties
        assert counted("slots.failed") == before

    def test_a_visitor_of_very_many_steps_costs_one_query_more(self, person: Person) -> None:
        render(LIST, person)
        look_at(person, *(f"old-{n}" for n in range(300)), minutes=60)
        with cost(3):  # what they bought before their last steps
            render(LIST, person)

    def test_a_profile_without_a_snapshot_gets_what_is_popular(self, person: Person) -> None:
        Snapshot.objects.filter(pk=person.profile.pk).delete()
        assert render(LIST, person) == POPULAR

    def test_who_knows_everything_gets_an_empty_list_and_no_failure(self, person: Person) -> None:
        before = counted("slots.failed")
        look_at(person, "hat", "shoe", "sock", "scarf", "belt")
        assert render(LIST, person) == ""
        assert counted("slots.failed") == before


class TestCosts:
    @pytest.mark.parametrize("n", [1, 50])
    def test_longer_lists_with_reasons_cost_no_query_more(self, person: Person, n: int) -> None:
        page = (
            f'{{% recommend "home" limit={n} as items %}}{{% for one in items %}}{{{{ one.item }}}}'
            "{{ one.reason }}{{ one.item.attributes.size }}{% endfor %}"
        )
        render(page, person)
        with cost(2):
            render(page, person)

    def test_many_rules_cost_no_query_more(self, person: Person) -> None:
        segment = make_segments("loyal")["loyal"]
        for n in range(50):
            RecommendationRule.objects.create(
                name=f"{n}", segment=segment, action="boost", target="item", value=f"sock-{n}"
            )
        forget()
        render(LIST, person)
        with cost(2):
            assert render(LIST, person) == OWN

    def test_everybody_else_costs_nothing_at_all(self, person: Person) -> None:
        render(LIST)
        with cost(0):
            assert render(LIST * 10) == POPULAR * 10
            assert render_in(LIST, None) == POPULAR

    def test_what_is_kept_is_looked_at_again_with_few_queries(self, person: Person) -> None:
        render(LIST, person)
        now = timezone.now() + timedelta(seconds=20)
        with cost(2 + 3):  # the visitor and their steps; and items, models, rules
            assert render(LIST, person, now=now) == OWN


class TestStaff:
    def test_whom_they_pretend_to_be_has_no_history_of_theirs(self, person: Person) -> None:
        request = request_of(person)
        visitor = request.personalization  # type: ignore[attr-defined]
        assert isinstance(visitor, Visitor)
        visitor.pretend(Preview(segments=frozenset()))
        assert render_in(LIST, request) == POPULAR

    def test_what_is_previewed_is_seen_by_nobody_else(self, person: Person) -> None:
        loyal = make_segments("loyal")["loyal"]
        RecommendationRule.objects.create(segment=loyal, action="pin", target="item", value="belt")
        forget()
        request = request_of(person)
        request.personalization.pretend(  # type: ignore[attr-defined]
            Preview(segments=frozenset({"loyal"}))
        )
        assert render_in(LIST, request).startswith("belt ")
        assert render(LIST, person) == OWN
        assert render(LIST) == POPULAR


class TestChance:
    @pytest.fixture(autouse=True)
    def _explore(self) -> Iterator[None]:
        exploring = {"*": {"explore": 0.5, "diversity": 0.0}}
        with override_settings(PERSONALIZATION_RECOMMENDATIONS=exploring):
            yield

    @pytest.fixture
    def drawn(self, person: Person) -> Callable[..., list[tuple[str, float]]]:
        more = [f"more-{n:02}" for n in range(50)]
        make_items(*more)
        serve_what_follows({"shoe": more}, number=2)
        forget()
        noon = timezone.now().replace(hour=12)

        def draw(
            whom: Person | None, *, place: str = "home", days: int = 0
        ) -> list[tuple[str, float]]:
            request = request_of(whom, now=noon + timedelta(days=days))
            shown = recommend(request, place, limit=25)  # two draws of so many are never the same
            return [(one.item.key, one.propensity) for one in shown]

        return draw

    def test_it_is_drawn_for_the_visitor_the_place_and_the_day(
        self, person: Person, drawn: Callable[..., list[tuple[str, float]]]
    ) -> None:
        ours = drawn(person)
        assert drawn(person) == ours
        assert min(propensity for _, propensity in ours) < 1
        assert drawn(person, place="cart") != ours
        assert drawn(person, days=1) != ours

    def test_for_everybody_nothing_is_left_to_chance(
        self, drawn: Callable[..., list[tuple[str, float]]]
    ) -> None:
        assert drawn(None) == drawn(None, place="cart") == drawn(None, days=1)
        assert {propensity for _, propensity in drawn(None)} == {1.0}

    def test_who_did_not_agree_is_no_ticket_in_a_lottery(
        self, person: Person, drawn: Callable[..., list[tuple[str, float]]]
    ) -> None:
        person.agree_to("analytics")
        assert drawn(person) == drawn(None)
        assert drawn(make_person(consents=())) == drawn(None)


def test_items_that_come_and_go_are_listed_and_gone_within_seconds(person: Person) -> None:
    assert render(LIST, person) == OWN
    Item.objects.filter(key="sock").update(is_active=False, updated_at=timezone.now())
    make_items("brand-new")
    shown = render(LIST.replace("3", "9"), person, now=timezone.now() + shelf.FRESH)
    assert shown == "belt scarf brand-new "
