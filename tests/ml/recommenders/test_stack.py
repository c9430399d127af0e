"""All engines as one."""

from __future__ import annotations

from personalization.ml.recommenders.stack import Stack
from tests.ml.contract import RecommenderContract


class TestStack(RecommenderContract):
    def made(self) -> Stack:
        return Stack()
