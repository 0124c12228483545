"""In XPCS Viewer's environment: files that its mask kernel writes, into the folder given."""

import json
import sys
from pathlib import Path

import numpy as np
import without_qt

without_qt.install()

from xpcsviewer.simplemask.simplemask_kernel import SimpleMaskKernel  # noqa: E402

folder = Path(sys.argv[1])
bad = np.zeros((60, 80), dtype=bool)
bad[5:9, 11:20] = True
hashes = {}
for name, more in (
    ("linear", {"dp_num": 4, "sp_num": 12}),
    ("log", {"dp_num": 1, "sp_num": 12, "style": "logarithmic"}),
    ("folded", {"dp_num": 2, "sp_num": 6, "symmetry_fold": 2}),
    ("arc", {"dp_num": 3, "sp_num": 12, "symmetry_fold": 3}),
):
    kernel = SimpleMaskKernel()
    image = np.random.default_rng(0).poisson(5, (60, 80)).astype("float32")
    # millimetres, as its window has them
    kernel.read_data(image, {"bcx": 33.25, "bcy": 21.5, "energy": 10.0, "det_dist": 1000.0, "pix_dim": 0.1})
    kernel.mask = kernel.mask & ~bad
    if name == "arc":  # the last bins of phi have no pixel in the first fold, so their centres are lost
        kernel.mask = kernel.mask & (kernel.qmap["phi"] < 0)
    kernel.compute_partition(mode="q-phi", dq_num=6, sq_num=36, **more)
    kernel.save_partition(str(folder / f"{name}.hdf"))
    kernel.save_mask(str(folder / f"{name}-mask.h5"))
print(json.dumps({"rejected": int(bad.sum())}))
