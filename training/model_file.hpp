// A trained model as one safetensors file: weights under PyTorch's names, and what is needed to use it again.
#pragma once

#include <evengrad/data/dataset.hpp>
#include <evengrad/layers/sequential.hpp>

#include <filesystem>
#include <optional>

namespace evengrad {

/// Writes the model, whole or not at all, described by its word (layers/registry.hpp). `inputs` is the shape of one
/// sample; left out, a row of as many features as the first weight takes. Equal models are equal files.
/// \throws FileError, Error for a model with a layer that has no word.
template <Real S>
void save_model(const std::filesystem::path& path, Layer<S>& model, const ModelData& data, const Shape& inputs = {});

/// The bytes of that file.
template <Real S>
std::string model_bytes(Layer<S>& model, const ModelData& data, const Shape& inputs = {});

/// Writes only the parameters, under their names, without a word of the architecture.
template <Real S>
void save_parameters(const std::filesystem::path& path, Layer<S>& model);

/// Reads every parameter of the model from a file of whatever floating type, also one of another program
/// (training/tensor_names.hpp), after changing its names as `rename` says.
/// \throws FileError naming the parameter if one is missing, has another shape, is not finite, or is one too many;
/// UsageError for a wrong `rename`.
template <Real S>
void load_parameters(const std::filesystem::path& path, Layer<S>& model, std::string_view rename = {});

template <Real S>
struct SavedModel {
  Sequential<S> model;
  ModelData data;
  Shape inputs = {};  ///< of one sample

  Index outputs() const { return model.outputs(inputs).cols; }
};

/// Reads a model that save_model() wrote. \throws FileError if it is not one.
template <Real S>
SavedModel<S> load_model(const std::filesystem::path& path);

/// The same, or nothing where a file has parameters only, as those from elsewhere. \throws FileError if it is broken.
template <Real S>
std::optional<SavedModel<S>> find_model(const std::filesystem::path& path);

/// A model in few words: the widths of a chain of linear layers, "784-256-128-10", else its line.
template <Real S>
std::string widths(Layer<S>& model);

}  // namespace evengrad
