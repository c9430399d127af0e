"""A site that changes while it is visited, and what everybody is to see on it just now."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.models import Slot, Variation
from personalization.revisions import Revision
from tests.delivery.people import LONG_AGO, Person, make_person, make_segments, make_variation
from tests.delivery.staff import looking_as

#: Members of it saw the strip often enough; those of the other see no slots at all for now.
CAP, ODD = "strip-seen", "odd"
EVERYBODY = "everybody"
NOBODY = frozenset[str]()
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@dataclass
class Guest:
    """Somebody who visits: the cookies of a person, or of nobody, and their browser's headers."""

    name: str
    person: Person | None = None
    headers: dict[str, str] = field(default_factory=dict)
    #: slug → until when.
    stays: dict[str, datetime | None] = field(default_factory=dict)
    agrees: bool = True
    #: What staff pretend; their own cookies are among the headers.
    pretends: frozenset[str] | None = None

    @property
    def cookie(self) -> str:
        own = self.headers.get("cookie", "")
        if self.person is None:
            return own
        return "; ".join(f"{name}={value}" for name, value in self.person.cookies.items())

    @property
    def visitor_id(self) -> str:
        return self.person.visitor_id if self.person else EVERYBODY

    def segments(self, now: datetime) -> frozenset[str]:
        """Return the segments they are in, as far as they agree that it matters."""
        if self.pretends is not None:
            return self.pretends
        if not self.agrees:
            return NOBODY
        return frozenset(slug for slug, until in self.stays.items() if not until or now < until)

    def for_slots(self, now: datetime) -> frozenset[str]:
        """Return the same as slots see it, whose default is for programs and who is paused."""
        found = self.segments(now)
        return NOBODY if ODD in found or CRAWLER in self.headers.values() else found

    def settle(self) -> None:
        """Have the site know."""
        assert self.person is not None
        self.person.be_in(
            {
                slug: (LONG_AGO, microseconds(until) if until else None)
                for slug, until in self.stays.items()
            }
        )
        self.person.agree_to(*(["personalization"] if self.agrees else []))


@dataclass
class World:
    """What is published, who visits, and what time it is."""

    guests: list[Guest]
    strip: Variation
    now: datetime = field(default_factory=timezone.now)

    def sees(self, guest: Guest, kind: str) -> str:
        """Return what `kind` of page shows to the guest, by what the pages of `pages` say."""
        inside = guest.for_slots(self.now)
        strip, hero = self._strip(inside), hero_for(inside)
        raw = guest.segments(self.now)
        shown = {
            "plain": EVERYBODY,
            "slot": hero,
            "keyed": hero,
            "flag": hero,
            "asked": hero_for(raw),
            "dispatched": "a" if "a" in raw else hero,
            "nested": f"a,{'b' if 'b' in inside else '-'}" if hero == "a" else hero,
            "admin": strip,
            "two": f"{strip}, {hero}",
            "beside": f"{strip}, {hero}",
            "id": guest.visitor_id,
            "mixed": f"{hero}, {guest.visitor_id}",
        }
        return shown[kind]

    def _strip(self, inside: frozenset[str]) -> str:
        row = self.strip
        shown = row.active and "a" in inside and CAP not in inside
        late = row.ends_at is not None and self.now >= row.ends_at
        early = row.starts_at is not None and self.now < row.starts_at
        return row.content if shown and not late and not early else EVERYBODY

    def change(self, rng: random.Random) -> None:
        """Let something change, as visitors, staff and time do."""
        rng.choice([self._move, self._publish, self._pass])(rng)

    def _move(self, rng: random.Random) -> None:
        guest = rng.choice([one for one in self.guests if one.person])
        slugs = [slug for slug in ("a", "b") if rng.random() < 0.5]
        slugs += [slug for slug in (CAP, ODD) if rng.random() < 0.15]
        guest.stays = {slug: self._soon(rng) if rng.random() < 0.5 else None for slug in slugs}
        guest.agrees = rng.random() < 0.8
        guest.settle()

    def _publish(self, rng: random.Random) -> None:
        row = self.strip
        row.content = rng.choice(["A one", "A two", "A three"])
        row.active = rng.random() < 0.8
        row.starts_at = self._soon(rng) if rng.random() < 0.3 else None
        row.ends_at = self._soon(rng) if rng.random() < 0.3 else None
        row.save()

    def _pass(self, rng: random.Random) -> None:
        """Nothing is written anywhere: memberships and schedules end by themselves."""
        self.now += timedelta(minutes=rng.randint(1, 30))

    def _soon(self, rng: random.Random) -> datetime:
        return self.now + timedelta(minutes=rng.randint(1, 60))


def hero_for(inside: frozenset[str]) -> str:
    return next((slug for slug in ("a", "b") if slug in inside), EVERYBODY)


def make_world() -> World:
    segments = make_segments("a", "b", CAP, ODD)
    strip = make_variation("a", "A one", slot="strip")
    # As if it were kept by rule; then it would be up to what was counted who is in it.
    Slot.objects.filter(slug="strip").update(cap=segments[CAP])
    Revision.raise_number()
    guests = [*_strangers(), *_known(), _staff()]
    for guest in guests:
        if guest.person:
            guest.settle()
    return World(guests, strip)


def _strangers() -> list[Guest]:
    forged = f"pz_id={'0' * 32}:{'x' * 43}"
    return [
        Guest("stranger"),
        Guest("stranger with cookies", headers={"cookie": "theme=dark; pz_consent=1."}),
        Guest("forger", headers={"cookie": forged, "x-personalization-visitor": "known"}),
        Guest("crawler", headers={"user-agent": CRAWLER}),
    ]


def _known() -> list[Guest]:
    def guest(name: str, *slugs: str, **headers: str) -> Guest:
        stays: dict[str, datetime | None] = dict.fromkeys(slugs)
        return Guest(name, make_person(), headers=headers, stays=stays)

    return [
        guest("in a", "a"),
        guest("in b", "b"),
        guest("in both", "a", "b"),
        guest("in a, saw enough", "a", CAP),
        guest("in none"),
        guest("in a, paused", "a", ODD),
        guest("in b and a crawler", "b", **{"user-agent": CRAWLER}),
        guest("says to have the key of all", "a", **{"x-personalization-key": "default"}),
    ]


def _staff() -> Guest:
    cookies = looking_as("b").cookies
    said = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    return Guest("staff who preview b", headers={"cookie": said}, pretends=frozenset({"b"}))
