"""The model that serves, as a process has it."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.ml.artefact import checksum, packed
from personalization.ml.history import history_of
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.recommenders.markov import MarkovConfig
from personalization.ml.serving.engine import engine
from personalization.ml.serving.loaded import FRESH, UNUSED, loaded, loaded_version, serving
from personalization.ml.serving.rerank import Rule, listing_of
from personalization.ml.serving.shelf import shelf_of
from tests.delivery.rendering import counted
from tests.housekeeping.repository import ROOT
from tests.ml.serving.making import item
from tests.ml.serving.stored import RETIRED, SERVING, serve_what_follows, spoil, store, what_follows

NOW = timezone.now()
LEADS = {"a": ["b", "c"], "b": ["c"]}

pytestmark = pytest.mark.django_db


def best(now=NOW) -> list[str]:
    """Return what follows from a by what serves."""
    found = engine(now=now)
    assert found is not None
    listing = listing_of(shelf_of(item(key) for key in "abcd"), rules=())
    ranking = found.ranking(history_of("a"), listing)
    return [key for key, _ in ranking.best(3)] if ranking else []


def test_without_a_version_nothing_serves():
    assert serving("recommend", now=NOW) is None
    assert engine(now=NOW) is None


@pytest.mark.parametrize("status", [s for s in ModelVersion.Status if s != SERVING])
def test_a_version_that_does_not_serve_does_not(status):
    store(what_follows(LEADS), status=status)
    assert serving("recommend", now=NOW) is None


def test_the_version_that_serves_is_loaded_as_it_was_learned():
    serve_what_follows(LEADS, number=3)
    assert loaded("recommend", now=NOW).number == 3
    assert best() == ["b", "c"]


def test_each_name_has_a_model_of_its_own():
    store(what_follows(LEADS), name="recommend")
    store(what_follows({"a": ["d"]}), name="another", number=5)
    assert loaded("another", now=NOW).number == 5
    assert loaded("recommend", now=NOW).number == 1


def test_while_nothing_changes_it_costs_one_query_now_and_then():
    serve_what_follows(LEADS)
    first = serving("recommend", now=NOW)
    with CaptureQueriesContext(connection) as captured:
        assert serving("recommend", now=NOW + FRESH / 2) is first
        assert serving("recommend", now=NOW + FRESH) is first
    assert len([q for q in captured if "SAVEPOINT" not in q["sql"]]) == 1


def test_another_version_serves_within_seconds_and_so_does_the_one_before_again():
    one = serve_what_follows(LEADS)
    assert best() == ["b", "c"]
    other = serve_what_follows({"a": ["d", "c"]}, number=2)
    assert best() == ["b", "c"]
    assert best(NOW + FRESH) == ["d", "c"]
    ModelVersion.objects.filter(pk=other.pk).update(status=RETIRED)
    ModelVersion.objects.filter(pk=one.pk).update(status=SERVING)
    assert best(NOW + 2 * FRESH) == ["b", "c"]


def test_a_model_that_serves_no_more_goes_from_memory_with_its_engine():
    gone = []
    for number in range(1, 4):
        serve_what_follows(LEADS, number=number)
        at = NOW + number * FRESH
        assert best(at) == ["b", "c"]
        gone += [weakref.ref(serving("recommend", now=at)), weakref.ref(engine(now=at))]
    gc.collect()
    assert [each() is None for each in gone] == [True] * 4 + [False] * 2


def test_a_spoilt_version_leaves_it_to_the_one_that_served_last(caplog):
    serve_what_follows(LEADS, number=1)
    serve_what_follows({"a": ["d"]}, number=2)
    spoil(serve_what_follows({"a": ["c"]}, number=3))
    before = counted("models.corrupt")
    assert best() == ["d"]
    assert loaded("recommend", now=NOW).number == 2
    assert counted("models.corrupt") == before + 1
    assert "recommend 3 cannot be read" in caplog.text


def test_a_spoilt_version_is_tried_once_until_another_one_serves():
    spoil(serve_what_follows(LEADS))
    before = counted("models.corrupt")
    for seconds in range(0, 60, 6):
        assert serving("recommend", now=NOW + timedelta(seconds=seconds)) is None
    assert counted("models.corrupt") == before + 1
    serve_what_follows(LEADS, number=2)
    # The one that was spoilt is no longer asked for.
    assert best(NOW + timedelta(minutes=2)) == ["b", "c"]


def test_a_version_of_a_configuration_that_is_allowed_no_more_is_spoilt_too(monkeypatch):
    serve_what_follows(LEADS, number=1)
    model = what_follows({"a": ["d"]})
    model.config = MarkovConfig(half_life=7)
    store(model, number=2)
    monkeypatch.setattr(MarkovConfig, "bounds", {"half_life": (10, 100)})
    assert loaded("recommend", now=NOW).number == 1
    assert best() == ["b", "c"]


def test_a_version_whose_artefact_is_gone_is_spoilt_too():
    serve_what_follows(LEADS, number=1)
    version = serve_what_follows(LEADS, number=2)
    ModelArtefact.objects.filter(version=version).delete()
    assert loaded("recommend", now=NOW).number == 1


def test_a_model_that_is_no_recommender_recommends_nothing(monkeypatch):
    monkeypatch.setattr("personalization.ml.serving.engine.NAME", "other")
    assert engine(now=NOW) is None


def test_rules_weigh_what_the_model_says():
    serve_what_follows({"a": ["b", "b", "c"]})
    shelf = shelf_of([item("a"), item("b"), item("c", tags=("new",))])
    found = engine(now=NOW)
    assert found is not None

    def order(*rules: Rule) -> list[str]:
        ranking = found.ranking(history_of("a"), listing_of(shelf, rules=rules))
        return [key for key, _ in ranking.best(3)]

    assert order() == ["b", "c"]
    assert order(Rule(action="boost", target="tag", value="new", factor=50.0)) == ["c", "b"]
    assert order(Rule(action="exclude", target="item", value="b")) == ["c"]
    pin = Rule(action="pin", target="tag", value="new")
    listing = listing_of(shelf, rules=(pin,))
    ranking = found.ranking(history_of("a"), listing)
    ((_, keys),) = listing.pins
    assert [key for key, _ in ranking.best_of(keys, 1)] == ["c"]


def test_what_an_item_leads_to_is_what_scores_more_because_of_it():
    serve_what_follows(LEADS)
    found = engine(now=NOW)
    assert found is not None
    listing = listing_of(shelf_of([item("a")]), rules=())
    ranking, again = (found.ranking(history_of("a"), listing) for _ in range(2))
    assert ranking is not None
    assert again is not None
    assert list(ranking.led_by("a")) == ["b", "c"]
    assert ranking.led_by("b").keys() == {"c"}
    assert ranking.led_by("never seen") == {}
    assert ranking.led_by("a") is again.led_by("a"), "it is worked out once"


def test_a_history_that_says_nothing_has_no_ranking():
    serve_what_follows(LEADS)
    found = engine(now=NOW)
    assert found is not None
    listing = listing_of(shelf_of([item("a")]), rules=())
    assert found.ranking(history_of("never seen"), listing) is None


PROGRAM = """
import json, sys
from django.conf import settings
settings.configure(
    SECRET_KEY="only-for-tests",
    ROOT_URLCONF="personalization.urls",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework",
                    "personalization"],
)
import django
django.setup()
import personalization.delivery.middleware
import personalization.templatetags.personalization
import personalization.shortcuts
from django.urls import get_resolver
assert get_resolver().url_patterns
before = {"numpy", "scipy", "sklearn"} & set(sys.modules)

