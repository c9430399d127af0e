"""A worker that is really killed in the middle loses nothing but its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.attempts import LEASE, LOST_REMARK
from personalization.ml.training.train import train_models
from personalization.ml.training.versions import serving
from tests.housekeeping.repository import ROOT
from tests.ml.training.conftest import MINUTE
from tests.ml.training.counting import NAME

pytestmark = [
    pytest.mark.slow, pytest.mark.postgres, pytest.mark.django_db(transaction=True),
]  # fmt: skip

WORKER = """
import sys, time
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from django.utils import timezone
from personalization.ml.training import plans
from personalization.ml.training.train import train_models
from personalization.registry import Registry
from tests.ml.training import counting

def half_way(order):
    print("half way", flush=True)
    time.sleep(600)

counting.kitchen.meanwhile = half_way
plans.plan_sources = Registry("source of plans")
plans.plan_sources.register("tests")(lambda: [counting.plan()])
train_models(now=timezone.now())
"""


def test_the_next_worker_begins_anew_what_a_killed_one_had(shop: Callable[..., None]) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, connection.settings_dict["NAME"]],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    try:
        assert worker.stdout.readline() == "half way\n"
        now = timezone.now()
        assert train_models(now=now) == 0  # somebody is at it
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
    version = ModelVersion.objects.get()
    assert (version.status, version.progress) == (ModelVersion.Status.TRAINING, 0.25)
    assert not ModelArtefact.objects.exists()
    assert train_models(now=now + LEASE + MINUTE) == 1
    version.refresh_from_db()
    assert serving(NAME) == version
    assert LOST_REMARK in version.remarks
    assert ModelArtefact.objects.count() == 1
