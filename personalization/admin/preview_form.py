"""What a member of the staff asks to look at: as whom, when, and where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.visitors import find_snapshot
from personalization.clock import microseconds
from personalization.delivery.pretended import made_up
from personalization.delivery.published import current_revision
from personalization.delivery.ticket import MOST_ARMS, MOST_SEGMENTS, Kind, Ticket
from personalization.experiments.models import Experiment
from personalization.segments.models import Segment

KINDS: Mapping[Kind, Any] = {
    "segments": gettext_lazy("Somebody in these segments"),
    "visitor": gettext_lazy("Somebody made up, who enters a segment"),
    "profile": gettext_lazy("A visitor of this site"),
    "self": gettext_lazy("Yourself, with a look into the page"),
}
_LONGEST = 2000


class PreviewForm(forms.Form):
    """Everything that a preview is made of; which of the fields count is up to `kind`."""

    kind = forms.ChoiceField(choices=list(KINDS.items()), widget=forms.RadioSelect)
    segments = forms.ModelMultipleChoiceField(
        Segment.objects.none(),
        label=gettext_lazy("Segments"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None at all: somebody who is in no segment."),
    )
    segment = forms.ModelChoiceField(
        Segment.objects.none(),
        label=gettext_lazy("Segment"),
        required=False,
        help_text=gettext_lazy("What they did is made up; all other rules are asked about it."),
    )
    profile = forms.CharField(
        label=gettext_lazy("Visitor"),
        required=False,
        help_text=gettext_lazy("E-mail, user id, visitor id or profile id."),
    )
    at = forms.DateTimeField(
        label=gettext_lazy("Date and time"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Empty: now. For schedules, and for what a visitor did until then."),
    )
    arms = forms.MultipleChoiceField(
        label=gettext_lazy("Arms of experiments"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Of those that run and those that are being prepared. None: as if there were none."
        ),
    )
    target = forms.CharField(
        label=gettext_lazy("Page"),
        initial="/",
        max_length=_LONGEST,
        help_text=gettext_lazy("The address of a page of this site, from its first “/” on."),
    )

    def __init__(self, *args: Any, may_see_visitors: bool, host: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.host = host
        active = Segment.objects.listed().filter(active=True)
        fields: dict[str, Any] = self.fields
        fields["segments"].queryset = active
        fields["segment"].queryset = active.filter(kind=Segment.Kind.RULE)
        fields["arms"].choices = arms_to_choose()
        if not may_see_visitors:
            del fields["profile"]
            fields["kind"].choices = [one for one in KINDS.items() if one[0] != "profile"]

    def clean_target(self) -> str:
        """Accept a path of this site and nothing that leads elsewhere."""
        target = str(self.cleaned_data["target"])
        if not is_page_of(self.host, target):
            raise forms.ValidationError(
                _("“%(target)s” is no page of this site. Write it as in /products/?page=2."),
                params={"target": target},
            )
        return target

    def clean_arms(self) -> tuple[tuple[str, str], ...]:
        """Accept one arm for each experiment, and few experiments."""
        pairs = [value.partition(":")[::2] for value in self.cleaned_data["arms"]]
        if len({experiment for experiment, _ in pairs}) < len(pairs):
            raise forms.ValidationError(_("Choose one arm of each experiment."))
        if len(pairs) > MOST_ARMS:
            n = {"most": MOST_ARMS, "n": len(pairs)}
            raise forms.ValidationError(_("%(n)s are too many; up to %(most)s can be.") % n)
        return tuple(pairs)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        check = getattr(self, f"_check_{data.get('kind')}", None)
        if check is not None and not self.errors:
            check(data)
        return data

    def _check_segments(self, data: dict[str, Any]) -> None:
        if len(data["segments"]) > MOST_SEGMENTS:
            n = {"most": MOST_SEGMENTS, "n": len(data["segments"])}
            self.add_error("segments", _("%(n)s are too many; up to %(most)s can be.") % n)

    def _check_visitor(self, data: dict[str, Any]) -> None:
        segment = data["segment"]
        if segment is None:
            self.add_error("segment", _("Choose the segment that somebody made up enters."))

    def _check_profile(self, data: dict[str, Any]) -> None:
        data["snapshot"] = find_snapshot(data["profile"].strip())
        if data["snapshot"] is None:
            words = _("Nobody is known as “%(visitor)s”.") % {"visitor": data["profile"]}
            self.add_error("profile", words)

    def ticket(self, *, user_id: str, now: datetime) -> Ticket | None:
        """Return the ticket for a valid form; None, with an error: nobody can be made up."""
        data = self.cleaned_data
        kind: Kind = data["kind"]
        segments = {"segments": data["segments"], "visitor": [data["segment"]]}.get(kind, [])
        ticket = Ticket(
            user=user_id,
            kind=kind,
            begun=microseconds(now),
            segments=tuple(segment.pk for segment in segments),
            profile=data["snapshot"].pk if kind == "profile" else None,
            at=microseconds(data["at"]) if data["at"] and kind != "self" else None,
            arms=data["arms"] if kind != "self" else (),
        )
        if kind == "visitor" and not self._somebody(ticket):
            self.add_error(
                "segment", _("Nobody was found who enters it. Its page says what is wrong.")
            )
            return None
        return ticket

    def _somebody(self, ticket: Ticket) -> bool:
        (segment,) = ticket.segments
        return made_up(segment, revision=current_revision(), at=ticket.enters_at) is not None


def arms_to_choose() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the experiments with their arms, as a field has them.

    Of versions of a rule nobody knows whom they match before the experiment runs.
    """
    status = Experiment.Status
    drafts = Q(status=status.DRAFT) & ~Q(kind=Experiment.Kind.RULES)
    open_ones = Experiment.objects.filter(Q(status=status.RUNNING) | drafts)
    return [
        (
            f"{experiment} ({experiment.get_status_display()})",
            [(f"{experiment.slug}:{arm.key}", str(arm)) for arm in experiment.arms.all()],
        )
        for experiment in open_ones.order_by("name", "pk").prefetch_related("arms")
    ]


def is_page_of(host: str, target: str) -> bool:
    """Return whether `target` is a path of the site at `host`, from its first slash on."""
    return target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts={host})
