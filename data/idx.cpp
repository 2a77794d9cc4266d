#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/idx.hpp>
#include <evengrad/data/idx_folder.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>

namespace evengrad {

namespace fs = std::filesystem;

namespace {

/// The bytes of a file, unpacked if they are gzipped, in constant memory.
class Unpacked {
 public:
  explicit Unpacked(const fs::path& path) : file_(path) {
    refill();
    gzipped_ = filled_ >= 2 && packed_[0] == std::byte{0x1f} && packed_[1] == std::byte{0x8b};
    if (gzipped_ && inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;
  ~Unpacked() { inflateEnd(&stream_); }

  bool gzipped() const { return gzipped_; }
  std::uint64_t file_size() const { return file_.size(); }

  /// Fills the buffer; fewer bytes than asked only at the end.
  std::size_t read(std::span<std::uint8_t> buffer) {
    std::size_t total = 0;
    while (total < buffer.size()) {
      const std::size_t got = gzipped_ ? inflate_some(buffer.subspan(total)) : copy_some(buffer.subspan(total));
      if (got == 0) break;
      total += got;
    }
    offset_ += total;
    return total;
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw FileError(text("cannot read ", in_quotes(file_.path().string()), " as IDX: ", what));
  }

  /// Where reading stands, counted after unpacking.
  std::uint64_t offset() const { return offset_; }

 private:
  void refill() {
    filled_ = file_.read(packed_);
    used_ = 0;
  }

  std::size_t copy_some(std::span<std::uint8_t> buffer) {
    if (used_ == filled_) refill();
    const std::size_t count = std::min(buffer.size(), filled_ - used_);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(packed_.data()) + used_, count, buffer.data());
    used_ += count;
    return count;
  }

  [[noreturn]] void fail_packed(std::string_view what) const {
    fail(text(what, " (offset ", stream_.total_in, " of the packed file)"));
  }

  std::size_t inflate_some(std::span<std::uint8_t> buffer) {
    buffer = buffer.first(std::min(buffer.size(), std::size_t{1} << 30));  // zlib counts in 32 bits
    stream_.next_out = buffer.data();
    stream_.avail_out = static_cast<uInt>(buffer.size());
    while (!ended_ && stream_.avail_out == buffer.size()) {
      if (used_ == filled_) refill();
      if (filled_ == 0) fail_packed("the gzipped data end too early");
      stream_.next_in = reinterpret_cast<Bytef*>(packed_.data()) + used_;
      stream_.avail_in = static_cast<uInt>(filled_ - used_);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      used_ = filled_ - stream_.avail_in;
      if (status == Z_MEM_ERROR) throw std::bad_alloc();
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        fail_packed("the gzipped data are damaged");
      ended_ = status == Z_STREAM_END;
    }
    if (ended_ && used_ == filled_) refill();
    if (ended_ && used_ < filled_) fail_packed("there are bytes after the gzipped data");
    return buffer.size() - stream_.avail_out;
  }

  FileReader file_;
  std::array<std::byte, 1 << 16> packed_;
  std::size_t used_ = 0, filled_ = 0;
  std::uint64_t offset_ = 0;
  bool gzipped_ = false, ended_ = false;
  z_stream stream_{};
};

}  // namespace

namespace {

// Big-endian integers of `width` bytes, as bytes.
struct IdxBytes {
  IdxArray array;
  std::size_t width = 1;
};

IdxBytes read_idx_bytes(const fs::path& path, bool any_integer) {
  constexpr int most_dimensions = 4;
  constexpr std::uint64_t most_values = std::uint64_t{1} << 32;
  Unpacked source(path);
  std::array<std::uint8_t, 4> word;
  const auto read_word = [&](std::string_view what) {
    const std::uint64_t at = source.offset();
    if (source.read(word) < word.size()) source.fail(text("the file ends within its ", what, " (offset ", at, ")"));
  };

  read_word("magic number");
  if (word[0] != 0 || word[1] != 0) {
    source.fail(
        text("the bytes at offset 0 are ", int{word[0]}, " and ", int{word[1]}, ", expected 0 and 0: no IDX file"));
  }
  const std::size_t width = word[2] == 8    ? 1
                            : !any_integer  ? 0
                            : word[2] == 9  ? 1
                            : word[2] == 11 ? 2
                            : word[2] == 12 ? 4
                                            : 0;
  if (width == 0) {
    source.fail(text("the type at offset 2 is ", int{word[2]}, ", expected 8 (unsigned bytes)",
                     any_integer ? ", 9, 11 or 12 (integers)" : ""));
  }
  if (word[3] < 1 || word[3] > most_dimensions) {
    source.fail(text("the number of dimensions at offset 3 is ", int{word[3]}, ", expected 1 to ", most_dimensions));
  }
  IdxArray array;
  std::uint64_t count = 1;
  for (int dimensions = word[3]; dimensions > 0; --dimensions) {
    const std::uint64_t at = source.offset();
    read_word("dimensions");
    const std::uint64_t size = std::uint64_t{word[0]} << 24 | std::uint64_t{word[1]} << 16 | word[2] << 8 | word[3];
    if (size == 0) source.fail(text("the dimension at offset ", at, " is 0"));
    count *= size;  // both at most 2^32: it cannot wrap
    if (count > most_values)
      source.fail(text("the dimensions up to offset ", at, " give over ", most_values, " values"));
    array.shape.push_back(static_cast<Index>(size));
  }

  count *= width;
  const std::uint64_t header = source.offset();
  if (!source.gzipped() && source.file_size() != header + count) {
    source.fail(text("the header promises ", header + count, " bytes, the file has ", source.file_size()));
  }
  // Unpacked data are trusted as they come: the room doubles, up to what was promised.
  std::uint64_t got = 0;
  while (got < count) {
    const std::uint64_t room = std::min(count, source.gzipped() ? std::max<std::uint64_t>(2 * got, 1 << 16) : count);
    array.values.reserve(room);
    array.values.resize(room);
    got += source.read(std::span(array.values).subspan(got));
    if (got < room)
      source.fail(text("the header promises ", header + count, " bytes, the data end after ", source.offset()));
  }
  std::uint8_t extra;
  if (source.read({&extra, 1}) != 0)
    source.fail(text("there are more data than the ", header + count, " bytes promised"));
  return {std::move(array), width};
}

}  // namespace

IdxArray read_idx(const fs::path& path) { return read_idx_bytes(path, false).array; }

namespace {

std::optional<fs::path> find_file(const fs::path& folder, std::string_view part, std::string_view kind) {
  for (const std::string_view separator : {"-", "."}) {
    for (const std::string_view ending : {"", ".gz"}) {
      const fs::path path = folder / text(part, separator, kind, "-ubyte", ending);
      std::error_code ignored;
      if (fs::exists(path, ignored)) return path;
    }
  }
  return std::nullopt;
}

fs::path required_file(const fs::path& folder, std::string_view part, std::string_view kind) {
  if (const auto path = find_file(folder, part, kind)) return *path;
  throw FileError(text("the folder ", in_quotes(folder.string()), " has no ", part, "-", kind, "-ubyte, plain or .gz"));
}

template <Real S>
Dataset<S> load_part(const ImageSet& set, const fs::path& folder, std::string_view part, Index samples) {
  const fs::path images_path = required_file(folder, text(part, "-images"), "idx3");
  const fs::path labels_path = required_file(folder, text(part, "-labels"), "idx1");
  const IdxArray images = read_idx(images_path), labels = read_idx(labels_path);
  const auto expect = [](const fs::path& path, bool holds, const std::string& what) {
    if (!holds) throw FileError(text("cannot use ", in_quotes(path.string()), ": ", what));
  };
  expect(images_path, images.shape.size() == 3, text("images have 3 dimensions, these ", images.shape.size()));
  expect(labels_path, labels.shape.size() == 1, text("labels have 1 dimension, these ", labels.shape.size()));
  expect(labels_path, labels.shape[0] == images.shape[0],
         text("it has ", labels.shape[0], " labels for ", images.shape[0], " images"));
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    expect(labels_path, labels.values[i] < set.class_names.size(),
           text("label ", i + 1, " is ", int{labels.values[i]}, ", expected 0 to ", set.class_names.size() - 1));
  }

