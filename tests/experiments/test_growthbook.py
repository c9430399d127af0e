"""What GrowthBook's SDKs answer, Python and the browser answer too: every case of these groups."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.experiments.growthbook import ANCHORS, FILE, Case, Outcome, cases, outcomes, run
from tests.experiments.growthbook_features import feature, sticky
from tests.experiments.twins import Ask, in_browser, in_python

#: How many cases each group has; none is left out.
SIZES = {
    "hash": 15,
    "getBucketRange": 13,
    "getEqualWeights": 6,
    "chooseVariation": 13,
    "inNamespace": 16,
    "run": 73,
    "stickyBucket": 13,
    "contextualBandit": 35,
}
WAYS = {"python": in_python, "browser": in_browser}

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"no cases of GrowthBook at {FILE}")


@pytest.fixture(params=[*WAYS.values()], ids=[*WAYS])
def ask(request: pytest.FixtureRequest) -> Ask:
    way: Ask = request.param
    return way


def taken(group: str) -> list[Case]:
    found = cases(group)
    assert len(found) == SIZES[group]
    return found


def test_the_hash(ask: Ask) -> None:
    found = taken("hash")
    answers = ask([("bucket", unit, {"seed": seed, "version": v}) for seed, unit, v, _ in found])
    for (*_, version, expected), answer in zip(found, answers, strict=True):
        if expected is None:
            assert answer == {"error": f"The version of the hash is {version}; allowed: 1, 2."}
        else:
            assert answer == expected


def test_the_ranges_of_arms(ask: Ask) -> None:
    found = taken("getBucketRange")
    answers = ask(
        [("rangesOf", n, {"coverage": coverage, "weights": weights})
         for _, (n, coverage, weights), _ in found]
    )  # fmt: skip
    for (name, _, expected), answer in zip(found, answers, strict=True):
        assert len(answer) == len(expected), name
        for one, other in zip(answer, expected, strict=True):
            assert one == pytest.approx(other), name


def test_equal_weights(ask: Ask) -> None:
    found = taken("getEqualWeights")
    answers = ask([("equalWeights", n) for n, _ in found])
    for (_, expected), answer in zip(found, answers, strict=True):
        assert answer == pytest.approx(expected)


def test_the_arm_at_a_bucket(ask: Ask) -> None:
    found = taken("chooseVariation")
    answers = ask([("armAt", number, ranges) for _, number, ranges, _ in found])
    expected = [None if place < 0 else place for *_, place in found]
    assert answers == expected


def test_namespaces(ask: Ask) -> None:
    found = taken("inNamespace")
    answers = ask([("inNamespace", unit, name, held) for _, unit, (name, *held), _ in found])
    assert answers == [expected for *_, expected in found]


def test_who_is_in_which_variation(ask: Ask) -> None:
    found = taken("run")
    ends = outcomes([run(context, experiment) for _, context, experiment, *_ in found], ask)
    told = {True: 0, False: 0}
    for (name, _, experiment, value, is_in, hashed), end in zip(found, ends, strict=True):
        place = end.place if end else 0
        assert experiment["variations"][place] == value, name
        assert (end is not None) is is_in, name
        assert (end is not None and end.hashed) is hashed, name
        told[is_in] += 1
    assert told == {True: 52, False: 21}


def test_sticky_buckets(ask: Ask) -> None:
    found = taken("stickyBucket")
    ends = outcomes([sticky(context, given, name) for _, context, given, name, *_ in found], ask)
    for (name, context, *_, expected, documents), end in zip(found, ends, strict=True):
        theirs = {f"{key}||{value}" for key, value in context["attributes"].items()}
        kept = {key: value for key, value in end["documents"].items() if key in theirs}
        assert kept == {key: value["assignments"] for key, value in documents.items()}, name
        if expected is None:
            assert (end["found"], end["remembered"]) == (None, True), name
        else:
            assert end["found"]["arm"] == expected["key"], name
            assert end["remembered"] is expected["stickyBucketUsed"], name


def test_buckets_of_sticky_cases(ask: Ask) -> None:
    told = [
        (context["features"][name]["rules"][0], name, expected)
        for _, context, _, name, expected, _ in taken("stickyBucket")
        if expected is not None
    ]
    answers = ask(
        [("bucket", expected["hashValue"],
          {"seed": rule.get("seed", name), "version": rule.get("hashVersion", 1)})
         for rule, name, expected in told]
    )  # fmt: skip
    assert answers == [expected["bucket"] for *_, expected in told]


def test_contextual_bandits(ask: Ask) -> None:
    found = taken("contextualBandit")
    ends = outcomes([feature(context, name) for _, context, name, _ in found], ask)
    for (name, _, _, expected), (value, source, experiment, outcome) in zip(
        found, ends, strict=True
    ):
        assert (value, source) == (expected["value"], expected["source"]), name
        assert (outcome is not None) is ("experimentResult" in expected), name
        if outcome is not None:
            check_bandit(expected["experimentResult"], experiment, outcome)


def check_bandit(expected: dict[str, Any], experiment: dict[str, Any], outcome: Outcome) -> None:
    assert outcome.place == expected["variationId"]
    assert outcome.hashed is expected["hashUsed"]
    assert experiment["meta"][outcome.place]["key"] == expected["key"]
    assert experiment["hashAttribute"] == expected["hashAttribute"]
    if outcome.hashed:
        weights = expected.get("variationWeights", experiment["weights"])
        assert outcome.probability == pytest.approx(weights[outcome.place])


def test_buckets_of_bandits(ask: Ask) -> None:
    told = [
        (expected["experiment"], expected["experimentResult"])
        for *_, expected in taken("contextualBandit")
        if expected.get("experimentResult", {}).get("hashUsed")
    ]
    assert len(told) > 15
    answers = ask(
        [("bucket", result["hashValue"],
          {"seed": experiment["seed"], "version": experiment["hashVersion"]})
         for experiment, result in told]
    )  # fmt: skip
    assert answers == [result["bucket"] for _, result in told]


def test_what_other_languages_hash_otherwise_is_refused(ask: Ask) -> None:
    """They say four different numbers of one unit, so there is none to agree with."""
    anchors = json.loads(ANCHORS.read_text())["non_ascii_disagreement"]
    units = [name.split('"')[3] for name in anchors if name.startswith("growthbook")]
    assert units == ["😀", "é"]
    answers = ask([("bucket", unit, {"seed": "seed"}) for unit in units])
    why = "languages disagree on the hash of other characters"
    assert answers == [{"error": f"“{unit}” is not ASCII: {why}."} for unit in units]


def test_the_formulas_of_both_versions(ask: Ask) -> None:
    anchors = json.loads(ANCHORS.read_text())
    assert anchors["growthbook_v2"] == "fnv32a(str(fnv32a(seed+value)))%10000/10000"
    assert anchors["growthbook_v1"] == "fnv32a(value+seed)%1000/1000"
    (inner,) = ask([("fnv1a32", "seedvalue")])
    two, one, *buckets = ask(
        [
            ("fnv1a32", str(inner)),
            ("fnv1a32", "valueseed"),
            ("bucket", "value", {"seed": "seed", "version": 2}),
            ("bucket", "value", {"seed": "seed", "version": 1}),
        ]
    )
    assert buckets == [two % 10_000 / 10_000, one % 1000 / 1000]
