"""Refuse a key that comes in a URL or a cookie, where logs and histories would keep it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

REFUSAL = b'{"detail":"send the API key in the header \'Authorization: Apikey ...\', not in the URL"}'


class HeaderOnly:
    """An ASGI application in front of another, which answers 400 to a key outside a header."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless its URL or a cookie carries a key."""
        if scope["type"] == "websocket" and _carries_key(scope):
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http" and _carries_key(scope):
            await send(
                {
                    "type": "http.response.start",
                    "status": 400,
                    "headers": [(b"content-type", b"application/json")],
                }
            )
            await send({"type": "http.response.body", "body": REFUSAL})
            return
        await self._app(scope, receive, send)


def _carries_key(scope: Scope) -> bool:
    if b"api_key=" in scope.get("query_string", b""):
        return True
    return any(name == b"cookie" and b"tiled_api_key=" in value for name, value in scope["headers"])
