// The one list of built-in activations: kernels, registry, command line, docs and tests are generated from it.
#pragma once

#include <evengrad/activations/arctan.hpp>
#include <evengrad/activations/celu.hpp>
#include <evengrad/activations/elu.hpp>
#include <evengrad/activations/erf.hpp>
#include <evengrad/activations/gelu.hpp>
#include <evengrad/activations/gelu_tanh.hpp>
#include <evengrad/activations/hard_sigmoid.hpp>
#include <evengrad/activations/hard_swish.hpp>
#include <evengrad/activations/hard_tanh.hpp>
#include <evengrad/activations/identity.hpp>
#include <evengrad/activations/leaky_relu.hpp>
#include <evengrad/activations/lecun_tanh.hpp>
#include <evengrad/activations/log_sigmoid.hpp>
#include <evengrad/activations/mish.hpp>
#include <evengrad/activations/prelu.hpp>
#include <evengrad/activations/quick_gelu.hpp>
#include <evengrad/activations/relu.hpp>
#include <evengrad/activations/relu6.hpp>
#include <evengrad/activations/selu.hpp>
#include <evengrad/activations/sigmoid.hpp>
#include <evengrad/activations/silu.hpp>
#include <evengrad/activations/sin.hpp>
#include <evengrad/activations/softplus.hpp>
#include <evengrad/activations/softsign.hpp>
#include <evengrad/activations/tanh.hpp>

namespace evengrad {

/// A list of formula types.
template <class... F>
struct Formulas {
  static constexpr std::size_t size = sizeof...(F);
};

using BuiltinFormulas =
    Formulas<Identity, Sigmoid, Tanh, ReLU, LeakyReLU, PReLU, ReLU6, ELU, CELU, SELU, GELU, GELUTanh, QuickGELU, SiLU,
             Mish, Softplus, Softsign, HardSigmoid, HardTanh, HardSwish, Arctan, Sin, Erf, LeCunTanh, LogSigmoid>;

}  // namespace evengrad
