#include "train_files.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/training/provenance.hpp>

#include <spdlog/spdlog.h>

#include <charconv>

namespace evengrad::cli {

namespace fs = std::filesystem;

namespace {

// Of a checkpoint, beside the state.
constexpr const char *options_note = "options", *data_note = "data", *program_note = "program",
                     *log_bytes_note = "log_bytes", *log_digest_note = "log_digest";

constexpr const char *epochs_option = "--epochs", *schedule_option = "--schedule", *steps_option = "--steps";

// "1e-3" and "0.001" are one value.
bool same_value(const std::string& a, const std::string& b) {
  const auto number = [](const std::string& given) -> std::optional<double> {
    double value = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
    return error == std::errc() && end == given.data() + given.size() ? std::optional(value) : std::nullopt;
  };
  return a == b || (number(a) && number(a) == number(b));
}

// What decides the last bits beside the options.
std::string this_program() {
  const Provenance& made = provenance();
  return text(made.version, " (", made.commit, "), ", made.compiler, ", ", made.cpu);
}

std::uint64_t regular_size(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) ? fs::file_size(path, ignored) : 0;
}

}  // namespace

TrainFiles::TrainFiles(const TrainFileOptions& options, ResultOptions result_options)
    : options_(options), result_options_(std::move(result_options)) {
  if (options_.checkpoint.empty() && options_.resume) throw UsageError("--resume needs --checkpoint DIR");
  if (options_.checkpoint.empty() && options_.every) throw UsageError("--checkpoint-every needs --checkpoint DIR");
  if (options_.every && *options_.every < 1) {
    throw UsageError(text("--checkpoint-every must be at least 1, got ", *options_.every));
  }
  result_options_["--log"] = options_.log.empty() ? "" : "given";
  if (!options_.checkpoint.empty()) {
    folder_.emplace(options_.checkpoint, std::chrono::seconds(5));
    if (options_.resume) found_ = folder_->load();
    if (!options_.resume && !options_.overwrite && !folder_->empty()) {
      throw FileError(text("folder ", in_quotes(options_.checkpoint), " holds the checkpoint of an earlier run: give ",
                           "--resume to go on with it, --overwrite to start anew, or another --checkpoint"));
    }
  }
  if (const auto bytes = regular_size(options_.log); bytes > 0 && !found_ && !options_.overwrite) {
    throw FileError(text("log ", in_quotes(options_.log), " holds ", bytes, " bytes of an earlier run",
                         options_.resume ? ", and there is no checkpoint to go on from" : "", ": give ",
                         options_.resume ? "" : "--checkpoint DIR --resume to go on with it, ",
                         "--overwrite to replace it, or another --log"));
  }
  if (found_) compare_options();
}

const std::string& TrainFiles::note(const std::string& key) const {
  const auto at = found_->notes.find(key);
  if (at == found_->notes.end()) {
    throw FileError(text("the checkpoint in ", in_quotes(options_.checkpoint),
                         " was not written by evengrad train: ", "it has no '", key, "'"));
  }
  return at->second;
}

void TrainFiles::compare_options() const {
  ResultOptions then;
  try {
    then = Json::parse(note(options_note)).get<ResultOptions>();
  } catch (const Json::exception&) {
    throw FileError(text("the checkpoint in ", in_quotes(options_.checkpoint), " has options that are not JSON"));
  }
  ResultOptions now = result_options_;
  // A schedule that does not look at the end lets a run become longer.
  if (then[schedule_option] == "constant" && then[steps_option].empty()) then[epochs_option] = now[epochs_option];
  for (const auto& [name, value] : then) now.try_emplace(name);
  std::string differences;
  for (const auto& [name, value] : now) {
    if (same_value(value, then[name])) continue;
    const auto shown = [&, option = name](const std::string& v) {
      return v.empty() ? "no " + option : option + " " + v;
    };
    differences += (differences.empty() ? "" : "; ") + shown(then[name]) + ", not " + shown(value);
  }
  if (differences.empty()) return;
  throw UsageError(text("--resume: the run in ", in_quotes(options_.checkpoint), " has ", differences,
                        ": give the same options, or --overwrite to start anew"));
}

void TrainFiles::compare_data(const std::string& digest) const {
  if (note(data_note) == digest) return;
  throw Error(text("--resume: the data are not those of the run in ", in_quotes(options_.checkpoint),
                   ": give the same --data, or --overwrite to start anew"));
}

void TrainFiles::continue_log(std::uint64_t bytes) {
  std::error_code ignored;
  if (fs::is_regular_file(options_.log, ignored)) {
    FileReader reader(options_.log);
    std::string head(std::min(bytes, reader.size()), '\0');
    reader.read(std::as_writable_bytes(std::span(head)));
    log_digest_.add(head);
    if (head.size() < bytes || log_digest_.hex() != note(log_digest_note)) {
      throw FileError(text("log ", in_quotes(options_.log), " does not begin with the ", bytes,
                           " bytes that the run had written: give that run's log, or --overwrite to start anew"));
    }
  } else if (bytes > 0 && !fs::exists(options_.log, ignored)) {
    throw FileError(
        text("log ", in_quotes(options_.log), " is gone: give that run's log, or --overwrite to start anew"));
  }
  log_.emplace(options_.log, bytes);
}

template <Real S>
void TrainFiles::begin(Trainer<S>& trainer, const Split<S>& data) {
  if (folder_) {
    Digest digest;
    add_to(digest, data.train);
    add_to(digest, data.test);
    data_ = digest.hex();
  }
  if (!found_) {
    if (folder_) {
      folder_->clear();
      save(trainer.state());  // before the log: where there is a log, there is a checkpoint
    }
    if (!options_.log.empty()) log_.emplace(options_.log);
    return;
  }
  compare_data(data_);
  if (note(program_note) != this_program()) {
    spdlog::warn("the checkpoint is of {}: here the last bits may differ from a run without a stop",
                 note(program_note));
  }
  try {
    trainer.restore(found_->state);
  } catch (const Error& error) {
    throw FileError(text("cannot go on from the checkpoint in ", in_quotes(options_.checkpoint), ": ", error.what()));
  }
  saved_step_ = found_->state.progress.step;
  std::uint64_t bytes = 0;
  const std::string& written = note(log_bytes_note);
  std::from_chars(written.data(), written.data() + written.size(), bytes);
  if (!options_.log.empty()) continue_log(bytes);
  found_->state.tensors.clear();
}

void TrainFiles::write(const Json& row) {
  const std::string line = row.dump();
  log_->write_line(line);
  log_digest_.add(line);
  log_digest_.add("\n");
}

void TrainFiles::flush() {
  if (log_) log_->flush();
}

void TrainFiles::save(TrainingState state, std::vector<double> probe) {
  if (log_) log_->sync();  // a checkpoint never knows of rows that are not on the disk
  saved_step_ = state.progress.step;
  folder_->save({.state = std::move(state),
                 .probe = std::move(probe),
                 .notes = {{options_note, Json(result_options_).dump()},
                           {data_note, data_},
                           {program_note, this_program()},
                           {log_bytes_note, std::to_string(log_ ? log_->size() : 0)},
                           {log_digest_note, log_digest_.hex()}}});
}

void TrainFiles::close() {
  if (log_) log_->close();
  log_.reset();
}

std::string TrainFiles::kept() const {
  if (!folder_) return "no checkpoint";
  return text("the checkpoint of step ", saved_step_, " in ", in_quotes(options_.checkpoint));
}

template void TrainFiles::begin(Trainer<float>&, const Split<float>&);
template void TrainFiles::begin(Trainer<double>&, const Split<double>&);

}  // namespace evengrad::cli
