"""A rule over all profiles, in SQL, at an instant."""

from __future__ import annotations

from personalization.rules.groups import Group
from personalization.rules.nodes import Rule, RuleGroup
from personalization.rules.sql import Scope, Sql, conjunction, disjunction, negation


def predicate(rule: Rule, scope: Scope) -> Sql:
    """Return the condition on `p` (profile) and `s` (snapshot) that `rule` means."""
    return group_sql(rule.root, scope)


def group_sql(group: RuleGroup, scope: Scope) -> Sql:
    parts = [
        group_sql(child, scope) if isinstance(child, Group) else child.sql(scope)
        for child in group.children
    ]
    joined = conjunction(parts) if group.combinator == "and" else disjunction(parts)
    return negation(joined) if group.negated else joined
