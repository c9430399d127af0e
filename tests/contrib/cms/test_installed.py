"""What the app says of itself to Django and to django CMS."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cms import page_rendering, plugin_rendering
from django.core.management import CommandError, call_command

from personalization.contrib.cms import caching

pytestmark = pytest.mark.django_db


def test_every_model_change_has_its_migration() -> None:
    call_command("makemigrations", "personalization_cms", "--check", "--dry-run")


def test_the_site_passes_the_checks() -> None:
    call_command("check", "--tag", "security", "--tag", "models")  # errors fail it


def test_django_cms_finds_plugins_that_it_can_copy(capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(CommandError):  # what it says of middleware is about the site
        call_command("cms", "check")
    said = capsys.readouterr().out
    assert 'have "copy_relations" method if needed' in said
    assert "personalization" not in said.lower()


def test_the_caches_of_django_cms_ask_us() -> None:
    assert page_rendering.set_page_cache is caching._set_page_cache
    assert plugin_rendering.set_placeholder_cache is caching._set_placeholder_cache
    assert plugin_rendering.ContentRenderer.render_placeholder is caching._render_placeholder
