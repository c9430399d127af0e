"""What an event leaf measures of its events, as SQL over all profiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from personalization.rules.amount import LARGEST, MILLION
from personalization.rules.matcher import Matcher
from personalization.rules.presence import in_millionths
from personalization.rules.sql import TRUE, Scope, Sql, conjunction, negation
from personalization.rules.threshold import Threshold
from personalization.rules.window import Window


def count_sql(matcher: Matcher, window: Window, threshold: Threshold, scope: Scope) -> Sql:
    """Return the test made of “at least n” and its complement alone, as in memory."""

    def at_least(n: int) -> Sql:
        if n <= 0:
            return TRUE
        having = None if n == 1 else Sql("COUNT(*) >= %s", (n,))
        return members(matcher, window, scope, having=having)

    operator, value = threshold.operator, int(threshold.value)
    if operator in ("<", "<=", "!="):
        return negation(count_sql(matcher, window, threshold.complement, scope))
    if operator == "=":
        return conjunction([at_least(value), negation(at_least(value + 1))])
    return at_least(value + (operator == ">"))


def sum_sql(
    matcher: Matcher, window: Window, threshold: Threshold, scope: Scope, *, path: Sequence[str]
) -> Sql:
    amounts = _amounts(scope, path)
    return _or_zero(
        threshold,
        lambda test: members(matcher, window, scope, having=_adds_up(amounts, test, scope)),
    )


def average_sql(
    matcher: Matcher, window: Window, threshold: Threshold, scope: Scope, *, path: Sequence[str]
) -> Sql:
    if threshold.operator == "!=":
        return negation(average_sql(matcher, window, threshold.complement, scope, path=path))
    amounts = _amounts(scope, path)
    value, total = int(in_millionths(threshold).value), _sum(amounts, scope)
    having = Sql(
        f"COALESCE({total.text} {threshold.sql} {_exact(scope)} * COUNT({amounts.text}),"
        f" {_false(scope)})",
        (*total.params, value, *amounts.params),
    )
    return members(matcher, window, scope, having=having)


def distinct_sql(
    matcher: Matcher,
    window: Window,
    threshold: Threshold,
    scope: Scope,
    *,
    path: Sequence[str] | None,
) -> Sql:
    if path is None:
        keys = [scope.day("e.timestamp")]
    else:
        value = scope.json("e.properties", tuple(path))
        keys = [value.extract("text"), value.extract("number"), value.extract("boolean")]
    counts = " + ".join(f"COUNT(DISTINCT {key.text})" for key in keys)
    params = tuple(param for key in keys for param in key.params)
    return _or_zero(
        threshold,
        lambda test: members(
            matcher,
            window,
            scope,
            having=Sql(f"{counts} {test.sql} %s", (*params, int(test.value))),
        ),
    )


def _or_zero(threshold: Threshold, holding: Callable[[Threshold], Sql]) -> Sql:
    """Return the test of a measure that is 0 for those without a single event.

    Only profiles with events are found by grouping these. So a test that 0 passes is made
    by leaving out those who fail it.
    """
    if threshold.holds(0):
        return negation(holding(threshold.complement))
    return holding(threshold)


def members(matcher: Matcher, window: Window, scope: Scope, *, having: Sql | None) -> Sql:
    """Return whether `p` is among those whose events in the window satisfy `having`."""
    condition = conjunction([matcher.sql(scope, alias="e"), *window.sql(scope, alias="e")])
    visit, visiting = _visit_sql(window, scope)
    text = (
        f"p.id IN (SELECT i.profile_id FROM {scope.tables['event']} e "
        f"JOIN {scope.tables['identity']} i ON i.id = e.identity_id{visit} "
        f"WHERE {condition.text}{visiting.text}"
    )
    params = (*condition.params, *visiting.params)
    if having is None:
        return Sql(f"{text})", params)
    return Sql(f"{text} GROUP BY i.profile_id HAVING {having.text})", (*params, *having.params))


def _visit_sql(window: Window, scope: Scope) -> tuple[str, Sql]:
    """Return the join and the conditions that leave only events of current visits."""
    if not window.in_visit:
        return "", Sql("")
    now = scope.timestamp(scope.now)
    goes_on = scope.timestamp(scope.now - scope.visit_gap)
    return f" JOIN {scope.tables['snapshot']} v ON v.profile_id = i.profile_id", Sql(
        " AND v.last_seen > %s AND v.visit_started_at <= %s AND e.timestamp >= v.visit_started_at",
        (goes_on, now),
    )


def _amounts(scope: Scope, path: Sequence[str]) -> Sql:
    """Return the number at `path` in millionths, NULL where there is none."""
    number = scope.json("e.properties", tuple(path)).extract("number")
    return Sql(
        f"CASE WHEN {number.text} BETWEEN {-LARGEST} AND {LARGEST}"
        f" THEN FLOOR({number.text} * {MILLION} + 0.5) END",
        (*number.params, *number.params),
    )


def _adds_up(amounts: Sql, threshold: Threshold, scope: Scope) -> Sql:
    value, total = int(in_millionths(threshold).value), _sum(amounts, scope)
    text = f"COALESCE({total.text}, 0) {threshold.sql} {_exact(scope)}"
    return Sql(text, (*total.params, value))


def _sum(amounts: Sql, scope: Scope) -> Sql:
    if scope.vendor != "sqlite":
        return Sql(f"SUM(CAST({amounts.text} AS numeric))", amounts.params)
    # SUM of SQLite fails where whole numbers overflow. Whole units and what is left of them
    # do not; their product becomes a double, far beyond everything it is compared with.
    whole = f"CAST({amounts.text} AS INTEGER)"
    return Sql(
        f"(SUM({whole} / {MILLION}) * {MILLION} + SUM({whole} %% {MILLION}))",
        amounts.params * 2,
    )


def _exact(scope: Scope) -> str:
    return "%s" if scope.vendor == "sqlite" else "%s::numeric"


def _false(scope: Scope) -> str:
    return "0" if scope.vendor == "sqlite" else "false"
