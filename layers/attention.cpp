#include <evengrad/layers/attention.hpp>

#include <evengrad/core/numbers.hpp>

namespace evengrad {

template <Real S>
SelfAttention<S>::SelfAttention(const SelfAttentionOptions& options)
    : out_proj({.inputs = options.width, .outputs = options.width, .bias = options.bias}), options_(options.attention) {
  const auto& [heads, causal, rope, qk_norm] = options_;
  if (heads < 1 || options.width % heads != 0) {
    throw UsageError(text("attention: the width, ", options.width, ", must be a multiple of its heads, ", heads));
  }
  if (rope != 0 && !(rope > 1)) throw UsageError(text("attention: rope is 0 or a base above 1, got ", rope));
  if (rope != 0 && options.width / heads % 2 != 0) {
    throw UsageError(text("attention: rope turns pairs, so each head needs an even number of columns, got ",
                          options.width, " / ", heads));
  }
  in_proj_weight.value.setZero(3 * options.width, options.width);
  in_proj_bias.rank = 1;
  if (options.bias) in_proj_bias.value.setZero(1, 3 * options.width);
}

template <Real S>
Var<S> SelfAttention<S>::forward(const Var<S>& x, const Context& context, const Activation& f) {
  Tape<S>& tape = x.tape();
  const Var<S> bias = in_proj_bias.value.size() ? tape.parameter(in_proj_bias) : Var<S>();
  const Var<S> heads = attention(affine(x, tape.parameter(in_proj_weight), bias), options_);
  const typename Tape<S>::Scope scope(tape, "out_proj");
  return out_proj.forward(heads, context, f);
}

template <Real S>
void SelfAttention<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  visitor(Path(path, "in_proj_weight"), in_proj_weight);
  if (in_proj_bias.value.size()) visitor(Path(path, "in_proj_bias"), in_proj_bias);
  out_proj.visit(Path(path, "out_proj"), visitor);
}

template <Real S>
void SelfAttention<S>::roles(Roles<S>& roles, const Path& path) {
  const Index width = in_proj_weight.value.cols();
  roles.weight(Path(path, "in_proj_weight"), in_proj_weight, {.fan_in = width, .fan_out = width, .gates = 3});
  if (in_proj_bias.value.size()) roles.bias(Path(path, "in_proj_bias"), in_proj_bias);
  out_proj.roles(roles, Path(path, "out_proj"));
  roles.not_plain();
}

template <Real S>
std::string SelfAttention<S>::describe() const {
  return text("Attention(", in_proj_weight.value.cols(), ", ", options_.heads, options_.heads == 1 ? " head" : " heads",
              options_.causal ? ", causal" : "", options_.rope != 0 ? ", rope" : "",
              options_.qk_norm ? ", QK norm" : "", in_proj_bias.value.size() ? ")" : ", no bias)");
}

template <Real S>
std::string SelfAttention<S>::word() const {
  return text("attention(", options_.heads, ", causal=", options_.causal ? 1 : 0,
              options_.rope != 0 ? ", rope=" + number_text(options_.rope) : "", options_.qk_norm ? ", qknorm=1" : "",
              in_proj_bias.value.size() ? ")" : ", bias=0)");
}

template <Real S>
Shape SelfAttention<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), in_proj_weight.value.cols(), inputs);
  return inputs;
}

template class SelfAttention<float>;
template class SelfAttention<double>;

}  // namespace evengrad
