#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/dataset.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

namespace {

void check_count(std::string_view name, std::string_view what, std::size_t got, Index expected) {
  if (static_cast<Index>(got) != expected) {
    throw ShapeError(text("data ", in_quotes(name), ": there are ", got, " ", what, ", expected ", expected));
  }
}

template <Real S>
void check_finite(std::string_view name, std::string_view what, const Matrix<S>& values,
                  const std::vector<std::string>& names) {
  if ((values.array() * S{0}).sum() == 0) return;  // one fast pass; the row is looked for only if there is one
  for (Index row = 0; row < values.rows(); ++row) {
    if (values.row(row).allFinite()) continue;
    Index column = 0;
    while (std::isfinite(values(row, column))) ++column;
    const std::string column_name =
        names.empty() ? std::to_string(column + 1) : in_quotes(names[static_cast<std::size_t>(column)]);
    throw NonFiniteError(text("data ", in_quotes(name), ": ", what, " row ", row + 1, ", column ", column_name, " is ",
                              values(row, column), "; remove or repair the row"));
  }
}

// That there is a label or target for each row, and whatever else is given.
template <Real S>
void check_counts(const Dataset<S>& data) {
  if (data.sample.cols > 0 && data.shape(1).size() != data.features()) {
    throw ShapeError(text("data ", in_quotes(data.name), ": a sample has ", data.features(),
                          " features, and the shape ", data.shape(1)));
  }
  if (!data.lengths.empty()) check_count(data.name, "lengths", data.lengths.size(), data.size());
  if (!data.feature_names.empty()) check_count(data.name, "feature names", data.feature_names.size(), data.features());
  if (!data.strata.empty()) check_count(data.name, "strata", data.strata.size(), data.size());
  if (data.task == Task::regression) {
    check_count(data.name, "rows of targets", static_cast<std::size_t>(data.targets.rows()), data.size());
    if (data.outputs() == 0) throw ShapeError(text("data ", in_quotes(data.name), ": the targets have no column"));
    return;
  }
  if (data.classes < 1) {
    throw ShapeError(text("data ", in_quotes(data.name), ": it has ", data.classes, " classes, expected at least 1"));
  }
  if (data.text.empty()) {
    const Index labels = data.label_per_row ? data.size() * data.shape(1).rows : data.size();
    check_count(data.name, "labels", data.labels.size(), labels);
  }
  if (!data.class_names.empty()) check_count(data.name, "class names", data.class_names.size(), data.classes);
}

}  // namespace

template <Real S>
void check(const Dataset<S>& data) {
  if (data.size() == 0 || data.features() == 0) {
    throw ShapeError(text("data ", in_quotes(data.name), ": the inputs are (", data.size(), ", ", data.features(),
                          "), expected at least one sample and one feature"));
  }
  check_counts(data);
  check_finite(data.name, "inputs", data.inputs, data.feature_names);
  if (data.task == Task::regression) return check_finite(data.name, "targets", data.targets, {});
  for (const std::int32_t length : data.lengths) {
    if (length < 1 || length > data.shape(1).rows) {
      throw Error(
          text("data ", in_quotes(data.name), ": a length is ", length, ", expected 1 to ", data.shape(1).rows));
    }
  }
  for (const std::int32_t token : data.text) {
    if (token < 0 || token >= data.classes) {
      throw Error(text("data ", in_quotes(data.name), ": a token is ", token, ", expected 0 to ", data.classes - 1));
    }
  }
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    if (data.label_per_row && data.labels[i] == no_label) continue;
    if (data.labels[i] < 0 || data.labels[i] >= data.classes) {
      throw Error(text("data ", in_quotes(data.name), ": the label of row ", i + 1, " is ", data.labels[i],
                       ", expected 0 to ", data.classes - 1));
    }
  }
}

template <Real S>
std::vector<double> class_shares(const Dataset<S>& data) {
  std::vector<double> shares(static_cast<std::size_t>(data.classes));
  double counted = 0;
  for (const std::vector<std::int32_t>* labels : {&data.labels, &data.text}) {
    for (const std::int32_t label : *labels) {
      if (label == no_label) continue;
      ++shares[static_cast<std::size_t>(label)];
      ++counted;
    }
  }
  for (double& share : shares) share /= counted;
  return shares;
}

template <Real To, Real From>
Dataset<To> convert(const Dataset<From>& data) {
  Dataset<To> converted{.name = data.name,
                        .task = data.task,
                        .inputs = data.inputs.template cast<To>(),
                        .labels = data.labels,
                        .targets = data.targets.template cast<To>(),
                        .classes = data.classes,
                        .feature_names = data.feature_names,
                        .class_names = data.class_names,
                        .target_units = data.target_units,
                        .strata = data.strata,
                        .sample = data.sample,
                        .image = data.image,
                        .lengths = data.lengths,
                        .label_per_row = data.label_per_row,
                        .tokens = data.tokens,
                        .text = data.text};
  check_finite(data.name, "inputs", converted.inputs, data.feature_names);
  check_finite(data.name, "targets", converted.targets, {});
  return converted;
}

