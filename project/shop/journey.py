"""One simulated visitor on the way through the shop, writing down events as it goes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from personalization.delivery.choose import Decision
from project.shop.deciding import exposure_of

Json = dict[str, Any]

SITE = "http://shop.example"
#: What a visitor answers to the banner, told with the first thing they do.
AGREED: Json = {
    "categoryPreferences": {"analytics": True, "personalization": True, "marketing": True}
}


def moment(event: Json) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


@dataclass(frozen=True)
class Shelves:
    """What there is to look at: the properties of products and articles."""

    products: Sequence[Json]
    articles: Sequence[Json]

    @property
    def offers(self) -> list[Json]:
        return [product for product in self.products if product["discount"] >= 20]

    @property
    def categories(self) -> list[str]:
        return sorted({product["category"] for product in self.products})


class Looking(Protocol):
    """Who decides what a visitor is shown, by all that they did before."""

    def did(self, event: Json) -> None: ...

    def sees(self, path: str, *, at: datetime) -> list[Decision]: ...


@dataclass
class Journey:
    """The clock, the identity and the notes of a visitor.

    `seen` is what the slots showed when they were last in sight. Without a `site`, nothing is
    decided and nothing shown.
    """

    id: str
    rng: random.Random
    shelves: Shelves
    at: datetime
    user_id: str | None = None
    events: list[Json] = field(default_factory=list)
    came_from: str = ""
    cart: list[Json] = field(default_factory=list)
    site: Looking | None = None
    seen: dict[str, Decision] = field(default_factory=dict)

    def start(self, at: datetime, *, referrer: str = "") -> None:
        """Begin a visit."""
        self.at = at
        self.came_from = referrer

    def wait(self, low: int, high: int) -> int:
        """Let time pass; return the seconds."""
        seconds = self.rng.randint(low, high)
        self.at += timedelta(seconds=seconds)
        return seconds

    def page(self, path: str, title: str) -> None:
        shown = self.site.sees(path, at=self.at) if self.site else []
        page = {"path": path, "url": SITE + path, "title": title, "referrer": self.came_from}
        self._note({"type": "page", "properties": page, "context": {"page": page}})
        for decision in shown:
            self._show(decision, {"path": path, "url": SITE + path})
        self.came_from = SITE + path
        self.at += timedelta(seconds=1)

    def track(self, event: str, properties: Json) -> None:
        self._note({"type": "track", "event": event, "properties": properties})
        self.at += timedelta(seconds=1)

    def identify(self, user_id: str, traits: Json) -> None:
        self.user_id = user_id
        self._note({"type": "identify", "traits": traits})

    def stay(self, low: int, high: int) -> None:
        """Read for a while, attentively."""
        self.track("Engaged", {"seconds": self.wait(low, high)})

    def _show(self, decision: Decision, page: Json) -> None:
        """Note what a slot shows, where the site would."""
        self.seen[decision.slot] = decision
        if decision.assigned_or_shown:
            name, properties = exposure_of(decision, decision_id=self._next_id)
            event = {"type": "track", "event": name, "properties": properties}
            self._note({**event, "context": {"page": page}})

    @property
    def _next_id(self) -> str:
        return f"{self.id}-{len(self.events)}"

    def _note(self, event: Json) -> None:
        if not self.events:
            event["context"] = {**event.get("context", {}), "consent": AGREED}
        event |= {
            "anonymousId": self.id,
            "messageId": self._next_id,
            "timestamp": self.at.isoformat(),
        }
        if self.user_id is not None:
            event["userId"] = self.user_id
        self.events.append(event)
        if self.site is not None:
            self.site.did(event)

    # -- what one does in a shop ----------------------------------------------------------

    def look_at(self, product: Json) -> None:
        self.page(f"/product/{product['product_id']}/", product["name"])
        self.track("Product Viewed", product)
        self.wait(8, 70)

    def look_through(self, category: str) -> None:
        self.page(f"/category/{category}/", category.title())
        self.track("Product List Viewed", {"category": category})
        self.wait(5, 40)

    def search(self, query: str) -> None:
        self.page(f"/search/?q={query}", "Search")
        self.track("Products Searched", {"query": query})
        self.wait(4, 20)

    def read(self, article: Json) -> None:
        self.page(f"/journal/{article['article_id']}/", article["title"])
        self.track("Article Viewed", article)
        self.track("Scroll Depth Reached", {"percent": self.rng.choice((50, 75, 100))})
        self.stay(70, 260)

    def take(self, product: Json) -> None:
        self.track("Product Added", product)
        self.cart.append(product)
        self.page("/cart/", "Your cart")
        self.track("Cart Viewed", {"value": self._total(), "currency": "EUR"})
        self.wait(5, 60)

    def order(self) -> None:
        self.page("/checkout/", "Checkout")
        self.track("Checkout Started", {"value": self._total(), "currency": "EUR"})
        self.wait(40, 180)
        number = f"{self.id}-{len(self.events)}"
        self.page("/thank-you/", "Thank you")
        self.track(
            "Order Completed",
            {
                "order_id": number,
                "total": self._total(),
                "currency": "EUR",
                "products": list(self.cart),
            },
        )
        self.cart.clear()

    def _total(self) -> float:
        return round(sum(float(product["price"]) for product in self.cart), 2)
