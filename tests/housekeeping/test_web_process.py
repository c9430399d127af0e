from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.housekeeping.repository import ROOT

# Runs in a process of its own: this one has long imported everything.
PROGRAM = """
import json, sys

ABSENT = {"environ", "jinja2", "numpy", "psycopg", "psycopg2", "redis", "scipy", "sklearn", "tqdm"}
asked = []

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            asked.append(name)
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only-for-tests",
    ROOT_URLCONF="personalization.urls",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "rest_framework",
        "personalization",
    ],
)
django.setup()

import personalization.delivery.middleware
import personalization.templatetags.personalization
from django.contrib import admin
from django.urls import get_resolver

admin.autodiscover()
assert get_resolver().url_patterns
print(json.dumps(asked))
"""


# What is imported only when something is asked for would not be seen above.
ASKED_FOR = """
import types

from django.apps import apps
from django.core.management import call_command
from django.test import Client
from django.test.utils import override_settings
from django.urls import include, path
from django.utils import timezone

from django.contrib.auth.models import User
from personalization.delivery.models import Slot
from personalization.experiments.models import Arm, BanditState, Experiment

tables = [one.label for one in apps.get_app_configs()]
with override_settings(MIGRATION_MODULES=dict.fromkeys(tables)):  # at once
    call_command("migrate", run_syncdb=True, verbosity=0)
Slot.objects.create(slug="hero", name="Hero")
run = Experiment.objects.create(
    slug="which", name="Which", place="hero", status="running", allocation="linucb",
    started_at=timezone.now(),
)
for key in ("a", "b"):
    Arm.objects.create(experiment=run, key=key)
BanditState.objects.create(experiment=run)
own = types.ModuleType("own_urls")
own.urlpatterns = [path("admin/", admin.site.urls), path("p/", include("personalization.urls"))]
engine = "django.template.backends.django.DjangoTemplates"
processors = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
with override_settings(
    ROOT_URLCONF=own,
    STATIC_URL="/static/",
    TEMPLATES=[
        {"BACKEND": engine, "APP_DIRS": True, "OPTIONS": {"context_processors": processors}}
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "personalization.delivery.middleware.PersonalizationMiddleware",
    ],
):
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    experiments = "/admin/personalization/experiment/"
    pages = ["", "earnings/", *(f"{run.pk}/{of}" for of in ("change/", "results/json/", "results/csv/"))]
    for page in (
        *(experiments + page for page in pages),
        "/p/v1/slots/hero",
        "/p/v1/recommend?place=home",
    ):
        answer = client.get(page)
        assert answer.status_code in (200, 204), (page, answer.status_code)
print(json.dumps(asked))
"""


@pytest.fixture(scope="module")
def asked() -> list[set[str]]:
    """Return the packages that a process asked for: once it was there, and after its pages."""
    program = [sys.executable, "-c", PROGRAM + ASKED_FOR]
    run = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    told = [json.loads(line) for line in run.stdout.splitlines()]
    return [{name.partition(".")[0] for name in names} for names in told]


def test_the_web_process_runs_without_any_optional_package(asked: list[set[str]]) -> None:
    # Celery looks whether redis is there; models are trained and scored elsewhere.
    assert asked[0] & {"sklearn", "scipy", "numpy"} == set()


def test_pages_of_experiments_are_made_without_them(asked: list[set[str]]) -> None:
    assert len(asked) == 2
    assert asked[1] & {"sklearn", "scipy", "numpy"} == set()
