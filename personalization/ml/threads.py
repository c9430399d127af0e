"""One thread for linear algebra: more only wait for each other where cores are few and busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and OpenMP use one thread inside; whoever trains wraps all of it in this."""
    # What is not loaded yet cannot be limited: BLAS comes with scipy, OpenMP with scikit-learn.
    import scipy.linalg  # noqa: F401
    import sklearn  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
