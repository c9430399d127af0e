"""What is like what a visitor looked at, by what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Options, Recommender
from personalization.ml.history import history_of
from personalization.ml.interactions import Catalogue, Dataset
from personalization.ml.recommenders.content import Content, ContentConfig, embeddings
from personalization.ml.recommenders.terms import lengths_of_1, tfidf
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.contract import RecommenderContract, small_dataset

TEXTS = {
    "tent": "A light tent for two in the mountains",
    "stove": "A light stove for tea in the mountains",
    "lamp": "Reads well at night: a lamp for the desk",
    "chair": "Sit well at the desk, day and night",
    "blank": "",
}


def catalogue(
    texts: dict[str, str] | None = None, tags: dict[str, tuple[str, ...]] | None = None
) -> Catalogue:
    texts = TEXTS if texts is None else texts
    return Catalogue(
        items=tuple(texts),
        texts=tuple(texts.values()),
        tags=tuple((tags or {}).get(item, ()) for item in texts),
    )


def dataset(told: Catalogue | None) -> Dataset:
    return replace(small_dataset(), catalogue=told)


def learned(told: Catalogue | None, **config: int | str) -> Content:
    return Content(ContentConfig.read(config)).fit(dataset(told), Options())


def scored(model: Content, *items: str) -> dict[str, float]:
    scores = model.score(history_of(*items))
    return dict(zip(model.items, scores.tolist(), strict=True))


@pytest.fixture(autouse=True)
def _no_embedding_is_left() -> Iterator[None]:
    before = dict(embeddings.items())
    yield
    embeddings._entries.clear()
    embeddings._entries.update(before)


class TestContent(RecommenderContract):
    def made(self) -> Recommender[ContentConfig]:
        return Content()

    def dataset(self) -> Dataset:
        items = small_dataset().interactions.items
        texts = tuple(f"number {item[1:]} of the kind {item[0]}{item[0]}" for item in items)
        return dataset(Catalogue(items=items, texts=texts, tags=tuple(() for _ in items)))


class TestContentOfFewNeighbours(TestContent):
    def made(self) -> Recommender[ContentConfig]:
        return Content(ContentConfig(neighbours=3, terms=5))


def test_what_speaks_of_the_same_is_close() -> None:
    scores = scored(learned(catalogue()), "tent")
    assert scores["stove"] > scores["lamp"]
    assert scores["stove"] > scores["chair"]


def test_an_item_that_nobody_has_seen_is_scored() -> None:
    model = learned(catalogue())
    assert not set(model.items) & set(small_dataset().interactions.items)
    assert scored(model, "lamp")["chair"] > 0


def test_an_item_is_not_close_to_itself_nor_to_one_that_says_nothing() -> None:
    scores = scored(learned(catalogue()), "tent")
    assert scores["tent"] == 0
    assert scores["blank"] == 0


def test_each_item_of_a_history_adds_its_likeness() -> None:
    model = learned(catalogue())
    both, one, other = (scored(model, *items) for items in (["tent", "lamp"], ["tent"], ["lamp"]))
    for item in model.items:
        assert both[item] == pytest.approx(one[item] + other[item], abs=1e-3)


def test_tags_count_where_texts_say_nothing() -> None:
    told = catalogue({"x": "one", "y": "two", "z": "three"}, tags={"x": ("Red",), "z": ("red ",)})
    scores = scored(learned(told), "x")
    assert scores["z"] > 0
    assert scores["y"] == 0


def test_a_tag_is_no_word() -> None:
    told = catalogue({"x": "red", "y": "blue"}, tags={"y": ("red",)})
    assert scored(learned(told), "x")["y"] == 0


@pytest.mark.parametrize("n", [2, 20, 200])
def test_tags_count_as_much_beside_a_long_text_as_beside_a_short_one(n: int) -> None:
    texts = {item: " ".join(f"{item}{n}" for n in range(n)) for item in ("xx", "yy", "zz")}
    rows = tfidf(catalogue(texts, tags={"xx": ("red",), "yy": ("red",)}), terms=10_000)
    likeness = (rows @ rows.T).toarray()
    # Where that of their texts is 1, that of their tags is 0.2.
    assert likeness[0, 1] == pytest.approx(0.2 / 1.2, rel=1e-4)
    assert likeness[0, 2] == 0


def test_a_tag_in_common_is_heard_beside_a_few_of_many_words() -> None:
    own = {item: " ".join(f"{item}{n}" for n in range(36)) for item in ("xx", "yy", "zz")}
    texts = {"xx": f"a1 b1 c1 d1 {own['xx']}", "yy": f"a1 b1 c1 d1 {own['yy']}", "zz": own["zz"]}
    scores = scored(learned(catalogue(texts, tags={"xx": ("red",), "zz": ("red",)})), "xx")
    assert scores["zz"] > scores["yy"] > 0


def test_items_without_tags_are_compared_by_their_texts_alone() -> None:
    texts = {"x": "white wine", "y": "white wine", "z": "brown bread"}
    plain = scored(learned(catalogue(texts)), "x")
    tagged = scored(learned(catalogue(texts, tags={"z": ("red",)})), "x")
    assert plain["y"] == tagged["y"] == pytest.approx(1)


def test_the_commonest_words_of_one_of_two_languages_count_next_to_nothing() -> None:
    texts = {f"item{n}": f"{'der die' if n % 5 < 2 else 'the of'} own{n // 2}" for n in range(200)}
    scores = scored(learned(catalogue(texts)), "item0")
    assert scores["item1"] > 0.9  # of the same language, and a rare word in common
    assert max(scores[f"item{n}"] for n in range(2, 200)) < 0.2


@pytest.mark.parametrize(("n_with", "counts"), [(100, True), (101, False)])
@pytest.mark.parametrize("as_tag", [True, False], ids=["tag", "word"])
def test_terms_of_more_than_half_of_all_items_tell_nothing(
    n_with: int, counts: bool, as_tag: bool
) -> None:
    texts = {f"item{n}": f"rare{n // 2}" for n in range(200)}
    tags = {f"item{n}": ("red",) for n in range(n_with)}
    if not as_tag:
        texts, tags = {item: f"{text} {'red' * (item in tags)}" for item, text in texts.items()}, {}
    assert (scored(learned(catalogue(texts, tags)), "item0")["item2"] > 0) == counts


def test_a_catalogue_of_tags_alone_is_enough() -> None:
    told = catalogue(dict.fromkeys("xyz", ""), tags={"x": ("red",), "y": ("red",), "z": ("blue",)})
    assert scored(learned(told), "x") == pytest.approx({"x": 0, "y": 1, "z": 0})


def test_a_rare_word_in_common_counts_more_than_a_common_one() -> None:
    texts = {f"filler{n}": "common word" for n in range(8)}
    told = catalogue({**texts, "x": "rare common", "y": "rare", "z": "common"})
    scores = scored(learned(told), "x")
    assert scores["y"] > scores["z"]


@pytest.mark.parametrize(
    ("one", "like", "other"),
    [
        ("東京の美味しいラーメン屋", "大阪のラーメン", "京都のお寺"),
        ("北京烤鸭餐厅", "上海的烤鸭", "上海的博物馆"),
        ("हिन्दी किताब", "नयी किताब", "नयी गाड़ी"),
        ("서울 맛집", "부산 맛집", "부산 바다"),
        ("e\u0301te\u0301 noir", "un e\u0301te\u0301", "un te"),
    ],
    ids=["Japanese", "Chinese", "Hindi", "Korean", "accents apart"],
)
def test_words_are_found_in_any_script(one: str, like: str, other: str) -> None:
    """Also where nothing stands between them, or vowels are signs of their own."""
    scores = scored(learned(catalogue({"one": one, "like": like, "other": other})), "one")
    assert scores["like"] > 3 * scores["other"]


def test_pairs_of_characters_count_where_words_are_written_together() -> None:
    told = catalogue({"x": "新東京塔", "y": "東京", "z": "京東"})
    scores = scored(learned(told), "x")
    assert scores["y"] > scores["z"] > 0


def test_pairs_of_words_count() -> None:
    told = catalogue({"x": "white wine red cheese", "y": "red cheese", "z": "wine cheese"})
    scores = scored(learned(told), "x")
    assert scores["y"] > scores["z"]


def test_only_the_closest_are_kept() -> None:
    model = learned(catalogue(), neighbours=1)
    assert [item for item, score in scored(model, "tent").items() if score] == ["stove"]


@pytest.mark.parametrize("told", [None, catalogue({})], ids=["none", "empty"])
def test_without_a_catalogue_nothing_is_learned(told: Catalogue | None) -> None:
    with pytest.raises(UnfitData, match="no catalogue"):
        learned(told)


def test_too_many_items_are_refused_with_numbers() -> None:
    with pytest.raises(UnfitData, match="up to 4 items .* not 5"):
        learned(catalogue(), max_items=4)


@pytest.mark.parametrize("text", ["", "the", "."], ids=["empty", "all the same", "no word"])
def test_texts_that_tell_nothing_apart_are_refused(text: str) -> None:
    with pytest.raises(UnfitData, match="12 items"):
        learned(catalogue({f"item{n}": text for n in range(12)}))


def test_a_site_brings_its_own_embedding() -> None:
    @embeddings.register("angles")
    def angles(told: Catalogue) -> np.ndarray:
        return np.array([[1, 0], [3, 3], [0, 1], [0, -2], [0, 0]], float)

    scores = scored(learned(catalogue(), embedding="angles"), "tent")
    assert scores["stove"] == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert scores["lamp"] == scores["chair"] == scores["blank"] == 0


def test_an_embedding_that_there_is_not_is_named() -> None:
    with pytest.raises(UnfitData, match="“sentences”. There are: none"):
        learned(catalogue(), embedding="sentences")


def test_an_embedding_of_another_shape_is_refused() -> None:
    embeddings.register("short")(lambda told: np.zeros((2, 3)))
    with pytest.raises(UnfitData, match=r"\(2, 3\).* 5 items"):
        learned(catalogue(), embedding="short")


def test_an_embedding_that_is_not_finite_is_refused_by_the_item() -> None:
    def broken(told: Catalogue) -> np.ndarray:
        rows = np.ones((len(told.items), 2))
        rows[2, 1] = np.nan
        return rows

    embeddings.register("broken")(broken)
    with pytest.raises(UnfitData, match="“lamp”"):
        learned(catalogue(), embedding="broken")


@examples(40)
@given(
    texts=st.lists(st.text("abcd ", max_size=30), min_size=2, max_size=8),
    terms=st.integers(1, 8),
)
def test_rows_are_of_length_1_or_empty_and_of_few_terms(texts: list[str], terms: int) -> None:
    told = catalogue({str(n): text for n, text in enumerate(texts)})
    try:
        rows = tfidf(told, terms=terms)
    except UnfitData:
        return
    dense = rows.toarray()
    assert ((dense > 0).sum(axis=1) <= terms).all()
    lengths = np.linalg.norm(dense, axis=1)
    np.testing.assert_allclose(lengths[lengths > 0], 1, rtol=1e-5)


def test_the_heaviest_terms_are_those_that_are_kept() -> None:
    told = catalogue({"x": "rare common common2", "y": "common common2", "z": "common common2"})
    every, one = tfidf(told, terms=100).toarray(), tfidf(told, terms=1).toarray()
    assert np.argmax(one[0]) == np.argmax(every[0])
    assert one[0].max() == pytest.approx(1)


def test_rows_of_zeros_stay() -> None:
    rows = lengths_of_1(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], rtol=1e-6)
