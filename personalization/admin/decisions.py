"""Where to draw the line: the thresholds of what a version predicts, the cheapest one for given
costs, and a segment of whoever is above one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.figures import rounded
from personalization.admin.found_rules import (
    Adoption,
    Said,
    adopted,
    not_shown,
    refuse_unless_adopting,
    said_of,
    to_page,
)
from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin, may, may_view
from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelVersion
from personalization.ml.training.decisions import Step, cheapest, decisions_of
from personalization.rules.writing import feature, rule
from personalization.segments.models import Segment
from personalization.types import JsonObject

View = Callable[..., HttpResponse]
_PAGE = "admin/personalization/modelversion/decisions.html"
#: Digits of a threshold behind the point: finer ones promise what nobody knows.
_DIGITS = 4


class NoDecisions(PersonalizationError):
    """This version has no thresholds to show."""


class CostForm(forms.Form):
    """What mistakes cost, in one unit of the site's own."""

    in_vain = forms.FloatField(
        label=gettext_lazy("To choose somebody in vain costs"), min_value=0, initial=1
    )
    missed = forms.FloatField(
        label=gettext_lazy("To miss somebody who would have come costs"), min_value=0, initial=10
    )

    def clean(self) -> dict[str, float]:
        found = {name: value for name, value in self.cleaned_data.items() if value is not None}
        if len(found) == len(self.fields) and not any(found.values()):
            raise forms.ValidationError(_("One of the two has to cost something."))
        return found


@dataclass(frozen=True, kw_only=True)
class Line:
    """A threshold as it stands on the page; `place` is where in the version."""

    place: int
    threshold: str
    share: str
    precision: str
    recall: str
    is_cheapest: bool
    said: Said


def pages(model_admin: ModelAdmin) -> Mapping[str, tuple[str, View]]:
    """Return the pages of thresholds, by the names of their addresses."""
    return {
        "decisions": ("<int:pk>/decisions/", partial(decisions, model_admin)),
        "decision_segment": (
            "<int:pk>/decisions/<int:place>/segment/", partial(adopt, model_admin),
        ),
    }  # fmt: skip


def has_decisions(version: ModelVersion) -> bool:
    return bool(decisions_of(version.metrics))


def decisions(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show what each threshold means, and which one costs least."""
    if not may_view(request, ModelVersion):
        raise PermissionDenied
    version = ModelVersion.objects.filter(pk=pk).first()
    if version is None:
        return gone(request, ModelVersion)
    if not (steps := _steps(version)):
        return not_shown(request, version, NoDecisions())
    is_asked = bool(CostForm.base_fields.keys() & request.GET.keys())
    form = CostForm(request.GET if is_asked else None)
    best = None
    if is_asked and form.is_valid():
        best = cheapest(steps, base_rate=version.metrics.get("base_rate", 0.0), **form.cleaned_data)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": version,
        "media": model_admin.media,
        "title": _("Thresholds"),
        "form": form,
        "nobody": is_asked and form.is_valid() and best is None,
        "lines": _lines(version, steps, best),
        "may_add": may(request, "add", Segment),
    }
    return TemplateResponse(request, _PAGE, context)


def adopt(model_admin: ModelAdmin, request: HttpRequest, pk: int, place: int) -> HttpResponse:
    """Make a segment of whoever is above a threshold."""
    refuse_unless_adopting(request)
    version = ModelVersion.objects.filter(pk=pk).first()
    if version is None:
        return gone(request, ModelVersion)
    steps = _steps(version)
    if place >= len(steps):
        messages.warning(request, _("There is no such threshold."))
        return to_page(version, "change")
    step = steps[place]
    words = {"name": version.name, "value": _threshold(step)}
    wanted = Adoption(
        version=version,
        page="decisions",
        rule=_rule(version, step),
        name=_("%(name)s from %(value)s on") % words,
        note=_("From %(version)s.") % {"version": version},
        why=_("Of the latest rows it chose %(share)s, of whom %(precision)s converted.")
        % {"share": _percent(step.share), "precision": _percent(step.precision)},
    )
    return adopted(model_admin, request, wanted)


def _steps(version: ModelVersion) -> Sequence[Step]:
    """Return the thresholds as they can be told apart: of those that few digits make the same, the
    lowest, for the segment has all whom it chooses."""
    return list({_rounded(step): step for step in decisions_of(version.metrics)}.values())


def _lines(version: ModelVersion, steps: Sequence[Step], best: Step | None) -> list[Line]:
    said = said_of([_rule(version, step) for step in steps])
    return [
        Line(
            place=place,
            threshold=_threshold(step),
            share=_percent(step.share),
            precision=_percent(step.precision),
            recall=_percent(step.recall),
            is_cheapest=step is best,
            said=said[place],
        )
        for place, step in enumerate(steps)
    ]


def _rule(version: ModelVersion, step: Step) -> JsonObject:
    return rule(feature(version.name, ">=", _rounded(step)))


def _rounded(step: Step) -> float:
    """Return the threshold in few digits, rounded down: whoever was chosen by it still is."""
    scale = float(10**_DIGITS)
    return math.floor(step.threshold * scale) / scale


def _threshold(step: Step) -> str:
    return number_format(_rounded(step), _DIGITS)


def _percent(share: float) -> str:
    return f"{rounded(100 * share, 1)} %"
