from __future__ import annotations

import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections
from django.urls import reverse
from django.utils import timezone

from personalization.admin.preview import preview_link
from personalization.conf import settings as personalization
from personalization.events.buffer import buffer
from personalization.hints import REFRESH_EXPERIMENTS, TRAIN_MODELS, hint
from personalization.segments.models import Segment
from project.environment import STATE_DIR
from project.queues import QUEUES, ROUTES
from project.shop import playback, seed
from project.shop.beside import (
    ask_for_models,
    beside_words,
    learn_to_recommend,
    runs_beside,
)
from project.shop.children import ChildDied, Children
from project.shop.models import SimulationRun
from project.shop.post import PostError
from project.shop.progress import Progress

HOST = "127.0.0.1"
#: The worker that trains models, among `workers`.
TRAINING = f"worker of {ROUTES[TRAIN_MODELS]['queue']}"
PATIENCE = 60.0
#: How far the worker may fall behind the simulator. It works through all that waits in one
#: transaction, and while that lasts nobody else can write to SQLite.
MOST_WAITING = 8
#: The same while somebody looks around in the shop, who is not to wait for the crowd.
MOST_WAITING_BESIDE = 2


class Command(BaseCommand):
    help = "Run the demo shop: web server, background worker, simulated history. Ctrl-C ends it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reset", action="store_true", help="Forget everything and start afresh."
        )
        parser.add_argument("--visitors", type=int, default=playback.VISITORS)
        parser.add_argument(
            "--crowd",
            type=int,
            default=playback.CROWD,
            help="How many come besides, by whom experiments and holdouts are judged.",
        )
        parser.add_argument(
            "--planted",
            type=int,
            default=playback.PLANTED,
            help="How many come besides of whom kind, taste and chance to order are planted, for "
            "models to find.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        catch_signals()
        port = read_port(getattr(settings, "DEMO_PORT", "8000"))
        require_free(port)
        folder = prepared_folder(Path(getattr(settings, "STATE_DIR", STATE_DIR)))
        children = Children(folder, {"DJANGO_RUNSERVER_HIDE_WARNING": "true"})
        try:
            self._prepare(folder, reset=options["reset"])
            self._start(children, port=port)
            self._simulate(children, port=port, visitors=options["visitors"])
            beside = runs_beside(crowd=options["crowd"], planted=options["planted"])
            self._tell(port, beside=beside)
            if beside:
                self._play_beside(beside, children, port=port)
            self._start_training(children, anew=bool(beside))
            while True:
                children.check()
                time.sleep(0.5)
        except KeyboardInterrupt:
            self.stdout.write("\nStopping …")
        except (ChildDied, PostError) as error:
            raise CommandError(str(error)) from None
        finally:
            children.stop()
        self.stdout.write("Stopped. The next start goes on from here.")

    def _prepare(self, folder: Path, *, reset: bool) -> None:
        if reset:
            forget_everything(folder)
        self.stdout.write("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        if reset and connection.vendor != "sqlite":
            call_command("flush", verbosity=0)
        seeded = seed.seed()
        self.stdout.write(
            f"{seeded.products} products, {seeded.articles} articles, {seeded.segments} segments."
        )

    def _start(self, children: Children, *, port: int) -> None:
        # A child must not share the connection that this process has open.
        connections.close_all()
        runserver = ["runserver", f"{HOST}:{port}", "--noreload", "--insecure", "--skip-checks"]
        children.start("web server", module="django", arguments=runserver)
        for name, arguments in workers(children.folder).items():
            if name != TRAINING:
                children.start(name, module="celery", arguments=arguments)
        deadline = time.monotonic() + PATIENCE
        while not answers(port):
            children.check()
            if time.monotonic() > deadline:
                raise CommandError(f"The web server does not answer on port {port}.")
            time.sleep(0.1)

    def _simulate(self, children: Children, *, port: int, visitors: int) -> None:
        run = playback.unfinished_run(seed=playback.SEED, visitors=visitors)
        if run is not None:
            bar = Progress("Simulating visitors", total=run.visitors, out=self.stdout)

            def progress(done: int) -> None:
                bar.show(done)
                wait_for_worker(children, at_most=MOST_WAITING)

            playback.play(run, url=batch_url(port), progress=progress)
            bar.finish()
        wait_for_worker(children, at_most=0)

    def _play_beside(self, runs: Sequence[SimulationRun], children: Children, *, port: int) -> None:
        """Play those who are many, while the demo can be looked at already."""

        def progress(done: int) -> None:
            wait_for_worker(children, at_most=MOST_WAITING_BESIDE)

        learn_to_recommend(now=timezone.now())
        for run in runs:
            playback.play(run, url=batch_url(port), progress=progress)
            wait_for_worker(children, at_most=0)
            if run.cast == playback.Cast.CROWD:
                hint(REFRESH_EXPERIMENTS)
                self._say(f"All {run.visitors} have been here. What it earns is worked out now.")

    def _start_training(self, children: Children, *, anew: bool) -> None:
        """Start who trains models: not before all have been here, for groups and chances that are
        learned of half of them are of people who have only just come in."""
        if anew:
            ask_for_models(now=timezone.now())
        connections.close_all()
        children.start(TRAINING, module="celery", arguments=workers(children.folder)[TRAINING])
        if anew:
            hint(TRAIN_MODELS)
            self._say("Models are learned now, of all who have been here.")

    def _say(self, sentence: str) -> None:
        self.stdout.write(f"  {sentence}")
        self.stdout.flush()

    def _tell(self, port: int, *, beside: Sequence[SimulationRun]) -> None:
        site = f"http://{HOST}:{port}"
        segment = Segment.objects.get(slug="cart-abandoners")
        rule = reverse("admin:personalization_segment_change", args=[segment.pk])
        profiles = reverse("admin:personalization_profile_changelist")
        earned = reverse("admin:personalization_experiment_earnings")
        models = reverse("admin:personalization_modelversion_changelist")
        name, password = seed.ADMIN_NAME, seed.ADMIN_PASSWORD
        self.stdout.write(
            f"""
  The shop             {site}/
  The rule behind it   {site}{rule}
  The visitors         {site}{profiles}
  What it earns        {site}{earned}
  What it learned      {site}{models}
  Admin login          {self.style.SUCCESS(f"{name} / {password}")}
  With fewer rights    {", ".join(f"{each} / {each}" for each in seed.STAFF)}

  Put something into the cart, go back to the home page, and look at its hero.
{held_out_words(f"{site}{preview_link('segments', segments=segment.slug)}")}{beside_words(beside)}\
  Ctrl-C stops everything.
"""
        )
        self.stdout.flush()  # into a file, too, it is to be read now


def held_out_words(preview: str) -> str:
    """Return what visitors have to know who see nothing of their own; empty where nobody is."""
    share = 1 - (1 - personalization.HOLDOUT) * (1 - personalization.GLOBAL_HOLDOUT)
    if not share:
        return ""
    return f"""\
  About one visitor in {round(1 / share)} is shown the default there on purpose: else nobody could
  say what the other hero earns. If you are one of them, try a private window, or look at it as
  somebody else: {preview}
"""


def workers(folder: Path) -> dict[str, list[str]]:
    """Return name → arguments of `celery`: a worker of each queue; the first has the clock, too."""
    worker = ["-A", "project", "worker", "-P", "solo"]
    quiet = ["--loglevel", "warning", "--without-gossip", "--without-mingle"]
    others = {f"worker of {queue}": [*worker, *quiet, "-Q", queue] for queue in QUEUES}
    return {"worker": [*worker, *quiet, "-B", "-s", str(folder / "schedule")], **others}


def batch_url(port: int) -> str:
    return f"http://{HOST}:{port}{reverse('personalization:segment-batch')}"


def wait_for_worker(children: Children, *, at_most: int) -> None:
    """Wait until no more than `at_most` requests lie in the buffer."""
    children.check()
    while buffer().depth() > at_most:
        time.sleep(0.05)
        children.check()


def catch_signals() -> None:
    """End in order on every polite signal; `nohup` keeps its meaning."""
    signal.signal(signal.SIGINT, _interrupt)  # a shell's background job starts without
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def read_port(value: str) -> int:
    if value.isdigit() and 1 <= int(value) <= 65535:
        return int(value)
    raise CommandError(f"DEMO_PORT is {value!r}; a number from 1 to 65535 is needed.")


def require_free(port: int) -> None:
    """Refuse a port that somebody listens on already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({os.strerror(error.errno or 0).lower()}): stop what "
                f"listens there, or choose another one, as in DEMO_PORT={port % 65535 + 1}."
            ) from None


def prepared_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


def forget_everything(folder: Path) -> None:
    """Remove the queue, and the database if it is a file of ours."""
    shutil.rmtree(folder / "broker", ignore_errors=True)
    if connection.vendor == "sqlite":
        connections.close_all()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{connection.settings_dict['NAME']}{suffix}").unlink(missing_ok=True)


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=5).close()  # noqa: S310 - our own
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
