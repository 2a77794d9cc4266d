"""Audit and initialize the PyTorch model you already have: `audit` and `initialize_`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import _core
from ._results import Result, table
from ._trace import ADD, MUL, NORM, POINTWISE, RECURRENT, SHAPE, Node, Recorder, tensors_in, undisturbed

# ---------------------------------------------------------------------------------------------------------------------
# What theory wants of a chain of layers z = W h + b, h = f(z)


@dataclass(frozen=True)
class Start:
    """How layers in front of and behind an activation f should start.

    q: mean square of the pre-activations; weight: the part of the next layer's mean square that its weights make (its
    biases make the rest); centred: the next layer's rows sum to zero, which removes the mean of f.
    """

    q: float = 1.0
    weight: float | None = None
    centred: bool = False
    note: str = ""


_T = torch.linspace(-8, 8, 2000, dtype=torch.float64)  # no point at 0, where kinks are
_P = torch.exp(-_T.square() / 2) * (_T[1] - _T[0]) / math.sqrt(2 * math.pi)


def _moments(f: Callable[[Tensor], Tensor], q: float) -> tuple[float, ...]:
    """E[f], E[f^2], E[f'^2], d E[f] / dq and d E[f^2] / dq at N(0, q), as in init/moments.hpp, of a traced function."""
    with torch.enable_grad():
        z = (math.sqrt(q) * _T).requires_grad_()
        y = f(z * 1).double()
        (slope,) = torch.autograd.grad(y.sum(), z) if y.requires_grad else (torch.zeros_like(z),)
    y = y.detach()
    stein = (_T.square() - 1) / (2 * q)
    return tuple(float((_P * m).sum()) for m in (y, y * y, slope * slope, y * stein, y * y * stein))


def start_for(f: Callable[[Tensor], Tensor], depth: int, biases: bool = True) -> Start:
    """The mean square q nearest to 1 at which `depth` layers with activation f keep signal and gradient.

    With weights of variance 1 / (E[f'^2] fan_in) the gradient is kept exactly (chi_1 = 1); biases of variance
    q - E[f^2] / E[f'^2] then keep the signal. Where the mean of f makes that negative (sigmoid, softplus), weight rows
    that sum to zero put Var f <= q E[f'^2] in the place of E[f^2]. Deviations must not grow past 2 over the depth.
    """
    best, least = Start(note="no initializer keeps both signal and gradient"), math.inf
    for q in map(float, np.geomspace(1e-4, 16, 105)):
        mean, second, slope2, mean_slope, second_slope = _moments(f, q)
        if not all(map(math.isfinite, (mean, second, slope2, second_slope))) or min(slope2, second) <= 1e-12:
            continue
        for centred in (False, True):
            energy = second - mean * mean * centred
            growth = (second_slope - 2 * mean * mean_slope * centred) / (slope2 if biases else energy / q)
            if energy <= 1e-9 * second or max(growth, 1e-9) ** depth > 4:
                continue
            share, drift = energy / slope2, abs(math.log(q * slope2 / energy)) * depth / 2
            cost = abs(math.log(q)) + 20 * centred
            if biases and not 0.8 * q <= share <= q * 1.005:
                continue
            if not biases and drift > math.log(1.5):
                cost += 100 + drift
            if cost < least:
                least, best = cost, Start(q, min(share, q) if biases else None, centred)
    if best.centred:
        best = Start(best.q, best.weight, True, "no independent weights keep both signal and gradient, since the mean of "
                     "the activation takes over: rows of weights sum to zero")  # fmt: skip
    return best


# ---------------------------------------------------------------------------------------------------------------------
# What becomes of an operation's output


@dataclass
class Fate:
    """Where a weighted operation's output goes first: kind is output, linear, norm, attention, gate, activation,
    residual; `cone` are the pointwise operations on the way, `share` its part of a sum."""

    kind: str
    cone: list[Node] = field(default_factory=list)
    share: float = 1.0
    stream: Node | None = None  # of a residual end: what it is added to
    sum: Node | None = None
    partner: Node | None = None  # of a gate: the other factor
    scale: float = 1.0  # by which constants and learned scales multiply it
    norm: Node | None = None


def fate_of(node: Node) -> Fate:
    fate, inside = Fate("output"), {node.index}
    cone: list[Node] = []
    waiting = {user.index: user for user in node.users}

    def follow(user: Node) -> None:
        inside.add(user.index)
        waiting.update({u.index: u for u in user.users})

    while waiting:  # in the order of execution, so that all of an operation's inputs are judged before it
        user = waiting.pop(min(waiting))
        if user.index in inside:
            continue
        others = [i for i in user.inputs if i.index not in inside]
        if user.in_norm or user.op in NORM:
            fate.norm = user
            fate.kind = "norm" if fate.kind == "output" else fate.kind
        elif user.op in ("softmax", "log_softmax", "scaled_dot_product_attention", "cross_entropy", "logsumexp"):
            fate.kind = "attention" if fate.kind == "output" else fate.kind
        elif user.weight is not None:
            fate.kind = "linear" if fate.kind == "output" else fate.kind
        elif user.op in ADD and others:
            if stream := _stream(others[0], node):
                fate.kind, fate.stream, fate.sum = "residual", stream, user
            elif others[0].op != "input" and not others[0].ancestors >> node.index & 1:
                fate.share /= 2
                follow(user)
        elif user.op in MUL and others and _same(user, others[0]) and _weighted_above(others[0]):
            fate.kind, fate.partner = "gate", others[0]
        elif user.op in POINTWISE or user.op == "pointwise_module":
            if any(o.ancestors >> node.index & 1 and o.shape != user.shape for o in others):
                fate.kind, fate.norm = "norm", user  # divided by something computed over many of its numbers
            elif not others or all(o.ancestors >> node.index & 1 for o in others):
                cone.append(user)
                follow(user)
            else:
                fate.kind = "attention" if fate.kind == "output" else fate.kind
        elif user.op in SHAPE and not cone:
            follow(user)
        elif user.op in SHAPE:
            for further in user.users:  # a residual end behind an activation
                stranger = [i for i in further.inputs if i is not user]
                if further.op in ADD and stranger and node.ancestors >> stranger[0].index & 1:
                    fate.kind, fate.stream, fate.sum = "residual", stranger[0], further
        elif fate.kind == "output":
            fate.kind = "attention"
    nonlinear = [c for c in cone if c.op not in ADD | MUL | {"div", "neg", "div_"} or len(c.inputs) > 1]
    if nonlinear:
        fate.cone = sorted(cone, key=lambda n: n.index)
        if fate.kind in ("output", "linear", "norm", "attention"):
            fate.kind = "activation" if fate.kind != "norm" else "norm"
    else:
        for c in cone:
            fate.scale *= _factor(c)
    return fate


def _stream(other: Node, node: Node) -> Node | None:
    """What a branch that ends in `node` was computed from, if `other` is it, or is it with further branches added."""
    if node.ancestors >> other.index & 1:
        return other
    inputs = other.inputs if other.op in ADD and other.weight is None else []
    return next((found for i in inputs if (found := _stream(i, node)) and found.op != "input"), None)


def _same(a: Node, b: Node) -> bool:
    return a.shape == b.shape


def _weighted_above(node: Node) -> bool:
    for _ in range(12):
        if node.weight is not None:
            return True
        if node.in_norm or node.op in NORM or len(node.inputs) != 1:
            return False
        node = node.inputs[0]
    return False


def _factor(node: Node) -> float:
    if node.op not in MUL | {"div", "div_"}:
        return 1.0
    factor = 1.0
    for a in node.args:
        if isinstance(a, (int, float)):
            factor = abs(float(a))
        elif isinstance(a, Tensor) and tuple(a.shape) != node.shape and a.numel():
            factor = float(a.detach().float().square().mean().sqrt())
    return 1 / factor if node.op.startswith("div") and factor else factor


def replay(start: Node, cone: list[Node], recorder: Recorder) -> Callable[[Tensor], Tensor]:
    """The pointwise operations behind `start` as one function of a tensor of any shape."""

    def f(z: Tensor) -> Tensor:
        values: dict[int, Tensor] = {start.index: z}

        def value(item: Any) -> Any:
            if isinstance(item, Tensor):
                node = recorder.of.get(id(item))
                while node is not None and node.index not in values and node.op in SHAPE and node.inputs:
                    node = node.inputs[0]
                if node is not None and node.index in values:
                    return values[node.index].clone()
                return item.detach().double().mean() if item.is_floating_point() else item
            if isinstance(item, (list, tuple)):
                return type(item)(value(i) for i in item)
            return item

        last = z
        for node in cone:
            args = [value(a) for a in node.args]
            if node.op == "prelu":
                args[1] = args[1].reshape(1)
            if node.op in ADD and len(node.inputs) < 2 and node.parameters:  # a bias added by hand
                args = [a if isinstance(a, Tensor) and a.dim() else 0.0 for a in args]
            assert node.func is not None
            last = values[node.index] = node.func(*args, **{k: value(v) for k, v in node.kwargs.items() if k != "out"})
        return last

    return f


# ---------------------------------------------------------------------------------------------------------------------
# One look at a model


def _default_sample(model: nn.Module) -> Any:
    """Standard normal numbers (or token numbers) of the shape that the first layer takes."""
    dummy = getattr(model, "dummy_inputs", None)
    if isinstance(dummy, dict):
        return dummy
    generator = torch.Generator().manual_seed(1)
    for m in model.modules():
        p = next(m.parameters(recurse=False), None)
        device = p.device if p is not None else torch.device("cpu")
        if isinstance(m, nn.Embedding):
            return torch.randint(0, m.num_embeddings, (8, 16), generator=generator).to(device)
        shape: tuple[int, ...] | None = None
        if isinstance(m, nn.Linear):
            shape = (128, m.in_features)
        elif isinstance(m, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d)):
            dimensions = len(m.kernel_size)
            shape = (8, m.in_channels, *((64, 32, 16)[dimensions - 1],) * dimensions)
        elif isinstance(m, nn.RNNBase):
            shape = (8, 16, m.input_size) if m.batch_first else (16, 8, m.input_size)
        if shape:
            dtype = p.dtype if p is not None else torch.float32
            return torch.randn(shape, generator=generator).to(device, dtype)
    raise ValueError("no sample was given and none can be guessed for this model: pass sample=")


