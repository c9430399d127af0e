"""`{% personalization_tracker %}`"""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.template import TemplateSyntaxError
from django.test import RequestFactory, override_settings

from tests.delivery.people import make_person, make_segments
from tests.delivery.rendering import render, render_in, request_of

TRACKER = "{% personalization_tracker %}"
HOSTILE = "\"><script>alert('1')</script>"


def attributes(html: str) -> dict[str, str | None]:
    """Return the attributes of the one element in `html`."""
    found: list[tuple[str, dict[str, str | None]]] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    parser = Parser()
    parser.feed(html)
    parser.close()
    assert [tag for tag, _ in found] == ["script"]
    return found[0][1]


@override_settings(PERSONALIZATION_TRACKER_KEY="larkfell", PERSONALIZATION_POLICY_VERSION="7")
def test_it_says_where_to_send_and_whom_to_ask() -> None:
    assert attributes(render(TRACKER)) == {
        "id": "personalization-tracker",
        "src": "/static/personalization/tracker.js",
        "defer": None,
        "data-endpoint": "/p/v1/batch",
        "data-manifest": "/p/v1/manifest",
        "data-key": "larkfell",
        "data-consent-cookie": "pz_consent",
        "data-policy": "7",
        "data-more": "/static/personalization/tracker-more.js",
    }


def test_it_says_what_to_exchange_with_the_data_layer_if_asked() -> None:
    found = attributes(render("{% personalization_tracker bridge='in out' signals='ignore' %}"))
    assert found["data-bridge"] == "in out"
    assert found["data-signals"] == "ignore"
    assert "data-consent" not in found
    for bridge in ("consent", "tcf", "in tcf"):
        found = attributes(render(f"{{% personalization_tracker bridge='{bridge}' %}}"))
        assert found["data-consent"] == "/p/consent"


@override_settings(PERSONALIZATION_SIGNALS="ignore")
def test_it_ignores_what_browsers_say_where_the_site_does() -> None:
    assert attributes(render(TRACKER))["data-signals"] == "ignore"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("bridge='in up'", "bridge is 'in up'; allowed are in, out, consent, tcf"),
        ("signals='obey'", "signals is 'obey'; allowed is 'ignore'"),
    ],
)
def test_what_is_not_known_is_refused(argument: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=message):
        render(f"{{% personalization_tracker {argument} %}}")


@pytest.mark.django_db
def test_it_is_the_same_for_everybody_and_leaves_the_page_public() -> None:
    make_segments("loyal")
    request = request_of(make_person("loyal"))
    assert render_in(TRACKER, request) == render(TRACKER) == render_in(TRACKER, None)
    visitor = request.personalization  # type: ignore[attr-defined]
    assert not visitor.asked
    assert not visitor.used


def test_it_may_say_who_is_logged_in_so_no_fragment_cache_may_keep_it() -> None:
    with pytest.raises(TemplateSyntaxError, match="personalization_tracker cannot stand inside"):
        render(f"{{% load cache %}}{{% cache 60 head %}}{TRACKER}{{% endcache %}}")


def test_the_nonce_comes_from_the_tag_the_context_or_the_request() -> None:
    request = request_of(None)
    assert "nonce" not in attributes(render_in(TRACKER, request))
    request.csp_nonce = "of the request"  # type: ignore[attr-defined]
    assert attributes(render_in(TRACKER, request))["nonce"] == "of the request"
    context = {"csp_nonce": "of the context"}
    assert attributes(render_in(TRACKER, request, **context))["nonce"] == "of the context"
    named = "{% personalization_tracker nonce='of the tag' %}"
    assert attributes(render_in(named, request, **context))["nonce"] == "of the tag"


def test_a_lazy_nonce_is_asked_for_once_it_is_needed() -> None:
    """As django-csp and Django's own CSP have them: an object that becomes a text."""

    class Nonce:
        def __str__(self) -> str:
            return "lazy"

    request = RequestFactory().get("/")
    request.csp_nonce = Nonce()  # type: ignore[attr-defined]
    assert attributes(render_in(TRACKER, request))["nonce"] == "lazy"


@override_settings(
    PERSONALIZATION_TRACKER_KEY=HOSTILE, PERSONALIZATION_CONSENT_COOKIE=HOSTILE, STATIC_URL="/s/"
)
def test_everything_in_it_is_escaped() -> None:
    html = render_in("{% personalization_tracker nonce=nonce %}", request_of(None), nonce=HOSTILE)
    found = attributes(html)
    assert found["data-key"] == found["data-consent-cookie"] == found["nonce"] == HOSTILE
    assert found["src"] == "/s/personalization/tracker.js"
    assert html.count("<script") == 1
