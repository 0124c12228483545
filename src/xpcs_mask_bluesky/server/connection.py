"""How a served directory says where its server is, and how that server proves itself."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

CONNECTION_FILE = "connection.json"
LOCK_FILE = "server.lock"
LOG_FILE = "server.log"
ALREADY_SERVED = 3
"""Exit status of a server that found its directory served by another process."""
HELLO_ROUTE = "/custom/xpcs-mask/hello"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where the server of a directory is, and the key that opens it."""

    uri: str
    """Address without a path, such as ``http://127.0.0.1:34567``."""
    key: str
    """32 bytes in hexadecimal; goes in the ``Authorization`` header only."""
    catalogue: str
    """Identifies the catalogue, whatever the port or the process."""

    def __repr__(self) -> str:
        return f"Connection({self.uri}, catalogue {self.catalogue})"

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.uri.rsplit(":", 1)[1])


def read_connection(directory: Path) -> Connection | None:
    """Return what the directory's connection file says, or None without a whole one."""
    try:
        return Connection(**json.loads((directory / CONNECTION_FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_connection(directory: Path, connection: Connection) -> None:
    """Replace the connection file in one step; only its owner can read it."""
    draft = directory / f".{CONNECTION_FILE}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(connection), file)
    draft.replace(directory / CONNECTION_FILE)


def new_connection(port: int, earlier: Connection | None) -> Connection:
    """Return the connection to publish; key and catalogue survive a restart."""
    return Connection(
        uri=f"http://127.0.0.1:{port}",
        key=earlier.key if earlier else secrets.token_hex(32),
        catalogue=earlier.catalogue if earlier else secrets.token_hex(8),
    )


def proof(connection: Connection, nonce: str) -> str:
    """Return what only a holder of the key can answer to ``nonce``, as 64 hex characters."""
    message = f"{connection.catalogue}:{nonce}".encode()
    return hmac.new(connection.key.encode(), message, hashlib.sha256).hexdigest()
