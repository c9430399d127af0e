from __future__ import annotations

import json
import subprocess
import sys

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


def test_the_web_process_runs_without_any_optional_package() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    asked = {name.partition(".")[0] for name in json.loads(run.stdout)}
    # Celery looks whether redis is there; models are trained and scored elsewhere.
    assert asked & {"sklearn", "scipy", "numpy"} == set()
