"""The page of a version tells what it chose: engines and weights, or a predictor; and its drift."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.admin import model_insides
from personalization.admin.model_insides import chosen, settings_words
from personalization.ml.models import ModelVersion
from personalization.ml.training.insides import (
    BestInsides,
    Engine,
    NoInsides,
    StackInsides,
    Tried,
)
from personalization.ml.training.watched import Slow, Watched
from personalization.ml.verdicts import ColumnDrift, Verdict

pytestmark = pytest.mark.django_db

STACK = StackInsides(
    lengths=(1, 2, 3, 5, 10, 20),
    engines=(
        Engine(name="vstan", shares=(0.8, 0.8, 0.8, 0.95, 0.95, 1.0), ndcg=0.405, config={"k": 9}),
        Engine(name="markov", ndcg=0.372, config={}),
        Engine(name="popularity", shares=(0.2, 0.2, 0.2, 0.05, 0.004, 0.0), ndcg=0.219, config={}),
    ),
    together=0.402,
    popularity=0.219,
    questions=275,
)
BEST = BestInsides(
    algorithm="boosting",
    config={"depth": 3},
    calibration="isotonic",
    tried=(
        Tried(algorithm="boosting", config={"depth": 3}, loss=0.2496),
        Tried(algorithm="logistic", config={}, loss=0.2708),
    ),
)


@pytest.fixture
def version() -> ModelVersion:
    return ModelVersion.objects.create(
        name="recommend", number=1, algorithm="stack", status="serving", checksum="0" * 64,
        metrics={"ndcg_20": 0.3759, "popularity.ndcg_20": 0.2075, "drift_psi": 0.31},
        remarks=["“ials” is left out: too few."],
    )  # fmt: skip


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let versions have chosen what is given."""

    def have(what: StackInsides | BestInsides | NoInsides) -> None:
        def insides_of(version: ModelVersion) -> Any:
            if isinstance(what, NoInsides):
                raise what
            return what

        monkeypatch.setattr(model_insides, "insides_of", insides_of)

    return have


def page_of(client: Client, version: ModelVersion) -> str:
    address = reverse("admin:personalization_modelversion_change", args=[version.pk])
    response = client.get(address)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def lines(version: ModelVersion) -> Mapping[str, Any]:
    return {line["name"]: line for line in chosen(version)["stack"]["lines"]}


# -- engines -------------------------------------------------------------------------------


def test_each_engine_is_told_with_its_share_at_each_length(
    version: ModelVersion, found: Any
) -> None:
    found(STACK)
    told = lines(version)
    assert told["vstan"]["shares"] == ["80 %", "80 %", "80 %", "95 %", "95 %", "100 %"]
    assert told["popularity"]["shares"] == ["20 %", "20 %", "20 %", "5 %", "< 1 %", "–"]
    assert told["markov"]["shares"] == []
    assert chosen(version)["stack"]["lengths"] == ["1", "2", "3–4", "5–9", "10–19", "20 and more"]


def test_what_alone_is_more_than_popularity_is_marked(version: ModelVersion, found: Any) -> None:
    found(STACK)
    told = lines(version)
    assert [name for name, line in told.items() if line["is_better"]] == ["vstan", "markov"]


def test_the_page_has_the_table_with_popularity_beside(
    owner: Client, version: ModelVersion, found: Any
) -> None:
    found(STACK)
    text = page_of(owner, version)
    assert "All together reached an NDCG@20 of 0.402, popularity alone 0.219, in 275" in text
    assert "0.405 ↑" in text
    assert "is not used: it adds nothing to the others" in text
    assert "<dt>vstan</dt><dd>k 9</dd>" in text
    assert "“ials” is left out: too few." in text


def test_weights_as_shipped_say_so(owner: Client, version: ModelVersion, found: Any) -> None:
    engines = (Engine(name="popularity", shares=(1.0,) * 6, config={}),)
    found(
        StackInsides(
            lengths=STACK.lengths, engines=engines, together=None, popularity=None, questions=0
        )
    )
    text = page_of(owner, version)
    assert "Weights are as shipped" in text
    assert "All together reached" not in text


