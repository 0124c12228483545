"""With requests and h5py alone: wait for a detector's next partition, download it and its run, correlate.

plain_http_correlates.py SERVER DETECTOR RAW DATA_KEY OUT   # the key of the server in XPCS_KEY
"""

import io
import json
import os
import sys
import time

import h5py
import numpy as np
import requests

server, detector, raw, data_key, out = sys.argv[1:]
http = requests.Session()
http.headers["Authorization"] = f"Apikey {os.environ['XPCS_KEY']}"
http.trust_env = False


def get(path, **params):
    answer = http.get(f"{server}/api/v1/{path}", params=params, timeout=30)
    answer.raise_for_status()
    return answer


def entries_after(seq):
    """Return the links of runs to partitions in the log above an entry, oldest first."""
    found = get(
        f"search/{detector}/log",
        **{
            "filter[comparison][condition][operator]": "gt",
            "filter[comparison][condition][key]": "seq",
            "filter[comparison][condition][value]": seq,
            "filter[eq][condition][key]": "kind",
            "filter[eq][condition][value]": '"run use"',
            "page[limit]": 100,
        },
    ).json()["data"]
    return sorted((each["attributes"]["metadata"] for each in found), key=lambda each: each["seq"])


def partition(digest):
    """Return the dynamic and the static label map."""
    path = f"container/full/{detector}/partitions/{digest}"
    content = get(path, format="application/x-hdf5").content
    with h5py.File(io.BytesIO(content)) as file:
        return file["qmap/dynamic_roi_map"][()], file["qmap/static_roi_map"][()]


def frames(uid):
    """Return the frames of a run, once it is recorded: (frames, rows, columns)."""
    path = f"{raw}/{uid}/primary/{data_key}"
    structure = get(f"metadata/{path}").json()["data"]["attributes"]["structure"]
    shape, kind = structure["shape"], structure["data_type"]
    dtype = np.dtype(f"{'<' if kind['endianness'] == 'little' else '|'}{kind['kind']}{kind['itemsize']}")
    content = get(f"array/full/{path}", format="application/octet-stream").content
    return np.frombuffer(content, dtype).reshape(-1, *shape[-2:])


def g2(images, dynamic, static, delays):
    """Return g2 by dynamic label and delay: the mean over static bins of the normalised correlation."""
    pixels = images.reshape(len(images), -1).astype(float)
    inside = dynamic.ravel() > 0
    pixels, label, fine = pixels[:, inside], dynamic.ravel()[inside], static.ravel()[inside]
    count = np.bincount(fine)[1:]
    coarse = np.zeros(len(count), int)
    coarse[fine - 1] = label
    result = np.empty((label.max(), len(delays)))
    for number, delay in enumerate(delays):
        early, late = pixels[: len(pixels) - delay], pixels[delay:]
        both, first, second = (
            np.bincount(fine, each)[1:] / count
            for each in ((early * late).mean(0), early.mean(0), late.mean(0))
        )
        ratio = both / (first * second)
        result[:, number] = np.bincount(coarse, ratio)[1:] / np.bincount(coarse)[1:]
    return result


seen = int(
    (get(f"search/{detector}/log", sort="-", **{"page[limit]": 1}).json()["data"] or [{"id": 0}])[0]["id"]
)
print("listening", flush=True)
while not (found := entries_after(seen)):
    time.sleep(0.2)
uid, digest = found[0]["lineage"]["run_uid"], found[0]["lineage"]["partition"]
dynamic, static = partition(digest)
for _ in range(50):
    try:
        images = frames(uid)
        break
    except (requests.HTTPError, KeyError):  # the run is still being recorded
        time.sleep(0.2)
delays = [1, 2, 4]
np.savez(out, g2=g2(images, dynamic, static, delays), delays=delays, images=images)
print(json.dumps({"run": uid, "digest": digest, "bluesky": "bluesky" in sys.modules}))
