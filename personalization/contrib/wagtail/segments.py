"""The choice of segments in Wagtail's editor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import slug_re
from django.templatetags.static import static
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from wagtail import blocks

from personalization.segments.models import Segment

try:
    from wagtail.admin.telepath import register
    from wagtail.admin.telepath.widgets import WidgetAdapter
except ImportError:  # before Wagtail 7.1
    from wagtail.telepath import register
    from wagtail.widget_adapters import WidgetAdapter


def segment_choices() -> list[tuple[str, str]]:
    """Return the segments that editors may choose, by their names."""
    return _names(active=True)


def _names(*, active: bool) -> list[tuple[str, str]]:
    listed = Segment.objects.filter(active=active, internal=False)
    return list(listed.order_by("name").values_list("slug", "name"))


class _Checkboxes(forms.CheckboxSelectMultiple):
    """One for each segment, and for what else a variant names already."""


class _CheckboxesAdapter(WidgetAdapter):
    js_constructor = "personalization.wagtail.Segments"

    def js_args(self, widget: forms.Widget) -> list[Any]:
        off = _("%(name)s, which is switched off")
        names = {slug: off % {"name": name} for slug, name in _names(active=False)}
        gone = _("“%(slug)s”, which does not exist any more")
        html = widget.render("__NAME__", None, attrs={"id": "__ID__"})
        return [html, names, gone]

    @cached_property
    def media(self) -> forms.Media:
        usual: forms.Media = super().media
        return usual + forms.Media(js=[static("personalization/wagtail/segments.js")])


register(_CheckboxesAdapter(), _Checkboxes)


class _SegmentsField(forms.MultipleChoiceField):
    """Takes what a variant names already, whatever became of it: who edits something else on
    the page must neither be stopped by it nor lose it. In a segment that is gone is nobody."""

    def valid_value(self, value: str) -> bool:
        return bool(slug_re.match(value))


class SegmentsBlock(blocks.MultipleChoiceBlock):
    """Slugs of segments."""

    def get_field(self, **kwargs: Any) -> forms.Field:
        return _SegmentsField(**{**kwargs, "widget": _Checkboxes})

    def normalize_choice(self, value: Any) -> Any:
        """Return the slug: pages are shown without a look at which segments there are."""
        return value
