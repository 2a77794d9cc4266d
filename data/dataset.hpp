// Samples with their labels or targets: checks, splits and normalization.
#pragma once

#include <evengrad/core/random.hpp>
#include <evengrad/core/tape.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace evengrad {

enum class Task { classification, regression };

/// How a recurrent net reads an image: a row of pixels per step, a pixel per step, or those in a fixed random order.
enum class Order { rows, pixels, permuted };

/// What was taken from and divided out of the inputs or targets: x -> (x - mean) / scale. One number for all columns,
/// one a column, or none where nothing was done.
struct Normalization {
  std::vector<double> mean = {}, scale = {};

  template <Real S>
  void apply(Matrix<S>& numbers) const;
  /// The way back: x -> mean + scale x.
  template <Real S>
  void undo(Matrix<S>& numbers) const;
};

/// What a net learns from. Fill one in to train on your own matrices; whatever takes one checks it first.
template <Real S>
struct Dataset {
  std::string name = {};
  Task task = Task::classification;
  Matrix<S> inputs = {};                  ///< (samples, features)
  std::vector<std::int32_t> labels = {};  ///< classification: one per sample or row of one, in [0, classes)
  Matrix<S> targets = {};                 ///< regression: (samples, outputs)
  Index classes = 0;
  std::vector<std::string> feature_names = {};  ///< one a feature, or empty
  std::vector<std::string> class_names = {};    ///< one a class, or empty
  Normalization target_units = {};              ///< what was done to the targets; metrics are given without it
  std::vector<std::int32_t> strata = {};        ///< splits keep the proportions of these groups; empty: of the labels

  /// Of one sample, as the net takes its features: (1, rows, columns) or an image. By default one row of all features.
  Shape sample = {};
  Shape image = {};                        ///< of one sample, where its features are the pixels of an image
  std::vector<std::int32_t> lengths = {};  ///< rows of each sample that count, the others are padding; empty: all
  bool label_per_row = false;              ///< each row of a sample has its label, or no_label, (samples * rows) in all
  std::vector<std::string> tokens = {};    ///< what the input k stands for, where inputs are numbers of tokens
  /// A text as numbers of tokens, in place of inputs and labels: samples are windows of sample.rows tokens, the labels
  /// the tokens behind each.
  std::vector<std::int32_t> text = {};

  /// Samples; of a text the windows side by side, of which the last may end early.
  Index size() const { return text.empty() ? inputs.rows() : (static_cast<Index>(text.size()) - 2) / sample.rows + 1; }
  Index features() const { return text.empty() ? inputs.cols() : sample.rows; }
  /// Of some samples, as the net takes them.
  Shape shape(Index samples) const {
    Shape all = sample.cols > 0 ? sample : Shape(1, features());
    all.blocks = samples;
    return all;
  }
  /// How many outputs a net for it has.
  Index outputs() const { return task == Task::classification ? classes : targets.cols(); }
  /// What a squared error of the net is in squares of the target's unit. Several targets, which may have several units,
  /// stay as they are: 1.
  double squared_unit() const {
    return target_units.scale.size() == 1 ? target_units.scale[0] * target_units.scale[0] : 1;
  }
};

/// Throws ShapeError where sizes disagree, NonFiniteError where an input or target is NaN or infinite, and Error where
/// a label is not a class; each names the row.
template <Real S>
void check(const Dataset<S>& dataset);

/// How often each class is the label, of 1.
template <Real S>
std::vector<double> class_shares(const Dataset<S>& dataset);

/// The dataset in another scalar type, rounded. Throws NonFiniteError if a number does not fit it.
template <Real To, Real From>
Dataset<To> convert(const Dataset<From>& dataset);

/// These rows, numbered from 0, in this order. Throws ShapeError for a row that there is not.
template <Real S>
Dataset<S> select_rows(const Dataset<S>& dataset, const std::vector<Index>& rows);

