// Safetensors files and saved models. What is read is saved and read again.
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/safetensors.hpp>

#include <evengrad/init/normalized.hpp>

#include <cstring>

#include "../temp_folder.hpp"
#include "target.hpp"

using namespace evengrad;

namespace {

bool same(const Tensor& a, const Tensor& b) {
  const auto bytes = [](const Tensor& tensor) {
    return std::visit([](const auto& v) { return std::as_bytes(std::span(v)); }, tensor.values);
  };
  return a.name == b.name && a.shape == b.shape && a.values.index() == b.values.index() &&
         bytes(a).size() == bytes(b).size() &&
         (bytes(a).empty() || std::memcmp(bytes(a).data(), bytes(b).data(), bytes(a).size()) == 0);
}

/// Saving sorts the tensors, so that it is the second round that changes nothing.
void check_round_trip(const Safetensors& loaded) {
  static const TempFolder folder;
  const auto path = folder.path() / "file";
  save_safetensors(path, loaded.tensors, loaded.metadata);
  const Safetensors once = load_safetensors(path);
  fuzz::expect(once.metadata == loaded.metadata && once.tensors.size() == loaded.tensors.size(),
               "saved and read again");
  for (const Tensor& tensor : loaded.tensors) {
    fuzz::expect(
        std::any_of(once.tensors.begin(), once.tensors.end(), [&](const Tensor& t) { return same(t, tensor); }),
        "every tensor comes back");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  add_normalized();
  const auto path = fuzz::memory_file(fuzz::text_of(data, size));
  Safetensors loaded;
  if (!fuzz::accepts(size, [&] { loaded = load_safetensors(path); })) return 0;
  fuzz::accepts(size, [&] {
    SavedModel<float> saved = load_model<float>(path);
    fuzz::expect(saved.inputs.cols > 0, "a model has inputs");
  });
  check_round_trip(loaded);
  return 0;
}
