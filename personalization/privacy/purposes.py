"""What visitors are asked where a site has no texts of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from personalization.types import Purpose

#: Stands for the question as a whole, as in `ConsentText.purpose`.
QUESTION: Final = ""

#: Purpose → title and text.
SHIPPED: Final[Mapping[str, tuple[str | Promise, str | Promise]]] = {
    QUESTION: (
        _("May we remember your visit?"),
        _(
            "We would like to use what you do on this site. You decide for what, and you can"
            " change it at any time."
        ),
    ),
    Purpose.ANALYTICS: (
        Purpose.ANALYTICS.label,
        _("We count visits and clicks to see what works and what does not."),
    ),
    Purpose.PERSONALIZATION: (
        Purpose.PERSONALIZATION.label,
        _("We remember what you do here to show you content that fits you better."),
    ),
    Purpose.MARKETING: (
        Purpose.MARKETING.label,
        _("We may send you messages that fit what you did here."),
    ),
}
