"""System checks: what would break or leak, said before it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.module_loading import import_string

from personalization.conf import names, settings
from personalization.delivery.published import published_now
from personalization.delivery.templates import blocks_in_templates
from personalization.exceptions import SettingError

MIDDLEWARE = "personalization.delivery.middleware.PersonalizationMiddleware"
CACHE_KEY = "personalization.delivery.middleware.CacheKeyMiddleware"
UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"


@register(Tags.compatibility)
def check_settings(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """E001: a setting has an unusable value."""
    for name in names():
        try:
            getattr(settings, name.removeprefix("PERSONALIZATION_"))
        except SettingError as error:
            yield Error(str(error), hint="See the settings reference.", id="personalization.E001")
    try:
        import_string(settings.BUFFER)
    except (ImportError, SettingError) as error:
        yield Error(
            f"PERSONALIZATION_BUFFER cannot be imported: {error}",
            hint="Name a class by its dotted path, such as "
            "personalization.events.buffers.database.DatabaseBuffer.",
            id="personalization.E001",
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


@register(Tags.database)
def check_sqlite(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """W005: SQLite as Django sets it up fails when web and worker write at once."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "sqlite":
        return
    options = connection.settings_dict.get("OPTIONS", {})
    if options.get("transaction_mode") != "IMMEDIATE" or "WAL" not in str(
        options.get("init_command", "")
    ):
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

    Runs with `check --database default`, for it reads what exists.
    """
    if not databases or DEFAULT_DB_ALIAS not in databases:
        return
    config = published_now()
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
