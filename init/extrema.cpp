#include <evengrad/init/extrema.hpp>

#include <evengrad/init/root.hpp>

#include <boost/math/tools/minima.hpp>

#include <algorithm>
#include <cmath>
#include <functional>

namespace evengrad {

namespace {

struct Point {
  double x;   // where f is evaluated
  double at;  // where that is said to be: for the last number before a kink, the kink
  bool kink;
  double y = 0;
};

// Even steps up to 16, by default of 1/64, then growing ones, of 1 %; around each kink both sides of it, and finer
// steps. In no order.
std::vector<Point> grid(const Activation& f, double step = 1 / 64.0) {
  double reach = 1000;
  for (const double kink : f.kinks()) reach = std::max(reach, 2 * std::abs(kink));
  std::vector<Point> points;
  const auto add = [&](double x) { points.push_back({x, x, false}); };
  add(0);
  for (double x = step; x < reach; x = x < 16 ? x + step : x * (1 + 0.64 * step)) add(x), add(-x);
  for (const double kink : f.kinks()) {
    for (int i = 1; i < 16; ++i) add(kink - i / 1024.0), add(kink + i / 1024.0);
    for (const double x : {std::nextafter(kink, -HUGE_VAL), kink, std::nextafter(kink, HUGE_VAL)}) {
      points.push_back({x, kink, true});
    }
  }
  return points;
}

// Tails that numbers cannot tell from the bound that they approach: plateaus that reach the end of the grid but do not
// begin at a kink. [first, last] is what remains.
struct Inner {
  double first, last;
};

Inner without_tails(const std::vector<Point>& points, double level) {
  const auto low = [&](const Point& p) { return !(p.y >= level); };
  const auto left = std::find_if(points.begin(), points.end(), low);
  const auto right = std::find_if(points.rbegin(), points.rend(), low);
  Inner inner{-HUGE_VAL, HUGE_VAL};
  if (left == points.end()) return inner;  // constant
  if (left != points.begin() && !std::prev(left)->kink) inner.first = left->x;
  if (right != points.rbegin() && !std::prev(right)->kink) inner.last = right->x;
  return inner;
}

// Whether what was found at e is the side of a pole: ever higher towards it, and far lower a little away.
bool is_pole(const Extremum& e, const std::function<double(double)>& height) {
  const double scale = std::max(1.0, std::abs(e.at));
  double nearest = -HUGE_VAL;
  for (const double step : {1e-5, 1e-7, 1e-9, 1e-11, 1e-13}) {
    nearest = -HUGE_VAL;
    for (const double side : {-1, 1}) {
      const double y = height(e.at + side * step * scale);
      if (y > e.value + 1e-6 * std::abs(e.value) + 1e-12) return true;
      if (!std::isnan(y)) nearest = std::max(nearest, y);
    }
  }
  return nearest < e.value - 0.1 * std::abs(e.value) - 1e-12;
}

// Whether f climbs beyond `best` further out than the grid reaches: x cos x does, sin x does not.
bool climbs_outside(const std::vector<Point>& points, double best, const std::function<double(double)>& height) {
  const double end = std::max(std::abs(points.front().x), std::abs(points.back().x));
  for (double x = end; x < 1e4 * end; x *= 1.0037) {
    for (const double y : {height(-x), height(x)}) {
      if (y > best + 1e-9 * std::abs(best) + 1e-12) return true;
    }
  }
  return false;
}

// The largest height(x), found on the grid and refined between its points by `refine(low, high)`.
std::optional<Extremum> maximum(std::vector<Point> points, const std::function<double(double)>& height,
                                const std::function<Extremum(double low, double high)>& refine) {
  for (Point& p : points) p.y = height(p.x);
  // A formula may overflow far out (x/(1+exp(-x)) at -710): there is nothing to see there.
  std::erase_if(points, [](const Point& p) { return std::isnan(p.y); });
  if (points.empty()) return std::nullopt;
  std::vector<Extremum> found;
  double best = std::max(points.front().y, points.back().y);
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    const Point &before = points[i - 1], &p = points[i], &after = points[i + 1];
    if (!(p.y >= before.y && p.y >= after.y)) continue;
    found.push_back({p.at, p.y});
    if (!p.kink && (p.y > before.y || p.y > after.y)) found.push_back(refine(before.x, after.x));
  }
  for (const Extremum& e : found) best = std::max(best, e.value);
  if (!std::isfinite(best)) return std::nullopt;
  const double level = best - 1e-14 * std::abs(best);
  const Inner inner = without_tails(points, level);
  std::optional<Extremum> nearest;
  for (const Extremum& e : found) {
    if (e.value < level || e.at < inner.first || e.at > inner.last) continue;
    if (!nearest || std::abs(e.at) < std::abs(nearest->at)) nearest = e;
  }
  if (nearest && (is_pole(*nearest, height) || climbs_outside(points, best, height))) return std::nullopt;
  return nearest;
}

}  // namespace

Extrema extrema(const Activation& f) {
  std::vector<Point> points = grid(f);
  std::sort(points.begin(), points.end(),
            [](const Point& a, const Point& b) { return std::pair(a.x, a.kink) < std::pair(b.x, b.kink); });
  // sign -1 turns the search for a maximum into one for a minimum.
  const auto of_value = [&](double sign) {
    const auto height = [&f, sign](double x) { return sign * f.value(x); };
    return maximum(points, height, [&](double low, double high) -> Extremum {
      const auto slope = [&](double x) { return sign * f.derivative(x); };
      const double at_low = slope(low), at_high = slope(high);
      if (at_low > 0 && at_high < 0) {
        const double x = bracketed_root(slope, low, high, at_low, at_high);
        if (std::isfinite(x)) return {x, height(x)};
      }
      const auto [x, y] = boost::math::tools::brent_find_minima([&](double t) { return -height(t); }, low, high, 50);
      return {x, -y};
    });
  };
  const auto of_slope = [&](double sign) {
    const auto height = [&f, sign](double x) { return sign * f.derivative(x); };
    return maximum(points, height, [&](double low, double high) -> Extremum {
      const auto [x, y] = boost::math::tools::brent_find_minima([&](double t) { return -height(t); }, low, high, 50);
      return {x, -y};
    });
  };
  const auto negated = [](std::optional<Extremum> e) {
    if (e) e->value = 0 - e->value;
    return e;
  };
  return {negated(of_value(-1)), of_value(1), negated(of_slope(-1)), of_slope(1)};
}

double largest_slope(const Activation& f) {
  std::vector<double> x;
  for (const Point& p : grid(f, 1 / 16.0)) x.push_back(p.x);
  std::vector<double> values(x.size()), slopes(x.size());
  f(x.data(), values.data(), slopes.data(), static_cast<Index>(x.size()));
  double largest = 0;
  for (const double slope : slopes) largest = std::max(largest, std::abs(slope));
  return std::isfinite(largest) ? largest : 0;
}

}  // namespace evengrad
