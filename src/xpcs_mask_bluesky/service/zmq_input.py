"""Documents that a ``bluesky.callbacks.zmq.Publisher`` sends, through bluesky's proxy, in MessagePack."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xpcs_mask_bluesky.service.intake import LONGEST_WAIT, check
from xpcs_mask_bluesky.service.wire import LARGEST, unpacked

if TYPE_CHECKING:
    from xpcs_mask_bluesky.service.intake import Intake

MOST_WAITING = 100_000
"""Messages that wait in memory while others are worked on; 0MQ drops what comes beyond."""


class Curve(NamedTuple):
    """Keys of a proxy that lets in known ones only; files as ``zmq.auth.create_certificates`` makes them."""

    own: Path
    """Our secret key."""
    server: Path
    """The proxy's public key."""


class ZmqInput:
    """A subscription to a 0MQ proxy.

    Nothing here is bluesky's own ``RemoteDispatcher``, which prints what it cannot read and ends with the
    loop it is in. A proxy that goes and comes back is found again by 0MQ itself.

    Args:
        address: ``HOST:PORT`` of the proxy's outgoing side, or 0MQ's own ``ipc://…``.
        prefix: Of the publisher that counts; empty for all.
        curve: Keys, for a proxy that wants them.

    Raises:
        ModuleNotFoundError: pyzmq is not there.
        ValueError: The address or a key file is none.
    """

    def __init__(self, address: str, *, prefix: str = "", curve: Curve | None = None) -> None:
        try:
            import zmq
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("--zmq needs: pip install 'xpcs-mask-bluesky[zmq]'") from error
        self._address = address if "://" in address else f"tcp://{address}"
        self._prefix = prefix.encode()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        try:
            self._connect(zmq, curve)
        except (zmq.ZMQError, OSError, ValueError) as error:
            self._context.destroy(linger=0)
            raise ValueError(f"{address!r} cannot be listened to ({error}); expected HOST:PORT") from error

    @property
    def name(self) -> str:
        """The address."""
        return self._address

    def run(self, intake: Intake, stop: threading.Event) -> None:
        """Hand documents over until ``stop`` is set."""
        try:
            while not stop.is_set():
                if self._socket.poll(int(LONGEST_WAIT * 1000)):
                    self._take(self._socket.recv_multipart(), intake)
        finally:
            self._context.destroy(linger=0)

    def _connect(self, zmq: Any, curve: Curve | None) -> None:
        self._socket.setsockopt(zmq.RCVHWM, MOST_WAITING)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST)
        if curve is not None:
            from zmq import auth

            public, secret = auth.load_certificate(curve.own)
            if secret is None:
                raise ValueError(f"{curve.own} holds no secret key")
            self._socket.curve_publickey, self._socket.curve_secretkey = public, secret
            self._socket.curve_serverkey = auth.load_certificate(curve.server)[0]
        self._socket.setsockopt(zmq.SUBSCRIBE, self._prefix and self._prefix + b" ")
        self._socket.connect(self._address)

    def _take(self, parts: list[bytes], intake: Intake) -> None:
        try:
            name, doc = _document(b" ".join(parts))
        except ValueError as error:
            intake.unusable(f"{self._address} sent {error}")
        else:
            intake(name, doc)


def _document(message: bytes) -> tuple[str, dict[str, Any]]:
    """Return the document in a message: prefix, name and MessagePack, with blanks between.

    Raises:
        ValueError: It is none.
    """
    _, _, rest = message.partition(b" ")
    name, blank, packed = rest.partition(b" ")
    if not blank:
        raise ValueError(f"{len(message)} bytes that are no document")
    return check(name.decode(errors="replace"), unpacked(packed))
