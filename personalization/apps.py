"""What Django needs to know of the package."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from personalization.rules.automaton import SQL_FUNCTION, sql_found_in


class PersonalizationConfig(AppConfig):
    name = "personalization"
    verbose_name = _("Personalization")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from personalization import checks, deploy_checks, logins, tasks  # noqa: F401  # register what they hold
        from personalization.delivery import compared_models, contents  # noqa: F401  # what arms show
        from personalization.ml.training import outdated, served_then  # noqa: F401  # what models forget and keep
        from personalization.profiles import shipped  # noqa: F401  # the features that rules decide

        _register_stores()

        connection_created.connect(_teach_patterns, dispatch_uid="personalization.patterns")


def _register_stores() -> None:
    """Have every package say what it holds of people, the lowest first: see `Store.erase`."""
    from personalization.profiles import stored as _profiles  # noqa: F401, I001
    from personalization.events import stored as _events  # noqa: F401
    from personalization.privacy import stored as _privacy  # noqa: F401
    from personalization.segments import stored as _segments  # noqa: F401
    from personalization.ingest import stored as _ingest  # noqa: F401
    from personalization.delivery import stored as _delivery  # noqa: F401


def _teach_patterns(*, connection: Any, **_kwargs: object) -> None:
    """Give SQLite the patterns of rules: it has none of its own."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(SQL_FUNCTION, 2, sql_found_in, deterministic=True)
