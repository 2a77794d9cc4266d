"""A net that the engine trains, from NumPy arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _core
from ._functions import Function, name_of
from ._results import Result


class History(Result):
    """What fit() saw: a row per epoch with `loss` and, for classes, `accuracy`; `seconds`, `steps` and the final
    metrics."""

    title = "Training"
    curves = ("loss", "validation_loss")


def _inputs(x: Any) -> np.ndarray[Any, Any]:
    x = np.ascontiguousarray(x, dtype=np.float32)
    if x.ndim != 2:
        raise ValueError(f"inputs must be of shape (samples, features), got {x.shape}")
    return x


class Net:
    """A net that the engine trains: options are those of `evengrad train`, numbers the same bits for the same seed.

    Args:
        hidden: widths of the hidden layers, (64, 64); or the net in one line, "linear(64) f layernorm linear(64) f", of the
            words that `evengrad list layers` shows, where f is the activation.
        activation: a name, a formula in x, a Python function, or a list with one per hidden layer.
        init: an initializer; "auto" takes what theory recommends.
        norm, dropout, residual, optimizer, lr, weight_decay, momentum, schedule, loss, label_smoothing, clip_norm,
        batch_size, epochs, shuffle, threads, seed: as on the command line (`evengrad train --help`).
    """

    def __init__(self, hidden: str | Sequence[int] = (64, 64), activation: str | Function | Sequence[str] = "relu",
                 init: str = "auto", **options: Any) -> None:  # fmt: skip
        words = activation if isinstance(activation, str) or callable(activation) else ",".join(activation)
        net = {"net": hidden} if isinstance(hidden, str) else {"hidden": ",".join(map(str, hidden)) or "none"}
        self._net = _core.Net({**net, "activation": name_of(words), "init": init,
                               **{k: v for k, v in options.items() if v is not None}})  # fmt: skip
        self._classes: np.ndarray[Any, Any] | None = None

    def set(self, **options: Any) -> Net:
        """Changes options for the next fit()."""
        for key, value in options.items():
            self._net.set(key, value)
        return self

    def fit(self, x: Any, y: Any, *, validation: tuple[Any, Any] | None = None,
            on_epoch: Callable[[dict[str, Any]], Any] | None = None, **options: Any) -> History:  # fmt: skip
        """Trains; a second call goes on with the weights there are.

        Args:
            x: inputs (samples, features), as float32.
            y: classes of any kind (samples,), whole numbers or words; or targets, floating point, (samples,) or
                (samples, outputs).
            validation: inputs and answers that are judged after each epoch.
            on_epoch: called with each epoch's row; returning False stops.
            options: epochs, batch_size, lr, ...: as for Net.
        """
        self.set(**options)
        x, y = _inputs(x), np.asarray(y)
        rows: list[dict[str, Any]] = []

        def note(epoch: int, train: dict[str, float], test: dict[str, float] | None) -> Any:
            rows.append({"epoch": epoch, **train, **{f"validation_{k}": v for k, v in (test or {}).items()}})
            return not on_epoch or bool(on_epoch(rows[-1]) is not False)

        empty = x[:0]
        vx, vy = (_inputs(validation[0]), np.asarray(validation[1])) if validation else (empty, y[:0])
        if y.dtype.kind == "f":
            self._classes = None
            facts = self._net.fit_targets(x, _targets(y), vx, _targets(vy), note)
        else:
            if self._classes is None or not np.isin(y, self._classes).all():
                if self._net.built:
                    raise ValueError("y has classes that the net was not trained on")
                self._classes = np.unique(y)
            classes = len(self._classes)
            facts = self._net.fit_classes(x, self._labels(y), classes, vx, self._labels(vy), note)
        return History(facts, rows)

    def _labels(self, y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        assert self._classes is not None
        found = np.searchsorted(self._classes, y)
        if (len(y) and (found >= len(self._classes)).any()) or (self._classes[found] != y).any():
            raise ValueError("y has classes that the net was not trained on")
        return found.astype(np.int32)

    def predict(self, x: Any) -> np.ndarray[Any, Any]:
        """The likeliest class of each sample (samples,), or the outputs (samples, outputs) of a regression."""
        answers = self._net.predict(_inputs(x))
        if not self._net.classification:
            return answers
        best = answers.argmax(1)
        return best if self._classes is None else self._classes[best]

    def predict_proba(self, x: Any) -> np.ndarray[Any, Any]:
        """Probabilities (samples, classes), float64."""
        if not self._net.classification:
            raise ValueError("this net has targets, not classes: use predict()")
        return self._net.predict(_inputs(x))

    def evaluate(self, x: Any, y: Any) -> dict[str, float]:
        """Mean loss and, for classes, accuracy."""
        y = np.asarray(y)
        if self._classes is None:
            return self._net.evaluate_targets(_inputs(x), _targets(y))
        return self._net.evaluate_classes(_inputs(x), self._labels(y), len(self._classes))

    def build(self, inputs: int, outputs: int, classification: bool = True) -> Net:
        """Draws weights without training."""
        self._net.build(inputs, outputs, classification)
        return self

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Parameters by name ("layers.0.weight", (out, in)): writing to an array changes the net."""
        return self._net.state_dict()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one safetensors file, as `evengrad train --save` does."""
        self._net.save(os.fspath(path))

    def load(self, path: str | os.PathLike[str]) -> Net:
        """Reads a file of save() or of `evengrad train --save`."""
        self._net.load(os.fspath(path))
        return self

    def __repr__(self) -> str:
        return f"Net({self._net.description if self._net.built else 'not built'})"


def _targets(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    y = np.ascontiguousarray(y, dtype=np.float32)
    return y[:, None] if y.ndim == 1 else y
