#!/usr/bin/env python3
"""Makes parity_sequences.json and init_sequence_*.safetensors: 50 float64 steps of transformers, as PyTorch does them.

Run with PyTorch 2.13; README.md here says what the files hold. As in make_golden.py, a case that weights moved by
1e-14 would change is refused: nobody could reproduce it to 1e-9.
"""

import json
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
from make_image_golden import Net  # noqa: E402
from pytorch_reference import write_safetensors  # noqa: E402

STEPS = 50
BATCH_SIZE = 4
SAMPLES = 8
TOKENS, CONTEXT, WIDTH, HEADS = 7, 6, 8, 2
ROBUST = 1e-11


class Positions(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(CONTEXT, width))

    def forward(self, x):
        return x + self.weight


class Attention(nn.MultiheadAttention):
    def __init__(self, causal, width=WIDTH, heads=HEADS, bias=True):
        super().__init__(width, heads, bias=bias, batch_first=True)
        self.mask = torch.triu(torch.ones(CONTEXT, CONTEXT, dtype=torch.bool), 1) if causal else None

    def forward(self, x):
        return super().forward(x, x, x, attn_mask=self.mask, need_weights=False)[0]


class RotaryAttention(nn.Module):
    """Causal, without biases; pairs of columns (i, i + d/2) are turned as in LLaMA of Hugging Face."""

    def __init__(self, base):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.randn(3 * WIDTH, WIDTH) / WIDTH ** 0.5)
        self.out_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        d = WIDTH // HEADS
        angles = torch.outer(torch.arange(CONTEXT, dtype=torch.float64),
                             base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d))
        self.cos, self.sin = torch.cat([angles, angles], 1).cos(), torch.cat([angles, angles], 1).sin()

    def turn(self, x):
        a, b = x.chunk(2, -1)
        return x * self.cos + torch.cat([-b, a], -1) * self.sin

    def forward(self, x):
        def heads(part):
            return part.unflatten(-1, (HEADS, -1)).transpose(1, 2)

        q, k, v = (heads(part) for part in F.linear(x, self.in_proj_weight).chunk(3, -1))
        y = F.scaled_dot_product_attention(self.turn(q), self.turn(k), v, is_causal=True)
        return self.out_proj(y.transpose(1, 2).flatten(2))


class Gated(nn.Module):
    def __init__(self, hidden, f):
        super().__init__()
        self.gate, self.up = nn.Linear(WIDTH, hidden, bias=False), nn.Linear(WIDTH, hidden, bias=False)
        self.down, self.f = nn.Linear(hidden, WIDTH, bias=False), f

    def forward(self, x):
        return self.down(self.f(self.gate(x)) * self.up(x))


