#include <evengrad/experiments/experiment.hpp>

#include <evengrad/core/error.hpp>

#include <gtest/gtest.h>

#include <set>

namespace evengrad {
namespace {

Report with_claims(const std::vector<std::string>& ids) {
  Report report;
  for (const std::string& id : ids) report.claims.push_back({.id = id});
  return report;
}

std::string complaint(Report (*run)(const ExperimentSettings&)) {
  try {
    run_experiment({"sample", "A sample", "Does it work?", "A", 3, run}, {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Experiment, ReportHoldsEachOfItsClaimsOnce) {
  EXPECT_EQ(complaint([](const ExperimentSettings&) { return with_claims({"A2", "A1", "A3"}); }), "");
  EXPECT_EQ(complaint([](const ExperimentSettings&) {
              return with_claims({"A1", "A3", "A3", "B2"});
            }),
            "experiment sample: its report must hold each of its claims once; missing: A2; doubled or not its own: A3 "
            "B2");
  EXPECT_EQ(complaint([](const ExperimentSettings&) {
              return with_claims({"A1", "A3"});
            }),
            "experiment sample: its report must hold each of its claims once; missing: A2; doubled or not its own: "
            "none");
}

TEST(Experiment, EveryClaimOfTheListBelongsToOneExperiment) {
  std::set<std::string> names;
  std::multiset<std::string> ids, expected;
  for (const Experiment& experiment : experiments()) {
    EXPECT_TRUE(names.insert(experiment.name).second) << experiment.name;
    EXPECT_FALSE(experiment.title.empty() || experiment.question.empty()) << experiment.name;
    for (const std::string& id : claim_ids(experiment)) ids.insert(id);
  }
  for (const auto& [prefix, count] : {std::pair("S", 26), std::pair("U", 5), std::pair("V", 13), std::pair("R", 9),
                                      std::pair("D", 21), std::pair("I", 17), std::pair("G", 11), std::pair("M", 12)}) {
    for (int number = 1; number <= count; ++number) expected.insert(prefix + std::to_string(number));
  }
  EXPECT_EQ(ids, expected);
}

}  // namespace
}  // namespace evengrad
