"""A partition that was made elsewhere: the finished file, with what the log says of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.errors import DamagedData

if TYPE_CHECKING:
    import numpy as np

    from xpcs_mask_bluesky.partitions import Partition, PartitionRecipe


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A partition in its ``/qmap`` file: small, and done with, where a partition's arrays are large."""

    inputs: str
    """One digest of all that it was made from."""
    digest: str
    """Of the partition."""
    record: GeometryRecord
    requested: PartitionRecipe
    recipe: PartitionRecipe
    """The recipe resolved."""
    dynamic_index_mapping: np.ndarray = field(repr=False)
    static_index_mapping: np.ndarray = field(repr=False)
    content: bytes = field(repr=False)
    """Of the file."""

    @classmethod
    def of(cls, part: Partition, *, inputs: str, run_uid: str, mask_revision: int) -> Packed:
        """Return a partition packed.

        Args:
            part: The partition.
            inputs: One digest of all that it was made from.
            run_uid: The run that it was made for, kept in the file.
            mask_revision: Kept in the file.
        """
        from xpcs_mask_bluesky.files.qmap_hdf5 import qmap_bytes

        return cls(
            inputs=inputs,
            digest=part.digest,
            record=part.record,
            requested=part.requested,
            recipe=part.recipe,
            dynamic_index_mapping=part.dynamic_index_mapping,
            static_index_mapping=part.static_index_mapping,
            content=qmap_bytes(part, run_uid=run_uid, mask_revision=str(mask_revision)),
        )

    def unpack(self) -> Partition:
        """Return the partition.

        Raises:
            DamagedData: the file does not hold it.
        """
        from xpcs_mask_bluesky.files.qmap_hdf5 import read_qmap

        with tempfile.NamedTemporaryFile(suffix=".hdf") as file:
            file.write(self.content)
            file.flush()
            try:
                part = read_qmap(file.name)
            except ValueError as error:
                raise DamagedData(f"partition {self.digest[:12]} came damaged: {error}") from error
        if part.digest != self.digest:
            raise DamagedData(f"partition {self.digest[:12]} came with the content of {part.digest[:12]}")
        return part
