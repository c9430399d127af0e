"""What is wrong with an experiment in sentences, each with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from personalization.admin.experiment_numbers import change, number
from personalization.admin.experiment_words import Names
from personalization.experiments.results import Problem

_OPEN: Final = "window_open"


def problem_words(problem: Problem, names: Names, metrics: Mapping[str, str]) -> str:
    """Return what is wrong and what to do; what is not known here by its code. Pure."""
    say = _PROBLEMS.get(problem.code)
    if say is None:
        return _("Something is to be looked at: %(code)s.") % {"code": problem.code}
    return say(_Values(problem.values, names, metrics))


def in_short(problems: Sequence[Problem], names: Names, metrics: Mapping[str, str]) -> list[str]:
    """Return the same of several, where there is room for little: each sentence once, and of the
    times that are not over the one of which most is left. Pure."""
    open_ones = [one for one in problems if one.code == _OPEN]
    said = [problem_words(one, names, metrics) for one in problems if one.code != _OPEN]
    if open_ones:
        most = max((_Values(one.values, names, metrics) for one in open_ones), key=_Values.order)
        words = _("For up to %(share)s of the visitors the time of a metric is not over yet.")
        said.append(words % {"share": most.share()})
    return list(dict.fromkeys(said))


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a problem, in words; one that is missing is a dash."""

    values: Mapping[str, Any]
    names: Names
    metrics: Mapping[str, str]

    def n(self, name: str) -> str:
        value = self.values.get(name)
        return number(value) if isinstance(value, int | float) else "–"

    def share(self, name: str = "share") -> str:
        value = self.values.get(name)
        return change(value, signed=False) if isinstance(value, int | float) else "–"

    def order(self) -> float:
        value = self.values.get("share")
        return value if isinstance(value, int | float) else 0.0

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if isinstance(value, list | tuple):
            return ", ".join(map(str, value))
        return "–" if value in (None, "") else str(value)

    @property
    def arm(self) -> str:
        return self.names.of(str(self.values.get("arm", "–")))

    @property
    def metric(self) -> str:
        slug = str(self.values.get("metric", "–"))
        return self.metrics.get(slug, slug)

    @property
    def divided(self) -> str:
        """Who is in which arm, beside who should be: “A 700 instead of 500”."""
        counted, expected = self.values.get("counted"), self.values.get("expected")
        if not (isinstance(counted, Mapping) and isinstance(expected, Mapping)):
            return ""
        return ", ".join(
            _("%(arm)s has %(counted)s instead of %(expected)s")
            % {
                "arm": self.names.of(arm),
                "counted": number(n),
                "expected": number(expected.get(arm, 0)),
            }
            for arm, n in counted.items()
        )


def _shares(told: _Values) -> str:
    words = _(
        "Visitors are not divided as they should be: %(divided)s. That does not happen by chance: "
        "an arm is slower, broken, or not counted everywhere."
    )
    return words % {"divided": told.divided or "–"}


def _shares_within(told: _Values) -> str:
    words = _(
        "Among visitors with %(dimension)s “%(value)s”, the arms are not divided as they should "
        "be: %(divided)s. Look at the page as such a visitor, in each arm."
    )
    return words % {
        "dimension": told.text("dimension"),
        "value": told.text("value"),
        "divided": told.divided or "–",
    }


_PROBLEMS: Final[Mapping[str, Callable[[_Values], str]]] = {
    "shares": _shares,
    "shares_within": _shares_within,
    "no_exposures": lambda told: (
        _(
            "In the last %(hours)s hours nobody was seen in it, though %(n)s pages were viewed. Is the "
            "slot still in the templates, and does the worker run?"
        )
        % {"hours": told.n("hours"), "n": told.n("page_views")}
    ),
    "late_exposures": lambda told: (
        _("%(share)s of the visitors were reported more than %(hours)s hours late.")
        % {"share": told.share(), "hours": told.n("hours")}
    ),
    "several_arms": lambda told: (
        _(
            "%(n)s visitors (%(share)s) were seen in another arm later, as after a login on a second "
            "device. They count in their first, so the arms differ more than it seems."
        )
        % {"n": told.n("n"), "share": told.share()}
    ),
    "unknown_arm": lambda told: (
        _("%(n)s times visitors saw an arm that there is not: %(arms)s. They are left out.")
        % {"n": told.n("n"), "arms": told.text("arms")}
    ),
    "empty_arm": lambda told: (
        _("Nobody came into %(arm)s, though the others have visitors.") % {"arm": told.arm}
    ),
    "nothing_to_show": lambda told: (
        _(
            "%(arm)s has nothing to show: its content is gone, not active or out of its schedule, "
            "and its visitors see the default."
        )
        % {"arm": told.arm}
    ),
    "no_metric": lambda told: _("No metric says what would be better: add one that decides."),
    "no_goal_events": lambda told: (
        _("Nothing that “%(metric)s” counts ever came (%(events)s): is the goal sent at all?")
        % {
            "metric": told.metric,
            "events": told.text("events" if "events" in told.values else "event"),
        }
    ),
    _OPEN: lambda told: (
        _(
            "For %(share)s of the visitors the time of “%(metric)s” is not over: they count with "
            "what they did so far."
        )
        % {"share": told.share(), "metric": told.metric}
    ),
    "weights_changed": lambda told: (
        _("%(share)s of the visitors came in while the arms had other shares.")
        % {"share": told.share()}
    ),
    "guardrail": lambda told: (
        _("“%(metric)s” must not get worse, and in %(arm)s it did.")
        % {"metric": told.metric, "arm": told.arm}
    ),
    "ended": lambda told: _("Its time is over and nobody comes in any more: stop it."),
}
