"""A plan that could not be kept, timed or trained is refused where it is made, in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from personalization.checks import check_settings
from personalization.ml.models import ModelVersion
from personalization.ml.training.attempts import request
from personalization.ml.training.overview import model_states
from personalization.ml.training.plans import LONGEST, MOST_SEED, SHORTEST, InvalidPlan
from personalization.ml.training.train import train_models
from tests.ml.training.conftest import DAY, MINUTE, NOW
from tests.ml.training.counting import NAME, plan

Shop = Callable[..., None]

_circle: dict[str, Any] = {}
_circle["again"] = _circle

#: What a site may write by mistake, and what it is told.
UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"period": timedelta.max}, "“period” of “counting” is 999999999 days, 23:59:59.999999; "
     "allowed: a minute to 36,525 days"),
    ({"period": LONGEST + MINUTE}, "“period” of “counting” is 36525 days, 0:01:00; allowed: a mi"),
    ({"window": 800_000 * DAY}, "“window” of “counting” is 800000 days, 0:00:00; allowed: a minute"),
    ({"window": -DAY}, "“window” of “counting” is -1 day, 0:00:00; allowed: a minute"),
    ({"seed": -1}, "“seed” of “counting” is -1; allowed: 0 to 2,147,483,647"),
    ({"seed": 2**40}, "“seed” of “counting” is 1099511627776; allowed: 0 to 2,147,483,647"),
    ({"seed": MOST_SEED + 1}, "“seed” of “counting” is 2147483648; allowed: 0 to"),
    ({"algorithm": "a" * 51}, "aaa'; allowed: up to 50 characters that can be printed"),
    ({"algorithm": "bo\0st"}, "“algorithm” of “counting” is 'bo\\x00st'; allowed: up to 50"),
    ({"config": {"share": {1}}}, "“config” of “counting” is {'share': {1}}; allowed: what JSON can "
     "hold (Object of type set is not JSON serializable)"),
    ({"config": {"share": math.nan}}, "is {'share': nan}; allowed: what JSON can hold (Out of range"),
    ({"config": {"share": math.inf}}, "is {'share': inf}; allowed: what JSON can hold (Out of range"),
    ({"config": {(1, 2): 3}}, "is {(1, 2): 3}; allowed: what JSON can hold (keys must be str"),
    ({"config": {"word": "a\0b"}}, "is {'word': 'a\\x00b'}; allowed: what JSON can hold (no text has"),
    ({"config": {"word": "\ud800"}}, "is {'word': '\\ud800'}; allowed: what JSON can hold ("),
    ({"config": _circle}, "{...}}}}}}}; allowed: what JSON can hold (Circular reference"),
]  # fmt: skip


@pytest.mark.parametrize(("wishes", "problem"), UNUSABLE)
def test_the_checks_tell_what_would_fail_later(
    settings: Any, wishes: dict[str, Any], problem: str
) -> None:
    settings.PERSONALIZATION_MODELS = {NAME: wishes}
    (told,) = [each.msg for each in check_settings(None) if "MODELS" in each.msg]
    assert told.startswith("PERSONALIZATION_MODELS cannot be used: ")
    assert problem in told
    assert len(told) < 500
    told.encode()  # it can be printed


@pytest.mark.parametrize(("values", "problem"), UNUSABLE)
def test_a_plan_of_a_site_is_refused_in_the_same_words(
    values: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidPlan) as refused:
        plan(**values)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"window": 90}, "“window” of “counting” is 90; a timedelta is needed"),
        ({"seed": "7"}, "“seed” of “counting” is '7'; a int is needed"),
        ({"config": None}, "“config” of “counting” is None; a dict is needed"),
        ({"recipe": plan}, "“recipe” of “counting” is <function plan at "),
    ],
)
def test_so_is_one_with_a_value_of_another_type(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidPlan) as refused:
        plan(**values)
    assert problem in str(refused.value)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wishes",
    [
        {"period": SHORTEST, "window": SHORTEST, "seed": 0},
        {"period": LONGEST, "window": LONGEST, "seed": MOST_SEED},
    ],
)
def test_up_to_its_bounds_it_is_trained_and_timed(
    shop: Shop, settings: Any, wishes: dict[str, Any]
) -> None:
    settings.PERSONALIZATION_MODELS = {NAME: wishes}
    assert not [each for each in check_settings(None) if "MODELS" in each.msg]
    train_models(now=NOW)
    version = ModelVersion.objects.get()
    assert (version.status, version.error) == (ModelVersion.Status.SERVING, "")
    assert version.seed == wishes["seed"]
    (state,) = model_states(now=NOW)
    assert state.next_at is not None
    assert abs(state.next_at - NOW - wishes["period"]) <= DAY / 2
    assert train_models(now=NOW) == 0


@pytest.mark.django_db
def test_what_json_can_hold_is_kept(shop: Shop) -> None:
    config = {"engines": {"ease": {"l2": 0.5}}, "words": ["é", "\\", None, True], "pair": (1, 2)}
    version = request(plan(config=config, algorithm="a" * 50), now=NOW)
    version.refresh_from_db()
    assert version.config == {**config, "pair": [1, 2]}
