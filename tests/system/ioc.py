"""A beamline's EPICS server, in a process of its own: geometry, a camera, and a string for a file's name.

``python -m tests.system.ioc PREFIX`` serves until it is killed. Units are cut at 7 characters, as
Channel Access cuts them.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from caproto import ChannelType
from caproto.server import PVGroup, SubGroup, get_pv_pair_wrapper, pvproperty, run

ROWS, COLUMNS = 120, 160
PIXEL_SIZE = 75e-6

pair = get_pv_pair_wrapper(setpoint_suffix="", readback_suffix="_RBV")


def number(value: float, units: str, **kwargs: Any) -> Any:
    return pvproperty(value=value, units=units, precision=6, **kwargs)


def both(value: float, units: str, name: str) -> Any:
    """A setpoint and its readback."""
    return pair(value=value, units=units, precision=6, name=name)


class Motor(PVGroup):
    """A motor record that arrives at once."""

    position = pvproperty(value=0.0, name="", record="motor", units="mm", precision=6)

    @position.startup
    async def position(self, instance, _library) -> None:
        fields = instance.field_inst
        await fields.velocity.write(1.0)
        await fields.done_moving_to_value.write(1)
        await fields.user_readback_value.write_metadata(units="mm", precision=6)  # as a real record has it

    @position.putter
    async def position(self, instance, value) -> None:
        fields = instance.field_inst
        await fields.done_moving_to_value.write(0)
        await fields.user_readback_value.write(value)
        await fields.done_moving_to_value.write(1)


class Camera(PVGroup):
    """What ophyd's ``EigerDetectorCam`` reads as configuration, and a picture at each acquisition."""

    beam_center_x = both(70.25, "pixels", "BeamX")
    beam_center_y = both(50.5, "pixels", "BeamY")
    photon_energy = both(10_000.0, "eV", "PhotonEnergy")
    threshold_energy = both(5_000.0, "eV", "ThresholdEnergy")
    wavelength = both(1.239842, "Angstro", "Wavelength")
    det_distance = both(5.0, "m", "DetDist")
    acquire_time = both(0.1, "s", "AcquireTime")
    acquire_period = both(0.1, "s", "AcquirePeriod")
    num_triggers = pair(value=1, name="NumTriggers")
    num_images = pair(value=1, name="NumImages")
    num_exposures = pair(value=1, name="NumExposures")
    image_mode = pair(value=0, name="ImageMode")
    trigger_mode = pair(value=0, name="TriggerMode")
    shutter_mode = pair(value=0, name="ShutterMode")
    manual_trigger = pair(value=0, name="ManualTrigger")
    special_trigger_button = pvproperty(value=0, name="Trigger")
    manufacturer = pvproperty(value="Dectris", name="Manufacturer_RBV", dtype=ChannelType.STRING)
    port_name = pvproperty(value="EIG", name="PortName_RBV", dtype=ChannelType.STRING)
    model = pvproperty(value="Eiger", name="Model_RBV", dtype=ChannelType.STRING)
    x_pixel_size = number(PIXEL_SIZE, "m", name="XPixelSize_RBV")
    y_pixel_size = number(PIXEL_SIZE, "m", name="YPixelSize_RBV")
    array_counter = pair(value=0, name="ArrayCounter")
    acquire = pair(value=0, name="Acquire")

    @acquire.setpoint.putter
    async def acquire(self, _instance, value) -> int:
        await self.readback.write(value)
        if value:
            await self.parent.parent.expose()
            await self.readback.write(0)
        return 0


class Beamline(PVGroup):
    """All of it."""

    camera = SubGroup(Camera, prefix="cam1:")
    stage_x = SubGroup(Motor, prefix="stage:x")
    stage_y = SubGroup(Motor, prefix="stage:y")
    energy = number(10.0, "keV", name="mono:Energy")
    length = number(5000.0, "mm", name="flight:Length")
    swing_horizontal = number(0.0, "deg", name="swing:Horizontal")
    swing_vertical = number(0.0, "deg", name="swing:Vertical")
    qmap_file = pvproperty(value="", name="qmap:File", dtype=ChannelType.STRING)
    image = pvproperty(
        value=[0] * (ROWS * COLUMNS), name="image1:ArrayData", dtype=ChannelType.LONG, read_only=True
    )

    async def expose(self) -> None:
        """Put a picture with rings about the direct beam into the image."""
        camera = self.camera
        column = camera.beam_center_x.setpoint.value + self.stage_x.position.value * 1e-3 / PIXEL_SIZE
        row = camera.beam_center_y.setpoint.value + self.stage_y.position.value * 1e-3 / PIXEL_SIZE
        rows, columns = np.indices((ROWS, COLUMNS))
        radius = np.hypot(rows - row, columns - column)
        counts = 200 * (1 + np.cos(radius / 4)) * np.exp(-radius / 40)
        await self.image.write(counts.astype("int32").ravel())
        await camera.array_counter.readback.write(camera.array_counter.readback.value + 1)


async def say_ready(_library: Any) -> None:
    print("ready", flush=True)


if __name__ == "__main__":
    run(Beamline(prefix=sys.argv[1]).pvdb, interfaces=["127.0.0.1"], startup_hook=say_ready)
