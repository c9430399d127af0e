from __future__ import annotations

import re

import pytest

from tests.housekeeping.repository import ROOT

README = (ROOT / "README.md").read_text()


def test_the_first_two_blocks_are_the_two_commands() -> None:
    blocks = re.findall(r"^```\w*\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert blocks[:2] == ["python3 manage.py demo\n", "python3 manage.py test\n"]


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)", README))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
