"""Small models of the kinds that people build, each with a sample: name -> () -> (model, sample)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Fn(nn.Module):
    """A function as a module."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


class Add(nn.Module):
    """x + branch(x)"""

    def __init__(self, *branch, after=None):
        super().__init__()
        self.branch, self.after = nn.Sequential(*branch), after or nn.Identity()

    def forward(self, x):
        return self.after(x + self.branch(x))


def flat(width=64, inputs=64, batch=128):
    return torch.randn(batch, inputs)


def image(channels=3, size=16, batch=8):
    return torch.randn(batch, channels, size, size)


def tokens(vocabulary=50, length=12, batch=8):
    return torch.randint(1, vocabulary, (batch, length))


def mlp(activation, depth=20, width=128):
    return nn.Sequential(
        *[m for _ in range(depth) for m in (nn.Linear(width, width), activation())], nn.Linear(width, 10)
    )


def vgg():
    layers, c = [], 3
    for width, pool in [(16, False), (16, True), (32, False), (32, True), (64, False), (64, False)]:
        layers += [nn.Conv2d(c, width, 3, padding=1), nn.ReLU(inplace=True)] + [nn.MaxPool2d(2)] * pool
        c = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, 64), nn.ReLU(), nn.Linear(64, 10))


class BasicBlock(nn.Module):
    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.down = None
        if stride > 1 or i != o:
            self.down = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        y += x if self.down is None else self.down(x)
        return F.relu(y)


def resnet():
    blocks = [BasicBlock(16, 16), BasicBlock(16, 16), BasicBlock(16, 32, 2), BasicBlock(32, 32), BasicBlock(32, 32)]
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    return nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


class DenseLayer(nn.Module):
    def __init__(self, i, growth=12):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(i), nn.Conv2d(i, growth, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv(torch.relu(self.norm(x)))], 1)


def densenet():
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), *[DenseLayer(16 + 12 * i) for i in range(6)],
                         nn.BatchNorm2d(88), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(88, 10))  # fmt: skip


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, 2, 1), nn.Conv2d(32, 64, 3, 2, 1)
        self.up1, self.d1 = nn.ConvTranspose2d(64, 32, 2, 2), nn.Conv2d(64, 32, 3, padding=1)
        self.up2, self.d2 = nn.ConvTranspose2d(32, 16, 2, 2), nn.Conv2d(32, 16, 3, padding=1)
        self.out = nn.Conv2d(16, 3, 1)

    def forward(self, x):
        a = F.silu(self.a(x))
        b = F.silu(self.b(a))
        c = F.silu(self.c(b))
        d = F.silu(self.d1(torch.cat([b, self.up1(c)], 1)))
        return self.out(F.silu(self.d2(torch.cat([a, self.up2(d)], 1))))


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.dw, self.norm = nn.Conv2d(d, d, 7, padding=3, groups=d), LayerNorm2d(d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.gamma = nn.Parameter(torch.full((d,), 1e-6))

    def forward(self, x):
        y = self.norm(self.dw(x)).permute(0, 2, 3, 1)
        return x + (self.gamma * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)


def convnext():
    return nn.Sequential(nn.Conv2d(3, 32, 4, 4), LayerNorm2d(32), *[ConvNeXtBlock(32) for _ in range(4)],
                         Fn(lambda x: x.mean((2, 3))), nn.LayerNorm(32), nn.Linear(32, 10))  # fmt: skip


def mobilenet():
    def block(i, o):
        return Add(nn.Conv2d(i, 2 * i, 1, bias=False), nn.BatchNorm2d(2 * i), nn.ReLU6(),
                   nn.Conv2d(2 * i, 2 * i, 3, padding=1, groups=2 * i, bias=False), nn.BatchNorm2d(2 * i), nn.ReLU6(),
                   nn.Conv2d(2 * i, o, 1, bias=False), nn.BatchNorm2d(o))  # fmt: skip

    return nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), *[block(16, 16) for _ in range(4)], nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(16, 10))  # fmt: skip


def mixer(d=32, n=16):
    def block():
        swap = Fn(lambda x: x.transpose(1, 2))
        return nn.Sequential(
            Add(nn.LayerNorm(d), swap, nn.Linear(n, 2 * n), nn.GELU(), nn.Linear(2 * n, n), swap),
            Add(nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d)))  # fmt: skip

    return nn.Sequential(nn.Conv2d(3, d, 4, 4), nn.Flatten(2), Fn(lambda x: x.transpose(1, 2)), *[block() for _ in range(4)],
                         nn.LayerNorm(d), Fn(lambda x: x.mean(1)), nn.Linear(d, 10))  # fmt: skip


