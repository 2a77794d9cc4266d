#include <evengrad/layers/roles.hpp>

namespace evengrad {

template <Real S>
void Roles<S>::weight(const Path& path, Parameter<S>& weight, WeightRole role) {
  role.input_activation = input_activation_;
  role.input_dropout = input_dropout_;
  input_activation_ = nullptr;
  input_dropout_ = 0;
  plain_ = plain_ && role.kind == WeightKind::linear && (weights_.empty() || weights_.back().bias);
  std::string name = path.str();
  std::string layer = name.substr(0, name.rfind('.') + 1);
  if (!layer.empty()) layer.pop_back();
  weights_.push_back({.layer = std::move(layer), .name = std::move(name), .weight = &weight, .role = role});
}

template <Real S>
void Roles<S>::bias(const Path& path, Parameter<S>& bias) {
  weights_.back().bias_name = path.str();
  weights_.back().bias = &bias;
}

template <Real S>
void Roles<S>::activation(const Activation& f) {
  plain_ = plain_ && !weights_.empty() && !weights_.back().role.activation;
  if (!weights_.empty() && !weights_.back().role.activation) weights_.back().role.activation = &f;
  input_activation_ = &f;
}

template <Real S>
void Roles<S>::normalization(std::string_view name) {
  norm_ = name;
  plain_ = false;
}

template <Real S>
void Roles<S>::end_residual() {
  plain_ = false;
  ++branches_;
  if (weights_.size() > begins_.back()) weights_.back().role.ends_branch = true;
  begins_.pop_back();
}

template <Real S>
std::vector<Weight<S>> Roles<S>::finish() {
  const auto count = static_cast<Index>(weights_.size());
  plain_ = plain_ && count > 0 && weights_.back().bias;
  Index number = 0;
  for (Weight<S>& weight : weights_) {
    weight.role.layer = number++;
    weight.role.layers = count;
    weight.role.residual = branches_ > 0;
    weight.role.branches = branches_;
    weight.role.normalized = !norm_.empty();
  }
  return std::move(weights_);
}

template class Roles<float>;
template class Roles<double>;

}  // namespace evengrad
