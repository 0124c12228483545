"""What a geometry takes and refuses."""

import math

import pytest

from xpcs_mask_bluesky import GeometryRecord, q_map

GOOD = {
    "incident_energy": 10.0,
    "distance": 5.0,
    "beam_center_x": 100.0,
    "beam_center_y": 90.0,
    "x_pixel_size": 75e-6,
    "y_pixel_size": 75e-6,
    "shape": (181, 201),
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("distance", 0),
        ("distance", -1.0),
        ("incident_energy", -10.0),
        ("incident_energy", math.nan),
        ("beam_center_x", math.inf),
        ("x_pixel_size", 0.0),
        ("shape", (0, 5)),
        ("shape", (5,)),
        ("swing_angle_horizontal", 200.0),
        ("bcx", 5.0),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises(ValueError, match=field):
        GeometryRecord.model_validate(GOOD | {field: value})


def test_a_centre_far_off_the_detector_is_allowed():
    record = GeometryRecord.model_validate(GOOD | {"beam_center_x": -5000.0})
    assert q_map(record)["q"].min() > 0


def test_equal_values_have_equal_digests_and_others_do_not():
    record = GeometryRecord.model_validate(GOOD)
    assert len(record.digest) == 64
    assert GeometryRecord.model_validate(GOOD | {"distance": 5}).digest == record.digest
    assert GeometryRecord.model_validate(GOOD | {"swing_angle_vertical": -0.0}).digest == record.digest
    assert GeometryRecord.model_validate_json(record.model_dump_json()).digest == record.digest
    assert record.model_copy(update={"distance": 5.1}).digest != record.digest


def test_no_direct_beam_pixel_behind_the_sample():
    assert GeometryRecord.model_validate(GOOD | {"swing_angle_vertical": 95.0}).direct_beam is None
