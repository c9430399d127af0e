"""Fill the database with the shop and what personalizes it. Running it again changes nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from io import StringIO

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from personalization.delivery.models import Slot, Variation
from personalization.events.goals import Goal
from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import add_write_key, digest_of
from personalization.experiments.lifecycle import start
from personalization.experiments.models import Arm, Experiment, Measure, Metric
from personalization.management.commands.personalization_groups import EDITORS, PROTECTION
from personalization.ml.training.items import sync_items
from personalization.segments.models import Segment
from project import environment
from project.shop.data.articles import ARTICLES
from project.shop.data.categories import CATEGORIES
from project.shop.data.experiments import EXPERIMENTS, GOALS, METRICS, ArmSeed, ExperimentSeed
from project.shop.data.segments import SEGMENTS
from project.shop.data.shelves import PRODUCTS
from project.shop.data.slots import SLOTS, VARIATIONS
from project.shop.deciding import candidates
from project.shop.models import Article, Category, Product

#: Members of the staff with fewer rights: name → group.
STAFF = {"editor": EDITORS, "privacy": PROTECTION}
ADMIN_NAME = ADMIN_PASSWORD = "admin"  # noqa: S105 - printed on the screen; the demo's door is open
BROWSER_SOURCE = "demo-shop"
SIMULATOR_SOURCE = "simulator"
#: The experiments began before the visitors came that are simulated.
RUNNING_FOR = timedelta(days=61)


@dataclass(frozen=True)
class Seeded:
    """How many rows of each kind stand there afterwards."""

    products: int
    articles: int
    segments: int
    variations: int
    experiments: int


@transaction.atomic
def seed() -> Seeded:
    now = timezone.now()
    seed_shelves()
    seed_journal()
    seed_sources()
    seed_segments()
    seed_slots()
    seed_goals()
    seed_experiments(now=now)
    seed_admin()
    seed_staff()
    sync_items(now=now)
    return Seeded(
        products=Product.objects.count(),
        articles=Article.objects.count(),
        segments=Segment.objects.count(),
        variations=Variation.objects.count(),
        experiments=Experiment.objects.count(),
    )


def seed_shelves() -> None:
    for position, category in enumerate(CATEGORIES):
        values = asdict(category)
        Category.objects.get_or_create(
            slug=values.pop("slug"), defaults={**values, "position": position}
        )
    categories = Category.objects.in_bulk(field_name="slug")
    for position, product in enumerate(PRODUCTS):
        values = asdict(product)
        values["category"] = categories[product.category]
        values["details"], values["sizes"] = list(product.details), list(product.sizes)
        Product.objects.get_or_create(
            slug=values.pop("slug"), defaults={**values, "position": position}
        )


def seed_journal() -> None:
    products = Product.objects.in_bulk(field_name="slug")
    for article in ARTICLES:
        values = asdict(article)
        mentioned = [products[slug] for slug in values.pop("products")]
        values["published_on"] = date.fromisoformat(article.published_on)
        row, created = Article.objects.get_or_create(slug=values.pop("slug"), defaults=values)
        if created:
            row.products.set(mentioned)


def seed_sources() -> None:
    shop, _ = Source.objects.get_or_create(
        slug=BROWSER_SOURCE, defaults={"name": "Demo shop", "kind": Source.Kind.BROWSER}
    )
    if not WriteKey.objects.filter(digest=digest_of(environment.TRACKER_KEY)).exists():
        add_write_key(shop, key=environment.TRACKER_KEY)
    # It gets a key whenever visitors are played, and for no longer.
    Source.objects.get_or_create(
        slug=SIMULATOR_SOURCE, defaults={"name": "Simulator", "kind": Source.Kind.SERVER}
    )


def seed_segments() -> None:
    """Create the segments that are missing; those a site owner has edited stay as they are."""
    for segment in SEGMENTS:
        values = asdict(segment)
        Segment.objects.get_or_create(slug=values.pop("slug"), defaults=values)


def seed_slots() -> None:
    for slot in SLOTS:
        values = asdict(slot)
        Slot.objects.get_or_create(slug=values.pop("slug"), defaults=values)
    slots = Slot.objects.in_bulk(field_name="slug")
    segments = Segment.objects.in_bulk(field_name="slug")
    for variation in VARIATIONS:
        Variation.objects.get_or_create(
            slot=slots[variation.slot],
            segment=segments[variation.segment],
            name=variation.name,
            defaults={"content": variation.content, "priority": variation.priority},
        )


def seed_goals() -> None:
    """Create what counts as success, and the metrics that are made of it."""
    for goal in GOALS:
        values = asdict(goal)
        Goal.objects.get_or_create(slug=values.pop("slug"), defaults=values)
    goals = Goal.objects.in_bulk(field_name="slug")
    for metric in METRICS:
        values = {**asdict(metric), "goal": goals[metric.goal]}
        Metric.objects.get_or_create(slug=values.pop("slug"), defaults=values)


def seed_experiments(*, now: datetime) -> None:
    """Create the experiments that are missing, and start them: as if it had been long ago."""
    for seeded in EXPERIMENTS:
        experiment, created = Experiment.objects.get_or_create(
            slug=seeded.slug,
            defaults={
                "name": seeded.name,
                "hypothesis": seeded.hypothesis,
                "place": seeded.place,
                "created_at": now - RUNNING_FOR,
            },
        )
        if created:
            _furnish(experiment, seeded)
            start(experiment, now=now - RUNNING_FOR)


def _furnish(experiment: Experiment, seeded: ExperimentSeed) -> None:
    """Give an experiment its arms, all alike in size, and what it is judged by."""
    for position, arm in enumerate(seeded.arms):
        Arm.objects.create(
            experiment=experiment,
            key=arm.key,
            name=arm.name,
            position=position,
            weight=1 / len(seeded.arms),
            content=_content(arm, place=seeded.place),
        )
    metrics = Metric.objects.in_bulk(field_name="slug")
    for metric, role in seeded.measures:
        Measure.objects.create(experiment=experiment, metric=metrics[metric], role=role)


def _content(arm: ArmSeed, *, place: str) -> str:
    """Return the key of what the template of a slot has for the segment of an arm."""
    found = (one.key for one in candidates()[place] if arm.segment in one.segments)
    return next(found) if arm.segment else ""


def seed_admin() -> None:
    users = get_user_model()
    if not users.objects.filter(username=ADMIN_NAME).exists():
        users.objects.create_superuser(ADMIN_NAME, "admin@example.org", ADMIN_PASSWORD)


def seed_staff() -> None:
    """Make somebody in each of the groups that sites begin with; like the admin, their names
    are their passwords."""
    call_command("personalization_groups", verbosity=0, stdout=StringIO())
    users = get_user_model()
    for name, group in STAFF.items():
        if not users.objects.filter(username=name).exists():
            user = users.objects.create_user(name, password=name, is_staff=True)
            user.groups.add(Group.objects.get(name=group))
