#include <evengrad/training/model_file.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/training/safetensors.hpp>
#include <evengrad/training/tensor_names.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace evengrad {

namespace {

using Json = nlohmann::json;

template <Real S>
std::vector<Tensor> tensors_of(Layer<S>& model) {
  std::vector<Tensor> tensors;
  model.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
    const S* first = parameter.value.data();
    tensors.push_back({path.str(), parameter.shape(), std::vector<S>(first, first + parameter.value.size())});
  });
  return tensors;
}

Json to_json(const Normalization& normalization) {
  return {{"mean", normalization.mean}, {"scale", normalization.scale}};
}

Normalization read_normalization(const Json& json) {
  Normalization read;
  read.mean = json.at("mean").get<std::vector<double>>();
  read.scale = json.at("scale").get<std::vector<double>>();
  return read;
}

constexpr std::string_view column_kinds[] = {"number", "date", "category"};

Json to_json(const TableEncoding& encoding) {
  Json columns = Json::array();
  for (const ColumnEncoding& column : encoding.columns) {
    columns.push_back({{"name", column.name}, {"kind", column_kinds[column.kind]}, {"values", column.values}});
  }
  return {{"columns", columns},
          {"targets", encoding.targets},
          {"fill", encoding.fill},
          {"missing_values", encoding.missing_values},
          {"dates", encoding.dates}};
}

TableEncoding read_encoding(const Json& json) {
  TableEncoding read;
  for (const Json& column : json.at("columns")) {
    const auto kind = std::find(std::begin(column_kinds), std::end(column_kinds), column.at("kind").get<std::string>());
    if (kind == std::end(column_kinds)) throw Error(text("a column's kind is ", column.at("kind").dump()));
    read.columns.push_back({column.at("name").get<std::string>(),
                            static_cast<ColumnEncoding::Kind>(kind - std::begin(column_kinds)),
                            column.at("values").get<std::vector<std::string>>()});
  }
  read.targets = json.at("targets").get<std::vector<std::string>>();
  read.fill = json.at("fill").get<std::vector<double>>();
  read.missing_values = json.at("missing_values").get<std::string>();
  read.dates = json.at("dates").get<std::string>();
  return read;
}

// A file's metadata.
template <Real S>
std::map<std::string, std::string> description(Layer<S>& model, const ModelData& data, Shape inputs) {
  const std::vector<Weight<S>> all = weights(model);
  if (inputs.cols == 0) inputs = {1, all.empty() ? 1 : all.front().weight->value.cols()};
  const Activation* f = all.empty() ? nullptr : all.front().role.activation;
  const Json architecture = {{"type", "net"},
                             {"net", model.word()},
                             {"rows", inputs.rows},
                             {"inputs", inputs.cols},
                             {"height", inputs.height},
                             {"width", inputs.width},
                             {"activation", f ? f->name() : "identity"}};
  std::map<std::string, std::string> entries = {{"schema_version", "1"},
                                                {"architecture", architecture.dump()},
                                                {"data", data.name},
                                                {"task", std::string(choice_word(data.task))},
                                                {"feature_names", Json(data.feature_names).dump()},
                                                {"class_names", Json(data.class_names).dump()},
                                                {"normalization", to_json(data.normalization).dump()}};
  if (!data.target_units.mean.empty()) entries["target_units"] = to_json(data.target_units).dump();
  if (!data.encoding.columns.empty()) entries["encoding"] = to_json(data.encoding).dump();
  if (!data.tokens.empty()) entries["tokens"] = Json(data.tokens).dump();
  if (data.lines) entries["items"] = "lines";
  if (data.order != Order::rows) entries["order"] = choice_word(data.order);
  return entries;
}

// What a file's tensors confirm of its description, which is believed no further.
struct Content {
  std::size_t tensors = 0;
  std::size_t values = 0;
};

