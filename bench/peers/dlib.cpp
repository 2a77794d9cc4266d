// dlib: the net as a type, gradients and update called directly (its trainer adds a thread and checks of its own).
#include <dlib/dnn.h>

#include "peer.hpp"

namespace {

template <class Graph, class Solver, class Label>
class DlibNet : public peers::Net {
 public:
  DlibNet(const peers::Work& work, Solver solver, double rate_factor)
      : rate_(work.shape->learning_rate * rate_factor), solvers_(Graph::num_computational_layers, solver) {
    const long batch = work.shape->batch;
    std::vector<dlib::matrix<float>> samples;
    for (long i = 0; i < batch; ++i)
      samples.push_back(dlib::mat(&work.x[static_cast<std::size_t>(i * work.shape->inputs)], work.shape->inputs, 1));
    net_.to_tensor(samples.begin(), samples.end(), x_);
    for (long i = 0; i < batch; ++i) {
      if constexpr (std::is_same_v<Label, unsigned long>) {
        labels_.push_back(static_cast<Label>(work.labels[static_cast<std::size_t>(i)]));
      } else {
        labels_.push_back(
            dlib::mat(&work.targets[static_cast<std::size_t>(i * work.shape->outputs)], work.shape->outputs, 1));
      }
    }
    net_.subnet().forward(x_);          // makes the parameters
    auto layer = work.layers.rbegin();  // dlib visits the output's layer first
    dlib::visit_layer_parameters(net_, [&](std::size_t, dlib::tensor& parameters) {
      if (parameters.size() == 0) return;
      if (parameters.size() != layer->weight.size() + layer->bias.size())
        throw std::runtime_error("dlib: another layer");
      float* to = parameters.host();  // (in, out), then the biases
      for (long in = 0; in < layer->inputs; ++in) {
        for (long out = 0; out < layer->outputs; ++out)
          *to++ = layer->weight[static_cast<std::size_t>(out * layer->inputs + in)];
      }
      std::copy(layer->bias.begin(), layer->bias.end(), to);
      ++layer;
    });
  }

  void run(int steps) override {
    for (int i = 0; i < steps; ++i) {
      net_.compute_parameter_gradients(x_, labels_.begin());
      net_.update_parameters(solvers_, rate_);
    }
  }

  double loss() override { return net_.compute_loss(x_, labels_.begin()); }

 private:
  Graph net_;
  double rate_;
  std::vector<Solver> solvers_;
  dlib::resizable_tensor x_;
  std::vector<Label> labels_;
};

using Input = dlib::input<dlib::matrix<float>>;
template <unsigned long n, class S>
using ReluLayer = dlib::relu<dlib::fc<n, S>>;
template <unsigned long n, class S>
using TanhLayer = dlib::htan<dlib::fc<n, S>>;
template <unsigned long n, class S>
using GeluLayer = dlib::gelu<dlib::fc<n, S>>;
template <class S>
using Tanh64 = TanhLayer<64, S>;
template <class S>
using Relu64 = ReluLayer<64, S>;
template <class S>
using Gelu512 = GeluLayer<512, S>;

using Toy = dlib::loss_mean_squared_multioutput<dlib::fc<1, TanhLayer<16, TanhLayer<16, Input>>>>;
using Spiral = dlib::loss_multiclass_log<dlib::fc<3, dlib::repeat<2, Relu64, Relu64<Input>>>>;
using MnistSmall = dlib::loss_multiclass_log<dlib::fc<10, ReluLayer<128, ReluLayer<128, Input>>>>;
using MnistGelu = dlib::loss_multiclass_log<dlib::fc<10, dlib::repeat<3, Gelu512, Gelu512<Input>>>>;
using DeepTanh = dlib::loss_multiclass_log<dlib::fc<10, dlib::repeat<49, Tanh64, Tanh64<Input>>>>;

std::unique_ptr<peers::Net> make(const peers::Work& work) {
  const std::string_view name = work.shape->name;
  const dlib::sgd sgd(0, 0), momentum(0, 0.9f);
  const dlib::adam adam(0, 0.9f, 0.999f);
  // dlib's squared error is the sum of squares, but the gradient it hands on that of half of it: twice the rate.
  if (name == "toy") return std::make_unique<DlibNet<Toy, dlib::sgd, dlib::matrix<float>>>(work, sgd, 2);
  if (name == "spiral") return std::make_unique<DlibNet<Spiral, dlib::adam, unsigned long>>(work, adam, 1);
  if (name == "mnist_small") return std::make_unique<DlibNet<MnistSmall, dlib::sgd, unsigned long>>(work, momentum, 1);
  if (name == "mnist_gelu") return std::make_unique<DlibNet<MnistGelu, dlib::adam, unsigned long>>(work, adam, 1);
  if (name == "deep_tanh") return std::make_unique<DlibNet<DeepTanh, dlib::sgd, unsigned long>>(work, sgd, 1);
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) { return peers::serve(argc, argv, {make}); }
