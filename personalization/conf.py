"""The settings of the package: typed, few, read live from `django.conf.settings`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings

from personalization.exceptions import SettingError

PREFIX = "PERSONALIZATION_"


class Settings:
    """Class attributes are the defaults; a site overrides `PERSONALIZATION_<NAME>`."""

    #: Name and life of the signed visitor cookie (CNIL: at most 13 months).
    VISITOR_COOKIE: str = "pz_id"
    VISITOR_COOKIE_AGE: timedelta = timedelta(days=390)
    #: Name of the readable cookie that remembers the answer to the banner.
    CONSENT_COOKIE: str = "pz_consent"
    #: Version of the privacy policy that visitors answer; a new one asks again.
    POLICY_VERSION: str = "1"
    COOKIE_SECURE: bool = False
    #: A pause of this length between two events ends a visit.
    VISIT_GAP: timedelta = timedelta(minutes=30)
    #: Longest window a rule may look back; events are kept at least this long.
    RETENTION: timedelta = timedelta(days=750)
    #: How many identities of a namespace one profile may have, those that count most first;
    #: “*” stands for all that are not named.
    IDENTITY_LIMITS: Mapping[str, int] = {"user": 1, "email": 5, "*": 50, "anonymous": 100}
    #: Keep networks and kinds of browsers to suggest which profiles may be one person.
    IDENTITY_SUGGESTIONS: bool = False
    #: Folder for events that are older than kept; empty: they are dropped.
    EVENT_ARCHIVE: str = ""
    #: Protocols that the ingest endpoint speaks; the others answer 404.
    PROTOCOLS: tuple[str, ...] = ("segment", "rudderstack", "cloudevents")
    #: Ingest limits, in bytes (decompressed) and events.
    EVENT_MAX_BYTES: int = 32 * 1024
    BATCH_MAX_BYTES: int = 512 * 1024
    BATCH_MAX_EVENTS: int = 2500
    #: Requests a minute from one address, by browser sources or with a wrong key; 0: any number.
    ADDRESS_RATE: int = 600
    #: How many proxies of the site add to X-Forwarded-For, before a request gets here.
    TRUSTED_PROXIES: int = 0
    #: Whether browser sources refuse what programs send.
    FILTER_BOTS: bool = True
    #: How many refused events of one source may wait to be mended.
    DEAD_LETTERS: int = 10_000
    #: Dotted path of the buffer between the ingest endpoint and the worker.
    BUFFER: str = "personalization.events.buffers.database.DatabaseBuffer"
    #: Requests that may wait in the buffer; beyond that the endpoint answers 429.
    BUFFER_LIMIT: int = 100_000
    #: Where `RedisBuffer` keeps what waits.
    REDIS_URL: str = "redis://127.0.0.1:6379/0"
    #: How many buffered requests a worker takes into one transaction.
    WORKER_BATCH: int = 1000
    #: Tries before a buffered request is taken apart and what fails set aside.
    BUFFER_ATTEMPTS: int = 5
    #: Write key of the browser source that `{% personalization_tracker %}` sends with.
    TRACKER_KEY: str = ""

    def __getattribute__(self, name: str) -> Any:
        default = super().__getattribute__(name)
        if not name.isupper():
            return default
        value = getattr(django_settings, PREFIX + name, default)
        if not isinstance(value, type(default)) or (
            isinstance(value, bool) and not isinstance(default, bool)
        ):
            raise SettingError(
                f"{PREFIX}{name} is {value!r}; a {type(default).__name__} is needed."
            )
        return value


def names() -> list[str]:
    """Return the full name of every setting, for the checks and the docs test."""
    return [PREFIX + name for name in vars(Settings) if name.isupper()]


settings = Settings()
