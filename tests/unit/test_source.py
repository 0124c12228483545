"""Where a geometry is in run documents: units, trust, and what is missing."""

import copy
import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from xpcs_mask_bluesky import GeometrySource
from xpcs_mask_bluesky.documents import GeometryChange, GeometryFault, GeometryTracker

FIELDS = {
    "incident_energy": [{"where": "configuration", "key": "mono_energy"}],
    "distance": [
        {"where": "event", "key": "length", "unit": "mm"},
        {"where": "baseline", "key": "length", "unit": "mm"},
        {"where": "const", "value": 5.0, "unit": "m"},
    ],
    "beam_center_x": [{"where": "start", "key": "beam.det", "index": 0, "unit": "px"}],
    "beam_center_y": [{"where": "start", "key": "beam.det", "index": 1, "unit": "px"}],
    "x_pixel_size": [{"where": "const", "value": 75, "unit": "µm", "assumed": True}],
    "y_pixel_size": [{"where": "const", "value": 75, "unit": "µm"}],
    "shape": [{"where": "data_key", "key": "det_image"}],
}


def source(**changes) -> GeometrySource:
    return GeometrySource.model_validate({"detector": "det", "fields": FIELDS | changes})


def run(*, energy=10.0, unit="KeV", events=1, baseline=None, length=None):
    """Return the documents of a run of a detector, with a baseline or a scanned length when asked."""
    keys = {"det_image": {"dtype": "array", "shape": [8, 60, 80]}}
    if length is not None:
        keys["length"] = {"dtype": "number", "shape": [], "units": "mm"}
    mono = {
        "data": {"mono_energy": energy},
        "data_keys": {"mono_energy": {"dtype": "number", "shape": [], "units": unit}},
        "timestamps": {"mono_energy": 1.0},
    }
    docs = [("start", {"uid": "run", "time": 0.0, "detectors": ["det"], "beam": {"det": [33.0, 21.0]}})]
    if baseline is not None:
        docs += [
            ("descriptor", {"uid": "b", "run_start": "run", "name": "baseline", "data_keys": keys | LENGTH}),
            ("event", event("b", 1, {"length": baseline})),
        ]
    docs.append(
        (
            "descriptor",
            {
                "uid": "d",
                "run_start": "run",
                "name": "primary",
                "data_keys": keys,
                "configuration": {"m": mono},
            },
        )
    )
    for number in range(1, events + 1):
        docs.append(("event", event("d", number, {} if length is None else {"length": length(number)})))
    docs.append(("stop", {"uid": "s", "run_start": "run", "time": 99.0}))
    return docs


LENGTH = {"length": {"dtype": "number", "shape": [], "units": "mm"}}


def event(descriptor, number, data):
    return {
        "uid": f"{descriptor}{number}",
        "descriptor": descriptor,
        "seq_num": number,
        "time": float(number),
        "data": data,
        "timestamps": dict.fromkeys(data, float(number)),
    }


def findings(docs, **changes):
    tracker = GeometryTracker(source(**changes))
    return [found for name, doc in docs for found in tracker(name, doc)]


def only(docs, **changes):
    (found,) = findings(docs, **changes)
    return found


def test_units_are_converted_and_every_field_says_where_it_comes_from():
    found = only(run())
    assert isinstance(found, GeometryChange)
    assert found.record.incident_energy == 10.0
    assert found.record.distance == 5.0
    assert found.record.x_pixel_size == 75e-6
    assert found.record.shape == (60, 80)
    energy = found.provenance["incident_energy"]
    assert (energy.key, energy.stream, energy.unit, energy.unit_source) == (
        "mono_energy",
        "primary",
        "KeV",
        "document",
    )
    assert found.provenance["x_pixel_size"].assumed
    assert not found.provenance["y_pixel_size"].assumed


def test_a_scanned_motor_makes_one_change_for_each_value():
    found = findings(run(events=4, length=lambda number: 4000.0 if number < 3 else 5000.0))
    assert [(each.seq_num, each.record.distance, each.changed) for each in found] == [
        (1, 4.0, ()),
        (3, 5.0, ("distance",)),
    ]


def test_the_baseline_is_trusted_before_a_constant():
    assert only(run(baseline=4321.0)).record.distance == 4.321


def test_a_second_descriptor_by_configure_changes_the_geometry():
    docs = run(events=1)
    second = copy.deepcopy(docs[1][1]) | {"uid": "d2"}
    second["configuration"]["m"]["data"]["mono_energy"] = 9.0
    docs[3:3] = [("descriptor", second), ("event", event("d2", 2, {}))]
    found = findings(docs)
    assert [(each.seq_num, each.record.incident_energy) for each in found] == [(1, 10.0), (2, 9.0)]


def test_exported_events_in_any_order_are_one_geometry_from_the_first_event():
    docs = run(events=5)
    docs[2:7] = [docs[5], docs[2], docs[6], docs[3], docs[4]]
    assert only(docs).seq_num == 1


@pytest.mark.parametrize(
    ("docs", "said"),
    [
        (run(unit=""), "declares no unit"),
        (run(unit="furlong per"), "incident_energy from configuration mono_energy"),
        (run(unit="mm"), "length"),
        (run(energy=math.nan), "expected a finite number"),
        (run(energy="ten"), "'ten'"),
        (run(energy=None), "None"),
        (run(energy=-10.0), "greater than 0"),
        (run(baseline=0.0), "distance from baseline length: got 0.0"),
    ],
)
def test_a_wrong_value_is_a_fault_that_names_field_place_and_value(docs, said):
    fault = only(docs)
    assert isinstance(fault, GeometryFault)
    assert said in fault.message


