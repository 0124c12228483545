"""The masks of a detector: edit them, and ask what they were."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks import Mask, Operation, operation_from_json
from xpcs_mask_bluesky.pixels import FrameStatistics, Suspect, suspects
from xpcs_mask_bluesky.store import difference, images, lookup, replay, snapshots, views
from xpcs_mask_bluesky.store.detector import DetectorNode
from xpcs_mask_bluesky.store.edit import Edit
from xpcs_mask_bluesky.store.state import LAYERS, Layer
from xpcs_mask_bluesky.store.verify import verify

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord


class MaskClient(DetectorNode):
    """The mask and the blemish of a detector, with their histories."""

    def edit(self, author: str | None = None, *, layer: Layer = "mask", reason: str = "") -> Edit:
        """Return an edit of the mask, or of the blemish; see :class:`Edit`.

        Args:
            author: By default the user's login name.
            layer: ``"mask"``, or ``"blemish"`` for the detector's own.
            reason: For the log.

        Raises:
            ValueError: there is no such layer.
        """
        return Edit(self, author=author or self.author, layer=_checked(layer), reason=reason)

    def mask(
        self,
        *,
        at: datetime | None = None,
        run: str | None = None,
        revision: int | None = None,
        geometry: GeometryRecord | None = None,
    ) -> Mask:
        """Return the mask now, at a time, of a run or at a revision; it counts no blemished pixel.

        Args:
            at: With a time zone.
            run: Uid of a run; the mask that its partition was made with.
            revision: Number of a log entry.
            geometry: For masks that depend on it; by default the newest that is known.

        Raises:
            LookupError: the run is unknown, or a geometry is needed and none is known.
            AmbiguousPartition: the run had several masks.
        """
        if run is not None:
            return views.mask_of_run(self, run, revision)
        return views.mask_in(self, views.state_at(self, at=at, revision=revision), geometry)

    def blemish(self, *, at: datetime | None = None, revision: int | None = None) -> Mask:
        """Return the detector's own mask now, at a time or at a revision."""
        return views.blemish_in(self, views.state_at(self, at=at, revision=revision))

    def history(
        self, layer: Layer = "mask", *, at: datetime | None = None, revision: int | None = None
    ) -> History[Operation]:
        """Return the states of a layer, with what was undone; it prints as a strip with a pointer."""
        state = views.state_at(self, at=at, revision=revision)
        return state.layers[_checked(layer)].map(operation_from_json)

    def diff(
        self,
        a: views.Point,
        b: views.Point,
        *,
        geometry: GeometryRecord | None = None,
        name: str = "default",
    ) -> difference.MaskDifference:
        """Return what changed in the mask from ``a`` to ``b``, each a revision, a time or a run's uid.

        Args:
            a: The first.
            b: The second.
            geometry: In which both are seen; by default the newest that is known.
            name: Of the recipe whose newest partition tells the bins.

        Raises:
            LookupError: the run or revision is unknown, or a geometry is needed and none is known.
            AmbiguousPartition: the run had several masks.
        """
        return difference.difference(self, a, b, geometry, name)

    def replay(
        self,
        history: History[Operation] | None = None,
        *,
        on: str,
        revision: int | None = None,
        event: int | None = None,
        image: np.ndarray | None = None,
    ) -> replay.Replayed:
        """Return the mask as another run would have made it, with that run's geometry and images.

        Args:
            history: By default that of the mask.
            on: Uid of the other run.
            revision: Of mask and blemish; now without.
            event: Of the run's geometries, if it had several.
            image: In place of the run's frames, ``(rows, columns)``.

        Raises:
            LookupError: the geometry or the frames that an operation needs are not known of that run.
            AmbiguousPartition: the run had several geometries.
            ValueError: an operation was taken from an image that no run has.
        """
        state = views.state_at(self, revision=revision)
        return replay.replay(self, state, history, on=on, event=event, image=image)

    def snapshot(
        self,
        *,
        revision: int | None = None,
        geometry: GeometryRecord | None = None,
        author: str | None = None,
        reason: str = "",
    ) -> snapshots.Snapshot:
        """Store the raster of the mask now, or at a revision, under its digest; equal ones cost nothing."""
        state = views.state_at(self, revision=revision)
        shown = state.mask_revision
        return snapshots.take_snapshot(
            self,
            views.mask_in(self, state, geometry),
            revision=shown,
            author=author or self.author,
            reason=reason,
        )

    def snapshots(self) -> list[snapshots.Snapshot]:
        """Return the rasters that were stored, the oldest first."""
        return [snapshots.snapshot_of(self, entry) for entry in self.log(snapshots.SNAPSHOT)]

    def verify_masks(self) -> int:
        """Evaluate all that the log tells the digest of, and return how many states that were.

        Raises:
            DamagedData: one evaluates to another raster here than where it was made.
            DamagedLog: an entry of the log is missing or damaged.
        """
        return verify(self)

    def frame_statistics(self, run: str | None = None) -> FrameStatistics:
        """Return mean, variance and maximum of the frames of a run, or of the last that has any.

        Raises:
            LookupError: there are no such frames.
        """
        frames = images.frames_of_last_run(self) if run is None else images.frames_of_run(self, run)
        return frames.statistics()

    def suspects(self, run: str, *, name: str = "default", **limits: Any) -> tuple[Suspect, ...]:
        """Return the pixels of a run that do not count as those of their static bin do.

        Those with the greatest leverage on g2 come first; a person judges them, and
        ``edit.hot_pixels(found)`` rejects them.

        Args:
            run: Its uid; the partition of its first frames tells the bins.
            name: Of the recipe.
            limits: ``cutoff``, ``minimum_pixels`` and ``minimum_counts`` of
                :func:`~xpcs_mask_bluesky.suspects`.

        Raises:
            LookupError: the run has no partition, or its frames are not recorded.
        """
        uses = lookup.uses_of_run(self, run, name, None)
        if not uses:
            raise LookupError(f"run {run!r} has no partition {name!r}")
        return suspects(self.frame_statistics(uses[0].run_uid), uses[0].partition.static_roi_map, **limits)


def _checked(layer: Layer) -> Layer:
    if layer not in LAYERS:
        raise ValueError(f"layer is {layer!r}; expected one of {', '.join(LAYERS)}")
    return layer
