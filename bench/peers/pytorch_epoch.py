#!/usr/bin/python3
"""Times training epochs in PyTorch, for a side-by-side with `evengrad train`.

The job is that of
  evengrad train --data fashion_mnist --hidden 256,128,100 --activation relu --init he
                 --optimizer adam --lr 1e-3 --batch-size 128 --seed 1
Images are preloaded as one standardized float32 tensor and every epoch draws a new torch.randperm,
so what is timed is shuffling, forward, backward and update, and nothing that reads files.
Prints one JSON document. Needs Debian's python3-torch and dataset-fashion-mnist.
"""

import argparse
import gzip
import json
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def read_idx(folder, stem):
    """Returns an IDX file of bytes, plain or gzipped, as an array of the shape in its header."""
    plain = folder / stem
    content = plain.read_bytes() if plain.exists() else gzip.decompress((folder / (stem + ".gz")).read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_split(folder, stem):
    images = read_idx(folder, f"{stem}-images-idx3-ubyte")
    labels = read_idx(folder, f"{stem}-labels-idx1-ubyte")
    pixels = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32) / 255)
    return pixels, torch.from_numpy(labels.astype(np.int64))


def blas_in_use():
    """Names the BLAS that PyTorch loaded: Debian's default is the slow reference one unless OpenBLAS is installed."""
    maps = pathlib.Path("/proc/self/maps").read_text().split()
    return sorted({pathlib.Path(word).name for word in maps if "blas" in word})


def make_model(sizes):
    modules = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        linear = nn.Linear(fan_in, fan_out)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def main():
    parser = argparse.ArgumentParser(description="Times training epochs in PyTorch.")
    parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--hidden", default="256,128,100")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--foreach", action="store_true", help="Adam's fused lists of tensors instead of a loop")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    x, y = read_split(options.data, "train")
    x_test, y_test = read_split(options.data, "t10k")
    mean, std = x.mean(), x.std(unbiased=False)
    x, x_test = (x - mean) / std, (x_test - mean) / std

    model = make_model([x.shape[1], *map(int, options.hidden.split(",")), 10])
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr, foreach=options.foreach)
    seconds, losses = [], []
    for _ in range(options.epochs):
        start = time.perf_counter()
        total = 0.0
        for rows in torch.randperm(len(x)).split(options.batch_size):
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        seconds.append(time.perf_counter() - start)
        losses.append(total / len(x))
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).double().mean().item()

    print(json.dumps({"peer": "pytorch", "version": torch.__version__, "threads": options.threads,
                      "blas": blas_in_use(), "foreach": options.foreach, "epochs": options.epochs, "seconds_per_epoch": seconds,
                      "best_seconds_per_epoch": min(seconds), "train_loss": losses, "test_accuracy": accuracy}))


if __name__ == "__main__":
    main()
