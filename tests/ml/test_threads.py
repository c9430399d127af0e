"""Whoever trains uses one thread, and leaves all of them to whoever comes after."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from personalization.ml.threads import one_thread


def threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info()}


def test_inside_there_is_one_thread_and_outside_as_many_as_before() -> None:
    with one_thread():  # it loads what there is to limit
        pass
    with threadpool_limits(limits=2):
        before = threads()
        with one_thread():
            assert threads() == {1}
        assert threads() == before


def test_one_in_another_changes_nothing() -> None:
    with one_thread():
        with one_thread():
            assert threads() == {1}
        assert threads() == {1}


def test_a_failure_gives_them_back() -> None:
    with one_thread():
        pass
    with threadpool_limits(limits=2):
        before = threads()
        with pytest.raises(np.linalg.LinAlgError), one_thread():
            np.linalg.inv(np.zeros((2, 2)))
        assert threads() == before
