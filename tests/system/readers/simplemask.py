"""In pySimpleMask's environment: read our file, combine it with itself, and write files of its own."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import tifffile
from pysimplemask.core.mask import MaskFile
from pysimplemask.core.model import SimpleMaskModel
from pysimplemask.core.partition import check_consistency, combine_qmap_files
from pysimplemask.core.reader.beamlines.xpcs_result import XPCSResultReader
from pysimplemask.core.report import generate_report_from_qmap

ours, result, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])

reader = XPCSResultReader(result)
read = reader.saved_partition
metadata = reader._get_metadata()
generate_report_from_qmap(ours, str(folder / "report.png"))
blemish = MaskFile(read["mask"].shape)
blemish.evaluate(fname=ours, key="/qmap/mask")

tifffile.imwrite(folder / "image.tif", np.random.default_rng(0).poisson(5, (60, 80)).astype("float32"))
model = SimpleMaskModel()
model.read_data(str(folder / "image.tif"), beamline="NativeFiles")
values = {"beam_center_x": 33.25, "beam_center_y": 21.5, "energy": 10.0, "detector_distance": 1.0}
model.update_parameters({**model.dset.metadata, **values, "pixel_size": 1e-4})
bad = np.zeros((60, 80), dtype=bool)
bad[5:9, 11:20] = True
model.mask = model.mask & ~bad
for name, more in (
    ("linear", {"mode": "q-phi", "dp_num": 4, "sp_num": 12}),
    ("log", {"mode": "q-phi", "dp_num": 1, "sp_num": 12, "style": "logarithmic"}),
    ("folded", {"mode": "q-phi", "dp_num": 2, "sp_num": 6, "symmetry_fold": 2, "phi_offset": 3.0}),
    ("xy", {"mode": "x-y", "dp_num": 4, "sp_num": 12}),
    ("ellipse", {"mode": "eq-ephi", "dp_num": 4, "sp_num": 12}),
    ("crossing", {"mode": "q-phi", "dp_num": 5, "sp_num": 12}),
):
    model.compute_partition(dq_num=6, sq_num=36, **more)
    model.save_partition(str(folder / f"{name}.hdf"))
whole = model.mask
for name, rows in (("upper", slice(0, 30)), ("lower", slice(30, 60))):
    model.mask = np.zeros_like(whole)
    model.mask[rows] = whole[rows]
    model.compute_partition(mode="q-phi", dq_num=3, sq_num=9, dp_num=2, sp_num=4)
    model.save_partition(str(folder / f"{name}.hdf"))
combine_qmap_files([str(folder / "upper.hdf"), str(folder / "lower.hdf")], str(folder / "combined.hdf"))
model.mask = whole
model.update_parameters({**model.dset.metadata, "swing_angle_horizontal": 0.2, "swing_angle_vertical": 0.1})
model.compute_partition(mode="q-phi", dq_num=6, sq_num=36, dp_num=4, sp_num=12)
model.save_partition(str(folder / "swung.hdf"))
with h5py.File(folder / "linear.hdf") as file:
    version = file["qmap"].attrs["version"]
print(
    json.dumps(
        {
            "consistent": check_consistency(read["dynamic_roi_map"], read["static_roi_map"], read["mask"]),
            "keys": sorted(read),
            "metadata": {name: float(value) for name, value in metadata.items()},
            "rejected": int(blemish.zero_loc.shape[1]),
            "report": (folder / "report.png").stat().st_size,
            "version": str(version),
        }
    )
)
