"""The slots of the shop's pages, and the variations that come from the admin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SlotSeed:
    slug: str
    name: str
    description: str
    trigger: str = ""
    presentation: str = "place"
    cap_daily: int | None = None


@dataclass(frozen=True, kw_only=True)
class VariationSeed:
    slot: str
    segment: str
    name: str
    priority: int
    content: str


SLOTS = (
    SlotSeed(
        "hero",
        "Hero",
        "The large picture at the top of the home page. The template holds the default and "
        "the variations for cart abandoners, loyal customers and bargain hunters.",
    ),
    SlotSeed("home-strip", "Strip", "The narrow line above the header of the home page."),
    SlotSeed("category-banner", "Category banner", "Above the products of a category."),
    SlotSeed("product-offer", "Offer", "Under the button “Add to cart” of a product."),
    SlotSeed("cart-nudge", "Cart nudge", "Beside the total of the cart."),
    SlotSeed(
        "article-footer",
        "End of an article",
        "Below each article of the journal. Filled after the page, which is the same for all.",
    ),
    SlotSeed(
        "before-you-go",
        "Before you go",
        "A dialog on the page of a product, when the pointer leaves for the tabs.",
        trigger="exit_intent",
        presentation="dialog",
        cap_daily=1,
    ),
)


def hero(
    slug: str, *, scene: str, kicker: str, title: str, text: str, link: tuple[str, str]
) -> str:
    """Return the markup of a hero, as a site owner would paste it into the admin."""
    address, label = link
    return f"""\
<div class="hero" data-hero="{slug}">
  <img src="/static/shop/scenes/{scene}.svg" alt="" width="1600" height="700">
  <div class="hero-text">
    <p class="kicker">{kicker}</p>
    <h1>{title}</h1>
    <p>{text}</p>
    <p class="actions"><a class="button" href="{address}">{label}</a></p>
  </div>
</div>"""


VARIATIONS = (
    VariationSeed(
        slot="hero",
        segment="missed",
        name="Good to see you again",
        priority=20,
        content=hero(
            "missed",
            scene="autumn",
            kicker="Good to see you again",
            title="The kettle is still on",
            text="Send us the boots you bought: a new sole before the winter is on us.",
            link=("/journal/wax-wash-mend/", "What we can mend"),
        ),
    ),
    VariationSeed(
        slot="home-strip",
        segment="cart-abandoners",
        name="Free delivery today",
        priority=10,
        content='<p>Your cart is waiting: <a href="/cart/">free delivery if you order today</a>.</p>',
    ),
    VariationSeed(
        slot="home-strip",
        segment="loyal-customers",
        name="A thank-you",
        priority=20,
        content="<p>Thank you for coming back. Wool is mended free, for ever, whoever sold it.</p>",
    ),
    VariationSeed(
        slot="home-strip",
        segment="high-engagement",
        name="Ask us",
        priority=30,
        content="<p>Looked at everything twice? Ask us: there are people behind this counter.</p>",
    ),
    # It means well and does harm: what is planted for the experiments to find (`crowd`).
    VariationSeed(
        slot="home-strip",
        segment="browsers",
        name="Only today",
        priority=40,
        content="<p><strong>Last chance!</strong> What you looked at may be gone tomorrow. Order "
        "within the hour, before somebody else does.</p>",
    ),
    VariationSeed(
        slot="product-offer",
        segment="loyal-customers",
        name="Engraving",
        priority=20,
        content="<p><strong>For you:</strong> initials on the label, at no charge. Tell us at "
        "the checkout.</p>",
    ),
    VariationSeed(
        slot="product-offer",
        segment="looking-for-shoes",
        name="Sizes",
        priority=30,
        content="<p><strong>Between two sizes?</strong> Take the larger one and "
        '<a href="/journal/how-to-break-in-a-boot/">read this first</a>.</p>',
    ),
    VariationSeed(
        slot="cart-nudge",
        segment="loyal-customers",
        name="Free delivery for regulars",
        priority=10,
        content="<p>Delivery is on us, as always for people who come back.</p>",
    ),
    VariationSeed(
        slot="before-you-go",
        segment="browsers",
        name="Take your time",
        priority=10,
        content="<h2>Take your time</h2>\n<p>Whatever you choose, you have a hundred days to walk in "
        "it and send it back. We pay the way.</p>\n"
        '<p><a class="button" href="/journal/how-to-break-in-a-boot/">Is it the right size?</a></p>',
    ),
    VariationSeed(
        slot="article-footer",
        segment="journal-readers",
        name="For readers",
        priority=10,
        content="<p><strong>You have read more than most.</strong> The printed journal comes out "
        "in spring; a copy goes with your next order.</p>",
    ),
)
