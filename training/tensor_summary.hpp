// What a probe keeps of a tensor: moments, bounds, and a histogram by sign and decade.
#pragma once

#include <evengrad/core/real.hpp>

#include <string>
#include <vector>

namespace evengrad {

/// Numbers of one tensor: moments, bounds, and how many lie in each decade on each side of 0.
struct TensorSummary {
  static constexpr int lowest = -12, highest = 3;  ///< decades; the outer bins hold what lies beyond
  static constexpr int decades = highest - lowest + 1;
  static constexpr std::size_t bins = 2 * decades + 1;  ///< -10^3 and less, …, exactly 0, …, 10^3 and more

  double mean = 0, deviation = 0, rms = 0;
  double magnitude = 0;  ///< mean |x|
  double min = 0, max = 0;
  std::vector<double> histogram = {};  ///< counts; of a large tensor, of every k-th number

  template <class Fields>
  void fields(Fields& f, const std::string& name) {
    f((name + "_mean").c_str(), mean);
    f((name + "_deviation").c_str(), deviation);
    f((name + "_rms").c_str(), rms);
    f((name + "_magnitude").c_str(), magnitude);
    f((name + "_min").c_str(), min);
    f((name + "_max").c_str(), max);
    f((name + "_histogram").c_str(), histogram);
  }
};

/// Of `count` finite numbers. The deviation is that of the population. Of more than 1,024 numbers the histogram counts
/// every k-th, k a prime that does not divide their count (so that no column of a matrix is left out).
template <Real S>
TensorSummary summarize(const S* numbers, Index count);

}  // namespace evengrad
