// Weights that another program saved, under the names that a model here gives them.
#pragma once

#include <evengrad/training/safetensors.hpp>

#include <span>

namespace evengrad {

/// What a model calls a parameter, and its shape.
struct ParameterShape {
  std::string name;
  std::vector<Index> shape;
};

/// Replaces parts of names: "fc1=layers.0,out=layers.4" makes layers.0.weight of fc1.weight. \throws UsageError.
void rename_tensors(std::vector<Tensor>& tensors, std::string_view changes);

/// Gives tensors the names of a model's parameters where they have others: `fc1.weight`, `net.0.weight`,
/// `module.layers.0.weight`, `0.weight`. Their layers must have one order (equal names but for numbers) or fit in one
/// way only. Keras' kernels, which are (inputs, outputs), are transposed, and its names of normalization known.
/// Tensors that no layer of the model fits are left as they are, for the caller to refuse.
void adopt_names(std::vector<Tensor>& tensors, std::span<const ParameterShape> parameters);

/// "'fc1.weight' (16, 2), 'fc1.bias' (16), …": what a file has, for a message.
std::string tensors_text(const std::vector<Tensor>& tensors);

/// "(16, 2)".
std::string shape_text(const std::vector<Index>& shape);

}  // namespace evengrad