# -- predictors ----------------------------------------------------------------------------


def test_the_algorithm_and_the_calibration_are_told(
    owner: Client, version: ModelVersion, found: Any
) -> None:
    found(BEST)
    text = page_of(owner, version)
    assert "Of 2 that were tried, “boosting” did best." in text
    assert "made true by isotonic regression" in text
    assert "0.2708" in text
    assert "depth 3" in text


@pytest.mark.parametrize(
    ("calibration", "said"),
    [("none", "are used as they are"), ("sigmoid", "Platt"), ("own", "own")],
)
def test_every_calibration_has_its_words(
    version: ModelVersion, found: Any, calibration: str, said: str
) -> None:
    found(BestInsides(algorithm="a", config={}, calibration=calibration, tried=()))
    assert said in str(chosen(version)["best"]["calibration"])


# -- nothing to tell -----------------------------------------------------------------------


def test_what_cannot_be_read_says_why(owner: Client, version: ModelVersion, found: Any) -> None:
    found(NoInsides("The artefact of recommend 1 is not kept any more."))
    assert "The artefact of recommend 1 is not kept any more." in page_of(owner, version)


def test_what_chooses_nothing_has_no_such_part(owner: Client, version: ModelVersion) -> None:
    ModelVersion.objects.update(algorithm="sequences")
    version.refresh_from_db()
    assert chosen(version) == {}
    assert "What was chosen" not in page_of(owner, version)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, ""),
        ({"half_life": 12.5, "k": 9}, "half life 12.5, k 9"),
        (
            {"terms": {"most": 3}, "kinds": ["a", "b"], "none": []},
            "kinds a b, none –, terms (most 3)",
        ),
    ],
)
def test_settings_are_a_line_of_words(config: Any, words: str) -> None:
    assert settings_words(config) == words


# -- figures and drift -----------------------------------------------------------------------


def column(name: str, verdict: Verdict, psi: float) -> ColumnDrift:
    return ColumnDrift(name=name, rows=500, psi=psi, ks=psi / 2, verdict=verdict)


def test_figures_go_by_their_names_and_say_what_they_mean(
    owner: Client, version: ModelVersion
) -> None:
    text = page_of(owner, version)
    assert "NDCG@20<br>" in text
    assert "how high up in a list of 20 stood what came next" in text
    assert "popularity 0.2075" in text
    assert "ndcg_20" not in text


def test_each_column_has_its_verdict_since_the_training_and_since_long_ago(
    owner: Client, version: ModelVersion
) -> None:
    now = timezone.now()
    slow = Slow(since=now - timedelta(days=30), columns=[column("kinds of events", "moved", 0.2)])
    columns = [column("new items", "drifted", 0.31), column("few", "unknown", 0)]
    version.watched = Watched(version=version, at=now, columns=columns, slow=slow).written()
    version.save()
    text = page_of(owner, version)
    drifted, unknown = (
        next(row for row in text.split("<tr>") if f">{name}<" in row)
        for name in ("new items", "few")
    )
    assert 'pz-state-broken">drifted' in drifted
    assert ">0.31<" in drifted
    assert ">0.00<" not in unknown
    assert 'pz-state-pending">moved' in text
    assert "drift since the training (PSI)" not in text  # it stands in the table


def test_what_nobody_looked_at_has_no_drift(owner: Client, version: ModelVersion) -> None:
    assert "pz-drift-heading" not in page_of(owner, version)


def test_differences_of_figures_go_by_their_names(owner: Client, version: ModelVersion) -> None:
    other = ModelVersion.objects.create(
        name="recommend", number=2, algorithm="stack", status="candidate", checksum="1" * 64,
        metrics={"ndcg_20": 0.4, "popularity.ndcg_20": 0.3},
    )  # fmt: skip
    address = reverse("admin:personalization_modelversion_comparison", args=[version.pk, other.pk])
    text = html.unescape(owner.get(address).content.decode())
    for page in (text, page_of(owner, other)):
        assert "NDCG@20, popularity</th><td>0.2075</td><td>0.3000</td>" in page
        assert "metrics." not in page
        assert "drift since the training" not in page  # of a day, and not of a version
