#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/training/safetensors.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <deque>
#include <numeric>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace evengrad {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian, and read as they are");

namespace {

constexpr std::uint64_t length_bytes = 8, most_header_bytes = 100'000'000;

/// Reading a header takes several times its size, so that a large one must come with data that outweigh it.
std::uint64_t most_header_bytes_for(std::uint64_t data_bytes) {
  constexpr std::uint64_t without_data = 2 << 20;
  return std::min(most_header_bytes, without_data + data_bytes / 4);
}

constexpr std::string_view metadata_key = "__metadata__";

/// By the index in Tensor::values; wider ones, and integers among them, stand first in a file.
constexpr std::array<std::string_view, 3> supported = {"F32", "F64", "I64"};

/// The format's types and their bytes, so that a file with one we do not read is still checked.
std::uint64_t bytes_of(std::string_view dtype) {
  static constexpr std::pair<std::string_view, std::uint64_t> known[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
      {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"F64", 8},     {"I64", 8}, {"U64", 8}};
  const auto at =
      std::find_if(std::begin(known), std::end(known), [&](const auto& type) { return type.first == dtype; });
  return at == std::end(known) ? 0 : at->second;
}

/// The number of values a shape has room for; false if it overflows.
bool count_values(const std::vector<Index>& shape, std::uint64_t& count) {
  count = 1;
  return std::all_of(shape.begin(), shape.end(), [&](Index size) {
    return !__builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count);
  });
}

std::string_view bytes(const Tensor& tensor) {
  return std::visit(
      [](const auto& values) {
        const auto all = std::as_bytes(std::span(values));
        return std::string_view(reinterpret_cast<const char*>(all.data()), all.size());
      },
      tensor.values);
}

}  // namespace

