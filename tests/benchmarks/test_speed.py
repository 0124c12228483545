"""From a geometry to labels and maps, beside pySimpleMask's own functions and beside copying the result.

pytest tests/benchmarks/test_speed.py --benchmark-enable
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.table import Line, median
from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.units import HC

pytestmark = pytest.mark.timeout(900)
SMALL, MEGA, EIGER, LARGE = (108, 103), (1024, 1024), (2162, 2068), (4362, 4148)
BINS = {"dynamic": (27, 1), "static": (270, 36)}
RANGES = {"q": (0.002, 0.06), "phi": (-180.0, 180.0)}
MAPS = ("q", "qx", "qy", "qz", "qr", "phi", "alpha_f", "tth")
SCRIPTS = Path(__file__).parent / "processes"


def geometry(shape: tuple[int, int], number: int = 0, **more) -> GeometryRecord:
    """One of many geometries, no two of which share a number that could be kept."""
    return GeometryRecord(
        incident_energy=10.0 + 1e-3 * number,
        distance=5.0,
        beam_center_x=shape[1] / 2 + 0.3 + 0.01 * number,
        beam_center_y=shape[0] / 2 - 0.2,
        x_pixel_size=75e-6 * EIGER[0] / shape[0],
        y_pixel_size=75e-6 * EIGER[0] / shape[0],
        shape=shape,
        **more,
    )


def masked(shape: tuple[int, int], number: int = 0) -> np.ndarray:
    mask = np.ones(shape, bool)
    first = shape[0] // 3 + number
    mask[first : first + shape[0] // 50] = False
    return mask


def made(record: GeometryRecord, mask: np.ndarray, recipe: PartitionRecipe):
    """All that the work asks for: maps, counts and mappings; that bins nest is how they are made."""
    part = partition(q_map(record), mask, recipe)
    assert part.static.counts.sum() == part.dynamic.counts.sum()
    return part


def recipe(timed: bool, **more) -> PartitionRecipe:
    bins = BINS if timed else {"dynamic": (3, 1), "static": (9, 4)}
    return PartitionRecipe(**bins, **more)


@dataclass(frozen=True)
class Theirs:
    """Seconds of a peer, or of numpy where it cannot be had."""

    seconds: float | None
    name: str


def theirs(peer, tmp_path, record: GeometryRecord, steps: tuple[str, ...], repeats: int = 3) -> Theirs:
    """Return what pySimpleMask's steps take, in a process of its environment."""
    metadata = {
        "energy": record.incident_energy,
        "beam_center_x": record.beam_center_x,
        "beam_center_y": record.beam_center_y,
        "detector_shape_y": record.shape[0],
        "detector_shape_x": record.shape[1],
        "pixel_size": record.x_pixel_size,
        "detector_distance": record.distance,
        "swing_angle_horizontal": 0.0,
        "swing_angle_vertical": 0.0,
    }
    given = {"kind": "Transmission", "metadata": metadata}
    if record.incident_angle is not None:
        x, y = record.specular_pixel
        more = {"specular_x": x, "specular_y": y, "incident_angle": record.incident_angle}
        given = {"kind": "Reflection", "metadata": metadata | more}
    if "labels" in steps:
        first = record.shape[0] // 3
        given |= BINS | {"masked_rows": [[first, first + record.shape[0] // 50]]}
    (tmp_path / "given.json").write_text(json.dumps(given))
    took = peer.ask("simplemask_speed.py", tmp_path / "given.json", str(repeats))
    return Theirs(statistics.median(sum(each[step] for step in steps) for each in took), "pySimpleMask 0.4.5")


def plain_numpy(
    record: GeometryRecord, mask: np.ndarray, asked: PartitionRecipe
) -> tuple[np.ndarray, np.ndarray]:
    """The textbook's way, done well: angles, digitize for each map, and a table to close the gaps."""
    row, column = np.ogrid[: record.shape[0], : record.shape[1]]
    x = (column - record.beam_center_x) * record.x_pixel_size
    y = (row - record.beam_center_y) * record.y_pixel_size
    two_theta = np.arctan(np.hypot(x, y) / record.distance)
    q = 4 * np.pi * record.incident_energy / HC * np.sin(two_theta / 2)
    phi = -np.rad2deg(np.arctan2(y, x))
    return _labels(q, phi, mask, asked.dynamic), _labels(q, phi, mask, asked.static)


def _labels(q: np.ndarray, phi: np.ndarray, mask: np.ndarray, bins: tuple[int, int]) -> np.ndarray:
    natural, counted = np.zeros(mask.shape, np.int32), mask
    for values, limits, number in ((q, RANGES["q"], bins[0]), (phi, RANGES["phi"], bins[1])):
        found = np.digitize(values, np.linspace(*limits, number + 1)).astype(np.int32) - 1
        found[values == limits[1]] = number - 1
        counted = counted & (found >= 0) & (found < number)
        natural = natural * number + found
    natural = np.where(counted, natural + 1, 0)
    there = np.bincount(natural.ravel(), minlength=bins[0] * bins[1] + 1) > 0
    there[0] = False
    return np.where(there, np.cumsum(there), 0).astype(np.uint16)[natural]


def copied(*arrays: np.ndarray) -> float:
    return median(lambda _: [each.copy() for each in arrays], 9)


def maps_of(part) -> tuple[np.ndarray, ...]:
    return part.static_roi_map, part.dynamic_roi_map, part.mask


@pytest.mark.parametrize(("shape", "goal"), [(MEGA, "≤ 5 ms"), (EIGER, "≥ 75×"), (LARGE, "linear")])
@pytest.mark.parametrize("limits", ["given", "of the mask"])
def test_geometry_to_both_label_maps(timed, report, pysimplemask, tmp_path, shape, goal, limits):
    used = shape if timed else SMALL
    mask, asked = masked(used), recipe(timed, **({"ranges": RANGES} if limits == "given" else {}))
    part = made(geometry(used), mask, asked)
    assert part.dynamic_roi_map.max() > 2
    if not timed:
        return
    took = median(lambda number: made(geometry(used, number), mask, asked), 9)
    steps = ("maps", "labels", "consistency")
    if shape == LARGE:
        peer = Theirs(None, "")
    elif pysimplemask is None:
        peer = Theirs(median(lambda number: plain_numpy(geometry(used, number), mask, asked), 3), "numpy")
    else:
        peer = theirs(pysimplemask, tmp_path, geometry(used), steps)
    again = median(lambda number: made(geometry(used, 50 + number), mask, asked), 9)
    work = f"geometry → both label maps, {shape[0]}×{shape[1]}, limits {limits}"
    report(
        Line(
            work=work,
            ours=(took + again) / 2,
            peer=peer.seconds,
            peer_name=peer.name,
            floor=copied(*maps_of(part)),
            goal=goal,
        )
    )


@pytest.mark.parametrize("shape", [SMALL, EIGER], ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_numpy_gives_the_same_labels_but_for_rounding_at_an_edge(timed, shape):
    if shape != SMALL and not timed:
        pytest.skip("with --benchmark-enable")
    record, mask, asked = geometry(shape), np.ones(shape, bool), recipe(shape == EIGER, ranges=RANGES)
    part = partition(q_map(record), mask, asked)
    numpys_maps = plain_numpy(record, mask, asked)
    for mine, numpys in zip((part.dynamic_roi_map, part.static_roi_map), numpys_maps, strict=True):
        assert mine.max() == numpys.max()
        assert np.count_nonzero(mine != numpys) <= 1e-6 * mask.size + 1


def test_q_and_phi_alone(timed, report):
    shape = MEGA if timed else SMALL
    qmap = q_map(geometry(shape)).compute("q", "phi")
    if timed:
        took = median(lambda number: q_map(geometry(shape, number)).compute("q", "phi"), 15)
        floor = copied(qmap["q"], qmap["phi"])
        report(Line(work="q and phi, 1024×1024", ours=took, floor=floor, goal="≤ 3 ms"))


@pytest.mark.parametrize("what", ["mask", "energy"])
def test_only_one_thing_changes(timed, report, what):
    shape = EIGER if timed else SMALL
    asked, masks = recipe(timed, ranges=RANGES), [masked(shape, number) for number in range(12)]

    def work(number: int) -> object:
        changes = {"incident_energy": 9.0 + 1e-3 * number} if what == "energy" else {}
        return made(geometry(shape).model_copy(update=changes), masks[number % 12], asked)

    part = work(0)
    if timed:
        goal = "≤ 10 ms" if what == "mask" else "no azimuth"
        floor = copied(*maps_of(part))
        report(Line(work=f"only the {what} changes, 4M", ours=median(work, 9), floor=floor, goal=goal))


def test_the_maps_of_reflection(timed, report, pysimplemask, tmp_path):
    shape = EIGER if timed else SMALL
    more = {"incident_angle": 0.2, "orientation": 0}
    qmap = q_map(geometry(shape, **more)).compute(*MAPS)
    if not timed:
        return
    took = median(lambda number: q_map(geometry(shape, number, **more)).compute(*MAPS), 7)
    peer = Theirs(None, "")
    if pysimplemask is not None:
        peer = theirs(pysimplemask, tmp_path, geometry(shape, **more), ("maps",), 5)
    report(
        Line(
            work="eight maps of reflection, 4M",
            ours=took,
            peer=peer.seconds,
            peer_name=peer.name,
            floor=8 * copied(qmap["q"]),
            goal="≥ 10×",
        )
    )


AT_ONCE_GIVEN_BACK = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
"""So that what is freed leaves the process, and its resident set is what is in use."""


def kept_in(cache: Path) -> dict[str, str]:
    return {"JAX_COMPILATION_CACHE_DIR": str(cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}


def in_a_process(script: str, *arguments: str, **environment: str) -> dict:
    """Run one of our scripts in a process of its own, and return the JSON that it prints."""
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().rsplit("\n", 1)[-1])


@pytest.mark.parametrize(("cached", "goal"), [(True, "≤ 200 ms"), (False, "≤ 300 ms")])
def test_first_partition_of_a_process(timed, report, tmp_path, cached, goal):
    if not timed:
        pytest.skip("starts processes; with --benchmark-enable")
    environment = kept_in(tmp_path / "compiled") if cached else {}
    took = [in_a_process("first_partition.py", **environment)["seconds"] for _ in range(6)][1:]
    kept = "with" if cached else "without"
    work = f"first partition after import jax, 1024×1024, {kept} kept compilations"
    report(Line(work=work, ours=statistics.median(took), goal=goal))


@pytest.mark.parametrize("shape", [EIGER, LARGE], ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_memory_beyond_inputs_and_outputs(timed, report, shape):
    if not timed:
        pytest.skip("starts a process; with --benchmark-enable")
    found = in_a_process("peak_memory.py", *map(str, shape), **AT_ONCE_GIVEN_BACK)
    work = f"peak memory beyond inputs and outputs, {shape[0]}×{shape[1]}"
    report(Line(work=work, ours=found["bytes_per_pixel"], unit="B/px", goal="≤ 6 B/px"))
    report(Line(work=f"{work}, four geometries", ours=found["four_bytes"] / 2**20, unit="MB"))


@pytest.mark.parametrize(
    ("work", "command", "goal"),
    [
        ("import xpcs_mask_bluesky", ["-c", "import xpcs_mask_bluesky"], "≤ 300 ms"),
        ("xpcs-mask --help", ["-c", "from xpcs_mask_bluesky.cli import app; app(['--help'])"], "≤ 500 ms"),
        ("(python alone)", ["-c", "pass"], ""),
    ],
)
def test_start(timed, report, work, command, goal):
    if not timed:
        pytest.skip("starts processes; with --benchmark-enable")
    took = median(lambda _: subprocess.run([sys.executable, *command], check=False, capture_output=True), 7)
    report(Line(work=work, ours=took, goal=goal))


def test_gpu(timed, report):
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("no GPU here: nothing was measured on one")
    shape = EIGER if timed else SMALL
    asked, mask = recipe(timed, ranges=RANGES), masked(shape)
    part = made(geometry(shape), mask, asked)
    with jax.default_device(jax.devices("cpu")[0]):
        from xpcs_mask_bluesky.partitions import natural

        natural._natural.clear()
        natural._phi_bins.clear()
        assert made(geometry(shape), mask, asked).digest == part.digest
    if timed:
        took = median(lambda number: made(geometry(shape, number), mask, asked), 9)
        report(Line(work="geometry → both label maps, 4M, on a GPU", ours=took, goal="≤ 2 ms"))
