"""Patterns that would keep other engines busy for years are refused, or cost one pass."""

from __future__ import annotations

import pytest

from personalization.exceptions import InvalidRule
from personalization.rules.automaton import found_in
from personalization.rules.parse import parse
from personalization.rules.patterns import MAX_LENGTH, MAX_TEXT
from tests.rules.building import rule, trait

# A pattern that is tried again and again would not be done before the end of the universe.
pytestmark = pytest.mark.timeout(120)

BUSY = ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^([a-z]+)*$", "^(.*.*)*=$", "^((a*)*)*$", "(x+x+)+y"]
REFUSED = ["(a)\\1", "(?=a+)+b", "(?<!a)b", "a++", "(?R)", "a{1000}", "((a{100}){100}){100}",
           "(" * MAX_LENGTH, "a" * (MAX_LENGTH + 1)]  # fmt: skip
TEXT = "a" * (MAX_TEXT - 1) + "!"


@pytest.mark.parametrize("pattern", BUSY)
def test_a_busy_pattern_is_done_after_one_pass(pattern: str) -> None:
    parse(rule(trait("note", "matches", pattern)))
    assert not found_in(TEXT, pattern=pattern)
    assert found_in("xxy" if "x" in pattern else "a=" if "=" in pattern else "aa", pattern=pattern)


@pytest.mark.parametrize("pattern", REFUSED)
def test_a_pattern_beyond_the_bounds_is_no_rule(pattern: str) -> None:
    with pytest.raises(InvalidRule):
        parse(rule(trait("note", "matches", pattern)))
