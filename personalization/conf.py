"""The settings of the package: typed, few, read live from `django.conf.settings`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    #: How far the site goes without an answer: standard; strict, where not even the site's
    #: own servers vouch for anybody; exempt, where page views are counted without a person.
    PRIVACY: str = "standard"
    #: What pseudonyms and proofs are made with, the newest first; none: Django's SECRET_KEY.
    PRIVACY_KEYS: tuple[str, ...] = ()
    #: Where who is logged in confirms that it is them, on a site without passwords; empty: by
    #: password, on a page of ours.
    CONFIRM_URL: str = ""
    #: How long a yes counts; after that the visitor is asked again (CNIL: about six months).
    CONSENT_AGE: timedelta = timedelta(days=182)
    #: Region → whether a yes has to be given ("opt-in") or counts until it is taken back
    #: ("opt-out"); “*” stands for all that are not named.
    CONSENT_REGIMES: Mapping[str, str] = {"*": "opt-in"}
    #: Header in which a proxy of the site names the region, such as CF-IPCountry; empty: none does.
    REGION_HEADER: str = ""
    #: Whether Sec-GPC and DNT are heeded: respect or ignore.
    SIGNALS: str = "respect"
    #: Category of another consent tool → our purposes that it stands for; those not named
    #: stand for the purpose of the same name.
    CONSENT_CATEGORIES: Mapping[str, Sequence[str]] = {}
    #: Our purpose → the purposes of the TCF that have to be agreed to for it.
    TCF_PURPOSES: Mapping[str, Sequence[int]] = {
        "analytics": (1, 8),
        "personalization": (1, 5, 6),
        "marketing": (1, 3, 4),
    }
    #: Number of the site in the TCF's list of vendors; 0: it is in none.
    TCF_VENDOR: int = 0
    #: Name of a store → how long it keeps what it has, where that differs from the shipped time.
    RETENTION_OF: Mapping[str, timedelta] = {}
    #: Names of traits that are kept encrypted, and the keys for that, the newest first.
    ENCRYPTED_TRAITS: tuple[str, ...] = ()
    ENCRYPTION_KEYS: tuple[str, ...] = ()
    #: What is kept of the user agents that clients send along: reduced, none or full.
    USER_AGENT: str = "reduced"
    #: A published count is of at least so many people, or left out.
    REPORT_THRESHOLD: int = 20
    #: How much published counts may tell of anybody (ε) in a period, and its length.
    REPORT_BUDGET: float = 1.0
    REPORT_PERIOD: timedelta = timedelta(days=30)
    #: A pause of this length between two events ends a visit.
    VISIT_GAP: timedelta = timedelta(minutes=30)
    #: Longest window a rule may look back; events are kept at least this long.
    RETENTION: timedelta = timedelta(days=750)
    #: How many identities of a namespace one profile may have, those that count most first;
    #: “*” stands for all that are not named.
    IDENTITY_LIMITS: Mapping[str, int] = {"user": 1, "email": 5, "*": 50, "anonymous": 100}
    #: Keep networks and kinds of browsers to suggest which profiles may be one person.
    IDENTITY_SUGGESTIONS: bool = False
    #: Where the scores and stages of shipped features begin; those not named stay as they are.
    FEATURE_THRESHOLDS: Mapping[str, Sequence[float]] = {
        "rfm.recency": (30, 60, 120, 240),
        "rfm.frequency": (2, 3, 5, 8),
        "rfm.monetary": (50, 150, 300, 600),
        "engagement.class": (30, 3, 5),
        "lifecycle.stage": (7, 30, 90),
    }
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
    #: Which content a slot shows to who is in several of its segments; a slot may differ.
    OVERLAP: str = "priority"
    #: How slots are delivered whose tag does not say it: inline, keyed or deferred.
    DELIVERY: str = "inline"
    #: Whether caches in front of the site send the key of a page, and so may keep its versions.
    EDGE: bool = False
    #: How long what was shown waits in a process before it is written, all of it together;
    #: nothing: it is written at once.
    EXPOSURE_DELAY: timedelta = timedelta(seconds=1)
    #: Share of those who would see a content that sees the default instead, so that what it earns
    #: can be told; and the share of all visitors that sees nothing but defaults.
    HOLDOUT: float = 0.1
    GLOBAL_HOLDOUT: float = 0.02
    #: Slug of the segment whose members see every default for now: their behaviour is
    #: inconsistent. Empty: nobody is paused.
    PAUSE_SEGMENT: str = ""
    #: Networks that webhooks may call although they are not public, such as "10.20.0.0/16".
    OUTBOUND_NETWORKS: tuple[str, ...] = ()
    #: Place → how its lists of recommendations are made: seen, diversity, per_category, explore,
    #: kinds; “*” stands for all that are not named.
    RECOMMENDATIONS: Mapping[str, Mapping[str, Any]] = {}
    #: Name of a model → what its plan has otherwise: window, period, algorithm, config, seed,
    #: recipe, refresh; None: it is not trained.
    MODELS: Mapping[str, Any] = {}
    #: Write key of the browser source that `{% personalization_tracker %}` sends with.
    TRACKER_KEY: str = ""
    #: What the tracker collects by the way: what something needs, or all it can.
    COLLECT: str = "needed"

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
