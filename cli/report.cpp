#include "program.hpp"
#include "results_folder.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/experiments/html_writer.hpp>

#include <filesystem>
#include <iostream>

namespace evengrad::cli {

namespace {

namespace fs = std::filesystem;

// The document that a run left in its folder.
std::string stored_document(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw FileError(text("cannot read folder ", in_quotes(folder.string()), ": no such folder"));
  if (fs::exists(folder / "results.json")) return read_file(folder / "results.json");
  if (holds_unfinished_run(folder)) {
    throw FileError(text("folder ", in_quotes(folder.string()),
                         " holds a run that is not finished: the command that began it goes on with --resume"));
  }
  throw FileError(text("folder ", in_quotes(folder.string()), " holds no results of evengrad run or compare --out"));
}

int report(const std::string& given, const std::string& out, const Global& global) {
  require_page();
  const fs::path folder = given, page = out.empty() ? folder / "report.html" : fs::path(out);
  const std::string document = stored_document(folder);
  std::string html;
  try {
    html = to_html(document);
  } catch (const Error& error) {
    throw FileError(
        text("cannot make a report of ", in_quotes((folder / "results.json").string()), ": ", error.what()));
  }
  write_file_atomically(page, html);
  if (!global.json) std::cout << "wrote " << page.string() << '\n';
  if (global.json) {
    Json answer = document_header();
    answer["report"] = page.string();
    answer["bytes"] = html.size();
    print_json(answer);
  }
  return 0;
}

}  // namespace

Command add_report(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand("report", "Write the HTML report again from the results in a folder");
  auto folder = std::make_shared<std::string>(), out = std::make_shared<std::string>();
  app->add_option("DIR", *folder, "Folder that --out of run or compare named")->required();
  app->add_option("--out", *out, "The file to write [DIR/report.html]")->type_name("PATH");
  return {app, [folder, out, &global] { return report(*folder, *out, global); }};
}

}  // namespace evengrad::cli
