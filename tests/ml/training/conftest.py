from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training import plans
from personalization.ml.training.attempts import request, take
from personalization.ml.training.plans import Plan
from personalization.ml.training.train import Mode, train
from personalization.registry import Registry
from tests.ml.training import counting
from tests.ml.training.counting import Kitchen
from tests.ml.training.visitors import Does, MakeProfile, doing, visitors

#: In the middle of a day, in the time zone of the tests as elsewhere.
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))


@pytest.fixture
def kitchen(monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    fresh = Kitchen()
    monkeypatch.setattr(counting, "kitchen", fresh)
    return fresh


@pytest.fixture
def shop(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the plans that are given be all that there are; at first, one that counts."""

    def have(*wanted: Plan) -> None:
        sources: Registry[Callable[[], list[Plan]]] = Registry("source of plans")
        sources.register("tests")(lambda: list(wanted))
        monkeypatch.setattr(plans, "plan_sources", sources)

    have(counting.plan())
    return have


@pytest.fixture
def trained(shop: Callable[..., None]) -> Callable[..., ModelVersion]:
    """Train a model at an instant, and return the version as it stands then."""

    def make(plan: Plan | None = None, *, now: datetime = NOW, mode: Mode = "auto") -> ModelVersion:
        plan = plan or counting.plan()
        attempt = take(request(plan, now=now), now=now)
        assert attempt is not None
        return train(attempt, plan, mode=mode)

    return make


def damage(version: ModelVersion) -> None:
    """Change a byte of the artefact, as a broken disk does."""
    artefact = ModelArtefact.objects.get(version=version)
    content = bytearray(artefact.content)
    content[len(content) // 2] ^= 1
    artefact.content = bytes(content)
    artefact.save()


@pytest.fixture
def visitor(make_profile: MakeProfile) -> MakeProfile:
    return visitors(make_profile)


@pytest.fixture
def does(make_event: Callable[..., object]) -> Does:
    return doing(make_event)
