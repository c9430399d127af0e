"""What may be wrong with an experiment or a holdout, for programs; the admin has the words."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from personalization.experiments.results import Severity

#: Each with what `Problem.values` has of it:
#:
#: - ``shares``: visitors are not divided as they should be (SRM). p, expected and counted by arm;
#: - ``shares_within``: nor are those of one kind. dimension, value, p, expected, counted;
#: - ``no_exposures``: nobody was exposed, or no longer is, though pages are viewed. since (ISO
#:   8601), page_views;
#: - ``late_exposures``: exposures that arrived long after they happened. n, share, hours;
#: - ``several_arms``: visitors who were seen in more than one arm, and left out. n, share;
#: - ``unknown_arm``: exposures name an arm that there is not. arms, n;
#: - ``empty_arm``: an arm that nobody came into though others have visitors. arm;
#: - ``nothing_to_show``: an arm shows what is not there, or off. arm, content;
#: - ``no_metric``: nothing says what would be better;
#: - ``no_goal_events``: events that a metric counts never came. metric, event;
#: - ``window_open``: visitors whose time to count has not ended; they count with what they did so
#:   far. metric, share;
#: - ``weights_changed``: visitors were given other chances at first than now. arms, before, now;
#: - ``guardrail``: a metric that must not get worse got worse. metric, arm;
#: - ``ended``: its time is over, and it still runs. since.
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
#: With one of these, no number is to be trusted; the others are to be known.
SEVERITY: Final[dict[Code, Severity]] = {
    code: "error"
    if code in ("shares", "shares_within", "no_exposures", "nothing_to_show", "guardrail")
    else "warning"
    for code in CODES
}
