"""``/qmap`` files laid by hand as pySimpleMask lays them, to be spoiled by tests."""

import h5py
import numpy as np

from xpcs_mask_bluesky import GeometryRecord
from xpcs_mask_bluesky.files.foreign_qmap import foreign_qmap
from xpcs_mask_bluesky.files.hdf5_content import read_content

SHAPE = (12, 16)
RECORD = GeometryRecord(
    incident_energy=9.0,
    distance=2.0,
    beam_center_x=7.5,
    beam_center_y=3.25,
    x_pixel_size=1e-4,
    y_pixel_size=1e-4,
    shape=SHAPE,
)
BINS = {"dynamic": (3, 2), "static": (6, 4)}


def content():
    """Three by two dynamic and six by four static bins, in blocks; the first two rows are masked."""
    rows, columns = np.indices(SHAPE)
    mask = rows >= 2
    made = {"mask": mask, "blemish": rows >= 1, "map_names": ["x", "y"], "map_units": ["pixel", "pixel"]}
    for prefix, (n0, n1) in BINS.items():
        first, second = (columns + 0.5) * n0 // SHAPE[1], (rows + 0.5) * n1 // SHAPE[0]
        natural = (first * n1 + second).astype(int)
        filled, labels = np.unique(natural[mask], return_inverse=True)
        roi = np.zeros(SHAPE, np.uint8)
        roi[mask] = labels + 1
        made |= {
            f"{prefix}_roi_map": roi,
            f"{prefix}_num_pts": np.array([n0, n1]),
            f"{prefix}_index_mapping": filled.astype(np.uint8),
            f"{prefix}_v_list_dim0": (np.arange(n0) + 0.5) * SHAPE[1] / n0 - 0.5,
            f"{prefix}_v_list_dim1": (np.arange(n1) + 0.5) * SHAPE[0] / n1 - 0.5,
        }
    return made | {
        "beam_center_x": 7.5,
        "beam_center_y": 3.25,
        "pixel_size": 1e-4,
        "detector_distance": 2.0,
        "energy": 9.0,
        "source_file": "a.h5",
    }


def foreign(path):
    """Return what a file tells, read in this process; ``read_foreign_qmap`` takes half a second more."""
    with h5py.File(path) as file:
        return foreign_qmap(read_content(file["qmap"]), source=path.name, group="/qmap")


def write(path, datasets=None, *, group="qmap", more=None, **attributes):
    """Write a group; ``more(group)`` adds to it what datasets cannot say."""
    datasets = content() if datasets is None else datasets
    with h5py.File(path, "w") as file:
        made = file.create_group(group)
        for name, value in datasets.items():
            made[name] = value
            if "_v_list_" in name:
                dimension = int(name[-1])
                marks = {"name": "xy"[dimension], "unit": "pixel", "size": np.size(value)}
                made[name].attrs.update(marks)
        made.attrs.update(attributes)
        if more is not None:
            more(made)
    return path
