from __future__ import annotations

from cms.models import CMSPlugin
from django.db import models


class Words(CMSPlugin):
    """The smallest plugin with a content."""

    body = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.body
