#include <evengrad/optim/schedule.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/same_name.hpp>
#include <evengrad/core/names.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace evengrad {

const std::vector<ScheduleInfo>& schedules() {
  static const std::vector<ScheduleInfo> list = {
      {"constant", "lr"},
      {"step", "lr * factor^floor(t / size), step(size, factor)"},
      {"cosine", "minimum + (lr - minimum) (1 + cos(pi t / steps)) / 2, cosine(minimum)"},
      {"warmup", "lr * min(1, (t + 1) / warmup_steps)"},
  };
  return list;
}

Schedule::Schedule(std::string_view given, std::int64_t total_steps, std::int64_t warmup_steps)
    : total_(total_steps), warmup_(warmup_steps) {
  if (warmup_steps < 0) throw UsageError(text("warm-up steps must not be negative, got ", warmup_steps));
  std::vector<std::string> known;
  for (const ScheduleInfo& info : schedules()) known.push_back(info.name);
  const NamedCall call = parse_call(known_call(given, known));
  if (call.name == "constant") {
    numeric_arguments(call, {}, {});
  } else if (call.name == "step") {
    const double third = std::max(1.0, std::ceil(static_cast<double>(total_steps) / 3));
    const auto values = numeric_arguments(call, {"size", "factor"}, {third, 0.1});
    if (!(values[0] >= 1) || !(values[1] > 0)) {
      throw UsageError(text("schedule step: expected size >= 1 and factor > 0, got ", values[0], " and ", values[1]));
    }
    kind_ = Kind::step;
    size_ = static_cast<std::int64_t>(std::min(values[0], 1e15));
    factor_ = values[1];
  } else if (call.name == "cosine") {
    kind_ = Kind::cosine;
    minimum_ = numeric_arguments(call, {"minimum"}, {0})[0];
    if (!(minimum_ >= 0)) throw UsageError(text("schedule cosine: minimum must not be negative, got ", minimum_));
  } else if (call.name == "warmup") {
    numeric_arguments(call, {}, {});
    if (warmup_ == 0) warmup_ = std::max<std::int64_t>(1, total_steps / 10);
  } else {
    throw UsageError(unknown_name("schedule", call.name, known));
  }
}

double Schedule::rate(double base, std::int64_t t) const {
  if (t < warmup_) return base * static_cast<double>(t + 1) / static_cast<double>(warmup_);
  switch (kind_) {
    case Kind::constant: break;
    case Kind::step: return base * std::pow(factor_, static_cast<double>(t / size_));
    case Kind::cosine: {
      const double done = std::min(1.0, static_cast<double>(t - warmup_) / static_cast<double>(std::max<std::int64_t>(1, total_ - warmup_)));
      return minimum_ + (base - minimum_) * (1 + std::cos(std::numbers::pi * done)) / 2;
    }
  }
  return base;
}

}  // namespace evengrad