class Attention(nn.Module):
    """Written by hand: one packed projection, an explicit softmax."""

    def __init__(self, d, heads=4, causal=True):
        super().__init__()
        self.qkv, self.proj, self.heads, self.causal = nn.Linear(d, 3 * d), nn.Linear(d, d), heads, causal

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        w = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)
        if self.causal:
            w = w.masked_fill(torch.triu(torch.ones(t, t, dtype=torch.bool), 1), float("-inf"))
        return self.proj((w.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class GPT(nn.Module):
    def __init__(self, d=64, layers=12, vocabulary=50):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocabulary, d), nn.Embedding(32, d)
        self.blocks = nn.Sequential(*[nn.Sequential(
            Add(nn.LayerNorm(d), Attention(d)),
            Add(nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))) for _ in range(layers)])  # fmt: skip
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocabulary, bias=False)
        self.head.weight = self.tok.weight

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.tok(x) + self.pos(torch.arange(x.shape[1])))))


class Bert(nn.Module):
    """Both directions, normalized after each sum, PyTorch's own encoder layers; padded."""

    def __init__(self, d=64, layers=4, vocabulary=50):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocabulary, d, padding_idx=0), nn.Parameter(torch.randn(1, 12, d) * 0.02)
        self.norm = nn.LayerNorm(d)
        layer = nn.TransformerEncoderLayer(d, 4, 4 * d, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocabulary)

    def forward(self, ids, mask=None):
        x = self.norm(self.tok(ids) + self.pos)
        return {"logits": self.head(self.encoder(x, src_key_padding_mask=mask))}


class RMSNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class SwiGLU(nn.Module):
    def __init__(self, d, hidden, bias=False):
        super().__init__()
        self.g, self.a, self.o = nn.Linear(d, hidden, bias), nn.Linear(d, hidden, bias), nn.Linear(hidden, d, bias)

    def forward(self, x):
        return self.o(F.silu(self.g(x)) * self.a(x))


class LlamaBlock(nn.Module):
    def __init__(self, d, heads=4):
        super().__init__()
        self.n1, self.n2, self.heads = RMSNorm(d), RMSNorm(d), heads
        self.q, self.k, self.v, self.o = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.mlp = SwiGLU(d, 3 * d)

    def forward(self, x):
        b, t, d = x.shape
        h = self.n1(x)
        q, k, v = (f(h).view(b, t, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(self.n2(x))


def llama(d=64):
    return nn.Sequential(
        nn.Embedding(50, d), *[LlamaBlock(d) for _ in range(6)], RMSNorm(d), nn.Linear(d, 50, bias=False)
    )


class ViT(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.patch, self.cls = nn.Conv2d(3, d, 4, 4), nn.Parameter(torch.zeros(1, 1, d))
        self.pos = nn.Parameter(torch.randn(1, 17, d) * 0.02)
        layer = nn.TransformerEncoderLayer(d, 4, 4 * d, activation="gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.blocks(x))[:, 0])


class Recurrent(nn.Module):
    def __init__(self, cell, layers=1, bidirectional=False):
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.rnn = cell(32, 64, layers, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(64 * (1 + bidirectional), 10)

    def forward(self, x):
        return self.head(self.rnn(self.embed(x))[0][:, -1])


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(nn.ReLU, 6, 64)
        self.score = nn.Linear(10, 1)

    def forward(self, a, b):
        return self.score((self.net(a) - self.net(b)).abs())


def autoencoder():
    return nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
                         nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 3, 4, 2, 1))  # fmt: skip


class Siren(nn.Module):
    def __init__(self, depth=8, width=128):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2 if i == 0 else width, width) for i in range(depth)])
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        for layer in self.layers:
            x = torch.sin(30 * layer(x))
        return self.out(x)


class Shared(nn.Module):
    """One layer used twenty times, as in deep equilibrium models."""

    def __init__(self, d=64):
        super().__init__()
        self.inject, self.step, self.out = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, 10)

    def forward(self, x):
        u, z = self.inject(x), torch.zeros_like(x)
        for _ in range(20):
            z = torch.tanh(self.step(z) + u)
        return self.out(z)


class Reused(nn.Module):
    """A chain of one shared layer, with control flow that depends on the data."""

    def __init__(self, d=128):
        super().__init__()
        self.a, self.b = nn.Linear(d, d), nn.Linear(d, d)

    def forward(self, x):
        for i in range(20):
            x = torch.relu(self.a(x) if i % 2 or x.mean() > 100 else self.b(x))
        return x


class RawParameter(nn.Module):
    def __init__(self, d=64, depth=8):
        super().__init__()
        self.w = nn.ParameterList([nn.Parameter(torch.randn(d, d)) for _ in range(depth)])
        self.b = nn.ParameterList([nn.Parameter(torch.zeros(d)) for _ in range(depth)])

    def forward(self, x):
        for w, b in zip(self.w, self.b, strict=True):
            x = F.gelu(x @ w + b)
        return x


class Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return g * (s + x * s * (1 - s))


class HiddenSilu(nn.Module):
    """An activation that no tracer sees into."""

    def forward(self, x):
        return Custom.apply(x)


