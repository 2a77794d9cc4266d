"""evengrad.torch: every kind of net in tests/zoo.py, and the manners that people rely on."""

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import evengrad as eg  # noqa: E402
from torch import nn  # noqa: E402
from zoo import ZOO, RawParameter, gated_chain, mlp  # noqa: E402

# Where theory forbids a factor of 3: the limit, and why.
EXCEPTIONS = {
    "resnet": (
        6,
        "stages of different size; each downsampling sums two normalized branches, which halves the gradient",
    ),
    "densenet": (
        6,
        "batch normalization multiplies the squared gradient by E[f'^2] / Var f a layer (docs/theory.md, 13)",
    ),
    "convnext": (1e9, "the author's layer scale of 1e-6 divides the gradients of branches by a million"),
    "vit": (4, "the head reads one of 17 tokens, whose gradient attention spreads over all from block to block"),
    "gru cell": (100, "the loss reads the last step; a gated state forgets exponentially"),
    "deep equilibrium": (10, "a map with a stable fixed point contracts, so early steps get less gradient"),
}


def build(name):
    torch.manual_seed(0)
    return ZOO[name]()


@pytest.mark.parametrize("name", ZOO)
def test_signal_and_gradient_stay_even_over_depth(name):
    model, sample = build(name)
    passes = 0

    def count(*_):
        nonlocal passes
        passes += 1

    hook = model.register_forward_pre_hook(count)
    report = eg.torch.initialize_(model, sample=sample)
    hook.remove()
    assert passes <= 10
    limit = EXCEPTIONS.get(name, (3, ""))[0]
    assert report.signal_spread < 3, report
    assert report.gradient_spread < limit, report
    assert report.gradient_spread <= max(3, 1.1 * report.gradient_spread_before)
    assert set(report.parameters) == {n for n, _ in model.named_parameters()}
    for name_, said in report.parameters.items():
        assert said["what"] in ("drawn", "set") or said["why"], name_


def layer_ratio(model, sample, layers):
    """RMS gradient of the first over the last of these layers' outputs, measured apart from evengrad."""
    outputs = []

    def keep(_module, _inputs, output):
        output.retain_grad()
        outputs.append(output)

    hooks = [m.register_forward_hook(keep) for m in layers]
    y = model(sample)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(3)))
    for h in hooks:
        h.remove()
    signals = [float(o.detach().square().mean().sqrt()) for o in outputs]
    gradients = [float(o.grad.norm()) for o in outputs]
    return max(signals) / min(signals), max(gradients) / min(gradients)


@pytest.mark.parametrize("activation", [nn.GELU, nn.Mish, nn.Hardswish, nn.Tanh, nn.ReLU, nn.SELU, nn.ELU, nn.SiLU])
def test_fifty_layers_measured_by_hand(activation):
    torch.manual_seed(1)
    model = mlp(activation, 50, 128)
    sample = torch.randn(128, 128)
    eg.torch.initialize_(model, sample=sample)
    signal, gradient = layer_ratio(model, sample, [m for m in model if isinstance(m, nn.Linear)][:-1])
    assert signal < 1.5
    assert gradient < 5


def test_gated_pairs_without_norm_keep_signal_and_gradient():
    model, sample = build("gated pairs")
    eg.torch.initialize_(model, sample=sample)
    signal, gradient = layer_ratio(model, sample, list(model))
    assert signal < 3 and gradient < 3


def test_gated_pairs_without_biases_are_named():
    torch.manual_seed(0)
    report = eg.torch.initialize_(gated_chain(bias=False), sample=torch.randn(64, 64))
    assert any("no initializer prevents it" in note for note in report.notes)


def test_softplus_says_what_independent_weights_cannot_do():
    model, sample = build("mlp softplus")
    report = eg.torch.initialize_(model, sample=sample)
    assert any("softplus" in note and "no independent weights" in note for note in report.notes)
    sums = model[2].weight.sum(1).abs().max()
    assert sums < 1e-4


def test_start_for_agrees_with_theory():
    # GELU's edge at q = 1 without closed form, from the engine's moments: sigma_b2 = 1 - E[f^2] / E[f'^2]
    start = eg.torch.start_for(torch.nn.functional.gelu, 8)
    _, second, slope2, *_ = eg._core.moments("gelu", start.q)
    assert start.weight == pytest.approx(second / slope2, rel=1e-4)
    relu = eg.torch.start_for(torch.relu, 50)
    assert relu.weight == pytest.approx(relu.q, rel=1e-3)  # He: no biases


def test_same_seed_same_draws_and_another_seed_others():
    def weights(seed, noise):
        model, sample = build("mlp gelu")
        torch.manual_seed(noise)  # the caller's random state plays no part
        eg.torch.initialize_(model, sample=sample, seed=seed)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(weights(1, 5), weights(1, 6))
    assert not torch.equal(weights(1, 5), weights(2, 5))


