"""Workers that let the same bandit learn at the same time: one of them counts."""

from __future__ import annotations

import pytest

from personalization.experiments.bandits.update import update_bandits
from personalization.experiments.models import BanditState
from tests.experiments.bandits.logs import NOW, buyers, log, make_experiment
from tests.ml.training.test_concurrent import at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def test_of_many_updates_at_once_one_publishes_each_time() -> None:
    experiment = make_experiment("usual", "new")
    for update, won in ((1, 13), (2, 48), (3, 100)):
        log(experiment, [*buyers("usual", 24 * update, of=120), *buyers("new", won, of=120)])
        found = at_once(*[lambda: update_bandits(now=NOW)] * 4)
        assert sorted(map(str, found)) == ["0", "0", "0", "1"]
        assert BanditState.objects.get().number == update
