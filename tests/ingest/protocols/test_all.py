"""No protocol without a contract, and no address that two of them want."""

from __future__ import annotations

import re
from importlib import import_module
from itertools import combinations
from pathlib import Path

from django.test import Client

from personalization.conf import Settings
from personalization.ingest import protocols
from personalization.ingest.adapter import adapters
from tests.contracts.protocol import ProtocolContract, Sample

HERE = Path(__file__).parent
FOLDERS = sorted(path.parent.name for path in Path(protocols.__path__[0]).glob("*/adapter.py"))


def contracts() -> dict[str, type[ProtocolContract]]:
    for path in HERE.glob("test_*.py"):
        import_module(f"{__package__}.{path.stem}")
    return {contract.protocol: contract for contract in ProtocolContract.__subclasses__()}


def test_a_protocol_is_called_like_its_folder() -> None:
    assert sorted(adapters.names()) == FOLDERS


def test_every_protocol_passes_the_contract() -> None:
    assert sorted(contracts()) == FOLDERS


def test_every_address_of_a_protocol_has_a_sample() -> None:
    for name, adapter in adapters.items():
        calls = {route.call for route in adapter.routes}
        samples = contracts()[name].samples
        reached = {
            route.call
            for sample in samples
            for route in adapter.routes
            if re.fullmatch(f"{route.path}/?", sample.path)
        }
        assert reached == calls, name


def test_no_two_protocols_want_the_same_address() -> None:
    paths = {
        name: [sample.path.rstrip("/") for sample in contract.samples]
        for name, contract in contracts().items()
    }
    for one, other in combinations(paths, 2):
        for path in paths[one]:
            assert not any(re.fullmatch(route.path, path) for route in _adapter(other).routes), (
                f"{path} of {one} is also of {other}"
            )


def _adapter(name: str) -> type:
    found = adapters.get(name)
    assert found is not None
    return found


def test_the_protocols_of_other_tools_are_off_unless_switched_on(
    client: Client, settings: object
) -> None:
    on = set(Settings.PROTOCOLS)
    assert on == {"segment", "rudderstack", "cloudevents"}
    assert on <= set(FOLDERS)


def test_a_sample_is_sent_as_it_is_given() -> None:
    assert Sample(path="x", body=b"raw", calls=0).content == b"raw"
    assert Sample(path="x", body={"a": 1}, calls=0).content == b'{"a": 1}'
