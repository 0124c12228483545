"""Print a line for each partition that another client has published: when it was found, when it was read.

DIRECTORY PATH. A subscriber as an analyst would write one; it ends when its standard input does. Times are
seconds since the epoch. What is read is verified, as always, before any label is handed out.
"""

import json
import sys
import time

import numpy as np

from xpcs_mask_bluesky import MaskCatalog


def say(**facts):
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def read(use):
    found = time.time()
    labels = int(np.asarray(use.partition.static_roi_map).max())
    say(run=use.run_uid, event=use.first_seq_num, found=found, read=time.time(), labels=labels)


with (
    MaskCatalog.open(sys.argv[1], path=sys.argv[2]) as catalog,
    catalog["eiger4M"].subscribe(read, since=0),
):
    say(ready=True)
    sys.stdin.read()
