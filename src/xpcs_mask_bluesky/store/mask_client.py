"""The masks of a detector: edit them, and ask what they were."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks import Mask, Operation, operation_from_json
from xpcs_mask_bluesky.store import views
from xpcs_mask_bluesky.store.detector import DetectorNode
from xpcs_mask_bluesky.store.edit import Edit
from xpcs_mask_bluesky.store.state import LAYERS, Layer

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
        if layer not in LAYERS:
            raise ValueError(f"layer is {layer!r}; expected one of {', '.join(LAYERS)}")
        return Edit(self, author=author or self.author, layer=layer, reason=reason)

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

    def history(self, layer: Layer = "mask") -> History[Operation]:
        """Return the operations of a layer, with what was undone."""
        return History.from_log(self.state.latest().actions[layer], operation_from_json)

    def diff(self, a: int | datetime, b: int | datetime) -> views.MaskDifference:
        """Return what changed in the mask from ``a`` to ``b``, each a revision or a time."""
        return views.difference(self, a, b)
