"""Print by how many bytes a pixel the process grows at most, beyond the mask given and the maps returned.

ROWS COLUMNS. The highest resident set of the process is reset, then read, after a first partition has
compiled everything and was forgotten: for one new geometry, and for four, of which what is kept for a
return stays side by side.
"""

import ctypes
import gc
import json
import sys
from pathlib import Path

import numpy as np

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.partitions import natural


def made(shape, number, mask):
    record = GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=shape[1] / 2 + number,
        beam_center_y=shape[0] / 2,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )
    ranges = {"q": (0.002, 0.06), "phi": (-180.0, 180.0)}
    recipe = PartitionRecipe(dynamic=(27, 1), static=(270, 36), ranges=ranges)
    part = partition(q_map(record), mask, recipe)
    maps = (part.mask, part.blemish, part.dynamic_roi_map, part.static_roi_map)
    return sum(each.nbytes for each in maps)


def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def grown(shape, geometries, mask):
    """Return bytes, after all that was kept of earlier geometries is forgotten."""
    natural._natural.clear()
    natural._phi_bins.clear()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    returned = max(made(shape, number, mask) for number in geometries)
    return resident("VmHWM") - before - returned


shape = int(sys.argv[1]), int(sys.argv[2])
mask = np.ones(shape, bool)
made(shape, 0, mask)
one = max(grown(shape, [number], mask) for number in range(1, 5))
four = grown(shape, range(5, 9), mask)
print(json.dumps({"bytes_per_pixel": one / mask.size, "four_bytes": four}))
