from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from project.shop.models import Article, Category, Order, OrderLine, Product

if TYPE_CHECKING:  # generic for the type checker only
    ShopAdmin = admin.ModelAdmin[Any]
    ShopInline = admin.TabularInline[Any, Any]
else:
    ShopAdmin = admin.ModelAdmin
    ShopInline = admin.TabularInline


@admin.register(Category)
class CategoryAdmin(ShopAdmin):
    list_display = ["name", "tagline", "position"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Product)
class ProductAdmin(ShopAdmin):
    list_display = ["name", "category", "sku", "price", "was_price", "featured"]
    list_filter = ["category", "featured"]
    list_select_related = ["category"]
    search_fields = ["name", "sku"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Article)
class ArticleAdmin(ShopAdmin):
    list_display = ["title", "topic", "published_on"]
    list_filter = ["topic"]
    search_fields = ["title", "body"]
    prepopulated_fields = {"slug": ["title"]}
    filter_horizontal = ["products"]


class OrderLineInline(ShopInline):
    model = OrderLine
    extra = 0
    autocomplete_fields = ["product"]


@admin.register(Order)
class OrderAdmin(ShopAdmin):
    list_display = ["number", "name", "total", "created_at"]
    date_hierarchy = "created_at"
    inlines = [OrderLineInline]
