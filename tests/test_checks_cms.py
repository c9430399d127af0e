from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from personalization.checks import check_cms


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        (set(), []),
        ({"cms"}, ["personalization.E011"]),
        ({"cms", "personalization.contrib.cms"}, []),
    ],
)
def test_django_cms_needs_the_app_that_guards_its_caches(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], found: list[str]
) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: name in installed)
    messages: Any = check_cms(None)
    assert [message.id for message in messages] == found
