#include "program.hpp"

#include <gtest/gtest.h>

namespace evengrad::test {
namespace {

namespace fs = std::filesystem;

class Playground : public testing::Test {
 protected:
  void SetUp() override {
    const TempFolder empty;
    if (shell(empty, "evengrad playground --no-open").err.find("has no playground") != std::string::npos) {
      GTEST_SKIP() << "this build has no playground";
    }
  }
  // No display, whatever the machine that tests has.
  Output run(const std::string& words) {
    return shell(folder, "env -u DISPLAY -u WAYLAND_DISPLAY evengrad playground " + words);
  }
  TempFolder folder;
};

TEST_F(Playground, IsOneFileThatAsksForNothing) {
  const Output written = run("--no-open");
  ASSERT_EQ(written.status, 0) << written.err;
  const fs::path file = folder.path() / "playground.html";
  EXPECT_NE(written.out.find("file://" + fs::absolute(file).string()), std::string::npos) << written.out;
  const std::string page = contents(file);
  EXPECT_LT(page.size(), 3'000'000u);
  EXPECT_NE(page.find("<title>evengrad playground</title>"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  for (const char* never : {"unsafe-inline", "'unsafe-eval'", "src=\"http", "{{"}) {
    EXPECT_EQ(page.substr(0, page.find("<body>")).find(never), std::string::npos) << never;
  }
}

TEST_F(Playground, IsWrittenWhereItIsAskedFor) {
  const Output written = run("--out other.html --json");
  ASSERT_EQ(written.status, 0) << written.err;
  EXPECT_EQ(written.json()["playground"], "other.html");
  EXPECT_EQ(written.json()["opened"], false);
  EXPECT_EQ(written.json()["bytes"], fs::file_size(folder.path() / "other.html"));
  EXPECT_EQ(run("--out other.html").status, 0) << "an older one is replaced";
}

TEST_F(Playground, OpensWithTheDesktopsProgram) {
  const Output seen = shell(folder,
                            "printf '#!/bin/sh\\necho \"$1\" >seen\\n' >xdg-open && chmod +x xdg-open && "
                            "PATH=.:$PATH DISPLAY=:9 evengrad playground");
  ASSERT_EQ(seen.status, 0) << seen.err;
  EXPECT_EQ(seen.out, "wrote playground.html\n");
  EXPECT_EQ(contents(folder.path() / "seen"), fs::absolute(folder.path() / "playground.html").string() + "\n");
  const Output fails =
      shell(folder, "printf '#!/bin/sh\\nexit 3\\n' >xdg-open && PATH=.:$PATH DISPLAY=:9 evengrad playground");
  EXPECT_EQ(fails.status, 0);
  EXPECT_NE(fails.out.find("no browser could be opened"), std::string::npos) << fails.out;
}

TEST_F(Playground, WritesOverNothingElse) {
  const Output refused = shell(folder, "echo mine >playground.html; evengrad playground --no-open");
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(refused.one_line());
  EXPECT_EQ(contents(folder.path() / "playground.html"), "mine\n");
  EXPECT_EQ(run("--out no/such/folder.html").status, 1);
}

}  // namespace
}  // namespace evengrad::test
