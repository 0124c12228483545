"""Each preset on documents or files as its beamline makes them."""

import h5py
import pytest
from bluesky import RunEngine
from bluesky import plans as bp
from bluesky.preprocessors import SupplementalData
from ophyd import Component, Device, Signal

from xpcs_mask_bluesky import GeometrySource, read_metadata_hdf
from xpcs_mask_bluesky.documents import GeometryChange, GeometryError, GeometryTracker
from xpcs_mask_bluesky.simulation.signals import UnitSignal


class Image(Signal):
    """A picture whose data key declares the shape that a beamline's detector declares."""

    def __init__(self, *, shape, **kwargs):
        self._shape = shape
        super().__init__(value=0, **kwargs)

    def describe(self):
        return {
            self.name: {"source": "x", "dtype": "array", "shape": list(self._shape), "external": "FILESTORE:"}
        }


class ChxEiger(Device):
    """As CHX's EigerBase declares it: the geometry on the detector itself, not on its cam."""

    beam_center_x = Component(Signal, value=1130, kind="config")
    beam_center_y = Component(Signal, value=1199, kind="config")
    wavelength = Component(UnitSignal, value=1.2845, units="Angstro", kind="config")
    det_distance = Component(UnitSignal, value=10.05, units="m", kind="config")
    photon_energy = Component(UnitSignal, value=9652.0, units="eV", kind="config")
    image = Component(Image, shape=(1, 2167, 2070))


class ChxEiger500k(ChxEiger):
    image = Component(Image, shape=(1030, 514, 1))


class Stage(Device):
    x = Component(UnitSignal, value=120.50935, units="mm")
    y = Component(UnitSignal, value=-135.27025, units="mm")


BEAM_POSITION = {
    "eiger4m": {"beam_center_x": 1126.0, "beam_center_y": 1209.0, "det_x": 120.20935, "det_y": -134.52025},
    "eiger500k": {"beam_center_x": 200, "beam_center_y": 230, "det_x": 120.20935, "det_y": -134.52025},
}


def documents(detector, *, baseline=(), **metadata):
    engine, seen = RunEngine(metadata, context_managers=[]), []
    engine.preprocessors.append(SupplementalData(baseline=list(baseline)))
    engine(bp.count([detector]), lambda name, doc: seen.append((name, doc)))
    return seen


def test_chx_adds_the_stage_to_the_recorded_beam_and_rounds_nothing():
    stage = Stage(name="saxs_detector")
    seen = documents(ChxEiger(name="eiger4m_single"), baseline=[stage], beam_position_dict=BEAM_POSITION)
    source = GeometrySource.preset("nsls2-chx", detector="eiger4m_single", camera="eiger4m")
    found = source.resolve_documents(seen)
    assert found.record.beam_center_x == pytest.approx(1126.0 + 0.3 / 0.075, abs=1e-9)
    assert found.record.beam_center_y == pytest.approx(1209.0 - 0.75 / 0.075, abs=1e-9)
    assert (found.record.incident_energy, found.record.distance) == (pytest.approx(9.652), 10.05)
    assert found.record.shape == (2167, 2070)
    origin = found.provenance["beam_center_x"], found.provenance["beam_center_x shift"]
    assert [(each.where, each.key) for each in origin] == [
        ("start", "beam_position_dict.eiger4m.beam_center_x"),
        ("baseline", "saxs_detector_x"),
    ]


def test_chx_without_the_stage_trusts_the_centre_that_was_put_into_the_detector():
    seen = documents(ChxEiger(name="eiger4m_single"), beam_position_dict=BEAM_POSITION)
    source = GeometrySource.preset("nsls2-chx", detector="eiger4m_single", camera="eiger4m")
    found = source.resolve_documents(seen)
    assert (found.record.beam_center_x, found.record.beam_center_y) == (1130, 1199)
    assert found.provenance["beam_center_x"].where == "configuration"
    assert "beam_center_x shift" not in found.provenance


def test_the_500k_of_chx_has_its_axes_swapped_because_its_preset_says_so():
    stage = Stage(name="saxs_detector")
    seen = documents(
        ChxEiger500k(name="eiger500K_single"), baseline=[stage], beam_position_dict=BEAM_POSITION
    )
    source = GeometrySource.preset("nsls2-chx-500k", detector="eiger500K_single", camera="eiger500k")
    record = source.resolve_documents(seen).record
    assert record.shape == (514, 1030)
    assert record.beam_center_x == pytest.approx(200 - 0.75 / 0.075, abs=1e-9)
    assert record.beam_center_y == pytest.approx(230 - 0.3 / 0.075, abs=1e-9)


class Registers(Device):
    """The registers of 8-ID that tell geometry; their records carry no unit."""

    det_name = Component(Signal, value="rigaku3M")
    det_pixel_size = Component(Signal, value=76e-6)
    current_det_x0 = Component(Signal, value=-250.0)
    current_det_y0 = Component(Signal, value=170.0)
    current_db_x0 = Component(Signal, value=1378.0)
    current_db_y0 = Component(Signal, value=852.0)


class Mono(Device):
    energy = Component(UnitSignal, value=12.184, units="keV")
    wavelength = Component(UnitSignal, value=1.01760, units="Angstro")


class FlightPath(Device):
    swing = Component(UnitSignal, value=0.25, units="degrees")


