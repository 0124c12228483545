"""A server's refusal to a key that may not do something, in words that say what the key lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tiled.client.utils import ClientError

from xpcs_mask_bluesky.store.errors import NotPermitted

REFUSALS = frozenset({401, 403})
_NEEDED = re.compile(r"Requires scopes (\[[^\]]*\]).*had scopes (\[[^\]]*\])")
_SCOPE = re.compile(r"[a-z]+:[a-z]+|register|metrics")


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn the server's refusal of what is done within into NotPermitted.

    Args:
        what: For the message, such as ``"create 'det'"``.

    Raises:
        NotPermitted: the key may not.
    """
    try:
        yield
    except ClientError as error:
        if error.response.status_code not in REFUSALS:
            raise
        raise NotPermitted(f"this API key may not {what}: {_why(error)}; nothing was committed") from error


def _why(error: ClientError) -> str:
    detail = _detail(error)
    needed = _NEEDED.search(detail)
    if needed is None:
        return detail
    if "on this node" in detail:
        return "that node is sealed, or out of the key's reach"
    wanted, had = (set(_SCOPE.findall(each)) for each in needed.groups())
    if not had:
        return "the server does not know the key; was it revoked, or has it expired?"
    missing = ", ".join(sorted(wanted - had))
    return f"it lacks the scopes {missing}; open the catalogue with the key of an editor or of staff"


def _detail(error: ClientError) -> str:
    try:
        detail = error.response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return str(error)
    return str(detail).rsplit("\n", maxsplit=1)[-1]
