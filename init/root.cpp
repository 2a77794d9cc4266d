#include <evengrad/init/root.hpp>

#include <boost/math/tools/roots.hpp>

#include <cmath>

namespace evengrad {

double bracketed_root(const std::function<double(double)>& g, double low, double high, double at_low, double at_high) {
  const bool bracketed = (at_low <= 0 && at_high >= 0) || (at_low >= 0 && at_high <= 0);
  if (!bracketed || !std::isfinite(at_low) || !std::isfinite(at_high)) return std::nan("");
  bool lost = false;
  const auto checked = [&](double x) {
    const double y = g(x);
    lost = lost || !std::isfinite(y);
    return lost ? 0 : y;  // 0 ends the search
  };
  std::uintmax_t steps = 200;
  const auto root = boost::math::tools::toms748_solve(checked, low, high, at_low, at_high,
                                                      boost::math::tools::eps_tolerance<double>(52), steps);
  return lost ? std::nan("") : (root.first + root.second) / 2;
}

}  // namespace evengrad
