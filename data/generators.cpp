#include <evengrad/data/generators.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

namespace evengrad {

namespace {

constexpr double pi = std::numbers::pi;

Matrix<double> normals(Index rows, Index columns, double standard_deviation, Rng rng) {
  Matrix<double> values(rows, columns);
  rng.fill_normal<double>({values.data(), static_cast<std::size_t>(values.size())});
  return standard_deviation * values;
}

/// Points of the plane, their classes in turn: point(label, i) is the i-th of its class.
template <class Point>
Dataset<double> plane(Index samples, Index classes, double noise, const Rng& rng, Point point) {
  Dataset<double> data{.task = Task::classification, .inputs = normals(samples, 2, noise, rng.split("noise"))};
  data.classes = classes;
  data.feature_names = {"x1", "x2"};
  for (Index k = 0; k < samples; ++k) {
    const auto [x1, x2] = point(k % classes, k / classes);
    data.inputs(k, 0) += x1;
    data.inputs(k, 1) += x2;
    data.labels.push_back(static_cast<std::int32_t>(k % classes));
  }
  for (Index label = 0; label < classes; ++label) data.class_names.push_back(std::to_string(label));
  return data;
}

/// i evenly from 0 to 1 over the samples of a class.
double along(Index i, Index samples, Index classes) {
  return static_cast<double>(i) / std::max(1.0, static_cast<double>(samples / classes - 1));
}

std::pair<double, double> polar(double radius, double angle) {
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace

Dataset<double> xor_corners(Index samples, double noise, Rng rng) {
  Dataset<double> data = plane(samples, 2, noise, rng, [](Index label, Index i) {
    const double x1 = static_cast<double>(i % 2);
    return std::pair(x1, label == 1 ? 1 - x1 : x1);
  });
  // Each corner keeps its quarter in a split: otherwise a line could be right on more than three quarters of it.
  for (Index k = 0; k < samples; ++k) data.strata.push_back(static_cast<std::int32_t>(k % 4));
  return data;
}

Dataset<double> moons(Index samples, double noise, Rng rng) {
  return plane(samples, 2, noise, rng, [&](Index label, Index i) {
    const auto [x1, x2] = polar(1, pi * along(i, samples, 2));
    return label == 0 ? std::pair(x1, x2) : std::pair(1 - x1, 0.5 - x2);
  });
}

Dataset<double> circles(Index samples, double noise, Rng rng) {
  return plane(samples, 2, noise, rng, [&](Index label, Index i) {
    return polar(label == 0 ? 1 : 0.5, 2 * pi * static_cast<double>(2 * i) / static_cast<double>(samples));
  });
}

Dataset<double> spirals(Index samples, double noise, Rng rng) {
  return plane(samples, 2, noise, rng, [&](Index label, Index i) {
    const double t = along(i, samples, 2);
    return polar((label == 0 ? 1 : -1) * (6.5 - 6 * t), 1.75 * 2 * pi * t);
  });
}

Dataset<double> blobs(Index samples, double noise, Rng rng) {
  return plane(samples, 3, noise, rng,
               [](Index label, Index) { return polar(4, pi / 2 + 2 * pi / 3 * static_cast<double>(label)); });
}

Dataset<double> sine(Index samples, double noise, Rng rng) {
  Dataset<double> data{.task = Task::regression, .inputs = Matrix<double>(samples, 1)};
  rng.split("inputs").fill_uniform<double>({data.inputs.data(), static_cast<std::size_t>(samples)}, -2 * pi, 2 * pi);
  data.targets = normals(samples, 1, noise, rng.split("noise"));
  for (Index i = 0; i < samples; ++i) data.targets(i) += std::sin(data.inputs(i));
  data.feature_names = {"x"};
  return data;
}

Dataset<double> hills(Index samples, double noise, Rng rng) {
  Dataset<double> data{.task = Task::regression, .inputs = Matrix<double>(samples, 2)};
  rng.split("inputs").fill_uniform<double>({data.inputs.data(), static_cast<std::size_t>(data.inputs.size())}, -pi, pi);
  data.targets = normals(samples, 1, noise, rng.split("noise"));
  for (Index i = 0; i < samples; ++i) data.targets(i) += std::sin(data.inputs(i, 0)) * std::sin(data.inputs(i, 1));
  data.feature_names = {"x1", "x2"};
  return data;
}

Dataset<double> teacher(Index samples, double noise, Rng rng) {
  constexpr Index features = 8, hidden = 16;
  const Matrix<double> w = normals(hidden, features, 1 / std::sqrt(8.0), rng.split("w"));
  const Matrix<double> b = normals(1, hidden, 0.5, rng.split("b"));
  const Matrix<double> v = normals(1, hidden, 0.25, rng.split("v"));
  Dataset<double> data{.task = Task::regression, .inputs = normals(samples, features, 1, rng.split("inputs"))};
  data.targets = normals(samples, 1, noise, rng.split("noise"));
  for (Index i = 0; i < samples; ++i) {
    for (Index j = 0; j < hidden; ++j) {
      double z = b(j);
      for (Index k = 0; k < features; ++k) z += w(j, k) * data.inputs(i, k);
      data.targets(i) += v(j) * std::tanh(z);
    }
  }
  for (Index k = 1; k <= features; ++k) data.feature_names.push_back("x" + std::to_string(k));
  return data;
}

}  // namespace evengrad
