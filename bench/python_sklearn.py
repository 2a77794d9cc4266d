"""evengrad.sklearn beside scikit-learn's own multilayer perceptrons: time and score, 100 epochs of 64,64, one thread.

python bench/python_sklearn.py
"""

import time
import warnings

import evengrad as eg
import numpy as np
from sklearn import datasets, neural_network
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
SETS = ["iris", "wine", "breast_cancer", "digits", "diabetes"]

print("| data | scikit-learn, s | evengrad, s | times as fast | score theirs | score ours |\n|---|---|---|---|---|---|")
for name in SETS:
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kind = "Regressor" if name == "diabetes" else "Classifier"
    if kind == "Regressor":
        y = (y - y.mean()) / y.std()
    x, vx, y, vy = train_test_split(StandardScaler().fit_transform(x), y, random_state=0)
    seconds, scores = {}, {}
    for library in (neural_network, eg.sklearn):
        times = []
        for seed in range(5):
            make = getattr(library, f"MLP{kind}")
            options = dict(hidden_layer_sizes=(64, 64), max_iter=100, tol=0, n_iter_no_change=1000, batch_size=32)
            net = make(**options, random_state=seed)
            begin = time.perf_counter()
            net.fit(x, y)
            times.append(time.perf_counter() - begin)
            scores.setdefault(library, []).append(net.score(vx, vy))
        seconds[library] = np.median(times)
    theirs, ours = seconds[neural_network], seconds[eg.sklearn]
    print(f"| {name} | {theirs:.3f} | {ours:.4f} | {theirs / ours:.1f} | {np.mean(scores[neural_network]):.3f} | "
          f"{np.mean(scores[eg.sklearn]):.3f} |")  # fmt: skip