void write_safetensors(const std::vector<Tensor>& tensors, const std::map<std::string, std::string>& metadata,
                       FunctionRef<void(std::string_view)> sink) {
  std::vector<const Tensor*> order;
  order.reserve(tensors.size());
  for (const Tensor& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const Tensor* a, const Tensor* b) {
    return std::pair(b->values.index(), std::string_view(a->name)) <
           std::pair(a->values.index(), std::string_view(b->name));
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[metadata_key] = metadata;
  std::set<std::string_view> names = {metadata_key};
  std::uint64_t end = 0;
  for (const Tensor* tensor : order) {
    if (!names.insert(tensor->name).second) throw Error(text("two tensors are called ", in_quotes(tensor->name)));
    const std::uint64_t begin = end;
    end += bytes(*tensor).size();
    std::uint64_t count;
    if (!count_values(tensor->shape, count) || count * bytes_of(supported[tensor->values.index()]) != end - begin) {
      throw ShapeError(text("tensor ", in_quotes(tensor->name), " does not have as many values as its shape says"));
    }
    header[tensor->name] = {
        {"dtype", supported[tensor->values.index()]}, {"shape", tensor->shape}, {"data_offsets", {begin, end}}};
  }

  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begin at a multiple of 8
  const std::uint64_t length = text.size();
  if (length > most_header_bytes_for(end)) {
    throw Error(evengrad::text("names and metadata of a safetensors file take ", length, " bytes; for ", end,
                               " bytes of data at most ", most_header_bytes_for(end), " are accepted"));
  }
  sink(std::string_view(reinterpret_cast<const char*>(&length), length_bytes));
  sink(text);
  for (const Tensor* tensor : order) sink(bytes(*tensor));
}

void save_safetensors(const std::filesystem::path& path, const std::vector<Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  AtomicFile file(path);
  write_safetensors(tensors, metadata, [&](std::string_view bytes) { file.write(bytes); });
  file.commit();
}

namespace {

struct Entry {
  std::string name, dtype;
  std::vector<Index> shape;
  std::uint64_t begin = 0, end = 0;
};

class Loader {
 public:
  explicit Loader(const std::filesystem::path& path) : file_(path) {}

  Safetensors load() {
    parse(read_header());
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
    const auto doubled = std::adjacent_find(entries_.begin(), entries_.end(),
                                            [](const Entry& a, const Entry& b) { return a.name == b.name; });
    if (doubled != entries_.end()) fail(text("two entries are called ", in_quotes(doubled->name)));
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    check_coverage();
    loaded_.tensors.reserve(entries_.size());
    for (const Entry& entry : entries_) loaded_.tensors.push_back(read_tensor(entry));
    return std::move(loaded_);
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw FileError(text("cannot read ", in_quotes(file_.path().string()), " as safetensors: ", what));
  }

  [[noreturn]] void fail(const std::string& tensor, std::string_view what) const {
    fail(text("tensor ", in_quotes(tensor), " ", what));
  }

  template <class T>
  void read(std::span<T> values) {
    if (file_.read(std::as_writable_bytes(values)) < values.size_bytes()) fail("it became shorter while it was read");
  }

  std::string read_header() {
    if (file_.size() < length_bytes) fail(text("it has ", file_.size(), " bytes, too few for the header's length"));
    std::uint64_t length;
    read(std::span(&length, 1));
    if (length > most_header_bytes || length > file_.size() - length_bytes) {
      fail(text("the header should have ", length, " bytes; the file has ", file_.size(), ", the most accepted is ",
                most_header_bytes));
    }
    data_bytes_ = file_.size() - length_bytes - length;
    if (length > most_header_bytes_for(data_bytes_)) {
      fail(text("the header has ", length, " bytes for ", data_bytes_, " bytes of data, the most accepted is ",
                most_header_bytes_for(data_bytes_)));
    }
    std::string header(length, '\0');
    read(std::span(header));
    if (!header.starts_with('{')) fail(text("the header at offset ", length_bytes, " does not begin with {"));
    return header;
  }

  /// Reads entry by entry, so that only one is held as JSON. Refuses what the parser would let pass, doubled names, and
  /// what would cost memory: nests, long lists, many metadata.
  void parse(const std::string& header) {
    using Event = nlohmann::json::parse_event_t;
    constexpr int deepest = 3, most_dimensions = 64;
    constexpr std::size_t most_metadata = 1000;
    std::string name;            // of the entry that is read
    std::set<std::string> keys;  // in it
    bool has_metadata = false;
    int values = 0;  // in the list that is read
    const auto check = [&](int depth, Event event, nlohmann::json& parsed) {
      const bool is_metadata = name == metadata_key;
      const bool start = event == Event::object_start || event == Event::array_start;
      if ((start || event == Event::key) && depth >= deepest) fail("its header is nested too deeply");
      if (start) values = 0;
      if (event == Event::value && depth == deepest && ++values > most_dimensions)
        fail("its header has too long a list");
      if (event == Event::key && depth == 1) {
        name = parsed.get_ref<const std::string&>();
        keys.clear();
        if (name == metadata_key && std::exchange(has_metadata, true)) {
          fail(text("two entries are called ", in_quotes(name)));
        }
      } else if (event == Event::key) {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!keys.insert(key).second) fail(text("two entries are called ", in_quotes(key)));
        if (!is_metadata && keys.size() > 3) fail_entry(name);
        if (keys.size() > most_metadata) fail(text("it has more than ", most_metadata, " metadata"));
      } else if (depth == 1 && (event == Event::value || event == Event::array_start)) {
        fail_entry(name);
      } else if (depth == 1 && event == Event::object_end) {
        is_metadata ? read_metadata(parsed) : entries_.push_back(read_entry(name, parsed));
        return false;
      }
      return true;
    };
    try {
      [[maybe_unused]] const nlohmann::json rest = nlohmann::json::parse(header, check);
    } catch (const nlohmann::json::parse_error& error) {
      fail(text("its header is not JSON at byte ", error.byte));
    } catch (const nlohmann::json::out_of_range&) {
      fail("its header has a number that is too large");
    }
  }

  [[noreturn]] void fail_entry(const std::string& name) const {
    if (name == metadata_key) fail("its metadata are not an object");
    fail(name, "should have dtype, shape and data_offsets, and nothing else");
  }

  void read_metadata(const nlohmann::json& value) {
    for (const auto& [key, entry] : value.items()) {
      if (!entry.is_string()) fail(text("the metadata entry ", in_quotes(key), " is not a text"));
      loaded_.metadata[key] = entry;
    }
  }

  Entry read_entry(const std::string& name, const nlohmann::json& value) const {
    const auto has = [&](const char* key) { return value.contains(key); };
    if (!has("dtype") || !has("shape") || !has("data_offsets")) fail_entry(name);
    Entry entry{.name = name, .dtype = {}, .shape = {}};
    if (!value["dtype"].is_string() || bytes_of(value["dtype"].get_ref<const std::string&>()) == 0) {
      fail(name, text("has the unknown dtype ", in_quotes(value["dtype"].dump(-1, ' ', true))));
    }
    entry.dtype = value["dtype"];
    for (const std::uint64_t size : read_sizes(name, "shape", value["shape"])) {
      if (size > std::uint64_t{PTRDIFF_MAX}) fail(name, text("has the dimension ", size, ", which is too large"));
      entry.shape.push_back(static_cast<Index>(size));
    }
    const std::vector<std::uint64_t> offsets = read_sizes(name, "data_offsets", value["data_offsets"]);
    if (offsets.size() != 2) fail(name, text("has ", offsets.size(), " data_offsets, expected 2"));
    entry.begin = offsets[0];
    entry.end = offsets[1];
    if (entry.begin > entry.end) fail(name, text("ends at ", entry.end, " before it begins at ", entry.begin));
    std::uint64_t count, expected;
    if (!count_values(entry.shape, count) || __builtin_mul_overflow(count, bytes_of(entry.dtype), &expected)) {
      fail(name, "has a shape with too many values");
    }
    if (entry.end - entry.begin != expected) {
      fail(name, text("has ", entry.end - entry.begin, " bytes, its shape and dtype need ", expected));
    }
    return entry;
  }

  std::vector<std::uint64_t> read_sizes(const std::string& name, std::string_view key,
                                        const nlohmann::json& list) const {
    const auto is_size = [](const nlohmann::json& size) { return size.is_number_unsigned(); };
    if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_size)) {
      fail(name, text("has a ", key, " that is not a list of whole numbers from 0 on"));
    }
    return list;
  }

  void check_coverage() const {
    std::uint64_t covered = 0;
    for (const Entry& entry : entries_) {
      if (entry.begin != covered) {
        fail(entry.name, text("begins at ", entry.begin, " of the data, expected ", covered, ": ",
                              entry.begin < covered ? "tensors overlap" : "there is a gap"));
      }
      covered = entry.end;
    }
    if (covered != data_bytes_) {
      fail(text("the header describes ", covered, " bytes of data, the file has ", data_bytes_, ": ",
                covered > data_bytes_ ? "it was cut off" : "something follows"));
    }
  }

  template <class T>
  Tensor read_values(const Entry& entry) {
    std::vector<T> values((entry.end - entry.begin) / sizeof(T));
    read(std::span(values));
    return {entry.name, entry.shape, std::move(values)};
  }

  /// Halves and bfloat16 become the same numbers as floats.
  Tensor read_halves(const Entry& entry) {
    std::vector<std::uint16_t> halves((entry.end - entry.begin) / sizeof(std::uint16_t));
    read(std::span(halves));
    std::vector<float> values;
    values.reserve(halves.size());
    for (const std::uint16_t half : halves) {
      values.push_back(entry.dtype == "F16" ? static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(half))
                                            : Eigen::numext::bit_cast<float>(std::uint32_t{half} << 16));
    }
    return {entry.name, entry.shape, std::move(values)};
  }

  Tensor read_tensor(const Entry& entry) {
    if (entry.dtype == "F32") return read_values<float>(entry);
    if (entry.dtype == "F64") return read_values<double>(entry);
    if (entry.dtype == "I64") return read_values<std::int64_t>(entry);
    if (entry.dtype == "F16" || entry.dtype == "BF16") return read_halves(entry);
    fail(entry.name, text("has dtype ", entry.dtype, "; F16, BF16, F32, F64 and I64 can be read: convert it"));
  }

  FileReader file_;
  std::uint64_t data_bytes_ = 0;
  std::deque<Entry> entries_;  // which grow without a second copy
  Safetensors loaded_;
};

}  // namespace

Safetensors load_safetensors(const std::filesystem::path& path) { return Loader(path).load(); }

}  // namespace evengrad
