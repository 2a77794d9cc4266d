// The report model: what every experiment returns and every writer reads. Plain data; nothing here prints or computes.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace evengrad {

/// What a rule said of a claim as it was stated.
enum class Verdict { confirmed, conditional, refuted, undecided, not_tested };

/// "confirmed", "conditional", ...
std::string to_string(Verdict verdict);

/// A number with its 95 % interval over seeds; low and high are absent where it has none (an exact value).
struct Measurement {
  double value = 0;
  std::optional<double> low = {};
  std::optional<double> high = {};
};

/// One checkable statement, what theory says, what was measured, and the verdict that the rule gave.
struct Claim {
  std::string id;                        ///< as in the list of claims: "V1"
  std::string statement;                 ///< as its source states it
  std::string source;                    ///< who says so
  std::optional<double> predicted = {};  ///< by theory
  std::optional<Measurement> measured = {};
  std::optional<double> tolerance = {};  ///< that the rule used
  std::string rule;                      ///< how the verdict follows from the numbers, in a sentence
  Verdict verdict = Verdict::undecided;
  std::string condition = {};  ///< of a conditional one, in numbers: "holds up to depth 7 at width 256"
  std::string surprise = {};   ///< where theory or folklore missed, in numbers; empty where nothing surprised
  bool timing = false;         ///< a claim about time: may differ between two runs of one seed
};

/// A cell of a table.
using Cell = std::variant<std::string, double, Measurement>;

struct Table {
  std::string name;   ///< of its CSV file: "gradients_at_init"
  std::string title;  ///< what it shows, with units
  std::vector<std::string> columns = {};
  std::vector<std::vector<Cell>> rows = {};
};

/// A line of a chart, with an interval band and the theory's line where there are such.
struct Series {
  std::string chart;  ///< lines of one chart share this
  std::string name;
  std::string x_label, y_label;
  bool log_y = false;
  std::vector<double> x = {}, y = {};
  std::vector<double> low = {}, high = {};  ///< empty, or one a point
  std::vector<double> theory = {};          ///< empty, or one a point
};

/// Numbers by two names each: activation x initializer.
struct HeatMap {
  std::string name;   ///< "loss_by_pairing"
  std::string title;  ///< what it shows, with units
  std::string row_label, column_label;
  std::vector<std::string> rows = {}, columns = {};
  std::vector<std::vector<double>> values = {};  ///< one list a row; NaN where there is none
  bool log = false;                              ///< colours go by the logarithm
};

/// What an experiment found.
struct Report {
  std::string name;
  std::string title;
  std::string question;
  std::string answer;                   ///< one sentence, made from the numbers
  std::vector<std::string> notes = {};  ///< how it was run, what surprised
  std::vector<Claim> claims = {};
  std::vector<Table> tables = {};
  std::vector<Series> series = {};
  std::vector<HeatMap> heat_maps = {};
};

}  // namespace evengrad
