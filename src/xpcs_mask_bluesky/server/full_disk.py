"""What a server answers whose disk is full: 507, so that its clients wait, not 500, which is a defect."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.responses import Response

from xpcs_mask_bluesky.store.errors import has_no_room

INSUFFICIENT_STORAGE = 507


def say_when_full(app: FastAPI) -> FastAPI:
    """Let an application answer 507 where a write finds no room, and return it."""
    for kind in (OSError, OperationalError):
        app.add_exception_handler(kind, _answer)
    return app


async def _answer(request: Request, error: Exception) -> Response:
    """Answer a full disk; whatever else it is goes on to be a 500.

    Raises:
        Exception: the error itself, if the disk is not full.
    """
    if not has_no_room(error):
        raise error
    return JSONResponse({"detail": "The server's disk is full."}, INSUFFICIENT_STORAGE)