def _call(model: nn.Module, sample: Any) -> Any:
    if isinstance(sample, dict):
        return model(**sample)
    if isinstance(sample, tuple):
        return model(*sample)
    return model(sample)


def _cotangent_loss(out: Any) -> Tensor:
    total: Tensor | None = None
    generator = torch.Generator().manual_seed(1)
    for t in tensors_in(out):
        if t.is_floating_point() and t.requires_grad:
            noise = torch.randn(t.shape, generator=generator).to(t.device, t.dtype)
            part = (t * noise).float().sum()
            total = part if total is None else total + part
    if total is None:
        raise ValueError("the model's output has no tensor with a gradient: pass loss=, or unfreeze some parameters")
    return total


def _look(model: nn.Module, sample: Any, loss: Callable[[Any], Tensor] | None, backward: bool = True,
          adjust: Any = None) -> Recorder:  # fmt: skip
    recorder = Recorder(model, adjust)
    with undisturbed(model), torch.set_grad_enabled(backward):
        with recorder:
            recorder.root(sample)
            out = _call(model, sample)
        if backward:
            value = loss(out) if loss is not None else _cotangent_loss(out)
            leaves = [p for p in model.parameters() if p.requires_grad]
            if value.requires_grad and leaves:
                torch.autograd.grad(value, leaves, allow_unused=True)
    return recorder


def _weighted(recorder: Recorder) -> list[Node]:
    return [n for n in recorder.nodes if n.weight is not None]


def _spread(nodes: list[Node], what: str, by_role: bool = True) -> float:
    """Over depth, between layers of one role (operation, activation behind it, residual end, attention, ...) or between
    all: largest over smallest rms signal, or norm of the gradient; infinite for a NaN."""
    roles: dict[Any, list[float]] = {}
    for n in nodes:
        value = math.sqrt(n.signal) if what == "signal" else n.gradient
        if value == 0 or (what == "gradient" and math.isnan(value)):
            continue
        if not by_role:
            roles.setdefault("", []).append(value)
        else:
            fate = fate_of(n)
            kind = "recurrent" if n.op in RECURRENT else fate.kind if not fate.cone else _activation_name(fate)
            tail = n.module.rsplit(".", 1)[-1] if kind == "attention" else ""  # queries, values, routers, ...
            roles.setdefault((n.op.startswith("embedding"), kind, n.in_norm, tail.strip("0123456789")), []).append(value)
    if any(not math.isfinite(v) for values in roles.values() for v in values):
        return math.inf
    return max((max(values) / min(values) for values in roles.values()), default=1.0)


def _chain(nodes: list[Node], fates: dict[int, Fate]) -> dict[int, int]:
    """Of every weighted operation, how many of them follow each other with no normalization or residual sum between."""
    ahead: dict[int, int] = {}
    behind: dict[int, int] = {}
    links: dict[int, list[Node]] = {}
    for n in nodes:
        links[n.index] = _sources(n)
        ahead[n.index] = 1 + max((ahead.get(s.index, 0) for s in links[n.index]), default=0)
    for n in reversed(nodes):
        behind.setdefault(n.index, 1)
        for s in links[n.index]:
            behind[s.index] = max(behind.get(s.index, 1), behind[n.index] + 1)
    return {n.index: ahead[n.index] + behind[n.index] - 1 for n in nodes}


def _sources(node: Node) -> list[Node]:
    """The weighted operations whose outputs reach this one through pointwise and shape operations alone."""
    found, seen, stack = [], set(), list(node.inputs)
    while stack:
        n = stack.pop()
        if n.index in seen:
            continue
        seen.add(n.index)
        if n.weight is not None:
            found.append(n)
        elif n.in_norm or n.op in NORM or (n.op in ADD and len(n.inputs) > 1 and _is_residual(n)):
            continue
        else:
            stack += n.inputs
    return found


def _is_residual(add: Node) -> bool:
    a, b = add.inputs[:2]
    return _stream(a, b) is not None or _stream(b, a) is not None


