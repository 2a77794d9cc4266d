// evengrad through its public API: the layers, the tape, the optimizer. `peer_evengrad FOLDER write` makes the
// workloads that every peer starts from.
#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/evengrad.hpp>
#include <evengrad/training/provenance.hpp>

#include "peer.hpp"

namespace {

using namespace evengrad;

int threads = 1;

Sequential<float> make_mlp(const Workload& shape) {
  return mlp<float>({.inputs = shape.inputs,
                     .hidden = std::vector<Index>(shape.hidden.begin(), shape.hidden.end()),
                     .outputs = shape.outputs,
                     .activations = {activation(shape.activation)}});
}

class OurNet : public peers::Net {
 public:
  explicit OurNet(const peers::Work& work)
      : net_(make_mlp(*work.shape)),
        optimizer_({.name = std::string(work.shape->optimizer), .learning_rate = work.shape->learning_rate}),
        x_(Eigen::Map<const Matrix<float>>(work.x.data(), work.shape->batch, work.shape->inputs)),
        labels_(work.labels.begin(), work.labels.end()),
        tape_({.threads = threads}) {
    if (labels_.empty())
      y_ = Eigen::Map<const Matrix<float>>(work.targets.data(), work.shape->batch, work.shape->outputs);
    std::size_t i = 0;
    net_.visit(Path(), [&](const Path&, Parameter<float>& parameter) {
      const auto& from = i % 2 == 0 ? work.layers[i / 2].weight : work.layers[i / 2].bias;
      std::copy(from.begin(), from.end(), parameter.value.data());
      ++i;
    });
  }

  void run(int steps) override {
    for (int i = 0; i < steps; ++i) optimizer_.step(net_, tape_.backward(forward()));
  }

  double loss() override { return static_cast<double>(forward().item()); }

 private:
  Var<float> forward() {
    tape_.clear();
    const Var<float> output = net_.forward(tape_.view(x_), {.training = true});
    return labels_.empty() ? mean_squared_error(output, tape_.view(y_)) : softmax_cross_entropy<float>(output, labels_);
  }

  Sequential<float> net_;
  Optimizer<float> optimizer_;
  Matrix<float> x_, y_;
  std::vector<std::int32_t> labels_;
  Tape<float> tape_;
};

peers::Kernel kernel(const std::string& name, long count) {
  struct Buffers {
    Activation f;
    peers::Numbers z, value, slope, gradient;
  };
  const auto known = [&](const ActivationEntry& entry) { return entry.name == name; };
  if (std::none_of(activations().begin(), activations().end(), known)) return {};
  const auto n = static_cast<std::size_t>(count);
  const peers::Numbers zeros(n);
  auto b = std::make_shared<Buffers>(Buffers{activation(name), zeros, zeros, zeros, zeros});
  Rng(1).fill_normal(std::span<float>(b->z));
  b->gradient = b->z;
  return {{{"forward", [=] { b->f(b->z.data(), b->value.data(), static_cast<float*>(nullptr), count); }},
           {"training", [=] { b->f(b->z.data(), b->value.data(), b->slope.data(), count); }},
           {"backward",
            [=] {
              kernels::kernels<float>().multiply(b->gradient.data(), b->slope.data(), b->value.data(), count, false);
            }}},
          b->z.data(),
          b->value.data()};
}

// Random inputs, random targets: what is timed does not depend on them, and everybody gets the same.
void write(const std::string& folder) {
  std::string list;
  for (const Workload& shape : workloads) {
    std::ofstream file(folder + "/" + std::string(shape.name) + ".bin", std::ios::binary);
    const auto put = [&](const std::vector<float>& numbers) {
      file.write(reinterpret_cast<const char*>(numbers.data()),
                 static_cast<std::streamsize>(numbers.size() * sizeof(float)));
    };
    std::vector<float> x(static_cast<std::size_t>(shape.batch * shape.inputs));
    Rng(2).fill_normal(std::span<float>(x));
    put(x);
    std::vector<float> y(static_cast<std::size_t>(shape.batch * (shape.loss == "mse" ? shape.outputs : 1)));
    Rng(3).fill_normal(std::span<float>(y));
    for (std::size_t i = 0; i < y.size() && shape.loss != "mse"; ++i)
      y[i] = static_cast<float>(static_cast<long>(i) % shape.outputs);
    put(y);
    Sequential<float> net = make_mlp(shape);
    net.initialize(initializer(shape.init), Rng(1));
    net.visit(Path(), [&](const Path&, Parameter<float>& parameter) {
      put({parameter.value.data(), parameter.value.data() + parameter.value.size()});
    });
    if (!file.flush()) throw FileError(text("cannot write the workload ", shape.name, " into ", folder));
    std::string widths;
    for (const long width : shape.widths()) widths += text(widths.empty() ? "" : ", ", width);
    list += text(list.empty() ? "" : ",\n", "{\"name\": \"", shape.name, "\", \"widths\": [", widths,
                 "], \"activation\": \"", shape.activation, "\", \"batch\": ", shape.batch, ", \"loss\": \"",
                 shape.loss, "\", \"optimizer\": \"", shape.optimizer, "\", \"learning_rate\": ", shape.learning_rate,
                 ", \"flop\": ", product_flop(shape), "}");
  }
  std::ofstream(folder + "/workloads.json") << "[" << list << "]\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[2]) == "write") {
    write(argv[1]);
    const Provenance& made = provenance();
    std::printf("{\"version\": \"%s\", \"commit\": \"%s\", \"compiler\": \"%s\", \"cpu\": \"%s\"}\n",
                made.version.c_str(), made.commit.c_str(), made.compiler.c_str(), made.cpu.c_str());
    return 0;
  }
  if (argc > 2) threads = std::atoi(argv[2]);
  return peers::serve(argc, argv, {[](const peers::Work& work) { return std::make_unique<OurNet>(work); }, kernel});
}
