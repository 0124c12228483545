"""In pySimpleMask's environment: seconds of its own steps from geometry to partition: GIVEN.json REPEATS."""

import json
import sys
import time

import numpy as np
from pysimplemask.core import qmap as maps
from pysimplemask.core.partition import check_consistency, combine_partitions, generate_partition

with open(sys.argv[1]) as file:  # noqa: PTH123
    given = json.load(file)


def timed(work):
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def q_maps():
    maps.compute_transmission_qmap.cache_clear()
    maps.compute_reflection_qmap.cache_clear()
    return maps.compute_qmap(given["kind"], given["metadata"])[0]


def combined(qmap, mask, bins, prefix):
    packs = (
        generate_partition(axis, mask, qmap[axis], number)
        for axis, number in zip(("q", "phi"), bins, strict=True)
    )
    return combine_partitions(*packs, prefix)


def labelled(qmap, mask):
    parts = [combined(qmap, mask, given[prefix], prefix) for prefix in ("dynamic", "static")]
    dynamic, static = parts[0]["dynamic_roi_map"], parts[1]["static_roi_map"]
    return dynamic, static, [np.bincount(each.ravel()) for each in (dynamic, static)]


seconds = []
for _ in range(int(sys.argv[2])):
    took = {}
    took["maps"], qmap = timed(q_maps)
    if "static" in given:
        mask = np.ones(qmap["q"].shape, bool)
        for first, last in given.get("masked_rows", ()):
            mask[first:last] = False
        took["labels"], (dynamic, static, _) = timed(lambda: labelled(qmap, mask))  # noqa: B023
        took["consistency"], fine = timed(lambda: check_consistency(dynamic, static, mask))  # noqa: B023
        assert fine
    seconds.append(took)
print(json.dumps(seconds))
