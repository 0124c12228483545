"""Groups of an HDF5 file that a stranger wrote, read in a process of their own.

The HDF5 library can crash on a damaged file, loop, or unpack a small chunk into all memory there is. So a
process with bounded memory and time reads the file, and hands plain arrays back.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xpcs_mask_bluesky.files.hdf5_content import Content

SECONDS = 60
"""Longest time that reading may take."""
MEMORY = 2**31
"""Most address space, in bytes, that reading may take (where the system knows such limits)."""
_TOLD, _REFUSED = 0, 3


def read_isolated(
    path: str | os.PathLike[str],
    groups: Sequence[str],
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
) -> dict[str, Content]:
    """Return the content of those of the groups that a file has, by name.

    Args:
        path: The file.
        groups: Paths in it.
        seconds: How long it may take.
        memory: How many bytes of address space it may take.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no HDF5 file, is damaged, holds more than it may or something outside itself,
            or reading it crashes or takes too long.
    """
    target = Path(path)
    if not target.is_file():
        raise FileNotFoundError(f"no file {target}")
    with tempfile.TemporaryDirectory(prefix="xpcs-mask-") as folder:
        answer = Path(folder) / "content.npz"
        # -P: nothing is imported from the current folder, which may be the stranger's
        command = [sys.executable, "-P", "-m", __name__, target.resolve(), answer, str(memory), *groups]
        done = _run(command, target.name, seconds)
        if done.returncode == _REFUSED:
            raise ValueError(f"{target.name}: {done.stdout.strip()}")
        if done.returncode != _TOLD:
            raise ValueError(f"reading {target.name} failed, {_ending(done)}: is it damaged?")
        return _unpacked(answer)


def _run(command: Sequence[str | Path], name: str, seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # each thread reserves address space
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"reading {name} took over {seconds:g} s; is it damaged?") from error


def _ending(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"the HDF5 library ended with {signal.Signals(-done.returncode).name}"
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"with status {done.returncode}"


def _unpacked(answer: Path) -> dict[str, Content]:
    from xpcs_mask_bluesky.files.hdf5_content import Content

    with np.load(answer, allow_pickle=False) as packed:
        told = json.loads(packed["told"].tobytes())

        def value(plain: Any) -> Any:
            if isinstance(plain, dict):
                return packed[plain["array"]]
            return tuple(plain) if isinstance(plain, list) else plain

        def values(plain: dict[str, Any]) -> dict[str, Any]:
            return {name: value(each) for name, each in plain.items()}

        return {
            name: Content(
                datasets=values(each["datasets"]),
                attributes=values(each["attributes"]),
                marks={dataset: values(marks) for dataset, marks in each["marks"].items()},
            )
            for name, each in told.items()
        }


class _Packer:
    """Takes arrays out of a content, so that the rest is JSON."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def plain(self, value: Any) -> Any:
        if isinstance(value, (str, tuple)):
            return list(value) if isinstance(value, tuple) else value
        key = f"array{len(self.arrays)}"
        self.arrays[key] = np.asarray(value)
        return {"array": key}

    def plains(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: self.plain(each) for name, each in values.items()}

    def content(self, content: Content) -> dict[str, Any]:
        return {
            "datasets": self.plains(content.datasets),
            "attributes": self.plains(content.attributes),
            "marks": {name: self.plains(marks) for name, marks in content.marks.items()},
        }


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:  # no such limits on Windows: the time limit alone holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_and_pack(path: str, answer: str, groups: Sequence[str]) -> None:
    import h5py

    from xpcs_mask_bluesky.files.hdf5_content import member_group, read_content

    packer, told = _Packer(), {}
    with h5py.File(path, "r") as file:
        for name in groups:
            group = member_group(file, name)
            if group is not None:
                told[name] = packer.content(read_content(group))
    packer.arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    np.savez(answer, allow_pickle=False, **packer.arrays)


def _main(path: str, answer: str, memory: str, *groups: str) -> int:
    _limit(int(memory))
    try:
        _read_and_pack(path, answer, groups)
    except (ValueError, OSError, KeyError, RuntimeError, TypeError, MemoryError) as error:
        # what h5py raises of damaged files, all of them together
        sys.stdout.write(
            f"cannot be read as HDF5: {error}" if not isinstance(error, ValueError) else str(error)
        )
        return _REFUSED
    return _TOLD


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
