"""Erase a person, or one of their devices, and print the receipt."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.privacy.erasure.finish import erase
from personalization.privacy.erasure.receipt import receipt_file
from personalization.privacy.models import Erasure
from personalization.privacy.subjects import device_of, person_of
from personalization.profiles.identity import Key


class Command(BaseCommand):
    help = "Erase everything of the person with this identity, and print the receipt."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("identity", help="As in user:17 or anonymous:0f1e…")
        parser.add_argument(
            "--device", action="store_true", help="Only what belongs to this one identity."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask whether it is meant.")

    def handle(self, *args: Any, **options: Any) -> None:
        key = _key(options["identity"])
        subject = device_of(key) if options["device"] else person_of([key])
        if not options["yes"]:
            n = len(subject.identity_ids)
            answer = input(f"{key.namespace}:{key.value}, {n} known identities. Erase? [y/N] ")
            if answer.strip().lower() not in ("y", "yes"):
                raise CommandError("Nothing was erased.")
        erasure = erase(subject, channel=Erasure.Channel.COMMAND, now=timezone.now())
        if erasure.status != Erasure.Status.DONE:
            places = "; ".join(place for found in erasure.found.values() for place in found)
            raise CommandError(
                f"Erasure {erasure.uid} is not done and will be tried again: "
                f"{places or erasure.error}."
            )
        self.stdout.write(receipt_file(erasure), ending="")


def _key(text: str) -> Key:
    namespace, colon, value = text.partition(":")
    if not (namespace and colon and value):
        raise CommandError(f"“{text}” is no identity: write NAMESPACE:VALUE, as in user:17.")
    return Key(namespace, value)
