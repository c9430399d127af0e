"""The journal: its list and its articles."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from project.shop.models import Article


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "shop/journal.html", {"articles": Article.objects.all()})


@require_safe
def article(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Article, slug=slug)
    context = {
        "article": found,
        "products": found.products.select_related("category"),
        "others": Article.objects.exclude(pk=found.pk)[:2],
    }
    return render(request, "shop/article.html", context)
