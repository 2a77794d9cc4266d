#include <evengrad/training/checkpoint.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/training/digest.hpp>
#include <evengrad/training/safetensors.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <thread>

namespace evengrad {

namespace fs = std::filesystem;

namespace {

constexpr const char* checksum_name = "checksum";  // before "progress": the first of the data
constexpr const char* progress_name = "progress";
constexpr const char* loss_name = "loss";
constexpr const char* probe_name = "probe";
constexpr const char* version_key = "schema_version";

[[noreturn]] void fail(const fs::path& path, std::string_view why) {
  throw FileError(text("cannot go on from the checkpoint ", in_quotes(path.string()), ": ", why));
}

/// Refuses a file whose bytes are not the ones that were written.
void check_sum(const fs::path& path) {
  std::string bytes = read_file(path, std::numeric_limits<std::uint64_t>::max());
  constexpr std::size_t number = sizeof(std::uint64_t);
  std::uint64_t header = 0, stored = 0;
  if (bytes.size() >= number) std::memcpy(&header, bytes.data(), number);
  if (bytes.size() < 2 * number || header > bytes.size() - 2 * number) fail(path, "it is damaged: it was cut off");
  char* sum = bytes.data() + number + header;
  std::memcpy(&stored, sum, number);
  std::memset(sum, 0, number);
  Digest digest;
  digest.add(bytes);
  if (digest.value() != stored) fail(path, "it is damaged: its checksum is wrong");
}

using Integers = std::vector<std::int64_t>;

std::vector<Tensor>::iterator find(std::vector<Tensor>& tensors, const char* name) {
  return std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; });
}

/// Takes a tensor out of the list.
template <class Values>
Values take(const fs::path& path, std::vector<Tensor>& tensors, const char* name, std::size_t count) {
  const auto at = find(tensors, name);
  const Values* values = at == tensors.end() ? nullptr : std::get_if<Values>(&at->values);
  if (!values || values->size() != count) fail(path, text("it has no tensor '", name, "' of ", count, " numbers"));
  Values taken = *values;
  tensors.erase(at);
  return taken;
}

/// Both passes, for the checksum and for the file, see the same bytes.
void write_checkpoint(AtomicFile& file, const Checkpoint& checkpoint) {
  const TrainingProgress& progress = checkpoint.state.progress;
  std::vector<Tensor> tensors = checkpoint.state.tensors;
  tensors.push_back({progress_name, {4}, Integers{progress.step, progress.right, progress.samples, progress.answers}});
  tensors.push_back({loss_name, {}, std::vector<double>{progress.loss}});
  if (const auto& probe = checkpoint.probe; !probe.empty()) {
    tensors.push_back({probe_name, {static_cast<Index>(probe.size())}, probe});
  }
  tensors.push_back({checksum_name, {}, Integers{0}});
  std::map<std::string, std::string> metadata = checkpoint.notes;
  metadata[version_key] = "1";
  Digest digest;
  write_safetensors(tensors, metadata, [&](std::string_view bytes) { digest.add(bytes); });
  tensors.back().values = Integers{static_cast<std::int64_t>(digest.value())};
  write_safetensors(tensors, metadata, [&](std::string_view bytes) { file.write(bytes); });
}

}  // namespace

void save_checkpoint(const fs::path& path, const Checkpoint& checkpoint) {
  AtomicFile file(path);
  write_checkpoint(file, checkpoint);
  file.commit();
}

Checkpoint load_checkpoint(const fs::path& path) {
  check_sum(path);
  Safetensors file = load_safetensors(path);
  Checkpoint checkpoint{.state = {}, .notes = std::move(file.metadata)};
  if (checkpoint.notes[version_key] != "1") {
    fail(path, text("its schema version is ", in_quotes(checkpoint.notes[version_key]), ", this program reads 1"));
  }
  checkpoint.notes.erase(version_key);
  take<Integers>(path, file.tensors, checksum_name, 1);
  const Integers progress = take<Integers>(path, file.tensors, progress_name, 4);
  checkpoint.state.progress = {.step = progress[0],
                               .loss = take<std::vector<double>>(path, file.tensors, loss_name, 1)[0],
                               .right = progress[1],
                               .samples = progress[2],
                               .answers = progress[3]};
  if (const auto probe = find(file.tensors, probe_name); probe != file.tensors.end()) {
    const auto count = probe->shape.empty() ? 1 : static_cast<std::size_t>(probe->shape.front());
    checkpoint.probe = take<std::vector<double>>(path, file.tensors, probe_name, count);
  }
  checkpoint.state.tensors = std::move(file.tensors);
  return checkpoint;
}

CheckpointFolder::CheckpointFolder(fs::path folder, std::chrono::milliseconds patience)
    : folder_(std::move(folder)),
      newest_(folder_ / "checkpoint.safetensors"),
      previous_(folder_ / "previous.safetensors") {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!error) {
    lock_ = Descriptor(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock_.get() < 0) error = std::error_code(errno, std::generic_category());
  }
  if (error) throw FileError(text("cannot use the folder ", in_quotes(folder_.string()), ": ", error.message()));
  // File systems without locks answer otherwise, and are used without.
  const auto taken = [&] { return ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; };
  const auto end = std::chrono::steady_clock::now() + patience;
  while (taken()) {
    if (std::chrono::steady_clock::now() >= end) {
      throw FileError(text("cannot use the folder ", in_quotes(folder_.string()), ": another process trains into it"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::vector<fs::path> left_over;
  for (fs::directory_iterator entry(folder_, error), none; !error && entry != none; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(".evengrad-") && name.ends_with(".tmp")) left_over.push_back(entry->path());
  }
  for (const fs::path& file : left_over) fs::remove(file, error);
}

bool CheckpointFolder::empty() const {
  std::error_code ignored;
  return !fs::exists(newest_, ignored) && !fs::exists(previous_, ignored);
}

std::optional<Checkpoint> CheckpointFolder::load() const {
  std::error_code ignored;
  if (empty()) return std::nullopt;
  if (!fs::exists(newest_, ignored)) return load_checkpoint(previous_);
  try {
    return load_checkpoint(newest_);
  } catch (const FileError& error) {
    if (!fs::exists(previous_, ignored)) throw;
    throw FileError(text(error.what(), "; delete it to go on from the one before it, previous.safetensors"));
  }
}

void CheckpointFolder::save(const Checkpoint& checkpoint) {
  AtomicFile file(newest_);
  write_checkpoint(file, checkpoint);
  // A second name for the newest one, not a new name: at no moment is there none. Where a file system has no second
  // names, only the newest one is kept.
  ::unlink(previous_.c_str());
  if (::link(newest_.c_str(), previous_.c_str()) != 0) errno = 0;
  file.commit();
}

void CheckpointFolder::clear() {
  std::error_code error;
  for (const fs::path& file : {previous_, newest_}) {
    fs::remove(file, error);
    if (error) throw FileError(text("cannot delete ", in_quotes(file.string()), ": ", error.message()));
  }
}

}  // namespace evengrad
