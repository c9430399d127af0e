"""Features whose value is decided by rules: how a site adds its own."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.clock import moment
from personalization.exceptions import FeatureRejected, InvalidRule
from personalization.profiles.derived import Derivation, define, derivations, fields, made
from personalization.rules.derived import DerivedFeature, derived_features
from personalization.rules.evaluate import evaluate
from personalization.rules.parse import parse
from personalization.segments.population import matching
from personalization.types import Microseconds
from tests.rules.building import feature, happened, recency, rule, segment
from tests.rules.oracle import DAY, HOUR
from tests.rules.world import Happening, History, facts, stored

NOW = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test defines is gone afterwards."""
    monkeypatch.setattr(derived_features, "_entries", dict(derived_features.items()))


def tier(name: str = "customer.tier", **more: Any) -> DerivedFeature:
    cases = [
        ("gold", rule(happened("Order Completed", ">=", 2, last="P2D"))),
        ("silver", rule(happened("Order Completed", last="P30D"))),
    ]
    return define(name, **{"label": "tier", "kind": "text", "cases": cases, **more})


def said(
    name: str, *ages: Microseconds, event: str = "Order Completed", now: Microseconds = NOW
) -> Derivation:
    """Return what the feature says at `now` of who did something so long before `NOW`."""
    history = History([Happening(event, NOW - age) for age in ages])
    known = facts(history, parse(rule(feature(name, "is set"))))
    return next(each for each in derivations(known, now=now) if each.name == name)


def test_the_first_case_that_holds_decides(registry: None) -> None:
    tier(otherwise="none")
    assert said("customer.tier").value == "none"
    assert said("customer.tier", HOUR).value == "silver"
    assert said("customer.tier", HOUR, DAY).value == "gold"


def test_without_a_case_that_holds_nothing_is_known(registry: None) -> None:
    tier()
    found = said("customer.tier")
    assert (found.value, found.rule, found.until) == (None, None, None)


def test_it_is_told_when_time_alone_makes_it_another_value(registry: None) -> None:
    tier()
    gold = said("customer.tier", HOUR, DAY)
    assert gold.until == NOW + DAY
    assert said("customer.tier", HOUR, DAY, now=NOW + DAY - 1).value == "gold"
    silver = said("customer.tier", HOUR, DAY, now=NOW + DAY)
    assert (silver.value, silver.until) == ("silver", NOW - HOUR + 30 * DAY)
    gone = said("customer.tier", HOUR, DAY, now=NOW - HOUR + 30 * DAY)
    assert (gone.value, gone.until) == (None, None)


def test_a_change_that_leaves_the_value_is_none(registry: None) -> None:
    """Two cases of one value: from one to the other, nothing changes."""
    young, old = (rule(recency("*", op, "P1D")) for op in ("<=", ">"))
    define("known", label="known", kind="text", cases=[("yes", young), ("yes", old)])
    assert said("known", HOUR, event="Page Viewed").until is None


def test_rules_read_the_value_in_force_at_the_instant(registry: None) -> None:
    tier()
    gold = parse(rule(feature("customer.tier", "=", "gold")))
    history = History([Happening("Order Completed", NOW - age) for age in (HOUR, DAY)])
    known = facts(history, gold)
    assert evaluate(gold, known, now=NOW) == (True, NOW + DAY)
    assert not evaluate(gold, known, now=NOW + DAY).holds


def test_a_feature_may_look_at_those_defined_before(registry: None) -> None:
    tier()
    cases = [("yes", rule(feature("customer.tier", "in", ["gold"])))]
    define("vip", label="VIP", kind="text", cases=cases, otherwise="no")
    assert said("vip", HOUR, DAY).value == "yes"
    assert said("vip", HOUR).value == "no"


def test_so_there_are_no_circles() -> None:
    """A feature cannot look at one that does not exist yet, and so never at itself."""
    with pytest.raises(InvalidRule, match="There is no feature “customer.tier”"):
        tier(cases=[("gold", rule(feature("customer.tier", "=", "gold")))])


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (segment("vips"), "There is no segment “vips”"),
        (feature("lifecycle.stage", "=", "dead"), "“dead” is no value of lifecycle.stage"),
        (feature("orders.count", "=", "two"), "“two” is a text"),
        ({"kind": "event"}, "1 to 500 characters"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(condition: Any, message: str) -> None:
    with pytest.raises(InvalidRule, match=message):
        tier(cases=[("gold", rule(condition))])
    assert "customer.tier" not in derived_features.names()


@pytest.mark.parametrize("name", ["orders.count", "rfm.group"])
def test_a_name_is_given_once(name: str) -> None:
    with pytest.raises(FeatureRejected, match="already"):
        tier(name)


@pytest.mark.parametrize("name", ["", "1st", "tier.", "a..b", "tier:gold"])
def test_a_name_is_one_that_rules_can_say(name: str) -> None:
    with pytest.raises(FeatureRejected, match="No rule can name"):
        tier(name)


@pytest.mark.parametrize("more", [{"otherwise": 0}, {"kind": "number"}, {"otherwise": True}])
def test_values_have_the_type_of_the_feature(more: Any) -> None:
    with pytest.raises(FeatureRejected, match="customer.tier is a"):
        tier(**more)


def test_it_is_offered_with_all_its_values(registry: None) -> None:
    tier(otherwise="none", unit="stars")
    field = fields()["customer.tier"]
    assert (field.label, field.type, field.unit) == ("tier", "text", "stars")
    assert field.values == ("gold", "silver", "none")
    assert fields()["orders.count"].values == ()


def test_its_meaning_is_that_of_its_cases_and_of_what_they_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def vip_over(*, span: str, label: str = "tier") -> str:
        with monkeypatch.context() as patch:
            patch.setattr(derived_features, "_entries", {})
            tier(cases=[("gold", rule(happened("Order Completed", last=span)))], label=label)
            cases = [("yes", rule(feature("customer.tier", "=", "gold")))]
            return made("vip", label="VIP", kind="text", cases=cases).meaning

    assert vip_over(span="P2D") == vip_over(span="P2D", label="rank")
    assert vip_over(span="P2D") != vip_over(span="P3D")


def test_only_cases_that_can_make_a_difference_are_asked(registry: None) -> None:
    """Of “gold”, what comes after it is not asked; of a value that none has, nothing is."""
    tier()
    gold = parse(rule(feature("customer.tier", "=", "gold")))
    history = History([Happening("Order Completed", NOW - HOUR)])
    assert evaluate(gold, facts(history, gold), now=NOW) == (False, None)
    never = parse(rule(feature("customer.tier", "=", "lead")))
    assert evaluate(never, facts(history, never), now=NOW) == (False, None)


@pytest.mark.django_db
@pytest.mark.parametrize("operator", ["=", "!="])
def test_a_value_that_no_case_has_is_asked_of_everybody_all_the_same(
    registry: None, operator: str
) -> None:
    tier()
    ids = stored([History(), History([Happening("Order Completed", NOW - HOUR)])])
    found = matching(parse(rule(feature("customer.tier", operator, "lead"))), now=moment(NOW))
    assert found == (set(ids) if operator == "!=" else set())
