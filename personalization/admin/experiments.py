"""Experiments: what is compared first, then the form, and what is found above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin import experiment_deeds, experiment_downloads, experiment_earnings
from personalization.admin.experiment_arms import ArmInline, MeasureInline, bare
from personalization.admin.experiment_contents import About, offers
from personalization.admin.experiment_form import BeginningForm, ExperimentForm
from personalization.admin.experiment_goals import warn_of_silence
from personalization.admin.experiment_overview import overview, tones_of, what_words
from personalization.admin.experiment_planner import plan
from personalization.admin.experiment_previews import previews
from personalization.admin.experiment_tables import VERDICTS, verdict_words
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.admin.wording import moment_cell
from personalization.events.models import Event
from personalization.experiments.lifecycle import obstacles
from personalization.experiments.models import Experiment
from personalization.experiments.validation import blocking
from personalization.segments.models import Segment

_Status = Experiment.Status
_COLOURS: Mapping[str, str] = {
    _Status.DRAFT: "pending",
    _Status.RUNNING: "fresh",
    _Status.STOPPED: "off",
}
_BEGIN = "admin/personalization/experiment/begin.html"
#: What stays open when all is over.
_OF_STOPPED = frozenset({"name", "hypothesis", "conclusion"})


@admin.register(Experiment)
class ExperimentAdmin(ModelAdmin):
    form = ExperimentForm
    inlines = (ArmInline, MeasureInline)
    change_form_template = "admin/personalization/experiment/change_form.html"
    change_list_template = "admin/personalization/experiment/change_list.html"
    list_display = ("name", "state", "found", "what", "n_arms", "since")
    list_filter = ("status", "kind")
    list_select_related = ("audience",)
    search_fields = ("name", "slug", "place")
    ordering = ("-created_at", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "hypothesis", "kind", "place", "audience", "coverage")}),
        (
            _("When, and how visitors are divided"),
            {
                "classes": ("collapse",),
                "fields": (
                    "starts_at", "ends_at", "allocation", "ramp", "namespace",
                    ("namespace_from", "namespace_until"), "seed",
                ),
            },
        ),
    )  # fmt: skip

    class Media:
        css = {
            "all": (
                "personalization/admin/personalization.css",
                "personalization/admin/experiments.css",
            )
        }

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What runs is stopped before it is deleted."""
        runs = obj is not None and obj.status == _Status.RUNNING
        return not runs and super().has_delete_permission(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete what does not run."""
        running = queryset.filter(status=_Status.RUNNING)
        if names := [row.name for row in running]:
            words = gettext("Stop them first: %(names)s.") % {"names": ", ".join(names)}
            messages.warning(request, words)
        super().delete_queryset(request, queryset.exclude(status=_Status.RUNNING))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(route, self.admin_site.admin_view(view), name=f"personalization_experiment_{name}")
            for name, (route, view) in {
                **experiment_deeds.pages(self),
                **experiment_earnings.pages(self),
                **experiment_downloads.pages(self),
            }.items()
        ]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(n_of_arms=Count("arms"))

    # -- list ---------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look once for what is found about all rows of the page."""
        page = super().get_changelist_instance(request)
        tones = tones_of(page.result_list)
        for experiment in page.result_list:
            experiment.tone = tones.get(experiment.slug)
        return page

    @admin.display(description=_("found"))
    def found(self, experiment: Any) -> SafeString | str:
        if (tone := experiment.tone) is None:
            return "–"
        chip = '<span class="pz-state pz-state-{}">{}</span>'
        return format_html(chip, VERDICTS.get(tone, "broken"), verdict_words(tone))

    @admin.display(description=_("status"), ordering="status")
    def state(self, experiment: Experiment) -> SafeString:
        return format_html(
            '<span class="pz-state pz-state-{}">{}</span>',
            _COLOURS.get(experiment.status, "off"),
            experiment.get_status_display(),
        )

    @admin.display(description=_("compares"))
    def what(self, experiment: Experiment) -> str:
        return what_words(experiment)

    @admin.display(description=_("arms"), ordering="n_of_arms")
    def n_arms(self, experiment: Any) -> int:
        return int(experiment.n_of_arms)

    @admin.display(description=_("started"), ordering="started_at")
    def since(self, experiment: Experiment) -> SafeString | str:
        return moment_cell(experiment.started_at, ago=True)

    # -- form ---------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask what is compared; then show the form for that."""
        asked = request.GET if "kind" in request.GET else None
        beginning = BeginningForm(asked)
        if not self.has_add_permission(request):
            raise PermissionDenied
        if asked is None or not beginning.is_valid():
            return self._begin(request, beginning)
        request.experiment_about = beginning.about  # type: ignore[attr-defined]
        what = what_words(Experiment(kind=beginning.about.kind, place=beginning.about.place))
        return super().add_view(request, form_url, {"what": what, **(extra_context or {})})

    def _begin(self, request: HttpRequest, form: BeginningForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": gettext("What do you want to know?"),
            "form": form,
        }
        return TemplateResponse(request, _BEGIN, context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        what: About | None = getattr(request, "experiment_about", None)
        return {"kind": what.kind, "place": what.place} if what is not None else {}

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Any, inline: Any, prefix: str
    ) -> dict[str, Any]:
        """Begin with two arms of equal shares: the first content, and the next one."""
        kwargs: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        what: About | None = getattr(request, "experiment_about", None)
        if what is not None and request.method == "GET" and isinstance(inline, ArmInline):
            first = [offer.content for offer in offers(what)[:2]]
            kwargs["initial"] = [{"content": one, "weight": 0.5} for one in first]
        return kwargs

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask what came of it where something can have."""
        shown = super().get_fieldsets(request, obj)
        if obj is None or obj.status == _Status.DRAFT:
            return shown
        return (*shown, (gettext("What came of it"), {"fields": ("conclusion",)}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the slug, which events know it by; of what is over keep all but its words."""
        if obj is None:
            return ()
        if obj.status == _Status.STOPPED:
            shown = self.form.base_fields.keys() - _OF_STOPPED
            return tuple(name for name in self.form.base_fields if name in shown)
        return ("slug",)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"slug": ("name",)}

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "audience":
            used = Q(pk__in=Experiment.objects.values("audience"))
            kwargs["queryset"] = Segment.objects.listed().filter(Q(active=True) | used)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "audience" and field is not None:
            bare(field.widget)
        return field

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Say what is still in the way of a start, and what is odd."""
        super().save_related(request, form, formsets, change)
        experiment, now = form.instance, timezone.now()
        if experiment.status != _Status.STOPPED:
            warn_of_silence(request, experiment, now=now)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (experiment := kwargs.get("obj")) is not None:
            context |= self._about(request, experiment)
        return super().render_change_form(request, context, *args, **kwargs)

    def _about(self, request: HttpRequest, experiment: Experiment) -> dict[str, Any]:
        now, may_run = timezone.now(), experiment_deeds.may_run(request)
        if experiment.status != _Status.DRAFT:
            return {
                "overview": overview(experiment, now=now),
                "previews": previews(request, experiment),
                "may_stop": may_run and experiment.status == _Status.RUNNING,
            }
        faults = obstacles(experiment, now=now, known=experiment_deeds.known_of(experiment))
        return {
            "what": what_words(experiment),
            "previews": previews(request, experiment),
            "obstacles": [fault.message for fault in blocking(faults)],
            "oddities": [fault.message for fault in faults if not fault.blocks],
            "may_start": may_run and not blocking(faults),
            "plan": plan(experiment, request.GET, now=now) if may_view(request, Event) else None,
        }
