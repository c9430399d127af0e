"""The protocol of shoppers learns from nothing that it asks about, and reads the file as it is."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personalization.ml.examples import Examples
from personalization.ml.predictors.best import Best, BestConfig
from project.benchmarks.models import shoppers
from project.benchmarks.models.data import MissingData, folder
from project.benchmarks.models.rows import protocols
from project.benchmarks.models.shoppers import CATEGORIES, FILE, MONTHS, NUMBERS, visits
from project.benchmarks.results import Effort


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write 600 visits, of whom those of many page values buy mostly."""
    rng = np.random.default_rng(0)
    path = tmp_path / FILE
    path.parent.mkdir()
    with path.open("w", newline="") as stream:
        rows = csv.DictWriter(stream, [*NUMBERS, *CATEGORIES, "Revenue"])
        rows.writeheader()
        for n in range(600):
            worth = float(rng.integers(0, 10))
            buys = rng.random() < (0.8 if worth > 6 else 0.05)
            rows.writerow(
                {
                    **dict.fromkeys(NUMBERS, 1), **dict.fromkeys(CATEGORIES, "1"),
                    "PageValues": worth, "Month": MONTHS[1 + 7 * n % 11],
                    "Revenue": "TRUE" if buys else "FALSE",
                }
            )  # fmt: skip
    monkeypatch.setenv("PERSONALIZATION_DATA", str(tmp_path))
    return path


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[Examples]:
    """Keep what is learned from, by the quickest of the models and in two folds."""
    kept: list[Examples] = []

    class Quick(Best):
        def fit(self, examples: Examples, options: Any) -> Any:
            kept.append(examples)
            return super().fit(examples, options)

    monkeypatch.setattr(shoppers, "Best", partial(Quick, BestConfig(candidates="logistic")))
    monkeypatch.setattr(shoppers, "FOLDS", 2)
    return kept


def test_rows_are_in_order_of_their_months(file: Path) -> None:
    found = visits()
    assert len(found) == 600
    assert found.features == NUMBERS + CATEGORIES
    assert set(found.categories) == set(CATEGORIES)
    months = found.rows[:, found.features.index("Month")]
    names = [found.categories["Month"][int(code)] for code in months]
    assert names == sorted(names, key=MONTHS.index)
    assert found.labels[found.rows[:, NUMBERS.index("PageValues")] > 6].mean() > 0.6


def test_what_is_asked_about_was_not_learned(file: Path, learned: list[Examples]) -> None:
    rows = {row.name: row for row in shoppers.measure(Effort())}
    *folds, past = learned
    assert sorted(np.concatenate([fold.visitor for fold in folds])) == list(range(600))
    assert past.at.max() < shoppers._NOVEMBER * shoppers._MONTH
    # Random folds do not know their months, or time would choose their model.
    months = folds[0].rows[:, past.features.index("Month")]
    assert (np.diff(months) < 0).any()
    assert len(np.unique(folds[0].at)) == len(folds[0])
    assert {"shoppers_auc", "shoppers_ap", "shoppers_ece", "shoppers_time_split_auc"} <= set(rows)
    assert rows["shoppers_auc"].value > 0.8
    assert rows["shoppers_ap"].popularity == pytest.approx(visits().labels.mean())
    assert rows["shoppers_ece"].less_is_better


def test_without_the_file_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALIZATION_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="online_shoppers_intention.csv"):
        visits()


def test_the_runner_knows_it() -> None:
    assert protocols.get("shoppers") is shoppers.measure


@pytest.mark.skipif(not (folder() / FILE).is_file(), reason="the visits of the shop are not there")
def test_the_year_of_the_shop_is_read_whole() -> None:
    found = visits()
    assert (len(found), found.converters) == (12_330, 1_908)
    assert not np.isnan(found.rows).any()
