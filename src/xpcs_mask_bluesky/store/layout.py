"""Names, specs and keys of our nodes in Tiled.

``<detector>/log/00000042`` are the commits, ``<detector>/blobs/<sha256>`` arrays and
``<detector>/partitions/<digest>`` published partitions, both under the digest of their content;
``<detector>/qmaps/<geometry digest>`` are Q-maps that the server computes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tiled.client.utils import ClientError
from tiled.structures.core import Spec

from xpcs_mask_bluesky.store.rights import asking

DETECTOR_SPEC = "XPCSDetector"
PARTITION_SPEC = "XPCSPartition"
COMMIT_SPEC = "XPCSCommit"
QMAP_SPEC = "XPCSQMap"
RUNS_SPEC = "CatalogOfBlueskyRuns"
SCHEMA_VERSION = 1

LOG, BLOBS, PARTITIONS, QMAPS = "log", "blobs", "partitions", "qmaps"

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def check_name(name: str, what: str = "name") -> str:
    """Return ``name`` if Tiled can open what is filed under it.

    Raises:
        ValueError: it holds something else than letters, digits, ``_`` and ``-``.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} is {name!r}; expected letters, digits, '_' and '-' only, since Tiled accepts "
            "other names and then cannot open them"
        )
    return name


def path_segments(path: str) -> list[str]:
    """Return the names that a path such as ``"xpcs"`` or ``"beamline/xpcs"`` is made of."""
    return [check_name(segment, "path") for segment in path.strip("/").split("/")]


def is_conflict(error: Exception) -> bool:
    """Return whether Tiled refused to create a node because its key is taken."""
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None) == 409


def create(
    parent: Any,
    key: str,
    *,
    metadata: Mapping[str, Any] | None = None,
    specs: Sequence[Any] = (),
) -> Any:
    """Create a container; Tiled's only atomic step.

    Raises:
        KeyError: the key is taken.
        NotPermitted: (a ``PermissionError``) the API key may not.
    """
    kind = (metadata or {}).get("kind")
    try:
        with asking(f"commit a {kind!r} entry" if kind else f"create {key!r}"):
            return parent.create_container(key=key, metadata=dict(metadata or {}), specs=list(specs))
    except ClientError as error:
        if is_conflict(error):
            raise KeyError(key) from error
        raise


def ensure(parent: Any, key: str, **created: Any) -> Any:
    """Return the child container ``key``, created if it is not there yet."""
    try:
        return parent[key]
    except KeyError:
        pass
    try:
        return create(parent, key, **created)
    except KeyError:
        return parent[key]


def ensure_detector(client: Any, path: Sequence[str], name: str, shape: tuple[int, int], raw: str) -> None:
    """Create the nodes of a detector that are not there yet.

    Args:
        client: The root Tiled client.
        path: Names of the containers above the detector.
        name: The detector's.
        shape: Rows and columns, in px.
        raw: Key of the container that holds the runs.
    """
    parent = client
    for segment in path:
        parent = ensure(parent, segment)
    metadata = {"schema": SCHEMA_VERSION, "shape": list(shape), "raw": raw}
    spec = Spec(DETECTOR_SPEC, version=str(SCHEMA_VERSION))
    detector = ensure(parent, name, metadata=metadata, specs=[spec])
    for part in (BLOBS, PARTITIONS, QMAPS, LOG):
        ensure(detector, part)


def ensure_runs(client: Any, raw: str) -> Any:
    """Return the container of runs, created if it is not there yet."""
    return ensure(client, raw, specs=[Spec(RUNS_SPEC, version="3.0")])
