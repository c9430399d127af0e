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
    assert set(rows) == {"serving_p50_ms", "serving_p99_ms"}
    assert 0 < rows["serving_p50_ms"].value <= rows["serving_p99_ms"].value
    assert [rows[name].goal for name in sorted(rows)] == [1.0, 3.0]
    assert all(row.less_is_better for row in rows.values())
    assert f"{FILMS} items, 50 steps" in rows["serving_p50_ms"].note


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
