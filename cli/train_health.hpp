// What `train` shows of a run's health: the live table, the log of probe rows, the summary and its JSON.
#pragma once

#include "program.hpp"

#include <evengrad/core/file.hpp>
#include <evengrad/training/health.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace evengrad::cli {

struct HealthArguments {
  bool show = false;
  std::optional<std::int64_t> every = {};
  std::string log = {};
  std::vector<std::string> thresholds = {};  ///< "rule=value"

  template <class F>
  void fields(F& f) {
    f({.name = "probe",
       .help = "A table of each layer's health, live on a terminal and at the end",
       .affects_result = false},
      show);
    f({.name = "probe-every",
       .help = "Probe every N steps [1, 10, 100, 200, 500, … and the last; 40 probes with --report]",
       .affects_result = false},
      every);
    f({.name = "probe-log",
       .help = "JSON lines: one per layer and probe, with histograms",
       .type = "PATH",
       .affects_result = false},
      log);
    f({.name = "threshold",
       .help = "When a health rule speaks (evengrad list rules)",
       .type = "RULE=VALUE",
       .affects_result = false},
      thresholds);
  }
};

/// How many characters and lines there is room for.
struct TableSize {
  std::size_t width = 80, height = 24;
};

/// "step 10  z mean ± spread …" and a line a layer, of the rows of one step: the columns that fit, the most telling
/// first, and where there are too many layers the first and the last of them.
std::vector<std::string> health_table(std::span<const LayerRow> rows, const TableSize& size);

class TrainHealth {
 public:
  /// \throws UsageError for a wrong threshold.
  TrainHealth(const HealthArguments& arguments, const Global& global);

  /// Starts the log; a resumed run keeps the rows up to `begin`. \throws FileError.
  void begin(std::int64_t begin, bool resumes);
  /// The rows of a probed step: into the log, and onto the terminal over the table before.
  void show(std::span<const LayerRow> rows);
  /// Something else was printed: the next table goes below it.
  void leave_table() { drawn_ = 0; }
  void close();

  std::vector<Finding> judge(const TrainingRecord& record) const { return findings(record, thresholds_); }
  /// "health  no findings", or a line a finding; a table before it if asked for.
  std::vector<std::string> summary(const TrainingRecord& record) const;
  Json json(const TrainingRecord& record) const;

 private:
  HealthArguments arguments_;
  Thresholds thresholds_;
  bool live_;
  std::size_t drawn_ = 0;  // lines of the table on the terminal
  std::optional<AppendFile> log_;
};

}  // namespace evengrad::cli