def _residual_depth(recorder: Recorder) -> dict[int, int]:
    """Of every residual sum, how many of them lie on the longest way through it."""
    adds = [n for n in recorder.nodes if n.op in ADD and len(n.inputs) > 1 and _is_residual(n)]
    up: dict[int, int] = {}
    for n in recorder.nodes:
        up[n.index] = max((up.get(i.index, 0) for i in n.inputs), default=0) + (n in adds)
    down: dict[int, int] = {}
    for n in reversed(recorder.nodes):
        down[n.index] = max((down.get(u.index, 0) for u in n.users), default=0) + (n in adds)
    return {n.index: up[n.index] + down[n.index] - 1 for n in adds}


# ---------------------------------------------------------------------------------------------------------------------
# What is at its class's default, and may be drawn anew


def _fits(p: Tensor, kind: str, scale: float) -> bool:
    """Whether numbers look drawn from U(-scale, scale) or N(0, scale^2): Kolmogorov and Smirnov's test at 1e-6."""
    x = p.detach().flatten()
    x = x[:: max(1, x.numel() // 4000)].double().cpu().sort().values / scale
    n = len(x)
    expected = (x.clamp(-1, 1) + 1) / 2 if kind == "uniform" else torch.special.ndtr(x)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    distance = max(float((expected - steps[:-1]).abs().max()), float((expected - steps[1:]).abs().max()))
    return distance * math.sqrt(n) < 2.7 and (kind != "uniform" or float(x.abs().max()) <= 1.01)


def _untouched(p: Tensor, owner: nn.Module | None, role: str, ranges: list[float]) -> bool:
    """Whether a parameter is what its class draws: `role` is the name within its module."""
    if p.dim() < 2 and "bias" not in role:
        return True  # gains of normalizations, scales of layers: never drawn
    if p.dim() < 2:
        weight = getattr(owner, "weight", None)
        fan = weight[0].numel() if isinstance(weight, Tensor) else 0
        bound = 1 / math.sqrt(getattr(owner, "hidden_size", 0) or fan or 1)
        return bool((p == 0).all()) or _fits(p, "uniform", bound) or _fits(p, "normal", 1e-6)
    candidates: list[tuple[str, float]] = [("normal", r) for r in ranges]
    assert owner is not None
    if isinstance(owner, nn.Embedding):
        rows = p[(p != 0).any(1)]
        return _fits(rows, "normal", 1.0) or any(_fits(rows, k, r) for k, r in candidates)
    if isinstance(owner, (nn.RNNBase, nn.RNNCellBase)):
        candidates.append(("uniform", 1 / math.sqrt(owner.hidden_size)))
    elif type(owner).__name__ == "Conv1D":
        candidates.append(("normal", 0.02))
    elif isinstance(owner, (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)):
        fan = int(p.shape[1] if isinstance(owner, nn.Bilinear) else p[0].numel())
        candidates.append(("uniform", 1 / math.sqrt(fan)))
    elif not isinstance(owner, nn.MultiheadAttention):
        return True  # a raw parameter has no default
    area = p[0, 0].numel() if p.dim() > 2 else 1
    candidates.append(("uniform", math.sqrt(6 / (area * (p.shape[0] + p.shape[1])))))
    if not isinstance(owner, nn.MultiheadAttention) and not ranges:
        candidates.pop()
    return any(_fits(p, kind, scale) for kind, scale in candidates)


# ---------------------------------------------------------------------------------------------------------------------
# Drawing


@dataclass
class Plan:
    """How one use of a weight is drawn: the mean square its output gets, and the part of it that biases make."""

    name: str
    node: Node
    fate: Fate
    target: float
    bias: float = 0.0  # variance of the biases
    share: float = 0.0  # of the target, what theory gives to the weights where biases make the rest
    gate: float = 0.0  # a constant bias that keeps a gate open
    centred: bool = False
    tied: bool = False
    why: str = ""


@dataclass
class _Work:
    """State of one initialize_: what may be drawn, how, and what was done to each parameter."""

    model: nn.Module
    first: Recorder
    seed: int
    scheme: str
    status: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> what, why
    plans: dict[str, Plan] = field(default_factory=dict)  # by name of a leaf
    gammas: dict[str, tuple[Tensor, Fate, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    drawn: dict[tuple[int, int], Plan] = field(default_factory=dict)
    fates: dict[int, Fate] = field(default_factory=dict)
    sums: dict[int, int] = field(default_factory=dict)
    numbers: dict[str, Tensor] = field(default_factory=dict)

    def allowed(self, p: Tensor) -> bool:
        return self.status[self.first.leaves[id(p)]][0] == ""

    def allowed_now(self, p: Tensor) -> bool:
        return id(p) in self.first.leaves and self.status[self.first.leaves[id(p)]][0] != "kept"

    def say(self, p: Tensor, what: str, why: str) -> None:
        self.status[self.first.leaves[id(p)]] = (what, why)

    def random(self, w: Tensor, stream: str, orthogonal: bool) -> Tensor:
        """Numbers of mean square 1 / fan_in of a (out, in, ...) tensor, the same on every machine."""
        if stream in self.numbers:  # drawn before in this call
            return self.numbers[stream]
        rows, cols = w.shape[0], w[0].numel()
        square = orthogonal and 1 < min(rows, cols) and max(rows, cols) <= 512
        kind, scale = ("orthogonal", max(1.0, math.sqrt(rows / cols))) if square else ("normal", 1 / math.sqrt(cols))
        numbers = torch.from_numpy(_core.draw(rows, cols, kind, scale, self.seed, stream)).reshape(w.shape)
        return self.numbers.setdefault(stream, numbers)


_CUSTOMIZED = "already customized: not what its class draws by default"


def _allowed(model: nn.Module, keep: Any, overwrite: bool = False) -> dict[str, tuple[str, str]]:
    """Why each parameter is left alone before anything is measured; ("", "") where it may be drawn."""
    patterns = [keep] if isinstance(keep, (str, nn.Module, Tensor)) else list(keep)
    kept = {id(p) for k in patterns if isinstance(k, (nn.Module, Tensor))
            for p in (k.parameters() if isinstance(k, nn.Module) else [k])}  # fmt: skip
    names = [k for k in patterns if isinstance(k, str)]
    owners: dict[int, tuple[nn.Module, str]] = {}
    for m in model.modules():
        for role, p in m.named_parameters(recurse=False):
            owners.setdefault(id(p), (m, role))
    inside = {id(p) for m in model.modules() if isinstance(m, nn.Transformer) for p in m.parameters()}
    config = getattr(model, "config", None)
    ranges: list[float] = []
    width = getattr(config, "initializer_range", None) or getattr(config, "init_std", None)
    if isinstance(width, float) and width > 0:
        layers: Any = getattr(config, "num_hidden_layers", None) or getattr(config, "n_layer", 1)
        ranges = [width, width / math.sqrt(2 * int(layers))]
    status = {}
    for name, p in model.named_parameters():
        owner, role = owners[id(p)]
        hooked = role.removesuffix("_v").removesuffix("_g")
        what = ""
        if id(p) in kept or any(fnmatch(name, k) or name.startswith(k + ".") for k in names):
            why = "named in keep"
        elif not p.requires_grad:
            why = "frozen"
        elif p.device.type == "meta":
            why = "on the meta device, without memory: call model.to_empty(device=...) first"
        elif p.dim() > 1 and p.numel() and bool((p == 0).all()):
            why = "deliberately zero"
        elif (
            not overwrite
            and not _untouched(p, owner, role, ranges or ([0.02] if id(p) in inside else []))
            and hooked == role
            and not (type(owner).__name__.startswith("Parametriz"))
        ):
            why = _CUSTOMIZED
        else:
            why = ""
        status[name] = ("kept" if why else what, why)
    return status


def _plan(work: _Work) -> None:
    """Decides from the trace of the first pass how each weighted operation is to be drawn."""
    first = work.first
    nodes = _weighted(first)
    work.fates = {n.index: fate_of(n) for n in nodes}
    chain = _chain(nodes, work.fates)
    work.sums = _residual_depth(first)
    starts: dict[Any, Start] = {}
    begins: dict[int, Start] = {}
    gates = sum(f.kind == "gate" for f in work.fates.values()) / 2
    tied = {id(p) for n in nodes if n.op == "embedding" for p in n.parameters
            if any(p is q for m in nodes if m.op != "embedding" for q in m.parameters)}  # fmt: skip
    said: set[Any] = set()
    for n in nodes:
        fate, depth = work.fates[n.index], chain[n.index]
        depth = 1 if depth <= 3 or fate.kind == "norm" else depth
        biased = n.bias is not None and work.allowed(n.bias) and depth > 3
        plan = Plan("", n, fate, fate.share)
        if fate.kind in ("activation", "residual", "gate") and fate.cone:
            key = (tuple((c.op, c.module.rsplit(".", 1)[-1] if c.op == "pointwise_module" else "",
                          str([a for a in c.args if not isinstance(a, Tensor)]), str(c.kwargs)) for c in fate.cone),
                   depth, biased)  # fmt: skip
            f = replay(n, fate.cone, first)
            if key not in starts:
                try:
                    starts[key] = start_for(f, depth, biased)
                except (RuntimeError, TypeError, ValueError, IndexError) as error:
                    starts[key] = Start(note=f"its activation could not be measured apart ({type(error).__name__})")
            start = starts[key]
            if start.note and (start.note, key) not in said:
                said.add((start.note, key))
                work.notes.append(f"{n.module or n.op}, activation {_activation_name(fate)}: {start.note}.")
            if fate.kind == "activation":
                begins[n.index] = start
                plan.target = start.q * fate.share
        above = [begins.get(s.index) for s in _sources(n)]
        if above and all(a is not None and a == above[0] for a in above):
            source = above[0]
            assert source is not None
            plan.centred = source.centred
            if biased and fate.kind == "activation" and source.weight is not None:
                plan.share = source.weight * fate.share
                plan.bias = max(0.0, plan.target - plan.share)
        if fate.kind == "gate" and gates > 3 and depth > 3:
            opened = bool(fate.cone) or (fate.partner is not None and n.index < fate.partner.index
                                         and not any(c.op in POINTWISE for c in [fate.partner]))  # fmt: skip
            if opened and biased:
                plan.target, plan.gate = 1 / gates, 2.0
            elif opened and ("gate" not in said):
                said.add("gate")
                work.notes.append("gated pairs without biases, normalization or residual sums: each multiplies the "
                                  "squared gradient by about 2 whatever the weights; no initializer prevents it.")  # fmt: skip
        if fate.norm is not None and fate.kind == "norm":
            _norm_end(work, n, fate.norm)
        plan.tied = any(id(p) in tied for p in n.parameters)
        if n.op == "embedding" and not plan.tied and fate.share < 1 and tied:  # added to the tied one: as small
            plan.target = 1 / n.shape[-1]
        plan.why = _reason(plan, begins.get(n.index))
        for p in n.parameters:
            plan.name = first.leaves[id(p)]
            work.plans.setdefault(plan.name, plan)


def _norm_end(work: _Work, node: Node, norm: Node) -> None:
    """A normalization whose output is a residual end: its gain, not the weight before it, sets the size of the branch."""
    gain = None
    while True:
        gain = next((p for p in norm.parameters if p.dim() == 1 and bool((p == 1).all())), gain)
        following = [u for u in norm.users if u.in_norm or u.op in NORM]
        if not following:
            break
        norm = following[-1]
    fate = fate_of(norm)
    if gain is not None and fate.kind == "residual" and not fate.cone and work.allowed(gain):
        work.gammas[work.first.leaves[id(node.parameters[0])]] = (gain, fate, 0)


def _activation_name(fate: Fate) -> str:
    return " ".join(c.op if c.op != "pointwise_module" else type(c.func).__name__ for c in fate.cone)


def _reason(plan: Plan, start: Start | None) -> str:
    fate = plan.fate
    if plan.tied:
        return "tied to an embedding: standard deviation 1 / sqrt(width)"
    if fate.kind == "residual":
        return "residual end: scaled down with the number of residual sums"
    if plan.gate:
        return f"gate: mean square {plan.target:.3g}, kept open by biases of {plan.gate:g}"
    where = {"activation": f"before {_activation_name(fate)}", "output": "output", "norm": "before normalization",
             "linear": "before another linear layer", "attention": "attention", "gate": "gated pair"}[fate.kind]  # fmt: skip
    return f"{where}: mean square {plan.target:.3g}" + (", rows centred" if plan.centred else "")


_IN_OUT = ("matmul", "mm", "addmm", "bmm", "baddbmm", "_grouped_mm", "grouped_mm")  # whose weights are (..., in, out)


class _Calibrator:
    """Draws each weight when the sample first reaches it, and scales it so that its output has its target."""

    def __init__(self, work: _Work) -> None:
        self.work = work
        self.recorder: Recorder | None = None
        self.uses: dict[tuple[int, int], int] = {}

    def __call__(self, node: Node, run: Callable[[], Any]) -> Any:
        work, w = self.work, node.weight
        assert w is not None and self.recorder is not None
        if node.op in RECURRENT:
            return self.recurrent(node, run)
        if node.op == "multi_head_attention_forward":
            self.in_projections(node)
        leaf = self.leaf(w)
        if leaf is None or not work.allowed_now(leaf):
            return run()
        key = (w.data_ptr(), w.numel())
        name = work.first.leaves[id(leaf)]
        plan = work.plans.get(name)
        if plan is None:
            return run()
        if key in work.drawn:
            return self.again(node, run, leaf, key, plan)
        work.drawn[key] = plan
        view = w if w.data_ptr() == leaf.data_ptr() or self.within(w, leaf) else None
        target = self.target(plan, node)
        self.draw(node, leaf, view, plan)
        bias = node.bias if node.bias is not None and work.allowed_now(node.bias) else None
        if bias is not None:
            bias.zero_()
        out = self.execute(node, run, view)
        energy = _energy(out)
        what, why = "drawn", plan.why + (f", biases of variance {plan.bias:.3g}" if plan.bias else "")
        if not plan.tied and energy > 0 and math.isfinite(energy):
            factor = math.sqrt(max(target - plan.bias, 0.1 * target) / energy)
            self.scale(leaf, view, factor, node)
            out = self.execute(node, run, view)
            if view is None and not 0.5 < _energy(out) / target < 2:
                why += "; its scale is set by the formula that computes the weight"
        elif not plan.tied:
            why += "; nothing arrives here, so it was drawn for inputs of mean square 1"
        if bias is not None and (plan.bias or plan.gate):
            std = math.sqrt(plan.bias)
            bias.copy_(self.work.random(bias.reshape(-1, 1), work.first.leaves[id(bias)], False).reshape(bias.shape) * std
                       + plan.gate)  # fmt: skip
            out = self.execute(node, run, view)
        work.say(leaf, what, why)
        if name in work.gammas:
            gain, fate, _ = work.gammas[name]
            size = math.sqrt(self.target(Plan(name, node, fate, 1.0), node))
            gain.fill_(size)
            work.say(gain, "set", f"{size:.3g}: residual end, scaled down with the number of residual sums")
        if bias is not None:
            work.say(bias, *(("drawn", f"variance {plan.bias:.3g}") if plan.bias else ("set", f"{plan.gate:g}")))
        return out

    def again(self, node: Node, run: Callable[[], Any], leaf: Tensor, key: tuple[int, int], plan: Plan) -> Any:
        """A layer's second use shows what arrives in the long run: its scale is set once more."""
        out = run()
        energy, target = _energy(out), self.target(plan, node)
        if self.uses.get(key, 1) > 1 or plan.tied or node.op.startswith("embedding") or id(leaf) != id(node.weight):
            return out
        self.uses[key] = 2
        wanted = max(target - plan.bias, 0.1 * target) / max(energy - plan.bias, 1e-12)
        if energy > 0 and math.isfinite(energy):
            leaf.mul_(min(max(math.sqrt(wanted), 0.1), 10))
        return run()

    def within(self, w: Tensor, leaf: Tensor) -> bool:
        start = leaf.data_ptr()
        return start <= w.data_ptr() < start + leaf.numel() * leaf.element_size() and w.dtype == leaf.dtype

    def leaf(self, w: Tensor) -> Tensor | None:
        assert self.recorder is not None
        if id(w) in self.recorder.leaves:
            return w
        node = self.recorder.of.get(id(w))
        matrices = [p for p in node.parameters if p.dim() > 1] if node else []
        matrices.sort(key=lambda p: p.numel() != w.numel())
        return max(matrices, key=lambda p: p.numel()) if matrices else None

    def target(self, plan: Plan, node: Node) -> float:
        fate = plan.fate
        if fate.kind != "residual" or fate.stream is None or fate.sum is None:
            return plan.target
        assert self.recorder is not None
        stream = self.signal_of(fate.stream)
        count = 2 * max(1, self.work.sums.get(fate.sum.index, 1))
        if fate.cone:  # the branch ends in an activation, whose means add up
            f = replay(plan.node, fate.cone, self.work.first)
            try:
                mean, second, *_ = _moments(f, 1.0)
                coherent = mean * mean > 0.1 * second
                wanted = stream / (count * count if coherent else count)
                return min(np.geomspace(1e-6, 4, 60), key=lambda q: abs(math.log(_moments(f, float(q))[1] / wanted)))
            except (RuntimeError, TypeError, ValueError, IndexError):
                return stream / count**2
        return float(min(stream, stream / (count * fate.scale**2)))

    def signal_of(self, node: Node) -> float:
        assert self.recorder is not None
        out = self.recorder.outputs.get(node.index)
        value = _energy(out) if out is not None else math.nan
        return value if value > 0 and math.isfinite(value) else 1.0

    def draw(self, node: Node, leaf: Tensor, view: Tensor | None, plan: Plan) -> None:
        into = view if view is not None else leaf
        stream = self.work.first.leaves[id(leaf)] + ("" if view is None or view.numel() == leaf.numel()
                                                     else f"[{view.storage_offset()}]")  # fmt: skip
        transposed = node.op in _IN_OUT and into.dim() >= 2
        shaped = into.transpose(-1, -2) if transposed else into
        embedding = node.op.startswith("embedding")
        values = self.work.random(shaped, stream, node.op in ("linear", "matmul", "mm", "addmm") and into.dim() == 2
                                  and self.work.scheme != "normal")  # fmt: skip
        if embedding and not plan.tied:
            values = values * math.sqrt(values.shape[1])
        if plan.centred and not embedding:
            values = values - values.flatten(1).mean(1).reshape(-1, *[1] * (values.dim() - 1))
        zero = (into == 0).all(1) if embedding and into.dim() == 2 else None
        shaped.copy_(values)
        if zero is not None:
            into[zero] = 0
        if view is None:
            self.length(node, leaf)

    def length(self, node: Node, leaf: Tensor) -> None:
        """Weight normalization: the lengths of the rows of v become g."""
        assert self.recorder is not None
        source = self.recorder.of.get(id(node.weight))
        if source is not None and source.op == "_weight_norm":
            v, g = source.args[0], source.args[1]
            axes = [d for d in range(v.dim()) if g.shape[d] == 1]
            g.copy_(v.norm(dim=axes, keepdim=True))
            self.work.say(g, "set", "the lengths of the rows drawn")

    def scale(self, leaf: Tensor, view: Tensor | None, factor: float, node: Node) -> None:
        (view if view is not None else leaf).mul_(factor)
        if view is None:
            self.length(node, leaf)

    def execute(self, node: Node, run: Callable[[], Any], view: Tensor | None) -> Any:
        if view is not None:
            return run()
        assert node.func is not None
        fresh = self.formula(node.weight)
        swap = [fresh if a is node.weight else a for a in node.args]
        return node.func(*swap, **{k: fresh if v is node.weight else v for k, v in node.kwargs.items()})

    def formula(self, t: Any, before: float = math.inf) -> Any:
        """A tensor computed from parameters alone, computed again; `before` ends the way back at what is in place."""
        assert self.recorder is not None
        node = self.recorder.of.get(id(t)) if isinstance(t, Tensor) else None
        if node is None or node.is_signal or node.func is None or node.index >= before:
            return t
        return node.func(*[self.formula(a, node.index) for a in node.args],
                         **{k: self.formula(v, node.index) for k, v in node.kwargs.items()})  # fmt: skip

    def in_projections(self, node: Node) -> None:
        from ._trace import signature_of

        bound = signature_of(nn.functional.multi_head_attention_forward, node.args, node.kwargs)
        packed = bound["in_proj_weight"]
        sources = [bound["query"], bound["key"], bound["value"]]
        names = ["q_proj_weight", "k_proj_weight", "v_proj_weight"]
        blocks = list(packed.chunk(3)) if packed is not None else [bound[n] for n in names]
        for k, (w, x) in enumerate(zip(blocks, sources, strict=True)):
            leaf = packed if packed is not None else w
            if w is None or not self.work.allowed_now(leaf) or (w.data_ptr(), w.numel()) in self.work.drawn:
                continue
            name = self.work.first.leaves[id(leaf)]
            self.work.drawn[w.data_ptr(), w.numel()] = self.work.plans[name]
            w.copy_(self.work.random(w, f"{name}[{k}]", True) / math.sqrt(max(_energy(x), 1e-12)))
            self.work.say(leaf, "drawn", "attention: queries, keys and values of mean square 1")
        if bound["in_proj_bias"] is not None and self.work.allowed_now(bound["in_proj_bias"]):
            bound["in_proj_bias"].zero_()
            self.work.say(bound["in_proj_bias"], "set", "0")

    def recurrent(self, node: Node, run: Callable[[], Any]) -> Any:
        """Gate by gate: input weights that give mean square 1, orthogonal recurrent ones, an open forget gate."""
        work = self.work
        key = (node.parameters[0].data_ptr(), node.parameters[0].numel())
        if key in work.drawn:
            return run()
        work.drawn[key] = next(iter(work.plans.values()))
        gates = {"lstm": 4, "gru": 3}.get(node.op.split("_")[0], 1)
        x = next(tensors_in(node.args))
        inputs: dict[int, list[Tensor]] = {}
        for p in node.parameters:
            if not work.allowed_now(p):
                continue
            name = work.first.leaves[id(p)]
            role = name.rsplit(".", 1)[-1]
            layer = int(role.split("_l")[-1].split("_")[0]) if "_l" in role else 0
            if p.dim() > 1:
                blocks = p.chunk(gates) if "_hr" not in role else [p]
                recurrent = "_hh" in role
                for i, block in enumerate(blocks):
                    values = work.random(block, f"{name}[{i}]", recurrent)
                    if recurrent and node.op.startswith("rnn_relu"):
                        values = torch.eye(*block.shape)
                    block.copy_(values / (1 if recurrent or layer else math.sqrt(max(_energy(x), 1e-12))))
                if "_ih" in role:
                    inputs.setdefault(layer, []).append(p)
                work.say(p, "drawn", "recurrent, orthogonal by gate" if recurrent else "input of the gates, mean square 1")
                continue
            p.zero_()
            if "ih" in role and gates == 4:
                p.chunk(4)[1].fill_(1.0)
                work.say(p, "set", "0, forget gate 1")
            elif "ih" in role and gates == 3:
                p.chunk(3)[1].fill_(1.0)
                work.say(p, "set", "0, update gate 1")
            else:
                work.say(p, "set", "0")
        out = run()
        if len(inputs) > 1 and isinstance(out, tuple):
            states = out[1]
            directions = states.shape[0] // len(inputs)
            for layer in sorted(inputs):
                if layer:
                    below = states[(layer - 1) * directions : layer * directions]
                    for p in inputs[layer]:
                        p.div_(math.sqrt(max(_energy(below), 1e-6)))
            out = run()
        return out


def _energy(out: Any) -> float:
    """The mean square of the first tensor, rows of zeros (padding) apart."""
    for t in tensors_in(out):
        if t.is_floating_point() and t.numel():
            square = t.detach().float().square()
            mean = float(square.mean())
            if t.dim() > 1:
                filled = float((square.flatten(0, -2).sum(1) > 0).float().mean())
                mean /= max(filled, 1e-12)
            return mean
    return math.nan


# ---------------------------------------------------------------------------------------------------------------------
# The two functions that people call


class Report(Result):
    """What `audit` and `initialize_` found: `rows` by layer in the order of execution, `notes` in words, `parameters`
    (every parameter with what was done and why), `signal_spread` and `gradient_spread` (largest over smallest layer)."""

    curves = ("signal", "gradient", "signal_before", "gradient_before")

    def __str__(self) -> str:
        columns = [c for c in self.columns or () if any(r.get(c) is not None for r in self.rows)]
        head = [self.title, *self._summary(), "", table(self.rows, columns), ""]
        left = [{"parameter": n, "": p["what"], "why": p["why"]} for n, p in self.facts["parameters"].items()
                if p["what"] != "drawn"]  # fmt: skip
        return "\n".join([*head, *([table(left), ""] if left else []), *self.notes]).rstrip()

    __repr__ = __str__


def _layer_name(recorder: Recorder, node: Node) -> str:
    if not node.parameters:
        return node.module or node.op
    name = recorder.leaves[id(max(node.parameters, key=lambda p: p.numel()))]
    return name.rsplit(".", 1)[0] if name.endswith("weight") else name


def _rows(
    recorder: Recorder, before: Recorder | None, plans: dict[str, Plan], fates: dict[int, Fate]
) -> list[dict[str, Any]]:
    earlier = {i: n for i, n in enumerate(_weighted(before))} if before else {}
    rows = []
    for i, n in enumerate(_weighted(recorder)):
        fate = fates.get(n.index) or fate_of(n)
        row: dict[str, Any] = {"layer": _layer_name(recorder, n), "operation": n.op, "activation": _activation_name(fate)
                               if fate.cone else fate.kind, "fan_in": _fan_in(n)}  # fmt: skip
        if before is not None and i in earlier:
            row["signal_before"], row["gradient_before"] = math.sqrt(earlier[i].signal), earlier[i].gradient
        row.update(signal=math.sqrt(n.signal), gradient=n.gradient, correlation=n.correlation)
        row.update(_health(n, fate, recorder))
        rows.append(row)
    return rows


def _fan_in(node: Node) -> int:
    w = node.weight
    assert w is not None
    if node.op.startswith("embedding"):
        return 1
    if node.op in _IN_OUT or node.op == "einsum":
        return int(w.shape[-2] if w.dim() > 1 else w.shape[0])
    return int(w[0].numel()) if w.dim() > 1 else 1


def _health(node: Node, fate: Fate, recorder: Recorder) -> dict[str, Any]:
    """The shares of numbers at which the activation is exactly 0 and at which its slope is below 1e-3."""
    if not fate.cone or node.sample is None:
        return {}
    try:
        with torch.enable_grad():
            z = node.sample.double().cpu().requires_grad_()
            y = replay(node, fate.cone, recorder)(z * 1)
            (slope,) = torch.autograd.grad(y.sum(), z)
        return {"zeros": float((y == 0).double().mean()), "saturated": float((slope.abs() < 1e-3).double().mean())}
    except (RuntimeError, TypeError, ValueError, IndexError):
        return {}


def _findings(recorder: Recorder, rows: list[dict[str, Any]], sample: Any) -> list[str]:
    notes = []
    for i, t in enumerate(tensors_in(sample)):
        if not t.is_floating_point() or t.device.type == "meta" or t.numel() < 2:
            continue
        mean, deviation = float(t.float().mean()), float(t.float().std())
        if max(abs(mean), deviation) > 10 or abs(mean) > 3 * deviation or deviation < 0.05:
            notes.append(f"Input {i} is not scaled: mean {mean:.3g}, standard deviation {deviation:.3g}. Normalize it to "
                         "mean 0 and standard deviation 1; the first layer's weights were chosen for it as it is.")  # fmt: skip
    nodes = _weighted(recorder)
    for what, advice in (
        ("signal", "activations shrink or grow with depth"),
        ("gradient", "layers learn at very different speeds"),
    ):
        spread = _spread(nodes, what)
        if spread > 100:
            worst = max(rows, key=lambda r: r[what] if math.isfinite(r[what]) else math.inf)
            least = min(rows, key=lambda r: r[what] or math.inf)
            notes.append(
                f"The {what} differs by a factor of {spread:.2g} between layers of one role (largest of all in "
                f"{worst['layer']}, smallest in {least['layer']}): {advice}. "
                "evengrad.torch.initialize_(model, sample=...) evens it out where that is possible."
            )
    for row in rows:
        if row.get("zeros", 0) > 0.9:
            notes.append(f"{row['layer']}: {row['zeros']:.0%} of its activations are exactly 0, so almost no gradient passes.")
        elif row.get("saturated", 0) > 0.5 > row.get("zeros", 0):
            notes.append(f"{row['layer']}: {row['saturated']:.0%} of its activations are saturated, so little gradient passes.")
    opaque = sorted({type(n.func).__name__ for n in recorder.nodes if n.op == "opaque"})
    if opaque:
        notes.append(f"Not looked into: {', '.join(opaque)} (compiled or custom code).")
    return notes


def _settle_lazy(model: nn.Module, sample: Any) -> None:
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
        with undisturbed(model), torch.no_grad():
            _call(model, sample)


def _report(title: str, recorder: Recorder, before: Recorder | None, work: _Work | None, notes: list[str], sample: Any,
            parameters: dict[str, tuple[str, str]]) -> Report:  # fmt: skip
    rows = _rows(recorder, before, work.plans if work else {}, work.fates if work else {})
    nodes = _weighted(recorder)
    facts: dict[str, Any] = {}
    if before is not None:
        facts.update(signal_spread_before=_spread(_weighted(before), "signal"),
                     gradient_spread_before=_spread(_weighted(before), "gradient"))  # fmt: skip
    facts.update(signal_spread=_spread(nodes, "signal"), gradient_spread=_spread(nodes, "gradient"))
    facts["parameters"] = {n: {"what": what or "left", "why": why} for n, (what, why) in parameters.items()}
    report = Report(facts, rows, notes + _findings(recorder, rows, sample))
    report.title = title
    report.columns = ["layer", "operation", "activation", "fan_in", "signal_before", "signal", "gradient_before",
                      "gradient", "correlation", "zeros", "saturated"]  # fmt: skip
    return report


def audit(model: nn.Module, sample: Any = None, loss: Callable[[Any], Tensor] | None = None) -> Report:
    """Measures signal and gradient of every layer of a model on one sample, and says what is wrong and what to do.

    The model is run once, forward and backward, as it trains but without dropout; parameters, their gradients, buffers,
    modes and the random state stay as they are.

    Args:
        model: any module.
        sample: what it is called with: a tensor, a tuple of arguments or a dictionary of them; None: standard normal
            numbers (or token numbers) of the shape that its first layer takes.
        loss: a function of the model's output; None: the output's scalar product with standard normal numbers.
    """
    sample = _default_sample(model) if sample is None else sample
    _settle_lazy(model, sample)
    recorder = _look(model, sample, loss)
    status = _allowed(model, ())
    used = {recorder.leaves[id(p)] for n in recorder.nodes for p in n.parameters}
    parameters = {n: ("left", why or ("" if n in used else "not used by this sample")) for n, (_, why) in status.items()}
    return _report(f"Audit of {type(model).__name__}", recorder, None, None, [], sample, parameters)


def initialize_(model: nn.Module, scheme: str = "auto", sample: Any = None, seed: int = 1, keep: Any = (),
                overwrite: bool = False, dry_run: bool = False,
                loss: Callable[[Any], Tensor] | None = None) -> Report:  # fmt: skip
    """Draws the weights of a model anew, in place, so that signal and gradient keep their size over its depth.

    One pass records what the model does with the sample and measures it; in a second, each weight is drawn when the
    sample reaches it and scaled so that its output has the mean square that theory wants of the activation behind it; a
    third measures again. If that is worse than before, everything is put back.

    Left alone, and named in the report: frozen parameters, those in `keep`, weights that are zero, and weights that are
    not what their class draws by default (set by hand, trained or loaded).

    Args:
        model: any module. Its parameter objects, gradients, buffers and modes stay as they are.
        scheme: "auto", or "normal" for normal numbers where auto takes orthogonal matrices.
        sample: a tensor, a tuple of arguments or a dictionary of them, best a batch of the training data; None: standard
            normal numbers (or token numbers) of the shape that the first layer takes.
        seed: the same seed draws the same numbers on every machine; their scales are measured on the sample.
        keep: names (wildcards as in "head.*"), modules or parameters to leave alone.
        overwrite: draw also what is not at its class's default. For a new model whose author draws weights in another way;
            it would destroy a trained one.
        dry_run: report what would be done and put everything back.
        loss: as in `audit`.
    """
    if scheme not in ("auto", "normal"):
        raise ValueError(f"unknown scheme '{scheme}' (known: auto, normal)")
    guessed = sample is None
    sample = _default_sample(model) if guessed else sample
    _settle_lazy(model, sample)
    original = [(p, p.detach().clone()) for p in model.parameters() if p.device.type != "meta"]
    before = _look(model, sample, loss)
    work = _Work(model, before, seed, scheme, status=_allowed(model, keep, overwrite))
    custom = [n for n, (_, why) in work.status.items() if why == _CUSTOMIZED]
    if custom:
        work.notes.append(f"{len(custom)} of {len(work.status)} parameters are not at their class's default: trained, loaded, or "
                          "drawn by the author of the model in another way. They were left alone; for a model that is not "
                          "trained, overwrite=True draws them too.")  # fmt: skip
    if guessed:
        work.notes.append("No sample was given: measured on standard normal numbers of the first layer's shape.")
    done = False
    try:
        _plan(work)
        after = _draw(work, sample, loss)
        for _ in range(2):  # what finite width, pools and paddings do to the gradient, biases can take back
            if not _tilt(work, after):
                break
            after = _draw(work, sample, loss)
        fates = [work.status[n] for n, p in model.named_parameters() if p.dim() > 1]
        mine = [i for i, n in enumerate(_weighted(after)) if any(work.allowed_now(p) for p in n.parameters)]
        now, then = ([_weighted(r)[i] for i in mine if i < len(_weighted(r))] for r in (after, before))
        whole = {w: (_spread(_weighted(after), w, False), _spread(_weighted(before), w, False)) for w in ("signal", "gradient")}
        # Few layers among the author's must fit in with them.
        few = fates.count(("kept", _CUSTOMIZED)) > max(8, sum(what == "drawn" for what, _ in fates))
        worse = [w for w, (a, b) in whole.items() if _spread(now, w) > max(3.0, 1.1 * _spread(then, w))
                 or (few and a > max(3.0, 1.05 * b))]  # fmt: skip
        if worse:
            work.notes.append(f"The {' and the '.join(worse)} came out less even than before, so every parameter was put back.")
            work.status = {n: w if w[0] == "kept" else ("kept", "put back") for n, w in work.status.items()}
        done = not worse and not dry_run
    finally:
        if not done:
            with torch.no_grad():
                for p, values in original:
                    p.copy_(values)
    if worse:
        after = before
    used = {before.leaves[id(p)] for n in before.nodes for p in n.parameters}
    for name, (what, _) in list(work.status.items()):
        if not what:
            work.status[name] = ("left", "not used by this sample" if name not in used else _left(work, name))
    if dry_run:
        work.notes.append("Dry run: every parameter was put back.")
    return _report(f"Initialization of {type(model).__name__}", after, before, work, work.notes, sample, work.status)


def _draw(work: _Work, sample: Any, loss: Callable[[Any], Tensor] | None) -> Recorder:
    """Draws every weight in one pass, and measures in another."""
    work.drawn.clear()
    calibrator = _Calibrator(work)
    with undisturbed(work.model), torch.no_grad():
        recorder = Recorder(work.model, calibrator)
        calibrator.recorder = recorder
        with recorder:
            recorder.root(sample)
            _call(work.model, sample)
    return _look(work.model, sample, loss)


def _tilt(work: _Work, after: Recorder) -> bool:
    """Gives chains of layers with biases more or less weight, where their gradient drifts by more than 1.4 over them."""
    plans = {id(p.node.weight): p for p in work.plans.values() if p.share}
    chain = [(i, n) for i, n in enumerate(_weighted(after)) if id(n.weight) in plans and n.gradient > 0]
    if len(chain) < 4 or not all(math.isfinite(n.gradient) for _, n in chain):
        return False
    slope = float(np.polyfit([i for i, _ in chain], [math.log(n.gradient) for _, n in chain], 1)[0])
    if abs(slope) * (chain[-1][0] - chain[0][0]) < math.log(1.4):
        return False
    for _, n in chain:
        plan = plans[id(n.weight)]
        plan.share = min(plan.target, max(0.5 * plan.target, plan.share * math.exp(2 * slope)))
        plan.bias = plan.target - plan.share
    return True


def _left(work: _Work, name: str) -> str:
    for n in work.first.nodes:
        if any(work.first.leaves[id(p)] == name for p in n.parameters):
            if n.in_norm or n.op in NORM:
                return "normalization, at its neutral values"
            return f"not a weight: used by {n.op}"
    return "not a weight"


# ---------------------------------------------------------------------------------------------------------------------
# Width: muP; files of the engine


def mup_parameter_groups(model: nn.Module, base: nn.Module, lr: float = 1e-3, **options: Any) -> list[dict[str, Any]]:
    """Parameter groups for Adam or AdamW whose rates carry over from `base`, the same model in a smaller width.

    In muP (Yang et al. 2022, table 8) the rate of a weight whose fan_in and fan_out both grow is divided by the factor by
    which fan_in grows; so is that of the output layer. Biases, embeddings and the input layer keep the rate.

    Args:
        model, base: of the same architecture, so that their parameters have the same names.
        lr: the rate that is good for `base`.
        options: for every group, as weight_decay.
    """
    small = dict(base.named_parameters())
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag))}
    groups: dict[float, list[Tensor]] = {}
    for name, p in model.named_parameters():
        if name not in small or small[name].dim() != p.dim():
            raise ValueError(f"{name} is not in base as it is in model: both must be of one architecture")
        grows = 1.0
        if p.dim() > 1 and id(p) not in embeddings:
            grows = p[0].numel() / small[name][0].numel()
        groups.setdefault(grows, []).append(p)
    return [{"params": ps, "lr": lr / grows, **options} for grows, ps in sorted(groups.items())]


def mup_output_(model: nn.Module, base: nn.Module, layer: str) -> None:
    """Divides the weights of the output layer of this name by the square root of the factor by which its fan_in grows over
    `base`, in place: its outputs then vanish with width as muP asks (standard deviation 1 / fan_in, not 1 / sqrt(fan_in))."""
    p, small = model.get_parameter(f"{layer}.weight"), base.get_parameter(f"{layer}.weight")
    with torch.no_grad():
        p.div_(math.sqrt(p[0].numel() / small[0].numel()))


_MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "elu": nn.ELU, "selu": nn.SELU,
    "celu": nn.CELU, "mish": nn.Mish, "softplus": nn.Softplus, "softsign": nn.Softsign, "hard_swish": nn.Hardswish,
    "hard_tanh": nn.Hardtanh, "relu6": nn.ReLU6, "leaky_relu": nn.LeakyReLU, "log_sigmoid": nn.LogSigmoid,
    "gelu_tanh": lambda: nn.GELU("tanh"), "identity": nn.Identity}  # fmt: skip


