"""A calibration is proposed, accepted by a person, and then counts: in the log, and in runs."""

import time
from datetime import UTC, datetime

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plans as bp

from xpcs_mask_bluesky import (
    CalibrationProposal,
    GeometryRecord,
    GeometrySource,
    PartitionCallback,
    PartitionRecipe,
)
from xpcs_mask_bluesky.masks import ImageReference
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

SHAPE = (256, 256)
RECIPE = PartitionRecipe(dynamic=(10, 1), static=(60, 6))


def record(x: float, shape=SHAPE) -> GeometryRecord:
    return GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=x,
        beam_center_y=82.6,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )


def proposal(x: float, shape=SHAPE) -> CalibrationProposal:
    return CalibrationProposal(
        before=record(171.3, shape),
        record=record(x, shape),
        fields=("beam_center_x", "beam_center_y"),
        covariance=((1e-4, 0.0), (0.0, 4e-4)),
        image=ImageReference(digest="ab" * 32, run="run-of-image", stream="primary", frames="0-9"),
        mask="cd" * 32,
        pixels=1000,
        chi_squared=1.0,
    )


def test_what_was_accepted_is_read_back_now_and_at_a_time(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    with pytest.raises(LookupError, match="no calibration of 'eiger4M' was accepted"):
        eiger.calibration()
    eiger.accept_calibration(proposal(170.0), author="ana", reason="AgBh this morning")
    between = datetime.now(UTC)
    time.sleep(0.01)
    eiger.accept_calibration(proposal(169.0), author="bo", reason="after the realignment")
    newest, first = eiger.calibration(), eiger.calibration(at=between)
    assert (newest.values["beam_center_x"], first.values["beam_center_x"]) == (169.0, 170.0)
    assert newest.uncertainties == {"beam_center_x": 0.01, "beam_center_y": 0.02}
    assert (first.author, first.reason, first.image.run) == ("ana", "AgBh this morning", "run-of-image")
    entries = eiger.log("calibration accepted")
    assert [entry.seq for entry in entries] == [first.revision, newest.revision]
    assert entries[0].inputs["image"] == "ab" * 32
    assert "beam_center_x 170 ± 0.01" in first.describe()


def test_no_reason_or_another_detector_is_refused(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    with pytest.raises(ValueError, match="reason="):
        eiger.accept_calibration(proposal(170.0), reason=" ")
    with pytest.raises(ValueError, match=r"calibration's image is \(256, 300\)"):
        eiger.accept_calibration(proposal(170.0, (256, 300)), reason="x")
    assert not eiger.log()


def calibrated_source() -> GeometrySource:
    """The simulated beamline's, but for the beam's column, which is calibrated."""
    source = GeometrySource.preset("xpcs-sim", detector="eiger4M").model_dump()
    source["fields"]["beam_center_x"] = ({"where": "calibration", "key": "beam_center_x"},)
    return GeometrySource.model_validate(source)


def test_runs_take_the_accepted_value_without_a_hand_in_any_file(catalog, tmp_path):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    accepted = eiger.accept_calibration(proposal(170.25), reason="AgBh")
    beamline = SimulatedBeamline(tmp_path / "frames")
    callback = PartitionCallback(catalog, spool=tmp_path / "spool")
    callback.watch("eiger4M", source=calibrated_source(), recipe=RECIPE)
    engine = RunEngine({}, context_managers=[])
    engine.preprocessors.append(_baseline(beamline))
    engine.subscribe(callback)
    (first,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    again = eiger.accept_calibration(proposal(168.5), reason="another morning")
    uids = []

    def followed() -> bool:
        uids.extend(engine(bp.count([beamline.detector, beamline.mono])))
        assert callback.flush(30)
        return eiger.partition(run=uids[-1]).partition.record.beam_center_x == 168.5

    assert any(followed() for _ in range(10))
    assert eiger.partition(run=first).partition.record.beam_center_x == 170.25
    told = {
        entry.lineage["run_uid"]: entry.body["provenance"]["beam_center_x"] for entry in eiger.log("run use")
    }
    assert told[first]["document"] == f"eiger4M/log/{accepted.revision:08d}"
    assert told[uids[-1]]["document"] == f"eiger4M/log/{again.revision:08d}"
    assert told[first]["where"] == "calibration"
    callback.close()


def _baseline(beamline):
    from bluesky.preprocessors import SupplementalData

    return SupplementalData(baseline=beamline.geometry_devices)


def test_without_an_accepted_calibration_the_place_is_named(catalog, tmp_path):
    beamline = SimulatedBeamline(tmp_path / "frames")
    catalog.create_detector("eiger4M", shape=SHAPE)
    callback = PartitionCallback(catalog, spool=tmp_path / "spool")
    callback.watch("eiger4M", source=calibrated_source(), recipe=RECIPE)
    engine = RunEngine({}, context_managers=[])
    engine.preprocessors.append(_baseline(beamline))
    engine.subscribe(callback)
    engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30)
    assert (
        "no beam_center_x for eiger4M; looked at: beam_center_x: calibration"
        in callback.status()["last_error"]
    )
    callback.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"fields": {"distance": ({"where": "calibration", "key": "beam_center_x"},)}},
            "key must be 'distance'",
        ),
        (
            {
                "fields": {"beam_center_x": ({"where": "calibration", "key": "beam_center_x"},)},
                "shifts": {
                    "beam_center_x": {
                        "places": ({"where": "baseline", "key": "stage", "unit": "mm"},),
                        "reference": 0.0,
                        "unit": "mm",
                    }
                },
            },
            "a stage shifts beam_center_x too",
        ),
    ],
)
def test_a_calibration_that_would_be_applied_wrongly_is_refused(catalog, tmp_path, changes, said):
    callback = PartitionCallback(catalog, spool=tmp_path / "spool")
    source = GeometrySource.model_validate({"detector": "eiger4M", **changes})
    with pytest.raises(ValueError, match=said):
        callback.watch("eiger4M", source=source)
    assert np.array_equal(callback.status()["received"], 0)
