"""Stands for pyqtgraph, so that XPCS Viewer's mask kernel is imported without half a gigabyte of Qt.

Its package is entered beside its ``__init__``, which opens windows; the kernel and what computes are the
released files, unmodified.
"""

import importlib.util
import sys
import types
from pathlib import Path

from without_torch import Module


def install():
    """Put the stand-ins where the kernel imports them."""
    for name in ("pyqtgraph", "pyqtgraph.Qt", "xpcsviewer.simplemask.pyqtgraph_mod"):
        sys.modules[name] = Module(name)
        sys.modules[name].__path__ = []
    sys.modules["pyqtgraph"].setConfigOptions = lambda **options: None
    package = types.ModuleType("xpcsviewer.simplemask")
    package.__path__ = [str(Path(importlib.util.find_spec("xpcsviewer").origin).parent / "simplemask")]
    sys.modules["xpcsviewer.simplemask"] = package
