#!/usr/bin/env python3
"""Makes parity_images.json and init_image_*.safetensors: 50 float64 steps of nets of images, as PyTorch does them.

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
from pytorch_reference import write_safetensors  # noqa: E402

STEPS = 50
BATCH_SIZE = 8
SAMPLES = 16
CHANNELS, SIZE, CLASSES = 2, 12, 3
ROBUST = 1e-11


class Net(nn.Module):
    """Layers in a list, some of them between the ends of a sum: named as evengrad names them."""

    def __init__(self, *words):
        super().__init__()
        self.layers = nn.ModuleList()
        self.begins, self.ends = {}, {}
        self.add(words)

    def add(self, words):
        for word in words:
            if isinstance(word, list):  # residual(...)
                self.begins.setdefault(len(self.layers), []).append(word)
                self.add(word)
                self.ends[len(self.layers)] = self.ends.get(len(self.layers), 0) + 1
            else:
                self.layers.append(word)

    def forward(self, x):
        kept = []
        for i, layer in enumerate(self.layers):
            kept += [x] * len(self.begins.get(i, []))
            x = layer(x)
            for _ in range(self.ends.get(i + 1, 0)):
                x = kept.pop() + x
        return x


class Residual(nn.Module):
    def __init__(self, inner, shortcut):
        super().__init__()
        self.inner, self.shortcut = nn.Sequential(*inner), nn.Sequential(*shortcut)

    def forward(self, x):
        return self.shortcut(x) + self.inner(x)


class Concat(nn.Module):
    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x):
        return torch.cat([x, self.inner(x)], 1)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class PerPixel(nn.Module):
    """A layer of the channels, at each pixel; it has the layer's own parameter names."""

    def __init__(self, layer):
        super().__init__()
        self.weight, self.bias, self.layer = layer.weight, layer.bias, [layer]

    def forward(self, x):
        return self.layer[0](x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def conv(inputs, outputs, size, stride=1, padding=None, **options):
    return nn.Conv2d(inputs, outputs, size, stride, size // 2 if padding is None else padding, **options)


def lenet(f):
    return Net(conv(2, 4, 3), f(), nn.MaxPool2d(2), conv(4, 6, 3, padding=0), f(), nn.MaxPool2d(2), nn.Flatten(),
               nn.Linear(24, 12), f(), nn.Linear(12, CLASSES))


def cnn10(f):
    strides = [1, 1, 1, 2, 1, 1, 2, 1, 1, 1]
    words = []
    for i, stride in enumerate(strides):
        words += [conv(2 if i == 0 else 4, 4, 3, stride), f()]
    return Net(*words, Mean(), nn.Linear(4, CLASSES))


def resnet(f):
    def convs(inputs, outputs, size, stride=1):
        return [conv(inputs, outputs, size, stride, bias=False), nn.BatchNorm2d(outputs)]

    words = convs(2, 4, 3) + [f(), [*convs(4, 4, 3), f(), *convs(4, 4, 3)], f()]
    for width in (8, 16):
        words += [Residual([*convs(width // 2, width, 3, 2), f(), *convs(width, width, 3)],
                           convs(width // 2, width, 1, 2)), f()]
    return Net(*words, Mean(), nn.Linear(16, CLASSES))


def convnext(f):
    def block(width):
        return [conv(width, width, 7, groups=width), PerPixel(nn.LayerNorm(width)),
                PerPixel(nn.Linear(width, 4 * width)), f(), PerPixel(nn.Linear(4 * width, width))]

    return Net(conv(2, 4, 2, 2, 0), PerPixel(nn.LayerNorm(4)), block(4), PerPixel(nn.LayerNorm(4)),
               conv(4, 8, 2, 2, 0), block(8), Mean(), nn.LayerNorm(8), nn.Linear(8, CLASSES))


def unet(f):
    return Net(conv(2, 4, 3), nn.GroupNorm(2, 4), f(),
               Concat(nn.MaxPool2d(2), conv(4, 6, 3), f(), nn.Upsample(scale_factor=2)),
               conv(10, 4, 3, 2, groups=2), f(), nn.AvgPool2d(3, 1), nn.Flatten(), nn.Linear(64, CLASSES))


MOMENTUM = dict(name="momentum", lr=0.05, momentum=0.9)
ADAM = dict(name="adam", lr=3e-3, beta1=0.9, beta2=0.999, eps=1e-8)
CASES = [
    dict(name="lenet", model=lenet, activation="tanh", optimizer=MOMENTUM,
         net="conv(4, 3) f maxpool(2) conv(6, 3, padding=valid) f maxpool(2) flatten linear(12) f"),
    dict(name="cnn10", model=cnn10, activation="gelu", optimizer=ADAM, net="cnn10(width=4)"),
    dict(name="resnet", model=resnet, activation="relu", optimizer=MOMENTUM, net="resnet(blocks=1, width=4)"),
    dict(name="convnext", model=convnext, activation="gelu", optimizer=ADAM, net="convnext(blocks=1, width=4)"),
    dict(name="unet", model=unet, activation="silu", optimizer=ADAM,
         net="conv(4, 3) groupnorm(2) f concat(maxpool(2) conv(6, 3) f upsample(2)) "
             "conv(4, 3, stride=2, groups=2) f avgpool(3, 1) flatten"),
]
ACTIVATIONS = dict(tanh=nn.Tanh, gelu=nn.GELU, relu=nn.ReLU, silu=nn.SiLU)


def make_data():
    generator = torch.Generator().manual_seed(7)
    x = torch.randn((SAMPLES, CHANNELS, SIZE, SIZE), generator=generator, dtype=torch.float64)
    return (x * 1000).round() / 1000, torch.randint(0, CLASSES, (SAMPLES,), generator=generator)


def make_model(case):
    torch.manual_seed(20)
    model = case["model"](ACTIVATIONS[case["activation"]]).double()
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)):
            for parameter in module.parameters():
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
        loss = F.cross_entropy(model(x[begin:begin + BATCH_SIZE]), y[begin:begin + BATCH_SIZE])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses, model


def state_of(model):
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.dtype == torch.float64}


def main():
    torch.set_num_threads(1)
    x, y = make_data()
    texts = []
    for case in CASES:
        init = f"init_image_{case['name']}.safetensors"
        write_safetensors(HERE / init, state_of(make_model(case)))
        losses, model = train(case, x, y)
        moved = max(abs(a - b) / abs(a) for seed in range(3)
                    for a, b in zip(losses, train(case, x, y, 1e-14, seed)[0]))
        print(f"{case['name']:10} {losses[0]:.4f} -> {losses[-1]:.4f}  moved {moved:.1e}")
        assert moved < ROBUST, f"{case['name']}: a loss moved by {moved:.1e}"
        assert sum(losses[-2:]) < sum(losses[:2]), f"{case['name']}: does not learn"
        model.eval()
        with torch.no_grad():
            final = F.cross_entropy(model(x), y).item()
        run = {key: case[key] for key in ("name", "net", "activation", "optimizer")}
        run |= dict(init=init, losses=losses, final_loss=final, final_sum_of_squares={
            name: tensor.square().sum().item() for name, tensor in state_of(model).items()})
        texts.append("  {" + ",\n   ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in run.items())
                     + "}")
    head = dict(torch=torch.__version__.split("+")[0], dtype="float64", batch_size=BATCH_SIZE, channels=CHANNELS,
                height=SIZE, width=SIZE, classes=CLASSES, labels=y.tolist(), images=x.flatten().tolist())
    (HERE / "parity_images.json").write_text(
        json.dumps(head)[:-1] + ", \"cases\": [\n" + ",\n".join(texts) + "\n]}\n")


if __name__ == "__main__":
    main()
