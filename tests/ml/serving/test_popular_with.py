"""What is popular with the members of a segment, and in a category."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.exceptions import SettingError
from personalization.ml.item_events import ItemEvents
from personalization.ml.serving import popular_now as module
from personalization.ml.serving.policy import Policy, _policy
from personalization.ml.serving.popular import SURE, Popular
from personalization.ml.serving.popular_counting import Seen, popular_of
from personalization.ml.serving.popular_now import popular
from personalization.ml.serving.recommend import Ask, recommend
from personalization.ml.serving.shelf import ShelfItem, shelf_of
from personalization.profiles.models import Snapshot
from personalization.segments.models import Segment
from tests.calm import CALM
from tests.delivery.people import make_person, make_segments
from tests.delivery.recommending import look_at, make_items
from tests.delivery.rendering import render

NOW = timezone.now()


def counted(
    looked: Mapping[int, str], memberships: Mapping[int, tuple[str, ...]] | None = None
) -> Popular:
    """Return what is popular with those who looked at items, each named by a letter."""
    seen = [
        Seen(profile, "Product Viewed", {"product_id": key}, NOW)
        for profile, keys in looked.items()
        for key in keys
    ]
    return popular_of(seen, events=ItemEvents(), now=NOW, memberships=memberships or {})


def order(found: Popular) -> str:
    return "".join(key for key, _ in found.ranked)


#: Many look at a, the members of 7 at b.
MANY = dict.fromkeys(range(100), "a") | dict.fromkeys(range(100, 140), "bc")
LOYAL = dict.fromkeys(range(100, 140), ("7",))


class TestSegments:
    def test_members_have_what_members_look_at(self) -> None:
        found = counted(MANY, LOYAL)
        assert order(found) == "abc"
        assert order(found.among({"7"})) == "bca"
        assert found.among({"7"}).ranked[0][1] == 1.0

    def test_who_is_in_none_or_in_one_that_nobody_was_in_has_what_all_have(self) -> None:
        found = counted(MANY, LOYAL)
        assert found.among(set()) is found
        assert found.among({"8"}) is found

    def test_of_a_segment_in_which_little_was_done_nothing_is_made(self) -> None:
        few = counted(MANY, dict.fromkeys(range(100, 105), ("7",)))
        assert few.among({"7"}) is few

    def test_of_several_the_smaller_one_says_more(self) -> None:
        everybody = {n: ("1", "7") if n >= 100 else ("1",) for n in MANY}
        found = counted(MANY, everybody)
        assert found.among({"1", "7"}) is found.among({"7"})

    def test_it_is_made_once_for_a_count(self) -> None:
        found = counted(MANY, LOYAL)
        assert found.among({"7"}) is found.among({"7", "9"})

    @given(
        st.dictionaries(st.integers(0, 60), st.text("abcdef", min_size=1, max_size=4), min_size=1),
        st.sets(st.integers(0, 60)),
    )
    def test_all_that_is_popular_stays_so_and_nothing_else_comes(
        self, looked: dict[int, str], members: set[int]
    ) -> None:
        found = counted(looked, dict.fromkeys(members, ("7",)))
        part = found.among({"7"})
        assert part.scores.keys() == found.scores.keys()
        assert max(part.scores.values()) == pytest.approx(1)
        assert min(part.scores.values()) > 0

    def test_the_fewer_did_something_the_nearer_it_is_to_all(self) -> None:
        def share(n: int) -> float:
            found = counted(MANY, dict.fromkeys(range(100, 100 + n), ("7",)))
            return found.among({"7"}).scores["a"]

        least = int(SURE / 2)
        assert share(40) < share(25) < share(least) < 1.01


class TestCategories:
    def shelf(self):  # type: ignore[no-untyped-def]
        return shelf_of(
            ShelfItem(key=key, category="shoes" if key in "xyz" else "hats") for key in "abcxyz"
        )

    def listed(self, **ask: object) -> str:
        famous = counted({1: "abc", 2: "abcx", 3: "abxy", 4: "axyz"})
        policy = Policy(explore=0.0, diversity=0.0)
        found = recommend(
            Ask(n=4, policy=policy, **ask),
            items=self.shelf(),
            famous=famous,  # type: ignore[arg-type]
        )
        return "".join(one.item.key for one in found)

    def test_on_a_page_about_an_item_its_category_comes_first_while_no_model_serves(self) -> None:
        assert self.listed() == "abxc"
        assert self.listed(item="z") == "xyab"
        assert self.listed(item="nothing we know") == "abxc"


def test_the_policy_says_with_whom() -> None:
    assert Policy().popular == "segment"
    assert _policy("home", {"*": {"popular": "everybody"}}).popular == "everybody"
    assert _policy("home", {"*": {"popular": "rising"}}).popular == "rising"
    with pytest.raises(SettingError, match="segment, everybody, rising"):
        _policy("home", {"*": {"popular": "friends"}})


@pytest.mark.django_db
class TestServed:
    @pytest.fixture(autouse=True)
    def _shop(self, settings) -> None:  # type: ignore[no-untyped-def]
        settings.PERSONALIZATION_RECOMMENDATIONS = CALM
        make_segments("loyal")
        make_items("hat", "shoe")
        for _ in range(60):
            look_at(make_person(), "hat", minutes=5)
        for _ in range(30):
            look_at(make_person("loyal"), "shoe", minutes=5)
        module.forget()

    def first(self, person=None) -> str:  # type: ignore[no-untyped-def]
        return render('{% recommend "home" limit=1 as items %}{{ items.0.item.key }}', person)

    def test_who_is_in_the_segment_sees_what_its_members_look_at(self) -> None:
        assert self.first() == "hat"
        assert self.first(make_person()) == "hat"
        assert self.first(make_person("loyal")) == "shoe"
        assert self.first(make_person("loyal", consents=("analytics",))) == "hat"

    def test_a_place_may_have_what_is_popular_with_all(self, settings) -> None:  # type: ignore[no-untyped-def]
        settings.PERSONALIZATION_RECOMMENDATIONS = {
            "home": {"explore": 0.0, "diversity": 0.0, "popular": "everybody"}
        }
        assert self.first(make_person("loyal")) == "hat"

    def test_a_place_may_have_what_rises(self, settings) -> None:  # type: ignore[no-untyped-def]
        settings.PERSONALIZATION_RECOMMENDATIONS = {
            "home": {"explore": 0.0, "diversity": 0.0, "popular": "rising"}
        }
        make_items("cap")
        for _ in range(50):
            look_at(make_person(), "hat", minutes=240)
        for _ in range(40):
            look_at(make_person(), "cap", minutes=1)
        module.forget()
        assert self.first(make_person("loyal")) == self.first() == "cap"
        settings.PERSONALIZATION_RECOMMENDATIONS["home"]["popular"] = "everybody"
        assert self.first(make_person("loyal")) == self.first() == "hat"

    def test_who_has_left_counts_no_more(self) -> None:
        version = str(Segment.objects.get(slug="loyal").serving_id)
        hour = microseconds(timezone.now() - timedelta(hours=1))
        Snapshot.objects.filter(memberships__has_key=version).update(
            memberships={version: [0, hour, 1]}
        )
        module.forget()
        assert popular(now=timezone.now()).groups == {}
