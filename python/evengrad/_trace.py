"""Records what a PyTorch model does with one sample: every operation, what it reads, and the module it is called from.

Control flow, functional activations and raw parameters are seen as they run; nothing is compiled or rewritten. What
happens out of sight (custom autograd functions, scripted modules) is bridged by hooks on the modules.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

WEIGHTED = {"linear", "embedding", "embedding_bag", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
            "conv_transpose2d", "conv_transpose3d", "matmul", "mm", "bmm", "addmm", "baddbmm", "_grouped_mm", "grouped_mm",
            "einsum", "tensordot",
            "multi_head_attention_forward", "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell",
            "rnn_tanh_cell", "rnn_relu_cell"}  # fmt: skip
RECURRENT = {name for name in WEIGHTED if name.startswith(("lstm", "gru", "rnn"))}
SHAPE = {"view", "reshape", "flatten", "permute", "transpose", "contiguous", "to", "float", "half", "double", "bfloat16",
         "type", "type_as", "unsqueeze", "squeeze", "expand", "expand_as", "chunk", "split", "unbind", "getitem", "narrow",
         "select", "index_select", "clone", "roll", "pad", "pixel_shuffle", "pixel_unshuffle", "repeat", "swapaxes",
         "swapdims", "movedim", "moveaxis", "unflatten", "t", "T", "mT", "flip", "cat", "concat", "stack", "view_as",
         "reshape_as", "repeat_interleave", "channel_shuffle", "tensor_split", "split_with_sizes", "unfold", "fold",
         "masked_fill", "masked_fill_", "gather", "identity", "data", "real", "hstack", "detach", "constant_pad_nd",
         "interpolate", "upsample", "mean", "sum", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d",
         "max_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
         "adaptive_max_pool2d", "amax", "max", "boolean_dispatch", "_transpose_for_scores", "atleast_2d", "setitem"}  # fmt: skip
POINTWISE = {"relu", "relu_", "relu6", "gelu", "silu", "silu_", "sigmoid", "sigmoid_", "tanh", "tanh_", "elu", "elu_",
             "selu", "selu_", "celu", "celu_", "mish", "hardswish", "hardsigmoid", "hardtanh", "hardtanh_", "leaky_relu",
             "leaky_relu_", "softplus", "softsign", "logsigmoid", "prelu", "rrelu", "threshold", "hardshrink",
             "softshrink", "tanhshrink", "sin", "cos", "erf", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square",
             "abs", "neg", "pow", "clamp", "clamp_min", "clamp_max", "clip", "add", "sub", "rsub", "mul", "div",
             "truediv", "true_divide", "maximum", "minimum", "where", "atan", "arctan", "sinh", "cosh", "asinh", "sign",
             "add_", "sub_", "mul_", "div_", "reciprocal", "floor", "round", "gt", "lt", "ge", "le", "nan_to_num",
             "log_sigmoid", "special_expit", "erfc", "square_", "clamp_"}  # fmt: skip
ADD, MUL = {"add", "add_", "sub", "sub_", "iadd"}, {"mul", "mul_", "imul", "multiply"}
NORM = {"layer_norm", "batch_norm", "group_norm", "instance_norm", "rms_norm", "normalize", "local_response_norm"}
MEASURED = {"relu", "gelu", "silu", "tanh", "sigmoid", "add", "add_", "mul", "layer_norm", "batch_norm"}
DROP = {"dropout", "dropout_", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
        "feature_dropout", "alpha_dropout_"}  # fmt: skip


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists and dictionaries (Hugging Face outputs are dictionaries)."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from tensors_in(getattr(value, name, None))


@dataclass(eq=False)
class Node:
    """One operation: what it read (`inputs`: signals, `parameters`: leaves it read, through views or formulas)."""

    index: int
    op: str
    module: str
    inputs: list[Node]
    parameters: list[Tensor]
    func: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    in_norm: bool = False
    ancestors: int = 0  # a bit set of indices
    users: list[Node] = field(default_factory=list)
    weight: Tensor | None = None  # of a weighted operation: the tensor that multiplies, and its bias
    bias: Tensor | None = None
    signal: float = float("nan")  # mean square of the output
    gradient: float = float("nan")  # norm of the loss's gradient with respect to it
    correlation: float = float("nan")
    sample: Tensor | None = None  # some of the output's numbers

    @property
    def is_signal(self) -> bool:
        return bool(self.inputs) or self.op in ("input", "embedding", "embedding_bag")


class Recorder(TorchFunctionMode):
    """A mode under which a model runs once. `adjust(node, run)` may change the weight of a weighted operation and
    returns its output; `run()` executes the operation."""

    def __init__(self, model: nn.Module, adjust: Callable[[Node, Callable[[], Any]], Any] | None = None) -> None:
        super().__init__()
        self.model, self.adjust = model, adjust
        self.nodes: list[Node] = []
        self.of: dict[int, Node] = {}  # by id of a tensor that `outputs` keeps
        self.outputs: dict[int, Any] = {}
        self.leaves = {id(p): name for name, p in model.named_parameters()}
        self.path: list[str] = [""]
        self.norms = 0
        self.hooks: list[Any] = []

    # Modules: where an operation is called from, and bridges over what the mode does not see.
    def __enter__(self) -> Recorder:
        for name, module in self.model.named_modules():

            def before(m: nn.Module, _args: Any, name: str = name) -> None:
                self.path.append(name)
                self.norms += is_norm(m)

            def after(m: nn.Module, args: Any, out: Any) -> None:
                self.path.pop()
                self.norms -= is_norm(m)
                sources = unique(self.of[id(t)] for t in tensors_in(args) if id(t) in self.of)
                for t in tensors_in(out):
                    if sources and t.is_floating_point() and id(t) not in self.of:
                        node = self.add("module", sources, list(m.parameters()), t, func=m, args=tuple(args))
                        node.op = "opaque" if node.parameters or t.shape != sources[0].shape else "pointwise_module"

            self.hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self.hooks:
            hook.remove()

    def root(self, sample: Any) -> None:
        for t in tensors_in(sample):
            self.measure(self.add("input", [], [], t), t)

    def add(self, op: str, inputs: list[Node], parameters: list[Tensor], out: Any, **more: Any) -> Node:
        node = Node(len(self.nodes), op, self.path[-1], inputs, parameters, in_norm=self.norms > 0, **more)
        node.ancestors = 1 << node.index
        for source in inputs:
            node.ancestors |= source.ancestors
            source.users.append(node)
        self.nodes.append(node)
        for t in tensors_in(out):
            self.of[id(t)] = node
            node.shape = node.shape or tuple(t.shape)
        self.outputs[node.index] = out
        return node

    def measure(self, node: Node, out: Any) -> None:
        z = next((t for t in tensors_in(out) if t.is_floating_point() and t.numel() and t.device.type != "meta"), None)
        if z is None:
            return
        flat = z.detach().float().flatten()
        node.signal = float(flat.square().mean())
        node.sample = flat[:: max(1, flat.numel() // 4096)].clone()
        rows = z.detach().float().flatten(1)[:16] if z.dim() > 1 else flat[:0, None]
        if len(rows) > 1:
            rows = nn.functional.normalize(rows, dim=1)
            node.correlation = float(((rows @ rows.T).sum() - len(rows)) / (len(rows) * (len(rows) - 1)))
        if z.requires_grad:

            def keep(gradient: Tensor) -> None:
                node.gradient = float(gradient.detach().double().norm())

            z.register_hook(keep)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = name_of(func)
        if name in DROP:
            return args[0] if args else kwargs["input"]
        if name == "multi_head_attention_forward":
            kwargs["training"] = False
        if name == "scaled_dot_product_attention":
            kwargs = {k: v for k, v in kwargs.items() if k != "dropout_p"}
            args = (*args[:4], 0.0, *args[5:]) if len(args) > 4 else args
        if kwargs.get("inplace"):
            kwargs["inplace"] = False
        given = [t for t in (*tensors_in(args), *tensors_in(kwargs))]
        known = unique(self.of[id(t)] for t in given if id(t) in self.of)
        inputs = [n for n in known if n.is_signal]
        parameters = unique(
            [t for t in given if id(t) in self.leaves] + [p for n in known if not n.is_signal for p in n.parameters]
        )
        embeds = name in ("embedding", "embedding_bag")
        if not inputs and not parameters and not embeds:
            return func(*args, **kwargs)
        more = dict(func=func, args=args, kwargs=kwargs)
        weight = next((t for t in self.weights_of(name, args, kwargs) if self.is_parameter(t)), None)
        if name in WEIGHTED and weight is not None and (inputs or embeds or len(given) > 1):
            node = self.add(name, inputs or self.nodes[:1], parameters, None, **more)
            node.weight, node.bias = weight, self.bias_of(name, args, kwargs)

            def run() -> Any:
                return func(*args, **kwargs)

            out = self.adjust(node, run) if self.adjust else run()
            for t in tensors_in(out):
                self.of[id(t)] = node
                node.shape = node.shape or tuple(t.shape)
            self.outputs[node.index] = out
            self.measure(node, out)
            return out
        out = func(*args, **kwargs)
        if not isinstance(out, (Tensor, tuple, list)):
            return out
        node = self.add(name, inputs, parameters, out, **more)
        if inputs and name in MEASURED:
            with torch.no_grad():
                self.measure_only(node, out)
        return out

    def measure_only(self, node: Node, out: Any) -> None:
        t = next((t for t in tensors_in(out) if t.is_floating_point() and t.device.type != "meta"), None)
        if t is not None:
            node.signal = float(t.detach().float().square().mean())

    def is_parameter(self, t: Any) -> bool:
        node = self.of.get(id(t))
        return isinstance(t, Tensor) and (
            id(t) in self.leaves or (node is not None and not node.is_signal and bool(node.parameters))
        )

    def weights_of(self, name: str, args: Any, kwargs: Any) -> list[Any]:
        if name == "multi_head_attention_forward":
            bound = signature_of(nn.functional.multi_head_attention_forward, args, kwargs)
            return [bound["out_proj_weight"]]
        if name in RECURRENT:
            return [t for t in tensors_in((args, kwargs)) if id(t) in self.leaves and t.dim() > 1]
        if name in ("linear", "bilinear") or name.startswith(("conv", "embedding")):
            return [kwargs["weight"] if "weight" in kwargs else args[2 if name == "bilinear" else 1]]
        found = list(tensors_in((args, kwargs)))
        return found[1:] if name in ("addmm", "baddbmm") else found

    def bias_of(self, name: str, args: Any, kwargs: Any) -> Tensor | None:
        if name == "multi_head_attention_forward":
            return signature_of(nn.functional.multi_head_attention_forward, args, kwargs)["out_proj_bias"]
        bias = kwargs.get("bias")
        if name == "linear" or name.startswith("conv"):
            bias = args[2] if len(args) > 2 else bias
        elif name == "addmm":
            bias = args[0]
        return bias if isinstance(bias, Tensor) and id(bias) in self.leaves else None


def signature_of(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    import inspect

    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def unique(items: Any) -> list[Any]:
    return list({id(i): i for i in items}.values())


def is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() and not any(True for _ in module.children())


def name_of(func: Any) -> str:
    """ "add" for torch.add, Tensor.__radd__, operator +; "T" for the property."""
    name = getattr(func, "__name__", type(func).__name__)
    if name == "__get__":
        name = getattr(func.__self__, "__name__", name)
    name = name.strip("_") if name.startswith("__") else name
    return {"radd": "add", "rmul": "mul", "iadd": "add_", "imul": "mul_", "rmatmul": "matmul", "rtruediv": "div",
            "truediv": "div", "isub": "sub_", "_weight_norm_interface": "_weight_norm", "multiply": "mul",
            "_conv_forward": "conv"}.get(name, name)  # fmt: skip


@contextlib.contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Runs the model as it trains but without dropout, and puts back modes, buffers and random state."""
    modes = {m: m.training for m in model.modules()}
    buffers = {name: b.detach().clone() for name, b in model.named_buffers() if b.device.type != "meta"}
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(0)
        for m in modes:
            m.training = "drop" not in type(m).__name__.lower()
        try:
            yield
        finally:
            for m, mode in modes.items():
                m.training = mode
            with torch.no_grad():
                for name, b in model.named_buffers():
                    if name in buffers and b.shape == buffers[name].shape:
                        b.copy_(buffers[name])