Content content_of(const Safetensors& file) {
  Content content{.tensors = file.tensors.size()};
  for (const Tensor& tensor : file.tensors) {
    content.values += std::visit([](const auto& values) { return values.size(); }, tensor.values);
  }
  return content;
}

// A value costs up to 100 bytes, so a file with few weights may not have many.
Json parse_json(const std::string& json, const Content& content) {
  const std::size_t most = 100'000 + content.values / 16;
  std::size_t values = 0;
  return Json::parse(json, [&](int, Json::parse_event_t, Json&) {
    if (++values > most) throw Error(text("its metadata have a list of more than ", most, " values"));
    return true;
  });
}

Index read_width(const Json& json) {
  const bool whole = json.is_number_unsigned() && json.get<std::uint64_t>() <= std::uint64_t{PTRDIFF_MAX};
  if (!whole || json == 0)
    throw Error(text("a width is ", in_quotes(json.dump()), ", expected a whole number from 1 on"));
  return json.get<Index>();
}

// The numbers that an architecture asks for: weights, biases and what normalizations keep.
double size_of(const MlpOptions& options) {
  const double kept = options.norm == Norm::batch ? 4 : options.norm == Norm::layer ? 2 : 0;
  double total = 0;
  auto inputs = static_cast<double>(options.inputs);
  for (const Index width : options.hidden) {
    total += (inputs + 1 + kept) * static_cast<double>(width);
    inputs = static_cast<double>(width);
  }
  return total + (inputs + 1) * static_cast<double>(options.outputs);
}

// What programs before the nets in one line wrote.
MlpOptions read_mlp(const Json& json, const Content& content) {
  MlpOptions options;
  options.inputs = read_width(json.at("inputs"));
  for (const Json& width : json.at("hidden").get<std::vector<Json>>()) options.hidden.push_back(read_width(width));
  options.outputs = read_width(json.at("outputs"));
  options.norm = parse_choice<Norm>("norm", json.at("norm").get<std::string>());
  if (options.hidden.size() >= content.tensors) {
    throw Error(text("it has ", options.hidden.size() + 1, " layers, the file ", content.tensors, " tensors"));
  }
  if (size_of(options) > static_cast<double>(content.values)) {
    throw Error(text("its widths need ", size_of(options), " numbers, the file holds ", content.values));
  }
  const auto names = json.at("activations").get<std::vector<std::string>>();
  if (names.size() > std::max<std::size_t>(1, options.hidden.size())) {
    throw Error(text("it has ", names.size(), " activations for ", options.hidden.size(), " hidden layers"));
  }
  for (const std::string& name : names) options.activations.push_back(activation(name));
  options.dropout = json.at("dropout").get<double>();
  options.residual = json.at("residual").get<bool>();
  return options;
}

template <Real S>
Sequential<S> read_net(const Json& json, const Content& content, Shape& inputs, Index tokens) {
  if (json.at("type") == "mlp") {
    const MlpOptions options = read_mlp(json, content);
    inputs = {1, options.inputs};
    return mlp<S>(options);
  }
  if (json.at("type") != "net") throw Error("its type is neither 'net' nor 'mlp'");
  inputs = {1, read_width(json.at("rows")), read_width(json.at("inputs"))};
  inputs.height = json.at("height").get<std::int32_t>();
  inputs.width = json.at("width").get<std::int32_t>();
  if (inputs.height < 0 || inputs.width < 0 ||
      (inputs.height != 0 && Index{inputs.height} * inputs.width != inputs.rows)) {
    throw Error("its height and width are not those of its rows");
  }
  return build_net<S>(json.at("net").get<std::string>(),
                      {.inputs = inputs, .most_parameters = static_cast<double>(content.values), .tokens = tokens});
}

