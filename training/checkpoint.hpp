// Checkpoints: everything a training run needs to go on as if it had never stopped, in files that are whole or refused.
#pragma once

#include <evengrad/core/file.hpp>
#include <evengrad/training/trainer.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace evengrad {

struct Checkpoint {
  TrainingState state;
  std::vector<double> probe = {};  ///< Probe::state(); empty: none
  std::map<std::string, std::string> notes =
      {};  ///< what the caller wants to know of the run: its options, its data, …
};

/// Writes a safetensors file, whole or not at all, with a checksum over all of its bytes: an I64 tensor of that name,
/// taken as 0 in the sum. \throws FileError.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Reads it back. \throws FileError if it is not exactly what save_checkpoint() wrote.
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// A folder with the newest checkpoint of one run, checkpoint.safetensors, and the one before it, previous.safetensors.
/// Nobody else may use the folder meanwhile.
class CheckpointFolder {
 public:
  /// Makes the folder if it is not there, and takes away what a killed process left half-written. A process that was
  /// killed may still be on its way out: `patience` is how long to wait for it.
  /// \throws FileError if it cannot, or if another process goes on using the folder.
  explicit CheckpointFolder(std::filesystem::path folder, std::chrono::milliseconds patience = {});

  const std::filesystem::path& path() const { return folder_; }
  bool empty() const;
  /// The newest one, the one before it if the newest was deleted, or none. A damaged one is refused: what to do about
  /// it is the user's choice. \throws FileError.
  std::optional<Checkpoint> load() const;
  /// Saves a new one; the newest becomes the one before it. \throws FileError, with the newest one as it was.
  void save(const Checkpoint& checkpoint);
  /// Deletes both.
  void clear();

 private:
  std::filesystem::path folder_, newest_, previous_;
  Descriptor lock_;
};

}  // namespace evengrad
