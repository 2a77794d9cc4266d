#!/usr/bin/env python3
"""Makes parity_recurrent.json and init_recurrent_*.safetensors: 50 float64 steps of recurrent nets, as PyTorch does them.

Run with PyTorch 2.13; README.md here says what the files hold. As in make_golden.py, a case that weights moved by
1e-14 would change is refused: nobody could reproduce it to 1e-9.
"""

import json
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
from make_sequence_golden import ADAM, BATCH_SIZE, CONTEXT, MOMENTUM, SAMPLES, STEPS, TOKENS, WIDTH  # noqa: E402
from pytorch_reference import write_safetensors  # noqa: E402

ROBUST = 1e-11
LENGTHS = [6, 2, 5, 1, 3, 6, 4, 2]


class Net(nn.Module):
    def __init__(self, *recurrent):
        super().__init__()
        self.layers = nn.ModuleList([nn.Embedding(TOKENS, WIDTH), *recurrent, nn.Linear(WIDTH, TOKENS)])

    def forward(self, x, lengths):
        x = self.layers[0](x)
        for layer in self.layers[1:-1]:
            if lengths is None:
                x = layer(x)[0]
            else:
                packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
                x = pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=CONTEXT)[0]
        return self.layers[-1](x)


def rnn(kind, **options):
    return kind(WIDTH, WIDTH, batch_first=True, **options)


CASES = [
    dict(name="rnn_tanh", model=lambda: Net(rnn(nn.RNN)), optimizer=ADAM, net="embed(8) rnn(8, tanh)", padded=False),
    dict(name="rnn_relu", model=lambda: Net(rnn(nn.RNN, nonlinearity="relu")), optimizer=MOMENTUM,
         net="embed(8) rnn(8, relu)", padded=True),
    dict(name="lstm", model=lambda: Net(rnn(nn.LSTM)), optimizer=MOMENTUM, net="embed(8) lstm(8)", padded=False),
    dict(name="lstm_padded", model=lambda: Net(rnn(nn.LSTM), rnn(nn.LSTM)), optimizer=ADAM,
         net="embed(8) repeat(2, lstm(8))", padded=True),
    dict(name="gru", model=lambda: Net(rnn(nn.GRU)), optimizer=ADAM, net="gru(8)", padded=False),
    dict(name="gru_padded", model=lambda: Net(rnn(nn.GRU)), optimizer=MOMENTUM, net="embed(8) gru(8)", padded=True),
]


def make_model(case):
    torch.manual_seed(20)
    return case["model"]().double()


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
        lengths = torch.tensor(LENGTHS[begin:begin + BATCH_SIZE]) if case["padded"] else None
        labels = y[begin:begin + BATCH_SIZE]
        if lengths is not None:
            labels = labels.masked_fill(torch.arange(CONTEXT) >= lengths[:, None], -100)
        loss = F.cross_entropy(model(x[begin:begin + BATCH_SIZE], lengths).flatten(0, 1), labels.flatten())
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
        init = f"init_recurrent_{case['name']}.safetensors"
        write_safetensors(HERE / init, make_model(case).state_dict())
        losses, model = train(case, x, y)
        moved = max(abs(a - b) / abs(a) for seed in range(3)
                    for a, b in zip(losses, train(case, x, y, 1e-14, seed)[0]))
        print(f"{case['name']:12} {losses[0]:.4f} -> {losses[-1]:.4f}  moved {moved:.1e}")
        assert moved < ROBUST, f"{case['name']}: a loss moved by {moved:.1e}"
        assert sum(losses[-2:]) < sum(losses[:2]), f"{case['name']}: does not learn"
        run = {key: case[key] for key in ("name", "net", "padded", "optimizer")}
        run |= dict(activation="tanh", init=init, losses=losses, final_sum_of_squares={
            name: tensor.square().sum().item() for name, tensor in model.state_dict().items()})
        texts.append("  {" + ",\n   ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in run.items())
                     + "}")
    head = dict(torch=torch.__version__.split("+")[0], dtype="float64", batch_size=BATCH_SIZE, samples=SAMPLES,
                context=CONTEXT, tokens=TOKENS, lengths=LENGTHS, text=text.tolist())
    (HERE / "parity_recurrent.json").write_text(
        json.dumps(head)[:-1] + ",\n \"cases\": [\n" + ",\n".join(texts) + "\n ]}\n")


if __name__ == "__main__":
    main()
