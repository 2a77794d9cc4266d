#include "program.hpp"

#include <gtest/gtest.h>

namespace evengrad::test {
namespace {

const std::string run = "evengrad train --data moons --hidden 8 --activation gelu --steps 20 --json ";

TEST(InstructionSet, IsChosenAndNamed) {
  const TempFolder folder;
  const nlohmann::json baseline = shell(folder, run + "--isa baseline").json(),
                       equals = shell(folder, run + "--isa=baseline").json();
  const nlohmann::json best = shell(folder, run + "--isa best").json(), plain = shell(folder, run).json();
  EXPECT_NE(baseline["provenance"]["cpu"].get<std::string>().find(", baseline kernels"), std::string::npos);
  EXPECT_EQ(best["provenance"]["cpu"], plain["provenance"]["cpu"]);
  EXPECT_EQ(best["weights_digest"], plain["weights_digest"]);
  EXPECT_EQ(baseline["weights_digest"], equals["weights_digest"]);
  const bool fused = plain["provenance"]["cpu"].get<std::string>().find(", avx") != std::string::npos;
  EXPECT_EQ(baseline["weights_digest"] != plain["weights_digest"], fused)
      << "multiply-adds round once where they are fused";
}

#if defined(__x86_64__)
// Nehalem, of 2008, has neither AVX nor fused multiply-add.
TEST(InstructionSet, OldMachinesRunTheBaseline) {
  const TempFolder folder;
  if (shell(folder, "command -v qemu-x86_64").status != 0)
    GTEST_SKIP() << "qemu-x86_64 (Debian's qemu-user) is not here";
  if (sanitized) GTEST_SKIP() << "the emulator has no room for a sanitizer's shadow of all memory";
  const std::string emulated = "qemu-x86_64 -cpu Nehalem '" + evengrad::test::program_folder + "'/",
                    alone = run + "--isa baseline";
  for (const std::string options : {"", " --init matched", " --optimizer sgd --norm layer --dtype float64"}) {
    const Output old = shell(folder, emulated + run + options);
    ASSERT_EQ(old.status, 0) << old.err;
    EXPECT_NE(old.json()["provenance"]["cpu"].get<std::string>().find(", baseline kernels"), std::string::npos);
    EXPECT_EQ(old.json()["weights_digest"], shell(folder, alone + options).json()["weights_digest"]) << options;
  }
}
#endif

TEST(InstructionSet, IsRefusedWhereItIsNone) {
  const TempFolder folder;
  const Output wrong = shell(folder, run + "--isa basline");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_TRUE(wrong.one_line());
  EXPECT_NE(wrong.err.find("did you mean 'baseline'"), std::string::npos) << wrong.err;
  EXPECT_EQ(shell(folder, run + "--isa").status, 2);
}

}  // namespace
}  // namespace evengrad::test
