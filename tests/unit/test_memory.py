"""What was freed is given back."""

import subprocess
import sys

import pytest

FREED = """
import threading
from pathlib import Path
from xpcs_mask_bluesky.callbacks.memory import give_back

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

def work():
    kept = [bytearray(b"1") * 100_000 for _ in range(1000)]
    del kept[:-1]  # the last one holds the heap's end
    held.append(kept)

held = []
for thread in [threading.Thread(target=work) for _ in range(3)]:
    thread.start()
    thread.join()
before = resident()
give_back()
print(before, resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc, and needs glibc")
def test_what_threads_have_freed_goes_back_to_the_system():
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before - after > 50_000  # kB, of 300 000 that were freed