def test_random_state_mode_buffers_gradients_and_objects_are_untouched():
    model, sample = build("resnet")
    model[3].eval()
    model(sample).sum().backward()
    modes = [m.training for m in model.modules()]
    buffers = {n: b.clone() for n, b in model.named_buffers()}
    parameters = list(model.parameters())
    gradients = [p.grad.clone() for p in parameters]
    state = torch.get_rng_state()
    eg.torch.initialize_(model, sample=sample)
    eg.torch.audit(model, sample)
    assert torch.equal(state, torch.get_rng_state())
    assert modes == [m.training for m in model.modules()]
    assert all(torch.equal(b, buffers[n]) for n, b in model.named_buffers())
    assert all(p is q for p, q in zip(parameters, model.parameters(), strict=True))
    assert all(torch.equal(p.grad, g) for p, g in zip(parameters, gradients, strict=True))


def test_audit_and_dry_run_change_nothing():
    model, sample = build("lstm")
    before = copy.deepcopy(model.state_dict())
    eg.torch.audit(model, sample)
    report = eg.torch.initialize_(model, sample=sample, dry_run=True)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert report.parameters["rnn.weight_hh_l0"]["what"] == "drawn"
    assert any("Dry run" in note for note in report.notes)


def test_frozen_kept_zero_and_customized_weights_are_left_alone_and_named():
    torch.manual_seed(0)
    model = nn.Sequential(*[m for _ in range(6) for m in (nn.Linear(32, 32), nn.ReLU())], nn.Linear(32, 4))
    model[0].weight.requires_grad_(False)
    nn.init.normal_(model[4].weight, 0, 0.5)
    nn.init.zeros_(model[12].weight)
    nn.init.orthogonal_(model[6].weight)
    before = copy.deepcopy(model.state_dict())
    report = eg.torch.initialize_(model, sample=torch.randn(64, 32), keep=["2", model[8]])
    words = {"0.weight": "frozen", "2.weight": "keep", "8.weight": "keep", "4.weight": "customized", "6.weight": "customized",
             "12.weight": "zero"}  # fmt: skip
    for name, word in words.items():
        assert word in report.parameters[name]["why"]
        assert torch.equal(model.state_dict()[name], before[name])
        assert name in str(report)
    assert not torch.equal(model[10].weight, before["10.weight"])


def test_overwrite_draws_what_an_author_drew_in_another_way():
    torch.manual_seed(0)
    model = nn.Sequential(*[m for _ in range(12) for m in (nn.Linear(64, 64), nn.ReLU())], nn.Linear(64, 4))
    for m in list(model)[::2]:
        nn.init.trunc_normal_(m.weight, std=0.02)
    sample = torch.randn(128, 64)
    report = eg.torch.initialize_(model, sample=sample, keep=["24"])
    assert any("overwrite=True" in note for note in report.notes) and report.gradient_spread > 1e6
    report = eg.torch.initialize_(model, sample=sample, keep=["24"], overwrite=True)
    assert report.signal_spread < 1.5 and report.gradient_spread < 3
    assert report.parameters["24.weight"]["why"] == "named in keep"


def test_few_layers_among_those_of_the_author_are_put_back_if_they_do_not_fit_in():
    torch.manual_seed(0)
    model = nn.Sequential(*[m for _ in range(12) for m in (nn.Linear(64, 64), nn.ReLU())], nn.Linear(64, 4))
    for m in list(model)[:-1:2]:
        nn.init.normal_(m.weight, std=0.7 * math.sqrt(2 / 64))
    before = copy.deepcopy(model.state_dict())
    report = eg.torch.initialize_(model, sample=torch.randn(128, 64))
    assert any("put back" in note for note in report.notes)
    assert torch.equal(model[24].weight, before["24.weight"])


def test_padding_rows_stay_zero():
    model, sample = build("bert")
    eg.torch.initialize_(model, sample=sample)
    assert model.tok.weight[0].abs().max() == 0
    assert model.tok.weight[1:].abs().min() > 0 or model.tok.weight[1:].std() > 0.1


@pytest.mark.parametrize("wrap", [nn.utils.parametrizations.weight_norm, nn.utils.weight_norm, nn.utils.spectral_norm])
def test_parametrizations(wrap):
    torch.manual_seed(0)
    model = nn.Sequential(*[m for _ in range(8) for m in (wrap(nn.Linear(64, 64)), nn.ReLU())])
    sample = torch.randn(128, 64)
    report = eg.torch.initialize_(model, sample=sample)
    assert report.signal_spread <= max(3, report.signal_spread_before)
    if wrap is not nn.utils.spectral_norm:
        assert report.signal_spread < 1.5
        assert report.gradient_spread < 3