template <Real S>
void assign(const std::filesystem::path& path, const std::vector<Tensor>& tensors, Layer<S>& model) {
  std::map<std::string_view, const Tensor*> by_name;
  for (const Tensor& tensor : tensors) by_name[tensor.name] = &tensor;
  const auto fail = [&](const std::string& why) { throw FileError(text(in_quotes(path.string()), ": ", why)); };
  model.visit(Path(), [&](const Path& where, Parameter<S>& parameter) {
    const std::string name = where.str();
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      fail(text("has no tensor '", name, "' ", shape_text(parameter.shape()), "; it has ", tensors_text(tensors)));
    }
    const Tensor& tensor = *found->second;
    if (tensor.shape != parameter.shape()) {
      std::vector<Index> turned = tensor.shape;
      std::reverse(turned.begin(), turned.end());
      fail(text(
          "tensor '", name, "' is ", shape_text(tensor.shape), ", the model's is ", shape_text(parameter.shape()),
          turned == parameter.shape() ? ": transposed, as kernels of Keras are; save it as (outputs, inputs)" : ""));
    }
    Index i = 0;
    std::visit(
        [&](const auto& numbers) {
          for (const auto number : numbers) {
            if (!std::isfinite(number)) fail(text("tensor '", name, "' holds ", number, " at element ", i));
            parameter.value.data()[i++] = static_cast<S>(number);
          }
        },
        tensor.values);
    by_name.erase(found);
  });
  // PyTorch counts batches beside its running statistics; nothing here needs the count.
  std::erase_if(by_name, [](const auto& entry) { return entry.first.ends_with(".num_batches_tracked"); });
  if (!by_name.empty())
    fail(text("tensor ", in_quotes(by_name.begin()->first), " belongs to no parameter of the model; it has ",
              tensors_text(tensors)));
}

}  // namespace

template <Real S>
void save_model(const std::filesystem::path& path, Layer<S>& model, const ModelData& data, const Shape& inputs) {
  save_safetensors(path, tensors_of<S>(model), description(model, data, inputs));
}

template <Real S>
std::string model_bytes(Layer<S>& model, const ModelData& data, const Shape& inputs) {
  std::string bytes;
  write_safetensors(tensors_of<S>(model), description(model, data, inputs),
                    [&](std::string_view part) { bytes += part; });
  return bytes;
}

template <Real S>
void save_parameters(const std::filesystem::path& path, Layer<S>& model) {
  save_safetensors(path, tensors_of<S>(model), {});
}

template <Real S>
void load_parameters(const std::filesystem::path& path, Layer<S>& model, std::string_view rename) {
  std::vector<Tensor> tensors = load_safetensors(path).tensors;
  rename_tensors(tensors, rename);
  std::vector<ParameterShape> parameters;
  model.visit(Path(), [&](const Path& where, Parameter<S>& parameter) {
    parameters.push_back({where.str(), parameter.shape()});
  });
  adopt_names(tensors, parameters);
  assign<S>(path, tensors, model);
}

