// The one list of datasets, and how a name on the command line becomes training and test data.
#pragma once

#include <evengrad/data/dataset.hpp>
#include <evengrad/data/idx.hpp>

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

struct DatasetInfo {
  std::string_view name, description;
  std::variant<Generator, ImageSet> source;
};

/// Everything that has a name. A new dataset is one more entry.
const std::vector<DatasetInfo>& datasets();

enum class Normalize { standard, none };

struct DataOptions {
  std::string name;                           ///< one of datasets(), or the path of a CSV file
  std::optional<std::string> csv = {};        ///< what that file holds, where it is no file
  std::optional<Index> samples = {};          ///< generators: how many; images: only the first of the training set
  std::optional<double> noise = {};           ///< generators: the standard deviation
  std::optional<double> test_fraction = {};   ///< generators and CSV: 0.2 unless told, 0 trains on all rows
  std::string target = {};                    ///< CSV: the label's column, the last one unless told
  std::optional<Task> task = {};              ///< CSV: inferred unless told
  Normalize normalize = Normalize::standard;  ///< one pair for images, else one a column
  std::uint64_t seed = 1;
  std::vector<std::filesystem::path> roots = {"/usr/share/datasets"};  ///< where to look for images, in this order
};

/// Loads or draws the data, splits and normalizes them. Throws UsageError for an unknown name or an option that is
/// wrong or does not belong to this kind of data, FileError for files that are missing or broken.
template <Real S>
Split<S> load_data(const DataOptions& options);

}  // namespace evengrad
