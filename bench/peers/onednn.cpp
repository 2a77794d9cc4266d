// oneDNN's activations, one thread.
#include <oneapi/dnnl/dnnl.hpp>

#include "peer.hpp"

namespace {

using dnnl::algorithm;
using dnnl::memory;

peers::Kernel kernel(const std::string& name, long count) {
  struct Entry {
    const char* name;
    algorithm forward, backward;
    bool from_output;  // the backward pass reads the activation, not the pre-activation
    float alpha;
  };
  static const Entry entries[] = {
      {"relu", algorithm::eltwise_relu, algorithm::eltwise_relu, false, 0},
      {"sigmoid", algorithm::eltwise_logistic, algorithm::eltwise_logistic_use_dst_for_bwd, true, 0},
      {"tanh", algorithm::eltwise_tanh, algorithm::eltwise_tanh_use_dst_for_bwd, true, 0},
      {"elu", algorithm::eltwise_elu, algorithm::eltwise_elu_use_dst_for_bwd, true, 1},
      {"gelu", algorithm::eltwise_gelu_erf, algorithm::eltwise_gelu_erf, false, 0},
      {"gelu_tanh", algorithm::eltwise_gelu_tanh, algorithm::eltwise_gelu_tanh, false, 0},
      {"silu", algorithm::eltwise_swish, algorithm::eltwise_swish, false, 1},
      {"mish", algorithm::eltwise_mish, algorithm::eltwise_mish, false, 0},
      {"softplus", algorithm::eltwise_soft_relu, algorithm::eltwise_soft_relu, false, 1},
  };
  const auto entry =
      std::find_if(std::begin(entries), std::end(entries), [&](const Entry& e) { return name == e.name; });
  if (entry == std::end(entries)) return {};
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  static dnnl::stream stream(engine);
  const memory::desc shape({count}, memory::data_type::f32, memory::format_tag::a);
  const dnnl::eltwise_forward::primitive_desc hint(
      {dnnl::prop_kind::forward_training, entry->forward, shape, entry->alpha, 0}, engine);
  const dnnl::eltwise_forward forward(hint);
  const dnnl::eltwise_forward::primitive_desc backward_hint(
      {dnnl::prop_kind::forward_training, entry->backward, shape, entry->alpha, 0}, engine);
  const dnnl::eltwise_backward backward({{entry->backward, shape, shape, entry->alpha, 0}, engine, backward_hint});
  const memory x(shape, engine), y(shape, engine), g(shape, engine), dx(shape, engine);
  for (const memory& m : {x, y, g, dx}) {
    auto* numbers = static_cast<float*>(m.get_data_handle());
    for (long i = 0; i < count; ++i) numbers[i] = static_cast<float>((i * 7919) % 6007) / 1001.f - 3;
  }
  const auto saved = entry->from_output ? std::make_pair(DNNL_ARG_DST, y) : std::make_pair(DNNL_ARG_SRC, x);
  return {{{"forward",
            [=] {
              forward.execute(stream, {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
              stream.wait();
            }},
           {"backward",
            [=] {
              backward.execute(stream, {saved, {DNNL_ARG_DIFF_DST, g}, {DNNL_ARG_DIFF_SRC, dx}});
              stream.wait();
            }}},
          static_cast<float*>(x.get_data_handle()),
          static_cast<const float*>(y.get_data_handle())};
}

}  // namespace

int main(int argc, char** argv) {
  return peers::serve(argc, argv, {[](const peers::Work&) { return nullptr; }, kernel});
}
