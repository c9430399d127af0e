"""Every failure this package raises. The docstring of a class is its message."""

from __future__ import annotations

from dataclasses import dataclass

from personalization.types import Json


class PersonalizationError(Exception):
    """Something in personalization went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class SettingError(PersonalizationError):
    """A PERSONALIZATION_ setting has a value that cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a rule: where, what was found, what is allowed."""

    pointer: str  # RFC 6901
    message: str
    value: Json = None
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = self.pointer or "the rule"
        tail = f" Allowed: {', '.join(self.allowed)}." if self.allowed else ""
        return f"{where}: {self.message}{tail}"


class InvalidRule(PersonalizationError):
    """The rule cannot be understood."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(" ".join(str(problem) for problem in problems))


class FeatureRejected(PersonalizationError):
    """This cannot be a feature."""


class UnreadablePattern(PersonalizationError):
    """The pattern is none of those that rules can use."""


class NoWitness(PersonalizationError):
    """No visitor was found who enters or leaves."""


class NotReplayable(PersonalizationError):
    """A rule that looks at the request cannot be replayed: requests are not kept."""


class CannotEncrypt(PersonalizationError):
    """Nothing can be encrypted: there is no key."""


class CannotDecrypt(PersonalizationError):
    """No key of PERSONALIZATION_ENCRYPTION_KEYS opens it."""


class RequestRejected(PersonalizationError):
    """The request cannot be accepted."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str = "", *, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code or self.code
        self.status = status or self.status
        #: Headers of the answer.
        self.headers: dict[str, str] = {}


class BodyRejected(RequestRejected):
    """A part of the body cannot be accepted; `pointer` leads to it (RFC 6901)."""

    def __init__(self, message: str, *, code: str, pointer: str) -> None:
        super().__init__(message, code=code)
        self.pointer = pointer


class InvalidTCString(RequestRejected):
    """This is no string of the Transparency and Consent Framework."""

    code = "invalid_tc_string"


class Unauthorized(RequestRejected):
    """The write key is missing or unknown."""

    status = 401
    code = "invalid_write_key"


class TooLarge(RequestRejected):
    """The request is larger than allowed."""

    status = 413
    code = "too_large"


class Forbidden(RequestRejected):
    """This source may not be used from here."""

    status = 403
    code = "forbidden"


class NotThere(RequestRejected):
    """There is nothing at this address."""

    status = 404
    code = "not_found"


class TooMany(RequestRejected):
    """There are too many requests; try again later."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str = "", *, retry_after: int, code: str = "") -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        self.headers = {"Retry-After": str(retry_after)}


class BufferUnavailable(PersonalizationError):
    """The buffer cannot keep events now."""


class CacheUnavailable(PersonalizationError):
    """A cache does not answer, so nobody knows what stands there."""


class ItemRejected(PersonalizationError):
    """One of several cannot be accepted; its neighbours can. `pointer` leads to what is wrong."""

    def __init__(self, message: str, *, code: str, pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.pointer = pointer


class EventRejected(ItemRejected):
    """The event cannot be accepted."""


class MemberRejected(ItemRejected):
    """This is nobody who can be a member."""


class IdentitySuppressed(PersonalizationError):
    """Nothing is collected of this identity: it was erased, or an operator put it on the list."""


class ReceiptRejected(PersonalizationError):
    """This is no receipt that this site has written."""


class UnreadableFile(PersonalizationError):
    """The file cannot be imported."""


class UnknownSource(PersonalizationError):
    """No source has this slug."""


class UnknownSegment(PersonalizationError):
    """No segment has this slug."""


class UnknownSlot(PersonalizationError):
    """No slot has this slug."""


class OutboundRefused(PersonalizationError):
    """This address may not be called."""


class OutboundFailed(PersonalizationError):
    """There was no answer."""


class TemplateUsage(PersonalizationError):
    """A personalization template tag is used wrongly."""
