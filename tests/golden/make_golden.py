#!/usr/bin/python3
"""Makes the golden files beside it: PyTorch's loss at each of 50 float64 steps, for many ways to train.

Run with Debian's python3-torch (1.13); see README.md here for what the files hold. Each case is also run from
weights moved by 1e-14 relative: where that moves a loss by more than 1e-11 (a ReLU kink flips), the case could not be
reproduced by anyone to 1e-9 and the script stops, so that its seed or learning rate gets changed.
"""

import json
import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
from pytorch_reference import Mlp, draw_weights, write_safetensors  # noqa: E402

STEPS = 50
BATCH_SIZE = 16
SAMPLES = 60  # three batches of 16 and a short one of 12
HIDDEN = (16, 16)
SEED = 20
ROBUST = 1e-11

# ---------------------------------------------------------------------------------------------------- data


def make_data():
    """Writes the CSV files (values of three decimals, so text and float64 agree) and returns (x, y) by file name."""
    generator = torch.Generator().manual_seed(7)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    x = (normal(SAMPLES, 5) * 1000).round() / 1000
    targets = normal(SAMPLES, 3) * 0.3 + torch.stack(
        [torch.sin(x[:, 0]) + x[:, 1] * x[:, 2], x[:, 3].abs() - 0.5 * x[:, 4], x[:, 0] * x[:, 4] - x[:, 1]], dim=1)
    targets = (targets * 1000).round() / 1000
    labels = targets.argmax(1)
    binary = (targets[:, 0] > 0).long()

    # The rows' order makes classes first appear as 0, 1, 2, so both ways to number labels agree.
    first = [int((labels == 0).nonzero()[0]), int((labels == 1).nonzero()[0]), int((labels == 2).nonzero()[0])]
    order = first + [row for row in range(SAMPLES) if row not in first]
    x, targets, labels, binary = x[order], targets[order], labels[order], binary[order]
    binary = (binary != binary[0]).long()

    def write(name, columns, rows):
        lines = [",".join([f"x{i}" for i in range(5)] + columns)]
        for inputs, outputs in zip(x.tolist(), rows):
            lines.append(",".join([f"{value:.3f}" for value in inputs] + outputs))
        (HERE / name).write_text("\n".join(lines) + "\n")

    three = [[f"{value:.3f}" for value in row] for row in targets.tolist()]
    write("classification.csv", ["label"], [[str(label)] for label in labels.tolist()])
    write("binary.csv", ["label"], [[str(label)] for label in binary.tolist()])
    write("regression.csv", ["y"], [row[:1] for row in three])
    write("regression_three.csv", ["y0", "y1", "y2"], three)


def read_data(name):
    """Reads inputs (60, 5) and targets: class numbers, or float64 columns."""
    rows = [line.split(",") for line in (HERE / name).read_text().splitlines()[1:]]
    x = torch.tensor([[float(text) for text in row[:5]] for row in rows], dtype=torch.float64)
    if name == "classification.csv":
        return x, torch.tensor([int(row[5]) for row in rows])
    return x, torch.tensor([[float(text) for text in row[5:]] for row in rows], dtype=torch.float64)


# ---------------------------------------------------------------------------------------------------- cases

DATA = {"cross_entropy": "classification.csv", "bce": "binary.csv", "mse": "regression.csv", "huber": "regression.csv"}
OUTPUTS = {"classification.csv": 3, "binary.csv": 1, "regression.csv": 1, "regression_three.csv": 3}

SGD = dict(name="sgd", lr=0.1)
MOMENTUM = dict(name="momentum", lr=0.05, momentum=0.9)
NESTEROV = dict(name="nesterov", lr=0.05, momentum=0.9)
ADAM = dict(name="adam", lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)
ADAM_FAST = dict(ADAM, lr=1e-2)
ADAMW = dict(ADAM, name="adamw", weight_decay=0.01)
RMSPROP = dict(name="rmsprop", lr=1e-3, alpha=0.99, eps=1e-8)


def case(activation, optimizer, loss="cross_entropy", norm="none", **options):
    """One run as it stands in the JSON; `options` are the fields that differ from plain training."""
    result = dict(name="", activation=activation, norm=norm, per_channel=False, loss=loss, label_smoothing=0.0,
                  huber_delta=None, optimizer=dict({"weight_decay": 0.0}, **optimizer), clip_norm=None,
                  clip_value=None, schedule=None, data=DATA[loss], batch_size=BATCH_SIZE)
    tag = options.pop("tag", "")
    result.update(options)
    result["hidden"] = list(HIDDEN)
    result["init"] = init_name(result)
    parts = [activation + ("_per_channel" if result["per_channel"] else ""), optimizer["name"],
             f"lr{optimizer['lr']:g}", loss, norm if norm != "none" else "", tag]
    result["name"] = " ".join(filter(None, parts))
    return result


