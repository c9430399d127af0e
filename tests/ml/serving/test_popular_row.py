"""What is published as popular: bounded, read back as it was, and refused where it is spoilt."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.serving import popular_row
from personalization.ml.serving.popular import HALF_LIVES, Count, Group, Popular, in_order
from personalization.ml.serving.popular_counting import Deed, counted
from personalization.ml.serving.popular_row import (
    ITEMS,
    ITEMS_AT_MOST,
    ITEMS_OF_CATEGORY,
    ITEMS_OF_GROUP,
    CorruptCount,
    kept_keys,
    packed,
    unpacked,
)
from tests.ml.serving.counts import NOW, deed, deeds

WHEN: dict[str, Any] = {"at": NOW, "since": NOW, "events": 9}


def back(found: Popular) -> Popular:
    return unpacked(packed(found, keys=found.scores), **WHEN)


def many(n: int) -> Popular:
    """Return `n` items, each less popular than the one before."""
    scores = {f"item-{at:05}": 1 / (at + 1) for at in range(n)}
    worths = {key: (score,) * len(HALF_LIVES) for key, score in scores.items()}
    done = tuple(map(sum, zip(*worths.values(), strict=True)))
    whole = in_order(scores)
    count = Count(done=done, worths=worths, **WHEN)
    return Popular(whole.ranked, scores, {}, count)


class TestBack:
    @given(deeds)
    def test_what_is_published_is_read_as_it_was(self, log: list[Deed]) -> None:
        crowd = [deed(100 + n, "a", "b") for n in range(20)]
        found = counted(log + crowd, now=NOW, memberships=dict.fromkeys(range(200), ("7",)))
        read = back(found)
        assert read.scores == pytest.approx(found.scores, rel=1e-5)
        assert read.count is not None
        assert found.count is not None
        assert read.count.done == pytest.approx(found.count.done, rel=1e-5)
        assert read.rise == pytest.approx(found.rise, rel=1e-4)
        assert read.groups.keys() == found.groups.keys() == {"7"}
        assert read.groups["7"].items == pytest.approx(found.groups["7"].items, rel=1e-5)
        assert read.among({"7"}).scores == pytest.approx(found.among({"7"}).scores, rel=1e-4)

    def test_nothing_is_nothing(self) -> None:
        read = unpacked(packed(counted([deed(1, "a", weight=-1)], now=NOW), keys=()), **WHEN)
        assert (read.ranked, read.groups) == ((), {})


class TestBounds:
    def test_of_many_items_the_best_are_kept(self) -> None:
        found = many(ITEMS + 50)
        keys = kept_keys(found, {})
        assert len(keys) == ITEMS
        read = unpacked(packed(found, keys=keys), **WHEN)
        assert [key for key, _ in read.ranked] == [key for key, _ in found.ranked[:ITEMS]]

    def test_and_the_best_of_each_category(self) -> None:
        found = many(ITEMS + 200)
        left = [key for key, _score in found.ranked[ITEMS:]]
        keys = kept_keys(found, dict.fromkeys(left[50:], "rare"))
        assert sorted(keys)[ITEMS:] == left[50 : 50 + ITEMS_OF_CATEGORY]

    def test_many_categories_make_it_no_longer_than_it_may_be(self) -> None:
        found = many(ITEMS_AT_MOST + 500)
        keys = kept_keys(found, {key: key for key in found.scores})
        assert len(keys) == ITEMS_AT_MOST

    def test_of_segments_those_are_kept_in_which_most_was_done(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(popular_row, "GROUPS", 2)
        whole = many(3)
        groups = {
            name: Group(worth, dict(whole.scores))
            for name, worth in zip("789", (30, 90, 60), strict=True)
        }
        found = Popular(whole.ranked, whole.scores, groups, whole.count)
        assert back(found).groups.keys() == {"8", "9"}

    def test_and_of_each_the_best_items_while_what_it_did_in_all_is_known(self) -> None:
        whole = many(ITEMS_OF_GROUP + 50)
        worths = {key: float(n) for n, key in enumerate(sorted(whole.scores), start=1)}
        group = Group(sum(worths.values()), {**worths, "kept by nobody": 1e6})
        found = Popular(whole.ranked, whole.scores, {"7": group}, whole.count)
        read = back(found).groups["7"]
        assert read.worth == pytest.approx(group.worth, rel=1e-5)
        assert set(read.items) == set(sorted(worths)[-ITEMS_OF_GROUP:])


def said(**changes: Any) -> Any:
    return {
        "items": [["a", 1.0, 1, 2, 3], ["b", 0.5, 0, 1, 1]],
        "done": [1, 3, 4],
        "groups": {"7": [30, [[0, 20], [1, 10]]]},
        **changes,
    }


SPOILT: list[Any] = [
    [], {}, "text", None, 7,
    said(items=None), said(items=7), said(items=["a"]), said(items=[["a"]]),
    said(items=[["", 1, 1, 1, 1]]), said(items=[["k" * 201, 1, 1, 1, 1]]),
    said(items=[[7, 1, 1, 1, 1]]), said(items=[[["a"], 1, 1, 1, 1]]),
    said(items=[["a", 0, 1, 1, 1]]), said(items=[["a", 1.5, 1, 1, 1]]),
    said(items=[["a", True, 1, 1, 1]]), said(items=[["a", "1", 1, 1, 1]]),
    said(items=[["a", float("nan"), 1, 1, 1]]), said(items=[["a", 1, float("inf"), 1, 1]]),
    said(items=[["a", 1, -1, 1, 1]]), said(items=[["a", 1, 1, 1]]),
    said(items=[["a", 10**400, 1, 1, 1]]),
    said(done=[3, 2, 4]), said(done=[200, 0, 0]),
    said(done=[]), said(done=[1, 2]), said(done="123"), said(done=None),
    said(groups=[]), said(groups={"7": 30}), said(groups={"7": [30]}),
    said(groups={"7": [30, [[2, 1]]]}), said(groups={"7": [30, [[-1, 1]]]}),
    said(groups={"7": [30, [[True, 1]]]}), said(groups={"7": [30, [[0.0, 1]]]}),
    said(groups={"7": [None, []]}), said(groups={"7": [30, [[0, None]]]}),
]  # fmt: skip


class TestSpoilt:
    def test_what_is_whole_is_read(self) -> None:
        read = unpacked(zlib.compress(json.dumps(said()).encode()), **WHEN)
        assert read.scores == {"a": 1.0, "b": 0.5}
        assert read.groups == {"7": Group(30.0, {"a": 20.0, "b": 10.0})}

    @pytest.mark.parametrize("content", SPOILT, ids=lambda each: json.dumps(each)[:60])
    def test_what_packs_something_else_is_refused(self, content: Any) -> None:
        with pytest.raises(CorruptCount, match="cannot be read"):
            unpacked(zlib.compress(json.dumps(content).encode()), **WHEN)

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"spoilt", zlib.compress(b"\xff\xfe"), zlib.compress(b"{"),
            packed(many(30), keys=many(30).scores)[:-9],
            zlib.compress(b"[" * 100_000),
        ],
        ids=["empty", "no zlib", "no text", "no json", "cut off", "nested"],
    )  # fmt: skip
    def test_what_packs_nothing_is_refused(self, content: bytes) -> None:
        with pytest.raises(CorruptCount):
            unpacked(content, **WHEN)

    def test_what_would_fill_the_memory_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        content = packed(many(30), keys=many(30).scores)
        assert len(unpacked(content, **WHEN).ranked) == 30
        monkeypatch.setattr(popular_row, "MOST_BYTES", 100)
        with pytest.raises(CorruptCount, match="too long"):
            unpacked(content, **WHEN)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_refused_or_read(self, content: bytes) -> None:
        for each in (content, zlib.compress(content)):
            with pytest.raises(CorruptCount):
                unpacked(each, **WHEN)
