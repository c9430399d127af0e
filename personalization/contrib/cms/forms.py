"""The forms in which editors set up a block and its variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.contrib.cms.models import PersonalizedBlock, Variant
from personalization.delivery.models import Slot
from personalization.segments.models import Segment

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


class BlockForm(ModelForm):
    slot = forms.ChoiceField(
        label=_("Slot"),
        required=False,
        help_text=PersonalizedBlock._meta.get_field("slot").help_text,
    )

    class Meta:
        model = PersonalizedBlock
        fields = ("slot", "mode", "reserve")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slots = dict(Slot.objects.values_list("slug", "name"))
        named = self.instance.slot
        choices: dict[str, str] = {"": gettext("One of its own"), **slots}
        if named and named not in slots:
            choices[named] = gettext("“%(slot)s”, which does not exist any more") % {"slot": named}
        _offer(self.fields["slot"], choices)


class VariantForm(ModelForm):
    segments = forms.MultipleChoiceField(
        label=_("For visitors in any of"), widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Variant
        fields = ("segments",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["segments"], _choices(self.instance.segments))


def _offer(field: forms.Field, choices: Mapping[str, str]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = list(choices.items())


def _choices(named: Sequence[str]) -> dict[str, str]:
    """Return the active segments, and those that are named already, whatever became of them."""
    segments = Segment.objects.filter(internal=False)
    offered = {each.slug: each.name for each in segments.filter(active=True)}
    off = {each.slug: each.name for each in segments.filter(active=False, slug__in=named)}
    for slug in named:
        if slug in off:
            offered[slug] = gettext("%(name)s, which is switched off") % {"name": off[slug]}
        elif slug not in offered:
            offered[slug] = gettext("“%(slug)s”, which does not exist any more") % {"slug": slug}
    return offered
