"""The admin pages: imported one by one, so that Django's autodiscovery registers them."""

from __future__ import annotations

from personalization.admin import (
    audience,
    audit,
    consent_texts,
    consents,
    dead_letters,
    delivery,
    erasures,
    events,
    experiment_metrics,
    experiments,
    feedback,
    goals,
    interest,
    items,
    merges,
    model_versions,
    privacy,
    profiles,
    recommendation_rules,
    reports,
    schemas,
    segments,
    sources,
    suggestions,
    suppressions,
    webhooks,
)

__all__ = [
    "audience", "audit", "consent_texts", "consents", "dead_letters", "delivery", "erasures", "events", "experiment_metrics", "experiments", "feedback", "goals", "interest", "items", "merges", "model_versions", "privacy", "profiles", "recommendation_rules", "reports", "schemas", "segments",
    "sources", "suggestions", "suppressions", "webhooks",
]  # fmt: skip
