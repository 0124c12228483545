"""Statistics of the frames of a run in Tiled."""

import numpy as np

from tests.system.test_store_edit import record_frames
from xpcs_mask_bluesky import FrameStatistics, rejecting, suspects


def test_the_frames_of_a_run_in_tiled_make_a_proposal_that_an_edit_takes(catalog):
    shape = (20, 30)
    frames = np.random.default_rng(1).poisson(5, (60, *shape)).astype(np.uint16)
    frames[:, 3, 4] += 200
    uid = record_frames(catalog, frames)
    statistics = FrameStatistics.of(catalog.client[catalog.raw][uid]["primary"]["eiger4M_image"])
    assert statistics.frames == 60
    np.testing.assert_allclose(statistics.variance, frames.var(axis=0), rtol=1e-10)
    detector = catalog.create_detector("eiger4M", shape=shape)
    detector.edit(author="me").apply(rejecting(suspects(statistics, np.ones(shape, int))))
    assert np.argwhere(~np.asarray(detector.mask())).tolist() == [[3, 4]]
