"""Stands for what an apsbits instrument has already: ``init_RE`` and devices; simulated, for no hardware."""

from bluesky import RunEngine
from bluesky.plans import count, scan  # noqa: F401  at the prompt
from bluesky.preprocessors import SupplementalData
from ophyd import Component, Device

from xpcs_mask_bluesky.simulation.signals import UnitSignal


class Lambda(Device):  # site: make_devices() of apsbits, from configs/ad_devices.yml
    stats1_total = Component(UnitSignal, value=0, units="counts")


class Huber(Device):
    nu = Component(UnitSignal, value=0.0, units="degrees")
    delta = Component(UnitSignal, value=0.0, units="degrees")


lambda2M, huber = Lambda(name="lambda2M"), Huber(name="huber")  # noqa: N816  its name
RE, sd = RunEngine(), SupplementalData()  # site: RE, sd = init_RE(iconfig, …) of apsbits
RE.preprocessors.append(sd)
