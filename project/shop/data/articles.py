"""The journal: five articles, their paragraphs parted by empty lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ArticleSeed:
    slug: str
    title: str
    lede: str
    topic: str
    scene: str
    minutes: int
    published_on: str
    products: tuple[str, ...]
    body: str


ARTICLES = (
    ArticleSeed(
        slug="how-to-break-in-a-boot",
        title="How to break in a boot without breaking your heel",
        lede="A good boot is stiff for a reason. Three short walks, two pairs of socks and "
        "one evening by the radio are all the kindness it asks for.",
        topic="Care",
        scene="autumn",
        minutes=4,
        published_on="2026-10-28",
        products=("ridgeway-boot", "walking-socks", "coldwater-winter-boot"),
        body="""\
Every spring somebody writes to us from a hostel, usually on the second evening of a long \
path, with a photograph of a heel. The boots are new, the path is famous, and the plan was \
to let the one wear in the other. Please do not.

Leather is a memory. It is stiff when it leaves the last because the last has no ankle; \
yours has, and the leather must be told where it is. That takes about ten hours, and it \
does not matter much how you divide them, as long as you do not spend them all at once.

## Start indoors

Wear the socks you will walk in. Lace the boot from the toe, snug over the instep and looser \
at the top, and do the washing-up. If something pinches after twenty minutes, take it off, \
and be glad that you are at home. Should it pinch in the same place three evenings running, \
send the boots back: that is a wrong shape and no amount of patience will cure it.

## Then go round the block

Three walks of an hour each, on a pavement and then on a path. Take a thin pair of socks \
under the thick ones for the first. Heat is the warning and comes ten minutes before the \
blister does; stop, loosen the lace, and put tape on the warm place. Nobody has ever regretted \
the minute.

## And wax last

Wax softens leather. Waxing a new boot on its first evening feels like care and is in fact a \
short-cut, which the leather repays by stretching where it should not. Wait until it has taken \
your shape. Then warm the wax in your hands, rub it into the seams, and leave the boots by the \
radio, not by the stove.""",
    ),
    ArticleSeed(
        slug="a-weekend-with-one-pack",
        title="A weekend with one pack",
        lede="Two nights, one bag, no checklist. What we carry when we want to be back at "
        "the desk on Monday with mud on both shoes.",
        topic="Trips",
        scene="day",
        minutes=5,
        published_on="2026-10-12",
        products=("cairn-22-daypack", "larch-tent", "ember-stove", "merino-base-tee"),
        body="""\
The train leaves at ten past five on Friday, and the trick is to be on it. A weekend is lost \
in the hour after work, between the door and the wardrobe, over the question whether it might \
turn cold. It might. Pack on Thursday.

We have settled on one rule: everything that goes in must be wanted twice. A jumper is a \
pillow. A mug is a saucepan for one. The map is a windbreak for the stove and, on Sunday \
morning, something to read.

## What stays in the bag all year

A lamp, a knife, a box of matches in a jam jar, the small notebook, ten metres of thin cord, \
plasters. It weighs as much as a loaf and saves the half-hour in which one looks for the lamp.

## What goes in on Thursday

Two pairs of socks, one to wear and one to dry. A thin woollen shirt, which will be worn all \
weekend and which nobody will mention. The waterproof, on top, because it will rain while you \
are looking for it. Bread, cheese, apples, coffee; the village shop does the rest, and needs \
you to.

## What stays at home

The second book. The spare trousers. The chair that packs so small. You will sit on a wall, as \
people have for as long as there have been walls, and you will see more from it.""",
    ),
    ArticleSeed(
        slug="the-mill-at-the-end-of-the-lane",
        title="The mill at the end of the lane",
        lede="Our blankets come from fourteen people, six looms from 1954 and one cat. We "
        "went to ask how they do it, and were given tea.",
        topic="Makers",
        scene="dusk",
        minutes=6,
        published_on="2026-09-30",
        products=("lochside-blanket", "lambswool-crew", "fireside-cushion"),
        body="""\
