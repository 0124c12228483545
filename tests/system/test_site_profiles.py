"""The profiles that APS and NSLS-II copy run as they are, with simulated devices."""

import runpy
from pathlib import Path

import pytest
from bluesky import plan_stubs as bps
from bluesky.plans import count
from bluesky.preprocessors import run_decorator

from xpcs_mask_bluesky import MaskCatalog

PROFILES = Path(__file__).resolve().parents[2] / "profiles"


@pytest.fixture
def profile(catalog, monkeypatch, tmp_path):
    """Run the startup files of a profile in one scope, with the tests' own server."""
    monkeypatch.setattr(MaskCatalog, "open", lambda *_, **__: catalog)
    made = []

    def load(name):
        scope = {}
        for path in sorted((PROFILES / name / "startup").glob("*.py")):
            scope |= runpy.run_path(str(path), init_globals=scope)
        made.append(scope["callback"])
        return scope

    yield load
    for callback in made:
        callback.close()


def test_the_profile_of_nsls2_follows_the_stage_of_its_detector(profile, catalog):
    scope = profile("nsls2_style")
    (uid,) = scope["RE"](count([scope["eiger4m_single"]]))
    assert scope["callback"].flush(60), scope["callback"].status()
    record = catalog["eiger4m_single"].partition(run=uid).partition.record
    assert record.beam_center_x == pytest.approx(1126 + 0.3 / 0.075, abs=1e-6)
    assert record.beam_center_y == 1209.0


def test_the_profile_of_aps_follows_its_geometry_device_and_the_swing_in_mid_run(profile, catalog):
    scope = profile("aps_style")

    @run_decorator(md={"detectors": ["lambda2M"]})
    def plan():
        yield from bps.trigger_and_read([scope["lambda2M"]])
        yield from bps.mv(scope["huber"].delta, 1.5)
        yield from bps.configure(scope["geometry"], {"distance": 2.5})
        yield from bps.trigger_and_read([scope["lambda2M"]])

    (uid,) = scope["RE"](plan())
    assert scope["callback"].flush(60), scope["callback"].status()
    uses = catalog["lambda2M"].partitions(run=uid)
    told = [(use.partition.record.distance, use.partition.record.swing_angle_vertical) for use in uses]
    assert told == [(2.2, 0.0), (2.5, 1.5)]
