#include <evengrad/training/tensor_names.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace evengrad {

namespace {

// What Keras calls the parts of a layer.
const std::map<std::string, std::string, std::less<>> keras_names = {{"kernel", "weight"},
                                                                     {"gamma", "weight"},
                                                                     {"beta", "bias"},
                                                                     {"moving_mean", "running_mean"},
                                                                     {"moving_variance", "running_var"}};

struct LayerParts {
  std::string name;
  std::map<std::string, std::vector<Index>> parts = {};  // shapes, by our names
};

std::pair<std::string, std::string> split_name(const std::string& name) {
  const std::size_t dot = name.find_last_of("./");
  return dot == std::string::npos ? std::pair(std::string(), name)
                                  : std::pair(name.substr(0, dot), name.substr(dot + 1));
}

std::string part_name(const std::string& part) {
  const auto keras = keras_names.find(part);
  return keras == keras_names.end() ? part : keras->second;
}

void add(std::vector<LayerParts>& layers, const std::string& layer, const std::string& part, std::vector<Index> shape) {
  auto at = std::find_if(layers.begin(), layers.end(), [&](const LayerParts& l) { return l.name == layer; });
  if (at == layers.end()) at = layers.insert(at, LayerParts{layer});
  at->parts[part] = std::move(shape);
}

std::vector<Index> transposed(std::vector<Index> shape) {
  std::reverse(shape.begin(), shape.end());
  return shape;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A name without its numbers, and these.
std::pair<std::string, std::vector<int>> pattern(const std::string& name) {
  std::string words;
  std::vector<int> numbers;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!is_digit(name[i])) {
      words += name[i];
      continue;
    }
    if (i == 0 || !is_digit(name[i - 1])) {
      numbers.push_back(0);
      if (words.ends_with('_')) words.pop_back();  // "dense", "dense_1"
    }
    numbers.back() = std::min(100'000'000, 10 * numbers.back() + (name[i] - '0'));
  }
  return {words, numbers};
}

// LayerParts by layer, in the order of their numbers; empty where there is no order, or some layer does not fit.
std::map<std::string, std::string> by_number(std::vector<LayerParts> from, const std::vector<LayerParts>& to) {
  if (from.size() != to.size()) return {};
  std::map<std::string, std::string> names;
  std::sort(from.begin(), from.end(),
            [](const LayerParts& a, const LayerParts& b) { return pattern(a.name).second < pattern(b.name).second; });
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (pattern(from[i].name).first != pattern(from[0].name).first || from[i].parts != to[i].parts) return {};
    names[from[i].name] = to[i].name;
  }
  return names;
}

// Where each layer fits one place only.
std::map<std::string, std::string> by_shape(const std::vector<LayerParts>& from, const std::vector<LayerParts>& to) {
  std::map<std::string, std::string> names;
  std::set<std::string> taken;
  for (const LayerParts& layer : from) {
    const auto fits = [&](const LayerParts& place) { return place.parts == layer.parts; };
    if (std::count_if(to.begin(), to.end(), fits) != 1) return {};
    names[layer.name] = std::find_if(to.begin(), to.end(), fits)->name;
    if (!taken.insert(names[layer.name]).second) return {};
  }
  return names;
}

void transpose(Tensor& tensor) {
  std::visit(
      [&](auto& values) {
        const auto rows = static_cast<std::size_t>(tensor.shape[0]),
                   columns = static_cast<std::size_t>(tensor.shape[1]);
        auto turned = values;
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t c = 0; c < columns; ++c) turned[c * rows + r] = values[r * columns + c];
        }
        values = std::move(turned);
      },
      tensor.values);
  tensor.shape = transposed(tensor.shape);
}

}  // namespace

void rename_tensors(std::vector<Tensor>& tensors, std::string_view changes) {
  while (!changes.empty()) {
    const std::size_t comma = changes.find(','), equals = changes.find('=');
    const std::string_view change = changes.substr(0, comma);
    if (equals == changes.npos || equals >= change.size() || equals == 0) {
      throw UsageError(text("--rename: expected OLD=NEW, got ", in_quotes(change)));
    }
    const std::string_view before = change.substr(0, equals), after = change.substr(equals + 1);
    bool found = false;
    for (Tensor& tensor : tensors) {
      const std::string name = "." + tensor.name + ".";
      const std::size_t at = name.find("." + std::string(before) + ".");
      if (at == std::string::npos) continue;
      tensor.name.replace(at, before.size(), after);
      if (tensor.name.starts_with('.')) tensor.name.erase(0, 1);
      found = true;
    }
    if (!found) {
      throw UsageError(text("--rename: no tensor's name has the part ", in_quotes(before), "; the file has ",
                            tensors_text(tensors)));
    }
    changes.remove_prefix(comma == changes.npos ? changes.size() : comma + 1);
  }
}

void adopt_names(std::vector<Tensor>& tensors, std::span<const ParameterShape> parameters) {
  std::vector<LayerParts> from, to;
  for (const ParameterShape& parameter : parameters) {
    const auto [layer, part] = split_name(parameter.name);
    add(to, layer, part, parameter.shape);
  }
  bool known = true;
  for (Tensor& tensor : tensors) {
    const auto [layer, part] = split_name(tensor.name);
    if (part == "num_batches_tracked") continue;
    const bool kernel = part == "kernel" && tensor.shape.size() == 2;
    add(from, layer, part_name(part), kernel ? transposed(tensor.shape) : tensor.shape);
    known = known &&
            std::any_of(parameters.begin(), parameters.end(), [&](const auto& p) { return p.name == tensor.name; });
  }
  if (known) return;
  std::map<std::string, std::string> names = by_number(from, to);
  if (names.empty()) names = by_shape(from, to);
  if (names.empty()) return;
  for (Tensor& tensor : tensors) {
    const auto [layer, part] = split_name(tensor.name);
    if (part == "kernel" && tensor.shape.size() == 2) transpose(tensor);
    const auto name = names.find(layer);
    if (name != names.end()) tensor.name = (name->second.empty() ? "" : name->second + ".") + part_name(part);
  }
}

std::string shape_text(const std::vector<Index>& shape) {
  std::string all;
  for (const Index size : shape) all += (all.empty() ? "" : ", ") + std::to_string(size);
  return "(" + all + ")";
}

std::string tensors_text(const std::vector<Tensor>& tensors) {
  constexpr std::size_t most = 20;
  std::string all;
  for (std::size_t i = 0; i < std::min(most, tensors.size()); ++i) {
    all += (i > 0 ? ", " : "") + in_quotes(tensors[i].name, 60) + " " + shape_text(tensors[i].shape);
  }
  return tensors.size() > most ? text(all, " and ", tensors.size() - most, " more") : all;
}

}  // namespace evengrad
