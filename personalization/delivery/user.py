"""Who is logged in, asked only where somebody may be."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from personalization.delivery.attempt import attempt
from personalization.delivery.visitor import visitor_of
from personalization.profiles.visitor import user_token


def logged_in_user(request: HttpRequest) -> str | None:
    """Return the id of the user. Who shows no session is not looked up: it would make the
    page depend on the session, so that no cache could keep it."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else None


def page_token(request: HttpRequest | None) -> str:
    """Return what the page may say of who is logged in, signed for its visitor.

    Empty when nobody is, or for a visitor that is not known: then the page is as it was,
    for everybody. Else it is made private.
    """
    visitor = visitor_of(request)
    if visitor is None or not visitor.known:
        return ""
    user_id = attempt(
        lambda: logged_in_user(visitor.request), otherwise=None, what="Reading the user"
    )
    visitor_id = visitor.visitor_id if user_id is not None else None
    return user_token(user_id, visitor_id=visitor_id) if user_id and visitor_id else ""
