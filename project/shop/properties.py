"""The properties of the shop's events, named as in the Segment e-commerce spec."""

from __future__ import annotations

from typing import Any

from project.shop.cart import Cart, Line
from project.shop.models import Article, Category, Order, Product

CURRENCY = "EUR"


def of_product(product: Product, *, quantity: int = 1) -> dict[str, Any]:
    return {
        "product_id": product.slug,
        "sku": product.sku,
        "name": product.name,
        "category": product.category.slug,
        "price": float(product.price),
        "discount": product.discount,
        "quantity": quantity,
        "currency": CURRENCY,
    }


def of_line(line: Line) -> dict[str, Any]:
    return of_product(line.product, quantity=line.quantity)


def of_cart(cart: Cart) -> dict[str, Any]:
    return {
        "value": float(cart.total),
        "currency": CURRENCY,
        "products": [of_line(line) for line in cart.lines],
    }


def of_order(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.number,
        "total": float(order.total),
        "shipping": float(order.delivery),
        "currency": CURRENCY,
        "products": [
            of_product(line.product, quantity=line.quantity)
            for line in order.lines.select_related("product__category")
        ],
    }


def of_category(category: Category) -> dict[str, Any]:
    return {"category": category.slug}


def of_article(article: Article) -> dict[str, Any]:
    return {"article_id": article.slug, "title": article.title, "topic": article.topic}
