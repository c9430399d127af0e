"""A model as bytes: what is read, and what is refused although its checksum is right."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.artefact import CorruptArtefact, checksum, packed, told_of, unpacked
from personalization.ml.base import Options
from personalization.ml.history import history_of
from personalization.ml.recommenders.item_knn import ItemKnn
from personalization.ml.recommenders.popularity import Popularity, PopularityConfig
from tests.effort import examples
from tests.ml.contract import small_dataset

FACTS = "model.json"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def content() -> bytes:
    return packed(Popularity().fit(small_dataset(), Options()))


def opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def closed(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return stream.getvalue()


def told_otherwise(content: bytes, **values: Any) -> bytes:
    """Return the artefact with other facts of its own."""
    parts = opened(content)
    return closed({**parts, FACTS: json.dumps({**json.loads(parts[FACTS]), **values}).encode()})


def read(content: bytes) -> Any:
    return unpacked(content, sha256=checksum(content))


def saved(array: Any, *, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def test_whoever_packs_it_again_in_another_way_has_the_same_model(content: bytes) -> None:
    model = read(closed(opened(content)))
    assert packed(model) == content


def test_a_model_keeps_its_configuration() -> None:
    config = PopularityConfig(half_life=3.0, order="rising")
    model = read(packed(Popularity(config).fit(small_dataset(), Options())))
    assert model.config == config


def test_there_is_nothing_in_it_but_numbers_texts_and_facts(content: bytes) -> None:
    parts = opened(content)
    assert set(parts) == {FACTS} | {name for name in parts if name.endswith(".npy")}
    for name in parts.keys() - {FACTS}:
        np.load(io.BytesIO(parts[name]), allow_pickle=False)


@pytest.mark.parametrize("broken", [b"", b"PK", b"no zip at all", b"\x00" * 1000])
def test_what_is_no_archive_is_refused(broken: bytes) -> None:
    with pytest.raises(CorruptArtefact, match="cannot be read"):
        read(broken)


@given(st.integers(1, 10_000))
@examples(30)
def test_however_much_of_it_is_missing_it_is_refused(content: bytes, n: int) -> None:
    with pytest.raises(CorruptArtefact):
        read(content[: max(len(content) - n, 0)])


def test_without_facts_it_is_refused(content: bytes) -> None:
    parts = opened(content)
    del parts[FACTS]
    with pytest.raises(CorruptArtefact, match="cannot be read"):
        read(closed(parts))


@pytest.mark.parametrize("facts", [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"{}"])
def test_facts_that_are_none_are_refused(content: bytes, facts: bytes) -> None:
    with pytest.raises(CorruptArtefact):
        read(closed({**opened(content), FACTS: facts}))


def test_an_array_that_is_not_there_is_missed(content: bytes) -> None:
    for name in opened(content).keys() - {FACTS}:
        parts = opened(content)
        del parts[name]
        with pytest.raises(CorruptArtefact, match="cannot be read"):
            read(closed(parts))


def test_a_pickle_is_never_loaded(content: bytes) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return pytest.fail, ("a pickle was loaded",)

    evil = saved(np.array([Bomb()], dtype=object), allow_pickle=True)
    for name in opened(content).keys() - {FACTS}:
        with pytest.raises(CorruptArtefact, match="cannot be read"):
            read(closed({**opened(content), name: evil}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"algorithm": "oracle"}, "Nothing here reads a “oracle” of format 1"),
        ({"format": 2}, "Nothing here reads a “popularity” of format 2"),
        ({"format": None}, "of format None"),
        ({"algorithm": ["popularity"]}, "cannot be read"),
        ({"config": {"half_lives": 3}}, "There is no “half_lives” here"),
        ({"config": {"half_life": -1}}, "“half_life” is -1; allowed: 0.01 to 1e"),
        ({"config": None}, "cannot be read"),
    ],
)
def test_what_no_version_of_this_app_can_read_says_why(
    content: bytes, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(CorruptArtefact, match=said):
        read(told_otherwise(content, **values))


@pytest.mark.parametrize("sha256", ["", "0" * 64, "no checksum"])
def test_with_another_checksum_nothing_is_read(content: bytes, sha256: str) -> None:
    with pytest.raises(CorruptArtefact, match=checksum(content)[:12]):
        unpacked(content, sha256=sha256)


def test_the_bytes_are_the_same_however_arrays_lie_in_memory() -> None:
    model = ItemKnn().fit(small_dataset(), Options())
    same = ItemKnn(model.config)
    same.restore(
        {name: np.asfortranarray(array) for name, array in model.arrays().items()}, model.facts()
    )
    assert packed(same) == packed(model)
    np.testing.assert_array_equal(same.score(history_of("a1")), model.score(history_of("a1")))


# -- a part of it --------------------------------------------------------------------------


def test_facts_and_named_arrays_are_read_alone(content: bytes) -> None:
    model = read(content)
    names = sorted(model.arrays())
    facts, arrays = told_of(content, sha256=checksum(content), arrays=names[:1])
    assert facts == json.loads(json.dumps(model.facts()))
    assert list(arrays) == names[:1]
    np.testing.assert_array_equal(arrays[names[0]], model.arrays()[names[0]])


def test_what_is_not_named_is_not_looked_at(content: bytes) -> None:
    first, *others = sorted(opened(content).keys() - {FACTS})
    spoilt = closed({**opened(content), **dict.fromkeys(others, b"no array")})
    _, arrays = told_of(spoilt, sha256=checksum(spoilt), arrays=[first.removesuffix(".npy")])
    assert len(arrays) == 1
    with pytest.raises(CorruptArtefact):
        read(spoilt)


def test_a_part_is_refused_as_the_whole_is(content: bytes) -> None:
    with pytest.raises(CorruptArtefact, match="has the checksum"):
        told_of(content, sha256="0" * 64)
    with pytest.raises(CorruptArtefact, match="cannot be read"):
        told_of(content, sha256=checksum(content), arrays=["no such array"])
    odd = closed({FACTS: b"[]"})
    with pytest.raises(CorruptArtefact, match="cannot be read"):
        told_of(odd, sha256=checksum(odd))
