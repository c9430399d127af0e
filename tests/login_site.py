"""A site where people log in, as its own urls: one personalized page, and Django's views."""

from __future__ import annotations

from django.contrib.auth import logout
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path

SOURCE = (
    "{% load personalization %}{% personalized_block 'hero' %}for everybody"
    "{% variant 'buyers' %}for buyers{% endpersonalized_block %}{% personalization_tracker %}"
)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(SOURCE).render({}, request))


def leave(request: HttpRequest) -> HttpResponse:
    """Render, log out, and render again, all in one request."""
    before = page(request).content.decode()
    logout(request)
    return HttpResponse(f"{before}|{page(request).content.decode()}")


def quietly(request: HttpRequest) -> HttpResponse:
    """Log out and say nothing personal, nor that nobody may keep it."""
    logout(request)
    return HttpResponse("Goodbye.")


urlpatterns = [
    path("", page, name="page"),
    path("in/", LoginView.as_view(next_page="page")),
    path("leave/", leave),
    path("quietly/", quietly),
    path("out/", LogoutView.as_view(next_page="page")),
    path("p/", include("personalization.urls")),
]
