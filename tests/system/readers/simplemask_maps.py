"""In pySimpleMask's environment: its maps of the geometries given, and how long they take."""

import json
import sys

import numpy as np
from pysimplemask.core.qmap import compute_display_center, compute_qmap

given, found = sys.argv[1], sys.argv[2]
with open(given) as file:  # noqa: PTH123
    cases = json.load(file)
arrays = {}
for name, (kind, metadata) in cases.items():
    maps, _ = compute_qmap(kind, metadata)
    arrays |= {f"{name}/{axis}": values for axis, values in maps.items()}
    if kind == "Transmission":
        arrays[f"{name}/center"] = compute_display_center(
            (metadata["beam_center_y"], metadata["beam_center_x"]),
            metadata["detector_distance"],
            metadata["pixel_size"],
            metadata["swing_angle_horizontal"],
            metadata["swing_angle_vertical"],
        )
np.savez(found, **arrays)
print(json.dumps(sorted(arrays)))
