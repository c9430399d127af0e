"""Synthetic households: people who share an address and a network, each with some devices."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

from personalization.profiles.suggestions import Pair, Portrait

FIRST = [f"first{n}" for n in range(60)]
LAST = [f"last{n}" for n in range(80)]
CITIES = [f"city{n}" for n in range(12)]
CARRIERS = [f"10.{n}.0.0/24" for n in range(20)]
AGENTS = ["Chrome on Windows", "Chrome on Android", "Safari on iOS", "Firefox on Linux"]
DAYTIMES = ["workday morning", "workday evening", "weekend morning", "weekend evening"]


@dataclass(frozen=True)
class Town:
    """Profiles, and which of them are really one person."""

    portraits: list[Portrait]
    same: set[Pair]


def town(seed: int, *, households: int = 200) -> Town:
    dice = random.Random(seed)
    portraits: list[Portrait] = []
    devices: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for number in range(households):
        home = {
            "network": f"192.{number // 256}.{number % 256}.0/24",
            "city": dice.choice(CITIES),
            "last": dice.choice(LAST),
        }
        for member in range(dice.choice([1, 2, 2, 3])):
            person = {
                "email": f"person{number}.{member}@mail.example",
                "phone": f"0170{number:05}{member}",
                "name": f"{dice.choice(FIRST)} {home['last']}",
                "birthday": f"19{dice.randrange(50, 99)}-0{dice.randrange(1, 9)}-11",
                "daytime": dice.choice(DAYTIMES),
            }
            for _ in range(dice.choice([1, 1, 2, 3])):
                devices[number, member].append(len(portraits))
                portraits.append(Portrait(len(portraits), _seen(home, person, dice)))
    return Town(portraits, {pair for ids in devices.values() for pair in combinations(ids, 2)})


def _seen(
    home: dict[str, str], person: dict[str, str], dice: random.Random
) -> dict[str, frozenset[str]]:
    """Return what a device happens to tell: some of it, at times in another way."""
    told: dict[str, str] = {}
    for name, chance in (("email", 0.5), ("phone", 0.3), ("name", 0.6), ("birthday", 0.2)):
        if dice.random() < chance:
            told[name] = person[name]
    if "email" in told and dice.random() < 0.1:
        told["email"] = f"other-{told['email']}"
    if dice.random() < 0.6:
        told["city"] = home["city"]
    if dice.random() < 0.8:
        told["daytime"] = person["daytime"] if dice.random() < 0.7 else dice.choice(DAYTIMES)
    told["agent"] = dice.choice(AGENTS)
    networks = [home["network"]] if dice.random() < 0.85 else []
    if not networks or dice.random() < 0.3:
        networks.append(dice.choice(CARRIERS))
    return {name: frozenset([value]) for name, value in told.items()} | {
        "network": frozenset(networks)
    }
