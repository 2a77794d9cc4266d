"""What the PyTorch side of every comparison shares: safetensors files, activations by our names, and the network.

Needs python3-torch (Debian's 1.13) and nothing else. The network is `self.layers = nn.Sequential(Linear, [Norm],
Activation, ..., Linear)`, so its state dict has the names that evengrad saves: `layers.0.weight`, ...
"""

import json
import math
import re
import struct

import torch
from torch import nn

DTYPES = {"F64": torch.float64, "F32": torch.float32, "I64": torch.int64}


def write_safetensors(path, tensors, metadata=None):
    """Writes tensors by name: 8 bytes of header length (little endian), JSON padded to 8 bytes, then the data."""
    header, chunks, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        dtype = next(key for key, value in DTYPES.items() if value == tensor.dtype)
        data = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def read_safetensors(path):
    """Returns (tensors by name, metadata) of a safetensors file."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        data = bytearray(content[8 + length + begin:8 + length + end])
        tensors[name] = torch.frombuffer(data, dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


class Formula(nn.Module):
    """An activation that PyTorch has no module for."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z):
        return self.function(z)


def celu(alpha=1.0):
    # nn.CELU rounds 1/alpha to float32 in its derivative, even in float64, so other alphas are spelled out.
    if alpha == 1.0:
        return nn.CELU()
    return Formula(lambda z: z.clamp(min=0) + alpha * torch.expm1(z.clamp(max=0) / alpha))


# Name -> module; the arguments of a name in parentheses are passed on: elu(1.5), swish(beta=1.5).
# nn.Hardsigmoid rounds its slope 1/6 to float32 in the derivative, even in float64, so it is spelled out.
ACTIVATIONS = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "relu6": nn.ReLU6,
    "elu": nn.ELU,
    "celu": celu,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "quick_gelu": lambda: Formula(lambda z: z * torch.sigmoid(1.702 * z)),
    "silu": nn.SiLU,
    "swish": lambda beta=1.0: Formula(lambda z: z * torch.sigmoid(beta * z)),
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "hard_sigmoid": lambda: Formula(lambda z: (z + 3).clamp(0, 6) / 6),
    "hard_tanh": nn.Hardtanh,
    "hard_swish": nn.Hardswish,
    "arctan": lambda: Formula(torch.atan),
    "sin": lambda: Formula(torch.sin),
    "erf": lambda: Formula(torch.erf),
    "lecun_tanh": lambda: Formula(lambda z: 1.7159 * torch.tanh(2.0 / 3.0 * z)),
    "log_sigmoid": nn.LogSigmoid,
}


def make_activation(text, width, per_channel=False):
    """Builds the activation of a name such as `elu(1.5)`; per_channel gives a PReLU one parameter a feature."""
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", text)
    if not match or match[1] not in ACTIVATIONS:
        raise SystemExit(f"unknown activation {text!r}: expected one of {', '.join(ACTIVATIONS)}")
    positional, named = [], {}
    for argument in filter(None, (match[2] or "").split(",")):
        key, _, value = argument.rpartition("=")
        if key:
            named[key.strip()] = float(value)
        else:
            positional.append(float(value))
    if match[1] == "prelu" and per_channel:
        positional.insert(0, width)
    return ACTIVATIONS[match[1]](*positional, **named)


NORMS = {"none": None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Mlp(nn.Module):
    """Linear, [norm], activation, ..., Linear over `sizes`, for example (5, 16, 16, 3)."""

    def __init__(self, sizes, activation, norm="none", per_channel=False, dropout_slot=False):
        super().__init__()
        modules = []
        for fan_in, fan_out in zip(sizes, sizes[1:-1]):
            modules.append(nn.Linear(fan_in, fan_out))
            if NORMS[norm]:
                modules.append(NORMS[norm](fan_out))
            modules.append(make_activation(activation, fan_out, per_channel))
            if dropout_slot:  # dropout does nothing in evaluation, but takes an index
                modules.append(nn.Identity())
        modules.append(nn.Linear(sizes[-2], sizes[-1]))
        self.layers = nn.Sequential(*modules)

    def forward(self, x):
        return self.layers(x)


def draw_weights(model, seed):
    """Normal weights of standard deviation 1/sqrt(fan_in) and biases of 0.1, the same whatever stands between."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            for tensor, std in ((module.weight, 1 / math.sqrt(module.in_features)), (module.bias, 0.1)):
                draw = torch.randn(tensor.shape, generator=generator, dtype=torch.float64) * std
                tensor.data = draw.to(tensor.dtype)