def init_name(run):
    name = "init_" + ("three" if OUTPUTS[run["data"]] == 3 else "one")
    if run["norm"] != "none":
        name += f"_{run['norm']}_norm"
    if run["activation"].startswith("prelu"):
        name += "_prelu_per_channel" if run["per_channel"] else "_prelu_shared"
    return name + ".safetensors"


def spine_cases():
    for activation in ("identity", "relu", "tanh", "sigmoid", "gelu"):
        for optimizer in (SGD, MOMENTUM, ADAM, ADAM_FAST):
            for loss in ("cross_entropy", "mse"):
                # Plain regression with a linear net diverges at the rates that suit classification.
                scale = 0.1 if loss == "mse" and optimizer["name"] in ("sgd", "momentum") else 1.0
                yield case(activation, dict(optimizer, lr=optimizer["lr"] * scale), loss)


def full_cases():
    for optimizer in (SGD, MOMENTUM, NESTEROV, ADAM, ADAMW, RMSPROP):
        for activation in ("tanh", "relu", "gelu", "silu", "mish"):
            if activation in ("silu", "mish") or optimizer["name"] in ("nesterov", "adamw", "rmsprop"):
                yield case(activation, optimizer)

    names = ("leaky_relu", "leaky_relu(0.2)", "relu6", "elu", "elu(alpha=1.5)", "celu", "celu(alpha=0.7)", "selu",
             "gelu_tanh", "quick_gelu", "swish(beta=1.5)", "softplus", "softsign", "hard_sigmoid", "hard_tanh",
             "hard_swish", "arctan", "sin", "erf", "lecun_tanh", "log_sigmoid", "prelu")
    for activation in names:
        for optimizer in (MOMENTUM, ADAM_FAST):
            yield case(activation, optimizer)
    for optimizer in (MOMENTUM, ADAM_FAST):
        yield case("prelu", optimizer, per_channel=True)

    for norm in ("batch", "layer"):
        for activation in ("tanh", "relu", "gelu"):
            for optimizer in (MOMENTUM, ADAM):
                yield case(activation, optimizer, norm=norm)
        yield case("silu", RMSPROP, norm=norm)
        yield case("leaky_relu", dict(ADAMW, weight_decay=0.1), norm=norm, tag="decay0.1")
        yield case("tanh", dict(MOMENTUM, lr=0.005), "mse", norm=norm)

    for optimizer in (SGD, MOMENTUM, NESTEROV, ADAM, RMSPROP):
        yield case("tanh", dict(optimizer, weight_decay=0.01), tag="decay0.01")
    yield case("relu", dict(ADAM_FAST, weight_decay=0.1), tag="decay0.1")
    yield case("relu", dict(ADAMW, lr=1e-2, weight_decay=0.1), tag="decay0.1")
    yield case("prelu", dict(ADAM, weight_decay=0.1), tag="decay0.1")

    yield case("tanh", dict(ADAM, beta1=0.8, beta2=0.95, eps=1e-4), tag="betas0.8,0.95 eps1e-4")
    yield case("tanh", dict(ADAM, eps=0.1), tag="eps0.1")
    yield case("tanh", dict(RMSPROP, alpha=0.9, eps=1e-3), tag="alpha0.9 eps1e-3")
    yield case("tanh", dict(MOMENTUM, momentum=0.5), tag="momentum0.5")
    yield case("tanh", dict(NESTEROV, momentum=0.5, weight_decay=0.01), tag="momentum0.5 decay0.01")

    for activation, optimizer in (("tanh", SGD), ("relu", MOMENTUM), ("gelu", ADAM)):
        yield case(activation, optimizer, clip_norm=0.6, tag="clip_norm0.6")
        yield case(activation, optimizer, clip_value=0.02, tag="clip_value0.02")
    yield case("tanh", dict(MOMENTUM, lr=0.005), "mse", clip_norm=2.0, tag="clip_norm2")
    yield case("tanh", dict(MOMENTUM, weight_decay=0.1), clip_norm=0.3, tag="clip_norm0.3 decay0.1")

    for activation, optimizer in (("tanh", SGD), ("relu", ADAM), ("gelu", MOMENTUM)):
        yield case(activation, optimizer, label_smoothing=0.1, tag="smoothing0.1")
        yield case(activation, optimizer, "bce")
        yield case(activation, dict(optimizer, lr=optimizer["lr"] / 5), "huber", huber_delta=1.0)
    yield case("tanh", SGD, "huber", huber_delta=0.5, tag="delta0.5")
    yield case("silu", SGD, "mse", data="regression_three.csv", tag="three outputs")
    yield case("silu", ADAM_FAST, "huber", huber_delta=1.0, data="regression_three.csv", tag="three outputs")

    schedules = (dict(name="step", step_size=20, factor=0.5), dict(name="cosine", steps=STEPS, minimum=0.0),
                 dict(name="warmup", warmup_steps=10), dict(name="cosine", steps=STEPS, minimum=0.0, warmup_steps=10))
    for schedule in schedules:
        tag = schedule["name"] + (" after warmup" if "warmup_steps" in schedule and schedule["name"] == "cosine" else "")
        for optimizer in (SGD, ADAM_FAST, dict(ADAMW, lr=1e-2)):
            yield case("tanh", optimizer, schedule=schedule, tag=tag)


