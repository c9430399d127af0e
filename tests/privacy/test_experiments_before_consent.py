"""Experiments and holdouts are personalization: without a yes to it there are none.

What a site answers to who has not agreed is the same, byte by byte, as if nothing ran; nothing
is noted, no cookie is set, and no arm, chance or proof is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client, override_settings

from personalization.events.models import Event
from personalization.experiments.models import Arm, BanditState, Experiment
from personalization.profiles.models import Profile
from personalization.profiles.visitor import new_visitor_id, signed
from personalization.testing import exposures_at_once, memory_buffer
from tests.conftest import BROWSER
from tests.delivery.people import Person, make_person, make_segments, make_variation
from tests.delivery.recommending import look_at, make_items
from tests.delivery.showing import written
from tests.ingest.sending import consent

pytestmark = pytest.mark.django_db

PAGES = ("bare/keyed", "bare/slot", "bare/admin", "bare/beside")
DECIDED = {"slots": ["strip"], "page": {"path": "/"}}
HOLDOUTS = {"PERSONALIZATION_HOLDOUT": 0.5, "PERSONALIZATION_GLOBAL_HOLDOUT": 0.5}
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
#: What belongs to one answer, whatever runs: it has another one each time.
_ITS_OWN = ("decision_id",)


def _client(cookies: dict[str, str], **headers: str) -> Client:
    client = Client(headers={"user-agent": BROWSER, "origin": "http://testserver", **headers})
    client.cookies.load(cookies)
    return client


def _member(*consents: str) -> Person:
    person = make_person("a", consents=consents)
    look_at(person, "hat")
    return person


def _nobody() -> Client:
    return _client({})


def _id_of_nobody() -> Client:
    answer = {"pz_consent": "1.analytics-personalization"}
    return _client({"pz_id": signed(new_visitor_id()), **answer})


def _refused() -> Client:
    """Their cookies say another thing, as those of an old tab."""
    return _client(_member().cookies)


def _only_counted() -> Client:
    cookies = {**_member("analytics").cookies, "pz_consent": "1.analytics"}
    return _client(cookies)


def _withdrawn() -> Client:
    """They have kept the cookies of before."""
    cookies = _member("analytics", "personalization").cookies
    consent(_client(cookies))
    return _client(cookies)


def _objects() -> Client:
    """What was presumed of them ends with the signal of their browser."""
    person = _member("analytics", "personalization")
    return _client({"pz_id": person.cookies["pz_id"]}, **{"sec-gpc": "1"})


def _program() -> Client:
    return _client(_member("analytics", "personalization").cookies, **{"user-agent": CRAWLER})


WHO: dict[str, Callable[[], Client]] = {
    "nobody": _nobody,
    "an id that the site knows nothing of": _id_of_nobody,
    "who refused": _refused,
    "who is only counted": _only_counted,
    "who took it back": _withdrawn,
    "whose browser objects": _objects,
    "a program": _program,
}


@pytest.fixture(autouse=True)
def _site() -> None:
    make_segments("a", "b")
    make_items("hat", "shoe")
    make_variation("a", "offer", slot="strip")


@contextmanager
def running() -> Iterator[None]:
    """Run one of everything: two contents, two models, a bandit, and both holdouts."""
    for slug, kind, contents in (
        ("which", "variations", ["", f"variation:{_variation()}"]),
        ("models", "models", ["recommend:0", "recommend:1"]),
    ):
        fields = {"slug": slug, "name": slug, "kind": kind, "status": "running"}
        place = "strip" if kind == "variations" else ""
        experiment = Experiment.objects.create(**fields, place=place, allocation="linucb")
        for n, content in enumerate(contents):
            Arm.objects.create(experiment=experiment, key=f"arm{n}", position=n, content=content)
        BanditState.objects.create(experiment=experiment, content=_state())
    with override_settings(**HOLDOUTS):
        yield
    Experiment.objects.all().delete()


def _variation() -> int:
    return make_variation("b", "other", slot="strip").pk


def _state() -> dict[str, Any]:
    features = {"names": ["segment.a"], "means": [0.5], "scales": [0.5]}
    return {"kind": "linucb", "arms": ["arm0", "arm1"], "features": features, "models": None}


def answers(client: Client) -> dict[str, Any]:
    """Return all that the site answers, without what is another one each time."""
    with override_settings(
        ROOT_URLCONF="tests.delivery.pages",
        MIDDLEWARE=["personalization.delivery.middleware.PersonalizationMiddleware"],
    ):
        found = {path: client.get(f"/{path}") for path in PAGES}
    decided = client.post("/p/v1/decide", json.dumps(DECIDED), content_type="application/json")
    found["decide"] = decided
    found["fragment"] = client.get("/p/v1/slots/strip")
    found["list"] = client.get("/p/v1/recommend?place=home&html=1")
    assert not any(answer.cookies for answer in found.values())
    return {name: _same(answer) for name, answer in found.items()}


def _same(answer: Any) -> Any:
    assert answer.status_code in (200, 204)
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
    if answer["Content-Type"] == "application/json":
        return headers, _without(answer.json())
    return headers, answer.content.decode().rpartition(" ")[0]


def _without(told: Any) -> Any:
    if isinstance(told, list):
        return [_without(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {name: _without(each) for name, each in told.items() if name not in _ITS_OWN}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("mode", ["standard", "strict", "exempt"])
def test_who_has_not_agreed_meets_no_experiment_and_no_holdout(who: str, mode: str) -> None:
    client, profiles = WHO[who](), Profile.objects.count()
    with override_settings(PERSONALIZATION_PRIVACY=mode), memory_buffer(), exposures_at_once():
        before = answers(client)
        with running():
            after = answers(client)
        assert [event for event in written() if "assigned" in event["properties"]] == []
    # The revision of what is published is told in no page of who gets no part of it.
    assert after == before
    assert "assigned" not in json.dumps(after)
    assert not Event.objects.filter(name__endswith="Shown").exists()
    assert Profile.objects.count() == profiles


def test_who_has_agreed_meets_them() -> None:
    """Else the test above would hold of a site where nothing runs."""
    with memory_buffer(), exposures_at_once(), running():
        found = answers(_client(_member("analytics", "personalization").cookies))
        arms = [set(event["properties"].get("assigned", {})) for event in written()]
    assert {"global"} <= set().union(*arms)
    assert '"assigned"' in json.dumps(found)
