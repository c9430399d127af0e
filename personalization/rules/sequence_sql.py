"""A sequence over all profiles, in SQL: the same walk, step by step, with window functions.

Every event that concerns the sequence is a row with its place among those of its profile.
For each step, the newest row before it that came to the step before is looked at; that no
other way needs to be, `sequence` says.
"""

from __future__ import annotations

from collections.abc import Iterable

from personalization.rules.matcher import Matcher
from personalization.rules.sequence import Sequence
from personalization.rules.sql import FALSE, Scope, Sql, conjunction, disjunction

_ORDER = "PARTITION BY profile_id ORDER BY place"
#: Rows of one place come neither before nor after each other.
_BEFORE = f"({_ORDER} GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
_AFTER = f"({_ORDER} GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"


def sequence_sql(sequence: Sequence, scope: Scope) -> Sql:
    """Return whether `p` is among those who took the steps."""
    tables = [_rows(sequence, scope)]  # each reads the one before, as `walk0`, `walk1`, …
    for number in range(len(sequence.steps)):
        if number:
            tables.append(_looking_back(f"walk{len(tables) - 1}", number))
        tables.append(_arrived(sequence, scope, f"walk{len(tables) - 1}", number))
    if sequence.absences:
        tables.append(_absences(sequence, f"walk{len(tables) - 1}"))
    last = f"t{len(sequence.steps) - 1}"
    ripe = [Sql(f"{last} <= %s", (scope.timestamp(scope.now - sequence.ripens),))]
    if sequence.last is not None:
        ripe.append(Sql(f"{last} > %s", (scope.timestamp(scope.now - sequence.last),)))
    for number, absence in enumerate(sequence.absences):
        kept = scope.within(f"next{number}", last, absence.duration)
        ripe.append(Sql(f"next{number} IS NULL OR NOT ({kept.text})", kept.params))
    condition = conjunction([Sql(f"{last} IS NOT NULL"), *ripe])
    # One after the other and not inside each other: parsers have a depth.
    named = ", ".join(f"walk{number} AS ({table.text})" for number, table in enumerate(tables))
    return Sql(
        f"p.id IN (WITH {named} SELECT profile_id FROM walk{len(tables) - 1}"
        f" WHERE {condition.text})",
        (*(param for table in tables for param in table.params), *condition.params),
    )


def _rows(sequence: Sequence, scope: Scope) -> Sql:
    """Return the events with the steps and absences that each is one of."""
    flags = [(f"is{number}", [step.matcher]) for number, step in enumerate(sequence.steps)]
    flags += [(f"off{number}", list(step.without)) for number, step in enumerate(sequence.steps)]
    flags += [(f"end{number}", [end.matcher]) for number, end in enumerate(sequence.absences)]
    columns = [_flag(name, matchers, scope) for name, matchers in flags]
    # By bytes, as everywhere: the collation of a database orders texts as its country does.
    collation = ' COLLATE "C"' if scope.vendor == "postgresql" else ""
    concerned = (
        None
        if sequence.strict
        else disjunction([matcher.sql(scope, alias="e") for matcher in sequence.matchers()])
    )
    condition = Sql("e.timestamp <= %s", (scope.timestamp(scope.now),))
    if concerned is not None:
        condition = conjunction([condition, concerned])
    place = (
        "DENSE_RANK() OVER (PARTITION BY i.profile_id"
        f" ORDER BY e.timestamp, e.message_id{collation}) AS place"
    )
    listed = ", ".join(column.text for column in columns)
    return Sql(
        f"SELECT i.profile_id, e.timestamp AS at, {place}, {listed} "
        f"FROM {scope.tables['event']} e JOIN {scope.tables['identity']} i "
        f"ON i.id = e.identity_id WHERE {condition.text}",
        (*(param for column in columns for param in column.params), *condition.params),
    )


def _flag(name: str, matchers: Iterable[Matcher], scope: Scope) -> Sql:
    parts = [matcher.sql(scope, alias="e") for matcher in matchers]
    condition = disjunction(parts) if parts else FALSE
    return Sql(f"({condition.text}) AS {name}", condition.params)


def _arrived(sequence: Sequence, scope: Scope, table: str, number: int) -> Sql:
    """Return the rows with when they come to the step, if they do: its instant, its place,
    and the instant at which the first step was."""
    came = conjunction(_conditions(sequence, scope, number)) if number else Sql("is0")
    first = f"first_before{number}" if number else "at"
    case = f"CASE WHEN {came.text} THEN"
    return Sql(
        f"SELECT {table}.*, {case} at END AS t{number}, {case} place END AS p{number},"
        f" {case} {first} END AS f{number} FROM {table}",
        came.params * 3,
    )


def _looking_back(table: str, number: int) -> Sql:
    """Return the rows with the newest before each that came to the step before, and the
    newest that must not have happened since."""
    step = number - 1
    return Sql(
        f"SELECT {table}.*, MAX(t{step}) OVER {_BEFORE} AS at_before{number},"
        f" MAX(p{step}) OVER {_BEFORE} AS place_before{number},"
        f" MAX(f{step}) OVER {_BEFORE} AS first_before{number},"
        f" MAX(CASE WHEN off{number} THEN place END) OVER {_BEFORE} AS off_before{number}"
        f" FROM {table}"
    )


def _conditions(sequence: Sequence, scope: Scope, number: int) -> list[Sql]:
    """Return what makes a row come to the step from the newest that came to the one before."""
    step = sequence.steps[number]
    before, place = f"at_before{number}", f"place_before{number}"
    parts = [Sql(f"is{number}"), Sql(f"{before} IS NOT NULL")]
    if step.within is not None:
        parts.append(scope.within("at", before, step.within))
    if sequence.window is not None:
        parts.append(scope.within("at", f"first_before{number}", sequence.window))
    if step.without:
        off = f"off_before{number}"
        parts.append(Sql(f"{off} IS NULL OR {off} <= {place}"))
    if sequence.strict:
        parts.append(Sql(f"place = {place} + 1"))
    return parts


def _absences(sequence: Sequence, table: str) -> Sql:
    """Return the rows with when what must not happen at the end next happens after each."""
    columns = ", ".join(
        f"MIN(CASE WHEN end{number} THEN at END) OVER {_AFTER} AS next{number}"
        for number in range(len(sequence.absences))
    )
    return Sql(f"SELECT {table}.*, {columns} FROM {table}")