class Rigaku(Device):
    image = Component(Image, shape=(1, 1676, 2100))


def registers(**changes):
    names = {"rows": 1676, "columns": 2100, "distance": 22, "swing_vertical": "none"}
    names |= {"detector": "rigaku3M", "swing_horizontal": "flight_path_8idi_swing"}
    return GeometrySource.preset("aps-8id-registers", **names | changes)


def test_the_registers_of_8id_with_the_stage_elsewhere():
    detector = Stage(name="detector")
    detector.x.put(-249.24)
    detector.y.put(170.0)
    baseline = [
        Registers(name="pv_registers"),
        Mono(name="mono"),
        FlightPath(name="flight_path_8idi"),
        detector,
    ]
    found = registers().resolve_documents(documents(Rigaku(name="rigaku3M"), baseline=baseline))
    assert found.record.beam_center_x == pytest.approx(1378 + 0.76 / 0.076, abs=1e-9)
    assert found.record.beam_center_y == pytest.approx(852.0, abs=1e-9)
    assert (found.record.distance, found.record.swing_angle_horizontal) == (22, 0.25)
    assert found.provenance["swing_angle_vertical"].assumed
    assert not found.provenance["beam_center_x"].assumed


def test_the_registers_of_8id_without_a_stage_say_that_its_position_is_assumed():
    baseline = [Registers(name="pv_registers"), Mono(name="mono"), FlightPath(name="flight_path_8idi")]
    found = registers().resolve_documents(documents(Rigaku(name="rigaku3M"), baseline=baseline))
    assert found.record.beam_center_x == 1378
    assert found.provenance["beam_center_x"].assumed


def test_registers_of_another_detector_are_not_taken_for_this_one():
    baseline = [Registers(name="pv_registers"), Mono(name="mono")]
    seen = documents(Rigaku(name="eiger4M"), baseline=baseline)
    with pytest.raises(
        GeometryError, match=r"det_name is 'rigaku3M'; expected 'eiger4M'.*not that of eiger4M"
    ):
        registers(detector="eiger4M").resolve_documents(seen)


METADATA = {
    "detector_1/detector_name": (b"rigaku3M", None),
    "detector_1/beam_center_x": (1676.0, "m"),
    "detector_1/beam_center_y": (853.0, "m"),
    "detector_1/beam_center_position_x": (-0.23, "m"),
    "detector_1/beam_center_position_y": (0.17, "m"),
    "detector_1/position_x": (-0.22992400, "m"),
    "detector_1/position_y": (0.17, "m"),
    "detector_1/distance": (11.60002283, "m"),
    "detector_1/x_pixel_size": (7.6e-05, "m"),
    "detector_1/y_pixel_size": (7.6e-05, "m"),
    "detector_1/flightpath_swing": (0.001338623, "degree"),
    "incident_beam/incident_energy": (12.184122959, "keV"),
}


@pytest.fixture
def metadata_file(tmp_path):
    path = tmp_path / "A001_sample_metadata.hdf"
    with h5py.File(path, "w") as file:
        for name, (value, unit) in METADATA.items():
            node = file.create_dataset(f"/entry/instrument/{name}", data=value)
            node.attrs["NX_Class"] = "NX_NUMBER"
            if unit:
                node.attrs["unit"] = unit
    return path


def nexus(detector="rigaku3M"):
    return GeometrySource.preset("aps-8id-nexus", detector=detector, rows=1676, columns=2100)


def test_a_metadata_file_of_8id_is_a_geometry_with_the_effective_centre(metadata_file):
    found = nexus().resolve_documents(read_metadata_hdf(metadata_file, detector="rigaku3M"))
    assert found.record.beam_center_x == pytest.approx(1676 + 0.000076 / 7.6e-5, abs=1e-6)
    assert (found.record.beam_center_y, found.record.distance) == (853, 11.60002283)
    assert found.record.swing_angle_horizontal == 0.001338623
    centre = found.provenance["beam_center_x"]
    assert (centre.key, centre.unit, centre.unit_source) == (
        "/entry/instrument/detector_1/beam_center_x",
        "px",
        "source",
    )
    assert found.provenance["swing_angle_vertical"].assumed


def test_a_metadata_file_is_a_run_that_a_tracker_follows_and_the_same_one_when_read_again(metadata_file):
    tracker = GeometryTracker(nexus())
    seen = read_metadata_hdf(metadata_file, detector="rigaku3M")
    (found,) = [each for name, doc in seen for each in tracker(name, doc)]
    assert isinstance(found, GeometryChange)
    assert found.run_uid == seen[0][1]["uid"] == read_metadata_hdf(metadata_file, detector="x")[0][1]["uid"]


def test_a_metadata_file_of_another_detector_or_none_at_all_is_refused(metadata_file, tmp_path):
    with pytest.raises(GeometryError, match="not that of lambda2M"):
        nexus("lambda2M").resolve_documents(read_metadata_hdf(metadata_file, detector="lambda2M"))
    text = tmp_path / "text.hdf"
    text.write_text("no HDF5")
    with pytest.raises(ValueError, match="cannot be read as HDF5"):
        read_metadata_hdf(text, detector="rigaku3M")
    h5py.File(tmp_path / "empty.hdf", "w").close()
    with pytest.raises(ValueError, match="is it a metadata file"):
        read_metadata_hdf(tmp_path / "empty.hdf", detector="rigaku3M")