def test_lazy_modules():
    model = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 2))
    report = eg.torch.initialize_(model, sample=torch.randn(64, 16))
    assert report.signal_spread < 3
    assert report.parameters["0.weight"]["what"] == "drawn"


def test_unscaled_inputs_are_named():
    model = mlp(nn.ReLU, 4)
    report = eg.torch.initialize_(model, sample=torch.randint(0, 256, (64, 128)).float())
    assert any("not scaled" in note for note in report.notes)


def test_unused_layers_are_named():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            return self.a(x)

    report = eg.torch.initialize_(Unused(), sample=torch.randn(16, 8))
    assert "not used" in report.parameters["b.weight"]["why"]


def test_raw_parameters_are_drawn():
    torch.manual_seed(0)
    model = RawParameter()
    report = eg.torch.initialize_(model, sample=torch.randn(128, 64))
    assert {report.parameters[f"w.{i}"]["what"] for i in range(8)} == {"drawn"}
    assert max(row["signal"] for row in report.rows) < 3


def test_tied_weights_stay_tied_and_logits_are_of_size_one():
    model, sample = build("gpt")
    report = eg.torch.initialize_(model, sample=sample)
    assert model.head.weight is model.tok.weight
    assert 0.3 < report.rows[-1]["signal"] < 3
    assert "tied" in report.parameters["tok.weight"]["why"]


def test_lstm_starts_with_open_forget_gates_and_orthogonal_matrices():
    model, sample = build("lstm")
    eg.torch.initialize_(model, sample=sample)
    bias = model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0
    assert torch.equal(bias[64:128], torch.ones(64)) and bias[:64].abs().max() == 0
    for block in model.rnn.weight_hh_l0.detach().chunk(4):
        assert torch.allclose(block @ block.T, torch.eye(64), atol=1e-4)


def test_bfloat16():
    model, sample = build("mlp gelu")
    model, sample = model.bfloat16(), sample.bfloat16()
    report = eg.torch.initialize_(model, sample=sample)
    assert all(p.dtype == torch.bfloat16 for p in model.parameters())
    assert report.signal_spread < 3 and report.gradient_spread < 3


def test_meta_tensors_are_named_and_no_error():
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    report = eg.torch.initialize_(model, sample=torch.randn(4, 8, device="meta"))
    assert "to_empty" in report.parameters["0.weight"]["why"]


@pytest.mark.parametrize("name", ["mlp relu", "vgg", "gpt", "lstm"])
def test_without_a_sample(name):
    model, _ = build(name)
    if name == "vgg":
        model = model[:13]
    report = eg.torch.initialize_(model)
    assert any("No sample" in note for note in report.notes)
    assert report.signal_spread < 3


def test_a_start_that_is_worse_is_put_back(monkeypatch):
    model, sample = build("mlp tanh")
    eg.torch.initialize_(model, sample=sample)
    even = copy.deepcopy(model.state_dict())
    monkeypatch.setattr(eg.torch, "_allowed", lambda m, *_: {n: ("", "") for n, _ in m.named_parameters()})
    monkeypatch.setattr(eg.torch, "start_for", lambda *_: eg.torch.Start(9.0))
    report = eg.torch.initialize_(model, sample=sample)
    assert any("put back" in note for note in report.notes)
    assert all(torch.equal(v, even[k]) for k, v in model.state_dict().items())


def test_a_loss_and_an_audit_that_finds_what_is_wrong():
    torch.manual_seed(0)
    model, labels = mlp(nn.Sigmoid, 20), torch.randint(0, 10, (64,))
    report = eg.torch.audit(model, torch.randn(64, 128), loss=lambda out: nn.functional.cross_entropy(out, labels))
    assert report.gradient_spread > 1e6
    assert any("gradient differs by a factor" in note for note in report.notes)
    assert [row["activation"] for row in report.rows] == ["sigmoid"] * 20 + ["output"]


def test_reports_are_plain_objects():
    model, sample = build("mlp relu")
    report = eg.torch.initialize_(model, sample=sample)
    assert report.to_dict()["rows"] == report.rows
    assert "<svg" in report._repr_html_() and "<table>" in report._repr_html_()
    assert math.isfinite(report.gradient_spread)
    assert "0.weight" in report.parameters
    assert len(str(report).splitlines()) > 20


