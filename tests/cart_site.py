"""A shop whose own code says what its visitors do, as its own urls."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template import engines
from django.urls import include, path

from personalization.shortcuts import identify, in_segment, page, track

PAGE = (
    "{% load personalization %}{% personalized_block 'hero' %}for everybody"
    "{% variant 'interested' %}still thinking it over?{% endpersonalized_block %}"
)


def show(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(PAGE).render({}, request))


def add(request: HttpRequest, **details: Any) -> HttpResponse:
    track("Product Added", request=request, apply=True, **details)
    return HttpResponseRedirect("/")


@transaction.atomic
def order(request: HttpRequest) -> HttpResponse:
    track("Product Added", request=request, apply=True)
    # Nothing has followed yet, and nothing of it is in the way of others.
    assert not in_segment(request, "interested")
    return HttpResponseRedirect("/")


def add_and_show(request: HttpRequest) -> HttpResponse:
    before = in_segment(request, "interested")
    track("Product Added", request=request, apply=True)
    return HttpResponse(f"{before}, {in_segment(request, 'interested')}")


def sign_up(request: HttpRequest) -> HttpResponse:
    login(request, User.objects.create_user("ann"))
    identify(request=request, traits={"plan": "free"})
    track("Signed Up", request=request)
    return HttpResponse()


def leave(request: HttpRequest) -> HttpResponse:
    logout(request)
    track("Left", request=request)
    return HttpResponse()


def view(request: HttpRequest) -> HttpResponse:
    page("Shoes", request=request, properties={"category": "shoes"})
    return HttpResponse()


urlpatterns = [
    path("", show),
    path("add/", add),
    path("add/as/", add, {"user_id": "u7", "anonymous_id": "a7"}),
    path("order/", order),
    path("add-and-show/", add_and_show),
    path("sign-up/", sign_up),
    path("leave/", leave),
    path("shoes/", view),
    path("p/", include("personalization.urls")),
]
