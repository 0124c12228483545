"""Threads for parts of one piece of work, also while the process ends."""

import subprocess
import sys

import pytest

from xpcs_mask_bluesky.threads import Threads

AT_THE_END = """
import atexit
from xpcs_mask_bluesky.threads import Threads

def work():
    with Threads(2) as threads:
        print(sum(threads.map(abs, [-1, 2])), threads.submit(divmod, 1, 0).exception())

atexit.register(work)
"""


def test_work_is_done_while_the_process_ends():
    done = subprocess.run([sys.executable, "-c", AT_THE_END], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("3 integer")
    assert not done.stderr


def test_work_is_done_by_threads_before():
    with Threads(2) as threads:
        assert list(threads.map(abs, [-1, 2])) == [1, 2]
        with pytest.raises(ZeroDivisionError):
            threads.submit(divmod, 1, 0).result()
