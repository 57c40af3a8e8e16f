"""What of an address must not be shown: anything in it that may be a token."""

from __future__ import annotations

import logging
import re
from urllib.parse import quote, unquote

SHORTEST = 4
"""Shorter parts are no secrets, and would be found everywhere."""
HIDDEN = "***"


class Secrets:
    """Of the parts of an address all may be secret, but for its scheme and names with a dot, such as hosts."""

    def __init__(self, url: str) -> None:
        rest = url.partition(":")[2]
        parts = {unquote(part) for part in re.split(r"[/:@?&#=,+]", rest)}
        tokens = {part for part in parts if len(part) >= SHORTEST and not re.fullmatch(r"[\w-]+(\.[\w-]+)+", part)}
        ways = {way for token in tokens for way in (token, quote(token, safe=""))}
        self._pattern = re.compile("|".join(sorted(map(re.escape, ways), key=len, reverse=True)), re.IGNORECASE)
        self._none = not ways

    def kept(self, text: str) -> str:
        """The text without them."""
        return text if self._none else self._pattern.sub(HIDDEN, text)

    def filter(self, record: logging.LogRecord) -> bool:
        """A filter of a logger: lets everything through, without the secrets."""
        record.msg, record.args = self.kept(record.getMessage()), None
        return True
