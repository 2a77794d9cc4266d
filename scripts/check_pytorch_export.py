#!/usr/bin/python3
"""Checks that PyTorch computes what evengrad does from a saved model.

  check_pytorch_export.py MODEL.safetensors OUTPUTS.csv [--activation A] [--tolerance 1e-6]

OUTPUTS.csv has a header and one sample a row: the inputs as the network sees them (after normalization), then the
outputs of evengrad's last layer (logits). The network is rebuilt from the tensors' names and shapes alone and filled
by load_state_dict(strict=True); the activation's name stands in the metadata's "architecture" unless it is given here.
Exit status: 0 when every output agrees within tolerance * max(1, |output|), 1 when not. Needs python3-torch.
"""

import argparse
import json
import pathlib
import re
import sys

import torch
from torch import nn

from pytorch_reference import make_activation, read_safetensors


def rebuild(tensors, activation):
    """Returns the nn.Sequential that these names and shapes describe; an index that holds nothing is an activation
    when it is the first such after a linear or normalization layer, else a dropout, which evaluation skips."""
    entries = {}
    for name, tensor in tensors.items():
        match = re.fullmatch(r"layers\.(\d+)\.(\w+)", name)
        if not match:
            sys.exit(f"tensor {name!r}: expected a name like 'layers.0.weight'")
        entries.setdefault(int(match[1]), {})[match[2]] = tensor

    modules, width, activated = [], 0, True
    for index in range(max(entries) + 1):
        entry = entries.get(index, {})
        weight = entry.get("weight")
        if weight is not None and weight.dim() == 2:
            modules.append(nn.Linear(weight.shape[1], weight.shape[0], bias="bias" in entry))
            width, activated = weight.shape[0], False
        elif "running_mean" in entry:
            modules.append(nn.BatchNorm1d(width))
        elif weight is not None and "bias" in entry:
            modules.append(nn.LayerNorm(width))
        elif weight is not None:
            modules.append(nn.PReLU(weight.numel()))
            activated = True
        elif not activated:
            modules.append(make_activation(activation, width))
            activated = True
        else:
            modules.append(nn.Identity())
    network = nn.Module()
    network.layers = nn.Sequential(*modules)
    dtype = next(iter(tensors.values())).dtype
    network.to(dtype).load_state_dict(tensors, strict=True)
    return network.eval(), dtype


def main():
    parser = argparse.ArgumentParser(description="Checks that PyTorch computes what evengrad does from a saved model.")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("outputs", type=pathlib.Path)
    parser.add_argument("--activation", help="default: the one in the model's metadata")
    parser.add_argument("--tolerance", type=float, default=1e-6)
    options = parser.parse_args()

    tensors, metadata = read_safetensors(options.model)
    activation = options.activation or json.loads(metadata.get("architecture", "{}")).get("activation")
    if not activation:
        sys.exit(f"{options.model}: no activation in the metadata; name it with --activation")
    network, dtype = rebuild(tensors, activation)

    rows = [line.split(",") for line in options.outputs.read_text().splitlines()[1:]]
    table = torch.tensor([[float(text) for text in row] for row in rows], dtype=torch.float64)
    linears = [module for module in network.layers if isinstance(module, nn.Linear)]
    inputs, outputs = linears[0].in_features, linears[-1].out_features
    if len(rows) == 0 or table.shape[1] != inputs + outputs:
        sys.exit(f"{options.outputs}: expected rows of {inputs} inputs and {outputs} outputs, got {tuple(table.shape)}")

    with torch.no_grad():
        got = network.layers(table[:, :inputs].to(dtype)).double()
    expected = table[:, inputs:]
    difference = (got - expected).abs() / expected.abs().clamp(min=1)
    agrees = bool((difference <= options.tolerance).all())  # false for NaN
    print(json.dumps({"model": options.model.name, "activation": activation, "samples": len(rows),
                      "largest_difference": difference.max().item(), "agrees": agrees}))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
