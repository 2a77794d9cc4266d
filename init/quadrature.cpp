#include <evengrad/init/quadrature.hpp>

#include <boost/math/quadrature/gauss_kronrod.hpp>

namespace evengrad::quadrature {

const Rule& rule() {
  static const Rule rule = [] {
    using boost::math::quadrature::gauss;
    using boost::math::quadrature::gauss_kronrod;
    const auto& nodes = gauss_kronrod<double, points>::abscissa();  // from 0 up; every second one is Gauss' too
    const auto& weights = gauss_kronrod<double, points>::weights();
    const auto& gauss_weights = gauss<double, points / 2>::weights();
    Rule r{};
    for (int i = 0; i <= points / 2; ++i) {
      for (const int at : {points / 2 - i, points / 2 + i}) {
        r.node[at] = at < points / 2 ? -nodes[i] : nodes[i];
        r.kronrod[at] = weights[i];
        r.gauss[at] = i % 2 == 0 ? gauss_weights[i / 2] : 0;
      }
    }
    return r;
  }();
  return rule;
}

std::vector<double> intervals(std::span<const double> cuts) {
  std::vector<double> all = {-edge, -13, -6, -2.5, 0, 2.5, 6, 13, edge};
  for (const double cut : cuts) {
    if (std::abs(cut) < edge) all.push_back(cut);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace evengrad::quadrature
