"""The other tags as functions: the very same ones, called with the context of Jinja2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.template import loader
from django.utils.safestring import SafeString
from jinja2 import pass_context
from jinja2.runtime import Context

from personalization.contrib.jinja2.bodies import Around
from personalization.templatetags import personalization as tags

Function = Callable[..., Any]


def functions() -> Mapping[str, Function]:
    """Return the functions by the names that templates call them."""
    shown = (
        tags.in_segment,
        tags.recommend,
        tags.personalization_tracker,
        tags.personalization_slots,
        consent_banner,
    )
    return {function.__name__: _with_context(function) for function in shown}


def consent_banner(context: Any, nonce: str = "", consent_mode: bool = False) -> SafeString:
    """Render the banner by whichever engine has its template, that of the app by Django's."""
    shown = tags.consent_banner(context, nonce, consent_mode)
    return loader.render_to_string("personalization/consent_banner.html", shown, context.request)


def _with_context(function: Function) -> Function:
    """Return the function as Jinja2 calls it: in a thread where that is asynchronous."""

    @pass_context
    def called(context: Context, *args: Any, **kwargs: Any) -> Any:
        run = sync_to_async(function) if context.environment.is_async else function
        return run(Around.of(context), *args, **kwargs)

    return called
