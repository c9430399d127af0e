"""Whose events a process has just stored, as far as it remembers."""

from __future__ import annotations

from personalization.ingest import just_here


def test_of_very_many_the_last_are_known() -> None:
    just_here.note(range(just_here.MOST))
    just_here.note([0, just_here.MOST])
    taken = just_here.take()
    assert taken[:2] == [just_here.MOST, 0]
    assert len(taken) == len(set(taken)) == just_here.MOST
    assert 1 not in taken
