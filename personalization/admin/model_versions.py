"""Models: what serves, what was trained, how good it was, and who decides that it serves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin import clusters, decisions, model_deeds, sequences
from personalization.admin.model_differences import named
from personalization.admin.model_drift import last_look, without_drift
from personalization.admin.model_insides import chosen
from personalization.admin.model_log import beside_the_log
from personalization.admin.model_overview import cards
from personalization.admin.read_only import ReadOnlyAdmin
from personalization.admin.wording import moment_cell
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.figures import figures, headline_words
from personalization.ml.training.findings import has_findings
from personalization.ml.training.known import planned
from personalization.ml.training.outdated import stale
from personalization.ml.training.overview import warnings_of
from personalization.ml.training.promote import refusal
from personalization.ml.training.versions import differences, previous, serving

_Status = ModelVersion.Status
#: Other versions that one can be compared with.
LISTED = 20
_COLOURS: Mapping[str, str] = {
    _Status.TRAINING: "pending",
    _Status.LACKING: "pending",
    _Status.FAILED: "broken",
    _Status.SERVING: "fresh",
}


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    change_list_template = "admin/personalization/modelversion/change_list.html"
    change_form_template = "admin/personalization/modelversion/change_form.html"
    #: What is to be looked at stands where no screen cuts it off.
    list_display = ("version", "state", "figure", "begun")
    list_filter = ("name", "status")
    search_fields = ("name",)
    ordering = ("name", "-number")
    sortable_by = ()
    fields = (
        "name", "number", "state", "algorithm", "begun", "trained", "served", "since", "until",
        "n_rows", "features_version", "seed", "checksum",
    )  # fmt: skip
    readonly_fields = fields

    class Media:
        css = {
            "all": ("personalization/admin/personalization.css", "personalization/admin/models.css")
        }

    def has_promote_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("personalization.promote_modelversion")

    def has_train_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("personalization.train_modelversion")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                route,
                self.admin_site.admin_view(view),
                name=f"personalization_modelversion_{name}",
            )
            for name, (route, view) in {
                **model_deeds.pages(self),
                **clusters.pages(self),
                **sequences.pages(self),
                **decisions.pages(self),
            }.items()
        ]
        return [*own, *super().get_urls()]

    # -- list ---------------------------------------------------------------------------

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = cards(now=timezone.now())
        context = {
            "cards": found,
            "alerts": [alert for card in found for alert in card.alerts],
            "may_train": self.has_train_permission(request),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look at the plans once for all rows of the page."""
        page = super().get_changelist_instance(request)
        plans = planned()
        for version in page.result_list:
            version.plan = plans.get(version.name)
        return page

    @admin.display(description=_("version"))
    def version(self, version: ModelVersion) -> str:
        return str(version)

    @admin.display(description=_("status"))
    def state(self, version: ModelVersion) -> SafeString:
        words = str(version.get_status_display())
        if version.status == _Status.TRAINING:
            words = f"{words}, {version.progress:.0%}"
        return format_html(
            '<span class="pz-state pz-state-{}" title="{}">{}</span>{}',
            _COLOURS.get(version.status, "off"),
            version.error or version.progress_words,
            words,
            _to_look_at(version),
        )

    @admin.display(description=_("figure"))
    def figure(self, version: ModelVersion) -> SafeString | str:
        """The figure in a few words, and why a version does not serve."""
        why = _why_not(version)
        words = headline_words(version.metrics) if version.metrics or not why else ""
        if not why:
            return words
        # The start of a long one; all of it to hover, and on the page of the version.
        return format_html(
            '{} <span class="pz-quiet pz-clipped" title="{}">{}</span>', words, why, why
        )

    @admin.display(description=_("rows"))
    def n_rows(self, version: ModelVersion) -> str:
        return number_format(version.rows, force_grouping=True)

    @admin.display(description=_("begun"))
    def begun(self, version: ModelVersion) -> SafeString | str:
        return moment_cell(version.created_at, ago=True)

    @admin.display(description=_("last heard of"))
    def trained(self, version: ModelVersion) -> SafeString | str:
        return moment_cell(version.trained_at)

    @admin.display(description=_("served since"))
    def served(self, version: ModelVersion) -> SafeString | str:
        return moment_cell(version.promoted_at)

    @admin.display(description=_("learned from events since"))
    def since(self, version: ModelVersion) -> SafeString | str:
        return moment_cell(version.window_from)

    @admin.display(description=_("learned from events until"))
    def until(self, version: ModelVersion) -> SafeString | str:
        return moment_cell(version.window_until)

    # -- page ---------------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        version = kwargs.get("obj")
        if version is not None:
            context |= self._about(request, version)
        return super().render_change_form(request, context, *args, **kwargs)

    def _about(self, request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
        now_serving = serving(version.name)
        may_promote = self.has_promote_permission(request)
        others = ModelVersion.objects.filter(name=version.name).exclude(pk=version.pk)
        trained = version.status in (_Status.CANDIDATE, _Status.SERVING, _Status.RETIRED)
        is_kept = ModelArtefact.objects.filter(version=version).exists()
        plan = planned().get(version.name)
        return {
            **beside_the_log(request, version, now=timezone.now()),
            **chosen(version),
            **last_look(version),
            "warnings": warnings_of(version, plan, now=timezone.now()) if trained else (),
            "figures": figures(without_drift(version.metrics)),
            "has_groups": is_kept and clusters.has_groups(version),
            "has_findings": is_kept and has_findings(version),
            "has_decisions": decisions.has_decisions(version),
            "config": json.dumps(version.config, indent=2, ensure_ascii=False, sort_keys=True),
            "now_serving": now_serving if now_serving != version else None,
            "differences": named(differences(now_serving, version)) if now_serving else (),
            "others": others.order_by("-number")[:LISTED],
            "before": previous(version.name) if version.status == _Status.SERVING else None,
            "may_promote": is_kept
            and may_promote
            and version.status in (_Status.CANDIDATE, _Status.RETIRED),
            "may_roll_back": may_promote,
            "may_stop": self.has_train_permission(request) and version.status == _Status.TRAINING,
        }


def _why_not(version: ModelVersion) -> str:
    """Return why a version failed or was refused, in sentences."""
    if version.status == _Status.CANDIDATE:
        return " ".join(refusal(metrics=version.metrics, remarks=version.remarks))
    return version.error


def _to_look_at(version: Any) -> SafeString | str:
    """Say in a word what is wrong with a version that serves or might; its page has no plan."""
    if version.outdated_since and version.status in (_Status.SERVING, _Status.CANDIDATE):
        word = gettext("outdated")
    elif stale(version, getattr(version, "plan", None), now=timezone.now()) is not None:
        word = gettext("stale")
    elif version.status == _Status.CANDIDATE and _why_not(version):
        return format_html(' <span class="pz-state pz-state-pending">{}</span>', gettext("refused"))
    else:
        return ""
    return format_html(' <span class="pz-state pz-state-broken">{}</span>', word)
