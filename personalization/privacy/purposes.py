"""What the banner says about each purpose."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from personalization.types import ASKED_PURPOSES, Purpose

_TEXTS = {
    Purpose.ANALYTICS: _("We count visits and clicks to see what works and what does not."),
    Purpose.PERSONALIZATION: _(
        "We remember what you do here to show you content that fits you better."
    ),
    Purpose.MARKETING: _("We may send you messages that fit what you did here."),
}


@dataclass(frozen=True)
class PurposeText:
    """A purpose as it is asked for."""

    value: str
    label: str | Promise
    text: str | Promise
    granted: bool


def purpose_texts(granted: Collection[str]) -> list[PurposeText]:
    return [
        PurposeText(purpose.value, purpose.label, _TEXTS[purpose], purpose.value in granted)
        for purpose in ASKED_PURPOSES
    ]
