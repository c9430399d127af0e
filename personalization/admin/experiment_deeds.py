"""What is done with experiments in the admin: begun and ended, by POST and for the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization.admin.experiment_contents import about, known_for
from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin
from personalization.delivery.rule_arms import NoSuchVersion, drop_rule_arms, keep_rule_arms
from personalization.experiments.lifecycle import CannotStart, NotRunning
from personalization.experiments.lifecycle import start as start_experiment
from personalization.experiments.lifecycle import stop as stop_experiment
from personalization.experiments.models import Experiment
from personalization.experiments.validation import Known

View = Callable[..., HttpResponse]
#: Words of a conclusion that are kept.
_LONGEST = 2000


def pages(model_admin: ModelAdmin) -> Mapping[str, tuple[str, View]]:
    """Return what is asked of an experiment, by the names of the addresses."""
    return {
        "start": ("<int:pk>/start/", partial(start, model_admin)),
        "stop": ("<int:pk>/stop/", partial(stop, model_admin)),
    }


def may_run(request: HttpRequest) -> bool:
    """Return whether the user may start and stop experiments."""
    return request.user.has_perm("personalization.run_experiment")


def start(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Let visitors in, or say what is in the way."""
    experiment = _asked(request, pk)
    if experiment is None:
        return gone(request, Experiment)
    try:
        with transaction.atomic():
            begun = start_experiment(experiment, now=timezone.now(), known=known_of(experiment))
            keep_rule_arms(begun)
    except CannotStart as error:
        for fault in error.faults:
            messages.error(request, fault.message)
        return page_of(experiment)
    except NoSuchVersion as error:
        messages.error(request, str(error))
        return page_of(experiment)
    model_admin.log_change(request, begun, _("Started"))
    messages.success(request, _("“%(name)s” runs now.") % {"name": begun})
    return page_of(begun)


def stop(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Let nobody in any more."""
    experiment = _asked(request, pk)
    if experiment is None:
        return gone(request, Experiment)
    conclusion = request.POST.get("conclusion", "").strip()[:_LONGEST]
    try:
        with transaction.atomic():
            ended = stop_experiment(experiment, now=timezone.now(), conclusion=conclusion)
            drop_rule_arms(ended)
    except NotRunning as error:
        messages.warning(request, str(error))
        return page_of(experiment)
    model_admin.log_change(request, ended, _("Stopped"))
    messages.success(
        request, _("“%(name)s” is stopped: all see what they would see without it.") % {"name": ended}
    )  # fmt: skip
    return page_of(ended)


def known_of(experiment: Experiment) -> Known:
    """Return what a kept experiment may name."""
    arms = experiment.arms.order_by("position", "pk").values_list("content", flat=True)
    return known_for(about(experiment, list(arms)))


def page_of(experiment: Experiment) -> HttpResponse:
    address = reverse("admin:personalization_experiment_change", args=(experiment.pk,))
    return HttpResponseRedirect(address)


def _asked(request: HttpRequest, pk: int) -> Experiment | None:
    if request.method != "POST" or not may_run(request):
        raise PermissionDenied
    return Experiment.objects.filter(pk=pk).first()
