"""The measuring of lists, on a few films that are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from project.benchmarks.models import serving
from project.benchmarks.models.data import MissingData
from project.benchmarks.results import Effort

FILMS, VISITORS, RATINGS = 90, 60, 60
GENRES = ("Drama", "Comedy|Drama", "Horror", "Western", "Documentary")


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Films and who rated them, as the files have them: all ratings in the first one."""
    folder = tmp_path / "ml1m"
    folder.mkdir()
    monkeypatch.setenv("PERSONALIZATION_DATA", str(tmp_path))
    lines = [f"{n}\tFilm {n}\t{GENRES[n % len(GENRES)]}" for n in range(1, FILMS + 1)]
    (folder / "movies.dat").write_text("\n".join(lines) + "\n")
    rng = np.random.default_rng(0)
    rows = [
        f"{visitor},{film},4"
        for visitor in range(1, VISITORS + 1)
        for film in rng.choice(np.arange(1, FILMS + 1), size=RATINGS, replace=False)
    ]
    parts = np.array_split(np.array(rows), 5)
    for n, part in enumerate(parts, start=1):
        (folder / f"test_1m{n}.dat").write_text("\n".join(part) + "\n")


@pytest.mark.slow
def test_it_measures_both_shares_of_lists(films: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_WARM", 5)
    monkeypatch.setattr(serving, "_MEASURED", 60)
    rows = {row.name: row for row in serving.measure(Effort())}
    assert list(rows) == [
        "serving_p50_ms", "serving_p99_ms", "serving_all_calls_p99_ms", "serving_over_one_matrix",
        "serving_about_item_p50_ms",
    ]  # fmt: skip
    values = [row.value for row in rows.values()]
    assert 0 < values[0] <= values[1] <= values[2]
    assert values[3] > 1
    assert values[4] > 0
    assert [row.goal for row in rows.values()] == [1.0, 3.0, None, None, None]
    assert all(row.less_is_better for row in rows.values())
    assert f"{FILMS} items, 50 steps" in rows["serving_p50_ms"].note


def test_the_fastest_round_of_each_list_counts_and_all_calls_are_told_beside() -> None:
    took = np.ones((4, 200))
    took[0] = 50.0  # a round in which the machine did something else
    took[:, :100] += 1.0
    plain = np.full_like(took, 0.5)
    plain[1:] = 9.0  # the fastest of what it is compared with counts, too
    median, p99, all_calls, ratio, of_item = serving.rows_of(
        took, plain=plain, of_item=took + 2, about="90 items, history already read"
    )
    assert median.value == pytest.approx(1.5)
    assert p99.value == 2.0
    assert all_calls.value == 51.0
    assert of_item.value == pytest.approx(3.5)
    assert ratio.value == pytest.approx(3.0), "the middle of what lists take, of 2 or 4 times"
    assert "fastest of 4 rounds of each of 200 lists" in p99.note
    assert "all 800 calls of 4 rounds, with what else the machine did" in all_calls.note
    assert all("history already read" in row.note for row in (median, p99, all_calls, of_item))


def test_of_one_round_all_calls_are_the_lists() -> None:
    took = np.arange(1.0, 301.0)[None]
    _, p99, all_calls, *_ = serving.rows_of(took, plain=took, of_item=took, about="")
    assert p99.value == all_calls.value == np.percentile(took, 99)


def test_a_plain_list_is_the_best_of_what_was_not_seen() -> None:
    matrix = np.eye(30, k=1, dtype=np.float32) + np.arange(30, dtype=np.float32) / 100
    assert serving._best([3, 29], matrix) == [4, *range(28, 19, -1)]


def test_histories_are_as_long_as_is_said_and_end_in_a_visit(films: None) -> None:
    ratings = np.concatenate(
        [np.loadtxt(serving.data(name), np.int64, delimiter=",") for name in serving._FOLDS]
    )
    dataset = serving._dataset(ratings, serving._films())
    histories = list(serving._histories(dataset, n=VISITORS + 3))
    assert len(histories) == VISITORS + 3, "visitors come again where there are not enough"
    assert {len(history.steps) for history in histories} == {50}
    assert {len(history.visit) for history in histories} == {10}
    assert all(history.steps[-1].at < history.now for history in histories)


def test_without_the_films_it_says_which_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONALIZATION_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="test_1m1"):
        list(serving.measure(Effort()))
