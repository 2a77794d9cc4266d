// FANN, float32, batch training. It knows the squared error alone: `toy` is the same work, `deep_tanh` is not quite.
#include <floatfann.h>

#include "peer.hpp"

namespace {

class FannNet : public peers::Net {
 public:
  explicit FannNet(const peers::Work& work) {
    const Workload& shape = *work.shape;
    std::vector<unsigned> widths;
    for (const long width : shape.widths()) widths.push_back(static_cast<unsigned>(width));
    net_ = fann_create_standard_array(static_cast<unsigned>(widths.size()), widths.data());
    fann_set_activation_function_hidden(net_, FANN_SIGMOID_SYMMETRIC);  // tanh(steepness x)
    fann_set_activation_function_output(net_, FANN_LINEAR);
    fann_set_activation_steepness_hidden(net_, 1);
    fann_set_activation_steepness_output(net_, 1);
    fann_set_training_algorithm(net_, FANN_TRAIN_BATCH);
    fann_set_train_error_function(net_, FANN_ERRORFUNC_LINEAR);
    fann_set_learning_momentum(net_, 0);
    fann_set_learning_rate(net_, static_cast<float>(2 * shape.learning_rate));  // its error is half the square
    fann_type* to = net_->weights;  // of each neuron its inputs', then its bias
    for (const auto& layer : work.layers) {
      for (std::size_t out = 0; out < layer.bias.size(); ++out) {
        const auto row = layer.weight.begin() + static_cast<long>(out) * layer.inputs;
        to = std::copy(row, row + layer.inputs, to);
        *to++ = layer.bias[out];
      }
    }
    data_ = fann_create_train(static_cast<unsigned>(shape.batch), static_cast<unsigned>(shape.inputs),
                              static_cast<unsigned>(shape.outputs));
    for (long i = 0; i < shape.batch; ++i) {
      std::copy_n(work.x.begin() + i * shape.inputs, shape.inputs, data_->input[i]);
      for (long j = 0; j < shape.outputs; ++j) {
        const auto row = static_cast<std::size_t>(i);
        data_->output[i][j] =
            work.labels.empty()
                ? work.targets[row * static_cast<std::size_t>(shape.outputs) + static_cast<std::size_t>(j)]
                : static_cast<float>(work.labels[row] == j);
      }
    }
  }
  ~FannNet() override {
    fann_destroy_train(data_);
    fann_destroy(net_);
  }

  void run(int steps) override {
    for (int i = 0; i < steps; ++i) fann_train_epoch(net_, data_);
  }
  double loss() override { return fann_test_data(net_, data_); }

 private:
  fann* net_;
  fann_train_data* data_;
};

std::unique_ptr<peers::Net> make(const peers::Work& work) {
  if (!work.is("tanh")) return nullptr;
  return std::make_unique<FannNet>(work);
}

}  // namespace

int main(int argc, char** argv) { return peers::serve(argc, argv, {make}); }
