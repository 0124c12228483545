"""What a digest of a recipe or a partition depends on: all that matters, on any machine, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_partition_recipes import ALL, ELLIPSE, PEAKS, PLAIN, RECIPES, RECORD, peak
from xpcs_mask_bluesky import PartitionRecipe, partition, q_map


def test_recipes_from_before_groups_and_minima_keep_their_digest():
    """Stored logs name recipes by it; these were written down before the fields came."""
    kept = {
        "fe3a31367fb2aab6c8f60b3f22b7c07ef4d73c985462600cc92a32aecdb9aec0": {
            "dynamic": (27, 1),
            "static": (270, 36),
        },
        "a6c5c9172cb8be1f0962986e610c3299815ce261d3babdf916015606a14922b6": {
            "axes": ("qx", "qy"),
            "dynamic": (2, 3),
            "static": (4, 6),
            "spacing": ("linear", "log"),
            "ranges": {"qy": (0.001, 0.02)},
            "edges": {"qx": (0.0, 0.1, 0.3)},
        },
        "2b9cea6d00146bccc263418489348675d6e89ea02a044081ee2a0a2054d5e0a7": {
            "dynamic": (2, 1),
            "static": (3, 2),
            "edges": {"q": (0.001, 0.01, 0.02)},
            "static_edges": {"q": (0.001, 0.002, 0.01, 0.02)},
            "phi_offset": -0.0,
            "symmetry_fold": 3,
        },
    }
    assert [PartitionRecipe(**fields).digest for fields in kept.values()] == list(kept)


@pytest.mark.parametrize(
    "change",
    [
        {"groups": (peak(), peak("112", phi=(170.0, 200.0), static=(3, 4)))},
        {"groups": PEAKS.groups[::-1]},
        {"groups": PEAKS.groups[:1]},
        {"groups": (PEAKS.groups[0], peak("111", phi=(170.0, 200.0), static=(3, 4), spacing="log"))},
        {"minimum_pixels": 3},
        {"minimum_pixels": 3, "small_bins": "drop"},
        {"minimum_pixels": 3, "small_bins": "merge"},
    ],
)
def test_the_digest_tells_every_new_field_apart(change):
    fields = {"groups": PEAKS.groups} | change
    others = [PEAKS, PartitionRecipe(groups=PEAKS.groups, minimum_pixels=4)]
    assert PartitionRecipe(**fields).digest not in {each.digest for each in others}


def test_each_number_of_an_ellipse_is_in_the_digest():
    changes = [{}, {"semi_row": 11.0}, {"semi_column": 11.0}, {"angle": 3.0}, {"row": 1.0, "column": 2.0}]
    axes = {"axes": ("ellipse_rho", "phi"), **PLAIN}
    digests = {PartitionRecipe(ellipse=ELLIPSE.model_copy(update=each), **axes).digest for each in changes}
    assert len(digests) == len(changes)


MACHINES = {
    "one thread": {
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "1",
    },
    "another compiler": {
        "XLA_FLAGS": "--xla_cpu_enable_fast_math=false --xla_force_host_platform_device_count=3",
        "JAX_ENABLE_X64": "1",
        "PYTHONHASHSEED": "2",
        "LC_ALL": "C",
    },
}
ELSEWHERE = """
from tests.unit.test_partition_recipes import ALL, RECIPES, RECORD
from xpcs_mask_bluesky import partition, q_map
print(*(partition(q_map(RECORD), ALL, recipe).digest for recipe in RECIPES.values()))
"""


@pytest.mark.parametrize("machine", MACHINES)
def test_a_partition_has_the_same_digest_on_any_machine(machine):
    here = [partition(q_map(RECORD), ALL, recipe).digest for recipe in RECIPES.values()]
    assert len(set(here)) == len(here)
    ran = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | MACHINES[machine],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == here
