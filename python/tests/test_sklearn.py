"""evengrad.sklearn against scikit-learn's own checks and estimators."""

import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")
import evengrad as eg  # noqa: E402
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

MLPClassifier, MLPRegressor = eg.sklearn.MLPClassifier, eg.sklearn.MLPRegressor


@parametrize_with_checks(
    [MLPClassifier(max_iter=60, learning_rate_init=0.01), MLPRegressor(max_iter=100, learning_rate_init=0.01)]
)
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_scores_are_those_of_scikit_learn(load):
    from sklearn.neural_network import MLPClassifier as Theirs

    x, y = load(return_X_y=True)
    ours, theirs = (cross_val_score(make_pipeline(StandardScaler(), c((64, 64), max_iter=100, random_state=0)), x, y).mean()
                    for c in (MLPClassifier, Theirs))  # fmt: skip
    assert ours > theirs - 0.02


def test_regression_pipeline_and_grid():
    x, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    grid = GridSearchCV(make_pipeline(StandardScaler(), MLPRegressor((16,), max_iter=60, random_state=0, learning_rate_init=0.01)),
                        {"mlpregressor__activation": ["relu", "gelu"], "mlpregressor__alpha": [1e-4, 1.0]}, cv=3)  # fmt: skip
    assert grid.fit(x, y).best_score_ > 0.35


@pytest.mark.parametrize(
    "estimator", [MLPClassifier((8,), max_iter=5, random_state=1), MLPRegressor((8,), max_iter=5, random_state=1)]
)
def test_pickles_predict_the_same(estimator):
    x, y = load_wine(return_X_y=True)
    estimator.fit(x, y)
    other = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(estimator.predict(x), other.predict(x))
    assert other.coefs_[0].shape == (13, 8)


def test_early_stopping_takes_the_best_epoch():
    x, y = load_wine(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    net = MLPClassifier((64,), max_iter=2000, early_stopping=True, random_state=0, learning_rate_init=0.01).fit(x, y)
    assert net.n_iter_ < 2000 and net.score(x, y) > 0.95
