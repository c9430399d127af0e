"""Whether a user agent is a program's: by a short list, and by the uap database where the
`bots` extra is installed."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

try:
    from ua_parser import parse_device
except ImportError:  # the short list alone then

    def _is_known_crawler(user_agent: str) -> bool:
        return False
else:

    def _is_known_crawler(user_agent: str) -> bool:
        device = parse_device(user_agent)
        return device is not None and device.family == "Spider"


#: No browser has a longer one; patterns are not run over more.
MAX_LENGTH: Final = 512

#: The words of a program's user agent, by the kind of the program. “Cubot” makes phones.
_WORDS: Final = {
    "headless": re.compile(
        r"headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|"
        r"htmlunit|jsdom",
        re.IGNORECASE,
    ),
    "crawler": re.compile(
        r"(?<!cu)bots?(?![a-z])|crawl|spider|slurp|scrap(?:er|y)|archiver|feedfetcher|"
        r"mediapartners|facebookexternalhit|externalagent|embedly|bingpreview|web preview|"
        r"skypeuripreview|^whatsapp/|google-(?:inspectiontool|read-aloud|extended)|"
        r"chatgpt-user|claude-|perplexity-user|lighthouse|pagespeed|gtmetrix|validator|"
        r"pingdom|statuscake|site24x7|datadog|uptime",
        re.IGNORECASE,
    ),
    "library": re.compile(
        r"^(?:curl|wget|httpie|java|ruby|php|perl|axios|got|undici|node(?:-fetch)?|deno|bun)\b|"
        r"python|aiohttp|httpx|go-http-client|apache-httpclient|libwww|lwp::|guzzle|"
        r"postmanruntime|insomnia|http_request",
        re.IGNORECASE,
    ),
}


@lru_cache(maxsize=4096)  # a site is visited with a few thousand different browsers
def program(user_agent: str) -> str:
    """Return which kind of program sends `user_agent`: `none` stands for an empty one, and an
    empty string for what may well be a visitor's browser."""
    text = user_agent[:MAX_LENGTH].strip()
    if not text:
        return "none"
    for kind, words in _WORDS.items():
        if words.search(text):
            return kind
    return "crawler" if _is_known_crawler(text) else ""
