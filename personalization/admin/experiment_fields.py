"""Fields of the forms of experiments: shares in percent, and ramps line by line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext as _

_WRITTEN = "%Y-%m-%d %H:%M"


class PercentField(forms.FloatField):
    """A share, from 0 to 1, that people write in percent."""

    def __init__(self, *, least: float = 0.0, most: float = 100.0, **options: Any) -> None:
        super().__init__(
            widget=forms.NumberInput(
                attrs={
                    "step": "any",
                    "min": f"{least:g}",
                    "max": f"{most:g}",
                    "class": "pz-percent",
                }
            ),
            validators=[MinValueValidator(least), MaxValueValidator(most)],
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        """Return the share as it is shown: what was typed stays as it was."""
        if isinstance(value, float):
            value = round(100 * value, 4)
            return int(value) if value == int(value) else value
        return value

    def clean(self, value: Any) -> Any:
        percent = super().clean(value)
        return None if percent is None else round(percent / 100, 8)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class RampField(forms.CharField):
    """Later shares of the visitors, one in each line: “2026-12-01 09:00 50 %”.

    Instants are those of the current time zone; the model keeps them with theirs.
    """

    def __init__(self, **options: Any) -> None:
        attrs = {"rows": 3, "class": "pz-code", "placeholder": f"{timezone.now().year}-12-01 09:00 50 %"}  # fmt: skip
        super().__init__(widget=forms.Textarea(attrs=attrs), **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(_written(value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        lines = (line.strip() for line in str(text or "").splitlines())
        return [_step(line) for line in lines if line]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def _written(steps: Iterable[Any]) -> Iterable[str]:
    for step in steps:
        try:
            at, share = datetime.fromisoformat(step[0]), float(step[1])
        except (TypeError, ValueError, IndexError, KeyError):
            yield str(step)  # to be mended by whoever sees it
        else:
            yield f"{timezone.localtime(at):{_WRITTEN}} {round(100 * share, 4):g} %"


def _step(line: str) -> list[Any]:
    """Return an instant in ISO 8601 and a share, of a line."""
    said, _space, share = line.removesuffix("%").strip().rpartition(" ")
    try:
        at = datetime.strptime(said.strip().replace("T", " "), _WRITTEN)
        percent = float(share.replace(",", "."))
    except ValueError:
        raise ValidationError(
            _("“%(line)s” is no step: write “2026-12-01 09:00 50 %%”."), params={"line": line[:60]}
        ) from None
    return [timezone.make_aware(at).isoformat(), round(percent / 100, 8)]
