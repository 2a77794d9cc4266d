// A training step written by hand with Eigen: no tape, every buffer made once, bias and activation in passes of their
// own so that Eigen vectorizes them, one loop for the optimizer. It is no peer: a limit to approach. Built several
// ways, since what the compiler tunes for changes Eigen's products by a third.
#include <Eigen/Core>
#include <unsupported/Eigen/SpecialFunctions>

#include "peer.hpp"

#include <cmath>

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Row = Eigen::RowVectorXf;
using Array = Eigen::ArrayXf;
constexpr float root_half = 0.70710678118654752f, inverse_root_two_pi = 0.39894228040143268f;

// A plain loop, which g++ vectorizes; Eigen's comparisons and select() are scalar.
void mask(const float* gradient, const float* value, float* masked, long count) {
#pragma GCC ivdep  // gradient and masked may be the same
  for (long i = 0; i < count; ++i) masked[i] = value[i] > 0 ? gradient[i] : 0.f;
}

class EigenNet : public peers::Net {
 public:
  explicit EigenNet(const peers::Work& work) : work_(work), layers_(work.layers.size()) {
    const Workload& shape = *work.shape;
    x_ = Eigen::Map<const Matrix>(work.x.data(), shape.batch, shape.inputs);
    if (shape.loss == "mse") y_ = Eigen::Map<const Matrix>(work.targets.data(), shape.batch, shape.outputs);
    long count = 0;
    for (const auto& layer : work.layers) count += (layer.inputs + 1) * layer.outputs;
    for (Array* numbers : {&parameters_, &gradients_, &first_, &second_}) *numbers = Array::Zero(count);
    for (long i = 0, at = 0; i < std::ssize(layers_); ++i) {
      const auto& from = work.layers[i];
      Layer& layer = layers_[i];
      layer.at = at;
      std::copy(from.weight.begin(), from.weight.end(), parameters_.data() + at);
      std::copy(from.bias.begin(), from.bias.end(), parameters_.data() + at + from.inputs * from.outputs);
      at += (from.inputs + 1) * from.outputs;
      for (Matrix* numbers : {&layer.z, &layer.a, &layer.slope, &layer.dz}) numbers->resize(shape.batch, from.outputs);
    }
  }

  void run(int steps) override {
    for (int i = 0; i < steps; ++i) {
      forward();
      backward();
      update();
    }
  }

  double loss() override { return forward(); }

 private:
  struct Layer {
    long at;
    Matrix z, a, slope, dz;
  };

  Eigen::Map<Matrix> weight(Array& of, std::size_t i) {
    return {of.data() + layers_[i].at, work_.layers[i].outputs, work_.layers[i].inputs};
  }
  Eigen::Map<Row> bias(Array& of, std::size_t i) {
    return {of.data() + layers_[i].at + work_.layers[i].inputs * work_.layers[i].outputs, work_.layers[i].outputs};
  }

  // Leaves the gradient of the loss in the last layer's dz.
  double forward() {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      Layer& l = layers_[i];
      l.z.noalias() = (i == 0 ? x_ : layers_[i - 1].a) * weight(parameters_, i).transpose();
      l.z.rowwise() += bias(parameters_, i);
      if (i + 1 == layers_.size()) break;
      if (work_.is("relu")) {
        l.a = l.z.cwiseMax(0.f);
      } else if (work_.is("tanh")) {
        l.a = l.z.array().tanh();
      } else {
        l.slope = 0.5f * (1.f + (l.z.array() * root_half).erf());
        l.a = l.z.array() * l.slope.array();
        l.slope.array() += l.z.array() * inverse_root_two_pi * (-0.5f * l.z.array().square()).exp();
      }
    }
    Layer& last = layers_.back();
    const auto batch = static_cast<float>(work_.shape->batch);
    if (work_.shape->loss == "mse") {
      const float scale = 1 / (batch * static_cast<float>(work_.shape->outputs));
      last.dz = (2 * scale) * (last.z - y_);
      return (last.z - y_).squaredNorm() * scale;
    }
    double loss = 0;
    for (long r = 0; r < last.z.rows(); ++r) {
      const float largest = last.z.row(r).maxCoeff();
      last.dz.row(r) = (last.z.row(r).array() - largest).exp();
      const float sum = last.dz.row(r).sum();
      const auto label = static_cast<long>(work_.labels[r]);
      loss += std::log(sum) + largest - last.z(r, label);
      last.dz.row(r) /= sum * batch;
      last.dz(r, label) -= 1 / batch;
    }
    return loss / work_.shape->batch;
  }

  void backward() {
    for (std::size_t i = layers_.size(); i-- > 0;) {
      Layer& l = layers_[i];
      weight(gradients_, i).noalias() = l.dz.transpose() * (i == 0 ? x_ : layers_[i - 1].a);
      bias(gradients_, i) = l.dz.colwise().sum();
      if (i == 0) break;
      Layer& below = layers_[i - 1];
      below.dz.noalias() = l.dz * weight(parameters_, i);
      if (work_.is("relu")) {
        mask(below.dz.data(), below.a.data(), below.dz.data(), below.a.size());
      } else if (work_.is("tanh")) {
        below.dz.array() *= 1.f - below.a.array().square();
      } else {
        below.dz.array() *= below.slope.array();
      }
    }
  }

  void update() {
    const auto rate = static_cast<float>(work_.shape->learning_rate);
    if (work_.shape->optimizer == "sgd") {
      parameters_ -= rate * gradients_;
    } else if (work_.shape->optimizer == "momentum") {
      float* w = parameters_.data();
      float* v = first_.data();
      const float* g = gradients_.data();
      for (long i = 0; i < parameters_.size(); ++i) {
        v[i] = 0.9f * v[i] + g[i];
        w[i] -= rate * v[i];
      }
    } else {
      ++steps_;
      const auto step = static_cast<float>(rate / (1 - std::pow(0.9, steps_)));
      const auto scale = static_cast<float>(1 / std::sqrt(1 - std::pow(0.999, steps_)));
      float* w = parameters_.data();
      float* m = first_.data();
      float* v = second_.data();
      const float* g = gradients_.data();
      for (long i = 0; i < parameters_.size(); ++i) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
        w[i] -= step * m[i] / (std::sqrt(v[i]) * scale + 1e-8f);
      }
    }
  }

  const peers::Work& work_;
  std::vector<Layer> layers_;
  Matrix x_, y_;
  Array parameters_, gradients_, first_, second_;
  int steps_ = 0;
};

