"""The key of a version of a page: what the page asked of its visitor with the answers, and
nothing else. Pure.

Two visitors for whom all questions of a page have the same answers see the same page. So a
response that is kept under the questions it asked, their names included, and the answers that
its visitor gave is right for whoever has the same key, however that key came to be looked up.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings as django_settings
from django.utils.encoding import force_bytes

from personalization.delivery.published import Candidate

#: The key of whoever sees all defaults, whatever is asked: nobody we know, a program, somebody
#: who did not agree or is paused.
DEFAULT_KEY = "default"


@dataclass(frozen=True, slots=True)
class Ask:
    """A question of a page: what `slot` shows, with these candidates of its own.

    What their contents are is no part of it: the page has them.
    """

    slot: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The keys of what is shown, in order, by what was published at `revision`."""

    revision: int
    keys: tuple[str, ...] = ()


def ask_of(slot: str, candidates: Sequence[Candidate]) -> Ask:
    return Ask(slot, tuple(replace(one, content="") if one.content else one for one in candidates))


def key_of(answers: Mapping[Ask, Answer]) -> str:
    """Return the key of the version that `answers` make.

    It tells nobody what they are, and nobody but the site can make one.
    """
    text = "\n".join(sorted(f"{ask!r} → {answer!r}" for ask, answer in answers.items()))
    secret = hashlib.sha256(force_bytes(django_settings.SECRET_KEY)).digest()
    return hashlib.blake2b(text.encode(), key=secret, digest_size=16).hexdigest()


def one_of_a_kind() -> str:
    """Return a key that no version is kept under, and none ever will be found by."""
    return f"none-{os.urandom(16).hex()}"


class HeaderValue(str):
    """The key as caches find it among the headers of a request: worked out when one looks.

    Whatever goes past the methods below, as some functions written in C do, gets a value that
    no other request has. So a cache that we do not know misses, and never mistakes a version
    for another.
    """

    _make: Callable[[], str]

    def __new__(cls, make: Callable[[], str]) -> HeaderValue:
        value = super().__new__(cls, one_of_a_kind())
        value._make = make
        return value

    def __str__(self) -> str:
        return self._make()

    def __format__(self, spec: str) -> str:
        return format(self._make(), spec)

    def encode(self, *args: Any, **kwargs: Any) -> bytes:
        return self._make().encode(*args, **kwargs)
