"""Caches between server and visitor, as RFC 9111 describes them, in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    """A response with its body read, and all that caches look at."""

    status: int
    headers: Mapping[str, str]
    body: str

    def directives(self, *, shared: bool) -> dict[str, str]:
        """Return the directives that hold for this cache: a CDN's own come first."""
        stated = self.headers.get("cache-control", "")
        if shared:
            stated = self.headers.get("cdn-cache-control", stated)
        pairs = (part.strip().lower().partition("=") for part in stated.split(",") if part.strip())
        return {name: value for name, _, value in pairs}

    @property
    def vary(self) -> list[str]:
        names = self.headers.get("vary", "").lower().split(",")
        return [name.strip() for name in names if name.strip()]


@dataclass
class HttpCache:
    """Keeps what it may for as long as a test runs; `shared` is a proxy's or CDN's."""

    shared: bool
    kept: list[tuple[str, Mapping[str, str], Answer]] = field(default_factory=list)

    def get(self, url: str, headers: Mapping[str, str], ask: Callable[[], Answer]) -> Answer:
        for kept_url, kept_headers, answer in self.kept:
            same = all(headers.get(name) == kept_headers.get(name) for name in answer.vary)
            if kept_url == url and same:
                return answer
        answer = ask()
        if self.may_keep(answer):
            self.kept.append((url, headers, answer))
        return answer

    def may_keep(self, answer: Answer) -> bool:
        directives = answer.directives(shared=self.shared)
        if answer.status != 200 or "*" in answer.vary:
            return False
        # no-cache lets it be kept, not be used without asking, which here is the same.
        if directives.keys() & {"no-store", "no-cache"} or (
            self.shared and "private" in directives
        ):
            return False
        age = directives.get("max-age", "0")
        return int(directives.get("s-maxage", age) if self.shared else age) > 0
