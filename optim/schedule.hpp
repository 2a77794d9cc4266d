#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// The learning rate over the steps of a run. Rates depend on the step only, so a resumed run needs no state.
class Schedule {
 public:
  /// `constant`; `step(size, factor)`: times factor after every `size` steps (default: 0.1 at each third of the run);
  /// `cosine(minimum)`: half a cosine down to minimum (default 0) over the run; `warmup`: constant. Each rises linearly
  /// over the first `warmup_steps`; `warmup` alone takes a tenth of the run for that.
  /// \throws UsageError for an unknown name or a value out of range.
  Schedule(std::string_view text, std::int64_t total_steps, std::int64_t warmup_steps = 0);

  /// The rate of step t (the first is 0) for a base rate.
  double rate(double base, std::int64_t t) const;

 private:
  enum class Kind { constant, step, cosine };
  Kind kind_ = Kind::constant;
  std::int64_t total_;
  std::int64_t warmup_;
  std::int64_t size_ = 1;
  double factor_ = 1;
  double minimum_ = 0;
};

/// Name and formula of each schedule.
struct ScheduleInfo {
  std::string name;
  std::string formula;
};
const std::vector<ScheduleInfo>& schedules();

}  // namespace evengrad
