"""evengrad: audit and initialize the PyTorch model you already have; activations, initializers and depth.

import evengrad as eg

eg.theory("gelu")                                # gains, critical point, initializer
eg.propagate("gelu", "he", depth=50)             # theory beside measurement
eg.torch.audit(model, sample)                    # signal and gradient of every layer
eg.torch.initialize_(model, sample=sample)       # weights drawn so that both keep their size
"""

from __future__ import annotations

import importlib
from typing import Any

from ._functions import Propagation, Theory, add_activation, propagate, theory
from ._net import History, Net

__version__ = "0.1.0"
__all__ = ["History", "Net", "Propagation", "Theory", "add_activation", "propagate", "sklearn", "theory", "torch"]


def __getattr__(name: str) -> Any:
    """`eg.torch` and `eg.sklearn` are imported when they are first used, with what they need."""
    if name in ("sklearn", "torch"):
        return importlib.import_module(f"evengrad.{name}")
    raise AttributeError(f"module 'evengrad' has no attribute '{name}'")
