#!/usr/bin/python3
"""scikit-learn's MLPClassifier and MLPRegressor through fit(): each epoch is one batch."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

import peer

warnings.simplefilter("ignore", ConvergenceWarning)


class Net:
    def __init__(self, work):
        squared = work.loss == "mse"  # its loss is half the squared error: twice the rate
        self.scale = 2 if squared else 1
        self.x, self.y = work.x, work.y.ravel()
        self.model = (MLPRegressor if squared else MLPClassifier)(
            hidden_layer_sizes=work.widths[1:-1], activation=work.activation, alpha=0, batch_size=work.batch, shuffle=False,
            solver="adam" if work.optimizer == "adam" else "sgd", momentum=0.9 if work.optimizer == "momentum" else 0,
            nesterovs_momentum=False, learning_rate_init=work.learning_rate * self.scale, tol=0,
            n_iter_no_change=10**9, warm_start=True, max_iter=1)
        self.model.fit(self.x, self.y)  # makes the weights, in float32 as the inputs
        for to, (weight, _) in zip(self.model.coefs_, work.layers):
            to[:] = weight.T
        for to, (_, bias) in zip(self.model.intercepts_, work.layers):
            to[:] = bias

    def run(self, steps):
        self.model.max_iter = steps
        self.model.loss_curve_ = []
        self.model.n_iter_ = 0
        self.model.fit(self.x, self.y)

    def losses(self, steps):
        self.run(steps + 1)  # a loss is that before the step
        return [self.scale * loss for loss in self.model.loss_curve_[1:]]


def make(work):
    return None if work.activation == "gelu" else Net(work)


peer.serve(make)
