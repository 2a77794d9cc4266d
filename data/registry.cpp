#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/generators.hpp>
#include <evengrad/data/idx_folder.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/data/table.hpp>
#include <evengrad/data/text.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

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

// Refuses every option of CSV files that is given.
struct CsvOnly {
  const DataOptions& options;

  template <class T>
  void operator()(const OptionInfo& info, const T& value) {
    refuse(value != T{}, text("--", info.name), options, "it is for CSV files");
  }
};

void refuse_csv_options(const DataOptions& options) {
  CsvOnly refuse_given{options};
  TableOptions(options.table).fields(refuse_given);
}

double test_fraction(const DataOptions& options) {
  refuse(options.folds != 0 && options.test_fraction.has_value(), "--test-fraction", options, "--folds decides");
  return options.test_fraction.value_or(default_test_fraction);
}

template <Real S>
std::vector<bool> random_rows(const Dataset<S>& data, const DataOptions& options) {
  const double fraction = test_fraction(options);
  const Rng rng = Rng(options.seed).split("data").split("test rows");
  return options.folds != 0 ? rows_of_fold(data, options.fold, options.folds, rng) : draw_rows(data, fraction, rng);
}

// The last rows of the file, or by the times that are the keys.
std::vector<bool> last_rows(const CsvDataset& csv, const DataOptions& options) {
  refuse(options.folds != 0, "--folds", options, "with --split time the future would train for the past");
  std::vector<std::size_t> order(static_cast<std::size_t>(csv.data.size()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!csv.keys.empty()) {
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return csv.keys[a] < csv.keys[b]; });
  }
  const double rows = static_cast<double>(order.size());
  const auto held = std::min(static_cast<std::size_t>(std::llround(test_fraction(options) * rows)), order.size() - 1);
  std::size_t first = order.size() - held;
  // Rows of one time stay together: the boundary moves to the nearer end of theirs.
  if (!csv.keys.empty() && held > 0) {
    const auto later = [&](double time, std::size_t row) { return time < csv.keys[row]; };
    const auto earlier = [&](std::size_t row, double time) { return csv.keys[row] < time; };
    const double time = csv.keys[order[first]];
    const auto begin =
        static_cast<std::size_t>(std::lower_bound(order.begin(), order.end(), time, earlier) - order.begin());
    const auto end =
        static_cast<std::size_t>(std::upper_bound(order.begin(), order.end(), time, later) - order.begin());
    if (begin == 0 && end == order.size()) {
      throw UsageError(text("--split ", options.table.split, ": all rows have the same time"));
    }
    const bool up = begin == 0 || (end < order.size() && end - first < first - begin);
    first = up ? end : begin;
  }
  std::vector<bool> is_test(order.size());
  for (std::size_t i = first; i < order.size(); ++i) is_test[order[i]] = true;
  return is_test;
}

// Whole groups in random order: to the smallest fold each, or to the test set while that brings it nearer its share.
std::vector<bool> groups_of_rows(const CsvDataset& csv, const DataOptions& options) {
  std::vector<Index> sizes;
  for (const double group : csv.keys) {
    sizes.resize(std::max(sizes.size(), static_cast<std::size_t>(group) + 1));
    ++sizes[static_cast<std::size_t>(group)];
  }
  const auto groups = static_cast<Index>(sizes.size());
  if (groups < std::max<Index>(2, options.folds)) {
    throw UsageError(text("--split ", options.table.split, ": there are only ", groups, " groups"));
  }
  const Rng rng = Rng(options.seed).split("data").split("test rows");
  std::vector<Index> fold_of(sizes.size()), fold_size(static_cast<std::size_t>(std::max<Index>(1, options.folds)));
  double left = test_fraction(options) * static_cast<double>(csv.data.size());
  for (const Index at : Rng(rng).permutation(groups)) {
    const auto group = static_cast<std::size_t>(at);
    if (options.folds != 0) {
      const auto smallest = std::min_element(fold_size.begin(), fold_size.end());
      fold_of[group] = smallest - fold_size.begin() == options.fold;
      *smallest += sizes[group];
    } else if (const auto size = static_cast<double>(sizes[group]); size <= 2 * left) {
      fold_of[group] = 1;
      left -= size;
    }
  }
  // Groups may all be larger than the share: then the smallest one.
  if (options.folds == 0 && left > 0 && std::find(fold_of.begin(), fold_of.end(), 1) == fold_of.end()) {
    fold_of[static_cast<std::size_t>(std::min_element(sizes.begin(), sizes.end()) - sizes.begin())] = 1;
  }
  std::vector<bool> is_test;
  for (const double group : csv.keys) is_test.push_back(fold_of[static_cast<std::size_t>(group)] == 1);
  return is_test;
}

