"""A geometry source tells the surface too, and never takes a grazing run for transmission."""

import pytest

from tests.unit.test_source import findings, run
from xpcs_mask_bluesky.documents import GeometryChange, GeometryFault

SURFACE = {
    "incident_angle": [{"where": "const", "value": 2.0, "unit": "mrad"}],
    "orientation": [{"where": "const", "value": 90, "unit": "deg"}],
    "delta": [{"where": "const", "value": 5e-6, "unit": "1"}],
    "beta": [{"where": "const", "value": 1e-8, "unit": "1"}],
    "tilt_yaw": [{"where": "const", "value": 1.5, "unit": "deg"}],
}


def test_the_surface_and_the_tilt_come_from_their_places():
    (found,) = findings(run(), **SURFACE)
    assert isinstance(found, GeometryChange)
    assert found.record.incident_angle == pytest.approx(0.1145916, rel=1e-6)
    assert (found.record.orientation, found.record.delta, found.record.beta) == (90, 5e-6, 1e-8)
    assert found.record.tilt_yaw == 1.5
    assert found.provenance["incident_angle"].unit == "mrad"


def test_a_grazing_run_whose_angle_is_not_found_is_no_transmission():
    (found,) = findings(run(), **SURFACE | {"incident_angle": [{"where": "event", "key": "mu"}]})
    assert isinstance(found, GeometryFault)
    assert "incident_angle" in found.message
    assert "event mu" in found.message


def test_without_a_place_for_the_orientation_a_grazing_run_has_no_geometry():
    (found,) = findings(run(), incident_angle=SURFACE["incident_angle"])
    assert isinstance(found, GeometryFault)
    assert "orientation" in found.message


@pytest.mark.parametrize(
    ("field", "value"), [("orientation", 45), ("incident_angle", 91.0), ("delta", -1e-6)]
)
def test_a_wrong_surface_names_its_field_and_value(field, value):
    unit = "1" if field == "delta" else "deg"
    (found,) = findings(run(), **SURFACE | {field: [{"where": "const", "value": value, "unit": unit}]})
    assert isinstance(found, GeometryFault)
    assert field in found.message
    assert f"{value:g}" in found.message
