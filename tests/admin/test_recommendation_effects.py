"""What a rule for recommendations does, told before it holds; and who may write one."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from personalization.admin.recommendation_rules import SHOWN, Effect, effect_of
from personalization.delivery import list_rules
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.models import Item
from personalization.ml.serving import shelf
from personalization.ml.serving.reasons import Reason
from personalization.ml.serving.recommend import Recommendation
from personalization.segments.models import Segment
from tests.calm import CALM
from tests.delivery.people import make_person, make_segments
from tests.delivery.recommending import make_crowd, make_items
from tests.delivery.rendering import render
from tests.ml.serving.making import item

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_recommendationrule_changelist")
ADD = reverse("admin:personalization_recommendationrule_add")
PAGE = (
    '{% recommend "home" limit=4 as items %}{% for one in items %}{{ one.item.key }} {% endfor %}'
)
GOODS = ["hat", "shoe", "sock", "scarf"]


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def change_of(rule: RecommendationRule) -> str:
    return reverse("admin:personalization_recommendationrule_change", args=[rule.pk])


def forget() -> None:
    """Have rules and items read anew, as another process would."""
    list_rules.forget()
    shelf.forget()


def cost(ask: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        ask()
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]])


@pytest.fixture(autouse=True)
def _shop() -> Iterator[None]:
    make_items(*GOODS, category="clothes")
    make_crowd(GOODS)
    with override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM):
        yield


def rule(name: str = "ours", **said: Any) -> RecommendationRule:
    given = {"action": "pin", "target": "item", "value": "scarf", **said}
    return RecommendationRule.objects.create(name=name, **given)


def keys(found: tuple[Recommendation, ...]) -> list[str]:
    return [one.item.key for one in found]


def listed(name: str) -> Recommendation:
    return Recommendation(item=item(name), score=1.0, reason=Reason("popular"))


def given(**said: str) -> dict[str, str]:
    return {
        "name": "Ours", "place": "", "segment": "", "action": "exclude", "target": "item",
        "value": "hat", "factor": "2", "position": "1", "is_active": "on", **said,
    }  # fmt: skip


@pytest.fixture
def staff() -> Callable[..., Client]:
    def make(*allowed: str) -> Client:
        user = User.objects.create_user(f"staff-{'-'.join(allowed)}", is_staff=True)
        codes = [f"{what}_recommendationrule" for what in allowed]
        user.user_permissions.set(Permission.objects.filter(codename__in=codes))
        client = Client()
        client.force_login(user)
        return client

    return make


class TestRows:
    def test_the_shorter_list_is_filled_up_with_nothing(self) -> None:
        hat, shoe = listed("hat"), listed("shoe")
        effect = Effect(fitting=1, without=(hat, shoe), with_it=(hat,))
        assert effect.rows == [(1, hat, hat, False), (2, shoe, None, True)]
        assert effect.changes
        grown = Effect(fitting=1, without=(), with_it=(hat,))
        assert grown.rows == [(1, None, hat, True)]

    def test_the_same_items_in_the_same_order_are_no_change_whatever_their_scores(self) -> None:
        again = Recommendation(item=item("hat"), score=0.2, reason=Reason("pinned"))
        assert not Effect(fitting=1, without=(listed("hat"),), with_it=(again,)).changes
        assert not Effect(fitting=0, without=(), with_it=()).changes


class TestWhatItDoes:
    """The effect that is told is what pages show once the rule holds."""

    @pytest.mark.parametrize(
        "said",
        [
            {"action": "exclude", "value": "hat"},
            {"action": "exclude", "target": "category", "value": "clothes"},
            {"action": "pin", "value": "scarf", "position": 2},
            {"action": "pin", "value": "sock", "position": 100},
            {"action": "boost", "value": "scarf", "factor": 100.0},
            {"action": "boost", "value": "scarf", "factor": 1.0},
            {"action": "bury", "value": "hat", "factor": 100.0},
            {"action": "bury", "target": "tag", "value": "nothing"},
        ],
        ids=lambda said: f"{said['action']} {said['value']}",
    )
    def test_the_list_with_it_is_the_one_of_the_page(self, said: dict[str, Any]) -> None:
        before = render(PAGE).split()
        effect = effect_of(RecommendationRule(name="tried", **{"target": "item", **said}))
        rule("tried", **said)
        forget()
        assert keys(effect.without) == before
        assert keys(effect.with_it) == render(PAGE).split()

    @pytest.mark.parametrize("name", ["a, before theirs", "z, after theirs"])
    def test_of_two_rules_that_pin_to_one_position_the_same_one_is_first(self, name: str) -> None:
        rule("theirs", value="sock")
        ours = rule(name, value="scarf")
        assert keys(effect_of(ours).with_it) == render(PAGE).split()
        assert keys(effect_of(ours).without) == ["sock", "hat", "shoe", "scarf"]

    def test_what_is_being_written_is_tried_and_not_what_is_stored(self) -> None:
        stored = rule(value="scarf")
        stored.value = "sock"
        assert keys(effect_of(stored).with_it)[0] == "sock"

    def test_rules_of_other_places_and_segments_are_not_beside_it(self) -> None:
        segments = make_segments("loyal", "new")
        rule("elsewhere", place="cart", value="sock")
        rule("theirs", segment=segments["new"], value="shoe")
        rule("for all", action="exclude", value="hat")
        ours = rule(place="home", segment=segments["loyal"])
        assert keys(effect_of(ours).without) == ["shoe", "sock", "scarf"]
        assert keys(effect_of(ours).with_it) == ["scarf", "shoe", "sock"]
        assert render(PAGE, make_person("loyal")) == "scarf shoe sock "

    def test_the_place_has_its_own_policy(self) -> None:
        make_items("guide", kind="article", category="help")
        only = {"help": {"kinds": ["article"], "explore": 0.0}}
        with override_settings(PERSONALIZATION_RECOMMENDATIONS=only):
            effect = effect_of(rule(place="help", value="hat"))
        assert keys(effect.with_it) == ["guide"]
        assert not effect.changes
        assert effect.fitting == 1, "it fits an item that this place does not list"

    def test_not_more_is_compared_than_one_can_look_at(self) -> None:
        make_items(*(f"more-{n}" for n in range(30)))
        effect = effect_of(rule())
        assert len(effect.rows) == SHOWN
        assert [position for position, *_ in effect.rows] == list(range(1, SHOWN + 1))

    def test_a_shop_without_items_has_nothing_to_tell(self, owner: Client) -> None:
        from_shop = rule()
        Item.objects.all().delete()
        forget()
        assert effect_of(from_shop) == Effect(fitting=0, without=(), with_it=())
        assert "There is nothing to recommend yet." in text_of(owner.get(change_of(from_shop)))

    def test_nothing_of_it_is_left_to_chance(self) -> None:
        make_items(*(f"more-{n}" for n in range(30)))
        ours = rule()
        with override_settings(PERSONALIZATION_RECOMMENDATIONS={"*": {"explore": 0.5}}):
            assert effect_of(ours) == effect_of(ours)
            assert {one.propensity for one in effect_of(ours).with_it} == {1.0}

    def test_more_rules_cost_no_more_queries(self, owner: Client) -> None:
        ours = rule()
        page = change_of(ours)
        owner.get(page)
        few = cost(lambda: owner.get(page))
        segment = make_segments("loyal")["loyal"]
        for n in range(20):
            rule(f"rule {n}", segment=segment, action="boost")
        assert cost(lambda: owner.get(page)) == few


class TestTheList:
    def test_more_rules_cost_no_more_queries(self, owner: Client) -> None:
        segment = make_segments("loyal")["loyal"]
        rule(segment=segment)
        owner.get(LIST)
        few = cost(lambda: owner.get(LIST))
        for n in range(20):
            rule(f"rule {n}", segment=segment)
        assert cost(lambda: owner.get(LIST)) == few

    def test_names_and_values_are_text_and_nothing_else(self, owner: Client) -> None:
        odd = "<script>alert(1)</script>"
        rule(odd, value=odd)
        content = owner.get(LIST).content.decode()
        assert odd not in content
        assert content.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2

    @pytest.mark.parametrize("word", ["ours", "scarf", "home"])
    def test_rules_are_found_by_name_value_and_place(self, owner: Client, word: str) -> None:
        rule("ours", place="home")
        rule("theirs", value="sock", place="cart")
        found = owner.get(LIST, {"q": word}).context["cl"].queryset
        assert [one.name for one in found] == ["ours"]

    @pytest.mark.parametrize(
        "query",
        [{"q": "\x00"}, {"q": "%' OR 1=1 --"}, {"place": "nowhere"}, {"p": "-1"}, {"o": "x.9"}],
    )
    def test_odd_searches_break_nothing(self, owner: Client, query: dict[str, str]) -> None:
        rule()
        assert owner.get(LIST, query).status_code in (200, 302)

    def test_several_that_are_deleted_at_once_hold_no_more_at_once(self, owner: Client) -> None:
        both = [rule("one"), rule("two", action="exclude", value="hat")]
        forget()
        assert render(PAGE) == "scarf shoe sock "
        chosen = [str(one.pk) for one in both]
        said = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
        assert owner.post(LIST, said).status_code == 302
        assert render(PAGE) == "hat shoe sock scarf "

    def test_a_deleted_segment_takes_its_rules_along(self) -> None:
        segment = make_segments("loyal")["loyal"]
        rule(segment=segment)
        rule("for all", value="sock")
        Segment.objects.filter(pk=segment.pk).delete()
        assert [one.name for one in RecommendationRule.objects.all()] == ["for all"]


class TestWhatIsWritten:
    @pytest.mark.parametrize(
        ("said", "named"),
        [
            ({"factor": "nan"}, "Enter a number"),
            ({"factor": "inf"}, "Enter a number"),
            ({"factor": "-5"}, "greater than or equal to 1"),
            ({"factor": ""}, "This field is required"),
            ({"position": "101"}, "less than or equal to 100"),
            ({"position": "1.5"}, "Enter a whole number"),
            ({"value": "x" * 201}, "at most 200 characters"),
            ({"value": "a\x00b"}, "Null characters are not allowed"),
            ({"name": "x" * 101}, "at most 100 characters"),
            ({"place": "x" * 51}, "is no place"),
            ({"place": "../etc"}, "is no place"),
            ({"place": "%(place)s %s"}, "“%(place)s %s” is no place"),
            ({"target": "price"}, "is no range of prices"),
            ({"target": "colour"}, "colour is not one of the available choices"),
            ({"segment": "999999"}, "Select a valid choice"),
            ({"segment": "x'; --"}, "Select a valid choice"),
        ],
        ids=lambda said: str(said)[:24],
    )
    def test_what_cannot_be_is_refused_and_nothing_changes(
        self, owner: Client, said: dict[str, str], named: str
    ) -> None:
        assert named in text_of(owner.post(ADD, given(**said)))
        assert not RecommendationRule.objects.exists()
        assert render(PAGE) == "hat shoe sock scarf "

    def test_spaces_around_place_and_value_are_not_meant(self, owner: Client) -> None:
        owner.post(ADD, given(place=" home ", value="  hat "))
        stored = RecommendationRule.objects.get()
        assert (stored.place, stored.value) == ("home", "hat")
        assert render(PAGE) == "shoe sock scarf "

    def test_a_changed_rule_holds_with_the_next_page(self, owner: Client) -> None:
        ours = rule(action="exclude", value="hat")
        forget()
        assert render(PAGE) == "shoe sock scarf "
        owner.post(change_of(ours), given(value="shoe"))
        assert render(PAGE) == "hat sock scarf "
        owner.post(change_of(ours), given(value="shoe", is_active=""))
        assert render(PAGE) == "hat shoe sock scarf "

    def test_what_a_warning_repeats_of_a_rule_is_text(self, owner: Client) -> None:
        said = given(name="<b>%(rule)s</b>", value="nothing")
        content = owner.post(ADD, said, follow=True).content.decode()
        assert "<b>%(rule)s</b>" not in content
        assert "No active item fits “&lt;b&gt;%(rule)s&lt;/b&gt;” now" in content


class TestWhoMay:
    def test_visitors_are_sent_to_log_in(self) -> None:
        ours = rule()
        for page in (LIST, ADD, change_of(ours)):
            assert "/login/" in Client().get(page)["Location"]

    def test_staff_without_a_right_see_and_change_nothing(
        self, staff: Callable[..., Client]
    ) -> None:
        ours, client = rule(), staff()
        for page in (LIST, ADD, change_of(ours)):
            assert client.get(page).status_code == 403
        assert RecommendationRule.objects.get() == ours

    def test_who_may_only_look_sees_what_it_does_and_writes_nothing(
        self, staff: Callable[..., Client]
    ) -> None:
        ours, client = rule(), staff("view")
        text = text_of(client.get(change_of(ours)))
        assert "1 active item fits it" in text
        assert 'name="value"' not in text
        assert client.post(change_of(ours), given()).status_code == 403
        assert client.post(ADD, given()).status_code == 403
        ours.refresh_from_db()
        assert ours.value == "scarf"

    def test_who_may_not_delete_deletes_nothing_by_the_list_either(
        self, staff: Callable[..., Client]
    ) -> None:
        ours, client = rule(), staff("view", "change")
        said = {"action": "delete_selected", "_selected_action": [str(ours.pk)], "post": "yes"}
        client.post(LIST, said)
        assert RecommendationRule.objects.filter(pk=ours.pk).exists()
