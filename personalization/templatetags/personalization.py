"""`{% load personalization %}`: the tags of template authors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.base import FilterExpression, Node, NodeList, Parser, Token
from django.template.context import Context, RequestContext
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from personalization.conf import settings
from personalization.delivery.block import PersonalizedBlock, is_inert, request_of
from personalization.delivery.candidates import candidate_of
from personalization.delivery.deferred import slots_elements
from personalization.delivery.options import Options, read_options, refuse_odd
from personalization.delivery.places import FLAG
from personalization.delivery.published import Candidate
from personalization.delivery.recommendations import INLINE, USUAL, List, list_in, wanted_of
from personalization.delivery.render import DEFERRED, MODES, decide, usual_mode
from personalization.delivery.tracker_script import tracker_script
from personalization.delivery.visitor import visitor_of
from personalization.privacy.regions import may_presume
from personalization.privacy.texts import texts_of

register = template.Library()

TAG, VARIANT, END = "personalized_block", "variant", "endpersonalized_block"


@register.tag(TAG)
def personalized_block(parser: Parser, token: Token) -> PersonalizedBlock:
    """`{% personalized_block "slot" %}default{% variant "segment" %}…{% endpersonalized_block %}`"""
    slot, options = _read_block(parser, token)
    if options.mode != DEFERRED:  # which is the same for everybody
        _refuse_fragment_cache(parser, f"{TAG} “{slot}”")
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
        candidate = candidate_of(segments, number=len(variants))
        variants.append((candidate, parser.parse((VARIANT, END))))
        token = parser.next_token()
    return PersonalizedBlock(slot, default, variants, options)


def _read_block(parser: Parser, token: Token) -> tuple[str, Options]:
    """Read `"slot"` and what the tag says besides."""
    name, *bits = token.split_contents()
    slugs = list(_read_literals(parser, bits[:1]))
    try:
        refuse_odd(slugs, tag=name)
        if len(slugs) == 1:
            return slugs[0], read_options(bits[1:], tag=name)
        read_options(bits or [""], tag=name)  # which a slot is to come before
    except ValueError as error:
        raise template.TemplateSyntaxError(str(error)) from None
    raise template.TemplateSyntaxError(
        f'{name} takes one quoted slug first, as in {{% {name} "my-slot" %}}; '
        f"got {' '.join(bits)!r}."
    )


def _literals(parser: Parser, token: Token) -> list[str]:
    name, *bits = token.split_contents()
    found = list(_read_literals(parser, bits))
    if not found or len(found) != len(bits):
        raise template.TemplateSyntaxError(
            f'{name} takes quoted slugs, as in {{% {name} "my-slug" %}}; got {" ".join(bits)!r}.'
        )
    try:
        refuse_odd(found, tag=name)
    except ValueError as error:
        raise template.TemplateSyntaxError(str(error)) from None
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
    decision = decide(request_of(context), f"{FLAG}{slug}", [Candidate((slug,), slug)])
    return decision is not None and decision.candidate is not None


_compile_in_segment: Callable[[Parser, Token], Node] = register.tags["in_segment"]


@register.tag("in_segment")
def _in_segment(parser: Parser, token: Token) -> Node:
    _refuse_fragment_cache(parser, "in_segment")
    return _compile_in_segment(parser, token)


@register.simple_tag(takes_context=True)
def recommend(
    context: RequestContext, place: str, *, limit: int = USUAL, item: object = "", mode: str = ""
) -> List:
    """`{% recommend "place" limit=6 as items %}`: what is recommended there, in order.

    `item` is the key of what the page is about. Without `as …` the list is shown as HTML.
    """
    request = request_of(context)
    mode = DEFERRED if is_inert() else mode or usual_mode(request)
    try:
        wanted = wanted_of(place, n=limit, item="" if item is None else item, mode=mode)
    except ValueError as error:
        raise template.TemplateSyntaxError(f"recommend: {error}") from None
    return list_in(request, wanted)


_compile_recommend: Callable[[Parser, Token], Node] = register.tags["recommend"]
#: With these words the list is the same for everybody.
_FOR_ALL = {f"mode={quote}{mode}{quote}" for mode in MODES if mode != INLINE for quote in "'\""}


@register.tag("recommend")
def _recommend(parser: Parser, token: Token) -> Node:
    words = token.split_contents()
    says_mode = any(word.startswith("mode=") for word in words)
    if not _FOR_ALL.intersection(words) and (says_mode or settings.DELIVERY == INLINE):
        _refuse_fragment_cache(parser, "recommend")
    return _Listed(_compile_recommend(parser, token))


class _Listed(Node):
    """`{% recommend … %}`, with or without `as`: a list is HTML, also where nothing is escaped."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def render(self, context: Context) -> SafeString:
        return SafeString(str(self.node.render(context)))  # of a template of its own


@register.simple_tag(takes_context=True)
def personalization_tracker(
    context: RequestContext, nonce: str = "", *, bridge: str = "", signals: str = ""
) -> SafeString:
    """The script element of the tracker: the same for every visitor but those logged in."""
    nonce_attribute = _nonce_attribute(context, nonce)
    try:
        return tracker_script(
            request_of(context), nonce_attribute=nonce_attribute, bridge=bridge, signals=signals
        )
    except ValueError as error:
        raise template.TemplateSyntaxError(f"personalization_tracker: {error}") from None


_compile_tracker: Callable[[Parser, Token], Node] = register.tags["personalization_tracker"]


@register.tag("personalization_tracker")
def _personalization_tracker(parser: Parser, token: Token) -> Node:
    _refuse_fragment_cache(parser, "personalization_tracker")
    return _compile_tracker(parser, token)


@register.simple_tag(takes_context=True)
def personalization_slots(context: RequestContext, nonce: str = "") -> SafeString:
    """What fills deferred slots, for the head of a page: the same for every visitor."""
    return slots_elements(_nonce_attribute(context, nonce))


@register.inclusion_tag("personalization/consent_banner.html", takes_context=True)
def consent_banner(
    context: RequestContext, nonce: str = "", consent_mode: bool = False
) -> dict[str, Any]:
    """The banner that asks for consent. A script shows it to those who were not asked yet.

    Staff who look at the page as somebody else are not asked for them. `consent_mode` tells
    Google's tags what was answered.
    """
    request: HttpRequest | None = request_of(context)
    visitor = visitor_of(request)
    texts = texts_of(get_language() or "")
    return {
        "asked": visitor is None or visitor.preview is None,
        "texts": texts,
        "purposes": texts.purposes,
        "policy": texts.version,
        "cookie": settings.CONSENT_COOKIE,
        "signals": settings.SIGNALS,
        "presume": reverse("personalization:consent-presume") if may_presume() else "",
        "consent_mode": consent_mode,
        "next": request.get_full_path() if request else "/",
        "nonce_attribute": _nonce_attribute(context, nonce),
    }


def _nonce_attribute(context: RequestContext, nonce: str) -> SafeString:
    """Return ` nonce="…"` from the tag, django-csp or Django's own CSP, if there is one."""
    request = request_of(context)
    found = nonce or context.get("csp_nonce") or getattr(request, "csp_nonce", "")
    return format_html(' nonce="{}"', found) if found else SafeString("")
