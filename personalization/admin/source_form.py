"""The form of a source: origins that mean something, and no public key that becomes a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from personalization.events.models import Source
from personalization.ingest.allowed_origins import read_lines

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Source]
else:
    ModelForm = forms.ModelForm


class SourceForm(ModelForm):
    class Meta:
        model = Source
        fields = ("name", "slug", "kind", "active", "schemas", "allowed_origins", "rate_limit")
        widgets = {
            "allowed_origins": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
            "rate_limit": forms.NumberInput(attrs={"min": 1}),
        }

    def clean_allowed_origins(self) -> str:
        """Return the origins as browsers write them, one a line."""
        lines = list(read_lines(self.cleaned_data["allowed_origins"]))
        if problems := [(number, problem) for number, _origin, problem in lines if problem]:
            raise ValidationError(
                [
                    _("Line %(number)s: %(problem)s.") % {"number": number, "problem": problem}
                    for number, problem in problems
                ]
            )
        return "\n".join(dict.fromkeys(origin for _number, origin, _problem in lines))

    def clean_rate_limit(self) -> int | None:
        rate: int | None = self.cleaned_data["rate_limit"]
        if rate == 0:
            raise ValidationError(
                _("0 would let nothing through: leave it empty, or make the source inactive.")
            )
        return rate

    def clean_kind(self) -> Any:
        kind = self.cleaned_data["kind"]
        was_public = self.initial.get("kind") == Source.Kind.BROWSER
        if was_public and kind == Source.Kind.SERVER and self.instance.write_keys.exists():
            raise ValidationError(
                _(
                    "Everybody has read its keys, and a server is believed. "
                    "Add another source for the server."
                )
            )
        return kind
