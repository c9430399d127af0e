"""From the cart to an order. Nothing is charged and nothing is sent: it is a demo."""

from __future__ import annotations

import secrets

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from project.shop import cart
from project.shop.models import Order, OrderLine

ORDERS_KEY = "orders"
#: The order whose completion the next thank-you page tells the tracker, once.
FRESH_KEY = "fresh_order"


class CheckoutForm(forms.Form):
    name = forms.CharField(max_length=80, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    address = forms.CharField(
        max_length=200,
        label="Street, postcode and town",
        widget=forms.TextInput(attrs={"autocomplete": "street-address"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def checkout(request: HttpRequest) -> HttpResponse:
    contents = cart.read(request)
    if not contents.lines:
        return redirect("shop:cart")
    form = CheckoutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _placed(request, contents, form=form)
    return render(request, "shop/checkout.html", {"cart": contents, "form": form})


@require_safe
@never_cache
def thank_you(request: HttpRequest, number: str) -> HttpResponse:
    """Show an order to whoever placed it; nobody else may guess their way here."""
    if not cart.has_session(request) or number not in request.session.get(ORDERS_KEY, []):
        raise Http404("No order of yours has this number.")
    order = get_object_or_404(Order.objects.prefetch_related("lines__product"), number=number)
    # A reload must not report the order a second time.
    fresh = request.session.get(FRESH_KEY) == number
    if fresh:
        del request.session[FRESH_KEY]
    return render(request, "shop/thank_you.html", {"order": order, "fresh": fresh})


def _placed(request: HttpRequest, contents: cart.Cart, *, form: CheckoutForm) -> HttpResponse:
    with transaction.atomic():
        order = Order.objects.create(
            number=f"LF-{secrets.token_hex(4)}",
            delivery=contents.delivery,
            total=contents.total,
            **form.cleaned_data,
        )
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order,
                product=line.product,
                size=line.size,
                price=line.product.price,
                quantity=line.quantity,
            )
            for line in contents.lines
        )
    cart.empty(request)
    request.session[ORDERS_KEY] = [*request.session.get(ORDERS_KEY, []), order.number]
    request.session[FRESH_KEY] = order.number
    response = redirect("shop:thank-you", number=order.number)
    cart.remember_count(response, count=0)
    return response
