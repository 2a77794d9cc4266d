#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/csv.hpp>
#include <evengrad/data/generators.hpp>
#include <evengrad/data/registry.hpp>

#include <algorithm>

namespace evengrad {

namespace {

constexpr Index fewest_samples = 4, most_samples = 100'000'000;
constexpr double default_test_fraction = 0.2;

void refuse(bool given, std::string_view option, const DataOptions& options, std::string_view why) {
  if (given) throw UsageError(text(option, " does not go with the data ", in_quotes(options.name), ": ", why));
}

void check_samples(const DataOptions& options, Index fewest) {
  if (options.samples && (*options.samples < fewest || *options.samples > most_samples)) {
    throw UsageError(text("--samples is ", *options.samples, ", expected ", fewest, " to ", most_samples));
  }
}

void refuse_csv_options(const DataOptions& options) {
  refuse(!options.target.empty(), "--target", options, "it is for CSV files");
  refuse(options.task.has_value(), "--task", options, "it is for CSV files");
}

// Makes the data those that a model was trained on, in all but the rows.
template <Real S>
void adopt(Dataset<S>& data, const ModelData& model) {
  const std::string theirs = text("the model was trained on ", in_quotes(model.name));
  const auto task_name = [](Task task) { return task == Task::classification ? "a classification" : "a regression"; };
  if (data.task != model.task) {
    throw Error(text("data ", in_quotes(data.name), " are ", task_name(data.task), ", and ", theirs, ", ",
                     task_name(model.task)));
  }
  const std::vector<std::string>& features = model.feature_names;
  const bool counts_differ = !features.empty() && std::ssize(features) != data.features();
  if (counts_differ || (!features.empty() && !data.feature_names.empty() && data.feature_names != features)) {
    throw Error(text("data ", in_quotes(data.name), " have ", data.features(), " features",
                     data.feature_names.empty() ? "" : ": " + in_quotes(data.feature_names), "; ", theirs, " with ",
                     features.size(), ": ", in_quotes(features)));
  }
  if (!model.class_names.empty() && !data.class_names.empty()) renumber_classes(data, model.class_names);
  model.normalization.apply(data.inputs);
}

template <Real S>
Split<S> split_and_normalize(Dataset<double> data, const DataOptions& options) {
  if (options.trained_on) adopt(data, *options.trained_on);
  const Rng rng = Rng(options.seed).split("data").split("test rows");
  Split<S> split = split_rows(convert<S>(data), options.test_fraction.value_or(default_test_fraction), rng);
  if (options.trained_on) {
    split.normalization = options.trained_on->normalization;
  } else if (options.normalize == Normalize::standard) {
    standardize(split, Statistics::per_feature);
  }
  return split;
}

template <Real S>
Split<S> load(const Generator& generator, const DataOptions& options) {
  refuse_csv_options(options);
  check_samples(options, fewest_samples);
  const double noise = options.noise.value_or(generator.noise);
  if (!(noise >= 0 && noise <= 1e6)) throw UsageError(text("--noise is ", noise, ", expected 0 to 1e6"));
  const Rng rng = Rng(options.seed).split("data").split(options.name);
  Dataset<double> data = generator.draw(options.samples.value_or(generator.samples), noise, rng);
  data.name = options.name;
  return split_and_normalize<S>(std::move(data), options);
}

template <Real S>
Split<S> load(const ImageSet& set, const DataOptions& options) {
  refuse_csv_options(options);
  refuse(options.noise.has_value(), "--noise", options, "it is for generators");
  refuse(options.test_fraction.has_value(), "--test-fraction", options, "it has a test set of its own");
  check_samples(options, 1);
  Split<S> split = load_images<S>(set, options.roots, options.samples.value_or(0));
  split.train.name = split.test.name = options.name;
  if (options.trained_on) {
    for (Dataset<S>* part : {&split.train, &split.test}) adopt(*part, *options.trained_on);
    split.normalization = options.trained_on->normalization;
  } else if (options.normalize == Normalize::standard) {
    standardize(split, Statistics::shared);
  }
  return split;
}

template <Real S>
Split<S> load_csv_file(const DataOptions& options) {
  refuse(options.noise.has_value(), "--noise", options, "it is for generators");
  refuse(options.samples.has_value(), "--samples", options, "a CSV file is used whole");
  CsvOptions how{.target = options.target, .task = options.task};
  if (options.trained_on) {
    how.features = options.trained_on->feature_names;
    how.one_class = true;
    if (!how.task) how.task = options.trained_on->task;
  }
  CsvDataset csv = options.csv ? parse_csv(options.name, *options.csv, how) : load_csv(options.name, how);
  Split<S> split = split_and_normalize<S>(std::move(csv.data), options);
  split.notes.push_back(csv.note);
  return split;
}

bool is_path(const std::string& name) {
  std::error_code ignored;
  return name.find('/') != std::string::npos || name.ends_with(".csv") || std::filesystem::exists(name, ignored);
}

}  // namespace

const std::vector<DatasetInfo>& datasets() {
  static const std::vector<DatasetInfo> all = {
      {"xor", "the four corners of a square, opposite ones alike", Generator{xor_corners, 200, 0}},
      {"moons", "two half circles that reach into each other", Generator{moons, 1000, 0.1}},
      {"circles", "a circle within a circle", Generator{circles, 1000, 0.1}},
      {"spirals", "two spirals of 1.75 turns", Generator{spirals, 1000, 0}},
      {"blobs", "three Gaussian clouds", Generator{blobs, 1000, 1}},
      {"sine", "regression of a sine", Generator{sine, 1000, 0.1}},
      {"hills", "regression of two hills and two hollows in the plane", Generator{hills, 1000, 0.05}},
      {"teacher", "regression of what a random tanh net answers", Generator{teacher, 1000, 0}},
      {"mnist", "70,000 handwritten digits of 28 x 28 pixels (LeCun et al. 1998)",
       ImageSet{"mnist", {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}}},
      {"fashion_mnist", "70,000 pictures of clothes of 28 x 28 pixels (Xiao et al. 2017)",
       ImageSet{
           "fashion-mnist",
           {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"}}},
  };
  return all;
}

template <Real S>
Split<S> load_data(const DataOptions& options) {
  if (options.csv) return load_csv_file<S>(options);
  const auto entry = std::find_if(datasets().begin(), datasets().end(),
                                  [&](const DatasetInfo& info) { return info.name == options.name; });
  if (entry != datasets().end()) {
    return std::visit([&](const auto& source) { return load<S>(source, options); }, entry->source);
  }
  if (is_path(options.name)) return load_csv_file<S>(options);
  std::vector<std::string> known;
  for (const DatasetInfo& info : datasets()) known.emplace_back(info.name);
  throw UsageError(unknown_name("data", options.name, known) + "; a CSV file is named by its path");
}

template Split<float> load_data(const DataOptions&);
template Split<double> load_data(const DataOptions&);

}  // namespace evengrad
