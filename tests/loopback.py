"""Channel Access on the loopback interface only, on a port of this test session.

libca reads this when ophyd is first imported, so `tests/conftest.py` sets it before any test module is read.
"""

import os
import socket


def choose_port() -> None:
    """Set the environment of EPICS for this process and those that it starts; a second call does nothing.

    A worker of pytest-xdist inherits its parent's choice, and makes one of its own.
    """
    session = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if os.environ.get("XPCS_MASK_TEST_SESSION") == session:
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    os.environ |= {
        "XPCS_MASK_TEST_SESSION": session,
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_SERVER_PORT": port,
        "EPICS_CA_MAX_ARRAY_BYTES": "40000000",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_SERVER_PORT": port,
    }