/// Numbers the classes as in `names`, which become the class names. Throws Error for a class that is not among them.
template <Real S>
void renumber_classes(Dataset<S>& dataset, const std::vector<std::string>& names);

enum class Statistics { shared, per_feature };

/// Mean and standard deviation (of the population, in double) of the inputs; what is constant gets scale 1. Throws
/// Error where the numbers are too large for it.
template <Real S>
Normalization measure_normalization(const Dataset<S>& dataset, Statistics statistics);

/// The same of the targets, a pair for each.
template <Real S>
Normalization measure_target_units(const Dataset<S>& dataset);

/// What becomes of a column: itself, days since 1970, or a feature for each of its values; two values share one.
struct ColumnEncoding {
  std::string name;
  enum Kind { number, date, category } kind = number;
  std::vector<std::string> values = {};  ///< of a category, sorted
  Index features() const { return kind != category ? 1 : values.size() == 2 ? 1 : static_cast<Index>(values.size()); }
};

/// All that turns a row of the raw file into a net's inputs. Saved with the model.
struct TableEncoding {
  std::vector<ColumnEncoding> columns = {};  ///< in the order of the features
  std::vector<std::string> targets = {};     ///< columns: one, several of a regression, or one for each class
  std::vector<double> fill = {};             ///< one a feature, for a missing or unknown value: the training mean
  std::string missing_values = {};           ///< as in TableOptions
  std::string dates = {};                    ///< as in TableOptions

  Index features() const;
  std::vector<std::string> feature_names() const;
};

/// What a trained model knows of its data: what its file keeps, and what further data are read to fit.
struct ModelData {
  std::string name;  ///< of the data
  Task task = Task::classification;
  std::vector<std::string> feature_names = {};
  std::vector<std::string> class_names = {};
  Normalization normalization = {};      ///< of the inputs
  Normalization target_units = {};       ///< of the targets of a regression
  TableEncoding encoding = {};           ///< of a CSV file
  std::vector<std::string> tokens = {};  ///< of a text or items
  Order order = Order::rows;             ///< of the pixels of images
  bool lines = false;                    ///< tokens are those of lines that begin and end with an end token
};

/// A training set, and a test set that may be empty.
template <Real S>
struct Split {
  Dataset<S> train, test;
  Normalization normalization = {};     ///< what was done to the inputs of both
  TableEncoding encoding = {};          ///< of a CSV file
  Order order = Order::rows;            ///< in which pixels are read
  std::vector<std::string> notes = {};  ///< what was decided on the way, a sentence each, for the user to read
};

/// Holds out a part of the rows, nearest to `test_fraction` but never all, drawn by `rng` with the proportions of the
/// strata or classes. Both parts keep the order of the rows. Validation rows are split off a training set the same way.
/// Throws UsageError unless 0 <= test_fraction < 1, and what check() throws.
template <Real S>
Split<S> split_rows(const Dataset<S>& dataset, double test_fraction, const Rng& rng);

/// Which rows split_rows() holds out.
template <Real S>
std::vector<bool> draw_rows(const Dataset<S>& dataset, double test_fraction, const Rng& rng);

/// The rows of one of `folds` parts of equal size to within a row, drawn as above. Throws UsageError unless
/// 0 <= fold < folds <= rows and there are at least two.
template <Real S>
std::vector<bool> rows_of_fold(const Dataset<S>& dataset, Index fold, Index folds, const Rng& rng);

/// Splits the rows by these flags, one a row.
template <Real S>
Split<S> split_where(const Dataset<S>& dataset, const std::vector<bool>& is_test);

/// Normalizes the inputs of both parts with the training part's statistics.
template <Real S>
void standardize(Split<S>& split, Statistics statistics);

/// Normalizes the targets of both parts with the training part's statistics, kept as their target_units.
template <Real S>
void standardize_targets(Split<S>& split);

}  // namespace evengrad
