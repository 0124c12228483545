"""What a partition node and a Q-map node answer, whoever serves them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import h5py
import numpy as np

from xpcs_mask_bluesky import GeometryRecord, q_map, read_qmap

SHAPE = (60, 80)


def geometry(distance: float = 5.0, **kwargs) -> GeometryRecord:
    return GeometryRecord(
        incident_energy=10.0,
        distance=distance,
        beam_center_x=31.0,
        beam_center_y=22.0,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=SHAPE,
        **kwargs,
    )


def curl(address: str, key: str | None, path: Path) -> int:
    """Download with curl, and return the status; the key goes in by standard input."""
    config = f'header = "Authorization: Apikey {key}"' if key else ""
    done = subprocess.run(
        ["curl", "--noproxy", "*", "-sS", "-K", "-", "-o", path, "-w", "%{http_code}", address],
        input=config,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def file_address(uri: str, path: str, media_type: str = "application/x-hdf5") -> str:
    """Return the address that answers with the file of a partition."""
    return f"{uri.rstrip('/')}/api/v1/container/full/{path}?format={media_type}"


def check_curl_gets_the_partition(uri: str, key: str, use, directory: Path) -> Path:
    """A file that curl got is the partition."""
    path = directory / "qmap.hdf"
    assert curl(file_address(uri, use.path), key, path) == 200
    assert read_qmap(path).digest == use.digest
    return path


def check_curl_gets_nxxpcs(uri: str, key: str, use, directory: Path) -> None:
    """The other media type is an NXxpcs file of the same partition."""
    path = directory / "nxxpcs.hdf"
    assert curl(file_address(uri, use.path, "application/x-nexus"), key, path) == 200
    with h5py.File(path) as file:
        masks = file["entry/instrument/masks"]
        for name in ("dynamic_roi_map", "static_roi_map"):
            assert np.array_equal(masks[name][()], getattr(use.partition, name))


def check_q_maps_are_computed(client, detector_path: str, record: GeometryRecord) -> None:
    """An ordinary Tiled client reads each map of a geometry, equal bit for bit, and any part of it."""
    expected, node = q_map(record), client[f"{detector_path}/qmaps/{record.digest}"]
    assert tuple(node) == expected.axes
    for axis in expected.axes:
        read = node[axis].read()
        assert read.dtype == np.float64
        assert read.tobytes() == expected[axis].tobytes()
        assert node[axis].metadata["unit"] == expected.units[axis]
    assert np.array_equal(node["phi"][3:9, 70:], expected["phi"][3:9, 70:])
