"""What a look found is kept as JSON, read again as it was, and told as the health of a model."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from personalization.ml.models import ModelVersion
from personalization.ml.training.drifting import keep
from personalization.ml.training.list_clicks import Clicked, Clicks
from personalization.ml.training.model_health import ModelHealth, health_of, models_health
from personalization.ml.training.watched import MARK, SCORE, Calibration, Slow, Watched
from personalization.ml.verdicts import CalibrationDrift, ColumnDrift, Verdict, worst_of
from tests.ml.training.conftest import DAY, NOW

VERSION = ModelVersion(name="propensity.order", number=3)


def column(name: str, verdict: Verdict = "steady", psi: float = 0.05) -> ColumnDrift:
    return ColumnDrift(name=name, rows=500, psi=psi, ks=0.1, verdict=verdict)


def said(verdict: Verdict = "steady", *, own: bool = False, rows: int = 400) -> Calibration:
    drift = CalibrationDrift(rows=rows, then=0.01, now=0.02, by_chance=0.015, verdict=verdict)
    return Calibration(drift=drift, since=NOW - 21 * DAY, until=NOW - 7 * DAY, own=own)


def clicks() -> Clicks:
    return Clicks(
        since=NOW - 30 * DAY,
        own=Clicked(by="recommend 3", lists=1000, clicked=50),
        popularity=Clicked(by="popularity", lists=1000, clicked=100),
        others=(Clicked(by="recommend 2", lists=10, clicked=1),),
    )


WHOLE = Watched(
    version=VERSION,
    at=NOW,
    columns=(column("pages.count", "moved", 0.2), column("visits.count"), column(SCORE)),
    slow=Slow(since=NOW - 30 * DAY, columns=(column("visits.count", "drifted", 0.6),)),
    calibration=said("moved"),
    clicks=clicks(),
)


@pytest.mark.parametrize(
    "found",
    [WHOLE, Watched(version=VERSION, at=NOW), Watched(version=VERSION, at=NOW, problem="Gone.")],
)
def test_what_was_written_is_read_again(found: Watched) -> None:
    version = ModelVersion(
        name="propensity.order", number=3, watched=json.loads(json.dumps(found.written()))
    )
    assert Watched.read(version) == replace(found, version=version)


@pytest.mark.parametrize("stored", [{}, {"at": "yesterday"}, {"at": NOW.isoformat()}, [], None])
def test_what_is_of_another_shape_is_nothing(stored: Any) -> None:
    version = ModelVersion(name="propensity.order", number=3, watched=stored)
    assert Watched.read(version) is None
    assert health_of(version) == ModelHealth(version=version)


def test_a_column_of_another_shape_is_nothing() -> None:
    written = WHOLE.written()
    odd: Any = {**written, "columns": [{"name": "pages.count"}]}
    assert Watched.read(ModelVersion(name="x", number=1, watched=odd)) is None


def test_the_verdict_is_the_worst_of_all() -> None:
    assert WHOLE.verdict == "drifted"
    assert replace(WHOLE, slow=None).verdict == "moved"
    assert replace(WHOLE, slow=None, columns=(), calibration=said()).verdict == "steady"
    assert worst_of([]) == worst_of(["unknown"]) == "unknown"


@pytest.mark.parametrize(
    ("fields", "outgrown"),
    [
        ({}, False),
        ({"columns": (column("pages.count", "drifted"),)}, True),
        ({"calibration": said("drifted")}, False),
        ({"calibration": said("drifted", own=True)}, True),
        ({"calibration": said("moved", own=True)}, False),
    ],
    ids=["slowly", "sees", "others said", "said itself", "not so much"],
)
def test_only_what_a_training_changes_asks_for_one(fields: Any, outgrown: bool) -> None:
    assert replace(WHOLE, **fields).is_outgrown is outgrown


def test_all_that_moved_is_told() -> None:
    assert WHOLE.remarks() == [
        f"{MARK}“pages.count” is moved (PSI 0.20, KS 0.10).",
        f"{MARK}since 2026-01-31 “visits.count” is drifted (PSI 0.60, KS 0.10).",
        f"{MARK}its probabilities from 2026-02-09 to 2026-02-23 were off by 0.020 on average, 0.010 "
        "when they were trained (400 rows).",
        f"{MARK}Its lists lead to an item in 5.0% (3.8% to 6.5%), those of popularity in 10.0% "
        "(8.3% to 12.0%).",
    ]
    assert WHOLE.figures() == {
        "drift_psi": 0.2, "drift_ks": 0.1, "drift_slow_psi": 0.6, "drift_ece": 0.02,
    }  # fmt: skip


def test_too_few_scores_say_when_they_are_known() -> None:
    assert said("unknown", rows=12).sentence() == (
        "12 scores from 2026-02-09 to 2026-02-23 can be judged, needs 200; what came of later ones "
        "is not known yet."
    )


# -- health ------------------------------------------------------------------------------------


def test_health_is_what_the_last_look_found() -> None:
    found = health_of(ModelVersion(name="propensity.order", number=3, watched=WHOLE.written()))
    assert found.checked_at == NOW
    assert (found.inputs, found.scores, found.slowly) == ("moved", "steady", "drifted")
    assert found.furthest == WHOLE.columns[0]
    assert found.calibration is not None
    assert found.calibration.drift.rows == 400
    assert found.clicks is not None
    assert found.clicks.beside_popularity == "worse"
    assert list(found.remarks) == WHOLE.remarks()


def test_of_what_nobody_looked_at_nothing_is_known() -> None:
    found = health_of(ModelVersion(name="churn", number=1))
    assert (found.checked_at, found.verdict, found.furthest) == (None, "unknown", None)
    assert found.slowly == "unknown"


@pytest.mark.django_db
def test_every_model_that_serves_is_there(django_assert_num_queries: Any) -> None:
    serving = ModelVersion.Status.SERVING
    for name in ("recommend", "churn"):
        ModelVersion.objects.create(name=name, number=2, status=serving)
        ModelVersion.objects.create(name=name, number=1, status=ModelVersion.Status.RETIRED)
    version = ModelVersion.objects.get(name="churn", number=2)
    keep(replace(WHOLE, version=version))
    with django_assert_num_queries(1):
        found = models_health()
    assert [(str(each.version), each.checked_at) for each in found] == [
        ("churn 2", NOW), ("recommend 2", None),
    ]  # fmt: skip
