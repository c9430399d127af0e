"""The page about bucketing says what the code does: its table, its functions, its examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from personalization.experiments.bucketing import Range, bucket, ranges_of
from personalization.experiments.trial import (
    HELD_OUT,
    Choice,
    Entrant,
    Namespace,
    Trial,
    assign,
    holdout,
)
from tests.experiments.test_twins import SHIPPED
from tests.housekeeping.repository import ROOT
from tests.rules.javascript import run

PAGE = (ROOT / "docs" / "reference" / "bucketing.md").read_text()
EXAMPLES = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
IMPORT = re.compile(r'^import \{.*\} from "/static/personalization/buckets.js";\n', re.MULTILINE)


def told(tmp_path: Path, code: str) -> Any:
    """Return what the expression on the last line of the code is, of all examples in one."""
    program = tmp_path / "example.mjs"
    stored = "const localStorage = { getItem: () => null, setItem: (_, text) => { kept_ = text } };"
    *before, last = [IMPORT.sub("", code) for code in (*EXAMPLES, code)]
    lines = [
        f"import {{ assign, holdout, assignSticky }} from {json.dumps(SHIPPED.as_uri())};",
        f"let kept_; {stored}",
        *before,
        f"process.stdout.write(JSON.stringify({last}));",
    ]
    program.write_text("\n".join(lines))
    done = run(program, "")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_ranges_of_the_table() -> None:
    rows = re.findall(r"^\| \w+ \| ([\d.]+) ≤ number < ([\d.]+) \|$", PAGE, re.MULTILINE)
    found = ranges_of(3, coverage=0.2, weights=(0.2, 0.3, 0.5))
    assert len(rows) == len(found) == 3
    for (start, end), each in zip(rows, found, strict=True):
        assert each == pytest.approx((float(start), float(end)))


def test_every_function_of_the_module_is_named() -> None:
    exported = set(re.findall(r"^export function (\w+)", SHIPPED.read_text(), re.MULTILINE))
    assert exported == {name for name in exported if f"`{name}(" in PAGE}


def test_a_name_that_is_not_ascii_is_hashed_as_it_says() -> None:
    written = r"gr\u00f6\u00dfe"
    assert f"`größe` as `{written}`" in PAGE
    for unit in map(str, range(200)):
        found = holdout("größe", unit=unit, share=0.5)
        assert found is not None
        assert (found.arm == HELD_OUT) is (bucket(unit, seed=f"holdout:{written}") < 0.5)


def test_the_examples_run_and_answer_as_the_server_does(tmp_path: Path) -> None:
    assert len(EXAMPLES) == 2
    code = '[assign(trial, entrant), holdout("hero/variation:12", { unit: "4711", share: 0.1 })]'
    trial = Trial(
        key="hero-text",
        kind="variations",
        arms=(Choice("control"), Choice("short")),
        weights=(0.5, 0.5),
        coverage=0.8,
        namespace=Namespace("home", Range(0, 0.5)),
        audience="buyers",
    )
    found = assign(trial, Entrant("4711", frozenset({"buyers"})))
    held = holdout("hero/variation:12", unit="4711", share=0.1)
    assert found is not None
    expected = [
        each and {"experiment": each.experiment, "arm": each.arm, "probability": each.probability}
        for each in (found[1], held)
    ]
    assert told(tmp_path, code) == expected


def test_the_example_of_sticky_buckets_keeps_what_it_found(tmp_path: Path) -> None:
    found, kept = told(tmp_path, "[kept.found, JSON.parse(kept_)]")
    assert kept == {"user||u2": {"hero-text__0": found["arm"]}}
