"""How even deep nets are after PyTorch's default, evengrad.torch.initialize_ and, where it is installed, AnyInit.

    python bench/python_initialize.py [depth ...]

Prints a Markdown table: norm of the gradient at the first layer over that at the last, geometric mean over five seeds, for
fully connected nets of width 256 fed with standard normal inputs; and the time of a call in passes of the model.
"""

import math
import sys
import time

import evengrad as eg
import torch
from torch import nn

try:
    import anyinit
except ImportError:
    anyinit = None

ACTIVATIONS = [nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Tanh, nn.ReLU, nn.SELU, nn.ELU, nn.Softplus, nn.Sigmoid]


def ratio(model, x):
    outputs = []

    def keep(_module, _inputs, output):
        output.retain_grad()
        outputs.append(output)

    hooks = [m.register_forward_hook(keep) for m in model if isinstance(m, nn.Linear)]
    y = model(x)
    y.backward(torch.randn_like(y))
    for hook in hooks:
        hook.remove()
    return float(outputs[0].grad.double().norm() / outputs[-1].grad.double().norm())


def default(model, x, seed):
    pass


def ours(model, x, seed):
    eg.torch.initialize_(model, sample=x, seed=seed)


def theirs(model, x, seed):
    anyinit.initialize(model, "empirical", x)


WAYS = {"PyTorch": default, **({"AnyInit": theirs} if anyinit else {}), "evengrad": ours}

for depth in [int(d) for d in sys.argv[1:]] or [50]:
    print(f"| {depth} layers | {' | '.join(WAYS)} | passes |\n|---|{'---|' * len(WAYS)}---|")
    for activation in ACTIVATIONS:
        cells = []
        for way in WAYS.values():
            logs = []
            for seed in range(1, 6):
                torch.manual_seed(seed)
                layers = [m for _ in range(depth) for m in (nn.Linear(256, 256), activation())]
                model, x = nn.Sequential(*layers), torch.randn(256, 256)
                begin = time.perf_counter()
                way(model, x, seed)
                took = time.perf_counter() - begin
                begin = time.perf_counter()
                logs.append(math.log(max(ratio(model, x), 1e-300)))
                a_pass = time.perf_counter() - begin
            cells.append(f"{math.exp(sum(logs) / len(logs)):.2g}")
        print(f"| {activation.__name__} | {' | '.join(cells)} | {took / a_pass:.1f} |", flush=True)
