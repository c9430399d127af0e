from __future__ import annotations

from personalization.ingest.recent import Recent


def test_what_was_unused_longest_goes_first() -> None:
    recent = Recent[str, int](2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(key) for key in "abc"] == [1, None, 3]


def test_it_never_holds_more_than_it_may() -> None:
    recent = Recent[int, int](10)
    for number in range(1000):
        recent.put(number, number)
    assert len(recent) == 10


def test_an_entry_put_again_is_new() -> None:
    recent = Recent[str, int](2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        recent.put(key, value)
    assert [recent.get(key) for key in "abc"] == [3, None, 4]
    recent.clear()
    assert len(recent) == 0