template <Real S>
Dataset<S> select_rows(const Dataset<S>& data, const std::vector<Index>& rows) {
  check_counts(data);
  for (const Index row : rows) {
    if (row < 0 || row >= data.size()) {
      throw ShapeError(text("data ", in_quotes(data.name), ": there is no row ", row, " among ", data.size()));
    }
  }
  if (!data.text.empty()) {
    throw UsageError(text("data ", in_quotes(data.name), ": the samples of a text overlap: no rows can be selected"));
  }
  const auto select = [&](const std::vector<std::int32_t>& all, Index each = 1) {
    std::vector<std::int32_t> selected;
    if (all.empty()) return selected;
    for (const Index row : rows) selected.insert(selected.end(), &all[0] + row * each, &all[0] + (row + 1) * each);
    return selected;
  };
  Dataset<S> selected{.name = data.name,
                      .task = data.task,
                      .inputs = data.inputs(rows, Eigen::all),
                      .labels = select(data.labels, data.label_per_row ? data.shape(1).rows : 1),
                      .targets = {},
                      .classes = data.classes,
                      .feature_names = data.feature_names,
                      .class_names = data.class_names,
                      .target_units = data.target_units,
                      .strata = select(data.strata),
                      .sample = data.sample,
                      .image = data.image,
                      .lengths = select(data.lengths),
                      .label_per_row = data.label_per_row,
                      .tokens = data.tokens};
  if (data.task == Task::regression) selected.targets = data.targets(rows, Eigen::all);
  return selected;
}

namespace {

template <Real S, class Change>
void for_each_number(Matrix<S>& numbers, const Normalization& by, Change change) {
  if (by.mean.empty()) return;
  check_count("normalization", "means", by.mean.size(), by.mean.size() == 1 ? 1 : numbers.cols());
  for (Index row = 0; row < numbers.rows(); ++row) {
    for (Index column = 0; column < numbers.cols(); ++column) {
      const std::size_t k = by.mean.size() == 1 ? 0 : static_cast<std::size_t>(column);
      numbers(row, column) = static_cast<S>(change(numbers(row, column), k));
    }
  }
}

// Mean and deviation of columns, or of all of them as one.
template <Real S>
Normalization measure(const Matrix<S>& numbers, Index columns, std::string_view name, std::string_view what) {
  const double count = static_cast<double>(numbers.size() / columns);
  Eigen::ArrayXd sum = Eigen::ArrayXd::Zero(columns), squares = sum;
  Eigen::ArrayXd low = sum + HUGE_VAL, high = sum - HUGE_VAL;
  // Two passes in a fixed order; a shared pair folds all features into one column.
  const auto for_each_value = [&](auto visit) {
    for (Index row = 0; row < numbers.rows(); ++row) {
      for (Index column = 0; column < numbers.cols(); ++column) {
        visit(columns == 1 ? 0 : column, static_cast<double>(numbers(row, column)));
      }
    }
  };
  for_each_value([&](Index k, double value) {
    sum[k] += value;
    low[k] = std::min(low[k], value);
    high[k] = std::max(high[k], value);
  });
  const Eigen::ArrayXd mean = sum / count;
  for_each_value([&](Index k, double value) { squares[k] += (value - mean[k]) * (value - mean[k]); });

  Normalization normalization;
  for (Index k = 0; k < columns; ++k) {
    // A constant's rounded mean may differ from it by a bit, which must not be blown up to a standard deviation.
    const bool constant = low[k] == high[k];
    normalization.mean.push_back(constant ? low[k] : mean[k]);
    normalization.scale.push_back(constant ? 1 : std::sqrt(squares[k] / count));
    if (!std::isfinite(normalization.scale.back()) || normalization.scale.back() == 0) {
      throw Error(text("data ", in_quotes(name), ": the ", what, " ", k + 1, " lie between ", low[k], " and ", high[k],
                       ", which is too much or too little to standardize; rescale them or use --normalize none"));
    }
  }
  return normalization;
}

}  // namespace

template <Real S>
void renumber_classes(Dataset<S>& data, const std::vector<std::string>& names) {
  std::vector<std::int32_t> numbers;
  for (const std::string& name : data.class_names) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      throw Error(text("data ", in_quotes(data.name), ": class ", in_quotes(name), " is none of the model's classes ",
                       in_quotes(names)));
    }
    numbers.push_back(static_cast<std::int32_t>(at - names.begin()));
  }
  for (std::int32_t& label : data.labels) label = numbers.at(static_cast<std::size_t>(label));
  data.classes = static_cast<Index>(names.size());
  data.class_names = names;
}

