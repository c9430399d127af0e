from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from project.shop import seed


class Command(BaseCommand):
    help = "Fill the database with the demo shop; what is there already stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        seeded = seed.seed()
        self.stdout.write(
            f"{seeded.products} products, {seeded.articles} articles, {seeded.segments} segments, "
            f"{seeded.variations} variations, {seeded.experiments} experiment(s). Admin: {seed.ADMIN_NAME} / {seed.ADMIN_PASSWORD}"
        )
