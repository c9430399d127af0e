from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models

from personalization.events.models import Source
from personalization.ingest.adapter import adapters
from tests.conftest import BROWSER
from tests.factories import make_event, make_profile, make_segment, make_source
from tests.hostile.evil import evil
from tests.hostile.tally import PROPERTY, Prober, Tally
from tests.hostile.world import World, made_of

__all__ = ["make_event", "make_profile", "make_segment", "make_source"]

SERVER_KEY, BROWSER_KEY = "hostile-server", "hostile-browser"


@pytest.fixture(autouse=True)
def _whole_site(settings: Any) -> None:
    """The demo's addresses: a page that is not there is one of the shop's."""
    settings.ROOT_URLCONF = "project.urls"


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Iterator[Tally]:
    """The figures of a test: at its end there may be no answer of 5xx and no leak."""
    tally = Tally()
    yield tally
    record_property(PROPERTY, str(tally))
    assert tally.errors == []
    assert tally.leaks == []
    assert tally.requests, "nothing was tried"


@pytest.fixture
def stranger(db: None, tally: Tally) -> Prober:
    """Anybody on the internet, with a browser or what says that it is one."""
    return Prober(tally, headers={"user-agent": BROWSER})


@pytest.fixture
def staff(db: None, tally: Tally) -> Prober:
    """Somebody who may do everything."""
    prober = Prober(tally, headers={"user-agent": BROWSER})
    prober.force_login(User.objects.create_superuser("owner"))
    return prober


@pytest.fixture
def keys(make_source: Callable[..., Source], settings: Any) -> None:
    """A site that speaks every protocol, to servers and to browsers, without limits."""
    settings.PERSONALIZATION_PROTOCOLS = tuple(adapters.names())
    settings.PERSONALIZATION_ADDRESS_RATE = 0
    make_source(write_key=SERVER_KEY)
    make_source(write_key=BROWSER_KEY, kind=Source.Kind.BROWSER)


@pytest.fixture
def world(db: None) -> World:
    """A site with markup wherever anybody can put text."""
    return made_of(evil)


@pytest.fixture
def contents() -> Callable[[], dict[str, list[Any]]]:
    """Return what reads all that the app has stored, but for what is noted of who looked."""
    return lambda: {
        model.__name__: sorted(map(repr, model._base_manager.values_list()))
        for model in _models()
        if model.__name__ != "AuditEntry"
    }


def _models() -> list[type[models.Model]]:
    from django.apps import apps

    return list(apps.get_app_config("personalization").get_models())
