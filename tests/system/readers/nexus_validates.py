"""In nxvalidate's environment: what it finds wrong with FILE by the NXxpcs definition that comes with it."""

import json
import os
import sys

os.get_terminal_size = lambda *descriptor: os.terminal_size(
    (120, 40)
)  # it asks for one even without a terminal

from nxvalidate.validate import logger, validate_application  # noqa: E402


class Kept:
    """Takes what is logged, by level."""

    level = 0

    def __init__(self):
        self.lines = []

    def handle(self, record):
        self.lines.append([record.levelname, record.getMessage().strip()])


kept = Kept()
logger.handlers = [kept]
validate_application(sys.argv[1], path="/entry", application="NXxpcs")
print(json.dumps({"lines": kept.lines, "total": dict(logger.total)}, default=str))