template <Real S>
void Normalization::apply(Matrix<S>& numbers) const {
  for_each_number(numbers, *this, [&](double x, std::size_t k) { return (x - mean[k]) / scale[k]; });
}

template <Real S>
void Normalization::undo(Matrix<S>& numbers) const {
  for_each_number(numbers, *this, [&](double x, std::size_t k) { return mean[k] + scale[k] * x; });
}

template <Real S>
Normalization measure_normalization(const Dataset<S>& data, Statistics statistics) {
  const Index columns = statistics == Statistics::shared ? 1 : data.features();
  return measure(data.inputs, columns, data.name, "inputs of feature");
}

template <Real S>
Normalization measure_target_units(const Dataset<S>& data) {
  return measure(data.targets, data.targets.cols(), data.name, "values of target");
}

namespace {

// The rows in random order, those of a stratum together.
template <Real S>
std::vector<Index> order_by_strata(const Dataset<S>& data, const Rng& rng) {
  std::vector<Index> order = Rng(rng).permutation(data.size());
  const auto& strata = data.strata.empty() ? data.labels : data.strata;
  if (!strata.empty()) {
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
      return strata[static_cast<std::size_t>(a)] < strata[static_cast<std::size_t>(b)];
    });
  }
  return order;
}

}  // namespace

template <Real S>
Split<S> split_where(const Dataset<S>& data, const std::vector<bool>& is_test) {
  std::vector<Index> train, test;
  for (Index row = 0; row < data.size(); ++row) (is_test[static_cast<std::size_t>(row)] ? test : train).push_back(row);
  return {.train = select_rows(data, train), .test = select_rows(data, test)};
}

template <Real S>
std::vector<bool> draw_rows(const Dataset<S>& data, double test_fraction, const Rng& rng) {
  if (!(test_fraction >= 0 && test_fraction < 1)) {
    throw UsageError(text("the test fraction is ", test_fraction, ", expected 0 <= fraction < 1"));
  }
  const Index n = data.size();
  const Index held_out = std::min(static_cast<Index>(std::llround(test_fraction * static_cast<double>(n))), n - 1);
  const std::vector<Index> order = order_by_strata(data, rng);
  // Every (n / held_out)-th row of that order: from each stratum its share, to within one row.
  std::vector<bool> is_test(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    const bool held = (i + 1) * held_out / n > i * held_out / n;
    is_test[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = held;
  }
  return is_test;
}

template <Real S>
Split<S> split_rows(const Dataset<S>& data, double test_fraction, const Rng& rng) {
  check(data);
  return split_where(data, draw_rows(data, test_fraction, rng));
}

template <Real S>
std::vector<bool> rows_of_fold(const Dataset<S>& data, Index fold, Index folds, const Rng& rng) {
  if (folds < 2 || folds > data.size() || fold < 0 || fold >= folds) {
    throw UsageError(
        text("fold ", fold + 1, " of ", folds, ": ", data.size(), " rows make 2 to ", data.size(), " folds"));
  }
  const std::vector<Index> order = order_by_strata(data, rng);
  std::vector<bool> is_test(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    is_test[static_cast<std::size_t>(order[i])] = static_cast<Index>(i) % folds == fold;
  }
  return is_test;
}

template <Real S>
void standardize(Split<S>& split, Statistics statistics) {
  split.normalization = measure_normalization(split.train, statistics);
  split.normalization.apply(split.train.inputs);
  split.normalization.apply(split.test.inputs);
}

template <Real S>
void standardize_targets(Split<S>& split) {
  const Normalization units = measure_target_units(split.train);
  for (Dataset<S>* part : {&split.train, &split.test}) {
    units.apply(part->targets);
    part->target_units = units;
  }
}

#define EVENGRAD_INSTANTIATE(S)                                                         \
  template void check(const Dataset<S>&);                                               \
  template std::vector<double> class_shares(const Dataset<S>&);                         \
  template Dataset<float> convert(const Dataset<S>&);                                   \
  template Dataset<double> convert(const Dataset<S>&);                                  \
  template Dataset<S> select_rows(const Dataset<S>&, const std::vector<Index>&);        \
  template void Normalization::apply(Matrix<S>&) const;                                 \
  template void renumber_classes(Dataset<S>&, const std::vector<std::string>&);         \
  template void Normalization::undo(Matrix<S>&) const;                                  \
  template Normalization measure_normalization(const Dataset<S>&, Statistics);          \
  template Normalization measure_target_units(const Dataset<S>&);                       \
  template void standardize_targets(Split<S>&);                                         \
  template Split<S> split_rows(const Dataset<S>&, double, const Rng&);                  \
  template std::vector<bool> rows_of_fold(const Dataset<S>&, Index, Index, const Rng&); \
  template Split<S> split_where(const Dataset<S>&, const std::vector<bool>&);           \
  template void standardize(Split<S>&, Statistics);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
