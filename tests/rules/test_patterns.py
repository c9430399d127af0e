"""Reading patterns: the subset, its bounds, and the forms that engines are handed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.exceptions import UnreadablePattern
from personalization.rules.automaton import found_in
from personalization.rules.expression import (
    Anchor,
    Chain,
    Characters,
    Choice,
    Repeat,
    size,
    written,
)
from personalization.rules.patterns import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_REPEAT,
    MAX_SIZE,
    read_pattern,
)
from tests.effort import Tries, some_or_all
from tests.rules.expressions import Expression, expressions, texts

A, B = Characters(((97, 97),)), Characters(((98, 98),))

READ = {
    "a": A,
    "ab": Chain((A, B)),
    "a|b": Choice((A, B)),
    "a|": Choice((A, Chain(()))),
    "()": Chain(()),
    "^a$": Chain((Anchor(start=True), A, Anchor(start=False))),
    "(?:a)": A,
    "((a))": A,
    "a*": Repeat(A, 0, None),
    "a+": Repeat(A, 1, None),
    "a?": Repeat(A, 0, 1),
    "a{3}": Repeat(A, 3, 3),
    "a{3,}": Repeat(A, 3, None),
    "a{0,100}": Repeat(A, 0, 100),
    "(ab)*": Repeat(Chain((A, B)), 0, None),
    "[ba]": Characters(((97, 98),)),
    "[a-cb-e]": Characters(((97, 101),)),
    "[a-]": Characters(((45, 45), (97, 97))),
    "[-a]": Characters(((45, 45), (97, 97))),
    "[\\]\\^]": Characters(((93, 94),)),
    "[[]": Characters(((91, 91),)),
    "[^\\d]": Characters(((0, 47), (58, 0x10FFFF))),
    "\\D": Characters(((0, 47), (58, 0x10FFFF))),
    "\\w": Characters(((48, 57), (65, 90), (95, 95), (97, 122))),
    "\\s": Characters(((9, 13), (32, 32))),
    ".": Characters(((0, 9), (11, 0x10FFFF))),
    "\\.": Characters(((46, 46),)),
    "\\-": Characters(((45, 45),)),
}  # fmt: skip

REFUSED = {
    "(a": "never closed by “)” (character 3)",
    "a)": "“)” closes no group (character 2)",
    "[a": "“[” is never closed by “]”",
    "[]": "no character is in “[…]”",
    "[^]": "no character is in “[…]”",
    "[^\\d\\D]": "no character is in “[…]”",
    "[z-a]": "the lower one first",
    "[a-\\d]": "the lower one first",
    "[\\d-a]": "the lower one first",
    "]": "“]” needs a backslash before it (character 1)",
    "a}": "“}” needs a backslash",
    "*a": "nothing before “*”",
    "a|*": "nothing before “*” to repeat",
    "({2})": "nothing before “{”",
    "^*": "an end of the text cannot be repeated",
    "a**": "one repetition cannot follow another",
    "a*?": "one repetition cannot follow another",
    "a++": "one repetition cannot follow another",
    "a{2}{2}": "one repetition cannot follow another",
    "a{": "a number from 0 to 100 is needed",
    "a{,2}": "a number from 0 to 100 is needed",
    "a{٣}": "a number from 0 to 100 is needed",
    "a{101}": "a number from 0 to 100 is needed",
    "a{1000000000}": "a number from 0 to 100 is needed",
    "a{2": "“{” needs the form {2}, {2,} or {2,5}",
    "a{3,2}": "{3,2} ends before it starts",
    "(?=a)": "“(?” is possible as “(?:” only",
    "(?<!a)b": "“(?” is possible as “(?:” only",
    "(?i)a": "“(?” is possible as “(?:” only",
    "(?P<n>a)": "“(?” is possible as “(?:” only",
    "(a)\\1": "after a backslash, only",
    "\\bcat": "after a backslash, only",
    "\\n": "after a backslash, only",
    "\\": "after a backslash, only",
    "\\é": "after a backslash, only",
    "(" * (MAX_DEPTH + 1) + ")" * (MAX_DEPTH + 1): f"groups may be nested {MAX_DEPTH} deep",
}  # fmt: skip


@pytest.mark.parametrize(("text", "part"), READ.items(), ids=READ)
def test_reads_the_subset(text: str, part: object) -> None:
    assert read_pattern(text) == part


@pytest.mark.parametrize(("text", "why"), REFUSED.items(), ids=REFUSED)
def test_refuses_the_rest_and_says_where(text: str, why: str) -> None:
    with pytest.raises(UnreadablePattern) as caught:
        read_pattern(text)
    assert why in str(caught.value)


def test_reads_patterns_up_to_the_longest() -> None:
    read_pattern("a" * MAX_LENGTH)
    with pytest.raises(UnreadablePattern, match=f"{MAX_LENGTH} characters at most"):
        read_pattern("a" * (MAX_LENGTH + 1))


@pytest.mark.parametrize(
    "text",
    [
        "(a{100}){100}",
        "((a{100}){100}){100}",
        "(((((){100}){100}){100}){100}){100}",
        "(a{60}b{60}){5}",
        "".join(chr(0x400 + 2 * n) for n in range(120)) + ".{0,100}",
    ],
)
def test_refuses_what_would_be_too_large_written_out(text: str) -> None:
    with pytest.raises(UnreadablePattern, match="repeats too much"):
        read_pattern(text)


def test_size_is_that_of_the_pattern_written_out() -> None:
    assert size(read_pattern("a" * 50)) - size(read_pattern("a" * 49)) == 1
    assert size(read_pattern("(?:ab){40}")) == 40 * size(read_pattern("ab")) + 1
    assert size(read_pattern(f"a{{{MAX_REPEAT},}}")) <= MAX_SIZE


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("\\d+", "[0-9]{1,}"),
        (".", "[^\n]"),
        ("\\S", "[^\t-\r ]"),
        ("[\\s\\S]", "(?:[^\n]|\n)"),
        ("(a|b)c", "(?:a|b)c"),
        ("a|b", "a|b"),
        ("\\-\\_\\\\", "-_\\\\"),
        ("[\\-\\]\\[\\\\x]", "[\\-\\[-\\]x]"),
        ("^(?:ab)*$", "^(?:ab){0,}$"),
        ("(a*)*", "(?:a{0,}){0,}"),
    ],
)
def test_engines_are_handed_a_plain_form(text: str, form: str) -> None:
    assert written(read_pattern(text)) == form


@some_or_all(200)
def test_the_form_handed_on_is_the_pattern_itself(tries: Tries) -> None:
    @tries
    @given(expression=expressions(), many=st.lists(texts, min_size=6, max_size=8, unique=True))
    def holds(expression: Expression, many: list[str]) -> None:
        form = written(read_pattern(expression.ours))
        python = re.compile(re.sub(r"(?<!\\)((?:\\\\)*)\$", r"\1\\Z", form))
        for text in many:
            assert found_in(text, pattern=expression.ours) is bool(python.search(text))

    holds()
