#include <evengrad/experiments/json_writer.hpp>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "reports.hpp"

namespace evengrad {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

TEST(JsonWriter, TheDocumentHasExactlyTheseKeys) {
  const Json document = Json::parse(to_json(sample_results()));
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys(document),
            (Keys{"schema_version", "provenance", "kind", "command", "profile", "seed", "seconds", "experiments"}));
  EXPECT_EQ(keys(document["provenance"]), (Keys{"version", "commit", "compiler", "flags", "cpu"}));
  const Json& experiment = document["experiments"][0];
  EXPECT_EQ(keys(experiment), (Keys{"name", "title", "question", "answer", "notes", "claims", "tables", "series",
                                    "heat_maps", "command"}));
  EXPECT_EQ(keys(experiment["claims"][0]), (Keys{"id", "statement", "source", "predicted", "measured", "low", "high",
                                                 "tolerance", "rule", "verdict", "condition", "surprise", "timing"}));
  EXPECT_EQ(keys(experiment["tables"][0]), (Keys{"name", "title", "columns", "rows"}));
  EXPECT_EQ(keys(experiment["heat_maps"][0]),
            (Keys{"name", "title", "row_label", "column_label", "rows", "columns", "values", "log"}));
  EXPECT_TRUE(experiment["heat_maps"][0]["values"][0][1].is_null());
  EXPECT_EQ(keys(experiment["series"][0]),
            (Keys{"chart", "name", "x_label", "y_label", "log_y", "x", "y", "low", "high", "theory"}));
}

TEST(JsonWriter, TheCommandsFindTheSameAgain) {
  Results results = sample_results();
  const std::string one = "evengrad run sample --profile full --seed 18446744073709551615";
  EXPECT_EQ(Json::parse(to_json(results))["command"], one);
  results.seeds = 3;
  results.experiments.push_back({.name = "other", .title = "", .question = "", .answer = ""});
  const Json document = Json::parse(to_json(results));
  EXPECT_EQ(document["command"], "evengrad run sample other --profile full --seed 18446744073709551615 --seeds 3");
  EXPECT_EQ(document["experiments"][0]["command"], one + " --seeds 3");
  results.experiments.resize(experiments().size());
  EXPECT_EQ(command(results).find("evengrad run all --profile"), 0u);
}

TEST(JsonWriter, NumbersKeepTheirPrecisionAndNonFiniteOnesAreNull) {
  const Json document = Json::parse(to_json(sample_results()));
  EXPECT_EQ(document["profile"], "full");
  EXPECT_EQ(document["seed"].get<std::uint64_t>(), 18446744073709551615u);
  const Json& claims = document["experiments"][0]["claims"];
  EXPECT_EQ(claims[0]["predicted"].get<double>(), 0.1);
  EXPECT_EQ(claims[0]["high"].get<double>(), 0.15);
  EXPECT_EQ(claims[0]["verdict"], "conditional");
  EXPECT_EQ(claims[0]["condition"], "up to 3 m");
  EXPECT_TRUE(claims[1]["measured"].is_null() && claims[1]["low"].is_null() && claims[1]["condition"].is_null());
  EXPECT_EQ(claims[1]["timing"], true);
  const Json& rows = document["experiments"][0]["tables"][0]["rows"];
  EXPECT_EQ(rows[0][2], (Json{{"value", 1.5}, {"low", 1.0}, {"high", 2.0}}));
  EXPECT_TRUE(rows[1][1].is_null() && rows[2][1].is_null() && rows[1][2]["low"].is_null());
  EXPECT_EQ(rows[2][2].get<double>(), 1e-300);
  EXPECT_TRUE(document["experiments"][0]["series"][0]["y"][1].is_null());
}

TEST(JsonWriter, HostileTextsComeBackAndBrokenBytesAreReplaced) {
  const Json claims = Json::parse(to_json(sample_results()))["experiments"][0]["claims"];
  EXPECT_EQ(claims[0]["statement"], "Things \"fall\",\nalways\t\x1b[31mred\x1b[0m");
  EXPECT_EQ(claims[1]["statement"], "Broken bytes \uFFFD\uFFFD and a NUL");
}

TEST(JsonWriter, NoExperimentsAreAnEmptyList) { EXPECT_EQ(Json::parse(to_json({}))["experiments"], Json::array()); }

}  // namespace
}  // namespace evengrad
