"""Buttons that stand outside their form work from when they can be seen.

A browser shows a page while the rest of it still arrives, and a button whose form is not there
yet does nothing: whoever presses it waits for ever.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.experiments.models import Experiment
from personalization.ml.training.attempts import request
from personalization.segments.models import Webhook
from tests.admin.experiments import experiment, hero, metric, page, said
from tests.ml.training.conftest import DAY, kitchen, shop, trained
from tests.ml.training.counting import plan

__all__ = ["experiment", "hero", "kitchen", "metric", "shop", "trained"]

pytestmark = pytest.mark.django_db
VERSION = "admin:personalization_modelversion_change"


def forms_of_buttons(text: str) -> set[str]:
    """Return the forms of what stands outside of them; each begins before all that is its."""
    ids = set(re.findall(r' form="([\w-]+)"', text))
    for each in ids:
        assert text.index(f' id="{each}"') < text.index(f' form="{each}"')
    return ids


def test_the_test_of_a_webhook(owner: Client) -> None:
    webhook = Webhook.objects.create(name="CRM", url="https://crm.example/hook", secret="whsec_a")
    address = reverse("admin:personalization_webhook_change", args=[webhook.pk])
    assert forms_of_buttons(said(owner.get(address))) == {"pz-ping"}


def test_start_and_stop_of_an_experiment(owner: Client, experiment: Experiment) -> None:
    assert forms_of_buttons(said(owner.get(page("change", experiment.pk)))) == {"pz-start"}
    owner.post(page("start", experiment.pk))
    assert forms_of_buttons(said(owner.get(page("change", experiment.pk)))) == {"pz-stop"}


def test_deeds_of_a_model(owner: Client, trained: Any) -> None:
    now = timezone.now()
    trained(now=now - DAY)
    serving, other = trained(now=now), trained(mode="never", now=now)
    asked = request(plan(), now=now)
    assert [
        forms_of_buttons(said(owner.get(reverse(VERSION, args=[version.pk]))))
        for version in (serving, other, asked)
    ] == [{"pz-roll-back"}, {"pz-promote"}, {"pz-stop"}]
