"""In boost_corr's environment, with PyTorch: g2 of frames under a /qmap file, the whole way."""

import json
import sys

import numpy as np
import torch
from boost_corr import MultitauCorrelator
from boost_corr.xpcs_aps_8idi.xpcs_qpartitionmap import XpcsQPartitionMap

path, given, found = sys.argv[1:]
qmap = XpcsQPartitionMap(path)
frames = torch.from_numpy(np.load(given)["frames"].astype("float32"))
correlator = MultitauCorrelator(
    qmap.det_size, frame_num=len(frames), device="cpu", mask_crop=qmap.mask_crop, max_count=256
)
for frame in frames.reshape(len(frames), 1, -1):
    correlator.process(frame if qmap.mask_crop is None else frame[:, qmap.mask_crop])
correlator.post_process()
answer = qmap.normalize_multitau(correlator.get_results()[1])
np.savez(found, g2=answer["g2"], delays=answer["delay_list"])
print(json.dumps({"bins": int(answer["g2"].shape[1])}))
