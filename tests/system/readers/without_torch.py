"""Stands for PyTorch where its CPU build cannot be had: boost_corr's loader calls ``torch.tensor`` alone."""

import importlib.util
import sys
import types

import numpy as np


class Tensor(np.ndarray):
    def to(self, device):
        del device
        return self


class Module(types.ModuleType):
    """A module in which every name is an empty class, to be imported, annotated with or derived from."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def install():
    """Put the stand-in where ``import torch`` finds it, unless the real one is there."""
    if importlib.util.find_spec("torch") is not None:
        return
    for name in ("torch", "torch.utils", "torch.utils.data"):
        sys.modules[name] = Module(name)
        sys.modules[name].__path__ = []
    sys.modules["torch"].Tensor = Tensor
    sys.modules["torch"].tensor = lambda array: np.asarray(array).view(Tensor)
