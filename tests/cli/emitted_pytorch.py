#!/usr/bin/python3
"""Runs what `evengrad theory A --emit pytorch` prints: the gradient of a deep net then keeps its size.

  emitted_pytorch.py PATH/TO/evengrad
"""

import subprocess
import sys

import torch
from torch import nn

DEPTH, WIDTH = 30, 512
activations = {"gelu": nn.GELU(), "silu": nn.SiLU(), "relu": nn.ReLU(), "tanh": nn.Tanh()}

for name, activation in activations.items():
    code = subprocess.run([sys.argv[1], "theory", name, "--emit", "pytorch"], check=True, capture_output=True, text=True)
    emitted = {}
    exec(code.stdout, emitted)
    torch.manual_seed(1)
    layers = []
    for _ in range(DEPTH):
        layers += [nn.Linear(WIDTH, WIDTH), activation]
    net = nn.Sequential(*layers)
    emitted["initialize"](net)
    x = torch.randn(64, WIDTH, requires_grad=True)
    z = x
    pre_activations = []
    for layer in net:
        z = layer(z)
        if isinstance(layer, nn.Linear):
            z.retain_grad()
            pre_activations.append(z)
    pre_activations[-1].backward(torch.randn(64, WIDTH))
    ratio = (pre_activations[0].grad.norm() / pre_activations[-1].grad.norm()).item()
    print(f"{name}: gradient of layer 1 over that of layer {DEPTH}: {ratio:.3g}")
    # tanh is critical only in the limit of small signals: its gradient falls as a power of depth.
    if not (0.1 if name == "tanh" else 0.4) < ratio < 2.5:
        sys.exit(f"{name}: expected the gradient to keep its size")
