#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>

#include <gtest/gtest.h>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

TEST(Names, DistanceCountsEdits) {
  EXPECT_EQ(edit_distance("relu", "relu"), 0u);
  EXPECT_EQ(edit_distance("rleu", "relu"), 1u);
  EXPECT_EQ(edit_distance("rel", "relu"), 1u);
  EXPECT_EQ(edit_distance("gelu", "relu6"), 2u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

TEST(Names, AnUnknownOneIsAnsweredWithTheNearest) {
  EXPECT_EQ(unknown_name("fruit", "aple", {"pear", "apple"}),
            "unknown fruit 'aple': did you mean 'apple'? (known: pear, apple)");
  EXPECT_EQ(unknown_name("fruit", "zzzzzz", {"pear", "apple"}), "unknown fruit 'zzzzzz' (known: pear, apple)");
  EXPECT_EQ(unknown_name("fruit", "", {}), "unknown fruit '' (known: )");
}

TEST(Names, HostileOnesStayOnOneShortLine) {
  std::string huge;
  huge.assign(10'000'000, 'x');
  std::vector<std::string> known(100'000, "a\nb");
  known.push_back(huge);
  const std::string message = unknown_name("fruit", huge + "\x1b[31m", known);
  EXPECT_LT(message.size(), 3000u);
  EXPECT_EQ(message.find_first_of("\n\x1b"), std::string::npos);
  EXPECT_EQ(unknown_name("fruit", "a\n", {"b\r"}), "unknown fruit 'a\\x0a': did you mean 'b\\x0d'? (known: b\\x0d)");
}

TEST(Names, CallsAreTakenApart) {
  const NamedCall call = parse_call(" elu ( 1.5 , beta = 2 )");
  EXPECT_EQ(call.name, "elu");
  ASSERT_EQ(call.arguments.size(), 2u);
  EXPECT_EQ(call.arguments[0].key, "");
  EXPECT_EQ(call.arguments[1].key, "beta");
  EXPECT_EQ(numeric_arguments(call, {"alpha", "beta"}, {0, 0}), (std::vector<double>{1.5, 2}));
  EXPECT_TRUE(parse_call("relu").arguments.empty());
}

TEST(Names, WrongCallsAreRefused) {
  const auto refusal = [](const char* call) {
    return error_of<UsageError>([&] { numeric_arguments(parse_call(call), {"a", "b"}, {0, 0}); });
  };
  EXPECT_EQ(refusal("f(1"), "'f(1': expected ')' at the end");
  EXPECT_EQ(refusal("f()"), "'f()': expected an argument between the parentheses");
  EXPECT_EQ(refusal("f(1,)"), "'f(1,)': expected an argument between the parentheses");
  EXPECT_EQ(refusal("f(1,2,3)"), "f: takes 2 argument(s), got 3");
  EXPECT_EQ(refusal("f(1,a=2)"), "f: argument 'a' is given twice");
  EXPECT_EQ(refusal("f(c=2)"), "unknown f argument 'c': did you mean 'a'? (known: a, b)");
  for (const char* wrong : {"", "x", "nan", "inf", "1e999", "1\n", "0x1", "1 2"}) {
    EXPECT_EQ(refusal(text("f(a=", wrong, ")").c_str()),
              text("f a: expected a finite number, got '", std::string(wrong) == "1\n" ? "1\\x0a" : wrong, "'"));
  }
}

}  // namespace
}  // namespace evengrad
