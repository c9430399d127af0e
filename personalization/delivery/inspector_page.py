"""What the bar and the panel of a page say, as values for their template and their script."""

from __future__ import annotations

from dataclasses import dataclass

from django.middleware.csrf import get_token
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from personalization.clock import microseconds
from personalization.delivery.inspector_slots import entries, names_of, traces_of
from personalization.delivery.inspector_words import notes, title
from personalization.delivery.preview import steps_of
from personalization.delivery.request_context import request_context
from personalization.delivery.ticket import Ticket
from personalization.delivery.visitor import WHOLE_PAGE, Visitor
from personalization.types import JsonObject

#: Pages of the admin that belong to previews.
END, START, SLOTS, WHY = (
    f"admin:personalization_slot_{name}" for name in ("preview_end", "preview", "inspect", "why")
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The bar: as whom the page is seen, and how to end that. `data` is for the script."""

    title: str
    pretended: bool
    end: str
    change: str
    here: str
    token: str
    n_warnings: int
    data: JsonObject


def page_of(visitor: Visitor) -> Page:
    """Return what staff are shown on the page of a visitor who is inspected."""
    request, ticket = visitor.request, visitor.used_ticket
    traces = traces_of(visitor)
    names = names_of(traces, ticket=ticket)
    slots = entries(traces, names, visitor=visitor)
    warnings = _warnings(visitor)
    token = get_token(request)
    return Page(
        title=title(ticket, segments=names.ids) if ticket else _("You see a preview"),
        pretended=visitor.preview is not None,
        end=_address(END),
        change=_address(START),
        here=request.get_full_path(),
        token=token,
        n_warnings=sum(bool(slot["warnings"]) for slot in slots) + len(warnings),
        data={
            "slots": slots,
            "warnings": warnings,
            "notes": _notes(visitor, ticket),
            "did": _did(visitor, ticket),
            "why": _address(WHY),
            "inspect": _address(SLOTS),
            "token": token,
            "context": _flat(request_context(request)),
            "words": _words(),
        },
    )


def _notes(visitor: Visitor, ticket: Ticket | None) -> list[str]:
    return notes(ticket, now=microseconds(visitor.now)) if ticket else []


def _warnings(visitor: Visitor) -> list[str]:
    """Return what failed for the page as a whole."""
    error = visitor.failures.get(WHOLE_PAGE)
    words = _("The visitor could not be read, so all slots show their defaults: %(error)s")
    return [words % {"error": error}] if error else []


def _did(visitor: Visitor, ticket: Ticket | None) -> list[str]:
    """Return what somebody made up did."""
    return list(steps_of(ticket)) if ticket is not None and ticket.kind == "visitor" else []


def _flat(context: JsonObject) -> JsonObject:
    """Return the context by the names that conditions of rules have for its fields."""
    utm = context.get("utm")
    campaign = (
        {f"utm.{name}": value for name, value in utm.items()} if isinstance(utm, dict) else {}
    )
    return {**{name: value for name, value in context.items() if name != "utm"}, **campaign}


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:  # the site has no admin under this name
        return ""


def _words() -> JsonObject:
    """Return the words that the script puts in."""
    return {
        "default": _("the default"),
        "shown": _("shown"),
        "close": _("Close"),
        "in": _("in"),
        "out": _("not in"),
        "unknown": _("does not exist"),
        "yes": _("yes"),
        "no": _("no"),
        "why": _("Why?"),
        "wait": _("Asking …"),
        "failed": _("This could not be found out. Reload the page and try again."),
        "changes": _("What would change it:"),
        "left": _("left:"),
        "none": _("nothing"),
        "decision": _("Decision"),
        "chance": _("chance"),
        "steps": _("How it was decided"),
        "candidates": _("What it could show"),
        "did": _("What this visitor did"),
        "empty": _("This page asks nothing about its visitor: it has no slots."),
        "open": _("Open in the admin"),
    }
