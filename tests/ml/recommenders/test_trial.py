"""A trial of engines: who is fitted, who is left out and why, and how far it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.artefact import packed
from personalization.ml.base import InvalidConfig, Options
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders.blend import LENGTHS
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.stack_config import StackConfig
from personalization.ml.recommenders.trial import learned, weighed
from tests.effort import examples
from tests.ml.contract import small_dataset

NAN = float("nan")
QUICK = StackConfig(engines={"popularity": {}, "markov": {}})
ALONE = Dataset(interactions=interactions_of([(0, 0, "a", "Product Viewed", NAN, 1)]), until=2)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@examples(50)
def test_progress_of_a_part_lies_within_it(share: float, one: float, other: float) -> None:
    begin, end = sorted((one, other))
    heard: list[float] = []
    options = Options(progress=lambda done, words: heard.append(done))
    options.part(begin=begin, end=end).progress(share, "learning")
    assert begin - 1e-9 <= heard[0] <= end + 1e-9


def test_a_part_keeps_the_seed_and_the_words() -> None:
    heard: list[str] = []
    options = Options(seed=5, progress=lambda done, words: heard.append(words))
    inside = options.part(begin=0, end=0.5)
    inside.progress(1, "learning")
    assert (inside.seed, heard) == (5, ["learning"])


def test_engines_are_told_apart_while_they_learn_and_nothing_goes_backwards() -> None:
    heard: list[tuple[float, str]] = []
    options = Options(progress=lambda done, words: heard.append((done, words)))
    learned({"popularity": {}, "markov": {}}, small_dataset(), options, kept={})
    assert {words.partition(":")[0] for _, words in heard} == {"markov", "popularity"}
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)


def test_each_engine_learns_what_it_would_learn_alone() -> None:
    dataset = small_dataset()
    found = learned({"popularity": {"half_life": 5}}, dataset, Options(), kept={})
    assert found.remarks == []
    config = Popularity.config_class.read({"half_life": 5})
    assert packed(found.engines["popularity"]) == packed(Popularity(config).fit(dataset, Options()))


def test_what_is_kept_is_taken_as_it_is() -> None:
    kept = Popularity().fit(small_dataset(visitors=4), Options())
    found = learned(
        {"popularity": {}, "markov": {}}, small_dataset(), Options(), kept={"popularity": kept}
    )
    assert found.engines["popularity"] is kept
    assert set(found.engines) == {"markov", "popularity"}


def test_who_cannot_learn_is_left_out_with_the_reason_and_holds_up_no_other() -> None:
    found = learned({"popularity": {}, "markov": {}}, ALONE, Options(), kept={})
    assert set(found.engines) == {"popularity"}
    (remark,) = found.remarks
    assert remark.startswith("“markov” is left out: Not one of 1 visits has a second step.")


def test_an_engine_that_there_is_not_is_no_matter_of_data() -> None:
    with pytest.raises(InvalidConfig, match="There is no engine “oracle”"):
        learned({"oracle": {}}, small_dataset(), Options(), kept={})


def test_where_nothing_can_be_asked_weights_are_as_shipped_and_it_is_said() -> None:
    found = weighed(QUICK, ALONE, Options())
    assert found.validation == {}
    assert any(each.startswith("Weights are as shipped:") for each in found.remarks)
    assert set(found.weights) == set(QUICK.engines)
    assert all((weights >= 0).all() for weights in found.weights.values())


def test_without_times_lists_are_judged_by_all_that_is_right() -> None:
    """Two kinds of visitors, each with most of 40 items; what is popular is right for half."""
    rng = np.random.default_rng(0)
    rows = [
        (visitor, visitor, f"{visitor % 2}-{item}", "v", NAN, 3)
        for visitor in range(240)
        for item in rng.permutation(40)[:30].tolist()
    ]
    dataset = Dataset(interactions=interactions_of(rows), until=4)
    config = StackConfig(engines={"popularity": {}, "ease": {}})
    found = weighed(config, dataset, Options())
    n_asked = 36  # of 240 visitors, 15 %
    assert found.validation["questions"] == n_asked * len(LENGTHS)
    assert found.validation["ease"] > 1.2 * found.validation["popularity"]
    assert found.validation["stack"] >= found.validation["ease"]
    assert (found.weights["popularity"] <= found.weights["ease"]).all()


def test_no_questions_means_no_trial() -> None:
    heard: list[str] = []
    options = Options(progress=lambda done, words: heard.append(words))
    config = StackConfig(engines=QUICK.engines, questions=0)
    found = weighed(config, small_dataset(), options)
    assert found.remarks == ["Weights are as shipped: no questions are asked."]
    assert not [words for words in heard if "markov" in words]
