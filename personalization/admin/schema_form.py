"""The form of an event schema: one line a property, or JSON in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.rule_json import NotJson, read_json
from personalization.events.catalogue import PROPERTY_TYPES
from personalization.events.models import EventSchema
from personalization.events.schemas import MAX_PROPERTY, InvalidSchema, read_schema

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[EventSchema]
else:
    ModelForm = forms.ModelForm

TYPE_LABELS = {
    "text": gettext_lazy("Text"),
    "number": gettext_lazy("Number"),
    "integer": gettext_lazy("Whole number"),
    "boolean": gettext_lazy("Yes or no"),
    "datetime": gettext_lazy("Date and time"),
    "list": gettext_lazy("List"),
    "object": gettext_lazy("Object"),
}
#: Lines that wait for a property each time the form is shown.
EMPTY_LINES = 5


@dataclass(frozen=True, kw_only=True)
class Line:
    """One property as it was typed."""

    name: str = ""
    type: str = PROPERTY_TYPES[0]
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What was typed: lines, and JSON that takes their place."""

    lines: tuple[Line, ...] = ()
    json: str = ""


class PropertiesWidget(forms.Widget):
    """A table with a line for each property; needs no script."""

    template_name = "personalization/admin/schema_properties.html"
    use_fieldset = True

    class Media:
        css = {"all": ("personalization/admin/quarantine.css",)}

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        typed = value if isinstance(value, Typed) else Typed(lines=tuple(_lines(value or {})))
        context["lines"] = [*typed.lines, *[Line()] * EMPTY_LINES]
        context["types"] = [(kind, TYPE_LABELS[kind]) for kind in PROPERTY_TYPES]
        context["json"] = typed.json
        context["longest"] = MAX_PROPERTY
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Typed:
        lines = []
        for number in count():
            line = f"{name}-{number}"
            if f"{line}-name" not in data:
                break
            lines.append(
                Line(
                    name=data[f"{line}-name"].strip(),
                    type=data.get(f"{line}-type", ""),
                    required=f"{line}-required" in data,
                )
            )
        stated = tuple(line for line in lines if line.name)
        return Typed(lines=stated, json=data.get(f"{name}-json", "").strip())

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-0-name" not in data and f"{name}-json" not in data


def _lines(properties: Mapping[str, Any]) -> Iterator[Line]:
    """Return the stored properties as lines, those that are needed first."""
    for name, stated in sorted(properties.items(), key=_place):
        kind, required = _stated(stated)
        yield Line(name=name, type=kind, required=required)


def _place(entry: tuple[str, Any]) -> tuple[bool, str]:
    name, stated = entry
    return not _stated(stated)[1], name


def _stated(value: Any) -> tuple[str, bool]:
    """Return type and need of a property; what code stored wrongly is shown, not lost."""
    if not isinstance(value, Mapping):
        return str(value), False
    return str(value.get("type", "")), bool(value.get("required"))


class PropertiesField(forms.Field):
    """Cleans to the form in which `EventSchema` keeps its properties."""

    widget = PropertiesWidget

    def clean(self, value: Any) -> dict[str, Any]:
        properties = _read(value) if value.json else _joined(value.lines)
        try:
            read_schema("", properties)
        except InvalidSchema as error:
            raise ValidationError([str(problem) for problem in error.problems]) from None
        return properties

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != (initial or {}))
        except ValidationError:
            return True


def _read(typed: Typed) -> Any:
    try:
        return read_json(typed.json)
    except NotJson as error:
        raise ValidationError(str(error)) from None


def _joined(lines: tuple[Line, ...]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for line in lines:
        ProhibitNullCharactersValidator()(line.name)
        if line.name in properties:
            raise ValidationError(_("“%(name)s” stands there twice.") % {"name": line.name})
        properties[line.name] = {"type": line.type, "required": line.required}
    return properties


class SchemaForm(ModelForm):
    properties = PropertiesField(
        label=gettext_lazy("Properties"),
        required=False,
        help_text=gettext_lazy("Events may have others too: only these are looked at."),
    )

    class Meta:
        model = EventSchema
        fields = ("name", "description", "active", "properties")
        widgets = {"description": forms.TextInput(attrs={"class": "vLargeTextField"})}
        help_texts = {
            "name": gettext_lazy("As clients send it: “Product Added”, with its capitals."),
            "active": gettext_lazy("If not, it is as if this schema were not there."),
        }