class Formula(nn.Module):
    """Any activation of evengrad as a module, with its exact derivative, computed by the engine in float64 on the CPU."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return _Engine.apply(x, self.activation)


class _Engine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, activation: str) -> Tensor:
        value, slope = torch.from_numpy(
            _core.evaluate(activation, x.detach().double().cpu().contiguous().numpy().ravel())
        )
        ctx.save_for_backward(slope.reshape(x.shape).to(x))
        return value.reshape(x.shape).to(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None


def from_evengrad(path: str) -> nn.Sequential:
    """A net that `evengrad train --save` or `evengrad.Net.save` wrote, as an nn.Sequential with the same outputs (logits,
    for inputs normalized as the training data were). Layers one after the other only: linear ones, activations,
    normalization and dropout, no residual sums."""
    net = _core.Net({})
    net.load(path)
    if "residual(" in net.line:
        raise ValueError(f"{path}: a net with residual sums is not an nn.Sequential")
    module = nn.Sequential(*(_module_of(layer, path) for _, layer in net.layers))
    state = {name.split(".", 1)[1]: torch.from_numpy(value) for name, value in net.state_dict().items()}
    missing, strange = module.load_state_dict(state, strict=False)
    if strange or any("num_batches_tracked" not in name for name in missing):
        raise ValueError(f"{path}: its parameters are not those of {net.line}")
    return module


def _module_of(layer: str, path: str) -> nn.Module:
    """The module of a layer as evengrad describes it: "Linear(784, 256)", "gelu"."""
    name, _, rest = layer.removesuffix(")").partition("(")
    numbers = rest.split(", ")
    if name == "Linear":
        return nn.Linear(int(numbers[0]), int(numbers[1]), bias=len(numbers) < 3)
    if name in ("BatchNorm", "LayerNorm"):
        return (nn.BatchNorm1d if name == "BatchNorm" else nn.LayerNorm)(int(numbers[0]))
    if name == "Dropout":
        return nn.Dropout(float(numbers[0]))
    if name[0].isupper():
        raise ValueError(f"{path}: PyTorch has no module for {layer}")
    return _MODULES[layer]() if layer in _MODULES else Formula(layer)


def to_evengrad(module: nn.Sequential) -> Any:
    """An `evengrad.Net` with the outputs of an nn.Sequential of Linear, BatchNorm1d, LayerNorm, Dropout and activations
    (classes; save() and predict_proba() work at once)."""
    from ._net import Net

    words = []
    if not len(module) or not isinstance(module[0], nn.Linear):
        raise ValueError("to_evengrad takes an nn.Sequential that begins with a Linear layer")
    for m in module:
        if isinstance(m, nn.Linear):
            words.append(f"linear({m.out_features}, bias={int(m.bias is not None)})")
        elif isinstance(m, (nn.BatchNorm1d, nn.LayerNorm)):
            words.append("batchnorm" if isinstance(m, nn.BatchNorm1d) else "layernorm")
        else:
            words.append(f"dropout({m.p})" if isinstance(m, nn.Dropout) else f"act({_module_name(m)})")
    net = Net(" ".join(words), init="he").build(module[0].in_features, 0)
    state = net.state_dict()
    for name, value in module.state_dict().items():
        if "num_batches_tracked" not in name:
            state[f"layers.{name}"][...] = value.detach().float().cpu().numpy()
    return net


def _module_name(module: nn.Module) -> str:
    """The activation that a module computes: found by its values, not by its class."""
    if isinstance(module, Formula):
        return module.activation
    z = np.linspace(-6, 6, 97)
    try:
        with torch.no_grad():
            values = module(torch.from_numpy(z)).numpy()
    except (RuntimeError, ValueError, TypeError):
        values = np.full_like(z, np.nan)
    slope, alpha = getattr(module, "negative_slope", 0.01), getattr(module, "alpha", 1.0)
    for name in (*_MODULES, f"leaky_relu({slope})", f"elu({alpha})"):
        if np.abs(_core.evaluate(name, z)[0] - values).max() < 1e-9:
            return name
    raise ValueError(f"{type(module).__name__} is none of the activations that evengrad knows (evengrad list activations)")
