"""Theory and propagation, as functions that return plain objects."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core
from ._results import Result

Function = Callable[[Any], Any]
_names: dict[Function, tuple[str, float]] = {}  # functions that are activations already, with their slope's error


def _slopes(f: Function, z: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], float]:
    """f' by central differences with one Richardson step, and the largest relative disagreement of the two steps."""
    h = 1e-4 * np.maximum(1.0, np.abs(z))
    once = (np.asarray(f(z + h)) - np.asarray(f(z - h))) / (2 * h)
    half = (np.asarray(f(z + h / 2)) - np.asarray(f(z - h / 2))) / h
    slope = (4 * half - once) / 3
    error = float(np.median(np.abs(half - once)) / max(float(np.max(np.abs(slope))), 1e-300)) if z.size else 0.0
    return slope, error


def add_activation(name: str, f: Function, derivative: Function | None = None) -> str:
    """Makes a Python function an activation, so that its name stands wherever a name does. Returns the name.

    Args:
        name: an identifier that no activation has yet.
        f: a function of a float64 array (n,) that returns as many numbers, each depending on its own input alone.
        derivative: its derivative, of the same kind; None: by central differences.
    """

    def both(z: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        value = np.ascontiguousarray(f(z), dtype=np.float64)
        slope = derivative(z) if derivative is not None else _slopes(f, z)[0]
        return value, np.ascontiguousarray(np.broadcast_to(slope, z.shape), dtype=np.float64)

    grid = np.linspace(-4, 4, 257)
    value = np.asarray(f(grid))
    if value.shape != grid.shape:
        raise ValueError(
            f"{name}: an activation returns as many numbers as it is given, expected {grid.shape}, got {value.shape}"
        )
    _core.add_function(name, both)
    _names[f] = (name, 0.0 if derivative is not None else _slopes(f, grid)[1])
    return name


def name_of(activation: str | Function, derivative: Function | None = None) -> str:
    """The name of an activation; a function gets one."""
    if isinstance(activation, str):
        return activation
    if activation not in _names:
        base = getattr(activation, "__name__", "function")
        add_activation(f"{base if base.isidentifier() else 'function'}_{len(_names) + 1}", activation, derivative)
    return _names[activation][0]


class Theory(Result):
    """What follows from an activation's formula: `moments` at N(0, 1), `gains`, `extrema`, `critical` (sigma_w2, sigma_b2,
    q_star, class; None where there is no such point), `normalized` and `recommended`, as `evengrad theory` prints them."""

    def __call__(self, z: Any) -> np.ndarray[Any, Any]:
        """f(z), float64, of the shape of z."""
        z = np.asarray(z, dtype=np.float64)
        return np.asarray(_core.evaluate(self.facts["activation"], np.ravel(z))[0]).reshape(z.shape)

    def derivative(self, z: Any) -> np.ndarray[Any, Any]:
        """f'(z), float64, of the shape of z."""
        z = np.asarray(z, dtype=np.float64)
        return np.asarray(_core.evaluate(self.facts["activation"], np.ravel(z))[1]).reshape(z.shape)


def theory(activation: str | Function, derivative: Function | None = None) -> Theory:
    """Everything that follows from an activation: moments, gains, critical point, repair, initializer.

    Args:
        activation: a name ("gelu", "leaky_relu(0.2)"), a formula in x ("x*tanh(exp(x))"), or a Python function of a
            float64 array.
        derivative: that of a Python function; None: by differences, with `derivative_error`, an estimate of their
            relative error.
    """
    name = name_of(activation, derivative)
    facts = json.loads(_core.theory_json(name))
    if not isinstance(activation, str):
        facts["derivative_error"] = _names[activation][1]
    rows = [{"quantity": k, "value": v} for part in ("moments", "gains") for k, v in facts[part].items()]
    critical = facts["critical"]
    notes = [f"{facts['recommended']['init']}: {facts['recommended']['reason']}"]
    notes += [f"critical at sigma_w2 = {critical['sigma_w2']:.6g}, sigma_b2 = {critical['sigma_b2']:.6g}"] if critical else [
        "no critical point"]  # fmt: skip
    result = Theory(facts, rows, notes)
    result.title = f"Theory of {facts['activation']}"
    return result


class Propagation(Result):
    """Signal (`q`: mean square pre-activation), gradient and correlation by layer, measured and predicted."""

    curves = ("q", "q_theory", "gradient_rms", "gradient_rms_theory")
    columns = ["layer", "q", "q_theory", "gradient_rms", "gradient_rms_theory", "correlation", "correlation_theory",
               "zero_fraction", "silent_fraction"]  # fmt: skip


def propagate(activation: str | Function, init: str = "auto", *, depth: int = 20, width: int = 256, inputs: int = 256,
              nets: int = 10, input_variance: float = 1.0, bias_std: float | None = None, norm: str = "none",
              residual: bool = False, orthogonal_inputs: bool = False, seed: int = 1) -> Propagation:  # fmt: skip
    """Sends random inputs through `nets` random nets as they are initialized, and gradients back, beside what theory
    predicts: the numbers of `evengrad propagate --activation NAME --init NAME`, the same bits for the same seed.

    Args:
        activation: as in `theory`.
        init: an initializer ("he", "lecun", "orthogonal(gain=1.4)"), or "auto".
        depth, width: hidden layers and their units.
        inputs, nets: samples (the batch, with norm="batch"), and nets over which the results are averaged.
        norm: "none", "batch" or "layer".
    """
    for key, value in dict(depth=depth, width=width, inputs=inputs, nets=nets).items():
        if not 1 <= value <= 100_000:
            raise ValueError(f"{key} must be from 1 to 100000, got {value}")
    if not (input_variance > 0 and math.isfinite(input_variance)):
        raise ValueError(f"input_variance must be positive and finite, got {input_variance}")
    name = name_of(activation)
    if init == "auto":
        init = json.loads(_core.theory_json(name))["recommended"]["init"]
    facts = json.loads(_core.propagate_json(name, init, depth, width, inputs, nets, input_variance, bias_std, norm,
                                            residual, orthogonal_inputs, seed))  # fmt: skip
    rows = facts.pop("layers")
    result = Propagation(facts, rows)
    result.title = f"{facts['activation']}, {facts['init']}, width {width}, depth {depth}"
    return result
