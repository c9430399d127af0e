"""The cart's page, and the two forms that change it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from project.shop import cart
from project.shop.models import Product


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    context = {"cart": cart.read(request), "free_from": cart.FREE_DELIVERY_FROM}
    return render(request, "shop/cart.html", context)


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Put one piece into the cart and show the cart, the new line marked."""
    product = get_object_or_404(Product, slug=request.POST.get("product", ""))
    size = request.POST.get("size", "")
    if size not in (product.sizes or [""]):
        raise Http404("There is no such size.")
    key = cart.line_key(product, size=size)
    return _changed(request, key=key, by=1, at=f"#line-{product.pk}-{size}")


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Take one piece of a line away, or with `all` the whole line."""
    key = request.POST.get("line", "")
    if key not in cart.quantities(request):
        return redirect("shop:cart")
    by = -cart.MOST_OF_ONE if "all" in request.POST else -1
    return _changed(request, key=key, by=by)


def _changed(request: HttpRequest, *, key: str, by: int, at: str = "") -> HttpResponse:
    count = cart.change(request, key=key, by=by)
    response = redirect(reverse("shop:cart") + at)
    cart.remember_count(response, count=count)
    return response
