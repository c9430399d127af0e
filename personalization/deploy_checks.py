"""What is fine on a developer's machine and not on the internet: for `check --deploy`.

What Django says itself is not said again: DEBUG, HSTS, redirects to HTTPS, its own cookies.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.cache import DEFAULT_CACHE_ALIAS
from django.core.checks import CheckMessage, Tags, Warning, register

from personalization.conf import PREFIX, settings
from personalization.exceptions import SettingError
from personalization.privacy.answers import HOST_PREFIX, SECURE_PREFIX

Check: TypeAlias = Callable[..., Iterator[CheckMessage]]
#: Django's own measure of a SECRET_KEY; what it makes for a new project begins with that word.
_SHORTEST_SECRET = 50
_FEWEST_LETTERS = 5
_INSECURE: Final = "django-insecure-"
#: Of 256 bits in base64 or more; who has a pseudonym can try shorter keys out.
_SHORTEST_KEY = 32
#: Adapters of clients that name nobody: visitors are told apart by their addresses.
_NAMELESS: Final = frozenset({"plausible", "umami"})
_LOCAL_CACHES: Final = (
    "django.core.cache.backends.locmem.LocMemCache",
    "django.core.cache.backends.dummy.DummyCache",
)
_POSIX = os.name == "posix"


def _deploy(check: Check) -> Check:
    """Register a check for `check --deploy`; unusable settings are left to E001."""

    def checked(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterator[CheckMessage]:
        try:
            yield from check()
        except SettingError:
            return

    checked.__doc__ = check.__doc__
    return register(Tags.security, deploy=True)(checked)


@_deploy
def check_cookies() -> Iterator[CheckMessage]:
    """W014, W015: the visitor cookie travels in clear text, or a neighbour could set it."""
    name = settings.VISITOR_COOKIE
    if not settings.COOKIE_SECURE:
        yield Warning(
            f"{PREFIX}COOKIE_SECURE is False: cookies of visitors are sent over plain HTTP, too.",
            hint="Serve the site over HTTPS only, and set it to True.",
            id="personalization.W014",
        )
    elif not name.startswith(HOST_PREFIX):
        yield Warning(
            f"{PREFIX}VISITOR_COOKIE is {name!r}: a page of another subdomain, or plain HTTP, "
            "could set it and so have visitors share an id.",
            hint=f"Call it “{HOST_PREFIX}{name.removeprefix(SECURE_PREFIX)}”: browsers take such a "
            f"cookie from this very host over HTTPS only. Change {PREFIX}POLICY_VERSION with it, "
            "so that who is known by the old one is asked anew.",
            id="personalization.W015",
        )


@_deploy
def check_keys() -> Iterator[CheckMessage]:
    """W016: who guesses a key learns whom the pseudonyms stand for."""
    if not settings.PRIVACY_KEYS:
        if _is_weak(str(django_settings.SECRET_KEY)):
            yield Warning(
                "Pseudonyms and receipts are made with SECRET_KEY, and that can be guessed.",
                hint=f"Set {PREFIX}PRIVACY_KEYS to a long random text of its own, such as "
                "secrets.token_urlsafe(48) makes, and keep it as long as the receipts.",
                id="personalization.W016",
            )
        return
    short = sum(1 for key in settings.PRIVACY_KEYS if len(key) < _SHORTEST_KEY)
    if short:
        yield Warning(
            f"{PREFIX}PRIVACY_KEYS has {short} of fewer than {_SHORTEST_KEY} characters.",
            hint="Put a longer one first, such as secrets.token_urlsafe(48) makes; the old one "
            "stays behind it for what was made with it.",
            id="personalization.W016",
        )


def _is_weak(secret: str) -> bool:
    return (
        len(secret) < _SHORTEST_SECRET
        or len(set(secret)) < _FEWEST_LETTERS
        or secret.startswith(_INSECURE)
    )


@_deploy
def check_archive() -> Iterator[CheckMessage]:
    """W017: others can read the files of events that are no longer kept."""
    if not settings.EVENT_ARCHIVE:
        return
    folder = Path(settings.EVENT_ARCHIVE).resolve()
    for name, served in _served_folders():
        if folder == served or served in folder.parents:
            yield Warning(
                f"{PREFIX}EVENT_ARCHIVE lies in {name}: the web server hands the events of "
                "people to everybody.",
                hint="Choose a folder that nothing serves.",
                id="personalization.W017",
            )
            return
    if _POSIX and folder.is_dir() and folder.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Warning(
            f"{PREFIX}EVENT_ARCHIVE can be read by other users of the machine.",
            hint=f"chmod 700 {folder}",
            id="personalization.W017",
        )


def _served_folders() -> Iterator[tuple[str, Path]]:
    """Yield what a web server or Django hands out, with the name of its setting."""
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        if folder := getattr(django_settings, name, None):
            yield name, Path(folder).resolve()
    entries: Sequence[Any] = django_settings.STATICFILES_DIRS  # with a prefix, if they like
    for entry in entries:
        folder = entry[1] if isinstance(entry, tuple | list) else entry
        yield "STATICFILES_DIRS", Path(folder).resolve()


@_deploy
def check_proxies() -> Iterator[CheckMessage]:
    """W018: the address of a proxy is taken for that of every visitor."""
    if settings.TRUSTED_PROXIES:
        return
    hint = f"Set {PREFIX}TRUSTED_PROXIES to how many proxies of the site add to X-Forwarded-For."
    told = [
        name
        for name in ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")
        if getattr(django_settings, name, None)
    ]
    nameless = sorted(_NAMELESS.intersection(settings.PROTOCOLS))
    if told:
        yield Warning(
            f"{told[0]} says that a proxy stands in front, and {PREFIX}TRUSTED_PROXIES is 0: "
            "all visitors together have the limits of one address.",
            hint=hint,
            id="personalization.W018",
        )
    elif nameless:
        yield Warning(
            f"{PREFIX}PROTOCOLS has {', '.join(nameless)}, whose visitors are told apart by "
            f"their addresses, and {PREFIX}TRUSTED_PROXIES is 0: behind a proxy they are all one.",
            hint=f"{hint} Where none stands in front, silence this check.",
            id="personalization.W018",
        )


@_deploy
def check_cache() -> Iterator[CheckMessage]:
    """W019: each process counts for itself how often somebody may ask."""
    backend = django_settings.CACHES.get(DEFAULT_CACHE_ALIAS, {}).get("BACKEND", "")
    if backend in _LOCAL_CACHES:
        yield Warning(
            f"The default cache is {backend.rpartition('.')[2]}: limits hold for each process by "
            "itself, and none knows what another keeps.",
            hint="Use a cache that all processes share, such as Redis or Memcached.",
            id="personalization.W019",
        )


@_deploy
def check_holdouts() -> Iterator[CheckMessage]:
    """W021: nobody is held out, so that nothing can be told of what is shown."""
    told = {
        "HOLDOUT": "nobody is held out from a content, so that none can tell what it earns.",
        "GLOBAL_HOLDOUT": "nobody is held out from all of them, so that it cannot be told what "
        "personalization earns.",
    }
    for name, what in told.items():
        if not getattr(settings, name):
            yield Warning(
                f"{PREFIX}{name} is 0: {what}",
                hint="0.1 and 0.02 are usual. Silence this check where that is meant.",
                id="personalization.W021",
            )
