"""What visitors see, take along, correct and erase: the pages, and the same for programs."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.openapi.parts import (
    ANYTHING,
    JSON,
    Part,
    answer,
    body,
    closed,
    opened,
    operation,
    refusals,
    schema,
)
from scripts.openapi.segments import INSTANT, MAYBE_INSTANT
from scripts.openapi.shared import CODE, COUNT, TEXT

TAG, PAGES = "Rights", "Rights, as pages"
_HTML, _FORM = "text/html", "application/x-www-form-urlencoded"
_SCOPE: Part = {"enum": ["device", "person"]}
_OF: Part = {
    "name": "of",
    "in": "query",
    "description": "Of what: what was done with this browser, or all of who is logged in.",
    "schema": _SCOPE,
}
_UID: Part = {
    "name": "uid",
    "in": "path",
    "required": True,
    "description": "The number of an erasure, which nobody guesses.",
    "schema": {"type": "string", "format": "uuid"},
}
_COUNTS: Part = {"type": "object", "additionalProperties": COUNT}


def _list(item: Part) -> Part:
    return {"type": "array", "items": item}


SCHEMAS: Part = {
    "Reason": closed(
        text=TEXT, holds={"type": "boolean"}, actual=TEXT, reasons=_list(schema("Reason"))
    ),
    "Deed": closed(at=INSTANT, name=TEXT, details=TEXT),
    "Held": closed(
        of=_SCOPE,
        isWhole={"type": "boolean", "description": "Whether it is all of a person."},
        access=closed(device=CODE, person=CODE),
        firstSeen=MAYBE_INSTANT,
        identities=_list(closed(namespace=TEXT, value=TEXT, since=INSTANT)),
        traits=ANYTHING,
        segments=_list(
            closed(
                slug=TEXT,
                name=TEXT,
                since=MAYBE_INSTANT,
                until=MAYBE_INSTANT,
                by={"enum": ["rule", "hand"]},
                sentence=TEXT,
                reasons=_list(schema("Reason")),
            )
        ),
        lastDone=_list(schema("Deed")),
        lastShown=_list(schema("Deed")),
        consents=_list(
            closed(
                purpose=TEXT,
                granted={"type": ["boolean", "null"], "description": "null: not answered."},
                at=MAYBE_INSTANT,
                policyVersion=TEXT,
            )
        ),
        stores=_list(closed(name=TEXT, holds=TEXT, usedFor=TEXT, kept=TEXT, count=COUNT)),
        receivers=_list(TEXT),
    ),
    "Export": closed(
        format={"const": "personalization.export/1"},
        made_at=INSTANT,
        whole_person={"type": "boolean"},
        identities=_list(_list(TEXT)),
        stores={
            "type": "object",
            "additionalProperties": closed(
                holds=TEXT,
                used_for=TEXT,
                kept_for_days={"type": ["integer", "null"]},
                entries=_list(ANYTHING),
            ),
        },
        complete={"const": True},
    ),
    "Corrections": opened(required=["traits"], traits={**ANYTHING, "minProperties": 1}),
    "Receipt": closed(receipt=opened(uid=TEXT, erased=_COUNTS), proof=TEXT),
    "Erasure": closed(
        uid={"type": "string", "format": "uuid"},
        of=_SCOPE,
        status={"enum": ["waiting", "done", "failed"]},
        requestedAt=INSTANT,
        finishedAt=MAYBE_INSTANT,
        signed={"anyOf": [schema("Receipt"), {"type": "null"}]},
    ),
}


def _page(
    name: str,
    summary: str,
    *statuses: int,
    done: Part | None = None,
    form: Part | None = None,
    parameters: Iterable[Part] = (),
) -> Part:
    """Return an operation that answers in HTML, also what it refuses."""
    refused = {
        str(status): answer(said, {_HTML: TEXT})
        for status, said in _REFUSED.items()
        if status in (*statuses, 429)
    }
    return operation(
        name,
        summary,
        tag=PAGES,
        parameters=parameters,
        request=None if form is None else body({_FORM: form}),
        responses={**(done or _SHOWN), **refused},
        keyed=False,
    )


def _form(**fields: Part) -> Part:
    """Return a form; its token is of the page that has it."""
    return opened(csrfmiddlewaretoken=TEXT, of=_SCOPE, **fields)


_REFUSED = {
    400: "Something in it is not allowed; the page says what.",
    401: "Nobody is logged in, or the browser shows no id.",
    403: "It comes from another site or without its token, or the password is wrong.",
    404: "There is no such receipt, or not yet.",
    409: "Nothing new is kept of who did not agree.",
    429: "Too many requests.",
}
_SHOWN: Part = {"200": answer("The page.", {_HTML: TEXT})}
_LED: Part = {"303": answer("Done, or who is logged in has to confirm first: where it goes on.")}
_FILE: Part = {"200": answer("The file.", {JSON: schema("Export")})}
_SIGNED: Part = {"200": answer("The file.", {JSON: schema("Receipt")})}

_PAGES: Part = {
    "/privacy": {
        "get": _page("rights-page", "Show what is held", 400, parameters=[_OF]),
    },
    "/privacy/download": {
        "post": _page(
            "rights-download",
            "Send all of it as a file",
            *(400, 401, 403),
            done={**_FILE, **_LED},
            form=_form(),
        ),
    },
    "/privacy/correct": {
        "post": _page(
            "rights-correct",
            "Correct a trait, or take it away",
            *(400, 401, 403, 409),
            done=_LED,
            form=_form(trait=TEXT, value=TEXT, do={"enum": ["correct", "remove"]}),
        ),
    },
    "/privacy/erase": {
        "get": _page(
            "rights-erase-page",
            "Ask whether all of it is to go",
            *(400, 401),
            done={**_SHOWN, **_LED},
            parameters=[_OF],
        ),
        "post": _page(
            "rights-erase",
            "Erase it, and lead to the receipt",
            *(400, 401, 403),
            done=_LED,
            form=_form(sure={"const": "yes"}),
        ),
    },
    "/privacy/confirm": {
        "get": _page("rights-confirm-page", "Ask for the password", 401),
        "post": _page(
            "rights-confirm",
            "Confirm who is logged in",
            *(400, 401, 403),
            done=_LED,
            form=_form(password=TEXT),
        ),
    },
    "/privacy/receipt/{uid}": {
        "get": _page("rights-receipt-page", "Show how far an erasure is", 404, parameters=[_UID]),
    },
    "/privacy/receipt/{uid}.json": {
        "get": _page(
            "rights-receipt-file",
            "Send the signed receipt",
            404,
            done=_SIGNED,
            parameters=[_UID],
        ),
    },
}


def _call(
    name: str,
    summary: str,
    responses: Part,
    *statuses: int,
    parameter: Part = _OF,
    request: Part | None = None,
) -> Part:
    return operation(
        name,
        summary,
        tag=TAG,
        parameters=[parameter],
        request=request,
        responses={**responses, **refusals(*statuses, 429)},
        keyed=False,
    )


PATHS: Part = {
    **_PAGES,
    "/v1/me": {
        "get": _call(
            "me", "Tell what is held", {"200": answer("It.", {JSON: schema("Held")})}, 400, 401, 403
        ),
        "delete": _call(
            "me-erase",
            "Erase it",
            {"202": answer("What is at hand is erased.", {JSON: schema("Erasure")})},
            *(400, 401, 403),
        ),
    },
    "/v1/me/export": {
        "get": _call("me-export", "Send all of it as a file", _FILE, 400, 401, 403),
    },
    "/v1/me/traits": {
        "patch": _call(
            "me-correct",
            "State traits anew; null takes one away",
            {"202": answer("They are kept.", {JSON: closed(corrected=_list(TEXT))})},
            *(400, 401, 403, 411, 413, 415, 503),
            request=body({JSON: schema("Corrections")}),
        ),
    },
    "/v1/me/erasures/{uid}": {
        "get": _call(
            "me-erasure",
            "Tell how far an erasure is",
            {"200": answer("It.", {JSON: schema("Erasure")})},
            404,
            parameter=_UID,
        ),
    },
}
# Only here, so not among the refusals that others share.
PATHS["/v1/me/traits"]["patch"]["responses"]["409"] = answer(
    _REFUSED[409], {JSON: schema("Problem")}
)
