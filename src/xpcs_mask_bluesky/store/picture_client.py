"""The pictures of a detector: shown, and written as a page for the logbook."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.store import pictures
from xpcs_mask_bluesky.store.mask_client import MaskClient
from xpcs_mask_bluesky.store.partition_client import PartitionClient

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


class PictureClient(MaskClient, PartitionClient):
    """Mask, labels and rings of a detector, drawn."""

    def show(
        self,
        *,
        run: str | None = None,
        name: str = "default",
        event: int | None = None,
        image: np.ndarray | None = None,
    ) -> Figure:
        """Return a figure: the mask over an image with rings of q and φ, and the dynamic labels.

        It has a window where matplotlib is interactive; elsewhere ``.savefig(path)`` writes it.

        Args:
            run: Uid of a run; by default the mask in force, the newest labels and the last run's frames.
            name: Of the recipe.
            event: Of a run with several partitions.
            image: In place of the mean of recorded frames, ``(rows, columns)``.

        Raises:
            LookupError: the run is not known.
            AmbiguousPartition: the run has several partitions.
            ValueError: the image has another shape.
        """
        return pictures.show(self, run=run, name=name, event=event, image=image)

    def report(
        self,
        path: str | Path,
        *,
        run: str | None = None,
        name: str = "default",
        event: int | None = None,
        at: datetime | None = None,
        revision: int | None = None,
        image: np.ndarray | None = None,
    ) -> Path:
        """Write one page about a partition, for the logbook, and return its path.

        Args:
            path: Ends in ``.png`` or ``.pdf``.
            run: Uid of a run; by default the newest partition.
            name: Of the recipe.
            event: As of :meth:`partition`.
            at: As of :meth:`partition`.
            revision: As of :meth:`partition`.
            image: In place of the mean of recorded frames, ``(rows, columns)``.

        Raises:
            LookupError: there is no such partition.
            AmbiguousPartition: the run has several partitions.
            ValueError: the path has another suffix, or the image another shape.
        """
        use = self.partition(name=name, run=run, event=event, at=at, revision=revision)
        return pictures.report(self, path, use=use, image=image)
