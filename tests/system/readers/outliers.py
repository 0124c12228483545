"""What pySimpleMask takes for outliers, and how long it takes: GIVEN.npz FOUND.npz REPEATS."""

import json
import sys
import time

import numpy as np
from pysimplemask.core.outlier_removal import outlier_removal_adjacent_boxes as boxes
from pysimplemask.core.outlier_removal import outlier_removal_with_saxs as rings

given = np.load(sys.argv[1])
image, labels = given["image"], given["labels"]
good = labels > 0
ways = {
    "q": lambda method, cutoff: rings(np.arange(float(labels.max())), labels, image, method, cutoff),
    "box": lambda method, cutoff: boxes(image, good, 32, method, cutoff),
}
seconds, found = {}, {}
for by, way in ways.items():
    for method, cutoff in (("mad", 5 * 1.4826022185056018), ("percentile", 3.0)):
        took = []
        for _ in range(int(sys.argv[3])):
            start = time.process_time()
            bad = way(method, cutoff)[1]
            took.append(time.process_time() - start)
        seconds[f"{by}-{method}"] = min(took)
        found[f"{by}-{method}"] = bad
np.savez(sys.argv[2], **found)
print(json.dumps(seconds))