from personalization.ml.artefact import checksum, unpacked
from personalization.ml.artefact import checksum, packed
from personalization.ml.history import history_of
from personalization.ml.recommenders.markov import MarkovConfig
from personalization.ml.serving.engine import Engine
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.recommend import Ask, recommend
from personalization.ml.serving.shelf import ShelfItem, shelf_of
content = sys.stdin.buffer.read()
scorer = Engine(unpacked(content, sha256=checksum(content)), version=9)
found = recommend(
    Ask(n=2, history=history_of("a")),
    items=shelf_of(ShelfItem(key=key) for key in "abc"), famous=Popular(), scorer=scorer,
)
print(json.dumps({
    "before": sorted(before),
    "after": sorted({"scipy", "sklearn"} & set(sys.modules)),
    "found": [[one.item.key, one.model_version, one.reason.code] for one in found],
}))
"""


def test_the_web_process_scores_without_scipy_and_scikit_learn_and_starts_without_numpy():
    version = serve_what_follows(LEADS)
    content = bytes(ModelArtefact.objects.get(version=version).content)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, input=content, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    assert json.loads(run.stdout) == {
        "before": [],
        "after": [],
        "found": [["b", 9, "viewed"], ["c", 9, "viewed"]],
    }


# -- a version by its number ------------------------------------------------------------------


def best_of(number: int, now=NOW) -> list[str]:
    found = engine(now=now, number=number)
    assert found is not None
    assert found.version == number
    listing = listing_of(shelf_of(item(key) for key in "abcd"), rules=())
    ranking = found.ranking(history_of("a"), listing)
    return [key for key, _ in ranking.best(3)] if ranking else []


def test_a_version_that_does_not_serve_is_loaded_by_its_number():
    store(what_follows({"a": ["d"]}), number=1, status=ModelVersion.Status.CANDIDATE)
    serve_what_follows(LEADS, number=2)
    assert (best_of(1), best_of(2), best()) == (["d"], ["b", "c"], ["b", "c"])


def test_a_number_without_a_version_that_can_be_read_is_no_model():
    version = store(what_follows(LEADS), number=1, status=RETIRED)
    before = counted("models.corrupt")
    spoil(version)
    assert engine(now=NOW, number=1) is None
    assert counted("models.corrupt") == before + 1
    assert engine(now=NOW, number=9) is None
    ModelArtefact.objects.all().delete()
    assert engine(now=NOW + FRESH, number=1) is None


def test_a_version_is_kept_and_looked_at_again_with_one_query():
    store(what_follows(LEADS), number=1, status=RETIRED)
    first = engine(now=NOW, number=1)
    with CaptureQueriesContext(connection) as captured:
        assert engine(now=NOW, number=1) is first
        assert len(captured) == 0
        assert engine(now=NOW + FRESH, number=1) is first
    assert len([one for one in captured if "SAVEPOINT" not in one["sql"]]) == 1


def test_a_version_that_nobody_asks_for_any_more_goes_from_memory():
    """As those do that an experiment compared which is over."""
    store(what_follows(LEADS), number=1, status=RETIRED)
    store(what_follows(LEADS), number=2, status=RETIRED)
    serve_what_follows(LEADS, number=3)
    gone, stays = (
        weakref.ref(loaded_version("recommend", number, now=NOW).model) for number in (1, 2)
    )
    last = NOW + UNUSED / 2
    assert best_of(2, last) == best(last)
    assert best(NOW + UNUSED) == ["b", "c"]
    gc.collect()
    assert (gone() is None, stays() is None) == (True, False)
    assert best_of(1, NOW + UNUSED) == ["b", "c"], "it is read again for who does ask"


def test_a_version_that_is_stored_anew_is_read_anew():
    """As it is when somebody it has learned from was erased."""
    version = store(what_follows(LEADS), number=1, status=RETIRED)
    assert best_of(1) == ["b", "c"]
    content = packed(what_follows({"a": ["d"]}))
    ModelArtefact.objects.filter(version=version).update(content=content)
    ModelVersion.objects.filter(pk=version.pk).update(checksum=checksum(content))
    assert best_of(1) == ["b", "c"]
    assert best_of(1, NOW + FRESH) == ["d"]