You hear the mill before you see it. The lane bends twice, drops to the water, and there is a \
sound like rain on a tin roof that does not stop when you look up. That, says Morag, is number \
four. Number four is always a bit ahead of the others.

Morag is the third of her family to run the looms and the first to have studied something \
else. She came home for a summer to help with the invoices. That was nineteen years ago. "The \
invoices," she says, "are still not done."

## Slow on purpose

A modern loom would weave our blanket in eight minutes. These take forty. The difference is \
tension: an old loom pulls gently, the yarn keeps its bend, and the bend is what holds warm \
air. You can feel it with your eyes shut, and she makes you try.

The wool comes over two hills by lorry and from there by nothing at all, since it was dyed \
already in the fleece. Grey is a grey sheep. Only the plum of the Lochside stripe is a dye, \
and its recipe is written inside the lid of a biscuit tin.

## Spare parts

There are no spare parts to be bought for a loom from 1954, and so the mill owns three more \
looms than it uses. They stand in the back, with labels tied to what is still good. "Organ \
donors," says Morag. The cat sleeps on the second one, where the sun comes in at eleven.""",
    ),
    ArticleSeed(
        slug="wax-wash-mend",
        title="Wax, wash, mend: an evening for the things you own",
        lede="The cheapest jacket is the one you already have. A kitchen table, an old "
        "towel and a little method give most of them another ten years.",
        topic="Care",
        scene="dusk",
        minutes=4,
        published_on="2026-09-15",
        products=("drover-waxed-jacket", "squall-rain-shell", "walkers-notebook"),
        body="""\
We sell new jackets, and would like to sell you fewer of them. What follows takes one evening \
in the autumn, and we have put it in the order in which the kitchen is least annoyed.

## Wash the waterproof

Waterproofs stop working because they are dirty, and they are dirty because nobody dares to \
wash them. Thirty degrees, liquid soap without softener, twice through the rinse. Then forty \
minutes of gentle heat in the dryer: it is the heat that wakes the coating up. Flick water at \
the shoulder. If it beads, you are done and have saved two hundred pounds.

## Wax the waxed

Brush the dirt off dry. Stand the tin in hot water until the wax is soft as butter, work it in \
with an old sponge, seams first, and go over it with a hair dryer until the dull patches \
disappear. Hang the coat somewhere warm where nobody will brush past it in good clothes.

## Mend the wool

A hole the size of a lentil is a two-minute matter and, left for a month, a new jumper. Use \
yarn in the wrong colour and be proud of it. If you cannot darn, we can: post the jumper to us \
with a note, and it comes back before you have missed it. That is free, and always has been.""",
    ),
    ArticleSeed(
        slug="reading-the-weather",
        title="Reading the weather with your own two eyes",
        lede="The forecast is for the county; the weather is for you. Six signs that still "
        "work when the telephone does not.",
        topic="Skills",
        scene="day",
        minutes=5,
        published_on="2026-08-29",
        products=("squall-rain-shell", "squall-anorak", "field-lantern"),
        body="""\
A forecast is made for a square of several kilometres, and the hill you are standing on is the \
reason why it is wrong. It is still the first thing to look at. These are the second.

## Look to the wind

Stand with your back to the wind near the ground, then look at the clouds. If the high ones \
come from your left, the weather is getting worse; from your right, and it mends. It works in \
the northern half of the world, more often than not, and it costs nothing.

## Watch the edges

A sun with a ring around it has ice in front of it, and ice that high arrives a day before the \
rain below. A cloud that sits on a summit like a cap while others move past is not resting: it \
is being made there, by wind, and on the summit you would be holding on.

## Listen

Sound carries further under a lid of warm air. When the village sounds near in the morning, \
its bells and dogs quite clear, the day will often turn. And the smell before rain is real: \
it is the ground, which the falling pressure lets breathe out.

## Then believe it

All of this is easy. The hard part is to turn round, at half past two, with the summit in \
sight and a sandwich uneaten. We keep a list at the shop of the people who did. It is long, \
and everybody on it is well.""",
    ),
)
