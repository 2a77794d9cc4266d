// What a training run leaves on the disk while it runs, a log and checkpoints, and how another run goes on from them.
#pragma once

#include "program.hpp"

#include <evengrad/core/file.hpp>
#include <evengrad/training/checkpoint.hpp>
#include <evengrad/training/digest.hpp>

#include <map>
#include <optional>
#include <string>

namespace evengrad::cli {

struct TrainFileOptions {
  std::string checkpoint;             ///< a folder; empty: none
  std::optional<std::int64_t> every;  ///< steps; each epoch's end is a checkpoint anyway
  std::string log;                    ///< a file; empty: none
  bool resume = false;
  bool overwrite = false;

  template <class F>
  void fields(F& f) {
    f({.name = "checkpoint",
       .help = "Folder that keeps what --resume needs, saved at the end of each epoch",
       .type = "PATH",
       .affects_result = false},
      checkpoint);
    f({.name = "checkpoint-every", .help = "Also save every N steps", .affects_result = false}, every);
    f({.name = "resume", .help = "Continue from the checkpoint, or start if there is none", .affects_result = false},
      resume);
    f({.name = "overwrite",
       .help = "Replace the checkpoint, the log and the results of an earlier run",
       .excludes = "resume",
       .affects_result = false},
      overwrite);
  }
};

/// Every option that the result depends on and its value.
using ResultOptions = std::map<std::string, std::string>;

class TrainFiles {
 public:
  /// Finds what an earlier run left and changes nothing yet. \throws UsageError for options that do not fit each other
  /// or the run to go on with, FileError for files that are neither to be continued nor overwritten, or are damaged.
  TrainFiles(const TrainFileOptions& options, ResultOptions result_options);

  /// True if there is a checkpoint to go on from.
  bool resumes() const { return found_.has_value(); }
  bool saves() const { return folder_.has_value(); }
  bool logs() const { return log_.has_value(); }

  /// Puts the trainer where the checkpoint was and cuts the log there, or saves the beginning and starts a log.
  template <Real S>
  void begin(Trainer<S>& trainer, const Split<S>& data);

  void write(const Json& row);
  /// The rows so far reach the operating system.
  void flush();
  /// `probe` is what the run's probe has seen.
  void save(TrainingState state, std::vector<double> probe = {});
  /// Whether --checkpoint-every says to save after this step.
  bool saves_after(std::int64_t step) const { return saves() && options_.every && step % *options_.every == 0; }
  /// What the probe of the run to go on with had seen; empty where that is not known.
  std::vector<double> take_probe() { return found_ ? std::move(found_->probe) : std::vector<double>{}; }
  void close();

  /// "the checkpoint of step 120 in 'ck'", or "no checkpoint".
  std::string kept() const;

 private:
  void compare_options() const;
  void compare_data(const std::string& digest) const;
  void continue_log(std::uint64_t bytes);
  const std::string& note(const std::string& key) const;

  TrainFileOptions options_;
  ResultOptions result_options_;
  std::string data_;  // digest
  std::optional<CheckpointFolder> folder_;
  std::optional<Checkpoint> found_;
  std::optional<AppendFile> log_;
  Digest log_digest_;
  std::int64_t saved_step_ = 0;
};

}  // namespace evengrad::cli
