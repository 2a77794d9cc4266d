#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/training/safetensors.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace evengrad {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian, and read as they are");

namespace {

constexpr std::uint64_t length_bytes = 8, most_header_bytes = 100'000'000;
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
    Safetensors loaded;
    const nlohmann::json header = read_header();
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name == metadata_key) {
        read_metadata(value, loaded.metadata);
      } else {
        entries.push_back(read_entry(name, value));
      }
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    check_coverage(entries);
    for (const Entry& entry : entries) loaded.tensors.push_back(read_tensor(entry));
    return loaded;
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

  nlohmann::json read_header() {
    if (file_.size() < length_bytes) fail(text("it has ", file_.size(), " bytes, too few for the header's length"));
    std::uint64_t length;
    read(std::span(&length, 1));
    if (length > most_header_bytes || length > file_.size() - length_bytes) {
      fail(text("the header should have ", length, " bytes; the file has ", file_.size(), ", the most accepted is ",
                most_header_bytes));
    }
    data_bytes_ = file_.size() - length_bytes - length;
    std::string header(length, '\0');
    read(std::span(header));
    if (!header.starts_with('{')) fail(text("the header at offset ", length_bytes, " does not begin with {"));
    return parse(header);
  }

  /// Refuses what the parser would let pass, doubled names, and what would cost memory, deep nests and long lists.
  nlohmann::json parse(const std::string& header) const {
    constexpr int deepest = 3, most_dimensions = 64;
    std::array<std::set<std::string>, deepest> keys;
    int values = 0;
    const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
      using Event = nlohmann::json::parse_event_t;
      const bool start = event == Event::object_start || event == Event::array_start;
      if (start && depth >= deepest) fail("its header is nested too deeply");
      if (start) {
        keys[static_cast<std::size_t>(depth)].clear();
        values = 0;
      }
      if (event == Event::value && depth == deepest && ++values > most_dimensions)
        fail("its header has too long a list");
      if (event == Event::key) {
        const auto& name = parsed.get_ref<const std::string&>();
        if (!keys[static_cast<std::size_t>(depth - 1)].insert(name).second)
          fail(text("two entries are called ", in_quotes(name)));
      }
      return true;
    };
    try {
      return nlohmann::json::parse(header, check);
    } catch (const nlohmann::json::parse_error& error) {
      fail(text("its header is not JSON at byte ", error.byte));
    } catch (const nlohmann::json::out_of_range&) {
      fail("its header has a number that is too large");
    }
  }

  void read_metadata(const nlohmann::json& value, std::map<std::string, std::string>& metadata) const {
    if (!value.is_object()) fail("its metadata are not an object");
    for (const auto& [key, entry] : value.items()) {
      if (!entry.is_string()) fail(text("the metadata entry ", in_quotes(key), " is not a text"));
      metadata[key] = entry;
    }
  }

  Entry read_entry(const std::string& name, const nlohmann::json& value) const {
    const auto has = [&](const char* key) { return value.contains(key); };
    if (!value.is_object() || value.size() != 3 || !has("dtype") || !has("shape") || !has("data_offsets")) {
      fail(name, "should have dtype, shape and data_offsets, and nothing else");
    }
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

  void check_coverage(const std::vector<Entry>& entries) const {
    std::uint64_t covered = 0;
    for (const Entry& entry : entries) {
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

  Tensor read_tensor(const Entry& entry) {
    const auto with = [&]<class T>(T) {
      std::vector<T> values((entry.end - entry.begin) / sizeof(T));
      read(std::span(values));
      return Tensor{entry.name, entry.shape, std::move(values)};
    };
    if (entry.dtype == "F32") return with(float{});
    if (entry.dtype == "F64") return with(double{});
    if (entry.dtype == "I64") return with(std::int64_t{});
    fail(entry.name, text("has dtype ", entry.dtype, "; F32, F64 and I64 can be read: convert it"));
  }

  FileReader file_;
  std::uint64_t data_bytes_ = 0;
};

}  // namespace

Safetensors load_safetensors(const std::filesystem::path& path) { return Loader(path).load(); }

}  // namespace evengrad
