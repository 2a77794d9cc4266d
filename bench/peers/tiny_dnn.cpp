// tiny-dnn through fit(): each epoch is one batch.
#include <tiny_dnn/tiny_dnn.h>

#include "peer.hpp"

namespace {

template <class Loss, class Optimizer>
class TinyNet : public peers::Net {
 public:
  TinyNet(const peers::Work& work, Optimizer optimizer) : optimizer_(optimizer) {
    const Workload& shape = *work.shape;
    optimizer_.alpha = static_cast<float>(shape.learning_rate);
    for (const auto& layer : work.layers) {
      const auto in = static_cast<tiny_dnn::serial_size_t>(layer.inputs),
                 out = static_cast<tiny_dnn::serial_size_t>(layer.outputs);
      if (&layer == &work.layers.back()) {
        if (shape.loss == "mse")
          net_ << tiny_dnn::fully_connected_layer<tiny_dnn::activation::identity>(in, out);
        else
          net_ << tiny_dnn::fully_connected_layer<tiny_dnn::activation::softmax>(in, out);
      } else if (work.is("relu")) {
        net_ << tiny_dnn::fully_connected_layer<tiny_dnn::activation::relu>(in, out);
      } else {
        net_ << tiny_dnn::fully_connected_layer<tiny_dnn::activation::tan_h>(in, out);
      }
    }
    net_.init_weight();
    for (std::size_t i = 0; i < work.layers.size(); ++i) {
      const auto& layer = work.layers[i];
      tiny_dnn::vec_t& weight = *net_[i]->weights()[0];  // (in, out)
      for (long in = 0; in < layer.inputs; ++in) {
        for (long out = 0; out < layer.outputs; ++out)
          weight[static_cast<std::size_t>(in * layer.outputs + out)] =
              layer.weight[static_cast<std::size_t>(out * layer.inputs + in)];
      }
      net_[i]->weights()[1]->assign(layer.bias.begin(), layer.bias.end());
    }
    for (long i = 0; i < shape.batch; ++i) {
      x_.emplace_back(work.x.begin() + i * shape.inputs, work.x.begin() + (i + 1) * shape.inputs);
      if (shape.loss == "mse") {
        y_.emplace_back(work.targets.begin() + i * shape.outputs, work.targets.begin() + (i + 1) * shape.outputs);
      } else {
        y_.emplace_back(static_cast<std::size_t>(shape.outputs), 0.f);
        y_.back()[static_cast<std::size_t>(work.labels[static_cast<std::size_t>(i)])] = 1;
      }
    }
  }

  void run(int steps) override { net_.template fit<Loss>(optimizer_, x_, y_, x_.size(), steps); }
  double loss() override { return net_.template get_loss<Loss>(x_, y_) / static_cast<double>(x_.size()); }

 private:
  tiny_dnn::network<tiny_dnn::sequential> net_;
  Optimizer optimizer_;
  std::vector<tiny_dnn::vec_t> x_, y_;
};

std::unique_ptr<peers::Net> make(const peers::Work& work) {
  using Entropy = tiny_dnn::cross_entropy_multiclass;
  const std::string_view name = work.shape->name;
  if (name == "toy")
    return std::make_unique<TinyNet<tiny_dnn::mse, tiny_dnn::gradient_descent>>(work, tiny_dnn::gradient_descent());
  if (name == "deep_tanh")
    return std::make_unique<TinyNet<Entropy, tiny_dnn::gradient_descent>>(work, tiny_dnn::gradient_descent());
  if (name == "mnist_small") return std::make_unique<TinyNet<Entropy, tiny_dnn::momentum>>(work, tiny_dnn::momentum());
  if (name == "spiral") return std::make_unique<TinyNet<Entropy, tiny_dnn::adam>>(work, tiny_dnn::adam());
  return nullptr;  // no gelu
}

}  // namespace

int main(int argc, char** argv) { return peers::serve(argc, argv, {make}); }
