"""Slots of pages that are the same for everybody: the browser asks for them once it has the page.

The placeholder holds the default, which everybody sees at first, and what the template has for
segments in `<template>` elements, which show nothing. No style attribute stands on it: the
space is reserved by a class of `slots.css`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.conf import settings
from personalization.delivery.choose import Decision
from personalization.delivery.published import Candidate

#: How much space may be reserved, in rem; `slots.css` has a class for each.
LEAST_RESERVE: Final = 1
MOST_RESERVE: Final = 60


def placeholder(
    slot: str,
    *,
    default: SafeString,
    variants: Iterable[tuple[Candidate, SafeString]],
    reserve: int | None = None,
) -> SafeString:
    """Return the element that stands in the page for everybody."""
    inert = format_html_join(
        "",
        '<template data-personalization-variation="{}" data-personalization-segments="{}">'
        "{}</template>",
        ((one.key, " ".join(one.segments), content) for one, content in variants),
    )
    return format_html(
        '<div class="pz-slot{}" data-personalization-slot="{}" data-personalization-deferred>'
        "{}{}</div>",
        "" if reserve is None else f" pz-reserve-{reserve}",
        slot,
        default,
        inert,
    )


def marked(
    slot: str, content: SafeString, decision: Decision | None, *, with_id: bool
) -> SafeString:
    """Return the content in an element by which the tracker knows what is clicked.

    Without a `decision` it is the default. Its id is that of one visitor and one page.
    """
    told: list[tuple[str, str]] = [("slot", slot)]
    if decision is not None:
        told.append(("variation", decision.variation))
        if with_id:
            told.append(("decision", decision.id))
    attributes = format_html_join("", ' data-personalization-{}="{}"', told)
    return format_html('<div class="pz-slot"{}>{}</div>', attributes, content)


def slots_elements(nonce_attribute: SafeString) -> SafeString:
    """Return what a page needs in its head: the style sheet, and the script that fills slots.

    The same for everybody.
    """
    return format_html(
        '<link rel="stylesheet" href="{}"{}>'
        '<script id="personalization-slots" type="module" src="{}"{} data-endpoint="{}" '
        'data-lists="{}" data-triggers="{}" data-consent-cookie="{}" data-policy="{}" data-close-text="{}">'
        "</script>",
        static("personalization/slots.css"),
        nonce_attribute,
        static("personalization/slots.js"),
        nonce_attribute,
        reverse("personalization:decide"),
        reverse("personalization:recommend"),
        static("personalization/triggers.js"),
        settings.CONSENT_COOKIE,
        settings.POLICY_VERSION,
        _("Close"),
    )
