"""Beside bluesky-queueserver: its RE manager runs our profile's startup files and a count from its queue."""

import json
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

from bluesky_queueserver_api.zmq import REManagerAPI

from xpcs_mask_bluesky import MaskCatalog

startup, directory, redis = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
PERMISSIONS = """
user_groups:
  root: {allowed_plans: [null], allowed_devices: [null]}
  primary: {allowed_plans: [":.*"], allowed_devices: [":.*"]}
"""


def free_address() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}"


permissions = directory / "permissions.yaml"
permissions.write_text(PERMISSIONS)
control, info = free_address(), free_address()
command = [
    *(Path(sys.executable).with_name("start-re-manager"), "--keep-re", "--startup-dir", startup),
    *("--user-group-permissions", permissions, "--existing-plans-devices", directory / "devices.yaml"),
    *("--zmq-control-addr", control, "--zmq-info-addr", info),
    *("--redis-addr", redis, "--redis-name-prefix", f"xpcs_mask_{secrets.token_hex(4)}"),
]
environment = os.environ | {"XPCS_MASK_DIR": str(directory / "masks")}
log = (directory / "manager.log").open("w")
manager = subprocess.Popen(list(map(str, command)), env=environment, stdout=log, stderr=subprocess.STDOUT)
try:
    api = REManagerAPI(zmq_control_addr=control, zmq_info_addr=info)
    api.wait_for_idle(timeout=60)
    api.environment_open()
    api.wait_for_idle(timeout=120)
    if not api.status()["worker_environment_exists"]:
        sys.exit("the environment did not open:\n" + (directory / "manager.log").read_text()[-3000:])
    api.item_add({"item_type": "plan", "name": "count", "args": [["eiger4M"]]})
    api.queue_start()
    api.wait_for_idle(timeout=60)
    (item,) = api.history_get()["items"]
    (uid,) = item["result"]["run_uids"]
    api.environment_close()
    api.wait_for_idle(timeout=60)
finally:
    manager.terminate()
    manager.wait(20)
with MaskCatalog.open(directory / "masks") as catalog:
    use = catalog["eiger4M"].partition(run=uid)
    facts = {
        "exit": item["result"]["exit_status"],
        "distance": use.partition.record.distance,
        "labels": len(use.partition.dynamic.counts),
    }
print(json.dumps(facts))
