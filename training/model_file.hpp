// A trained model as one safetensors file: weights under PyTorch's names, and what is needed to use it again.
#pragma once

#include <evengrad/data/dataset.hpp>
#include <evengrad/layers/mlp.hpp>

#include <filesystem>
#include <optional>

namespace evengrad {

/// Writes the model, whole or not at all. Equal models are equal files.
/// \throws FileError.
template <Real S>
void save_model(const std::filesystem::path& path, Mlp<S>& model, const ModelData& data);

/// The bytes of that file.
template <Real S>
std::string model_bytes(Mlp<S>& model, const ModelData& data);

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
  Mlp<S> model;
  ModelData data;
};

/// Reads a model that save_model() wrote. \throws FileError if it is not one.
template <Real S>
SavedModel<S> load_model(const std::filesystem::path& path);

/// The same, or nothing where a file has parameters only, as those from elsewhere. \throws FileError if it is broken.
template <Real S>
std::optional<SavedModel<S>> find_model(const std::filesystem::path& path);

/// The widths of a model, "784-256-128-10".
std::string widths(const MlpOptions& options);

}  // namespace evengrad
