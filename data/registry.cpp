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

template <Real S>
Split<S> split_and_normalize(const Dataset<double>& data, const DataOptions& options) {
  const Rng rng = Rng(options.seed).split("data").split("test rows");
  Split<S> split = split_rows(convert<S>(data), options.test_fraction.value_or(default_test_fraction), rng);
  if (options.normalize == Normalize::standard) standardize(split, Statistics::per_feature);
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
  return split_and_normalize<S>(data, options);
}

template <Real S>
Split<S> load(const ImageSet& set, const DataOptions& options) {
  refuse_csv_options(options);
  refuse(options.noise.has_value(), "--noise", options, "it is for generators");
  refuse(options.test_fraction.has_value(), "--test-fraction", options, "it has a test set of its own");
  check_samples(options, 1);
  Split<S> split = load_images<S>(set, options.roots, options.samples.value_or(0));
  split.train.name = split.test.name = options.name;
  if (options.normalize == Normalize::standard) standardize(split, Statistics::shared);
  return split;
}

template <Real S>
Split<S> load_csv_file(const DataOptions& options) {
  refuse(options.noise.has_value(), "--noise", options, "it is for generators");
  refuse(options.samples.has_value(), "--samples", options, "a CSV file is used whole");
  const CsvOptions how{.target = options.target, .task = options.task};
  const CsvDataset csv = options.csv ? parse_csv(options.name, *options.csv, how) : load_csv(options.name, how);
  Split<S> split = split_and_normalize<S>(csv.data, options);
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
