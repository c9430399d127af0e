"""The hash in the script element: that of the file as it is served, or none at all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.templatetags.static import static
from django.utils.safestring import SafeString

from personalization.delivery import tracker_script
from personalization.delivery.tracker_script import CORE, MORE, integrity_of

PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
HASHED = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    tracker_script._hash_of.cache_clear()
    yield
    tracker_script._hash_of.cache_clear()


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Path:
    """The folder that a site serves files from whose names change with their content."""
    settings.DEBUG = False
    settings.STATIC_ROOT = str(tmp_path)
    settings.STATICFILES_DIRS = []
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": HASHED}}
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path


@pytest.mark.parametrize("name", [CORE, MORE])
def test_it_is_the_hash_of_what_is_served(collected: Path, name: str) -> None:
    served = collected / static(name).removeprefix("/static/")
    assert served.name != Path(name).name
    digest = base64.b64encode(hashlib.sha384(served.read_bytes()).digest()).decode()
    assert integrity_of(name) == f"sha384-{digest}"
    assert f'integrity="sha384-{digest}"' in tracker_script.tracker_script(None)


def test_it_is_read_once(collected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = integrity_of(CORE)
    monkeypatch.setattr(type(staticfiles_storage._wrapped), "open", None)
    assert integrity_of(CORE) == first


def test_a_file_whose_name_stays_has_none(settings: Any, collected: Path) -> None:
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": PLAIN}}
    assert integrity_of(CORE) == ""
    assert "integrity" not in tracker_script.tracker_script(None)


def test_in_development_there_is_none(settings: Any, collected: Path) -> None:
    settings.DEBUG = True
    assert integrity_of(CORE) == ""


@pytest.mark.parametrize("address", ["https://cdn.example/", "//cdn.example/"])
def test_a_file_of_another_host_has_none(settings: Any, collected: Path, address: str) -> None:
    settings.STATIC_URL = address
    assert integrity_of(CORE) == ""


def test_a_file_that_is_served_from_elsewhere_has_none(collected: Path) -> None:
    for file in (collected / "personalization").glob("tracker*.js"):
        file.unlink()
    assert integrity_of(CORE) == ""


# -- counting without a person ------------------------------------------------------------------


def element(settings: Any, mode: str, **request: Any) -> str:
    settings.PERSONALIZATION_PRIVACY = mode
    return str(tracker_script.tracker_script(None, **request))


@pytest.mark.parametrize(("mode", "n"), [("exempt", 1), ("standard", 0), ("strict", 0)])
def test_views_are_counted_where_the_site_chooses_that(settings: Any, mode: str, n: int) -> None:
    html = element(settings, mode)
    assert html.count(f'src="{static(tracker_script.AUDIENCE)}"') == n
    assert html.count("<script") == 1 + n


def test_what_counts_is_told_where_and_whom_not_to_count(settings: Any) -> None:
    html = element(settings, "exempt", nonce_attribute=SafeString(' nonce="n1"'))
    first = html.partition("</script>")[0]
    assert 'data-endpoint="/p/v1/audience"' in first
    assert 'data-consent-cookie="pz_consent"' in first
    assert 'data-signals="respect"' in first
    assert ' nonce="n1"' in first


def test_of_staff_who_look_at_a_page_as_somebody_else_nothing_is_counted(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_script, "_consent_cookie", lambda request: "")
    assert "audience" not in element(settings, "exempt")


def test_its_file_is_what_it_hashes_to(settings: Any, collected: Path) -> None:
    assert f'integrity="{integrity_of(tracker_script.AUDIENCE)}"' in element(settings, "exempt")