@pytest.mark.parametrize("wrong", [dict(scheme="hee"), dict(sample=torch.randn(4, 7))])
def test_errors_leave_the_model_as_it_was(wrong):
    model, sample = build("mlp relu")
    before = copy.deepcopy(model.state_dict())
    with pytest.raises((ValueError, RuntimeError)):
        eg.torch.initialize_(model, **{"sample": sample, **wrong})
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_draws_do_not_depend_on_the_module_order():
    # the stream of a weight is named after it, so a net with another head has the same body
    a, b = mlp(nn.ReLU, 3), mlp(nn.ReLU, 3)
    b[6] = nn.Linear(128, 7)
    sample = torch.randn(64, 128)
    eg.torch.initialize_(a, sample=sample)
    eg.torch.initialize_(b, sample=sample)
    assert torch.equal(a[2].weight, b[2].weight)
    assert isinstance(np.asarray(a[2].weight.detach()), np.ndarray)


def test_conv1d_of_gpt2_is_transposed():
    class Conv1D(nn.Module):  # as transformers has it: weight (in, out)
        def __init__(self, out, inside):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.empty(inside, out)), nn.Parameter(torch.zeros(out))
            nn.init.normal_(self.weight, std=0.02)

        def forward(self, x):
            size = (*x.shape[:-1], self.weight.shape[1])
            return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(size)

    torch.manual_seed(0)
    model = nn.Sequential(*[m for _ in range(10) for m in (Conv1D(96, 32), nn.GELU(), Conv1D(32, 96), nn.GELU())])
    report = eg.torch.initialize_(model, sample=torch.randn(8, 16, 32))
    assert report.signal_spread < 3 and report.gradient_spread < 3
    assert report.rows[0]["fan_in"] == 32
    assert report.parameters["0.weight"]["what"] == "drawn"


@pytest.mark.parametrize("order", ["stream first", "stream last"])
def test_parallel_branches_are_ends_of_one_residual_sum(order):
    class Block(nn.Module):  # as in GPT-J, Cohere and Phi
        def __init__(self):
            super().__init__()
            self.norm, self.a, self.b = nn.LayerNorm(32), nn.Linear(32, 32), nn.Linear(32, 32)

        def forward(self, x):
            h = self.norm(x)
            return x + self.a(h) + self.b(h) if order == "stream first" else self.a(h) + self.b(h) + x

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), *[Block() for _ in range(8)])
    report = eg.torch.initialize_(model, sample=torch.randn(64, 16))
    ends = [row for row in report.rows if row["layer"].endswith((".a", ".b"))]
    assert {row["activation"] for row in ends} == {"residual"}
    assert all(row["signal"] < 0.5 for row in ends)
    assert report.signal_spread < 3 and report.gradient_spread < 3


def test_experts_multiplied_at_once_are_drawn():
    class Experts(nn.Module):  # as mixtures of experts of transformers: a weight (experts, out, in), transposed
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(0.02 * torch.randn(4, 64, 32))

        def forward(self, x):
            rows = torch.tensor([16, 32, 48, 64], dtype=torch.int32)
            return torch._grouped_mm(x, self.w.transpose(-2, -1), offs=rows)

    if not hasattr(torch, "_grouped_mm"):
        pytest.skip("this PyTorch has no grouped products")
    torch.manual_seed(0)
    model, sample = Experts(), torch.randn(64, 32)
    report = eg.torch.initialize_(model, sample=sample)
    assert report.parameters["w"]["what"] == "drawn"
    assert float(model(sample).detach().square().mean()) == pytest.approx(1, rel=1e-3)


def test_mup_groups_and_the_coordinate_check():
    """After a few steps of Adam the hidden layer has changed about as much in every width."""

    def net(width):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    x = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    y = x[:, :1].sin()

    def change(width, mup):
        model, base = net(width), net(64)
        if mup:
            eg.torch.mup_output_(model, base, "4")
        groups = eg.torch.mup_parameter_groups(model, base, lr=0.01) if mup else model.parameters()
        optimizer = torch.optim.Adam(groups, lr=0.01)
        before = model[:3](x).detach()
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
        return float((model[:3](x).detach() - before).square().mean().sqrt())

    assert change(1024, False) / change(64, False) > 3
    assert change(1024, True) / change(64, True) < 2
    with pytest.raises(ValueError, match="one architecture"):
        eg.torch.mup_parameter_groups(net(64), nn.Linear(2, 2))


def test_nets_go_to_pytorch_and_back(tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
    for activation in ("gelu", "elu", "leaky_relu(0.2)", "x*sigmoid(1.702*x)"):
        net = eg.Net((16, 8), activation).build(5, 3)
        net.save(tmp_path / "net.safetensors")
        module = eg.torch.from_evengrad(str(tmp_path / "net.safetensors"))
        with torch.no_grad():
            assert np.allclose(module(torch.from_numpy(x)).softmax(1).numpy(), net.predict_proba(x), atol=1e-6)
        assert np.allclose(eg.torch.to_evengrad(module).predict_proba(x), net.predict_proba(x), atol=1e-6)
    with pytest.raises(ValueError, match="Linear layer"):
        eg.torch.to_evengrad(nn.Sequential(nn.Conv2d(1, 1, 1)))
