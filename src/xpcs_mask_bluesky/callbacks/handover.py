"""Hand partitions over as files, for programs that know neither Tiled nor Bluesky.

All of it happens in the worker's thread; nothing here is seen by the RunEngine.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.publisher import Publication
    from xpcs_mask_bluesky.partitions import Partition

LONGEST_NAME = 39
"""Characters that an EPICS string PV holds."""
DIGEST_IN_NAME = 16
SECONDS_TO_TELL = 5.0
"""That a PV may take to take a name."""


def file_name(detector: str, digest: str) -> str:
    """Return the name of a partition's file, of at most 39 characters: ``eiger4M_3f2a9c0d1e2f4a5b.hdf``."""
    tail = f"_{digest[:DIGEST_IN_NAME]}.hdf"
    return f"{detector[: LONGEST_NAME - len(tail)]}{tail}"


class HandOver:
    """Writes each published partition into a directory, tells its name, and calls a function.

    Args:
        directory: Where ``/qmap`` files go; None for none.
        name_to: Takes the name of each file: an ophyd signal, anything with ``set(name)``, or a function.
        function: Called with each publication, after its file is there.
        say: Takes a line about what failed.

    Raises:
        ValueError: ``name_to`` can take no name, or there is no directory for the files to name.
    """

    def __init__(
        self,
        *,
        directory: Path | None,
        name_to: Any,
        function: Callable[[Publication], object] | None,
        say: Callable[[str], object],
    ) -> None:
        if name_to is not None and directory is None:
            raise ValueError("export_name_to= names the files of export_to=, which is not given")
        self._teller = None if name_to is None else _Teller(name_to, say)
        self._directory, self._function, self._say = directory, function, say
        self._written: dict[Path, str] = {}

    def __call__(self, publication: Publication) -> None:
        """Hand over one publication; what the function raises is the caller's."""
        if self._directory is not None:
            publication = replace(publication, file=self._file(self._directory, publication))
        if publication.file is not None and self._teller is not None:
            self._teller.tell(publication.file.name)
        if self._function is not None:
            self._function(publication)

    def _file(self, directory: Path, publication: Publication) -> Path | None:
        """Return the partition's file, written if it is not there; None, and said why, if it cannot be."""
        digest = publication.use.digest
        path = directory / file_name(publication.job.detector, digest)
        try:
            if not (self._written.get(path) == digest and path.exists()):
                export(publication.use.partition.read(), path)
                self._written[path] = digest
        except OSError as error:
            self._say(f"partition {digest[:12]} was published, but not written to {path}: {error}")
            return None
        return path


def export(part: Partition, path: Path) -> None:
    """Write a partition's ``/qmap`` file, in one step and never over another content.

    Raises:
        FileExistsError: there is a file of that name with another content; it stays.
        OSError: the directory cannot be written.
    """
    from xpcs_mask_bluesky.files.qmap_hdf5 import write_qmap

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        write_qmap(part, draft)
        _rename(draft, path)
    except FileExistsError:
        if not _holds(path, part):
            raise FileExistsError(
                errno.EEXIST, "a file of this name holds something else and is left as it is; move it away"
            ) from None
    finally:
        draft.unlink(missing_ok=True)


def _rename(draft: Path, path: Path) -> None:
    """Give a finished file its name, which must be free."""
    try:
        path.hardlink_to(draft)  # unlike rename, it never replaces
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        draft.replace(path)


def _holds(path: Path, part: Partition) -> bool:
    from xpcs_mask_bluesky.files.qmap_hdf5 import read_qmap

    with contextlib.suppress(ValueError):
        return read_qmap(path).digest == part.digest
    return False


class _Teller:
    """Puts names into a signal that may be dead, without waiting for it for long."""

    def __init__(self, target: Any, say: Callable[[str], object]) -> None:
        put: Any = getattr(target, "set", target)
        if not callable(put):
            raise ValueError(f"export_name_to is {target!r}; expected a signal with set(), or a function")
        self._target, self._put, self._say = target, put, say
        self._thread: threading.Thread | None = None

    def tell(self, name: str) -> None:
        """Put a name, and return when it was taken or five seconds have passed."""
        if self._thread is not None and self._thread.is_alive():
            self._say(f"{self._target!r} still has not taken the file name before {name}")
            return
        self._thread = threading.Thread(
            target=self._tell, args=(name,), name="xpcs-mask-file-name", daemon=True
        )
        self._thread.start()
        self._thread.join(SECONDS_TO_TELL)

    def _tell(self, name: str) -> None:
        try:
            status = self._put(name)
            if hasattr(status, "wait"):
                status.wait(SECONDS_TO_TELL)
        except Exception as error:  # noqa: BLE001  the boundary: somebody else's signal
            self._say(f"{self._target!r} did not take the file name {name}: {error!r}")
