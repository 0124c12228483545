"""What a geometry takes and refuses."""

import math

import pytest

from xpcs_mask_bluesky import (
    Circle,
    GeometryRecord,
    GeometrySource,
    PartitionRecipe,
    incident_angle_from_specular,
    q_map,
    specular_disagreement,
)

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
        ("tilt_pitch", 90.0),
        ("tilt_roll", 181.0),
        ("incident_angle", 90.5),
        ("incident_angle", -0.1),
        ("incident_angle", math.nan),
        ("orientation", 45),
        ("orientation", 360),
        ("orientation", "north"),
        ("orientation", 90),  # without an incident angle
        ("delta", -1e-6),
        ("delta", 1e-6),  # without an incident angle
        ("beta", -1e-9),
        ("beta", 1e-9),
        ("bcx", 5.0),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises(ValueError, match=field):
        GeometryRecord.model_validate(GOOD | {field: value})


@pytest.mark.parametrize(
    ("field", "value", "likely"),
    [
        ("incident_energy", 10_000, r"10000 keV is not plausible; expected 0.1 to 1000 keV: was it in eV\?"),
        ("incident_energy", 0.01, "0.01 keV is not plausible; expected 0.1 to 1000 keV"),
        ("distance", 5000, r"5000 m is not plausible; expected 1e-06 to 1000 m: was it in mm\?"),
        ("distance", 5e6, r"was it in µm\?"),
        ("x_pixel_size", 75, r"75 m is not plausible; expected 1e-07 to 0.01 m: was it in µm\?"),
        ("y_pixel_size", 0.075, r"was it in mm\?"),
    ],
)
def test_a_number_in_another_unit_is_refused_with_the_likely_unit(field, value, likely):
    with pytest.raises(ValueError, match=likely):
        GeometryRecord.model_validate(GOOD | {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("incident_energy", 0.1),
        ("incident_energy", 1000),
        ("distance", 1e-3),
        ("distance", 1000),
        ("x_pixel_size", 1e-7),
        ("y_pixel_size", 1e-2),
    ],
)
def test_what_any_instrument_has_is_plausible(field, value):
    assert getattr(GeometryRecord.model_validate(GOOD | {field: value}), field) == value


def test_no_message_sends_anybody_to_pydantics_pages():
    wrong = (
        lambda: GeometryRecord(**GOOD, beta=1.0),
        lambda: GeometryRecord.model_validate({}),
        lambda: PartitionRecipe(dynamic=(5, 1), static=(7, 1)),
        lambda: Circle(row=1, column=1, radius=-1),
        lambda: GeometrySource.model_validate(
            {"detector": "d", "fields": {"distance": [{"where": "event"}]}}
        ),
    )
    for make in wrong:
        with pytest.raises(ValueError) as caught:
            make()
        assert "http" not in str(caught.value)


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


def test_beta_without_delta_is_refused():
    with pytest.raises(ValueError, match="no delta"):
        GeometryRecord.model_validate(GOOD | {"incident_angle": 0.2, "beta": 1e-9})


def test_the_digest_of_a_geometry_without_tilt_or_surface_is_that_of_the_first_version():
    stored = "69ed3ee19eaa734a"  # partitions are kept by it
    record = GeometryRecord.model_validate(GOOD)
    assert record.digest.startswith(stored)
    absent = {"tilt_roll": -0.0, "tilt_yaw": 0, "orientation": 0, "incident_angle": None, "delta": None}
    assert GeometryRecord.model_validate(GOOD | absent).digest == record.digest


@pytest.mark.parametrize(
    "change",
    [
        {"tilt_pitch": 0.1},
        {"tilt_yaw": 0.1},
        {"tilt_roll": 0.1},
        {"incident_angle": 0.2},
        {"incident_angle": 0.2, "orientation": 90},
        {"incident_angle": 0.2, "delta": 1e-6},
        {"incident_angle": 0.2, "delta": 1e-6, "beta": 1e-9},
    ],
)
def test_each_new_field_has_its_part_in_the_digest(change):
    record = GeometryRecord.model_validate(GOOD | change)
    less = {key: change[key] for key in list(change)[:-1]}
    assert record.digest != GeometryRecord.model_validate(GOOD | less).digest
    assert GeometryRecord.model_validate_json(record.model_dump_json()).digest == record.digest


def test_an_orientation_read_as_a_float_is_the_same():
    grazing = GOOD | {"incident_angle": 0.2}
    assert (
        GeometryRecord.model_validate(grazing | {"orientation": 90.0}).digest
        == GeometryRecord.model_validate(grazing | {"orientation": 90}).digest
    )


@pytest.mark.parametrize(("orientation", "side"), [(0, (0, -1)), (90, (-1, 0)), (180, (0, 1)), (270, (1, 0))])
def test_the_specular_spot_lies_on_the_side_that_the_orientation_names(orientation, side):
    record = GeometryRecord.model_validate(GOOD | {"incident_angle": 0.3, "orientation": orientation})
    shift = 5.0 * math.tan(math.radians(0.6)) / 75e-6
    expected = (100 + side[0] * shift, 90 + side[1] * shift)
    assert record.specular_pixel == pytest.approx(expected, rel=1e-12)
    assert specular_disagreement(record, *expected) is None
    further = (100 + side[0] * 1.1 * shift, 90 + side[1] * 1.1 * shift)
    assert "0.3300°" in specular_disagreement(record, *further)
    other_side = (100 - side[0] * shift, 90 - side[1] * shift)
    assert f"the side of {(orientation + 180) % 360}" in specular_disagreement(record, *other_side)


def test_a_specular_spot_is_said_from_two_hundredths_of_a_degree_on():
    record = GeometryRecord.model_validate(GOOD | {"incident_angle": 0.3})
    for off, said in ((0.0199, False), (-0.0199, False), (0.0201, True), (-0.0201, True)):
        spot = record.model_copy(update={"incident_angle": 0.3 + off}).specular_pixel
        assert incident_angle_from_specular(record, *spot) == pytest.approx(0.3 + off, abs=1e-12)
        assert (specular_disagreement(record, *spot) is not None) == said
    with pytest.raises(ValueError, match="transmission"):
        specular_disagreement(GeometryRecord.model_validate(GOOD), 1, 1)


def test_derived_values_of_a_surface_are_none_where_they_mean_nothing():
    record = GeometryRecord.model_validate(GOOD)
    assert record.specular_pixel is record.horizon_pixel is record.yoneda_pixel is None
    assert record.surface_normal is record.critical_angle is None
    grazing = GeometryRecord.model_validate(GOOD | {"incident_angle": 0.2})
    assert grazing.yoneda_pixel is None
    assert grazing.horizon_pixel is not None
