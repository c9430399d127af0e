"""What a slot waits for in the browser: pure, a trigger in and a stored rule out.

The page itself tells the engine of rules what happens in it, under the names below; nothing
of it is sent anywhere. Its clock stands still while nobody can see the page.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

from personalization.rules.parse import VERSION
from personalization.types import JsonObject

TIME: Final = "time_on_page"
SCROLL: Final = "scroll_depth"
CLICKS: Final = "click_depth"
EXIT: Final = "exit_intent"
IDLE: Final = "inactivity"
TRIGGERS: Final = (TIME, SCROLL, CLICKS, EXIT, IDLE)

#: What happens in a page, once or again and again. Scrolling says how deep (percent).
OPENED: Final = "Page Opened"
SCROLLED: Final = "Page Scrolled"
CLICKED: Final = "Page Clicked"
LEAVING: Final = "Page Leaving"
ANY: Final = "*"

#: The least and the most that a trigger may wait for; the others wait for no number.
RANGES: Final = {TIME: (1, 3600), SCROLL: (1, 100), CLICKS: (1, 100), IDLE: (1, 3600)}


def problem_with(trigger: str, *, value: int | None) -> str:
    """Return what is wrong with the number that a trigger waits for, or an empty string."""
    if trigger not in RANGES:
        if value is None:
            return ""
        return _("%(value)s is given, but there is nothing to wait for: leave it empty.") % {
            "value": value
        }
    least, most = RANGES[trigger]
    if value is not None and least <= value <= most:
        return ""
    return _("A number from %(least)s to %(most)s is needed; %(value)s is given.") % {
        "least": least,
        "most": most,
        "value": _("none") if value is None else value,
    }


def rule_of(trigger: str, *, value: int | None) -> JsonObject:
    """Return the rule that holds for the events of a page once the trigger fires.

    :raises ValueError: for what no slot can wait for.
    """
    leaf: JsonObject
    if trigger == TIME:
        leaf = {**_age(OPENED, value), "which": "first"}
    elif trigger == IDLE:
        leaf = {**_age(ANY, value), "which": "last"}
    elif trigger == SCROLL:
        leaf = {**_amount(SCROLLED, value), "aggregate": "max", "prop": "depth"}
    elif trigger == CLICKS:
        leaf = _amount(CLICKED, value)
    elif trigger == EXIT:
        leaf = _amount(LEAVING, 1)
    else:
        raise ValueError(f"{trigger!r} is no trigger; allowed: {', '.join(TRIGGERS)}.")
    return {"version": VERSION, "root": {"combinator": "and", "rules": [leaf]}}


def _age(event: str, seconds: int | None) -> JsonObject:
    return {"kind": "recency", "event": event, "operator": ">=", "value": f"PT{seconds or 1}S"}


def _amount(event: str, value: int | None) -> JsonObject:
    return {"kind": "event", "event": event, "operator": ">=", "value": value or 1}
