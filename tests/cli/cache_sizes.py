#!/usr/bin/env python3
"""cache_sizes.py PROGRAM: no number of the program depends on the sizes of the processor's caches.

PROGRAM is the copy with cache_sizes.cpp, which tells Eigen what the caches are. Every command runs on three such machines;
everything that it prints must be the same, but for times and what the build says of itself.
"""
import concurrent.futures
import json
import os
import subprocess
import sys

program = sys.argv[1]
machines = ["8192,65536,131072", "32768,1048576,8388608", "65536,4194304,268435456"]

train = "train --steps 120 --data"
propagate = "propagate --width 64 --activation"
commands = [
    f"{train} spirals --hidden 64,64 --activation relu --init he",
    f"{train} moons --activation gelu --norm layer --dropout 0.1 --schedule cosine",
    f"{train} circles --activation tanh --norm batch --optimizer sgd --lr 0.1",
    f"{train} blobs --activation silu --optimizer adamw --clip-norm 1 --label-smoothing 0.1",
    f"{train} sine --activation mish --optimizer rmsprop --lr 1e-3",
    f"{train} teacher --activation elu --optimizer nesterov --lr 0.01 --dtype float64",
    f"{train} spirals --hidden 32,32,32 --activation x*sigmoid(1.702*x) --init auto --residual",
    f"{train} xor --hidden 300,200 --activation prelu --init orthogonal --optimizer momentum --lr 0.05",
    f"{train} moons --hidden {','.join(['32'] * 30)} --activation tanh --init xavier --optimizer sgd --lr 0.05",
    f"{train} moons --hidden 16,16 --activation selu,hard_swish --init lecun",
    f"{train} spirals --init pytorch --activation softplus",
    f"{train} spirals --init lsuv --activation gelu_tanh",
    f"{train} moons --loss bce --activation softsign",
    f"{propagate} gelu --init he --depth 30 --inputs 64",
    f"{propagate} tanh --init xavier --depth 10 --residual",
    f"{propagate} relu --init he --depth 10 --batch-norm --inputs 64",
    f"{propagate} tanh --init orthogonal --depth 10 --inputs 64",
    "compare --activations relu,gelu,tanh --inits xavier,he,matched --depths 2,6 --widths 16 --data moons --seeds 2"
    " --steps 60 --lrs 0.003,0.01",
    "compare --map sigma_w=0.5:3:8,sigma_b=0:0.8:6 --activations tanh --depths 4 --widths 8 --data circles --samples 100"
    " --optimizer sgd --lrs 0.1 --batch-size 20 --steps 40",
    "run linear-and-universal --seeds 1",
    *(f"theory {f}" for f in ["gelu", "silu", "mish", "relu", "tanh", "sigmoid", "softsign", "selu", "x*tanh(exp(x))",
                              "max(x,0)^2", "sin(30*x)"]),
]


def without_times(node):
    if isinstance(node, dict):
        return {key: without_times(value) for key, value in node.items() if key not in ("provenance", "seconds", "plan")}
    return [without_times(value) for value in node] if isinstance(node, list) else node


def numbers(command, caches):
    done = subprocess.run([program, *command.split(), "--isa", "baseline", "--json"], capture_output=True, text=True,
                          env={**os.environ, "EVENGRAD_CACHE_SIZES": caches})
    if done.returncode != 0:
        sys.exit(f"evengrad {command}\n{done.stderr}")
    return json.dumps(without_times(json.loads(done.stdout)))


with concurrent.futures.ThreadPoolExecutor(2) as pool:
    results = {command: [pool.submit(numbers, command, caches) for caches in machines] for command in commands}
failed = 0
for command, of_machines in results.items():
    if len({result.result() for result in of_machines}) != 1:
        failed += 1
        print(f"not the same on three machines: evengrad {command}")
print(f"{len(commands) - failed} of {len(commands)} commands give the same numbers whatever the caches")
sys.exit(failed > 0)
