"""The demo: a simulated beamline measures, partitions publish themselves, an analyst uses one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from bluesky import RunEngine
    from bluesky.utils import Msg

    from xpcs_mask_bluesky.callbacks.publisher import Publication
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.partitions import PartitionRecipe
    from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

DETECTOR = "eiger4M"
PERIOD = 0.002
"""Time between frames, in s."""
SHORT = 8
"""Frames of a run that is not correlated."""
AGREES_WITHIN, DIFFERS_BY = 0.05, 0.15
"""Relative, of the fitted D: with the right map, and with the transposed one."""
SECONDS_TO_PUBLISH = 60.0


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One published partition of the story, for the table."""

    what: str
    run_uid: str
    geometry: str
    changed: str
    mask_revision: int
    labels: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo found."""

    rows: tuple[RunRow, ...]
    earlier_entries: int
    """Log entries that an earlier demo left in the directory."""
    run_uid: str
    """Of the run that the analyst correlated."""
    simulated: float
    """D in Å²/s."""
    fitted: float
    """D in Å²/s, by the partition of the run."""
    fitted_error: float
    transposed: float
    """D in Å²/s, by the transposed label maps."""
    qmap_file: Path
    figure: Path

    @property
    def holds(self) -> bool:
        """Whether the right map gives the simulated D, and the wrong one does not."""
        right = abs(self.fitted / self.simulated - 1)
        wrong = abs(self.transposed / self.simulated - 1)
        return right <= AGREES_WITHIN and not wrong <= DIFFERS_BY


class DemoError(RuntimeError):
    """The demo could not go on."""


def recipe() -> PartitionRecipe:
    """Return the recipe of the demo: ten rings for g2, each of 6 × 6 static bins."""
    from xpcs_mask_bluesky.partitions import PartitionRecipe

    ranges = {"q": (0.004, 0.014), "phi": (-180.0, 180.0)}
    return PartitionRecipe(dynamic=(10, 1), static=(60, 6), ranges=ranges)


def run_demo(
    directory: Path, *, frames: int = 300, seed: int = 0, say: Callable[[str], None] = lambda line: None
) -> DemoResult:
    """Run the whole story in a directory that survives, and return what came out.

    Args:
        directory: Of the catalogue; a second demo there finds the history of the first.
        frames: Of the runs that are correlated.
        seed: Of the simulation.
        say: Is told what goes on, line by line.

    Raises:
        DemoError: If a partition was not published or the analyst failed.
    """
    from xpcs_mask_bluesky.catalog import MaskCatalog

    say(f"starting the embedded Tiled server in {directory}")
    with MaskCatalog.open(directory) as catalog:
        story = _Story(catalog, frames, seed, say)
        story.measure()
        answer = _ask_analyst(directory, story.correlated, say)
        return DemoResult(
            rows=tuple(story.rows()),
            earlier_entries=story.earlier_entries,
            run_uid=story.correlated,
            simulated=story.beamline.experiment.sample.diffusion_coefficient,
            fitted=answer["fitted"],
            fitted_error=answer["fitted_error"],
            transposed=answer["transposed"],
            qmap_file=Path(answer["qmap_file"]),
            figure=Path(answer["figure"]),
        )


class _Story:
    """The runs, with the callback attached."""

    def __init__(self, catalog: MaskCatalog, frames: int, seed: int, say: Callable[[str], None]) -> None:
        from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

        self._catalog, self._frames, self._say = catalog, frames, say
        directory = catalog.frames_directory
        if directory is None:
            raise DemoError("the demo needs a directory, not an address")
        self.beamline = SimulatedBeamline(directory, seed=seed, detector=DETECTOR)
        self.beamline.detector.cam.acquire_period.put(PERIOD)
        self._published: list[Publication] = []
        self._names: dict[str, str] = {}
        self.correlated = ""
        self.earlier_entries = self._create_detector()

    def _create_detector(self) -> int:
        faults = self.beamline.experiment.faults
        detector = self._catalog.create_detector(DETECTOR, shape=faults.gap.shape, blemish=~faults.blind)
        entries = len(detector.log())
        return entries if entries > 1 else 0

    def measure(self) -> None:
        """Do all runs, each with its partition published before the next."""
        from bluesky import RunEngine
        from bluesky import plans as bp
        from bluesky.preprocessors import SupplementalData

        engine = RunEngine({}, context_managers=[])
        supplemental = SupplementalData(baseline=self.beamline.geometry_devices)
        engine.preprocessors.append(supplemental)
        callback = self._subscribe(engine)
        beamline, devices = self.beamline, [self.beamline.detector, self.beamline.mono]
        self._set_frames(self._frames)
        self._run(engine, callback, "count", bp.count(devices))
        self._set_frames(SHORT)
        length = beamline.flight_path.length
        self._say(
            "now distance and energy change on purpose: an ALARM says that the labels of the run before no "
            "longer fit, and each new geometry gets a partition of its own"
        )
        self._run(engine, callback, "distance scan", bp.scan(devices, length, 4800, 5000, 3))
        self._run(engine, callback, "energy change", _change_energy(beamline))
        beamline.mono.energy.put(10.0)
        self._edit_mask()
        self._set_frames(self._frames)
        self.correlated = self._run(engine, callback, "count, new mask", bp.count(devices))
        callback.close()

    def rows(self) -> Iterator[RunRow]:
        """Yield what was published, in order."""
        for each in self._published:
            if not each.job.run_uid:  # the mask was edited between two runs
                continue
            part = each.use.partition
            yield RunRow(
                what=self._names.get(each.job.run_uid, "left over from before"),
                run_uid=each.job.run_uid,
                geometry=each.use.geometry,
                changed=", ".join(each.job.changed) or "–",
                mask_revision=each.use.mask_revision,
                labels=f"{len(part.dynamic_index_mapping)} / {len(part.static_index_mapping)}",
                seconds=each.seconds,
            )

    def _subscribe(self, engine: RunEngine) -> Any:
        from xpcs_mask_bluesky.callbacks.callback import PartitionCallback
        from xpcs_mask_bluesky.documents.source import GeometrySource

        source = GeometrySource.preset("xpcs-sim", detector=DETECTOR)
        callback = PartitionCallback(self._catalog, console=self._say)
        callback.watch(DETECTOR, source=source, recipe=recipe())
        callback.on_published(self._published.append)
        engine.subscribe(self._catalog.tiled_writer())
        engine.subscribe(callback)
        return callback

    def _run(self, engine: RunEngine, callback: Any, name: str, plan: Any) -> str:
        self._say(f"run: {name}")
        (uid,) = cast("tuple[str]", engine(plan))
        self._names[uid] = name
        if not callback.flush(SECONDS_TO_PUBLISH):
            raise DemoError(f"the partition of {name!r} was not published: {callback.status()}")
        if not self._catalog[DETECTOR].partitions(run=uid):
            raise DemoError(f"run {uid} has no partition: {callback.status()}")
        return uid

    def _set_frames(self, number: int) -> None:
        self.beamline.detector.cam.num_images.put(number)

    def _edit_mask(self) -> None:
        self._say("editing the mask: beamstop circle, threshold, undo, redo")
        optics, beam = self.beamline.optics(), self.beamline.experiment.beam
        with self._catalog[DETECTOR].edit(author="demo", reason="beamstop and hot pixels") as mask:
            mask.circle(row=optics.center_y, column=optics.center_x, radius=beam.beamstop_radius + 3)
            mask.threshold(high=2.5 * beam.counts)
            mask.undo()
            mask.redo()


def _change_energy(beamline: SimulatedBeamline) -> Iterator[Msg]:
    """Yield a plan that changes the energy between two events."""
    from bluesky import plan_stubs as bps
    from bluesky.preprocessors import run_decorator, stage_decorator

    devices = [beamline.detector, beamline.mono]

    @stage_decorator(devices)
    @run_decorator(md={"detectors": [DETECTOR]})
    def plan() -> Iterator[Msg]:
        yield from bps.trigger_and_read(devices)
        yield from bps.configure(cast("Any", beamline.mono), {"energy": 9.5})
        yield from bps.trigger_and_read(devices)

    return plan()


def _ask_analyst(directory: Path, run_uid: str, say: Callable[[str], None]) -> dict[str, Any]:
    say("the analyst, in a process of its own: partition of the run, frames, g2, D")
    module = "xpcs_mask_bluesky.demo.analyst"
    done = subprocess.run(
        [sys.executable, "-m", module, str(directory), run_uid],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"the analyst failed:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {key: np.nan if value is None else value for key, value in answer.items()}
