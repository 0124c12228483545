"""A 4M partition over HTTP against its raw arrays (goal: at most 1.5 times), and how soon a subscriber hears.

pytest tests/benchmarks/test_serving.py --benchmark-enable   # compare ratios within one run
"""

from __future__ import annotations

import statistics
import time

import httpx
import numpy as np
import pytest
from tiled.client import from_uri

from tests.system.serving_checks import file_address
from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionRecipe
from xpcs_mask_bluesky.server.connection import read_connection
from xpcs_mask_bluesky.store.stored import MAPS

SMALL, LARGE = (240, 220), (2162, 2068)


def geometry(shape: tuple[int, int], distance: float = 5.0) -> GeometryRecord:
    return GeometryRecord(
        incident_energy=10.0,
        distance=distance,
        beam_center_x=shape[1] / 2 + 0.3,
        beam_center_y=shape[0] / 2 - 0.2,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )


@pytest.fixture(scope="module")
def served(request, tmp_path_factory):
    """A catalogue in a process of its own, its key, and the detector's shape."""
    shape = LARGE if request.config.getoption("benchmark_enable") else SMALL
    with MaskCatalog.open(tmp_path_factory.mktemp("serving")) as catalog:
        detector = catalog.create_detector("eiger", shape=shape)
        detector.set_recipe(PartitionRecipe(dynamic=(27, 1), static=(270, 36)))
        detector.edit().circle(row=shape[0] // 2, column=shape[1] // 2, radius=20)
        yield catalog, read_connection(catalog.directory).key, shape


@pytest.fixture(scope="module", params=["one file", "arrays"])
def stored(request, served):
    """A stored partition, and what its raw arrays are."""
    catalog, key, shape = served
    detector = MaskCatalog.open(catalog.client)["eiger"]
    detector.share_directory(catalog.directory / "partitions" if request.param == "one file" else None)
    use = detector.publish(
        geometry(shape, 5.0 if request.param == "one file" else 5.1), run_uid=request.param
    )
    node = from_uri(catalog.uri, api_key=key)[use.path]
    return request.param, use, node.get("qmap", node)


@pytest.mark.parametrize("what", ["raw arrays", "the qmap file"])
def test_fetch_of_a_partition(benchmark, served, stored, what):
    catalog, key, _ = served
    form, use, node = stored
    benchmark.group = f"stored as {form}"
    headers = {"Authorization": f"Apikey {key}"}
    with httpx.Client(headers=headers, trust_env=False, timeout=60) as http:
        address = file_address(catalog.uri, use.path)
        fetch = {
            "raw arrays": lambda: sum(node[name].read().nbytes for name in MAPS),
            "the qmap file": lambda: len(http.get(address).raise_for_status().content),
        }[what]
        assert benchmark.pedantic(fetch, rounds=8, warmup_rounds=2) > 0


def test_a_map_of_q(benchmark, served):
    catalog, _, shape = served
    node = MaskCatalog.open(catalog.client)["eiger"].qmaps.node(geometry(shape))["q"]
    assert benchmark.pedantic(node.read, rounds=5, warmup_rounds=1).dtype == np.float64


def test_until_a_subscriber_is_told(served, request, capsys):
    """From the making of the entry, before it goes to the server; beside it, Tiled's bare event."""
    catalog, _, shape = served
    writer, reader = catalog["eiger"], MaskCatalog.open(catalog.client)["eiger"]
    number = 30 if request.config.getoption("benchmark_enable") else 2
    heard: dict[str, float] = {}
    bare: dict[str, float] = {}

    def on_event(created):
        bare.setdefault(created.metadata["lineage"].get("run_uid", ""), time.time())

    events = reader["log"].subscribe()
    events.child_created.add_callback(on_event)
    with events.start_in_thread(1), reader.subscribe(lambda use: heard.setdefault(use.run_uid, time.time())):
        time.sleep(2)
        for each in range(number):
            writer.publish(geometry(shape), run_uid=f"heard-{each}")
            time.sleep(0.3)
        time.sleep(1)
    made = {entry.lineage["run_uid"]: entry.time for entry in writer.log("run use")}
    assert len(heard) == number
    with capsys.disabled():
        for what, when in (("the function", heard), ("a bare event", bare)):
            delays = [1000 * (when[uid] - made[uid]) for uid in heard]
            print(
                f"\n{what}: {statistics.median(delays):.0f} ms (median), {min(delays):.0f} at least", end=""
            )
        print()
