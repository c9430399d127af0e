"""The same cases through every engine."""

from __future__ import annotations

import jinja2
import pytest
from django.template import TemplateSyntaxError

from tests.contrib.jinja2 import engines
from tests.contrib.jinja2.contract import BlockContract


@pytest.mark.django_db
class TestDjango(BlockContract):
    engine = engines.Django()
    error = TemplateSyntaxError


@pytest.mark.django_db
class TestJinja2(BlockContract):
    engine = engines.Jinja2()
    error = jinja2.TemplateSyntaxError


@pytest.mark.django_db
class TestAsyncJinja2(BlockContract):
    engine = engines.AsyncJinja2()
    error = jinja2.TemplateSyntaxError
