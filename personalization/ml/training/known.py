"""Every plan that is shipped, registered by being imported here; nothing that learns comes along."""

from __future__ import annotations

from personalization.ml.training import cluster_plan, propensity_plan, recommend_plan, sequence_plan
from personalization.ml.training.plans import Plan, UnknownPlan, planned

__all__ = [
    "cluster_plan",
    "plan_of",
    "planned",
    "propensity_plan",
    "recommend_plan",
    "sequence_plan",
]


def plan_of(name: str) -> Plan:
    """Return the plan of that name.

    :raises UnknownPlan: naming those that there are.
    """
    plans = planned()
    if name not in plans:
        raise UnknownPlan(f"There is no model “{name}”; allowed: {', '.join(plans) or 'none'}.")
    return plans[name]
