"""What PostHog's browser library asks for: the settings and flags of a project that only
takes events. All that would load more scripts or record more is off."""

from __future__ import annotations

import json

from personalization.types import JsonObject


def config_of(key: str) -> JsonObject:
    return {
        "token": key,
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": False,
        "autocapture_opt_out": False,
        "captureDeadClicks": False,
        "capturePerformance": False,
        "autocaptureExceptions": False,
        "elementsChainAsString": True,
        "sessionRecording": False,
        "heatmaps": False,
        "surveys": False,
        "productTours": False,
        "conversations": False,
        "defaultIdentifiedOnly": True,
        "isAuthenticated": False,
        "siteApps": [],
        "toolbarParams": {},
    }


def script_of(key: str) -> bytes:
    """Return the settings as the script that the library may load them with."""
    # In JSON, no `<` can end the script that includes it.
    entry = json.dumps({key: {"config": config_of(key), "siteApps": []}}).replace("<", "\\u003c")
    name = "window._POSTHOG_REMOTE_CONFIG"
    return f"{name} = Object.assign({name} || {{}}, {entry});\n".encode()


def flags_of(call: str) -> JsonObject:
    flags: JsonObject = {
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
    }
    return {**config_of(""), **flags} if call == "decide" else flags
