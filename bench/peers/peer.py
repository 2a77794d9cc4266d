"""The Python side of peer.hpp: the work as files, and the answers to bench/peers/run."""

import json
import pathlib
import statistics
import sys
import time

import numpy as np

LOSS_STEPS, WARM_STEPS, LONGEST_RUN = 10, 3, 500  # as in peer.hpp


class Work:
    """A workload with its batch and initial weights; layers is a list of (weight (out, in), bias (out))."""

    def __init__(self, folder, name):
        folder = pathlib.Path(folder)
        shape = next(w for w in json.loads((folder / "workloads.json").read_text()) if w["name"] == name)
        self.__dict__.update(shape)
        numbers = np.fromfile(folder / (name + ".bin"), np.float32)
        start = 0

        def take(*dimensions):
            nonlocal start
            count = int(np.prod(dimensions))
            start += count
            return numbers[start - count : start].reshape(dimensions).copy()

        self.x = take(self.batch, self.widths[0])
        self.y = take(self.batch, self.widths[-1]) if self.loss == "mse" else take(self.batch).astype(np.int64)
        self.layers = [(take(out, fan_in), take(out)) for fan_in, out in zip(self.widths, self.widths[1:])]


def peak_memory():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])


def answer_step(make, work, budget):
    net = make(work)
    if net is None:
        return {}
    losses = net.losses(LOSS_STEPS)
    start = time.perf_counter()
    net.run(WARM_STEPS)
    estimate = (time.perf_counter() - start) / WARM_STEPS
    steps = int(min(max(0.02 / estimate, 1), LONGEST_RUN))
    samples, spent = [], 0.0
    while spent < budget:
        net = make(work)
        net.run(WARM_STEPS)
        start = time.perf_counter()
        net.run(steps)
        samples.append(time.perf_counter() - start)
        spent += samples[-1]
    return {"losses": losses, "us": statistics.median(samples) / steps * 1e6}


def serve(make):
    """`make(work)` is a net with run(steps) and losses(steps), or None for what the library cannot do."""
    folder = sys.argv[1]
    if len(sys.argv) > 3:  # ten_steps
        make(Work(folder, "toy")).run(10)
        print(json.dumps({"peak_kib": peak_memory()}))
        return
    for line in sys.stdin:
        question, *words = line.split()
        answer = answer_step(make, Work(folder, words[0]), float(words[1])) if question == "step" else {}
        print(json.dumps(answer), flush=True)
