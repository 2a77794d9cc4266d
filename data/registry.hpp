// The one list of datasets, and how a name on the command line becomes training and test data.
#pragma once

#include <evengrad/data/dataset.hpp>
#include <evengrad/data/idx.hpp>
#include <evengrad/data/table_options.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace evengrad {

/// A function that draws a dataset, with the number of samples and the noise it takes unless told.
struct Generator {
  Dataset<double> (*draw)(Index samples, double noise, Rng rng);
  Index samples;
  double noise;
};

/// A text file below one of the roots.
struct TextSet {
  std::string_view file;
  bool lines;  ///< each line is a sample
};

struct DatasetInfo {
  std::string_view name, description;
  std::variant<Generator, ImageSet, TextSet> source;
};

/// Everything that has a name. A new dataset is one more entry.
const std::vector<DatasetInfo>& datasets();

enum class Normalize { standard, none };

template <>
struct Choices<Order> {
  static constexpr std::pair<std::string_view, Order> words[] = {
      {"rows", Order::rows}, {"pixels", Order::pixels}, {"permuted", Order::permuted}};
};

/// What a text file holds.
enum class Items { text, lines };

template <>
struct Choices<Items> {
  static constexpr std::pair<std::string_view, Items> words[] = {{"text", Items::text}, {"lines", Items::lines}};
};

template <>
struct Choices<Normalize> {
  static constexpr std::pair<std::string_view, Normalize> words[] = {{"standard", Normalize::standard},
                                                                     {"none", Normalize::none}};
};

/// Capitals and dashes do not count. Null if there is none of this name.
const DatasetInfo* find_dataset(std::string_view name);

struct DataOptions {
  std::string name;                           ///< one of datasets(), or the path of a CSV file
  std::optional<std::string> csv = {};        ///< what that file holds, where it is no file
  std::optional<Index> samples = {};          ///< generators: how many; images: only the first of the training set
  std::optional<double> noise = {};           ///< generators: the standard deviation
  std::optional<double> test_fraction = {};   ///< generators and CSV: 0.2 unless told, 0 trains on all rows
  TableOptions table = {};                    ///< CSV
  Order order = Order::rows;                  ///< images, for nets that take sequences
  Index context = 64;                         ///< text: characters of a window
  std::optional<Items> items = {};            ///< makes a file text: one text, or each line by itself
  bool lowercase = false;                     ///< text: of ASCII letters
  Normalize normalize = Normalize::standard;  ///< one pair for images, else one a column; CSV: the target too
  /// Data for a model that is trained: its features in its order, its numbering of the classes and its normalization,
  /// which takes the place of `normalize`; its task is that of CSV files unless told.
  std::optional<ModelData> trained_on = {};
  Index folds = 0, fold = 0;  ///< instead of a test fraction, part `fold` of as many is the test set
  std::uint64_t seed = 1;
  std::vector<std::filesystem::path> roots = {"/usr/share/datasets"};  ///< where to look for images, in this order

  template <class F>
  void fields(F& f) {
    f.group("Data");
    f({.name = "data", .help = "A data set (evengrad list datasets) or the path of a CSV file", .required = true},
      name);
    f({.name = "samples", .help = "Generators: how many samples; images: only the first of the training set"}, samples);
    f({.name = "noise", .help = "Generators: standard deviation of the noise"}, noise);
    f({.name = "test-fraction", .help = "Generators and CSV: share held out for testing [0.2]"}, test_fraction);
    table.fields(f);
    f({.name = "normalize", .help = "standard (the training set's mean and standard deviation) or none"}, normalize);
    f({.name = "order",
       .help = "Images in recurrent nets: a row of pixels per step, or a pixel per step (pixels, permuted)"},
      order);
    f({.name = "context", .help = "Text: characters per window"}, context);
    f({.name = "items",
       .help = "The file is text, or lines, each a sample with an end token [text, for .txt files and nets of tokens]",
       .show_default = false},
      items);
    f({.name = "lowercase", .help = "Text: A to Z become a to z"}, lowercase);
  }
};

/// Loads or draws the data, splits and normalizes them. Throws UsageError for an unknown name or an option that is
/// wrong or does not belong to this kind of data, FileError for files that are missing or broken, Error for data that
/// are not like those that a model was trained on.
template <Real S>
Split<S> load_data(const DataOptions& options);

}  // namespace evengrad
