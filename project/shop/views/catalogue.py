"""The shelves: home, category, product, search."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from project.shop.models import Article, Category, Product

ORDERS = {
    "": ("Our order", ("position",)),
    "price": ("Price, low to high", ("price", "position")),
    "-price": ("Price, high to low", ("-price", "position")),
}
LONGEST_QUERY = 80


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "categories": Category.objects.all(),
        "featured": Product.objects.filter(featured=True).select_related("category"),
        "offers": _offers()[:4],
        "articles": Article.objects.all()[:3],
    }
    return render(request, "shop/home.html", context)


@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Category, slug=slug)
    order = request.GET.get("sort", "")
    if order not in ORDERS:
        order = ""
    context = {
        "category": found,
        "products": found.products.select_related("category").order_by(*ORDERS[order][1]),
        "order": order,
        "orders": [(value, label) for value, (label, _) in ORDERS.items()],
    }
    return render(request, "shop/category.html", context)


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Product.objects.select_related("category"), slug=slug)
    context = {
        "product": found,
        "usual_size": found.sizes[len(found.sizes) // 2] if found.sizes else "",
        "related": found.category.products.select_related("category").exclude(pk=found.pk)[:4],
        "articles": found.articles.all()[:2],
    }
    return render(request, "shop/product.html", context)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    query = " ".join(request.GET.get("q", "").replace("\0", "").split())[:LONGEST_QUERY]
    context: dict[str, Any] = {
        "query": query,
        "products": _matching(query) if query else Product.objects.none(),
        "searched": {"query": query},
    }
    return render(request, "shop/search.html", context)


def _matching(query: str) -> QuerySet[Product]:
    """Return the products that hold every word of `query` somewhere."""
    products = Product.objects.select_related("category")
    for word in query.split():
        products = products.filter(
            Q(name__icontains=word)
            | Q(summary__icontains=word)
            | Q(description__icontains=word)
            | Q(category__name__icontains=word)
        )
    return products


def _offers() -> QuerySet[Product]:
    return Product.objects.filter(was_price__isnull=False).select_related("category")
