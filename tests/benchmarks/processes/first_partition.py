"""Print the seconds of a process' first partition, from after ``import jax`` on."""

import json
import time

import jax
import numpy as np

jax.devices()
start = time.perf_counter()

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map  # noqa: E402

record = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=500.3,
    beam_center_y=511.2,
    x_pixel_size=75e-6,
    y_pixel_size=75e-6,
    shape=(1024, 1024),
)
ranges = {"q": (0.002, 0.06), "phi": (-180.0, 180.0)}
recipe = PartitionRecipe(dynamic=(27, 1), static=(270, 36), ranges=ranges)
partition(q_map(record), np.ones(record.shape, bool), recipe)
print(json.dumps({"seconds": time.perf_counter() - start}))
