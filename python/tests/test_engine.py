"""Theory, propagation and nets, against the program where it is given (EVENGRAD_PROGRAM)."""

import json
import math
import os
import signal
import subprocess
import threading

import evengrad as eg
import numpy as np
import pytest

PROGRAM = os.environ.get("EVENGRAD_PROGRAM", "")
needs_program = pytest.mark.skipif(not PROGRAM, reason="EVENGRAD_PROGRAM is not set")


def program(*words):
    done = subprocess.run([PROGRAM, *words, "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_theory_of_gelu_has_its_closed_form():
    # docs/theory.md, section 9: q* = (3 + sqrt 17) / 2
    theory = eg.theory("gelu")
    assert theory.critical["q_star"] == pytest.approx((3 + math.sqrt(17)) / 2, rel=1e-8)
    assert theory.gains["second_moment"] == pytest.approx(1.533530, rel=1e-6)
    assert theory([0.0, 1.0])[1] == pytest.approx(0.5 * (1 + math.erf(1 / math.sqrt(2))), rel=1e-12)
    assert theory.derivative([[0.0]]).shape == (1, 1)


def test_theory_of_a_function_is_that_of_its_formula():
    def cube(x):
        return x + 0.1 * x**3

    known, measured = eg.theory("x + 0.1*x^3"), eg.theory(cube)
    exact = eg.theory(lambda x: x + 0.1 * x**3, derivative=lambda x: 1 + 0.3 * x**2)
    for theory, tolerance in ((measured, 1e-7), (exact, 1e-12)):
        for k, v in known.moments.items():
            assert theory.moments[k] == pytest.approx(v, rel=tolerance, abs=tolerance)
    assert measured.derivative_error < 1e-6
    assert eg.theory(cube).activation == measured.activation  # one name for one function


def test_an_error_in_a_function_reaches_the_caller():
    def broken(x):
        if len(x) != 257:
            raise ZeroDivisionError("mine")
        return x

    with pytest.raises(ZeroDivisionError, match="mine"):
        eg.theory(broken, derivative=lambda x: x)
    with pytest.raises(ValueError, match="as many numbers"):
        eg.theory(lambda x: x.sum())


def test_results_are_plain_objects():
    pandas = pytest.importorskip("pandas")
    result = eg.propagate("relu", "he", depth=5, width=32, inputs=16, nets=4)
    assert len(result.to_dict()["rows"]) == 5
    assert isinstance(result.to_frame(), pandas.DataFrame)
    assert "<svg" in result._repr_html_()
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert result.plot().get_yscale() == "log"
    with pytest.raises(AttributeError, match="it has"):
        _ = result.nothing


@needs_program
def test_propagate_gives_the_numbers_of_the_program():
    asked = program(
        "propagate",
        "--activation",
        "gelu",
        "--init",
        "he",
        "--depth",
        "6",
        "--width",
        "64",
        "--inputs",
        "32",
        "--nets",
        "3",
        "--seed",
        "7",
    )
    got = eg.propagate("gelu", "he", depth=6, width=64, inputs=32, nets=3, seed=7)
    assert got.rows == asked["layers"]


@pytest.mark.parametrize("wrong", [dict(depth=0), dict(width=10**9), dict(input_variance=-1.0), dict(norm="bach")])
def test_wrong_sizes_and_words_are_refused(wrong):
    with pytest.raises(ValueError):
        eg.propagate("relu", "he", **wrong)
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        eg.theory("rleu")


def spirals(n=400):
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 1, n)
    y = rng.integers(0, 2, n)
    a, r = 1.75 * 2 * np.pi * t, 6.5 - 6 * t
    return (np.c_[r * np.cos(a), r * np.sin(a)] * np.where(y, 1, -1)[:, None] / 3.5).astype(np.float32), y


def test_a_net_learns_and_shares_its_memory():
    x, y = spirals()
    net = eg.Net((32, 32), "gelu", seed=3)
    history = net.fit(x, np.array(["no", "yes"])[y], epochs=150, lr=0.01, batch_size=32)
    assert history.rows[-1]["loss"] < 0.1 < history.rows[0]["loss"]
    assert net.evaluate(x, np.array(["no", "yes"])[y])["accuracy"] > 0.97
    assert set(net.predict(x)) == {"no", "yes"}
    assert np.allclose(net.predict_proba(x).sum(1), 1)
    weights = net.state_dict()
    assert weights["layers.0.weight"].shape == (32, 2) and weights["layers.0.bias"].shape == (32,)
    for value in weights.values():
        value[...] = 0
    assert np.allclose(net.predict_proba(x), 0.5)


def test_regression_and_callbacks():
    x = np.linspace(-1, 1, 200)[:, None]
    net = eg.Net((32,), "tanh", lr=0.01)
    seen = []
    history = net.fit(x, np.sin(3 * x[:, 0]), epochs=500, validation=(x, np.sin(3 * x[:, 0])),
                      on_epoch=lambda row: seen.append(row) or row["loss"] > 0.01)  # fmt: skip
    assert history.rows == seen and 1 < len(seen) < 500
    assert seen[-1]["loss"] <= 0.01 < seen[-2]["loss"]
    assert net.predict(x).shape == (200, 1)
    assert net.evaluate(x, np.sin(3 * x[:, 0]))["loss"] < 0.02

    def fail(row):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        net.fit(x, np.sin(3 * x[:, 0]), on_epoch=fail)


def test_same_seed_same_bits_and_files():
    x, y = spirals(100)
    a, b = (eg.Net((16,), "relu", seed=5) for _ in range(2))
    a.fit(x, y, epochs=3)
    b.fit(x, y, epochs=3, threads=2)
    assert all(np.array_equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


@needs_program
def test_training_gives_the_bits_of_the_program(tmp_path):
    x, y = spirals(120)
    file = tmp_path / "data.csv"
    lines = ["a,b,label"] + [f"{float(p)!r},{float(q)!r},{'uv'[c]}" for (p, q), c in zip(x, y, strict=True)]
    file.write_text("\n".join(lines) + "\n")
    first = {v: i for i, v in enumerate(dict.fromkeys("uv"[c] for c in y))}
    saved = tmp_path / "net.safetensors"
    subprocess.run([PROGRAM, "train", "--data", str(file), "--normalize", "none", "--test-fraction", "0", "--hidden", "16",
                    "--activation", "gelu", "--init", "he", "--optimizer", "adam", "--epochs", "4", "--seed", "9",
                    "--save", str(saved)], check=True, capture_output=True)  # fmt: skip
    net = eg.Net((16,), "gelu", "he", optimizer="adam", seed=9)
    names = sorted(first)  # as the program orders classes
    net.fit(x, np.array(["uv"[c] for c in y]), epochs=4)
    other = eg.Net().load(saved)
    assert names == ["u", "v"]
    assert all(np.array_equal(v, other.state_dict()[k]) for k, v in net.state_dict().items())


def test_ctrl_c_stops_a_run():
    x, y = spirals(2000)
    threading.Timer(0.5, lambda: signal.raise_signal(signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        eg.Net((256, 256), "gelu").fit(x, y, epochs=1_000_000)


@pytest.mark.parametrize("wrong, words", [(dict(optimzer="adam"), "optimizer"), (dict(norm="bach"), "batch"),
                                          (dict(activation="rleu"), "relu"), (dict(init="hee"), "he"),
                                          (dict(hidden=(0,)), "whole number")])  # fmt: skip
def test_wrong_options_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        eg.Net(**wrong)


def test_wrong_data_are_refused():
    x, y = spirals(50)
    with pytest.raises(ValueError, match=r"\(samples, features\)"):
        eg.Net().fit(x[:, 0], y)
    with pytest.raises(ValueError, match="no weights yet"):
        eg.Net().predict(x)
    net = eg.Net((4,))
    net.fit(x, y, epochs=1)
    with pytest.raises(ValueError, match="expected 2"):
        net.predict(x[:, :1])
    with pytest.raises(ValueError, match="not trained on"):
        net.evaluate(x, y + 1)
