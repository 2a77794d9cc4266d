#include "results_folder.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/html_writer.hpp>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

namespace evengrad::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* store_file = "results.sqlite";

bool is_export(const std::string& name) {
  const auto table_of = [&](const std::string& owner) {
    return name.starts_with(owner + ".") && name.ends_with(".csv");
  };
  return name == "results.json" || name == "report.html" || table_of("compare") ||
         std::any_of(experiments().begin(), experiments().end(),
                     [&](const Experiment& experiment) { return table_of(experiment.name); });
}

// Files in the folder that an earlier run wrote.
std::vector<fs::path> earlier(const fs::path& folder, bool with_store) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    // SQLite keeps its log beside the store: results.sqlite-wal, results.sqlite-shm.
    if (is_export(name) || (with_store && name.starts_with(store_file))) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string listed(const ResultsFolder::Facts& facts) {
  std::string words;
  for (const auto& [name, value] : facts) words += text(words.empty() ? "" : ", ", name, " ", value);
  return words;
}

// What the store says was asked, in the order of `facts`; the names that differ in `others`.
std::string stored_facts(const ResultsStore& store, const ResultsFolder::Facts& facts, std::string& others) {
  ResultsFolder::Facts found;
  for (const auto& [name, value] : facts) {
    const std::string stored = store.fact(name);
    if (stored.empty()) continue;
    found.emplace_back(name, stored);
    if (stored != value) others += text(others.empty() ? "" : ", ", name, " ", stored, " there, ", value, " asked");
  }
  return listed(found);
}

}  // namespace

bool holds_unfinished_run(const fs::path& folder) { return fs::exists(folder / store_file); }

ResultsFolder::ResultsFolder(const ResultsOptions& options, const Facts& facts) : folder_(options.out) {
  if (options.resume && options.overwrite) throw UsageError("--resume and --overwrite exclude each other");
  if (options.out.empty()) {
    if (options.resume || options.overwrite) {
      throw UsageError(
          text(options.resume ? "--resume" : "--overwrite", " needs --out DIR, the folder of the results"));
    }
    return;
  }
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw FileError(text("cannot create folder ", in_quotes(options.out), ": ", error.message()));
  if (::access(folder_.c_str(), R_OK | W_OK | X_OK) != 0) {
    throw FileError(text("cannot write into folder ", in_quotes(options.out), ": Permission denied"));
  }
  const std::vector<fs::path> present = earlier(folder_, true);
  if (options.overwrite) {
    for (const fs::path& file : present) fs::remove(file);
  }
  const bool stored = fs::exists(folder_ / store_file);
  if (!options.resume && !options.overwrite && !present.empty()) {
    std::string ignored;
    const std::string what =
        stored ? stored_facts(ResultsStore(folder_ / store_file), facts, ignored) : "an earlier run";
    throw FileError(text("folder ", in_quotes(options.out), " holds results of ",
                         what.empty() ? "an earlier run" : what,
                         ": give --resume to go on with them, --overwrite to replace them, or another --out"));
  }
  store_ = std::make_unique<ResultsStore>(folder_ / store_file);
  std::string others;
  stored_facts(*store_, facts, others);
  if (!others.empty()) {
    throw FileError(text("folder ", in_quotes(options.out), " holds results of something else (", others,
                         "): ask the same to resume, give --overwrite to replace them, or another --out"));
  }
  for (const auto& [name, value] : facts) store_->set_fact(name, value);
  if (const int kept = store_->size(); kept > 0) spdlog::info("{} finished trials are kept in {}", kept, options.out);
}

void ResultsFolder::write(const std::vector<std::pair<std::string, std::string>>& files) const {
  for (const fs::path& file : earlier(folder_, false)) fs::remove(file);
  for (const auto& [name, bytes] : files) {
    write_file_atomically(folder_ / name, bytes);
    if (!name.ends_with(".csv")) spdlog::info("wrote {}", (folder_ / name).string());
    if (name != "results.json") continue;
    if (!has_page()) {
      spdlog::warn("no report.html: this build has no page for it (evengrad report {} says how to get one)",
                   shell_quoted(folder_.string()));
      continue;
    }
    write_file_atomically(folder_ / "report.html", to_html(bytes));
    spdlog::info("wrote {}", (folder_ / "report.html").string());
  }
}

std::string ResultsFolder::how_to_go_on() const {
  if (!store_) return "interrupted; without --out DIR nothing is kept";
  return text("interrupted; ", store_->size(), " finished trials are kept in ", folder_.string(),
              ": the same command with --resume goes on");
}

}  // namespace evengrad::cli
