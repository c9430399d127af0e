"""The page of features says what the definitions say.

`python -m pytest tests/ml/features/test_reference.py` prints the lines that are missing.
"""

from __future__ import annotations

import math

from personalization.ml.features.definitions import definition_of
from personalization.ml.features.shipped import names
from personalization.ml.features.steps import steps
from tests.housekeeping.repository import ROOT

PAGE = ROOT / "docs" / "reference" / "features.md"


def line(name: str) -> str:
    definition = definition_of(name)
    most = "" if math.isinf(definition.most) else f"{definition.most:g}"
    unit = definition.unit or "–"
    return f"| `{name}` | {unit} | {definition.least:g}…{most} | {definition.description} |"


def test_every_feature_has_its_line_and_no_line_is_about_something_gone() -> None:
    lines = [each for each in PAGE.read_text().splitlines() if each.startswith("| `")]
    features = [each for each in lines if each.count("|") == 5]
    assert features == [line(name) for name in names()]


def test_every_step_of_cleaning_is_described() -> None:
    text = PAGE.read_text()
    assert [name for name in steps.names() if f"| `{name}` |" not in text] == []
