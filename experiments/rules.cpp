#include <evengrad/experiments/rules.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

namespace {

double low(const Measurement& m) { return m.low.value_or(m.value); }
double high(const Measurement& m) { return m.high.value_or(m.value); }

// "holds for a (1), b (2)", or nothing.
std::string listed(const char* what, const std::vector<Case>& cases, Verdict verdict) {
  std::string names;
  for (const Case& c : cases) {
    if (c.verdict != verdict) continue;
    names += (names.empty() ? "" : ", ") + c.name + (c.numbers.empty() ? "" : " (" + c.numbers + ")");
  }
  return names.empty() ? "" : text(what, " ", names);
}

}  // namespace

Verdict below(const Measurement& m, double limit) {
  if (high(m) < limit) return Verdict::confirmed;
  if (low(m) >= limit) return Verdict::refuted;
  return Verdict::undecided;
}

Verdict at_least(const Measurement& m, double limit) {
  const Verdict opposite = below(m, limit);
  if (opposite == Verdict::confirmed) return Verdict::refuted;
  return opposite == Verdict::refuted ? Verdict::confirmed : opposite;
}

Verdict near(const Measurement& m, double target, double tolerance) {
  if (low(m) >= target - tolerance && high(m) <= target + tolerance) return Verdict::confirmed;
  if (low(m) > target + tolerance || high(m) < target - tolerance) return Verdict::refuted;
  return Verdict::undecided;
}

Verdict both(Verdict a, Verdict b) {
  if (a == Verdict::refuted || b == Verdict::refuted) return Verdict::refuted;
  return a == Verdict::confirmed && b == Verdict::confirmed ? Verdict::confirmed : Verdict::undecided;
}

Ruling in_all(const std::vector<Case>& cases) {
  const auto count = [&](Verdict verdict) {
    return static_cast<std::size_t>(
        std::count_if(cases.begin(), cases.end(), [verdict](const Case& c) { return c.verdict == verdict; }));
  };
  const std::size_t holds = count(Verdict::confirmed), fails = count(Verdict::refuted);
  Ruling ruling;
  for (const std::string& part :
       {listed("holds for", cases, Verdict::confirmed), listed("fails for", cases, Verdict::refuted),
        listed("open for", cases, Verdict::undecided)}) {
    if (!part.empty()) ruling.condition += (ruling.condition.empty() ? "" : "; ") + part;
  }
  if (!cases.empty() && holds == cases.size()) {
    ruling.verdict = Verdict::confirmed;
  } else if (!cases.empty() && fails == cases.size()) {
    ruling.verdict = Verdict::refuted;
  } else if (holds > 0 && fails > 0) {
    ruling.verdict = Verdict::conditional;
  }
  return ruling;
}

Ruling all_below(const std::vector<MeasuredCase>& cases, double limit) {
  std::vector<Case> decided;
  for (const MeasuredCase& c : cases) decided.push_back({c.name, below(c.measured, limit), in_words(c.measured.value)});
  return in_all(decided);
}

Ruling all_at_least(const std::vector<MeasuredCase>& cases, double limit) {
  std::vector<Case> decided;
  for (const MeasuredCase& c : cases)
    decided.push_back({c.name, at_least(c.measured, limit), in_words(c.measured.value)});
  return in_all(decided);
}

std::string missed(const Measurement& m, double predicted, double tolerance) {
  if (near(m, predicted, tolerance) != Verdict::refuted) return "";
  return text("predicted ", in_words(predicted), ", measured ", in_words(m));
}

std::string in_words(double number, int digits) { return rounded_text(number, digits); }

std::string in_words(const Measurement& m, int digits) {
  if (!m.low || !m.high || !std::isfinite(*m.low) || !std::isfinite(*m.high)) return in_words(m.value, digits);
  return text(in_words(m.value, digits), " [", in_words(*m.low, digits), ", ", in_words(*m.high, digits), "]");
}

}  // namespace evengrad
