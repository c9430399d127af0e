"""The form field of a rule: a textarea of JSON that a script turns into readable lines."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _

from personalization.admin.rule_json import NotJson, read_json
from personalization.admin.rule_views import OF_SEGMENTS, VIEWS
from personalization.segments.catalogue import catalogue, editor_catalogue
from personalization.segments.templates import starters


class RuleEditor(forms.Textarea):
    """Renders the textarea with the catalogue beside it.

    `slug` is that of the segment edited, which must not refer to itself. Without
    the addresses that `connect` sets there is no preview and nobody to try.
    """

    template_name = "personalization/admin/rule_editor.html"

    class Media:
        css = {
            "all": (
                "personalization/admin/rule_editor.css",
                "personalization/admin/rule_panels.css",
            )
        }
        js = (forms.Script("personalization/admin/rule_editor/main.js", type="module"),)

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"rows": 16, "cols": 80, "spellcheck": "false", **(attrs or {})})
        self.slug = ""
        self.addresses: dict[str, str] = {}

    def connect(self, *, slug: str, site: str, may_try: bool) -> None:
        """Tell the editor whose rule it edits and whom to ask; `site` names the admin site."""
        self.slug = slug
        self.addresses = {
            name: reverse(f"admin:personalization_segment_{name}", current_app=site)
            for name in (VIEWS if may_try else OF_SEGMENTS)
        }

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        identifier = context["widget"]["attrs"].get("id", name)
        context["editor"] = {
            "data_id": f"{identifier}_data",
            "data": {
                "catalogue": editor_catalogue(catalogue()),
                "starters": [template.to_json() for template in starters()],
                "slug": self.slug,
                "addresses": self.addresses,
            },
        }
        return context


class RuleField(forms.JSONField):
    """JSON that can be stored; what it means is checked by the form, which knows the segment."""

    widget = RuleEditor

    def to_python(self, value: Any) -> Any:
        if self.disabled or value in self.empty_values:
            return None if value in self.empty_values else value
        try:
            return read_json(str(value))
        except NotJson as error:
            raise ValidationError(str(error), code="invalid") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Keep what was typed as it was typed; the parent would raise on deep nesting."""
        return initial if self.disabled else _Typed(data or "")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, _Typed):
            return str(value)
        return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


class _Typed(str):
    """Text out of the textarea, valid or not."""

    __slots__ = ()


def missing_rule() -> str:
    return _("A segment by rule needs a rule: add a condition, or keep its members by hand.")
