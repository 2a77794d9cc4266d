// The JSON of a trial in the results store, as if somebody had edited the file. What is read is stored and read again.
#include <evengrad/training/results_store.hpp>

#include <sqlite3.h>

#include <cmath>

#include "../temp_folder.hpp"
#include "target.hpp"

using namespace evengrad;

namespace {

const TrialSet trial_set = {"fuzz", "one", "{}"};

/// A store with one trial, whose JSON is replaced from outside.
struct Store {
  TempFolder folder;
  ResultsStore store{folder.path() / "results.sqlite"};
  sqlite3* database = nullptr;
  sqlite3_stmt* replace = nullptr;

  Store() {
    store.add(trial_set, {.label = "a trial", .result = {}});
    sqlite3_open((folder.path() / "results.sqlite").c_str(), &database);
    sqlite3_exec(database, "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);
    sqlite3_prepare_v2(database, "UPDATE trials SET result = ?", -1, &replace, nullptr);
  }
  ~Store() {
    sqlite3_finalize(replace);
    sqlite3_close(database);
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  void write(std::string_view json) {
    sqlite3_bind_text(replace, 1, json.data(), static_cast<int>(json.size()), SQLITE_TRANSIENT);
    fuzz::expect(sqlite3_step(replace) == SQLITE_DONE, "the store can be written");
    sqlite3_reset(replace);
  }
};

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) { return same(x, y); });
}

/// An empty list of lists is stored as an empty list.
bool same(const RowValue& a, const RowValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* number = std::get_if<double>(&a)) return same(*number, std::get<double>(b));
  if (const auto* list = std::get_if<std::vector<double>>(&a)) return same(*list, std::get<std::vector<double>>(b));
  if (const auto* words = std::get_if<std::string>(&a)) return *words == std::get<std::string>(b);
  const auto &x = std::get<std::vector<std::vector<double>>>(a), &y = std::get<std::vector<std::vector<double>>>(b);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const auto& p, const auto& q) { return same(p, q); });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Store stored;
  stored.write(fuzz::text_of(data, size));
  Row row;
  if (!fuzz::accepts(size, [&] { row = stored.store.trials(trial_set).at(0).result; })) return 0;
  const TrialSet again = {"fuzz", "again", "{}"};
  static int number = 0;
  stored.store.add(again, {.number = ++number, .label = "again", .result = row});
  const Row once = stored.store.trials(again).at(number).result;
  fuzz::expect(std::equal(row.begin(), row.end(), once.begin(), once.end(),
                          [](const auto& a, const auto& b) { return a.first == b.first && same(a.second, b.second); }),
               "stored and read again, the row is the same");
  sqlite3_exec(stored.database, "DELETE FROM trials WHERE trial_set = 'again'", nullptr, nullptr, nullptr);
  return 0;
}
