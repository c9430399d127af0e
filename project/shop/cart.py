"""The cart: product keys and quantities in Django's session.

The session is opened only for visitors who have one or put something into the cart,
so that looking around sets no cookie and leaves the pages cacheable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from project.shop.models import Product

SESSION_KEY = "cart"
#: Readable by the shop's script, which shows the number in the header: no page
#: needs to be rendered anew for it.
COUNT_COOKIE = "cart_count"
MOST_OF_ONE = 20
FREE_DELIVERY_FROM = Decimal(60)
DELIVERY = Decimal("4.90")


@dataclass(frozen=True)
class Line:
    product: Product
    size: str
    quantity: int

    @property
    def key(self) -> str:
        return line_key(self.product, size=self.size)

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity


@dataclass(frozen=True)
class Cart:
    lines: tuple[Line, ...] = ()

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def delivery(self) -> Decimal:
        free = not self.lines or self.subtotal >= FREE_DELIVERY_FROM
        return Decimal(0) if free else DELIVERY

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.delivery

    @property
    def short_of_free_delivery(self) -> Decimal:
        return max(FREE_DELIVERY_FROM - self.subtotal, Decimal(0))


def line_key(product: Product, *, size: str) -> str:
    return f"{product.pk}:{size}"


def has_session(request: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in request.COOKIES


def quantities(request: HttpRequest) -> dict[str, int]:
    """Return the quantities by line key; opens the session only where there is one."""
    stored = request.session.get(SESSION_KEY) if has_session(request) else None
    return dict(stored) if isinstance(stored, Mapping) else {}


def read(request: HttpRequest) -> Cart:
    """Return the visitor's cart without the products that are no longer sold."""
    stored = quantities(request)
    ids = {int(key.partition(":")[0]) for key in stored}
    products = Product.objects.select_related("category").in_bulk(ids) if ids else {}
    lines = (
        Line(products[int(pk)], size, quantity)
        for key, quantity in stored.items()
        for pk, _, size in [key.partition(":")]
        if int(pk) in products
    )
    return Cart(tuple(lines))


def change(request: HttpRequest, *, key: str, by: int) -> int:
    """Add `by` of a line (or take it away); return how many pieces the cart holds then."""
    stored = quantities(request)
    quantity = min(max(stored.pop(key, 0) + by, 0), MOST_OF_ONE)
    if quantity:
        stored[key] = quantity
    request.session[SESSION_KEY] = stored
    return sum(stored.values())


def empty(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)


def remember_count(response: HttpResponse, *, count: int) -> None:
    """Tell the page's script how many pieces the cart holds."""
    if count:
        response.set_cookie(COUNT_COOKIE, str(count), samesite="Lax")
    else:
        response.delete_cookie(COUNT_COOKIE, samesite="Lax")
