"""Matching: the same answers as Python's `re`, in steps that are linear in the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.exceptions import UnreadablePattern
from personalization.rules import automaton
from personalization.rules.automaton import Automaton, found_in
from personalization.rules.expression import size
from personalization.rules.patterns import MAX_TEXT, read_pattern
from tests.effort import Tries, some_or_all
from tests.rules.expressions import Expression, expressions, texts


class Counting(Automaton):
    """Counts the times that a state is worked out, each a pass over the nodes."""

    passes = 0

    def _moved(self, state: int, code: int) -> int:
        self.passes += 1
        return super()._moved(state, code)

    @property
    def nodes(self) -> int:
        return len(self._kinds)


@some_or_all(500)
def test_finds_what_python_finds(tries: Tries) -> None:
    @tries
    @given(expression=expressions(), many=st.lists(texts, min_size=6, max_size=8, unique=True))
    def holds(expression: Expression, many: list[str]) -> None:
        python = re.compile(expression.python, re.ASCII)
        for text in many:
            assert found_in(text, pattern=expression.ours) is bool(python.search(text))

    holds()


MEANINGS = [
    ("b", "abc", True),
    ("^b", "abc", False),
    ("c$", "abc", True),
    ("c$", "abc\n", False),
    ("^b", "a\nb", False),
    ("a.c", "a\nc", False),
    ("a.c", "a\rc", True),
    ("a.c", "a\u2028c", True),
    ("^.$", "👟", True),
    ("\\d", "٣", False),
    ("\\w", "é", False),
    ("\\s", "\u00a0", False),
    ("\\S", "\u00a0", True),
    ("[^a]", "\n", True),
    ("B", "b", False),
    ("^$", "", True),
    ("$^", "", True),
    ("$^", "a", False),
    ("a*", "", True),
    ("(^|-)x($|-)", "y-x-z", True),
    ("(^|-)x($|-)", "yx-z", False),
    ("(a|ab)(c|bcd)$", "abcd", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), MEANINGS)
def test_means_what_is_published(pattern: str, text: str, expected: bool) -> None:
    assert found_in(text, pattern=pattern) is expected


ADVERSARIAL = [
    "(a*)*b", "(a+)+$b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "(.*.*)*=b", "(a?){80}a{80}b",
    "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "((a*)*)*b", "a{50}a{50}b", "(a*b?)*c",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ADVERSARIAL)
def test_no_pattern_takes_more_than_a_pass_for_each_character(pattern: str) -> None:
    text = "ax" * (MAX_TEXT // 4) + "a" * (MAX_TEXT // 2)
    machine = Counting(read_pattern(pattern))
    assert machine.found_in(text) is False
    assert machine.passes <= len(text)
    assert machine.nodes <= size(read_pattern(pattern)) + 1


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|aa)+b", "(.*)*b"])
def test_states_are_worked_out_once(pattern: str) -> None:
    machine = Counting(read_pattern(pattern))
    machine.found_in("a" * 5000)
    assert machine.passes < 10


def test_remembers_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "MAX_REMEMBERED", 7)
    machine = Counting(read_pattern("(a|b)*a(a|b){9}c"))
    text = "".join("ab"[(n * n // 3) % 2] for n in range(2000))
    assert machine.found_in(text) is False
    assert machine.found_in(f"{text}abbbbbbbbbc")
    assert len(machine._known) <= 7
    assert machine.passes <= 2 * len(text) + 11


def test_texts_beyond_the_longest_match_nothing() -> None:
    assert found_in("a" * MAX_TEXT, pattern="^a*$")
    assert not found_in("a" * (MAX_TEXT + 1), pattern="^a*$")
    assert not found_in("a" * (MAX_TEXT + 1), pattern="a")


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(UnreadablePattern):
        found_in("a", pattern="(")
