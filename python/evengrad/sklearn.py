"""MLPClassifier and MLPRegressor: scikit-learn's parameters and manners, evengrad's engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ._net import Net

_ACTIVATIONS = {"logistic": "sigmoid"}


class _Mlp(BaseEstimator):
    def __init__(self, hidden_layer_sizes: Any = (100,), activation: Any = "relu", *, solver: str = "adam",
                 init: str = "auto", alpha: float = 0.0001, batch_size: Any = "auto", learning_rate_init: float = 0.001,
                 max_iter: int = 200, shuffle: bool = True, random_state: Any = None, tol: float = 1e-4,
                 momentum: float = 0.9, early_stopping: bool = False, validation_fraction: float = 0.1,
                 beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, n_iter_no_change: int = 10,
                 norm: str = "none", dropout: float = 0.0, warm_start: bool = False) -> None:  # fmt: skip
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.init = init
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.momentum = momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.norm = norm
        self.dropout = dropout
        self.warm_start = warm_start

    def _options(self, samples: int) -> dict[str, Any]:
        sizes = self.hidden_layer_sizes
        options: dict[str, Any] = dict(
            hidden=tuple(np.atleast_1d(sizes)), activation=_ACTIVATIONS.get(self.activation, self.activation),
            init=self.init, optimizer=self.solver, lr=self.learning_rate_init, norm=self.norm, dropout=self.dropout,
            batch_size=min(200, samples) if self.batch_size == "auto" else min(self.batch_size, samples),
            epochs=self.max_iter, shuffle=self.shuffle,
            seed=int(check_random_state(self.random_state).randint(1, 2**31 - 1)))  # fmt: skip
        # scikit-learn's penalty is alpha / (2 n) |W|^2 of a sum over the batch; here it is weight_decay / 2 |W|^2 of a mean.
        options["weight_decay"] = self.alpha / options["batch_size"]
        if self.solver == "sgd":
            options["momentum"] = self.momentum
        if self.solver == "adam":
            options.update(beta1=self.beta_1, beta2=self.beta_2, eps=self.epsilon)
        return options

    def _train(self, x: Any, y: Any, stratify: Any) -> Any:
        validation = None
        if self.early_stopping:
            x, vx, y, vy = train_test_split(x, y, test_size=self.validation_fraction, stratify=stratify,
                                            random_state=self.random_state)  # fmt: skip
            validation = (vx, vy)
        best, waited, states = np.inf, 0, None
        self.loss_curve_: list[float] = []

        def judge(row: dict[str, Any]) -> bool:
            nonlocal best, waited, states
            self.loss_curve_.append(row["loss"])
            now = row["validation_loss"] if validation else row["loss"]
            waited = 0 if now < best - self.tol else waited + 1
            if now < best:
                best = now
                if validation:
                    states = {k: v.copy() for k, v in net.state_dict().items()}
            return bool(waited < self.n_iter_no_change)

        old: Net | None = getattr(self, "net_", None) if self.warm_start else None
        net: Net = old.set(epochs=self.max_iter) if old else Net(**self._options(len(x)))
        net.fit(x, y, validation=validation, on_epoch=judge)
        if states:
            for name, value in net.state_dict().items():
                value[...] = states[name]
        self.net_: Net = net
        self.n_iter_ = len(self.loss_curve_)
        self.loss_ = self.loss_curve_[-1]
        self.n_layers_ = len(self.coefs_) + 1
        self.n_outputs_ = net._net.shape[-1]
        return self

    @property
    def coefs_(self) -> list[Any]:
        """Weights (in, out) by layer, as in scikit-learn."""
        return [v.T for k, v in self.net_.state_dict().items() if k.endswith("weight") and v.ndim == 2]

    @property
    def intercepts_(self) -> list[Any]:
        return [v for k, v in self.net_.state_dict().items() if k.endswith("bias")]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        net = state.pop("net_", None)
        if net is not None:
            state["_saved"] = ({k: np.array(v) for k, v in net.state_dict().items()}, net._net.shape,
                               net._net.classification, net._classes, self._options(1000))  # fmt: skip
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved = state.pop("_saved", None)
        super().__setstate__(state)
        if saved is not None:
            values, shape, classification, classes, options = saved
            if options["init"] == "lsuv":
                options["init"] = "he"
            self.net_ = Net(**options).build(shape[0], shape[-1], classification)
            self.net_._classes = classes
            for name, value in self.net_.state_dict().items():
                value[...] = values[name]


class MLPClassifier(ClassifierMixin, _Mlp):
    """A multilayer perceptron for classes; parameters as scikit-learn's MLPClassifier, and `init`, `norm`, `dropout`.

    Trains until the loss has not fallen by `tol` for `n_iter_no_change` epochs, or `max_iter` epochs.
    """

    def fit(self, X: Any, y: Any) -> MLPClassifier:
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier needs at least 2 classes, got 1 class: {self.classes_[0]!r}")
        stratify = labels if self.early_stopping and np.bincount(labels).min() > 1 else None
        self._train(X, labels.astype(np.int64), stratify)
        return self

    def predict_proba(self, X: Any) -> Any:
        check_is_fitted(self, "net_")
        return self.net_.predict_proba(validate_data(self, X, dtype=np.float32, reset=False))

    def predict_log_proba(self, X: Any) -> Any:
        return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Any:
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]


class MLPRegressor(RegressorMixin, _Mlp):
    """A multilayer perceptron for targets, one or several; parameters as scikit-learn's MLPRegressor."""

    def fit(self, X: Any, y: Any) -> MLPRegressor:
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        self._train(X, y.astype(np.float32), None)
        return self

    def predict(self, X: Any) -> Any:
        check_is_fitted(self, "net_")
        answers = self.net_.predict(validate_data(self, X, dtype=np.float32, reset=False))
        return answers[:, 0] if self._flat else answers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
