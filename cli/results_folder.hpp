// The folder that --out names: the results store, and beside it what is exported from it.
#pragma once

#include "program.hpp"

#include <evengrad/training/results_store.hpp>

#include <memory>
#include <utility>

namespace evengrad::cli {

struct ResultsOptions {
  std::string out;  ///< empty: nothing is kept
  bool resume = false;
  bool overwrite = false;

  template <class F>
  void fields(F& f) {
    f({.name = "out",
       .help = "Folder for the results: report.html, results.json, CSV files, results.sqlite",
       .type = "PATH",
       .affects_result = false},
      out);
    f({.name = "resume",
       .help = "Continue an interrupted run in that folder, repeating nothing",
       .affects_result = false},
      resume);
    f({.name = "overwrite", .help = "Replace the results in that folder", .affects_result = false}, overwrite);
  }
};

/// True for a folder with a results store.
bool holds_unfinished_run(const std::filesystem::path& folder);

class ResultsFolder {
 public:
  /// What was asked, by name; a run may only be resumed by one that asks the same.
  using Facts = std::vector<std::pair<std::string, std::string>>;

  /// Makes the folder and its store before hours of work go into them. Results of an earlier run stay unless they are
  /// to be overwritten. \throws UsageError for --resume without --out, FileError for a folder that cannot be used or
  /// holds something else.
  ResultsFolder(const ResultsOptions& options, const Facts& facts);

  /// Null without --out.
  ResultsStore* store() const { return store_.get(); }
  explicit operator bool() const { return store_ != nullptr; }

  /// Takes the exports of an earlier run away, then writes new ones (name and bytes) and, of "results.json" among them,
  /// report.html; says so.
  void write(const std::vector<std::pair<std::string, std::string>>& files) const;

  /// What to say when a run is interrupted: what is kept, and how to go on.
  std::string how_to_go_on() const;

 private:
  std::filesystem::path folder_;
  std::unique_ptr<ResultsStore> store_;
};

}  // namespace evengrad::cli
