// libtorch's C++ front end: modules, autograd, torch::optim.
#include <torch/nn.h>
#include <torch/optim.h>

#include "peer.hpp"

namespace {

namespace nn = torch::nn;

torch::Tensor tensor(const std::vector<float>& numbers, at::IntArrayRef shape) {
  return torch::from_blob(const_cast<float*>(numbers.data()), shape).clone();
}

class TorchNet : public peers::Net {
 public:
  explicit TorchNet(const peers::Work& work) : x_(tensor(work.x, {work.shape->batch, work.shape->inputs})) {
    const Workload& shape = *work.shape;
    mse_ = shape.loss == "mse";
    y_ = mse_ ? tensor(work.targets, {shape.batch, shape.outputs})
              : torch::from_blob(const_cast<std::int64_t*>(work.labels.data()), {shape.batch}, torch::kInt64).clone();
    torch::NoGradGuard no_grad;
    for (const auto& layer : work.layers) {
      nn::Linear linear(layer.inputs, layer.outputs);
      linear->weight.copy_(tensor(layer.weight, {layer.outputs, layer.inputs}));
      linear->bias.copy_(tensor(layer.bias, {layer.outputs}));
      net_->push_back(linear);
      if (&layer == &work.layers.back()) break;
      if (work.is("relu")) net_->push_back(nn::ReLU());
      if (work.is("tanh")) net_->push_back(nn::Tanh());
      if (work.is("gelu")) net_->push_back(nn::GELU());
    }
    parameters_ = net_->parameters();
    const double rate = shape.learning_rate;
    if (shape.optimizer == "adam") {
      optimizer_ = std::make_unique<torch::optim::Adam>(parameters_, torch::optim::AdamOptions(rate));
    } else {
      const double momentum = shape.optimizer == "momentum" ? 0.9 : 0;
      optimizer_ = std::make_unique<torch::optim::SGD>(parameters_, torch::optim::SGDOptions(rate).momentum(momentum));
    }
  }

  void run(int steps) override {
    for (int i = 0; i < steps; ++i) {
      for (const torch::Tensor& parameter : parameters_) parameter.mutable_grad().reset();  // cheaper than zero_grad()
      forward().backward();
      optimizer_->step();
    }
  }

  double loss() override {
    torch::NoGradGuard no_grad;
    return forward().item<double>();
  }

 private:
  torch::Tensor forward() {
    const torch::Tensor output = net_->forward(x_);
    return mse_ ? torch::mse_loss(output, y_) : torch::cross_entropy_loss(output, y_);
  }

  nn::Sequential net_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  torch::Tensor x_, y_;
  bool mse_;
};

// The passes that autograd runs, into buffers made once.
decltype(peers::Kernel::passes) passes(const std::string& name, const torch::Tensor& x, const torch::Tensor& g,
                                       const torch::Tensor& y, const torch::Tensor& dx) {
  const auto guarded = [](auto call) {
    return [call] {
      c10::InferenceMode guard;
      call();
    };
  };
  // `out` versions write through a non-const reference to the handle.
  const auto into = [](const torch::Tensor& t) { return t; };
  if (name == "relu")
    return {{"forward", guarded([=] {
               auto out = into(y);
               at::clamp_min_out(out, x, 0);
             })},
            {"backward", guarded([=] {
               auto out = into(dx);
               at::threshold_backward_out(out, g, y, 0);
             })}};
  if (name == "sigmoid")
    return {{"forward", guarded([=] {
               auto out = into(y);
               at::sigmoid_out(out, x);
             })},
            {"backward", guarded([=] {
               auto out = into(dx);
               at::sigmoid_backward_out(out, g, y);
             })}};
  if (name == "tanh")
    return {{"forward", guarded([=] {
               auto out = into(y);
               at::tanh_out(out, x);
             })},
            {"backward", guarded([=] {
               auto out = into(dx);
               at::tanh_backward_out(out, g, y);
             })}};
  if (name == "elu")
    return {{"forward", guarded([=] {
               auto out = into(y);
               at::elu_out(out, x);
             })},
            {"backward", guarded([=] {
               auto out = into(dx);
               at::elu_backward_out(out, g, 1, 1, 1, true, y);
             })}};
  if (name == "silu")
    return {{"forward", guarded([=] {
               auto out = into(y);
               at::silu_out(out, x);
             })},
            {"backward", guarded([=] {
               auto out = into(dx);
               at::silu_backward_out(out, g, x);
             })}};
  if (name == "gelu" || name == "gelu_tanh") {
    const std::string form = name == "gelu" ? "none" : "tanh";
    return {{"forward", guarded([=] {
               auto out = into(y);
               at::gelu_out(out, x, form);
             })},
            {"backward", guarded([=] {
               auto out = into(dx);
               at::gelu_backward_out(out, g, x, form);
             })}};
  }
  if (name == "softplus")
    return {{"forward", guarded([=] {
               auto out = into(y);
               at::softplus_out(out, x);
             })},
            {"backward", guarded([=] {
               auto out = into(dx);
               at::softplus_backward_out(out, g, x, 1, 20);
             })}};
  if (name == "mish")
    return {{"forward", guarded([=] {
               auto out = into(y);
               at::mish_out(out, x);
             })},
            {"backward", guarded([=] { at::mish_backward(g, x); })}};
  return {};
}

peers::Kernel kernel(const std::string& name, long count) {
  const torch::Tensor x = torch::randn(count), g = torch::randn(count), y = torch::zeros(count),
                      dx = torch::zeros(count);
  return {passes(name, x, g, y, dx), x.data_ptr<float>(), y.data_ptr<float>()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) at::set_num_threads(std::atoi(argv[2]));
  return peers::serve(argc, argv, {[](const peers::Work& work) { return std::make_unique<TorchNet>(work); }, kernel});
}
