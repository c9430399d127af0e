"""Patterns in the browser: the same answers as in memory, in visits linear in the text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.automaton import found_in
from personalization.rules.expression import size, written
from personalization.rules.patterns import MAX_TEXT, read_pattern
from tests.effort import Tries, some_or_all
from tests.rules.expressions import Expression, expressions, texts
from tests.rules.javascript import run
from tests.rules.test_automaton import ADVERSARIAL, MEANINGS

PROGRAM = Path(__file__).parent / "patterns.mjs"
PATTERNS = 500


def asked(pairs: Sequence[tuple[str, str]], *, own: bool = False) -> list[dict[str, Any]]:
    """Return what the browser says of each pattern and text."""
    questions = [
        {"pattern": pattern, "text": text, "form": written(read_pattern(pattern)) if own else None}
        for pattern, text in pairs
    ]
    done = run(PROGRAM, json.dumps(questions))
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def drawn(tries: Tries) -> list[tuple[str, str]]:
    """Return random patterns with texts; nothing is asked of Node for each one alone."""
    pairs: list[tuple[str, str]] = []

    @tries
    @given(expression=expressions(), many=st.lists(texts, min_size=4, max_size=6, unique=True))
    def collect(expression: Expression, many: list[str]) -> None:
        pairs.extend((expression.ours, text) for text in many)

    collect()
    return pairs


@some_or_all(PATTERNS)
def test_finds_what_memory_finds(tries: Tries) -> None:
    pairs = drawn(tries)
    wrong = [
        (pattern, text, answer)
        for (pattern, text), answer in zip(pairs, asked(pairs, own=True), strict=True)
        if {answer["shipped"], answer["own"]} != {found_in(text, pattern=pattern)}
    ]
    assert len(pairs) > 3 * tries.max_examples
    assert wrong == []


def test_means_what_is_published() -> None:
    answers = asked([(pattern, text) for pattern, text, _ in MEANINGS])
    assert [answer["shipped"] for answer in answers] == [expected for *_, expected in MEANINGS]


def test_every_punctuation_mark_may_be_escaped() -> None:
    expected = {
        (pattern, sign): holds
        for sign in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "
        for pattern, holds in (
            (f"^\\{sign}$", True), (f"^[\\{sign}]$", True), (f"^[^a\\{sign}]$", False),
        )
    }  # fmt: skip
    answers = asked([*expected])
    shipped = [answer["shipped"] for answer in answers]
    assert dict(zip(expected, shipped, strict=True)) == expected
    assert {each: found_in(each[1], pattern=each[0]) for each in expected} == expected


def test_no_pattern_takes_long() -> None:
    """Twice the text costs twice the visits, and no more than each node at each character."""
    short, long = (asked([(one, "a" * n) for one in ADVERSARIAL]) for n in (2_000, 4_000))
    for pattern, half, whole in zip(ADVERSARIAL, short, long, strict=True):
        assert whole["shipped"] is False, pattern
        assert whole["visits"] <= 2.1 * half["visits"], pattern
        assert whole["visits"] <= 3 * size(read_pattern(pattern)) * 4_001, pattern


def test_texts_beyond_the_longest_match_nothing() -> None:
    answers = asked(
        [
            ("^a*$", "a" * MAX_TEXT),
            ("a", "a" * (MAX_TEXT + 1)),
            ("👟$", "👟" * MAX_TEXT),  # characters count, not the halves that browsers keep
        ]
    )
    assert [answer["shipped"] for answer in answers] == [True, False, True]
