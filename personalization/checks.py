"""System checks: what would break or leak, said before it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.utils import timezone

from personalization.conf import PREFIX, names, settings
from personalization.delivery.published import published_now
from personalization.delivery.render import DEFERRED
from personalization.delivery.templates import blocks_in_templates, is_in_templates
from personalization.delivery.versions import MANY, versions_of_templates
from personalization.events.buffer import buffer
from personalization.events.write_keys import source_of
from personalization.exceptions import SettingError
from personalization.monitoring.setting_values import problem_with_value
from personalization.privacy.encryption import obstacle

MIDDLEWARE = "personalization.delivery.middleware.PersonalizationMiddleware"
CACHES = (
    "django.middleware.cache.UpdateCacheMiddleware",
    "wagtailcache.cache.UpdateCacheMiddleware",
)
CACHE_KEY = "personalization.delivery.middleware.CacheKeyMiddleware"
CMS = "personalization.contrib.cms"


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
    problems |= {name: problem_with_value(name, values) for name in values}
    for name, problem in problems.items():
        if problem:
            yield Error(problem, hint=_HINTS.get(name, _HINT), id="personalization.E001")


_HINT = "See the settings reference for what is allowed."
_HINTS = {
    "PERSONALIZATION_BUFFER": "Name a class by its dotted path, such as "
    "personalization.events.buffers.database.DatabaseBuffer.",
    "PERSONALIZATION_POLICY_VERSION": "It stands in a cookie: 1 to 20 letters, digits, _ and -.",
}


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
    for cache in CACHES:
        if cache not in middleware:
            continue
        place = middleware.index(cache) + 1
        if middleware[place : place + 1] != [CACHE_KEY]:
            yield Warning(
                f"{CACHE_KEY} does not follow {cache}.",
                hint="Put it right after it; without it that cache cannot tell whom pages with "
                "slots are for.",
                id="personalization.W004",
            )


@register(Tags.security)
def check_cms(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterator[CheckMessage]:
    """E011: django CMS keeps pages without asking for whom they were made."""
    if apps.is_installed("cms") and not apps.is_installed(CMS):
        yield Error(
            f"{CMS} is not in INSTALLED_APPS, and django CMS is.",
            hint="Add it: without it the caches of django CMS keep what one visitor sees for all.",
            id="personalization.E011",
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


@register(Tags.templates, Tags.database)
def check_versions(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """W012: caches would keep more versions of a page than are looked at.

    Runs with `check --database default`, for it reads which variations there are.
    """
    if not databases or DEFAULT_DB_ALIAS not in databases:
        return
    try:
        config = published_now()
    except DatabaseError:
        return
    for page in versions_of_templates(config):
        if page.versions > MANY:
            yield Warning(
                f"{page.template}: caches keep up to {page.versions} versions of it, by the "
                f"keyed slots {', '.join(page.slots)}.",
                hint="Deliver those that matter less as deferred, or give them fewer candidates.",
                id="personalization.W012",
            )


@register(Tags.templates, Tags.database)
def check_deferred(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """W013: slots are deferred, and nothing in the pages fills them.

    Runs with `check --database default`, as the other checks that read all templates.
    """
    if not databases or DEFAULT_DB_ALIAS not in databases:
        return
    deferred = next(
        (
            (template, block.slot)
            for template, block in blocks_in_templates()
            if (block.mode or settings.DELIVERY) == DEFERRED
        ),
        None,
    )
    if deferred and not is_in_templates("personalization_slots"):
        yield Warning(
            f"{deferred[0]}: the slot “{deferred[1]}” is deferred, and no template has "
            "{% personalization_slots %}.",
            hint="Put it into the head of the base template; without it the default stays.",
            id="personalization.W013",
        )


@register(Tags.security)
def check_encryption(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """E020: traits are to be kept encrypted, and cannot be; until then they are not kept."""
    try:
        names_of_traits, said = settings.ENCRYPTED_TRAITS, obstacle()
    except SettingError:  # E001 tells
        return
    if names_of_traits and said:
        yield Error(
            f"{PREFIX}ENCRYPTED_TRAITS names traits, and nothing can be encrypted. {said}",
            hint="Until it can be, these traits are left out of what is kept. Make a key with "
            "`python manage.py rotate_encryption_keys --new`.",
            id="personalization.E020",
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
def check_pause_segment(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """W010: nobody is paused, for there is no such segment.

    Runs with `check --database default`, and before every `migrate`, as the templates do.
    """
    slug = settings.PAUSE_SEGMENT
    if not databases or DEFAULT_DB_ALIAS not in databases or not slug:
        return
    try:
        known = published_now().segments
    except DatabaseError:
        return
    if slug not in known:
        yield Warning(
            f"PERSONALIZATION_PAUSE_SEGMENT is {slug!r}: there is no such active segment, and "
            "nobody is paused.",
            hint=f"Known: {', '.join(sorted(known)) or 'none yet'}.",
            id="personalization.W010",
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
