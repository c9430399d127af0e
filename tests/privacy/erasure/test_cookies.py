"""The cookie of an erased browser ends where the visitor is asked; nobody else loses theirs."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from personalization.conf import settings
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.suppressed import suppress
from personalization.profiles.suppressions import Suppression
from personalization.profiles.visitor import signed
from tests.privacy.erasure.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor(client: Client) -> Key:
    key = Key(Identity.ANONYMOUS, uuid4().hex)
    client.cookies[settings.VISITOR_COOKIE] = signed(key.value)
    return key


def cookie_after(client: Client) -> str | None:
    """Return what the consent page sets the cookie to; None: it leaves it alone."""
    answer = client.get(reverse("personalization:consent"))
    found = answer.cookies.get(settings.VISITOR_COOKIE)
    return None if found is None else found.value


@pytest.mark.parametrize("reason", Suppression.Reason.values)
def test_the_page_takes_the_erased_id_away(client: Client, visitor: Key, reason: str) -> None:
    suppress([visitor], reason=Suppression.Reason(reason), now=NOW)
    assert cookie_after(client) == ""


def test_whoever_was_not_erased_keeps_it(client: Client, visitor: Key) -> None:
    suppress([Key(Identity.ANONYMOUS, uuid4().hex)], reason=Suppression.Reason.OPERATOR, now=NOW)
    assert cookie_after(client) is None


def test_nobody_is_not_looked_up(client: Client) -> None:
    cookie_after(client)
    with CaptureQueriesContext(connection) as queries:
        assert cookie_after(client) is None
    assert not [query for query in queries if "suppression" in query["sql"]]
