"""System checks: what would break or leak, said before it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.utils import timezone
from django.utils.module_loading import import_string

from personalization.conf import PREFIX, names, settings
from personalization.delivery.published import published_now
from personalization.delivery.templates import blocks_in_templates
from personalization.events.buffer import buffer
from personalization.events.write_keys import source_of
from personalization.exceptions import SettingError

MIDDLEWARE = "personalization.delivery.middleware.PersonalizationMiddleware"
CACHE_KEY = "personalization.delivery.middleware.CacheKeyMiddleware"
UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"


@register(Tags.compatibility)
def check_settings(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """E001: a setting has an unusable value."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in names():
        try:
            values[name] = getattr(settings, name.removeprefix(PREFIX))
        except SettingError as error:
            problems[name] = str(error)
    problems |= {name: _problem(name, values) for name in values}
    for name, problem in problems.items():
        if problem:
            yield Error(problem, hint=_HINTS.get(name, _HINT), id="personalization.E001")


_HINT = "See the settings reference for what is allowed."
_HINTS = {
    "PERSONALIZATION_BUFFER": "Name a class by its dotted path, such as "
    "personalization.events.buffers.database.DatabaseBuffer.",
    "PERSONALIZATION_POLICY_VERSION": "It stands in a cookie: 1 to 20 letters, digits, _ and -.",
}
_MAY_BE_NOTHING = {"PERSONALIZATION_ADDRESS_RATE", "PERSONALIZATION_TRUSTED_PROXIES"}
_COOKIE_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_VERSION = re.compile(r"[\w-]{1,20}", re.ASCII)


def _problem(name: str, values: Mapping[str, Any]) -> str:
    """Return what is wrong with a value of the right type, or an empty string."""
    value = values[name]
    if name == "PERSONALIZATION_BUFFER":
        try:
            import_string(value)
        except ImportError as error:
            return f"{name} cannot be imported: {error}"
    if name.endswith("_COOKIE") and not _COOKIE_NAME.fullmatch(value):
        return f"{name} is {value!r}, which no cookie can be called."
    if name.endswith("CONSENT_COOKIE") and value == values.get("PERSONALIZATION_VISITOR_COOKIE"):
        return f"{name} is {value!r}, and so is the name of the visitor cookie."
    if name.endswith("_VERSION") and not _VERSION.fullmatch(value):
        return f"{name} is {value!r}, which the consent cookie cannot hold."
    if name.endswith("_LIMITS") and not _are_limits(value):
        return f"{name} is {value!r}; each of its values is a whole number above nothing."
    is_size = isinstance(value, int | timedelta) and not isinstance(value, bool)
    nothing = type(value)(0) if is_size else None
    if is_size and (value < nothing or (value == nothing and name not in _MAY_BE_NOTHING)):
        return f"{name} is {value!r}; it must be more than nothing."
    return ""


def _are_limits(value: Mapping[Any, Any]) -> bool:
    return all(
        isinstance(name, str) and isinstance(most, int) and most >= 1 and most is not True
        for name, most in value.items()
    )


@register(Tags.security)
def check_middleware(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """E002, E003, W004: a personalized response could be kept by a cache or be stale."""
    middleware = list(django_settings.MIDDLEWARE)
    if MIDDLEWARE not in middleware:
        yield Error(
            f"{MIDDLEWARE} is not in MIDDLEWARE.",
            hint="Put it first. Without it every slot shows its default.",
            id="personalization.E002",
        )
        return
    if middleware[0] != MIDDLEWARE:
        yield Error(
            f"{MIDDLEWARE} must be the first of MIDDLEWARE, before {middleware[0]}.",
            hint="Outside of it a cache could keep a response made for one visitor.",
            id="personalization.E003",
        )
    if UPDATE_CACHE in middleware:
        place = middleware.index(UPDATE_CACHE) + 1
        if middleware[place : place + 1] != [CACHE_KEY]:
            yield Warning(
                f"{CACHE_KEY} does not follow {UPDATE_CACHE}.",
                hint="Put it right after it; without it pages with slots are never cached.",
                id="personalization.W004",
            )


@register(Tags.compatibility)  # it reads settings only; those of databases run on demand
def check_sqlite(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterator[CheckMessage]:
    """W005: SQLite as Django sets it up fails when web and worker write at once."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "sqlite":
        return
    options = connection.settings_dict.get("OPTIONS", {})
    journal = str(options.get("init_command", "")).upper()
    if options.get("transaction_mode") != "IMMEDIATE" or "WAL" not in journal:
        yield Warning(
            "SQLite is not set up for several writers.",
            hint='Set OPTIONS: "transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": '
            '"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;".',
            id="personalization.W005",
        )


@register(Tags.templates, Tags.database)
def check_templates(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """W006, W007: a template names a slot or segment that does not exist.

    Runs with `check --database default`, for it reads what exists, and before every
    `migrate`, the first one included: without tables there is nothing to compare with.
    """
    if not databases or DEFAULT_DB_ALIAS not in databases:
        return
    try:
        config = published_now()
    except DatabaseError:
        return
    for template, block in blocks_in_templates():
        if block.slot not in config.slots:
            yield Warning(
                f"{template}: there is no slot “{block.slot}”.",
                hint="Add it in the admin, so that site owners can fill it.",
                id="personalization.W006",
            )
        slugs = (slug for candidate in block.candidates for slug in candidate.segments)
        for slug in slugs:
            if slug not in config.segments:
                yield Warning(
                    f"{template}: there is no active segment “{slug}”.",
                    hint=f"Known: {', '.join(sorted(config.segments)) or 'none yet'}.",
                    id="personalization.W007",
                )


@register(Tags.security, Tags.database)
def check_tracker_key(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """W008: the key in every page of the site is refused, or opens more than it should.

    Runs with `check --database default`, and before every `migrate`, as the templates do.
    """
    if not databases or DEFAULT_DB_ALIAS not in databases or not settings.TRACKER_KEY:
        return
    try:
        source = source_of(settings.TRACKER_KEY, now=timezone.now())
    except DatabaseError:
        return
    if source is None:
        yield Warning(
            "PERSONALIZATION_TRACKER_KEY is no key that works: events of the tracker are refused.",
            hint="Make a key at a source of the kind browser in the admin, and set it.",
            id="personalization.W008",
        )
    elif source.is_server:
        yield Warning(
            f"PERSONALIZATION_TRACKER_KEY is a key of “{source.name}”, a source of the kind "
            "server: everybody can read it in the pages, and whoever sends with it is believed.",
            hint="End that key, and set one of a source of the kind browser.",
            id="personalization.W008",
        )


@register(Tags.database)
def check_buffer(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """W009: what waits in the buffer could be lost. Asks its server, so runs on demand only."""
    if not databases:
        return
    try:
        problems: Sequence[str] = getattr(buffer(), "problems", tuple)()
    except (SettingError, ImportError):  # E001 tells
        return
    for problem in problems:
        yield Warning(
            problem,
            hint="Set appendonly yes, appendfsync always and maxmemory-policy noeviction in "
            "redis.conf, and PERSONALIZATION_REDIS_URL to that server; or use the database "
            "buffer.",
            id="personalization.W009",
        )
