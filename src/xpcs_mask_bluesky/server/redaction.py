"""Keep keys out of the server's access log, where one that came in a URL would stay."""

from __future__ import annotations

import logging
import re

_KEY = re.compile(r"((?:api_key|access_token)(?:=|%3D))[^&\s\"]+", re.IGNORECASE)
ACCESS_LOG = "uvicorn.access"


class KeyFilter(logging.Filter):
    """Replaces the value of a key in what is logged by ``***``."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take keys out of ``record``; it is always logged."""
        if isinstance(record.args, tuple):
            record.args = tuple(redacted(each) if isinstance(each, str) else each for each in record.args)
        if isinstance(record.msg, str):
            record.msg = redacted(record.msg)
        return True


def install() -> None:
    """Filter the access log of this process; doing it again changes nothing."""
    log = logging.getLogger(ACCESS_LOG)
    if not any(isinstance(each, KeyFilter) for each in log.filters):
        log.addFilter(KeyFilter())


def redacted(text: str) -> str:
    """Return ``text`` with ``***`` in the place of the key that a URL in it carries."""
    return _KEY.sub(r"\1***", text)