namespace {

// That what the metadata say of the data fits the model: it is used without another look.
void check_model_data(const ModelData& data, Index inputs, Index outputs) {
  const auto expect = [](std::string_view what, std::size_t count, std::initializer_list<Index> allowed) {
    if (std::find(allowed.begin(), allowed.end(), static_cast<Index>(count)) != allowed.end()) return;
    throw Error(text("it has ", count, " ", what, ", expected ", *(allowed.end() - 1)));
  };
  expect("feature names", data.feature_names.size(), {0, inputs});
  const Index classes = outputs == 1 ? 2 : outputs;  // two classes may share one logit
  if (data.task == Task::classification) expect("class names", data.class_names.size(), {0, outputs, classes});
  expect("means", data.normalization.mean.size(), {0, 1, inputs});
  expect("means of targets", data.target_units.mean.size(), {0, outputs});
  for (const Normalization* made : {&data.normalization, &data.target_units}) {
    expect("scales", made->scale.size(), {std::ssize(made->mean)});
    for (const double scale : made->scale) {
      if (!(scale > 0)) throw Error(text("a scale of its normalization is ", scale, ", expected a positive number"));
    }
  }
  if (data.encoding.columns.empty()) return;
  expect("features in its encoding", static_cast<std::size_t>(data.encoding.features()), {inputs});
  expect("values to fill in", data.encoding.fill.size(), {inputs});
}

template <Real S>
SavedModel<S> read_model(const std::filesystem::path& path, const Safetensors& file) {
  const auto entry = [&](const char* key) -> const std::string& {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end()) {
      throw FileError(
          text(in_quotes(path.string()), ": not a model saved by evengrad (its metadata has no '", key, "')"));
    }
    return found->second;
  };
  if (entry("schema_version") != "1") {
    throw FileError(text(in_quotes(path.string()), ": schema version ", in_quotes(entry("schema_version")),
                         ", this program reads 1"));
  }
  try {
    const Content content = content_of(file);
    const auto json = [&](const char* key) { return parse_json(entry(key), content); };
    Shape inputs;
    std::vector<std::string> tokens;
    if (file.metadata.contains("tokens")) tokens = json("tokens").template get<std::vector<std::string>>();
    SavedModel<S> saved{
        read_net<S>(json("architecture"), content, inputs, std::ssize(tokens)), {.name = entry("data")}, {}};
    saved.data.tokens = std::move(tokens);
    saved.data.lines = file.metadata.contains("items");
    if (file.metadata.contains("order")) saved.data.order = parse_choice<Order>("order", entry("order"));
    saved.inputs = inputs;
    saved.data.task = entry("task") == "regression" ? Task::regression : Task::classification;
    saved.data.feature_names = json("feature_names").template get<std::vector<std::string>>();
    saved.data.class_names = json("class_names").template get<std::vector<std::string>>();
    saved.data.normalization = read_normalization(json("normalization"));
    if (file.metadata.contains("target_units")) saved.data.target_units = read_normalization(json("target_units"));
    if (file.metadata.contains("encoding")) saved.data.encoding = read_encoding(json("encoding"));
    check_model_data(saved.data, inputs.size(), saved.outputs());
    assign<S>(path, file.tensors, saved.model);
    return saved;
  } catch (const FileError&) {
    throw;
  } catch (const std::exception& error) {
    throw FileError(
        text(in_quotes(path.string()), ": its description of the model is wrong: ", on_one_line(error.what(), 1000)));
  }
}

}  // namespace

template <Real S>
SavedModel<S> load_model(const std::filesystem::path& path) {
  return read_model<S>(path, load_safetensors(path));
}

template <Real S>
std::optional<SavedModel<S>> find_model(const std::filesystem::path& path) {
  const Safetensors file = load_safetensors(path);
  if (!file.metadata.contains("architecture")) return std::nullopt;
  return read_model<S>(path, file);
}

template <Real S>
std::string widths(Layer<S>& model) {
  std::string all;
  Index outputs = 0;
  for (const Weight<S>& weight : weights(model)) {
    const Matrix<S>& value = weight.weight->value;
    if (weight.role.kind != WeightKind::linear || (outputs != 0 && value.cols() != outputs)) return model.word();
    outputs = value.rows();
    if (all.empty()) all = std::to_string(value.cols());
    all += "-" + std::to_string(outputs);
  }
  return all.empty() ? model.word() : all;
}

#define EVENGRAD_INSTANTIATE(S)                                                                      \
  template void save_model(const std::filesystem::path&, Layer<S>&, const ModelData&, const Shape&); \
  template std::string model_bytes(Layer<S>&, const ModelData&, const Shape&);                       \
  template void save_parameters(const std::filesystem::path&, Layer<S>&);                            \
  template void load_parameters(const std::filesystem::path&, Layer<S>&, std::string_view);          \
  template SavedModel<S> load_model(const std::filesystem::path&);                                   \
  template std::optional<SavedModel<S>> find_model(const std::filesystem::path&);                    \
  template std::string widths(Layer<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
