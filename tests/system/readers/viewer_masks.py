"""In XPCS Viewer's environment: its Q-maps, its partition and its masks of what is given."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import xpcsviewer

# The package's __init__ opens the window toolkit; its modules are the released files.
package = ModuleType("xpcsviewer.simplemask")
package.__path__ = [str(Path(xpcsviewer.__file__).with_name("simplemask"))]
sys.modules[package.__name__] = package

from xpcsviewer.simplemask.area_mask import MaskAssemble  # noqa: E402
from xpcsviewer.simplemask.qmap import compute_qmap  # noqa: E402
from xpcsviewer.simplemask.utils import combine_partitions, generate_partition  # noqa: E402

given, image, found = sys.argv[1:4]
with open(given) as file:  # noqa: PTH123
    asked = json.load(file)
for _, metadata in asked["maps"].values():
    metadata["shape"] = tuple(metadata["shape"])
image = np.load(image)
arrays = {}
for name, (stype, metadata) in asked["maps"].items():
    maps, _ = compute_qmap(stype, metadata)
    arrays |= {f"{name}/{axis}": np.asarray(values) for axis, values in maps.items()}
maps, _ = compute_qmap(*asked["maps"]["transmission"])
masks = MaskAssemble(image.shape, image, maps)
for number, (key, parameters) in enumerate(asked["steps"]):
    if key == "redo_undo":
        masks.redo_undo(parameters)
    else:
        taken = {n: np.asarray(v) if n in {"arr", "zero_loc"} else v for n, v in parameters.items()}
        masks.evaluate(key, **taken)
        masks.apply(key)
    arrays[f"step{number}"] = masks.get_mask()
mask = masks.get_mask()
for style in ("linear", "logarithmic"):
    packs = [
        generate_partition(name, mask, maps[name], bins, style=style) for name, bins in (("q", 6), ("phi", 4))
    ]
    made = combine_partitions(*packs, prefix="dynamic")
    arrays |= {f"{style}/{key}": np.asarray(made[f"dynamic_{key}"]) for key in ("roi_map", "v_list_dim0")}
np.savez(found, **arrays)
print(json.dumps(sorted(arrays)))
