"""What `.ci/run` says of tests that ran, did not end or had no time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.housekeeping.ci_steps import run_steps

CUT = "!!!!!!!! session-timeout: 60.0 sec exceeded !!!!!!!!"
CUT_IN_SEVERAL = "!!!!!! xdist.dsession.Interrupted: session-timeout: 60.0 sec exceeded !!!!!!"


def said(folder: Path, *printed: str, code: int = 0, limit: int = 60) -> str:
    """Return what is noted of a run that prints these lines and ends so."""
    (folder / "printed").write_text("".join(f"{line}\n" for line in printed))
    script = (
        f"""suite some {limit} bash -c 'cat "$0"; [ "$1" != slow ] || sleep 60; exit "$1"' """
        f"""{folder}/printed {"slow" if limit == 1 else code}\n"""
        'echo "note: $passed passed, $failed failed, broken $broken"'
    )
    return run_steps(script, functions=("count", "complaints", "suite"), logs=folder)


def test_what_passed_is_counted(tmp_path: Path) -> None:
    told = said(tmp_path, "=== 1200 passed, 3 skipped in 10.01s (0:00:10) ===")
    assert "note: some: 1200 passed, 3 skipped in 10.01s" in told
    assert "1200 passed, 0 failed, broken 0" in told


@pytest.mark.parametrize(("printed", "code"), [(CUT, 1), (CUT_IN_SEVERAL, 2)])
def test_to_stop_when_the_time_is_up_is_no_failure(tmp_path: Path, printed: str, code: int) -> None:
    told = said(tmp_path, printed, "=== 1200 passed in 60.01s (0:01:00) ===", code=code)
    assert "a part of the tests: then the time was up" in told
    assert "1200 passed, 0 failed, broken 0" in told


@pytest.mark.parametrize(
    ("printed", "code", "failed"),
    [
        ((CUT, "=== 1 failed, 1200 passed in 60.01s (0:01:00) ==="), 1, 1),
        ((CUT, "=== 1200 passed, 2 errors in 60.01s (0:01:00) ==="), 1, 2),
        ((CUT,), 1, 1),
        (("=== 3 failed, 1200 passed in 60.01s ===",), 1, 3),
        ((CUT_IN_SEVERAL, "=== 1 failed, 1200 passed in 60.01s (0:01:00) ==="), 2, 1),
        (("=== 1200 passed in 60.01s ===",), 1, 0),
        (("!!! KeyboardInterrupt !!!", "=== 1200 passed in 60.01s ==="), 2, 0),
        (("Killed",), 137, 1),
    ],
)
def test_whatever_else_ends_badly_fails(
    tmp_path: Path, printed: tuple[str, ...], code: int, failed: int
) -> None:
    told = said(tmp_path, *printed, code=code)
    assert "note: some: FAILED" in told
    assert f"{failed} failed, broken 1" in told


def test_what_failed_is_named_and_kept_for_the_end(tmp_path: Path) -> None:
    told = said(
        tmp_path,
        "=================================== FAILURES ===================================",
        "_________________________________ test_sums ____________________________________",
        *(f"line {n}" for n in range(60)),
        "_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _",
        "E       assert 1 == 2",
        "=============================== warnings summary ===============================",
        "nothing of interest",
        "=========================== short test summary info ============================",
        "FAILED tests/test_sums.py::test_sums - assert 1 == 2",
        "=== 1 failed, 1200 passed in 60.01s (0:01:00) ===",
        code=1,
    )
    assert "note:     FAILED tests/test_sums.py::test_sums - assert 1 == 2" in told
    kept = (tmp_path / "failures").read_text()
    assert "test_sums ___" in kept
    assert "line 59\n_ _ _" in kept
    assert "E       assert 1 == 2\n" in kept
    assert "line 20\n" not in kept
    assert "nothing of interest" not in kept


def test_of_what_passed_nothing_is_kept(tmp_path: Path) -> None:
    said(tmp_path, "=== 1200 passed, 3 skipped in 10.01s (0:00:10) ===")
    assert not (tmp_path / "failures").exists()


def test_who_does_not_end_fails(tmp_path: Path) -> None:
    told = said(tmp_path, "....", limit=1)
    assert "note: some: FAILED, not done after 1 s" in told
    assert "1 failed, broken 1" in told


@pytest.mark.parametrize(
    ("left", "told"),
    [(3600, "suite some 3030 run --session-timeout 2700"), (900, "some: skipped, no time is left")],
)
def test_tests_get_the_time_that_is_left(tmp_path: Path, left: int, told: str) -> None:
    script = f'suite() {{ echo "suite $*"; }}; seconds=$((SECONDS + {left})); timed some 900 run'
    assert told in run_steps(script, functions=("timed",), logs=tmp_path)