  const Index count = samples == 0 ? images.shape[0] : std::min(samples, images.shape[0]);
  Dataset<S> data{.name = std::string(set.folder), .inputs = Matrix<S>(count, images.shape[1] * images.shape[2])};
  data.image = Shape::image(1, images.shape[1], images.shape[2], 1);
  std::array<S, 256> pixel;
  for (std::size_t level = 0; level < pixel.size(); ++level) pixel[level] = static_cast<S>(level) / S{255};
  std::transform(images.values.begin(), images.values.begin() + data.inputs.size(), data.inputs.data(),
                 [&](std::uint8_t level) { return pixel[level]; });
  data.labels.assign(labels.values.begin(), labels.values.begin() + count);
  data.classes = static_cast<Index>(set.class_names.size());
  data.class_names.assign(set.class_names.begin(), set.class_names.end());
  return data;
}

}  // namespace

template <Real S>
Split<S> load_images(const ImageSet& set, const std::vector<fs::path>& roots, Index samples) {
  std::string tried;
  for (const fs::path& root : roots) {
    const fs::path folder = root / set.folder;
    if (!find_file(folder, "train-images", "idx3")) {
      tried += (tried.empty() ? "" : ", ") + in_quotes(folder.string());
      continue;
    }
    Split<S> split{.train = load_part<S>(set, folder, "train", samples), .test = load_part<S>(set, folder, "t10k", 0)};
    split.train.name = split.test.name = folder.string();
    if (split.train.features() != split.test.features()) {
      throw FileError(text("the images in ", in_quotes(folder.string()), " have ", split.train.features(),
                           " pixels for training, but ", split.test.features(), " for testing"));
    }
    return split;
  }
  throw FileError(text("the data set ", set.folder, " is not there; looked for train-images-idx3-ubyte in ", tried,
                       "; run scripts/setup, or name the folder that has ", set.folder,
                       "/ in EVENGRAD_DATA, beside which no other place is looked at"));
}

namespace {

struct IdxFiles {
  fs::path train_images, train_labels, test_images, test_labels;
};

// Sets by what stands before "train" or "test" in their names.
std::map<std::string, IdxFiles> idx_files(const fs::path& folder) {
  std::map<std::string, IdxFiles> sets;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const bool images = name.find("images") != name.npos, labels = name.find("labels") != name.npos;
    if (name.find("idx") == name.npos || images == labels) continue;
    const std::size_t train = name.find("train"), test = std::min(name.find("test"), name.find("t10k"));
    if (train == name.npos && test == name.npos) continue;
    IdxFiles& files = sets[name.substr(0, std::min(train, test))];
    fs::path& file = train != name.npos ? (images ? files.train_images : files.train_labels)
                                        : (images ? files.test_images : files.test_labels);
    if (file.empty() || file.extension() == ".gz") file = entry.path();  // of both forms the plain one
  }
  std::erase_if(sets, [](const auto& set) { return set.second.train_images.empty(); });
  return sets;
}

std::vector<std::int32_t> read_labels(const fs::path& path) {
  const auto [array, width] = read_idx_bytes(path, true);
  if (array.shape.size() > 2) throw FileError(text(in_quotes(path.string()), ": labels have 1 or 2 dimensions"));
  const auto stride = width * static_cast<std::size_t>(array.shape.size() == 2 ? array.shape[1] : 1);
  std::vector<std::int32_t> labels;
  for (std::size_t at = 0; at < array.values.size(); at += stride) {
    std::uint32_t value = 0;
    for (std::size_t k = 0; k < width; ++k) value = value << 8 | array.values[at + k];
    labels.push_back(width == 2 ? static_cast<std::int16_t>(value) : static_cast<std::int32_t>(value));
  }
  return labels;
}

template <Real S>
Dataset<S> read_part(const fs::path& images_path, const fs::path& labels_path, Index samples) {
  const IdxArray images = read_idx(images_path);
  Dataset<S> data{.labels = read_labels(labels_path)};
  if (images.shape.size() < 2 || images.shape[0] != static_cast<Index>(data.labels.size())) {
    throw FileError(text(in_quotes(labels_path.string()), " has ", data.labels.size(), " labels, ",
                         in_quotes(images_path.string()), " ", images.shape[0], " images"));
  }
  const Index count = samples == 0 ? images.shape[0] : std::min(samples, images.shape[0]);
  data.inputs.resize(count, static_cast<Index>(images.values.size()) / images.shape[0]);
  if (images.shape.size() == 3) data.image = Shape::image(1, images.shape[1], images.shape[2], 1);
  std::transform(images.values.begin(), images.values.begin() + data.inputs.size(), data.inputs.data(),
                 [](std::uint8_t level) { return static_cast<S>(level) / S{255}; });
  data.labels.resize(static_cast<std::size_t>(count));
  return data;
}

}  // namespace

