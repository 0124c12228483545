# ruff: noqa: F811  fixtures of the other file
"""A correlator that knows HTTP and HDF5 alone, in an environment with nothing else."""

from __future__ import annotations

import json
import os
import subprocess

import numpy as np
from bluesky import plans as bp

from tests.system.peers import READERS, Peer, provided
from tests.system.test_callback import beamline, engine, watching  # noqa: F401
from xpcs_mask_bluesky.server.connection import read_connection
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

PLAIN = Peer(
    name="plain-http",
    package="requests",
    needs=("requests", "h5py"),
    probe="import requests, h5py, numpy",
    newer_python=False,
)


def test_a_program_with_requests_and_h5py_alone_correlates_the_next_run(
    catalog, engine, server_directory, tmp_path
):
    beamline = SimulatedBeamline(server_directory / "frames")
    beamline.detector.cam.num_images.put(12)
    detector = catalog.create_detector("eiger4M", shape=(256, 256))
    server = read_connection(server_directory)
    command = [
        provided(PLAIN).python,
        READERS / "plain_http_correlates.py",
        server.uri,
        f"{catalog.path}/eiger4M",
        catalog.raw,
        beamline.detector.image_key,
        tmp_path / "g2.npz",
    ]
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    correlator = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=clean | {"XPCS_KEY": server.key}
    )
    assert correlator.stdout.readline() == "listening\n"
    callback = watching(catalog, tmp_path)
    engine.subscribe(catalog.tiled_writer())
    engine.subscribe(callback)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    said = json.loads(correlator.communicate(timeout=60)[0])
    assert callback.close()
    use = detector.partition(run=uid)
    assert said == {"run": uid, "digest": use.digest, "bluesky": False}
    answer = np.load(tmp_path / "g2.npz")
    frames = np.asarray(catalog.client[catalog.raw][uid]["primary"][beamline.detector.image_key].read())
    frames = frames.reshape(-1, 256, 256).astype(float)
    assert np.array_equal(answer["images"], frames)
    np.testing.assert_allclose(answer["g2"], by_loops(frames, use.partition, answer["delays"]), rtol=1e-12)


def by_loops(frames: np.ndarray, part, delays) -> np.ndarray:
    """Return g2 by its definition, a static bin at a time."""
    g2 = []
    for label in range(1, part.dynamic_roi_map.max() + 1):
        fine = np.unique(part.static_roi_map[part.dynamic_roi_map == label])
        bins = [frames[:, part.static_roi_map == each] for each in fine]
        g2.append(
            [
                np.mean([(b[:-d] * b[d:]).mean() / (b[:-d].mean() * b[d:].mean()) for b in bins])
                for d in delays
            ]
        )
    return np.array(g2)
