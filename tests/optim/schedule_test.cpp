#include <evengrad/core/error.hpp>
#include <evengrad/optim/schedule.hpp>

#include "../golden.hpp"
#include "../temp_folder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace evengrad {
namespace {

// The rates of PyTorch's StepLR and CosineAnnealingLR, and of the warm-ups (tests/golden/README.md).
TEST(Schedule, GoldenRates) {
  std::set<std::string> seen;
  const nlohmann::json file = golden::json("parity_full.json");
  for (const auto& run : file["cases"]) {
    const auto& given = run["schedule"];
    if (given.is_null()) continue;
    const std::string name = given["name"];
    const std::int64_t warmup = given.value("warmup_steps", 0);
    std::string call = name;
    if (name == "step") call = text("step(size=", given["step_size"], ", factor=", given["factor"], ")");
    if (name == "cosine") call = text("cosine(minimum=", given["minimum"], ")");
    const Schedule schedule(call, file["steps"].get<std::int64_t>(), warmup);
    seen.insert(name + (warmup ? " after warm-up" : ""));
    const auto rates = run["learning_rates"].get<std::vector<double>>();
    for (std::size_t t = 0; t < rates.size(); ++t) {
      EXPECT_NEAR(schedule.rate(run["optimizer"]["lr"], static_cast<std::int64_t>(t)), rates[t], 1e-14 * rates[0])
          << run["name"] << ", step " << t;
    }
  }
  EXPECT_EQ(seen, (std::set<std::string>{"step", "cosine", "warmup after warm-up", "cosine after warm-up"}));
}

TEST(Schedule, Defaults) {
  const Schedule step("step", 90), warmup("warmup", 100), cosine("cosine", 10);
  EXPECT_DOUBLE_EQ(step.rate(1, 29), 1);
  EXPECT_DOUBLE_EQ(step.rate(1, 30), 0.1);
  EXPECT_DOUBLE_EQ(step.rate(1, 60), 0.01);
  EXPECT_DOUBLE_EQ(warmup.rate(1, 0), 0.1);
  EXPECT_DOUBLE_EQ(warmup.rate(1, 9), 1);
  EXPECT_DOUBLE_EQ(warmup.rate(1, 99), 1);
  EXPECT_DOUBLE_EQ(cosine.rate(1, 5), 0.5);
  EXPECT_NEAR(cosine.rate(1, 1000), 0, 1e-15);  // past the end it stays at its minimum
  EXPECT_DOUBLE_EQ(Schedule("constant", 10).rate(0.3, 7), 0.3);
}

TEST(Schedule, EveryListedNameIsOne) {
  for (const ScheduleInfo& info : schedules()) {
    for (const std::int64_t steps : {0, 1, 2}) {  // short runs are runs
      const Schedule schedule(info.name, steps);
      for (std::int64_t t = 0; t < 4; ++t) EXPECT_TRUE(std::isfinite(schedule.rate(0.1, t))) << info.name;
    }
  }
}

TEST(Schedule, WrongOnesAreRefused) {
  EXPECT_NE(error_of<UsageError>([] { Schedule("cosin", 10); }).find("'cosine'"), std::string::npos);
  for (const char* wrong :
       {"step(0)", "step(5, -1)", "step(5, 0)", "cosine(a)", "constant(1)", "warmup(3)", "step(nan)"}) {
    EXPECT_THROW(Schedule(wrong, 10), UsageError) << wrong;
  }
  EXPECT_THROW(Schedule("constant", 10, -1), UsageError);
}

}  // namespace
}  // namespace evengrad
