from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from project.csp import ContentSecurityPolicyMiddleware


def header(response: HttpResponse, *, read_nonce: bool = False) -> tuple[str, str]:
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        if read_nonce:
            seen.append(str(request.csp_nonce))  # type: ignore[attr-defined]
        return response

    answer = ContentSecurityPolicyMiddleware(view)(RequestFactory().get("/"))
    return answer["Content-Security-Policy"], "".join(seen)


def test_only_the_own_site_is_allowed() -> None:
    policy, _ = header(HttpResponse())
    assert policy.startswith("default-src 'self'; ")
    assert "nonce" not in policy
    assert "unsafe" not in policy


def test_a_nonce_is_named_when_the_page_used_it() -> None:
    policy, nonce = header(HttpResponse(), read_nonce=True)
    assert f"script-src 'self' 'nonce-{nonce}'" in policy
    assert len(nonce) > 16
    assert header(HttpResponse(), read_nonce=True)[1] != nonce


def test_a_view_may_set_its_own_policy() -> None:
    own = HttpResponse(headers={"Content-Security-Policy": "default-src 'none'"})
    assert header(own)[0] == "default-src 'none'"