struct Buffers {
  Array x, y, g, dx;
};

decltype(peers::Kernel::passes) passes(const std::string& name, const std::shared_ptr<Buffers>& b) {
  if (name == "copy") return {{"forward", [=] { b->y = b->x; }}};
  if (name == "relu")
    return {{"forward", [=] { b->y = b->x.max(0.f); }},
            {"backward", [=] { mask(b->g.data(), b->y.data(), b->dx.data(), b->g.size()); }}};
  if (name == "sigmoid")
    return {{"forward", [=] { b->y = b->x.logistic(); }}, {"backward", [=] { b->dx = b->g * b->y * (1.f - b->y); }}};
  if (name == "tanh")
    return {{"forward", [=] { b->y = b->x.tanh(); }}, {"backward", [=] { b->dx = b->g * (1.f - b->y.square()); }}};
  if (name == "elu")  // in passes: Eigen's select of expressions is scalar
    return {{"forward", [=] { b->y = b->x.max(0.f) + (b->x.min(0.f).exp() - 1.f); }},
            {"backward", [=] { b->dx = b->g * (b->y.min(0.f) + 1.f); }}};
  if (name == "silu")
    return {{"forward", [=] { b->y = b->x * b->x.logistic(); }}, {"backward", [=] {
                                                                    b->dx = b->x.logistic();
                                                                    b->dx = b->g * b->dx * (1.f + b->x * (1.f - b->dx));
                                                                  }}};
  if (name == "gelu")
    return {{"forward", [=] { b->y = 0.5f * b->x * (1.f + (b->x * root_half).erf()); }},
            {"backward", [=] {
               b->dx =
                   0.5f * (1.f + (b->x * root_half).erf()) + b->x * inverse_root_two_pi * (-0.5f * b->x.square()).exp();
               b->dx *= b->g;
             }}};
  if (name == "gelu_tanh") {
    constexpr float c = 0.79788456080286536f, d = 0.044715f;
    return {{"forward", [=] { b->y = 0.5f * b->x * (1.f + (c * (b->x + d * b->x.cube())).tanh()); }},
            {"backward", [=] {
               b->dx = (c * (b->x + d * b->x.cube())).tanh();
               b->dx = b->g * 0.5f * (1.f + b->dx + b->x * (1.f - b->dx.square()) * c * (1.f + 3 * d * b->x.square()));
             }}};
  }
  if (name == "softplus")
    return {{"forward", [=] { b->y = b->x.max(0.f) + (1.f + (-b->x.abs()).exp()).log(); }},
            {"backward", [=] { b->dx = b->g * b->x.logistic(); }}};
  if (name == "mish")  // tanh(log(1 + e^x)) = w / (w + 2), w = e^x (e^x + 2)
    return {{"forward",
             [=] {
               b->y = b->x.min(20.f).exp();
               b->y = b->y * (b->y + 2.f);
               b->y = b->x * (b->y / (b->y + 2.f));
             }},
            {"backward", [=] {
               b->dx = b->x.min(20.f).exp();
               b->dx = b->dx * (b->dx + 2.f);
               b->dx = b->dx / (b->dx + 2.f);
               b->dx = b->g * (b->dx + b->x * b->x.logistic() * (1.f - b->dx.square()));
             }}};
  return {};
}

peers::Kernel kernel(const std::string& name, long count) {
  const auto b = std::make_shared<Buffers>(
      Buffers{Array::Random(count) * 2, Array::Zero(count), Array::Random(count), Array::Zero(count)});
  return {passes(name, b), b->x.data(), b->y.data()};
}

}  // namespace

int main(int argc, char** argv) {
  return peers::serve(argc, argv, {[](const peers::Work& work) { return std::make_unique<EigenNet>(work); }, kernel});
}