def test_missing_fields_are_listed_with_the_places_looked_at():
    docs = run()
    del docs[0][1]["beam"]
    docs[1][1]["configuration"] = {}
    message = only(docs).message
    for expected in ("incident_energy", "beam_center_x", "configuration mono_energy", "start beam.det"):
        assert expected in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distance": "keV"}, "fields.distance from event key: unit 'keV' measures an energy"),
        ({"incident_energy": "furlong"}, "incident_energy from event key: unit 'furlong' measures a length"),
        ({"distance": "parrot"}, "distance from event key: unit 'parrot' is unknown"),
        ({"beam_center_x": "m"}, "beam_center_x from event key: unit 'm' measures a length"),
    ],
)
def test_a_unit_that_cannot_be_the_fields_is_refused_before_any_run(tmp_path, changes, said):
    fields = {field: [{"where": "event", "key": "key", "unit": unit}] for field, unit in changes.items()}
    path = tmp_path / "source.yaml"
    path.write_text(yaml.safe_dump({"detector": "det", "fields": FIELDS | fields}))
    with pytest.raises(ValueError, match=said):
        GeometrySource.from_yaml(path)


@pytest.mark.parametrize("unit", ["px", "keV"])
def test_the_unit_of_a_stage_and_of_a_wavelength_is_checked_too(unit):
    place = {"where": "event", "key": "key", "unit": unit}
    with pytest.raises(ValueError, match="wavelength from event key"):
        GeometrySource.model_validate({"detector": "det", "fields": FIELDS, "wavelength": [place]})
    shift = {"places": [{"where": "event", "key": "x", "unit": "mm"}], "reference": 0.0, "unit": unit}
    with pytest.raises(ValueError, match=r"shifts\.beam_center_x from const"):
        GeometrySource.model_validate(
            {"detector": "det", "fields": FIELDS, "shifts": {"beam_center_x": shift}}
        )


def test_a_unit_that_contradicts_the_source_is_a_fault():
    contradicting = [{"where": "configuration", "key": "mono_energy", "unit": "eV"}]
    assert "which is right?" in only(run(), incident_energy=contradicting).message


def test_a_wavelength_that_contradicts_the_energy_is_a_fault():
    tracker = GeometryTracker(
        source().model_copy(
            update={
                "wavelength": GeometrySource.model_validate(
                    {"detector": "det", "wavelength": [{"where": "const", "value": 1.0, "unit": "Å"}]}
                ).wavelength
            }
        )
    )
    found = [each for name, doc in run() for each in tracker(name, doc)]
    assert "which one is stale" in found[0].message


def test_defaults_are_assumed_only_when_asked_for_and_marked():
    nothing = GeometrySource.model_validate(
        {"detector": "det", "fields": {"shape": FIELDS["shape"]}, "assume_defaults": True}
    )
    tracker = GeometryTracker(nothing)
    (found,) = [each for name, doc in run() for each in tracker(name, doc)]
    assert found.record.beam_center_x == 39.5
    assert found.provenance["distance"].assumed


def test_a_stage_shifts_the_centre():
    shifts = {
        "beam_center_x": {
            "places": [{"where": "const", "value": 1.5, "unit": "mm"}],
            "reference": 0.0,
            "unit": "mm",
            "sign": -1,
        }
    }
    moved = GeometrySource.model_validate({"detector": "det", "fields": FIELDS, "shifts": shifts})
    tracker = GeometryTracker(moved)
    (found,) = [each for name, doc in run() for each in tracker(name, doc)]
    assert found.record.beam_center_x == pytest.approx(33.0 - 20.0)


def test_without_a_start_a_run_is_followed_from_where_it_was_met():
    found = findings(run()[1:], beam_center_x=[CENTER], beam_center_y=[CENTER])
    assert [each.run_uid for each in found] == ["run"]


CENTER = {"where": "const", "value": 20.0, "unit": "px"}


def test_a_run_of_another_detector_is_left_alone():
    docs = run()
    docs[0][1]["detectors"] = ["other"]
    docs[1][1]["data_keys"] = {"detail_image": {"dtype": "array", "shape": [1, 4, 4]}}
    assert findings(docs) == []


def test_a_run_without_events_is_linked_at_its_stop():
    docs = [doc for doc in run() if doc[0] != "event"]
    assert only(docs).seq_num == 0


def test_presets_fill_in_the_detector_and_name_what_is_there():
    preset = GeometrySource.preset("ophyd-eiger", detector="det")
    assert preset.fields["distance"][0].key == "det_cam_det_distance"
    with pytest.raises(ValueError, match="xpcs-sim"):
        GeometrySource.preset("ophyd", detector="det")
    with pytest.raises(ValueError, match="needs detector"):
        GeometrySource.preset("ophyd-eiger")


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(energy=values, unit=st.text(max_size=8), length=values)
def test_documents_are_never_changed_and_any_value_is_a_change_or_a_fault(energy, unit, length):
    docs = run(energy=energy, unit=unit, events=2, length=lambda _: length)
    before = repr(docs)
    assert all(isinstance(found, GeometryChange | GeometryFault) for found in findings(docs))
    assert repr(docs) == before
