"""Stands for what an NSLS-II profile has already; simulated signals in place of the beamline's PVs."""

from bluesky import RunEngine
from bluesky.plans import count, scan  # noqa: F401  at the prompt
from bluesky.preprocessors import SupplementalData
from ophyd import Component, Device, Kind, Signal

from xpcs_mask_bluesky.simulation.signals import UnitSignal

RE = RunEngine()
sd = SupplementalData()
RE.preprocessors.append(sd)
RE.md["beam_position_dict"] = {
    "eiger4m": {"beam_center_x": 1126.0, "beam_center_y": 1209.0, "det_x": 120.2, "det_y": -134.5}
}


class Image(Signal):
    def describe(self):
        return {self.name: {"source": "sim", "dtype": "array", "shape": [1, 2167, 2070]}}


class Eiger(Device):  # site: EigerSingleTrigger_AD37_V2("XF:11IDB-ES{Det:Eig4M}", name="eiger4m_single")
    beam_center_x = Component(UnitSignal, value=1126, units="pixels", kind=Kind.config)
    beam_center_y = Component(UnitSignal, value=1209, units="pixels", kind=Kind.config)
    det_distance = Component(UnitSignal, value=10.05, units="m", kind=Kind.config)
    photon_energy = Component(UnitSignal, value=9652.0, units="eV", kind=Kind.config)
    wavelength = Component(UnitSignal, value=1.28454, units="Angstro", kind=Kind.config)
    image = Component(Image, value=0)


class Stage(Device):  # site: XYMotor("XF:11IDB-ES{Det:SAXS", name="saxs_detector")
    x = Component(UnitSignal, value=120.5, units="mm")
    y = Component(UnitSignal, value=-134.5, units="mm")


eiger4m_single, saxs_detector = Eiger(name="eiger4m_single"), Stage(name="saxs_detector")
