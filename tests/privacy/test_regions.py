"""Regions: where a yes has to be given, and where one may be presumed."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.privacy.regions import may_presume, presumes, regime_of, region_of

HEADER = "CF-IPCountry"
REGIMES = {"*": "opt-out", "DE": "opt-in", "us": "opt-out", "US-CA": "opt-in"}


@pytest.fixture(autouse=True)
def _regions(settings: Any) -> None:
    settings.PERSONALIZATION_REGION_HEADER = HEADER
    settings.PERSONALIZATION_CONSENT_REGIMES = REGIMES


def meta(region: str, **headers: str) -> dict[str, str]:
    return {"HTTP_CF_IPCOUNTRY": region, **headers}


@pytest.mark.parametrize(
    ("stated", "region"),
    [("DE", "DE"), (" de ", "DE"), ("us-ca", "US-CA"), ("XX", ""), ("T1", ""), ("", ""),
     ("Germany", ""), ("D", ""), ("<b>", ""), ("DE,US", ""), ("ÄÖ", ""), ("DE\r\nX: 1", "")],
)  # fmt: skip
def test_a_region_is_a_code_or_nothing(stated: str, region: str) -> None:
    assert region_of(meta(stated)) == region


def test_only_the_header_of_the_setting_is_read(settings: Any) -> None:
    settings.PERSONALIZATION_REGION_HEADER = ""
    assert region_of(meta("DE")) == ""


@pytest.mark.parametrize(
    ("region", "regime"),
    [("DE", "opt-in"), ("DE-BY", "opt-in"), ("US", "opt-out"), ("US-TX", "opt-out"),
     ("US-CA", "opt-in"), ("JP", "opt-out")],
)  # fmt: skip
def test_the_nearest_rule_holds(region: str, regime: str) -> None:
    assert regime_of(region) == regime


def test_where_regions_are_stated_an_unknown_one_has_to_agree() -> None:
    assert regime_of("") == "opt-in"
    assert not presumes({})


def test_a_site_without_regions_goes_by_what_holds_for_all(settings: Any) -> None:
    settings.PERSONALIZATION_REGION_HEADER = ""
    assert regime_of("") == "opt-out"
    assert presumes({})


def test_nothing_named_is_opt_in(settings: Any) -> None:
    settings.PERSONALIZATION_CONSENT_REGIMES = {"US": "opt-out"}
    assert regime_of("JP") == "opt-in"
    settings.PERSONALIZATION_CONSENT_REGIMES = {}
    assert regime_of("US") == "opt-in"


@pytest.mark.parametrize("signals", ["respect", "ignore"])
@pytest.mark.parametrize("header", ["HTTP_SEC_GPC", "HTTP_DNT"])
def test_whose_browser_objects_is_never_presumed_to_agree(
    settings: Any, header: str, signals: str
) -> None:
    settings.PERSONALIZATION_SIGNALS = signals
    assert presumes(meta("US"))
    assert not presumes(meta("US", **{header: "1"}))


def test_strict_sites_presume_nothing(settings: Any) -> None:
    assert may_presume()
    settings.PERSONALIZATION_PRIVACY = "strict"
    assert not may_presume()
    assert not presumes(meta("US"))


def test_a_site_that_asks_everywhere_has_nothing_to_presume(settings: Any) -> None:
    settings.PERSONALIZATION_CONSENT_REGIMES = {"*": "opt-in", "DE": "opt-in"}
    assert not may_presume()
