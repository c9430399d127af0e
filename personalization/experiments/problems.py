"""What may be wrong with an experiment or a holdout, for programs; the admin has the words."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, get_args

from personalization.experiments.results import Problem

#: Each with what `Problem.values` has of it:
#:
#: - ``shares``: visitors are not divided as they should be (SRM). p, expected and counted by arm;
#: - ``shares_within``: nor are those of one kind. dimension, value, p, expected, counted;
#: - ``no_exposures``: nobody was exposed for a day, though pages are viewed. hours, page_views;
#: - ``late_exposures``: visitors whose exposure arrived long after it happened. n, share, hours;
#: - ``several_arms``: visitors who were seen in another arm later. n, share;
#: - ``unknown_arm``: exposures name an arm that there is not. arms, n;
#: - ``empty_arm``: nobody came into an arm, though others have visitors. arm;
#: - ``nothing_to_show``: an arm shows the default for want of its content. arm, n;
#: - ``no_metric``: nothing says what would be better;
#: - ``no_goal_events``: nobody did what a metric counts. metric, events;
#: - ``window_open``: visitors whose time to count has not ended; they count with what they did so
#:   far. metric, share;
#: - ``weights_changed``: visitors who came with other chances than those of now. n, share;
#: - ``guardrail``: a metric that must not get worse got worse. metric, arm;
#: - ``ended``: its time is over, and it still runs. since (ISO 8601).
Code: TypeAlias = Literal[
    "shares",
    "shares_within",
    "no_exposures",
    "late_exposures",
    "several_arms",
    "unknown_arm",
    "empty_arm",
    "nothing_to_show",
    "no_metric",
    "no_goal_events",
    "window_open",
    "weights_changed",
    "guardrail",
    "ended",
]
CODES: Final[tuple[Code, ...]] = get_args(Code)
#: With one of these no number is to be trusted; the others are to be known.
ERRORS: Final[frozenset[Code]] = frozenset(
    {"shares", "shares_within", "no_exposures", "nothing_to_show", "guardrail"}
)


def problem(code: Code, **values: Any) -> Problem:
    """Return a problem with the numbers that the sentence about it names."""
    return Problem(code=code, severity="error" if code in ERRORS else "warning", values=values)
