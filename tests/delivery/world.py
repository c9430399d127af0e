"""A site that changes while it is visited, and what everybody is to see on it just now."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.models import Slot, Variation
from personalization.experiments.bucketing import bucket
from personalization.experiments.models import Arm, Experiment
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

    def is_refused(self, now: datetime) -> bool:
        """Return whether they see all defaults, whatever the segments they are in."""
        if self.pretends is not None:
            return False
        is_bot = CRAWLER in self.headers.values()
        return self.person is None or not self.agrees or is_bot or ODD in self.segments(now)

    def is_below(self, share: float, seed: str) -> bool:
        """Return whether chance has them in the first `share`; nobody who pretends is left to it."""
        if self.person is None or self.pretends is not None:
            return False
        return bucket(str(self.person.profile.pk), seed=seed) < share

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
    """What is published, who visits, and what time it is.

    With `holdouts`, so many are held out from a content and from all of them. An `experiment`
    shows the content of the strip to half of the visitors, whatever their segments.
    """

    guests: list[Guest]
    strip: Variation
    now: datetime = field(default_factory=timezone.now)
    holdouts: tuple[float, float] = (0.0, 0.0)
    experiment: Experiment | None = None

    def sees(self, guest: Guest, kind: str) -> str:
        """Return what `kind` of page shows to the guest, by what the pages of `pages` say."""
        inside = guest.for_slots(self.now)
        strip, flag = self._strip(guest, inside), hero_for(inside)
        hero = self._hero(guest, inside)
        inner = "b" if self._is_shown(guest, "b" in inside, "inner/template:0:b") else "-"
        raw = guest.segments(self.now)
        shown = {
            "plain": EVERYBODY,
            "slot": hero,
            "keyed": hero,
            "flag": flag,
            "asked": hero_for(raw),
            "dispatched": "a" if "a" in raw else hero,
            "by-flag": "a" if "a" in inside else hero,
            "nested": f"a,{inner}" if hero == "a" else hero,
            "admin": strip,
            "two": f"{strip}, {hero}",
            "beside": f"{strip}, {hero}",
            "id": guest.visitor_id,
            "mixed": f"{hero}, {guest.visitor_id}",
        }
        return shown[kind]

    def _hero(self, guest: Guest, inside: frozenset[str]) -> str:
        found = hero_for(inside)
        key = f"hero/template:{'ab'.find(found)}:{found}"
        return found if self._is_shown(guest, found != EVERYBODY, key) else EVERYBODY

    def _strip(self, guest: Guest, inside: frozenset[str]) -> str:
        row = self.strip
        late = row.ends_at is not None and self.now >= row.ends_at
        early = row.starts_at is not None and self.now < row.starts_at
        if not row.active or CAP in inside or late or early:
            return EVERYBODY
        tested = self.experiment is not None and self.experiment.status == "running"
        if tested and guest.pretends is None:
            is_out = self._is_out(guest) or guest.is_refused(self.now)
            is_shown = not is_out and not guest.is_below(0.5, "strip-test")
        else:
            is_shown = self._is_shown(guest, "a" in inside, f"strip/{row.key}")
        return row.content if is_shown else EVERYBODY

    def _is_shown(self, guest: Guest, matches: bool, key: str) -> bool:
        is_held_out = guest.is_below(self.holdouts[0], f"holdout:{key}")
        return matches and not is_held_out and not self._is_out(guest)

    def _is_out(self, guest: Guest) -> bool:
        return guest.is_below(self.holdouts[1], "holdout:global")

    def change(self, rng: random.Random) -> None:
        """Let something change, as visitors, staff and time do."""
        ways = [self._move, self._publish, self._pass]
        rng.choice([*ways, self._compare] if self.experiment else ways)(rng)

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

    def _compare(self, rng: random.Random) -> None:
        """Start or stop the experiment."""
        assert self.experiment is not None
        self.experiment.status = rng.choice(["running", "running", "stopped"])
        self.experiment.save()

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


def make_tested_world() -> World:
    """Return a world of many visitors, some of whom are held out, with an experiment."""
    world = make_world()
    world.guests += [
        Guest(f"in {slug} too, {n}", make_person(), stays={slug: None})
        for n in range(6)
        for slug in "ab"
    ]
    for guest in world.guests:
        if guest.person:
            guest.settle()
    world.holdouts = (0.3, 0.2)
    experiment = Experiment.objects.create(
        slug="strip-test", name="Strip", place="strip", status="running"
    )
    for n, content in enumerate(["", world.strip.key]):
        Arm.objects.create(experiment=experiment, key=f"arm{n}", content=content, position=n)
    world.experiment = experiment
    return world


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
