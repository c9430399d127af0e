from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from personalization.events.models import Source
from project.shop.playback import SEED, VISITORS, Cast, play, unfinished_run
from project.shop.post import PostError
from project.shop.progress import Progress


class Command(BaseCommand):
    help = (
        "Send simulated visitors of the last 60 days to a running site, through its ingest API. "
        "The same seed makes the same people, and nobody comes twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000/p/v1/batch")
        parser.add_argument("--visitors", type=int, default=VISITORS)
        parser.add_argument("--seed", type=int, default=SEED)
        parser.add_argument(
            "--cast",
            choices=Cast.values,
            default=Cast.PERSONAS.value,
            help="Personas, each of whom ends up in the segment of that name; a crowd whose orders "
            "depend on what they are shown; or people of planted kinds, tastes and chances to "
            "order, for models to find.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run = unfinished_run(
            seed=options["seed"], visitors=options["visitors"], cast=Cast(options["cast"])
        )
        if run is None:
            self.stdout.write("These visitors have been here already; choose another --seed.")
            return
        bar = Progress("Simulating visitors", total=run.visitors, out=self.stdout)
        try:
            sent = play(run, url=options["url"], progress=bar.show)
        except Source.DoesNotExist:
            raise CommandError("There is no simulator yet: run seed_demo first.") from None
        except PostError as error:
            raise CommandError(str(error)) from error
        finally:
            bar.finish()
        self.stdout.write(f"{sent} events of {run.visitors} visitors sent.")
