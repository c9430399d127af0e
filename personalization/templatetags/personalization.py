"""`{% load personalization %}`: the tags of template authors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.base import FilterExpression, Node, NodeList, Parser, Token
from django.template.context import RequestContext
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from personalization.conf import settings
from personalization.delivery.block import PersonalizedBlock, request_of
from personalization.delivery.published import Candidate
from personalization.delivery.render import decide
from personalization.delivery.user import page_token
from personalization.privacy.purposes import purpose_texts

register = template.Library()

TAG, VARIANT, END = "personalized_block", "variant", "endpersonalized_block"


@register.tag(TAG)
def personalized_block(parser: Parser, token: Token) -> PersonalizedBlock:
    """`{% personalized_block "slot" %}default{% variant "segment" %}…{% endpersonalized_block %}`"""
    slot, *more = _literals(parser, token)
    _refuse_fragment_cache(parser, f"{TAG} “{slot}”")
    if more:
        raise template.TemplateSyntaxError(f"{TAG} takes one slot, not {1 + len(more)}.")
    default = parser.parse((VARIANT, END))
    if all(isinstance(node, template.base.TextNode) and not node.s.strip() for node in default):
        raise template.TemplateSyntaxError(
            f"{TAG} “{slot}” needs a default before its first variant: what visitors see who "
            "are in none of its segments or did not agree (an HTML comment will do for nothing)."
        )
    variants: list[tuple[Candidate, NodeList]] = []
    token = parser.next_token()
    while token.contents != END:
        segments = tuple(_literals(parser, token))
        key = f"template:{len(variants)}:{'+'.join(segments)}"
        variants.append((Candidate(segments, key), parser.parse((VARIANT, END))))
        token = parser.next_token()
    return PersonalizedBlock(slot, default, variants)


def _literals(parser: Parser, token: Token) -> list[str]:
    name, *bits = token.split_contents()
    found = list(_read_literals(parser, bits))
    if not found or len(found) != len(bits):
        raise template.TemplateSyntaxError(
            f'{name} takes quoted slugs, as in {{% {name} "my-slug" %}}; got {" ".join(bits)!r}.'
        )
    return found


def _read_literals(parser: Parser, bits: list[str]) -> Iterator[str]:
    for bit in bits:
        expression: FilterExpression = parser.compile_filter(bit)
        if expression.is_var or expression.filters or not isinstance(expression.var, str):
            return
        yield str(expression.var)


def _refuse_fragment_cache(parser: Parser, what: str) -> None:
    """`{% cache %}` keeps what the first visitor saw for everybody."""
    if any(command == "cache" for command, _ in parser.command_stack):
        raise template.TemplateSyntaxError(
            f"{what} cannot stand inside {{% cache %}}, which would show everybody what one "
            "visitor saw. Put the {% cache %} inside, or around what is the same for all."
        )


@register.simple_tag(takes_context=True)
def in_segment(context: RequestContext, slug: str) -> bool:
    """`{% in_segment "slug" as flag %}`: whether the visitor is in the segment now."""
    decision = decide(request_of(context), f"in_segment:{slug}", [Candidate((slug,), slug)])
    return decision is not None and decision.candidate is not None


_compile_in_segment: Callable[[Parser, Token], Node] = register.tags["in_segment"]


@register.tag("in_segment")
def _in_segment(parser: Parser, token: Token) -> Node:
    _refuse_fragment_cache(parser, "in_segment")
    return _compile_in_segment(parser, token)


@register.simple_tag(takes_context=True)
def personalization_tracker(context: RequestContext, nonce: str = "") -> SafeString:
    """The script element of the tracker: the same for every visitor but those logged in."""
    token = page_token(request_of(context))
    return format_html(
        '<script id="personalization-tracker" src="{}" defer{} data-endpoint="{}" data-key="{}" '
        'data-consent-cookie="{}" data-policy="{}"{}></script>',
        static("personalization/tracker.js"),
        _nonce_attribute(context, nonce),
        reverse("personalization:segment-batch"),
        settings.TRACKER_KEY,
        settings.CONSENT_COOKIE,
        settings.POLICY_VERSION,
        format_html(' data-user="{}"', token) if token else "",
    )


_compile_tracker: Callable[[Parser, Token], Node] = register.tags["personalization_tracker"]


@register.tag("personalization_tracker")
def _personalization_tracker(parser: Parser, token: Token) -> Node:
    _refuse_fragment_cache(parser, "personalization_tracker")
    return _compile_tracker(parser, token)


@register.inclusion_tag("personalization/consent_banner.html", takes_context=True)
def consent_banner(context: RequestContext, nonce: str = "") -> dict[str, Any]:
    """The banner that asks for consent. A script shows it to those who were not asked yet."""
    request: HttpRequest | None = request_of(context)
    return {
        "purposes": purpose_texts(frozenset()),
        "cookie": settings.CONSENT_COOKIE,
        "policy": settings.POLICY_VERSION,
        "next": request.get_full_path() if request else "/",
        "nonce_attribute": _nonce_attribute(context, nonce),
    }


def _nonce_attribute(context: RequestContext, nonce: str) -> SafeString:
    """Return ` nonce="…"` from the tag, django-csp or Django's own CSP, if there is one."""
    request = request_of(context)
    found = nonce or context.get("csp_nonce") or getattr(request, "csp_nonce", "")
    return format_html(' nonce="{}"', found) if found else SafeString("")
