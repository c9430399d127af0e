"""Whatever is stored: a rule, or a refusal and nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from personalization.exceptions import InvalidRule
from personalization.rules.nodes import Rule
from personalization.rules.parse import parse
from tests.effort import Tries, some_or_all
from tests.rules import strategies


@some_or_all(200)
def test_what_is_written_as_intended_parses(tries: Tries) -> None:
    @tries
    @given(strategies.rules())
    def holds(stored: Any) -> None:
        parsed = parse(stored)
        assert isinstance(parsed, Rule)
        assert parsed.source == stored
        assert parse(json.loads(json.dumps(stored))).root == parsed.root

    holds()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["version", "root", "combinator", "not", "rules", "kind", "field", "operator",
                 "value", "event", "window", "last", "from", "to", "where", "slug", "purpose"]
            ) | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)  # fmt: skip


@some_or_all(300)
def test_any_json_is_a_rule_or_refused(tries: Tries) -> None:
    @tries
    @given(_json)
    def holds(stored: Any) -> None:
        parses_or_refuses(stored)

    holds()


@some_or_all(500)
def test_a_rule_with_one_part_replaced_is_a_rule_or_refused(tries: Tries) -> None:
    @tries
    @given(strategies.rules(), st.data())
    def holds(stored: Any, data: st.DataObject) -> None:
        places = list(_places(stored))
        holder, key = data.draw(st.sampled_from(places))
        holder[key] = data.draw(_json | st.sampled_from(["=", "in", "event", "PT1H", "and", 1]))
        parses_or_refuses(stored)

    holds()


def parses_or_refuses(stored: Any) -> None:
    try:
        parsed = parse(stored)
    except InvalidRule as error:
        found = error.problems
    else:
        assert isinstance(parsed, Rule)
        return
    assert found
    assert all(problem.pointer == "" or problem.pointer[0] == "/" for problem in found)
    assert all(str(problem) for problem in found)


def _places(value: Any) -> Any:
    """Yield every (holder, key) inside `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)
