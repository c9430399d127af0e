"""What is said of known vulnerabilities: a good word only of what was really looked up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.audited import UNREACHED, judge
from tests.housekeeping.ci_steps import run_steps

GOOD = {"name": "django", "version": "5.2.19", "vulns": []}
UNKNOWN = {"name": "furo", "skip_reason": "Dependency not found on PyPI"}
BAD = {
    "name": "redis",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"], "aliases": []}],
}
UNFIXED = {"name": "jinja2", "version": "3", "vulns": [{"id": "GHSA-2", "fix_versions": []}]}


def answer(*pins: dict[str, Any]) -> str:
    return json.dumps({"dependencies": pins, "fixes": []})


def test_what_was_looked_up_is_counted() -> None:
    verdict = judge(answer(GOOD, {**GOOD, "name": "celery"}), complaints="")
    assert (verdict.text, verdict.is_good) == ("ok, pins looked up: 2", True)


def test_a_known_vulnerability_fails_with_what_to_do() -> None:
    verdict = judge(answer(GOOD, BAD, UNFIXED, UNKNOWN), complaints="")
    assert not verdict.is_good
    assert "redis 1.0 (PYSEC-1, fixed in 1.1, 2.0)" in verdict.text
    assert "jinja2 3 (GHSA-2, fixed in no version)" in verdict.text


def test_what_is_not_known_there_is_named() -> None:
    verdict = judge(answer(GOOD, UNKNOWN), complaints="")
    assert verdict.text == "ok, pins looked up: 1; skipped, for it knows nothing of them: furo"
    assert verdict.is_good


def test_a_database_that_knows_nothing_at_all_was_not_reached() -> None:
    # An index that only hands out packages: pip-audit itself finds nothing wrong with that.
    assert judge(answer(UNKNOWN, UNKNOWN), complaints="No known vulnerabilities").text == UNREACHED


@pytest.mark.parametrize(
    "complaint",
    [
        "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed",
        "requests.exceptions.ConnectionError: Max retries exceeded with url: /pypi/x/json",
        "socket.gaierror: Temporary failure in name resolution",
        "timed out after 300 s",
    ],
)
def test_a_database_that_does_not_answer_is_a_note_and_no_failure(complaint: str) -> None:
    verdict = judge("", complaints=complaint)
    assert (verdict.text, verdict.is_good) == (UNREACHED, True)


@pytest.mark.parametrize(
    ("complaints", "told"),
    [("a\nERROR: no such option\n", "no answer: ERROR: no such option"), ("", "said nothing")],
)
def test_whatever_else_goes_wrong_fails(complaints: str, told: str) -> None:
    verdict = judge("", complaints=complaints)
    assert told in verdict.text
    assert not verdict.is_good


def run_audit(folder: Path, *, writes: str, complains: str = "", code: int = 0) -> str:
    """Run the step with a program that behaves so; return what it notes."""
    (folder / "answer").write_text(writes)
    program = folder / "pip-audit"
    program.write_text(
        '#!/bin/sh\nfor last; do :; done\n'
        f'cat "{folder}/answer" >"$last"\necho "{complains}" >&2\nexit {code}\n'
    )  # fmt: skip
    program.chmod(0o700)
    script = f'audit {program}; echo "broken: $broken"'
    return run_steps(script, functions=("audit",), logs=folder)


def test_the_step_notes_what_is_good(tmp_path: Path) -> None:
    said = run_audit(tmp_path, writes=answer(GOOD))
    assert "note: pip-audit: ok, pins looked up: 1" in said
    assert "broken: 0" in said


def test_the_step_fails_by_what_is_found(tmp_path: Path) -> None:
    said = run_audit(tmp_path, writes=answer(BAD), code=1)
    assert "note: pip-audit: FAILED, known to be vulnerable: redis 1.0" in said
    assert "broken: 1" in said


def test_the_step_says_that_it_was_skipped(tmp_path: Path) -> None:
    said = run_audit(tmp_path, writes="", complains="Could not connect", code=1)
    assert f"note: pip-audit: {UNREACHED}" in said
    assert "broken: 0" in said


def test_the_step_fails_where_the_program_does(tmp_path: Path) -> None:
    said = run_audit(tmp_path, writes="", complains="no such option", code=2)
    assert "FAILED, no answer: no such option" in said
    assert "broken: 1" in said
