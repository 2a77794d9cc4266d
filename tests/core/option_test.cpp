#include <evengrad/core/option.hpp>

#include <gtest/gtest.h>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

struct Sample {
  std::string word = "relu";
  std::optional<double> rate;
  std::int64_t steps = 3;
  Dtype dtype = Dtype::float64;
  std::optional<Dtype> other;
  bool shuffle = true;

  template <class F>
  void fields(F& f) {
    f.group("First");
    f({.name = "word", .help = "A word"}, word);
    f({.name = "rate", .help = "A rate"}, rate);
    f.group("Second");
    f({.name = "steps", .help = "Steps"}, steps);
    f({.name = "dtype", .help = "A type"}, dtype);
    f({.name = "other", .help = "Another"}, other);
    f({.name = "no-shuffle", .help = "In order", .turns_off = true}, shuffle);
  }
};

TEST(Option, AListHasWhatWasDescribed) {
  const std::vector<OptionEntry> list = option_list<Sample>();
  ASSERT_EQ(list.size(), 6u);
  const std::vector<std::string> types = {"text", "number", "integer", "choice", "choice", "flag"},
                                 defaults = {"relu", "", "3", "float64", "", ""};
  for (std::size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(list[i].type, types[i]) << list[i].name;
    EXPECT_EQ(list[i].otherwise, defaults[i]) << list[i].name;
    EXPECT_EQ(list[i].group, i < 2 ? "First" : "Second");
  }
  EXPECT_EQ(list[3].choices, (std::vector<std::string>{"float32", "float64"}));
}

TEST(Option, AWordOfAChoiceOrTheNearestOne) {
  EXPECT_EQ(parse_choice<Dtype>("dtype", "float64"), Dtype::float64);
  const std::string error = error_of<UsageError>([] { parse_choice<Dtype>("dtype", "flaot32"); });
  EXPECT_NE(error.find("--dtype"), std::string::npos) << error;
  EXPECT_NE(error.find("'float32'?"), std::string::npos) << error;
}

}  // namespace
}  // namespace evengrad