class Fourier(nn.Module):
    """Points through random features and a gated MLP."""

    def __init__(self):
        super().__init__()
        self.register_buffer("b", torch.randn(2, 32) * 3)
        self.net = mlp(nn.SiLU, 4, 64)

    def forward(self, x):
        y = x @ self.b
        return self.net(torch.cat([y.sin(), y.cos()], -1))


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Sequential(nn.Linear(64, 64), nn.ReLU()), mlp(nn.ReLU, 2, 64)
        self.mean, self.log = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x):
        h = self.encode(x)
        return self.decode(self.mean(h) + torch.randn_like(h) * (0.5 * self.log(h)).exp())


class Wavenet(nn.Module):
    def __init__(self, c=32):
        super().__init__()
        self.start = nn.Conv1d(1, c, 1)
        self.f = nn.ModuleList([nn.Conv1d(c, c, 2, dilation=2**i, padding=2**i) for i in range(5)])
        self.g = nn.ModuleList([nn.Conv1d(c, c, 2, dilation=2**i, padding=2**i) for i in range(5)])
        self.r = nn.ModuleList([nn.Conv1d(c, c, 1) for _ in range(5)])
        self.end = nn.Conv1d(c, 1, 1)

    def forward(self, x):
        x = self.start(x)
        for f, g, r in zip(self.f, self.g, self.r, strict=True):
            y = torch.tanh(f(x)) * torch.sigmoid(g(x))
            x = x + r(y[..., : x.shape[-1]])
        return self.end(torch.relu(x))


class CausalRnn(nn.Module):
    """A recurrence written by hand with cells."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(16, 32), nn.Linear(32, 4)

    def forward(self, x):
        h = torch.zeros(x.shape[0], 32)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.out(h)


def gated_chain(bias=True):
    return nn.Sequential(*[SwiGLU(64, 128, bias) for _ in range(12)])


def residual_chain():
    return nn.Sequential(*[Add(nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(32)])


def with_dict(ids: Tensor):
    mask = torch.zeros(ids.shape, dtype=torch.bool)
    mask[:, -2:] = True
    return {"ids": ids.masked_fill(mask, 0), "mask": mask}


ZOO = {
    "mlp relu": lambda: (mlp(nn.ReLU), flat(inputs=128)),
    "mlp gelu": lambda: (mlp(nn.GELU), flat(inputs=128)),
    "mlp tanh": lambda: (mlp(nn.Tanh), flat(inputs=128)),
    "mlp selu": lambda: (mlp(nn.SELU), flat(inputs=128)),
    "mlp quick gelu": lambda: (mlp(lambda: Fn(lambda x: x * torch.sigmoid(1.702 * x))), flat(inputs=128)),
    "mlp prelu": lambda: (mlp(nn.PReLU), flat(inputs=128)),
    "mlp hidden activation": lambda: (mlp(HiddenSilu), flat(inputs=128)),
    "mlp softplus": lambda: (mlp(nn.Softplus), flat(inputs=128)),
    "mlp sigmoid": lambda: (mlp(nn.Sigmoid), flat(inputs=128)),
    "mlp layer norm": lambda: (
        nn.Sequential(*[m for _ in range(10) for m in (nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU())]),
        flat(),
    ),
    "vgg": lambda: (vgg(), image()),
    "resnet": lambda: (resnet(), image()),
    "densenet": lambda: (densenet(), image()),
    "unet": lambda: (UNet(), image()),
    "convnext": lambda: (convnext(), image()),
    "mobilenet": lambda: (mobilenet(), image()),
    "mixer": lambda: (mixer(), image()),
    "gpt": lambda: (GPT(), tokens()),
    "bert": lambda: (Bert(), with_dict(tokens())),
    "llama": lambda: (llama(), tokens()),
    "vit": lambda: (ViT(), image()),
    "lstm": lambda: (Recurrent(nn.LSTM, 2), tokens()),
    "bidirectional gru": lambda: (Recurrent(nn.GRU, 1, True), tokens()),
    "rnn": lambda: (Recurrent(nn.RNN), tokens()),
    "gru cell": lambda: (CausalRnn(), torch.randn(16, 10, 16)),
    "siamese": lambda: (Siamese(), (flat(), flat())),
    "autoencoder": lambda: (autoencoder(), image()),
    "siren": lambda: (Siren(), torch.rand(256, 2) * 2 - 1),
    "deep equilibrium": lambda: (Shared(), flat()),
    "shared layer": lambda: (Reused(), flat(inputs=128)),
    "raw parameter": lambda: (RawParameter(), flat()),
    "gated pairs": lambda: (gated_chain(), flat()),
    "residual without norm": lambda: (residual_chain(), flat()),
    "fourier features": lambda: (Fourier(), torch.randn(128, 2)),
    "vae": lambda: (Vae(), flat()),
    "wavenet": lambda: (Wavenet(), torch.randn(4, 1, 64)),
    "conv3d": lambda: (
        nn.Sequential(nn.Conv3d(1, 8, 3), nn.ELU(), nn.Conv3d(8, 8, 3), nn.ELU(), nn.Flatten(), nn.Linear(8 * 64, 5)),
        torch.randn(4, 1, 8, 8, 8),
    ),
}
