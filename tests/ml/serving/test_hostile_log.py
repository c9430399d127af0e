"""What clients made up in the log, and clocks that go wrong, break nothing that is served of it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.events.models import Event
from personalization.exceptions import SettingError
from personalization.ml.item_events import MAX_KEY, ItemEvents
from personalization.ml.serving import popular_now as popular_module
from personalization.ml.serving import shelf as shelf_module
from personalization.ml.serving.clicks import WITHIN, Shown, Touched, click_through_of
from personalization.ml.serving.histories import LOOK_BACK, STEPS, history_of_profile
from personalization.ml.serving.policy import MOST_PER_CATEGORY, policy_of, refuse_odd
from personalization.ml.serving.popular_counting import Seen, popular_of
from personalization.ml.serving.popular_now import popular
from personalization.ml.serving.rerank import price_range
from personalization.ml.serving.shelf import shelf
from tests.delivery.people import make_person
from tests.delivery.recommending import look_at, make_items
from tests.effort import examples

NOW = timezone.now()
EVENTS = ItemEvents()

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["product_id", "sku", "products", "price", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
names = st.sampled_from(
    ["Product Viewed", "Product Added", "Order Completed", "Product Removed", "Page Viewed", "Odd"]
)
seen = st.lists(
    st.builds(
        Seen,
        profile_id=st.integers(1, 3),
        name=names,
        properties=json,
        at=st.integers(-10_000, 10_000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    ),
    max_size=8,
)


def viewed(profile: int, key: object, *, hours: float = 0) -> Seen:
    return Seen(profile, "Product Viewed", {"product_id": key}, NOW - timedelta(hours=hours))


class TestPopularity:
    @given(seen)
    @examples(40)
    def test_whatever_was_sent_scores_are_shares_of_the_first(self, events: list[Seen]) -> None:
        found = popular_of(events, events=EVENTS, now=NOW)
        assert dict(found.ranked) == found.scores
        assert all(0 < score <= 1 for score in found.scores.values())
        assert not found.scores or found.ranked[0][1] == 1.0
        assert all(key and len(key) <= MAX_KEY for key in found.scores)

    @given(seen, st.sampled_from(["a", "b"]))
    @examples(40)
    def test_one_more_visitor_lowers_no_item_that_they_looked_at(
        self, events: list[Seen], key: str
    ) -> None:
        # From one instant, as another span has another half-life.
        events = [one._replace(at=NOW) for one in [*events, viewed(1, "a"), viewed(2, "b")]]
        before = [k for k, _ in popular_of(events, events=EVENTS, now=NOW).ranked]
        more = [*events, viewed(99, key)]
        after = [k for k, _ in popular_of(more, events=EVENTS, now=NOW).ranked]
        assert after.index(key) <= before.index(key)

    def test_an_event_from_the_future_counts_as_one_of_now(self) -> None:
        future = popular_of([viewed(1, "a", hours=-500), viewed(2, "b")], events=EVENTS, now=NOW)
        assert future.scores == {"a": 1.0, "b": 1.0}

    def test_one_visitor_alone_makes_nothing_popular_beside_two(self) -> None:
        flood = [viewed(1, f"spam-{n % 3}") for n in range(500)]
        found = popular_of([*flood, viewed(2, "a"), viewed(3, "a")], events=EVENTS, now=NOW)
        assert found.ranked[0] == ("a", 1.0)
        assert found.scores["spam-0"] == 0.5

    def test_a_number_and_its_text_are_one_item(self) -> None:
        found = popular_of(
            [viewed(1, 17), viewed(2, "17"), viewed(3, 17.0)], events=EVENTS, now=NOW
        )
        assert found.scores == {"17": 1.0}


shown = st.lists(
    st.builds(
        Shown,
        identity_id=st.integers(1, 3),
        at=st.integers(0, 90).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        model=st.sampled_from(["recommend 1", "recommend 2", "popularity"]),
        items=st.frozensets(st.sampled_from("abc"), max_size=3),
    ),
    max_size=8,
)
touched = st.lists(
    st.builds(
        Touched,
        identity_id=st.integers(1, 3),
        at=st.integers(0, 120).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        item=st.sampled_from("abcd"),
    ),
    max_size=8,
)


class TestClicks:
    @given(shown, touched)
    @examples(30)
    def test_every_list_counts_once_for_its_model(
        self, lists: list[Shown], deeds: list[Touched]
    ) -> None:
        found = click_through_of(lists, deeds)
        assert sum(one.lists for one in found) == len(lists)
        assert {one.model for one in found} == {one.model for one in lists}
        assert all(0 <= one.clicked <= one.lists and 0 <= one.share <= 1 for one in found)
        assert found == sorted(found, key=lambda one: (-one.lists, one.model))

    @given(shown, touched, st.randoms())
    @examples(20)
    def test_neither_the_order_of_lists_nor_that_of_deeds_says_anything(
        self, lists: list[Shown], deeds: list[Touched], random
    ) -> None:
        mixed = random.sample(lists, len(lists)), random.sample(deeds, len(deeds))
        assert click_through_of(*mixed) == click_through_of(lists, deeds)

    @given(shown, touched, touched)
    @examples(40)
    def test_more_deeds_take_no_click_away(
        self, lists: list[Shown], deeds: list[Touched], more: list[Touched]
    ) -> None:
        few = {one.model: one.clicked for one in click_through_of(lists, deeds)}
        many = {one.model: one.clicked for one in click_through_of(lists, [*deeds, *more])}
        assert all(many[model] >= clicked for model, clicked in few.items())

    def test_the_last_moment_still_counts(self) -> None:
        listed = Shown(1, NOW, "popularity", frozenset("a"))
        [found] = click_through_of([listed], [Touched(1, NOW + WITHIN, "a")])
        assert found.share == 1.0
        [late] = click_through_of(
            [listed], [Touched(1, NOW + WITHIN + timedelta(microseconds=1), "a")]
        )
        assert late.share == 0.0


class TestPrices:
    @given(st.text(alphabet="0123456789.-–+eENnaifIty _", max_size=12))
    @examples(100)
    def test_a_range_has_a_least_and_a_most_or_is_refused_by_its_name(self, value: str) -> None:
        try:
            least, most = price_range(value)
        except ValueError as error:
            refused = str(error)
        else:
            assert Decimal(0) <= least <= most
            assert least.is_finite()
            return
        assert f"“{value}” is no range" in refused

    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [(" 10 - 50 ", "10", "50"), ("0", "0", "0"), ("9.99–", "9.99", "Infinity"),
         ("–0", "0", "0"), ("1e2", "100", "100")],
    )  # fmt: skip
    def test_spaces_and_half_open_ranges_are_read(self, value: str, least: str, most: str) -> None:
        assert price_range(value) == (Decimal(least), Decimal(most))


class TestPolicies:
    @pytest.mark.parametrize(
        "said",
        [
            {"explore": float("nan")}, {"explore": float("inf")}, {"explore": -0.01},
            {"explore": "0.1"}, {"explore": None}, {"diversity": Decimal("0.1")},
            {"diversity": -1}, {"per_category": -1}, {"per_category": MOST_PER_CATEGORY + 1},
            {"per_category": True}, {"per_category": float("nan")}, {"seen": None},
            {"seen": ["hide"]}, {"kinds": {"a"}}, {"kinds": None}, {"kinds": [None]}, {1: 2},
        ],
        ids=repr,
    )  # fmt: skip
    def test_what_cannot_be_is_refused_wherever_it_is_said(self, said: dict) -> None:
        for place in ("*", "home"):
            with pytest.raises(SettingError, match="allowed"):
                refuse_odd({place: said})

    @pytest.mark.parametrize(
        ("said", "name", "read"),
        [
            ({"explore": 0.5}, "explore", 0.5), ({"explore": 0}, "explore", 0.0),
            ({"diversity": 1}, "diversity", 1.0), ({"per_category": 2.0}, "per_category", 2),
            ({"per_category": MOST_PER_CATEGORY}, "per_category", MOST_PER_CATEGORY),
            ({"kinds": []}, "kinds", ()), ({"kinds": ("a", "b")}, "kinds", ("a", "b")),
        ],
    )  # fmt: skip
    def test_the_ends_of_what_is_allowed_are_allowed(self, said, name, read) -> None:
        with override_settings(PERSONALIZATION_RECOMMENDATIONS={"home": said}):
            assert getattr(policy_of("home"), name) == read
            assert type(getattr(policy_of("home"), name)) is type(read)

    def test_a_place_may_take_back_what_is_said_of_all(self) -> None:
        said = {"*": {"kinds": ["a"], "per_category": 2}, "home": {"kinds": []}}
        with override_settings(PERSONALIZATION_RECOMMENDATIONS=said):
            assert (policy_of("home").kinds, policy_of("home").per_category) == ((), 2)
            assert policy_of("cart").kinds == ("a",)


@pytest.mark.django_db
class TestOfTheLog:
    @pytest.fixture(autouse=True)
    def _forget(self) -> None:
        popular_module.forget()
        shelf_module.forget()

    @given(st.lists(json, min_size=1, max_size=4))
    @examples(10)
    def test_histories_and_popularity_read_whatever_was_stored(self, sent: list) -> None:
        popular_module.forget()
        person = make_person()
        look_at(person, *(f"item-{n}" for n in range(len(sent))))
        events = Event.objects.filter(identity__profile=person.profile).order_by("timestamp")
        for event, properties in zip(events, sent, strict=True):
            Event.objects.filter(pk=event.pk).update(properties=_storable(properties))
        now = timezone.now()
        steps = history_of_profile(person.profile.pk, now=now).steps
        assert len(steps) <= STEPS
        assert all(0 < len(step.item) <= MAX_KEY for step in steps)
        assert {step.item for step in steps} <= popular(now=now).scores.keys()

    def test_an_order_of_very_many_items_is_no_longer_history_than_any(self) -> None:
        person = make_person()
        look_at(person, "x", event="Order Completed")
        lines = [{"product_id": f"line-{n}"} for n in range(3 * STEPS)]
        Event.objects.update(properties={"products": lines})
        found = history_of_profile(person.profile.pk, now=timezone.now())
        assert len(found.steps) <= STEPS
        assert set(found.items) <= {line["product_id"] for line in lines}

    def test_what_is_older_than_a_year_is_not_looked_for(self) -> None:
        person = make_person()
        minutes = LOOK_BACK // timedelta(minutes=1)
        look_at(person, "old", minutes=minutes + 5)
        look_at(person, "young", minutes=minutes - 5)
        assert history_of_profile(person.profile.pk, now=timezone.now()).items == ("young",)

    def test_a_profile_that_there_is_not_has_no_history(self) -> None:
        assert history_of_profile(-1, now=timezone.now()).steps == ()

    @pytest.mark.parametrize("tags", ["new", 5, None, {"new": 1}, [["new"]], [{"a": 1}]], ids=repr)
    def test_tags_of_any_shape_make_no_item_unfit(self, tags: object) -> None:
        make_items("hat", tags=tags if tags is not None else [])
        found = shelf(now=NOW)
        assert found.items["hat"].tags == ()
        assert found.find("tag", "new") == ()

    def test_keys_of_any_letters_are_keys(self) -> None:
        odd = ["ÄÖ", "a b", "a/b", "<b>", "🎩", "x" * MAX_KEY, "'; --"]
        for key in odd:
            make_items(key)
        assert set(shelf(now=NOW).items) == set(odd)


def _storable(value: object) -> object:
    """Return what JSON columns of every database take: no halves of letters and no NUL."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode().replace("\x00", "")
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {key: _storable(one) for key, one in value.items()}
    return {} if value is None else value