class TiedHead(nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.embedding = [embedding]  # not a parameter of its own

    def forward(self, x):
        return F.linear(x, self.embedding[0].weight)


def mlp(f, width=WIDTH, bias=True):
    return [nn.Linear(width, 4 * width, bias), f(), nn.Linear(4 * width, width, bias)]


def norm():
    return nn.LayerNorm(WIDTH)


def rms():
    return nn.RMSNorm(WIDTH, eps=1e-5)


def gpt(f):
    embedding = nn.Embedding(TOKENS, WIDTH)
    blocks = [word for _ in range(2) for word in ([norm(), Attention(True)], [norm(), *mlp(f)])]
    return Net(embedding, Positions(), *blocks, norm(), TiedHead(embedding))


def post_norm(f):
    blocks = [word for _ in range(2) for word in ([Attention(True)], norm(), mlp(f), norm())]
    return Net(nn.Embedding(TOKENS, WIDTH), Positions(), *blocks, nn.Linear(WIDTH, TOKENS))


def llama(f):
    blocks = [word for _ in range(2) for word in ([rms(), RotaryAttention(10000.0)], [rms(), Gated(24, f())])]
    return Net(nn.Embedding(TOKENS, WIDTH), *blocks, rms(), nn.Linear(WIDTH, TOKENS, bias=False))


def bert(f):
    embedding = nn.Embedding(TOKENS, WIDTH)
    blocks = [word for _ in range(2) for word in ([Attention(False)], norm(), mlp(f), norm())]
    return Net(embedding, Positions(), norm(), *blocks, nn.Linear(WIDTH, WIDTH), f(), norm(), TiedHead(embedding))


def microgpt(f):
    def unit():
        return nn.RMSNorm(16, eps=1e-5, elementwise_affine=False)

    return Net(nn.Embedding(TOKENS, 16), Positions(16), unit(), [unit(), Attention(True, 16, 4, False)],
               [unit(), *mlp(f, 16, False)], nn.Linear(16, TOKENS, bias=False))


ADAM = dict(name="adam", lr=1e-2, beta1=0.9, beta2=0.99, eps=1e-8)
MOMENTUM = dict(name="momentum", lr=0.05, momentum=0.9)
CASES = [
    dict(name="gpt", model=gpt, activation="gelu", optimizer=ADAM, net="gpt(2, 2, 8)"),
    dict(name="post_norm", model=post_norm, activation="tanh", optimizer=MOMENTUM,
         net="embed(8) positions(learned) "
             "repeat(2, residual(attention(2)) layernorm residual(linear(32) f linear(8)) layernorm)"),
    dict(name="llama", model=llama, activation="silu", optimizer=ADAM, net="llama(2, 2, 8)"),
    dict(name="bert", model=bert, activation="gelu", optimizer=MOMENTUM, net="bert(2, 2, 8)"),
    dict(name="microgpt", model=microgpt, activation="relu", optimizer=ADAM, net="microgpt"),
]
ACTIVATIONS = dict(tanh=nn.Tanh, gelu=nn.GELU, relu=nn.ReLU, silu=nn.SiLU)


def make_model(case):
    torch.manual_seed(20)
    model = case["model"](ACTIVATIONS[case["activation"]]).double()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:  # PyTorch starts biases at 0 and gains at 1: nothing would be seen of them
            parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def train(case, x, y, perturbation=0.0, seed=0):
    model = make_model(case)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        signs = torch.rand(parameter.shape, generator=generator, dtype=torch.float64) * 2 - 1
        parameter.data *= 1 + perturbation * signs
    o = case["optimizer"]
    if o["name"] == "momentum":
        optimizer = torch.optim.SGD(model.parameters(), lr=o["lr"], momentum=o["momentum"])
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"])
    losses = []
    for step in range(STEPS):
        begin = step * BATCH_SIZE % SAMPLES
        logits = model(x[begin:begin + BATCH_SIZE])
        loss = F.cross_entropy(logits.flatten(0, 1), y[begin:begin + BATCH_SIZE].flatten())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses, model


def main():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(7)
    text = torch.randint(0, TOKENS, (SAMPLES, CONTEXT + 1), generator=generator)
    x, y = text[:, :-1], text[:, 1:]
    texts = []
    for case in CASES:
        init = f"init_sequence_{case['name']}.safetensors"
        write_safetensors(HERE / init, make_model(case).state_dict())
        losses, model = train(case, x, y)
        moved = max(abs(a - b) / abs(a) for seed in range(3)
                    for a, b in zip(losses, train(case, x, y, 1e-14, seed)[0]))
        print(f"{case['name']:10} {losses[0]:.4f} -> {losses[-1]:.4f}  moved {moved:.1e}")
        assert moved < ROBUST, f"{case['name']}: a loss moved by {moved:.1e}"
        assert sum(losses[-2:]) < sum(losses[:2]), f"{case['name']}: does not learn"
        run = {key: case[key] for key in ("name", "net", "activation", "optimizer")}
        run |= dict(init=init, losses=losses, final_sum_of_squares={
            name: tensor.square().sum().item() for name, tensor in model.state_dict().items()})
        texts.append("  {" + ",\n   ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in run.items())
                     + "}")
    head = dict(torch=torch.__version__.split("+")[0], dtype="float64", batch_size=BATCH_SIZE, samples=SAMPLES,
                context=CONTEXT, tokens=TOKENS, text=text.tolist())
    (HERE / "parity_sequences.json").write_text(
        json.dumps(head)[:-1] + ", \"cases\": [\n" + ",\n".join(texts) + "\n]}\n")


if __name__ == "__main__":
    main()
