// The results store: one SQLite file that holds every finished trial of a run, so that an interrupted run goes on where
// it was and people can query what was measured.
#pragma once

#include <evengrad/training/row.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

struct sqlite3;

namespace evengrad {

/// A set of trials: everything but a trial's number that determines its result.
struct TrialSet {
  std::string experiment;  ///< "vanishing-gradients", "compare"
  std::string name;        ///< of the set within the experiment: "gradients at the start"
  std::string settings;    ///< as JSON: profile, seed, sizes
};

/// One finished trial.
struct StoredTrial {
  int number = 0;
  std::string label;  ///< what it was, for people who query: "relu he 20"
  Row result;
  double seconds = 0;  ///< that it took
};

/// Tables of the file (user_version 1): `trials(experiment, trial_set, settings, code, number, label, result,
/// seconds)`, the first five its key. `code` is version, commit, compiler and instruction set: what another build
/// measured is not taken for this one's. `settings` and `result` are JSON, numbers with all their digits and the three
/// that JSON does not have as "nan", "inf" and "-inf". `facts(name, value)` says what the run was asked.
class ResultsStore {
 public:
  /// Opens or creates the file; `patience` is how long another process's write is waited for.
  /// \throws FileError if that fails, or if the file is no such store.
  explicit ResultsStore(const std::filesystem::path& file,
                        std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~ResultsStore();
  ResultsStore(const ResultsStore&) = delete;
  ResultsStore& operator=(const ResultsStore&) = delete;

  /// The stored trials of this build, by number. \throws FileError.
  std::map<int, StoredTrial> trials(const TrialSet& set) const;

  /// Writes one trial, in a transaction of its own: it is there or not, whatever happens. \throws FileError.
  void add(const TrialSet& set, const StoredTrial& trial);

  /// Deletes the trials of this build from this number on. \throws FileError.
  void erase(const TrialSet& set, int from);

  /// How many trials there are, of any set and any build.
  int size() const;

  /// What the run was asked: a value by name, empty where there is none.
  std::string fact(const std::string& name) const;
  void set_fact(const std::string& name, const std::string& value);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace evengrad
