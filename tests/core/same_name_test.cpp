#include <evengrad/core/same_name.hpp>

#include <gtest/gtest.h>

namespace evengrad {
namespace {

TEST(SameName, CapitalsAndSeparatorsDoNotCount) {
  for (const char* name : {"leaky_relu", "Leaky-ReLU", "LeakyReLU", "leaky relu", "LEAKY_RELU", "-leakyrelu_"}) {
    EXPECT_TRUE(same_name(name, "leaky_relu")) << name;
    EXPECT_TRUE(same_name("leaky_relu", name)) << name;
  }
  for (const char* name : {"relu", "leaky_relu6", "leaky_rel", "", "leaky.relu"}) {
    EXPECT_FALSE(same_name(name, "leaky_relu")) << name;
  }
  EXPECT_TRUE(same_name("", "_"));
}

TEST(SameName, ACallGetsTheKnownName) {
  const std::vector<std::string> known = {"he", "xavier_normal", "HE"};
  EXPECT_EQ(known_call("Xavier-Normal(2)", known), "xavier_normal(2)");
  EXPECT_EQ(known_call("He", known), "he");
  EXPECT_EQ(known_call("HE", known), "HE");  // exactly known
  EXPECT_EQ(known_call("Nosuch(1)", known), "Nosuch(1)");
}

}  // namespace
}  // namespace evengrad