# ---------------------------------------------------------------------------------------------------- running


def make_model(run):
    sizes = (5, *HIDDEN, OUTPUTS[run["data"]])
    model = Mlp(sizes, run["activation"], run["norm"], run["per_channel"]).double()
    draw_weights(model, SEED)
    return model


def make_optimizer(run, model):
    o = run["optimizer"]
    common = dict(lr=o["lr"], weight_decay=o["weight_decay"])
    if o["name"] in ("sgd", "momentum", "nesterov"):
        return torch.optim.SGD(model.parameters(), momentum=o.get("momentum", 0.0), nesterov=o["name"] == "nesterov",
                               **common)
    if o["name"] == "rmsprop":
        return torch.optim.RMSprop(model.parameters(), alpha=o["alpha"], eps=o["eps"], **common)
    kind = dict(adam=torch.optim.Adam, adamw=torch.optim.AdamW)[o["name"]]
    return kind(model.parameters(), betas=(o["beta1"], o["beta2"]), eps=o["eps"], **common)


def make_scheduler(run, optimizer):
    """Torch's own schedulers where it has one; the warm-up is lr * min(1, step / warmup_steps), steps from 1."""
    schedule = run["schedule"]
    if schedule["name"] == "step":
        return torch.optim.lr_scheduler.StepLR(optimizer, schedule["step_size"], schedule["factor"])
    warmup = schedule.get("warmup_steps", 0)
    if schedule["name"] == "cosine" and not warmup:
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, schedule["steps"], schedule["minimum"])

    def factor(done):  # steps done before this one
        if done < warmup:
            return (done + 1) / warmup
        if schedule["name"] == "warmup":
            return 1.0
        return (1 + math.cos(math.pi * (done - warmup) / (schedule["steps"] - warmup))) / 2

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def make_loss(run):
    if run["loss"] == "cross_entropy":
        return lambda output, target: F.cross_entropy(output, target, label_smoothing=run["label_smoothing"])
    if run["loss"] == "huber":
        return lambda output, target: F.huber_loss(output, target, delta=run["huber_delta"])
    return dict(mse=F.mse_loss, bce=F.binary_cross_entropy_with_logits)[run["loss"]]


def train(run, perturbation=0.0, seed=0):
    """Trains 50 steps; returns losses before each update, learning rates, clipped steps and the trained model."""
    x, y = read_data(run["data"])
    model = make_model(run)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        signs = torch.rand(parameter.shape, generator=generator, dtype=torch.float64) * 2 - 1
        parameter.data *= 1 + perturbation * signs
    optimizer, loss_of = make_optimizer(run, model), make_loss(run)
    scheduler = make_scheduler(run, optimizer) if run["schedule"] else None

    batches = list(zip(x.split(BATCH_SIZE), y.split(BATCH_SIZE)))
    losses, rates, clipped = [], [], 0
    for step in range(STEPS):
        inputs, targets = batches[step % len(batches)]
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        loss = loss_of(model(inputs), targets)
        losses.append(loss.item())
        loss.backward()
        if run["clip_norm"]:
            clipped += int(nn.utils.clip_grad_norm_(model.parameters(), run["clip_norm"]) > run["clip_norm"])
        if run["clip_value"]:
            clipped += any((p.grad.abs() > run["clip_value"]).any().item() for p in model.parameters())
            nn.utils.clip_grad_value_(model.parameters(), run["clip_value"])
        optimizer.step()
        if scheduler:
            scheduler.step()
    return losses, rates, clipped, model


