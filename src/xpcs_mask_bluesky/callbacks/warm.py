"""Compile before the first run needs it, and keep what was compiled for the next process."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import PartitionRecipe

SECONDS_WORTH_KEEPING = 0.05
"""Compilations that take longer are kept on disk; JAX's own limit is a second, and ours take less."""


def compile_cache_directory() -> Path:
    """Return where compiled kernels are kept: in the user's cache, apart for each host.

    Compiled code is for one processor, and home directories are shared.
    """
    return platformdirs.user_cache_path("xpcs-mask") / "jax" / (platform.node() or "localhost")


def keep_compiled() -> Path | None:
    """Let JAX keep compiled kernels on disk, unless the user has chosen a place; return our place.

    Called where the work begins, never on import: the setting is the whole process'.
    """
    import jax

    if (
        "JAX_COMPILATION_CACHE_DIR" in os.environ
        or jax.config.values["jax_compilation_cache_dir"] is not None
    ):
        return None
    directory = compile_cache_directory()
    jax.config.update("jax_compilation_cache_dir", str(directory))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", SECONDS_WORTH_KEEPING)
    return directory


def warm(shape: tuple[int, int], recipe: PartitionRecipe) -> None:
    """Compute one partition of a made-up geometry, which nobody sees.

    Args:
        shape: Of the detector, rows and columns.
        recipe: In force.

    Raises:
        ValueError: If the recipe does not fit that geometry; most of it is compiled then.
    """
    import numpy as np

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import partition
    from xpcs_mask_bluesky.qmap import q_map

    rows, columns = shape
    record = GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=(columns - 1) / 2,
        beam_center_y=(rows - 1) / 2,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )
    partition(q_map(record), np.ones(shape, bool), recipe)