Split<double> split_csv(CsvDataset& csv, const DataOptions& options) {
  const std::string& how = options.table.split;
  if (!options.table.test.empty()) {
    refuse(options.folds != 0, "--folds", options, "--test says what to test on");
    refuse(options.test_fraction.has_value(), "--test-fraction", options, "--test says what to test on");
    refuse(!how.empty(), "--split", options, "--test says what to test on");
    measure_fill(csv.data, csv.encoding);
    Dataset<double> test = load_csv_like(options.table.test, csv.encoding, csv.data, options.table);
    csv.note += text("; ", test.size(), " test rows from ", in_quotes(options.table.test));
    return {.train = std::move(csv.data), .test = std::move(test)};
  }
  if (how.starts_with("time")) return split_where(csv.data, last_rows(csv, options));
  if (how.starts_with("group")) return split_where(csv.data, groups_of_rows(csv, options));
  return split_where(csv.data, random_rows(csv.data, options));
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
  if (data.task == Task::regression && !model.target_units.mean.empty()) {
    model.target_units.apply(data.targets);
    data.target_units = model.target_units;
  }
}

template <Real S>
Split<S> split_and_normalize(Dataset<double> data, const DataOptions& options) {
  if (options.trained_on) adopt(data, *options.trained_on);
  check(data);
  Split<S> split = split_where(convert<S>(data), random_rows(data, options));
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

void refuse_for_images(const DataOptions& options) {
  refuse_csv_options(options);
  refuse(options.noise.has_value(), "--noise", options, "it is for generators");
  refuse(options.test_fraction.has_value(), "--test-fraction", options, "it has a test set of its own");
  refuse(options.folds != 0, "--folds", options, "it has a test set of its own");
  check_samples(options, 1);
}

template <Real S>
Split<S> normalize_images(Split<S> split, const DataOptions& options) {
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
Split<S> load(const ImageSet& set, const DataOptions& options) {
  refuse_for_images(options);
  Split<S> split = load_images<S>(set, options.roots, options.samples.value_or(0));
  split.notes.push_back(text("read ", options.name, " from ", in_quotes(split.train.name)));
  return normalize_images(std::move(split), options);
}

template <Real S>
Split<S> load_text_file(const std::filesystem::path& path, bool lines, const DataOptions& options) {
  refuse_csv_options(options);
  refuse(options.noise.has_value(), "--noise", options, "it is for generators");
  refuse(options.test_fraction.has_value(), "--test-fraction", options, "a tenth of a text is for testing");
  refuse(options.folds != 0, "--folds", options, "a tenth of a text is for testing");
  check_samples(options, 1);
  const bool of_text = !options.trained_on || !options.trained_on->tokens.empty();
  refuse(!of_text, "a model of other data", options, "its inputs are no characters");
  Split<S> split = load_text<S>(path, {.context = options.context,
                                       .lines = lines,
                                       .lowercase = options.lowercase,
                                       .samples = options.samples.value_or(0),
                                       .model = options.trained_on ? &*options.trained_on : nullptr});
  split.notes.push_back(text("read ", options.name, " from ", in_quotes(path.string()), ": ", split.train.classes,
                             " different characters"));
  split.train.name = split.test.name = options.name;
  return split;
}

template <Real S>
Split<S> load(const TextSet& set, const DataOptions& options) {
  std::string tried;
  for (const std::filesystem::path& root : options.roots) {
    const std::filesystem::path path = root / set.file;
    if (std::filesystem::exists(path)) return load_text_file<S>(path, set.lines, options);
    tried += (tried.empty() ? "" : ", ") + in_quotes(path.string());
  }
  throw FileError(text("the data ", options.name, " are not there (looked for ", tried,
                       "): run scripts/setup, or name a text file by its path"));
}

constexpr std::string_view idx_prefix = "idx:";

template <Real S>
Split<S> load_idx_files(const DataOptions& options) {
  refuse_for_images(options);
  return normalize_images(load_idx_folder<S>(options.name.substr(idx_prefix.size()), options.samples.value_or(0)),
                          options);
}

template <Real S>
Split<S> load_csv_file(const DataOptions& options) {
  refuse(options.noise.has_value(), "--noise", options, "it is for generators");
  refuse(options.samples.has_value(), "--samples", options, "a CSV file is used whole");
  if (options.trained_on) {
    CsvDataset csv = load_csv_for(*options.trained_on, options.name, options.table);
    Split<S> split = split_and_normalize<S>(std::move(csv.data), options);
    split.encoding = std::move(csv.encoding);
    split.notes.push_back(std::move(csv.note));
    return split;
  }
  CsvDataset csv =
      options.csv ? parse_csv(options.name, *options.csv, options.table) : load_csv(options.name, options.table);
  Split<double> wide = split_csv(csv, options);
  csv.data = {};
  measure_fill(wide.train, csv.encoding);
  fill_missing(wide.train.inputs, csv.encoding);
  fill_missing(wide.test.inputs, csv.encoding);
  // In double: a column of times or prices has its information beyond the digits of a float.
  if (options.normalize == Normalize::standard) {
    standardize(wide, Statistics::per_feature);
    if (wide.train.task == Task::regression) standardize_targets(wide);
  }
  Split<S> split{.train = convert<S>(wide.train),
                 .test = convert<S>(wide.test),
                 .normalization = std::move(wide.normalization),
                 .encoding = std::move(csv.encoding),
                 .notes = {std::move(csv.note)}};
  return split;
}

// In any case, with - for _.
std::string dataset_name(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return name;
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
      {"moby_dick", "the characters of a novel (Melville 1851), 1.2 million", TextSet{"text/moby_dick.txt", false}},
      {"names", "4,951 female first names, a line each", TextSet{"text/female_names.txt", true}},
      {"male_names", "3,898 male first names, a line each", TextSet{"text/male_names.txt", true}},
  };
  return all;
}

const DatasetInfo* find_dataset(std::string_view name) {
  const std::string same = dataset_name(std::string(name));
  const auto entry =
      std::find_if(datasets().begin(), datasets().end(), [&](const DatasetInfo& info) { return info.name == same; });
  return entry == datasets().end() ? nullptr : &*entry;
}

template <Real S>
Split<S> load_data(const DataOptions& options) {
  if (options.csv) return load_csv_file<S>(options);
  if (options.name.starts_with(idx_prefix)) return load_idx_files<S>(options);
  if (const DatasetInfo* entry = find_dataset(options.name)) {
    DataOptions named = options;
    named.name = entry->name;
    return std::visit([&](const auto& source) { return load<S>(source, named); }, entry->source);
  }
  if (options.items) return load_text_file<S>(options.name, options.items == Items::lines, options);
  if (is_path(options.name)) return load_csv_file<S>(options);
  std::vector<std::string> known;
  for (const DatasetInfo& info : datasets()) known.emplace_back(info.name);
  throw UsageError(unknown_name("data", options.name, known) +
                   "; a CSV file is named by its path, a folder of IDX files idx:FOLDER");
}

template Split<float> load_data(const DataOptions&);
template Split<double> load_data(const DataOptions&);

}  // namespace evengrad
