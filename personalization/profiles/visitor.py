"""The visitor id in the first-party cookie: random, signed, never derived from anything.

And what the site signs for the pages of a visitor who is logged in: who that is.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.signing import BadSignature, SignatureExpired, Signer, TimestampSigner

from personalization.conf import settings
from personalization.exceptions import PersonalizationError

_SALT = "personalization.visitor"
_USER_SALT = "personalization.user"
#: How long a page may say who is logged in; it is renewed with every page.
USER_TOKEN_AGE = timedelta(days=1)
#: No identity of a user is longer.
LONGEST_USER = 200
_LONGEST = 500
_ID = re.compile(r"[0-9a-f]{32}")


class ForeignToken(PersonalizationError):
    """This was not signed for the visitor who shows it."""


def new_visitor_id() -> str:
    return uuid.uuid4().hex


def signed(visitor_id: str) -> str:
    return Signer(salt=_SALT).sign(visitor_id)


def read_visitor_id(cookies: Mapping[str, str]) -> str | None:
    """Return the id in the visitor cookie; garbage and forgeries are no id."""
    value = cookies.get(settings.VISITOR_COOKIE)
    if not value or len(value) > 200:
        return None
    try:
        visitor_id = Signer(salt=_SALT).unsign(value)
    except BadSignature:
        return None
    return visitor_id if _ID.fullmatch(visitor_id) else None


def user_token(user_id: str, *, visitor_id: str) -> str:
    """Return the proof that the visitor is the user. It is worth nothing to another visitor.

    Empty for an id that is too long to be an identity.
    """
    return _user_signer(visitor_id).sign(user_id) if len(user_id) <= LONGEST_USER else ""


def read_user_token(token: Any, *, visitor_id: str) -> str | None:
    """Return the user that the site signed for this visitor, None when it is too long ago.

    :raises ForeignToken: for what was not signed for this visitor.
    """
    if not isinstance(token, str) or len(token) > _LONGEST:
        raise ForeignToken
    try:
        return _user_signer(visitor_id).unsign(token, max_age=USER_TOKEN_AGE)
    except SignatureExpired:
        return None
    except BadSignature:
        raise ForeignToken from None


def _user_signer(visitor_id: str) -> TimestampSigner:
    return TimestampSigner(salt=f"{_USER_SALT}.{visitor_id}")
