// On a terminal no line is wider than it, from 60 columns up; in a pipe lines are as they are.
#include "program.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

namespace evengrad::test {
namespace {

// Columns of the widest line; escape sequences have none.
std::size_t widest(const std::string& output) {
  std::size_t most = 0, now = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    if (output[i] == '\033') {
      while (i < output.size() && !std::isalpha(static_cast<unsigned char>(output[i]))) ++i;
    } else if (output[i] == '\n' || output[i] == '\r') {
      now = 0;
    } else if ((output[i] & 0xc0) != 0x80) {
      most = std::max(most, ++now);
    }
  }
  return most;
}

// As `script` shows it on a terminal of so many columns.
Output on_terminal(const TempFolder& folder, int columns, const std::string& command) {
  return shell(folder, "script -qec 'stty cols " + std::to_string(columns) + "; " + command + "' /dev/null");
}

TEST(Terminal, LinesFit) {
  const TempFolder folder;
  for (const int columns : {60, 80, 120}) {
    for (const char* command :
         {"evengrad", "evengrad train --help", "evengrad compare --help", "evengrad list rules", "evengrad theory gelu",
          "evengrad propagate --activation gelu --init he --depth 6 --width 16 --inputs 8 --nets 2",
          "evengrad train --data spirals --lr 20 --optimizer sgd --steps 60 --probe"}) {
      const Output shown = on_terminal(folder, columns, command);
      ASSERT_EQ(shown.status, 0) << command;
      EXPECT_GT(shown.out.size(), 200u) << command;
      EXPECT_LE(widest(shown.out), static_cast<std::size_t>(columns)) << command << shown.out;
    }
  }
}

TEST(Terminal, WordsStayWholeAndDescriptionsAligned) {
  const TempFolder folder;
  const Output wide = shell(folder, "evengrad train --help"), narrow = on_terminal(folder, 60, "evengrad train --help");
  const auto words = [](const std::string& lines) {
    std::istringstream in(lines);
    return std::vector<std::string>(std::istream_iterator<std::string>(in), {});
  };
  EXPECT_EQ(words(wide.out), words(narrow.out));
}

TEST(Terminal, TheProgressBarStaysOnItsLine) {
  const TempFolder folder;
  const Output shown =
      on_terminal(folder, 60, "evengrad train --data spirals --samples 4000 --hidden 64,64 --epochs 12");
  EXPECT_NE(shown.out.find("steps"), std::string::npos);
  EXPECT_LT(widest(shown.out), 60u) << "a full line would wrap";
}

TEST(Terminal, ManyEpochsAreFewLines) {
  const TempFolder folder;
  const Output run = shell(folder, "evengrad train --data moons --samples 100 --hidden 4 --epochs 200");
  EXPECT_LE(std::count(run.out.begin(), run.out.end(), '\n'), 35);
  for (const char* epoch : {"\n    1  ", "\n  200  "}) EXPECT_NE(run.out.find(epoch), std::string::npos) << run.out;
}

TEST(Terminal, AWrongBatchSizeIsRefusedBeforeAnythingIsSaid) {
  const TempFolder folder;
  const Output run = shell(folder, "evengrad train --data moons --batch-size 0");
  EXPECT_EQ(run.status, 2);
  EXPECT_TRUE(run.out.empty()) << run.out;
  EXPECT_NE(run.err.find("--batch-size must be at least 1, got 0"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace evengrad::test