template <Real S>
Split<S> load_idx_folder(const fs::path& path, Index samples) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(path, ignored);
  const fs::path folder = is_folder ? path : path.parent_path();
  const std::string wanted = is_folder ? "" : path.filename().string();
  std::map<std::string, IdxFiles> sets;
  fs::path found;
  for (const char* below : {"", "raw", "MNIST/raw", "EMNIST/raw", "KMNIST/raw", "QMNIST/raw", "FashionMNIST/raw"}) {
    found = *below ? folder / below : folder;
    sets = idx_files(found);
    std::erase_if(sets, [&](const auto& set) { return !set.first.starts_with(wanted); });
    if (!sets.empty()) break;
  }
  if (sets.empty()) {
    throw FileError(text(in_quotes(path.string()),
                         " has no IDX files whose names contain train and images; a folder as ",
                         "MNIST's has train-images-idx3-ubyte and three more, plain or .gz"));
  }
  if (sets.size() > 1) {
    std::string names;
    for (const auto& [name, files] : sets) names += (names.empty() ? "" : ", ") + in_quotes(name);
    throw UsageError(text(in_quotes(found.string()), " has several sets, ", names,
                          ": name one, as in --data idx:", (found / sets.begin()->first).string()));
  }
  const IdxFiles& files = sets.begin()->second;
  if (files.train_labels.empty() || files.test_images.empty() != files.test_labels.empty()) {
    throw FileError(text(in_quotes(found.string()), " has images without labels, or labels without images"));
  }
  Split<S> split{.train = read_part<S>(files.train_images, files.train_labels, samples), .test = {}};
  if (!files.test_images.empty()) split.test = read_part<S>(files.test_images, files.test_labels, 0);
  std::set<std::int32_t> values(split.train.labels.begin(), split.train.labels.end());
  values.insert(split.test.labels.begin(), split.test.labels.end());
  const std::vector<std::int32_t> classes(values.begin(), values.end());
  for (Dataset<S>* part : {&split.train, &split.test}) {
    part->name = path.string();
    part->classes = static_cast<Index>(classes.size());
    for (const std::int32_t value : classes) part->class_names.push_back(std::to_string(value));
    for (std::int32_t& label : part->labels) {
      label = static_cast<std::int32_t>(std::lower_bound(classes.begin(), classes.end(), label) - classes.begin());
    }
  }
  if (classes.size() < 2)
    throw FileError(text(in_quotes(files.train_labels.string()), ": all labels are ", classes[0]));
  if (split.test.size() > 0 && split.train.features() != split.test.features()) {
    throw FileError(text("the images in ", in_quotes(found.string()), " have ", split.train.features(),
                         " pixels for training, but ", split.test.features(), " for testing"));
  }
  if (split.test.size() == 0) split.test.inputs.resize(0, split.train.features());
  split.notes.push_back(text("read ", in_quotes(files.train_images.string()), " and what belongs to it: ",
                             classes.size(), " classes, labels ", classes.front(), " to ", classes.back()));
  return split;
}

template Split<float> load_idx_folder(const fs::path&, Index);
template Split<double> load_idx_folder(const fs::path&, Index);

template Split<float> load_images(const ImageSet&, const std::vector<fs::path>&, Index);
template Split<double> load_images(const ImageSet&, const std::vector<fs::path>&, Index);

}  // namespace evengrad
