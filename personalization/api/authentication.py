"""Who may use the API of the site's own systems: whoever shows the key of a server source."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from personalization.events.models import Source
from personalization.exceptions import Forbidden, Unauthorized
from personalization.ingest import throttle
from personalization.ingest.address import client_address
from personalization.ingest.authentication import authenticated_source


class ServerKey(BaseAuthentication):
    """A write key as bearer token or as the user of basic authentication.

    The key of a browser source stands in every page, so it opens nothing here.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Source]:
        """Return the source as `request.auth`; there is no user behind a key.

        :raises Unauthorized: without a key, or with one nobody has.
        :raises Forbidden: with a key of a browser source.
        :raises TooMany: too soon after others.
        """
        asked, now = request._request, timezone.now()
        address = client_address(asked)
        try:
            source = authenticated_source(asked, (), now=now)
        except Unauthorized:
            throttle.admit(asked, None, address, now=now)
            raise
        throttle.admit(asked, source, address, now=now)
        if not source.is_server:
            raise Forbidden(
                "The key of a browser source can be read in every page. This takes one of a "
                "server source.",
                code="server_key_needed",
            )
        return AnonymousUser(), source
