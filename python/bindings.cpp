// What Python sees of the engine. Thin on purpose: documents cross as JSON, tensors as NumPy arrays, and
// python/evengrad/ makes objects of them.
#include "bindings.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/experiments/documents.hpp>
#include <evengrad/init/initializer.hpp>
#include <evengrad/init/mean_field.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/training/propagation.hpp>

namespace evengrad::python {

namespace {

// An activation whose values and slopes come from one Python function of a float64 array: z -> (f(z), f'(z)).
struct PythonFormula {
  nb::handle function;  // never released: the registry outlives the interpreter

  template <Real S>
  static void run(const void* formula, const S* z, S* value, S* derivative, Index count) {
    const nb::gil_scoped_acquire gil;
    const auto size = static_cast<std::size_t>(count);
    std::vector<double> numbers(z, z + count);
    const nb::object pair = static_cast<const PythonFormula*>(formula)->function(
        nb::ndarray<nb::numpy, double, nb::ndim<1>>(numbers.data(), {size}, nb::handle()).cast(nb::rv_policy::copy));
    const auto copy = [&](int index, S* to) {
      const auto from = nb::cast<nb::ndarray<const double, nb::ndim<1>, nb::c_contig>>(pair[index]);
      if (from.shape(0) != size)
        throw UsageError(text("an activation returned ", from.shape(0), " numbers for ", size));
      for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<S>(from.data()[i]);
    };
    copy(0, value);
    if (derivative) copy(1, derivative);
  }
};

void add_function(const std::string& name, nb::object function) {
  const auto formula = std::make_shared<const PythonFormula>(PythonFormula{function.release()});
  add_activation(
      {.name = name,
       .aliases = {},
       .parameters = {},
       .info = {.formula = "a Python function",
                .derivative = "of a Python function",
                .range = "unknown",
                .year = 0,
                .source = "the caller",
                .uses = "",
                .notes = ""},
       .make =
           [formula](const std::vector<double>&, std::string given) {
             return Activation(std::move(given), formula, {PythonFormula::run<float>, PythonFormula::run<double>}, {});
           },
       .pytorch_gain = [](const std::vector<double>&) { return std::optional<double>(); }});
}

std::string propagation(const std::string& function, const std::string& init, Index depth, Index width, Index inputs,
                        Index nets, double input_variance, std::optional<double> bias_std, const std::string& norm,
                        bool residual, bool orthogonal_inputs, std::uint64_t seed) {
  if (norm != "none" && norm != "batch" && norm != "layer")
    throw UsageError(unknown_name("norm", norm, {"none", "batch", "layer"}));
  const NetOptions net{.activation = activation(function),
                       .initializer = initializer(init),
                       .depth = depth,
                       .width = width,
                       .inputs = inputs,
                       .nets = nets,
                       .input_variance = input_variance,
                       .bias_std = bias_std,
                       .batch_norm = norm == "batch",
                       .layer_norm = norm == "layer",
                       .residual = residual,
                       .orthogonal_inputs = orthogonal_inputs};
  NetTheory expected = predict(net);
  add_bands(expected, net, Rng(seed).split("bands"));
  return propagation_json(net, propagate<float>(net, Rng(seed).split("propagate")), expected, seed);
}

}  // namespace

NB_MODULE(_core, m) {
  nb::set_leak_warnings(false);  // nets that live in global variables until the end are no leak
  m.doc() = "The engine of evengrad; use the package `evengrad` instead.";
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const UsageError& e) {
      PyErr_SetString(PyExc_ValueError, e.what());
    } catch (const ShapeError& e) {
      PyErr_SetString(PyExc_ValueError, e.what());
    } catch (const FileError& e) {
      PyErr_SetString(PyExc_OSError, e.what());
    }
  });
  using Released = nb::call_guard<nb::gil_scoped_release>;

  m.def(
      "theory_json", [](const std::string& name) { return theory_json(name); }, "activation"_a, Released(),
      "The document of `evengrad theory ACTIVATION --json`.");
  m.def("lists_json", &lists_json, Released(), "The document of `evengrad list --json`.");
  m.def("add_function", &add_function, "name"_a, "function"_a,
        "Registers function(z) -> (f(z), f'(z)) of float64 arrays as an activation.");
  m.def(
      "evaluate",
      [](const std::string& name, const nb::ndarray<const double, nb::ndim<1>, nb::c_contig>& z) {
        Matrix<double> out(2, static_cast<Index>(z.shape(0)));
        activation(name)(z.data(), out.data(), out.data() + out.cols(), out.cols());
        return to_numpy(std::move(out));
      },
      "activation"_a, "z"_a, "f(z) and f'(z), float64 (2, n).");
  m.def(
      "moments",
      [](const std::string& name, double q) {
        const Moments r = moments(activation(name), q);
        return std::vector<double>{r.mean, r.second, r.derivative_second, r.second_slope, r.error};
      },
      "activation"_a, "q"_a = 1.0, Released(),
      "E[f], E[f^2], E[f'^2], d E[f^2] / dq at N(0, q), and their estimated relative error.");
  m.def("propagate_json", &propagation, "activation"_a, "init"_a, "depth"_a = 20, "width"_a = 256, "inputs"_a = 256,
        "nets"_a = 10, "input_variance"_a = 1.0, "bias_std"_a = nb::none(), "norm"_a = "none", "residual"_a = false,
        "orthogonal_inputs"_a = false, "seed"_a = 1, Released(),
        "The document of `evengrad propagate --activation NAME --init NAME --json`.");
  m.def(
      "draw",
      [](Index rows, Index cols, const std::string& distribution, double scale, std::uint64_t seed,
         const std::string& stream) {
        Matrix<float> values(rows, cols);
        const Distribution kind =
            distribution == "normal" ? Distribution::normal
            : distribution == "orthogonal"
                ? Distribution::orthogonal
                : throw UsageError(unknown_name("distribution", distribution, {"normal", "orthogonal"}));
        {
          const nb::gil_scoped_release released;
          fill(values, Draw{kind, scale}, Rng(seed).split(stream));
        }
        return to_numpy(std::move(values));
      },
      "rows"_a, "cols"_a, "distribution"_a, "scale"_a, "seed"_a, "stream"_a,
      "Random numbers (rows, cols), float32: the same bits for the same seed and stream on every machine.");
  bind_net(m);
}

}  // namespace evengrad::python
