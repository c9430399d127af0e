"""Plugins of the site, which know nothing of personalization but what tags say."""

from __future__ import annotations

from itertools import count
from typing import Any

from cms.models import CMSPlugin
from cms.plugin_base import CMSPluginBase
from cms.plugin_pool import plugin_pool

from tests.contrib.cms.site.models import Words

serials = count(1)


@plugin_pool.register_plugin
class WordsPlugin(CMSPluginBase):
    """Says its words, and a number: what has the same one was rendered once."""

    model = Words
    name = "Words"
    render_template = "scratch/words.html"

    def render(self, context: Any, instance: Words, placeholder: str) -> Any:
        if instance.body == "breaks":
            raise RuntimeError("A plugin broke.")
        return {**context.flatten(), "instance": instance, "serial": next(serials)}


@plugin_pool.register_plugin
class TaggedPlugin(CMSPluginBase):
    """Any plugin of any app whose template asks who looks at it, and declares nothing."""

    model = CMSPlugin
    name = "Tagged"
    render_template = "scratch/tagged_plugin.html"


@plugin_pool.register_plugin
class MirrorPlugin(CMSPluginBase):
    """Shows a placeholder of another page inside of its own, as aliases do."""

    model = CMSPlugin
    name = "Mirror"
    render_template = "scratch/mirror.html"
