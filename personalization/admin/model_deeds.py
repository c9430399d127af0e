"""What is done with models in the admin: train, stop, promote, roll back; and two compared.

All but the comparison is asked by POST, takes a permission of its own and is told to the
audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization import hints
from personalization.admin.links import changelist, gone
from personalization.admin.model_differences import named
from personalization.admin.model_drift import without_drift
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.ml.models import ModelVersion
from personalization.ml.training.attempts import request as ask_for
from personalization.ml.training.attempts import stop as stop_training
from personalization.ml.training.figures import figures
from personalization.ml.training.known import plan_of
from personalization.ml.training.plans import UnknownPlan
from personalization.ml.training.train import CannotTrain, can_train
from personalization.ml.training.versions import NotPromotable, ServesNoMore, differences
from personalization.ml.training.versions import promote as promote_version
from personalization.ml.training.versions import roll_back as roll_back_model

View = Callable[..., HttpResponse]
_COMPARISON = "admin/personalization/modelversion/comparison.html"


def pages(model_admin: ModelAdmin) -> Mapping[str, tuple[str, View]]:
    """Return the pages below the list, by the names of their addresses."""
    return {
        "train": ("train/", partial(train, model_admin)),
        "promote": ("<int:pk>/promote/", partial(promote, model_admin)),
        "roll_back": ("<int:pk>/roll-back/", partial(roll_back, model_admin)),
        "stop": ("<int:pk>/stop/", partial(stop, model_admin)),
        "comparison": ("<int:pk>/compare/<int:other>/", partial(comparison, model_admin)),
    }


def train(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Ask for a training of the model that is named; a worker begins it soon."""
    _need(request, "train")
    try:
        if not can_train():
            raise CannotTrain
        plan = plan_of(request.POST.get("name", ""))
    except (CannotTrain, UnknownPlan) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(changelist(ModelVersion))
    version = ask_for(plan, now=timezone.now())
    model_admin.log_change(request, version, _("Asked for a training"))
    hints.hint(hints.TRAIN_MODELS)
    messages.success(
        request, _("%(version)s is trained as soon as a worker is free.") % {"version": version}
    )
    return _page_of(version)


def stop(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a training; the worker hears of it when it next tells how far it is."""
    _need(request, "train")
    version = _version(pk)
    if version is None:
        return gone(request, ModelVersion)
    if stop_training(version, by=request.user.get_username(), now=timezone.now()):
        model_admin.log_change(request, version, _("Stopped the training"))
        messages.success(
            request, _("The training of %(version)s is stopped.") % {"version": version}
        )
    else:
        messages.warning(
            request, _("%(version)s is not in training any more.") % {"version": version}
        )
    return _page_of(version)


def promote(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Let a version serve."""
    _need(request, "promote")
    version = _version(pk)
    if version is None:
        return gone(request, ModelVersion)
    try:
        promote_version(version, now=timezone.now())
    except NotPromotable as error:
        messages.error(request, str(error))
        return _page_of(version)
    model_admin.log_change(request, version, _("Promoted"))
    messages.success(request, _("%(version)s serves now.") % {"version": version})
    return _page_of(version)


def roll_back(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Let the version serve that did before the one whose page it is."""
    _need(request, "promote")
    version = _version(pk)
    if version is None:
        return gone(request, ModelVersion)
    try:
        before = roll_back_model(version, now=timezone.now())
    except ServesNoMore:
        messages.error(request, _("%(version)s does not serve any more.") % {"version": version})
        return _page_of(version)
    except NotPromotable as error:
        messages.error(request, str(error))
        return _page_of(version)
    model_admin.log_change(
        request, before, _("Rolled back from version %(n)s") % {"n": version.number}
    )
    messages.success(request, _("%(version)s serves again.") % {"version": before})
    return _page_of(before)


def comparison(model_admin: ModelAdmin, request: HttpRequest, pk: int, other: int) -> HttpResponse:
    """Show what is different between two versions of one model, the older one first."""
    if not may_view(request, ModelVersion):
        raise PermissionDenied
    found = [each for each in (_version(pk), _version(other)) if each is not None]
    if len(found) < 2 or found[0].name != found[1].name:
        return gone(request, ModelVersion)
    one, two = sorted(found, key=lambda version: version.number)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": _version(pk),
        "media": model_admin.media,
        "title": _("From %(one)s to %(two)s") % {"one": one, "two": two},
        "one": one,
        "two": two,
        "differences": named(differences(one, two)),
        "figures": [(each, figures(without_drift(each.metrics))) for each in (one, two)],
    }
    return TemplateResponse(request, _COMPARISON, context)


def _need(request: HttpRequest, action: str) -> None:
    may_do = request.user.has_perm(f"personalization.{action}_modelversion")
    if request.method != "POST" or not may_do:
        raise PermissionDenied


def _version(pk: int) -> ModelVersion | None:
    return ModelVersion.objects.filter(pk=pk).first()


def _page_of(version: ModelVersion) -> HttpResponse:
    address = reverse("admin:personalization_modelversion_change", args=(version.pk,))
    return HttpResponseRedirect(address)
