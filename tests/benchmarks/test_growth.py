"""How a catalogue grows: entries of the log, and bytes in the database, arrays and partitions.

Run with ``--benchmark-enable`` for a 4M detector; the figures are in docs/explanations/growth.md.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionRecipe

GEOMETRIES = 3
"""Of each run."""


def geometry(shape, run, number):
    """Return a geometry that no other run has: the beam drifts by a few pixels."""
    rows, columns = shape
    return GeometryRecord(
        incident_energy=10.0,
        distance=5.0 + number,
        beam_center_x=columns / 2 + run / 10,
        beam_center_y=rows / 2 + number / 7,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )


def sizes(directory: Path):
    """Return bytes of the database, the arrays and the partitions' files."""
    of = {"database": ["catalog.db*"], "arrays": ["data/**/*"], "partitions": ["partitions/*"]}
    return {
        name: sum(file.stat().st_size for glob in globs for file in directory.glob(glob) if file.is_file())
        for name, globs in of.items()
    }


@pytest.mark.benchmark(group="growth")
def test_growth_by_edits_and_by_runs(benchmark, request, tmp_path):
    full = request.config.getoption("benchmark_enable")
    shape, runs, edits = ((2162, 2068), 40, 20) if full else ((60, 80), 2, 2)
    bins = ((27, 1), (270, 36)) if full else ((5, 1), (20, 4))
    told = {"runs": runs, "geometries": GEOMETRIES, "edits": edits}
    with MaskCatalog.open(tmp_path) as catalog:
        eiger = catalog.create_detector("eiger4M", shape=shape)
        eiger.set_recipe(PartitionRecipe(dynamic=bins[0], static=bins[1]))
        steps = [(eiger.head(), sizes(tmp_path))]
        for number in range(edits):
            eiger.edit("me").circle(row=5 + number, column=9 * number, radius=4)
        steps.append((eiger.head(), sizes(tmp_path)))

        def publish():
            for run in range(runs):
                for number in range(GEOMETRIES):
                    where = {"run_uid": f"run-{run}", "first_seq_num": number + 1, "time": float(run)}
                    eiger.publish(geometry(shape, run, number), **where)

        benchmark.pedantic(publish, rounds=1)
        steps.append((eiger.head(), sizes(tmp_path)))
    for name, (before, after) in zip(["by_edits", "by_runs"], pairwise(steps), strict=True):
        told[name] = {"entries": after[0] - before[0]} | {
            key: after[1][key] - before[1][key] for key in after[1]
        }
    benchmark.extra_info.update(told)
    if full:
        print(json.dumps(told))
    assert told["by_edits"]["entries"] == edits
    assert told["by_edits"]["arrays"] == 0  # an edit stores its operation, no raster
    assert told["by_runs"]["entries"] == 3 * runs * GEOMETRIES  # edges, partition, use
    assert len(list((tmp_path / "partitions").glob("*.hdf"))) == runs * GEOMETRIES
