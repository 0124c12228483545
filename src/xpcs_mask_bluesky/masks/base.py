"""What every operation is: a layer, what it needs, and one line of words."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, FiniteFloat

from xpcs_mask_bluesky.checked import Checked

PositiveFinite = Annotated[FiniteFloat, Field(gt=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def one_line(text: str) -> str:
    """Return text without line breaks, for :meth:`Operation.describe`."""
    return " ".join(text.split())


class Layer(IntEnum):
    """The order in which a mask is built; the mask is the AND of all layers."""

    DEFAULT = 0
    THRESHOLD = 1
    PARAMETER = 2
    DRAWING = 3


class Operation(Checked):
    """One step of a mask. Two operations with the same content are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: ClassVar[Layer]

    @property
    def needs_arrays(self) -> tuple[str, ...]:
        """Digests of the stored arrays without which this cannot be evaluated."""
        return ()

    @property
    def needs_image(self) -> bool:
        """Whether the result depends on an image, and none is recorded."""
        return False

    @property
    def needs_qmap(self) -> bool:
        """Whether the result depends on the geometry."""
        return False

    def describe(self) -> str:
        """Return one line for people."""
        raise NotImplementedError


class ImageReference(Checked):
    """The image that an operation was taken from, so that it can be evaluated again anywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: Digest
    """Of the image itself, under which it is stored."""
    run: str = ""
    """Uid of the run that it comes from, if it comes from one."""
    stream: str = ""
    frames: str = ""
    """Which frames, and how they were made one: ``"mean of 0:300"``."""

    def describe(self) -> str:
        """Return where the image comes from, in words that follow a comma; empty if nothing is known."""
        return f", {one_line(self.frames) or 'image'} of run {one_line(self.run)[:8]}" if self.run else ""
