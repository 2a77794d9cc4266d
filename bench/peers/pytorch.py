#!/usr/bin/python3
"""PyTorch, eager. FOREACH=1 in the environment asks for the optimizer over lists of tensors instead of a loop."""

import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

import peer

torch.set_num_threads(int(sys.argv[2]))
FOREACH = os.environ.get("FOREACH") == "1"
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


class Net:
    def __init__(self, work):
        modules = []
        with torch.no_grad():
            for weight, bias in work.layers:
                linear = nn.Linear(weight.shape[1], weight.shape[0])
                linear.weight.copy_(torch.from_numpy(weight))
                linear.bias.copy_(torch.from_numpy(bias))
                modules += [linear, ACTIVATIONS[work.activation]()]
        self.net = nn.Sequential(*modules[:-1])
        self.loss = F.mse_loss if work.loss == "mse" else F.cross_entropy
        self.x, self.y = torch.from_numpy(work.x), torch.from_numpy(work.y)
        if work.optimizer == "adam":
            self.optimizer = torch.optim.Adam(self.net.parameters(), lr=work.learning_rate, foreach=FOREACH)
        else:
            momentum = 0.9 if work.optimizer == "momentum" else 0
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=work.learning_rate, momentum=momentum, foreach=FOREACH)

    def run(self, steps):
        for _ in range(steps):
            self.optimizer.zero_grad(set_to_none=True)
            self.loss(self.net(self.x), self.y).backward()
            self.optimizer.step()

    def losses(self, steps):
        found = []
        for _ in range(steps):
            self.run(1)
            with torch.no_grad():
                found.append(self.loss(self.net(self.x), self.y).item())
        return found


peer.serve(Net)
