"""What a protocol is: a way of measuring models that others can repeat, and its rows.

    @protocols.register("msweb")
    def measure(effort: Effort) -> Iterator[Row]:
        views = read(data("msweb/anonymous-msweb.data"))
        yield Row(name="msweb_all_but_1", value=…, unit="R score", goal=64, popularity=…)

suite.py imports the module, and `manage.py benchmark models` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from personalization.registry import Registry
from project.benchmarks.results import Effort, Result


@dataclass(frozen=True, kw_only=True)
class Row(Result):
    """One figure, with those that it stands beside.

    `floor` and `ratio` are those of popularity, unless a protocol names another floor.
    """

    #: The best that was published for this protocol or the nearest to it, and by whom.
    published: float | None = None
    published_by: str = ""
    #: What was measured before by the same protocol, with another implementation.
    reference: float | None = None
    #: What has to be reached: at least, or at most where less is better.
    goal: float | None = None
    less_is_better: bool = False
    #: What the same protocol gives to the most popular items, or to the share of a class.
    popularity: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.floor is None and self.popularity is not None:
            ratio = self.value / self.popularity if self.popularity else None
            object.__setattr__(self, "floor", f"popularity {self.popularity:.4g}")
            object.__setattr__(self, "ratio", ratio)

    @property
    def met(self) -> bool:
        """Whether the goal is reached; True where there is none."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.less_is_better else self.value >= self.goal

    def beside(self) -> str:
        said = [
            self.floor,
            _said("published", self.published, by=self.published_by),
            _said("reference", self.reference),
            _said(f"goal {'≤' if self.less_is_better else '≥'}", self.goal),
            "" if self.met else "NOT REACHED",
            self.note,
        ]
        return ", ".join(filter(None, said))


def _said(name: str, value: float | None, *, by: str = "") -> str:
    if value is None:
        return ""
    return f"{name} {value:.4g}" + (f" ({by})" if by else "")


Protocol: TypeAlias = Callable[[Effort], Iterable[Row]]

#: Yield their rows; those that need facts of others raise `MissingData` where there are none.
protocols: Registry[Protocol] = Registry("protocol")