def evaluate(run, model):
    """The loss over all 60 rows in evaluation mode, after the last step."""
    x, y = read_data(run["data"])
    model.eval()
    with torch.no_grad():
        return make_loss(run)(model(x), y).item()


def finish(run):
    """Adds the results to a case, after checking that they can be reproduced; returns how far a loss moved."""
    losses, rates, clipped, model = train(run)
    run["final_loss"] = evaluate(run, model)
    last = f"layers.{len(model.layers) - 1}.bias"
    state = {name: tensor for name, tensor in model.state_dict().items() if name.split(".")[-1] != "num_batches_tracked"}
    kept = [name for name, tensor in state.items() if tensor.dim() == 1 and (
        name in ("layers.0.bias", last) or name.startswith("layers.1.") or "running" in name)]
    if run["schedule"]:
        run["learning_rates"] = rates
    if run["clip_norm"] or run["clip_value"]:
        run["clipped_steps"] = clipped
        assert clipped > 5, f"{run['name']}: clipping acted in {clipped} steps only"
    run["losses"] = losses
    run["final"] = {name: state[name].tolist() for name in kept}
    run["final_sum_of_squares"] = {name: parameter.square().sum().item() for name, parameter in
                                   model.named_parameters()}

    assert all(map(math.isfinite, losses)), f"{run['name']}: the loss is not finite"
    assert losses[-1] < 4 * losses[0], f"{run['name']}: diverges from {losses[0]} to {losses[-1]}"
    moved = 0.0
    for seed in range(3):
        others = train(run, 1e-14, seed)[0]
        moved = max([moved] + [abs(a - b) / abs(a) for a, b in zip(losses, others)])
    assert moved < ROBUST, f"{run['name']}: a loss moved by {moved:.1e} relative; change its seed or learning rate"
    return moved


def write_group(file, cases):
    """Writes one JSON document, a field a line, so that a changed case shows as such in a diff."""
    cases = list(cases)
    assert len({run["name"] for run in cases}) == len(cases), "two cases have one name"
    worst = 0.0
    for run in cases:
        moved = finish(run)
        worst = max(worst, moved)
        print(f"{run['name']:60} {run['losses'][0]:.4f} -> {run['losses'][-1]:.4f}  moved {moved:.1e}"
              + (f"  clipped {run['clipped_steps']}" if "clipped_steps" in run else ""))
        init = HERE / run["init"]
        if init not in written:
            state = make_model(run).state_dict()
            write_safetensors(init, {k: v for k, v in state.items() if v.dtype == torch.float64})
            written.add(init)
    texts = []
    for run in cases:
        fields = [f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in run.items()]
        texts.append("  {" + ",\n   ".join(fields) + "}")
    head = json.dumps({"torch": torch.__version__, "steps": STEPS, "dtype": "float64"})[1:-1]
    (HERE / file).write_text("{" + head + ", \"cases\": [\n" + ",\n".join(texts) + "\n]}\n")
    print(f"{file}: {len(cases)} cases, largest move {worst:.1e}")


# ---------------------------------------------------------------------------------------------------- exchange


def write_models():
    """Trained float32 models with their outputs, as torch's state_dict() has them: what evengrad must load."""
    runs = [case("gelu", ADAM_FAST), case("tanh", ADAM_FAST, norm="batch"), case("silu", ADAM_FAST, norm="layer"),
            case("prelu", ADAM_FAST, per_channel=True), case("relu", ADAM_FAST, norm="batch")]
    models = []
    for run in runs:
        model = train(run)[3].float().eval()
        norm = "" if run["norm"] == "none" else f"_{run['norm']}_norm"
        file = f"pytorch_model_{run['activation']}{norm}.safetensors"
        write_safetensors(HERE / file, model.state_dict())
        inputs = read_data(run["data"])[0][:12].float()
        with torch.no_grad():
            outputs = model(inputs)
        models.append(dict(file=file, activation=run["activation"], per_channel=run["per_channel"], norm=run["norm"],
                           sizes=[5, *HIDDEN, 3], inputs=inputs.tolist(), outputs=outputs.tolist(),
                           probabilities=outputs.softmax(1).tolist()))
    lines = ",\n".join("  " + json.dumps(model) for model in models)
    (HERE / "pytorch_outputs.json").write_text("{\"dtype\": \"float32\", \"models\": [\n" + lines + "\n]}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    written = set()
    make_data()
    write_group("parity_spine.json", spine_cases())
    write_group("parity_full.json", full_cases())
    write_models()
