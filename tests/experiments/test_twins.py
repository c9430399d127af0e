"""Python and the shipped JavaScript answer the same, whatever they are asked."""

from __future__ import annotations

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.effort import EFFORT, examples
from tests.experiments.drawing import questions
from tests.experiments.twins import FUNCTIONS, PROGRAM, in_browser, in_python
from tests.housekeeping.repository import ROOT

SHIPPED = ROOT / "personalization" / "static" / "personalization" / "buckets.js"
MANY = 2000


@examples(2)
@given(st.integers(0, 2**32))
def test_the_twins_answer_the_same_to_random_questions(seed: int) -> None:
    asked = questions(seed, round(MANY * EFFORT))
    here, there = in_python(asked), in_browser(asked)
    differing = [each for each in zip(asked, here, there, strict=True) if each[1] != each[2]]
    assert differing == []


def test_random_questions_have_answers_of_every_kind() -> None:
    asked = questions(1, MANY)
    kinds: Counter[str] = Counter()
    for (name, *_), answer in zip(asked, in_python(asked), strict=True):
        if isinstance(answer, dict) and "error" in answer:
            kinds[f"{name} refused"] += 1
        elif name == "assignSticky":
            kinds[f"{name} {answer['remembered']} {answer['found'] is None}"] += 1
        else:
            kinds[f"{name} {answer is None or answer is False}"] += 1
    for found in ("True True", "True False", "False True", "False False"):
        assert kinds[f"assignSticky {found}"] > 3, kinds
    for kind in ("assign True", "assign False", "assign refused", "bucket refused",
                 "inNamespace True", "inNamespace False", "holdout refused"):  # fmt: skip
        assert kinds[kind] > 3, kinds


def test_an_error_names_the_value_that_is_not_ascii() -> None:
    why = "languages disagree on the hash of other characters"
    asked = [
        ("bucket", "größe", {"seed": "seed"}),
        ("bucket", "one", {"seed": "größe"}),
        ("bucket", "one", {"seed": "größe", "version": 1}),
        ("inNamespace", "größe", "space", [0, 1]),
        ("holdout", "größe", {"unit": "größe", "share": 0.5}),
    ]
    for ask in (in_python, in_browser):
        assert ask(asked) == [{"error": f"“größe” is not ASCII: {why}."}] * len(asked)


def test_every_function_of_the_module_has_its_twin() -> None:
    """`lies` is of the tests alone."""
    exported = set(re.findall(r"^export function (\w+)", SHIPPED.read_text(), re.MULTILINE))
    assert exported - {"weightsInForce"} == set(FUNCTIONS) - {"lies"}
    assert "weightsInForce" in exported
    assert SHIPPED.name in PROGRAM.read_text()


def test_the_module_needs_nothing_and_no_exception_from_a_strict_content_policy() -> None:
    text = SHIPPED.read_text()
    assert not re.search(r"\bimport\b|\brequire\b", re.sub(r"//.*|/\*[\s\S]*?\*/", "", text))
    assert not re.search(r"\beval\b|Function\(|innerHTML|document\.|fetch\(", text)
