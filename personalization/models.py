"""The models of every package, for Django only. Import them from where they are defined."""

from __future__ import annotations

from personalization.delivery.models import Slot, Variation
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.events.goals import Goal
from personalization.events.models import (
    BufferedBatch,
    Event,
    EventSchema,
    Source,
    StoredMessage,
    WriteKey,
)
from personalization.experiments.models import (
    Arm,
    BanditState,
    Experiment,
    Finding,
    Measure,
    Metric,
)
from personalization.ingest.audience_models import AudienceCount, AudienceSalt, AudienceVisitor
from personalization.ingest.models import DeadLetter, HeldEvent, ImportRun, SchemaFinding
from personalization.ml.models import (
    FeedbackWeight,
    Item,
    ModelArtefact,
    ModelVersion,
    PopularityCount,
)
from personalization.privacy.models import (
    AuditEntry,
    Consent,
    ConsentRecord,
    ConsentText,
    Erasure,
)
from personalization.profiles.models import (
    Identity,
    IdentityLink,
    LinkVerdict,
    Merge,
    MergeSuggestion,
    Profile,
    Snapshot,
    Visit,
)
from personalization.profiles.suppressions import Suppression
from personalization.reports.models import BudgetEntry, Report
from personalization.revisions import Revision
from personalization.segments.interest import InterestWeight
from personalization.segments.models import (
    Membership,
    Segment,
    SegmentVersion,
    Webhook,
    WebhookDelivery,
)
from personalization.segments.runs import CounterPlan, Refresh

__all__ = [
    "Arm",
    "AudienceCount",
    "AudienceSalt",
    "AudienceVisitor",
    "AuditEntry",
    "BanditState",
    "BudgetEntry",
    "BufferedBatch",
    "Consent",
    "ConsentRecord",
    "ConsentText",
    "CounterPlan",
    "DeadLetter",
    "Erasure",
    "Event",
    "EventSchema",
    "Experiment",
    "FeedbackWeight",
    "Finding",
    "Goal",
    "HeldEvent",
    "Identity",
    "IdentityLink",
    "ImportRun",
    "InterestWeight",
    "Item",
    "LinkVerdict",
    "Measure",
    "Membership",
    "Merge",
    "MergeSuggestion",
    "Metric",
    "ModelArtefact",
    "ModelVersion",
    "PopularityCount",
    "Profile",
    "RecommendationRule",
    "Refresh",
    "Report",
    "Revision",
    "SchemaFinding",
    "Segment",
    "SegmentVersion",
    "Slot",
    "Snapshot",
    "Source",
    "StoredMessage",
    "Suppression",
    "Variation",
    "Visit",
    "Webhook",
    "WebhookDelivery",
    "WriteKey",
]
