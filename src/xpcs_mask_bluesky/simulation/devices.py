# ophyd types what a signal returns loosely, and a device's documents too narrowly.
# pyright: reportIncompatibleMethodOverride=false, reportArgumentType=false, reportOperatorIssue=false
"""The simulated beamline's ophyd devices; what they say in documents stands in the package's docstring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ophyd import Component, Device, Kind
from ophyd.status import Status

from xpcs_mask_bluesky.simulation.frames import FrameFile
from xpcs_mask_bluesky.simulation.optics import Optics
from xpcs_mask_bluesky.simulation.physics import Experiment
from xpcs_mask_bluesky.simulation.signals import UnitSignal
from xpcs_mask_bluesky.units import wavelength

CENTER_X, CENTER_Y = 171.3, 82.6
"""Pixel of the direct beam with the stage at its home: well off the diagonal."""
PIXEL_SIZE = 75e-6
"""In m."""
SHAPE = (256, 256)


def _config(units: str, value: float) -> Component[UnitSignal]:
    return Component(UnitSignal, units=units, value=value, kind=Kind.config)


def _reading(units: str, value: float) -> Component[UnitSignal]:
    return Component(UnitSignal, units=units, value=value, kind=Kind.hinted)


class Monochromator(Device):
    """Chooses the photon energy; ``bps.configure(mono, {"energy": 9.5})`` changes it in mid-run."""

    energy = _config("keV", 10.0)


class FlightPath(Device):
    """Its length is the distance from sample to detector."""

    length = _reading("mm", 5000.0)


class Stage(Device):
    """Carries the detector: +x moves the direct beam to larger columns, +y to larger rows."""

    x = _reading("mm", 0.0)
    y = _reading("mm", 0.0)


class Swing(Device):
    """Turns the detector about the sample."""

    horizontal = _reading("deg", 0.0)
    vertical = _reading("deg", 0.0)


class Camera(Device):
    """The keys that a real Eiger's cam plugin has; true when the detector is staged."""

    beam_center_x = _config("pixels", CENTER_X)
    beam_center_y = _config("pixels", CENTER_Y)
    photon_energy = _config("eV", 10_000.0)
    wavelength = _config("Angstroms", 1.2398)
    det_distance = _config("m", 5.0)
    x_pixel_size = _config("m", PIXEL_SIZE)
    y_pixel_size = _config("m", PIXEL_SIZE)
    acquire_period = _config("s", 0.02)
    num_images = Component(UnitSignal, units="1", value=8, kind=Kind.config)


class SimulatedEiger(Device):
    """An area detector that counts what the beamline's geometry makes it see, and writes HDF5."""

    cam = Component(Camera, kind=Kind.config)

    def __init__(self, *, beamline: SimulatedBeamline, directory: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._beamline, self._directory = beamline, Path(directory)
        self._file: FrameFile | None = None
        self._assets: list[tuple[str, dict[str, Any]]] = []

    @property
    def image_key(self) -> str:
        """The data key of the frames."""
        return f"{self.name}_image"

    def stage(self) -> list[Any]:
        """Read the beamline's geometry into ``cam``, and open a new file at the first trigger."""
        self._beamline.tell(self.cam)
        self._file = None
        self._assets.clear()
        return super().stage()

    def unstage(self) -> list[Any]:
        """Forget the file."""
        self._file = None
        return super().unstage()

    def trigger(self) -> Status:
        """Take one series of frames."""
        number = int(self.cam.num_images.get())
        frames = self._beamline.experiment.frames(
            self._beamline.optics(), number=number, period=float(self.cam.acquire_period.get())
        )
        if self._file is None:
            self._file = FrameFile(self._directory, self.image_key, (number, *SHAPE))
            self._assets.append(self._file.resource())
        self._assets.append(self._file.append(frames))
        status = Status()
        status.set_finished()
        return status

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key of the frames, which are in a file."""
        number = int(self.cam.num_images.get())
        return {
            self.image_key: {
                "source": f"sim://{self.name}",
                "dtype": "array",
                "dtype_numpy": "<u2",
                "shape": [number, *SHAPE],
                "units": "counts",
                "external": "STREAM:",
            }
        }

    def read(self) -> dict[str, dict[str, Any]]:
        """Return nothing: the frames are announced by ``collect_asset_docs``."""
        return {}

    def collect_asset_docs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what was written since the last call."""
        yield from self._assets
        self._assets = []


@dataclass(init=False)
class SimulatedBeamline:
    """All devices of a beamline that needs no hardware.

    Args:
        directory: Where the detector writes its frames; the Tiled server must be able to read there.
        seed: Of all chance.
        detector: The detector's ophyd name.
    """

    def __init__(self, directory: Path, *, seed: int = 0, detector: str = "eiger4M") -> None:
        self.experiment = Experiment(SHAPE, seed=seed)
        self.mono = Monochromator(name="mono")
        self.flight_path = FlightPath(name="flight_path")
        self.detector_stage = Stage(name="stage")
        self.swing = Swing(name="swing")
        self.detector = SimulatedEiger(name=detector, beamline=self, directory=directory)

    @property
    def geometry_devices(self) -> list[Device]:
        """What belongs into the baseline."""
        return [self.flight_path, self.detector_stage, self.swing]

    def optics(self) -> Optics:
        """Return where the detector stands now."""
        return Optics(
            energy=self.mono.energy.get(),
            distance=self.flight_path.length.get() / 1000,
            center_x=CENTER_X + self.detector_stage.x.get() * 1e-3 / PIXEL_SIZE,
            center_y=CENTER_Y + self.detector_stage.y.get() * 1e-3 / PIXEL_SIZE,
            shape=SHAPE,
            pixel_size=PIXEL_SIZE,
            swing_horizontal=self.swing.horizontal.get(),
            swing_vertical=self.swing.vertical.get(),
        )

    def tell(self, cam: Camera) -> None:
        """Set the keys of a camera to the geometry now, as an Eiger's IOC is told before a series."""
        optics = self.optics()
        cam.beam_center_x.put(optics.center_x)
        cam.beam_center_y.put(optics.center_y)
        cam.photon_energy.put(optics.energy * 1000)
        cam.wavelength.put(wavelength(incident_energy=optics.energy))
        cam.det_distance.put(optics.distance)
