#include <evengrad/training/results_store.hpp>

#include <evengrad/core/utf8.hpp>
#include <evengrad/training/provenance.hpp>

#include <sqlite3.h>

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <thread>

namespace evengrad {

namespace {

using Json = nlohmann::ordered_json;

constexpr int schema = 1;

// Of a process that is killed nothing committed is lost (NORMAL); a power cut may lose the last trials, never the file.
constexpr const char* set_up = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS trials (
    experiment TEXT NOT NULL,
    trial_set TEXT NOT NULL,
    settings TEXT NOT NULL,
    code TEXT NOT NULL,
    number INTEGER NOT NULL,
    label TEXT NOT NULL,
    result TEXT NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (experiment, trial_set, settings, code, number)
  );
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
)";

[[noreturn]] void fail(sqlite3* database, const std::filesystem::path& file) {
  throw FileError(text("results store ", in_quotes(file.string()), ": ", sqlite3_errmsg(database)));
}

// One SQL statement with its parameters.
class Statement {
 public:
  Statement(sqlite3* database, const std::filesystem::path& file, const char* sql) : database_(database), file_(file) {
    if (sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) != SQLITE_OK) fail(database_, file_);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(const std::string& value) {
    sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(int value) {
    sqlite3_bind_int(statement_, ++bound_, value);
    return *this;
  }
  Statement& bind(double value) {
    sqlite3_bind_double(statement_, ++bound_, value);
    return *this;
  }
  /// True while there is a row.
  bool step() {
    const int status = sqlite3_step(statement_);
    if (status != SQLITE_ROW && status != SQLITE_DONE) fail(database_, file_);
    return status == SQLITE_ROW;
  }
  std::string column(int index) const {
    const auto* begin = reinterpret_cast<const char*>(sqlite3_column_text(statement_, index));
    return begin ? std::string(begin, static_cast<std::size_t>(sqlite3_column_bytes(statement_, index))) : "";
  }
  int integer(int index) const { return sqlite3_column_int(statement_, index); }
  double number(int index) const { return sqlite3_column_double(statement_, index); }

 private:
  sqlite3* database_;
  const std::filesystem::path& file_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

Json number_json(double x) {
  if (std::isfinite(x)) return x;
  return std::isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

double json_number(const Json& json) {
  if (json.is_number()) return json.get<double>();
  const auto word = json.get<std::string>();
  if (word == "inf") return std::numeric_limits<double>::infinity();
  if (word == "-inf") return -std::numeric_limits<double>::infinity();
  if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
  throw Error(text("expected a number, got ", in_quotes(word)));
}

Json list_json(const std::vector<double>& list) {
  Json json = Json::array();
  for (const double x : list) json.push_back(number_json(x));
  return json;
}

std::vector<double> json_list(const Json& json) {
  std::vector<double> list;
  for (const Json& x : json) list.push_back(json_number(x));
  return list;
}

Json value_json(const RowValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return number_json(*number);
  if (const auto* words = std::get_if<std::string>(&value)) return *words;
  if (const auto* list = std::get_if<std::vector<double>>(&value)) return list_json(*list);
  Json lists = Json::array();
  for (const auto& list : std::get<std::vector<std::vector<double>>>(value)) lists.push_back(list_json(list));
  return lists;
}

bool is_number(const Json& json) { return json.is_number() || json == "nan" || json == "inf" || json == "-inf"; }

RowValue json_value(const Json& json) {
  if (is_number(json)) return json_number(json);
  if (json.is_string()) return json.get<std::string>();
  if (json.empty() || is_number(json.front())) return json_list(json);
  std::vector<std::vector<double>> lists;
  for (const Json& list : json) lists.push_back(json_list(list));
  return lists;
}

std::string row_text(const Row& row) {
  Json json = Json::object();
  for (const auto& [name, value] : row) json[name] = value_json(value);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Row text_row(const std::string& words) {
  Row row;
  const Json json = Json::parse(words);
  for (const auto& [name, value] : json.items()) row.emplace_back(name, json_value(value));
  return row;
}

const std::string& code() {
  static const std::string words = [] {
    const Provenance& made = provenance();
    return text(made.version, " ", made.commit, ", ", made.compiler, ", ", made.flags, ", ", made.cpu);
  }();
  return words;
}

}  // namespace

void ResultsStore::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

ResultsStore::ResultsStore(const std::filesystem::path& file, std::chrono::milliseconds patience) : file_(file) {
  sqlite3* database = nullptr;
  const int status = sqlite3_open(file.c_str(), &database);
  database_.reset(database);
  if (status != SQLITE_OK) fail(database, file);
  sqlite3_busy_timeout(database, static_cast<int>(patience.count()));
  int version = 0;
  {
    Statement found(database, file_, "PRAGMA user_version");
    if (found.step()) version = found.integer(0);
  }
  if (version != 0 && version != schema) {
    throw FileError(text("results store ", in_quotes(file.string()), ": expected schema version ", schema, ", got ",
                         version, ": give another folder"));
  }
  // SQLite does not wait for another process that turns a new file to WAL too.
  const auto end = std::chrono::steady_clock::now() + patience;
  int made = SQLITE_OK;
  while ((made = sqlite3_exec(database, set_up, nullptr, nullptr, nullptr)) == SQLITE_BUSY &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (made != SQLITE_OK) fail(database, file_);
  if (version == 0 &&
      sqlite3_exec(database, text("PRAGMA user_version = ", schema).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(database, file_);
  }
}

ResultsStore::~ResultsStore() = default;

std::map<int, StoredTrial> ResultsStore::trials(const TrialSet& set) const {
  Statement select(database_.get(), file_,
                   "SELECT number, label, result, seconds FROM trials "
                   "WHERE experiment = ? AND trial_set = ? AND settings = ? AND code = ?");
  select.bind(set.experiment).bind(set.name).bind(set.settings).bind(code());
  std::map<int, StoredTrial> found;
  while (select.step()) {
    const int number = select.integer(0);
    try {
      found[number] = {number, select.column(1), text_row(select.column(2)), select.number(3)};
    } catch (const std::exception& error) {
      throw FileError(text("results store ", in_quotes(file_.string()), ": trial ", number, " of ", in_quotes(set.name),
                           ": ", on_one_line(error.what())));
    }
  }
  return found;
}

void ResultsStore::add(const TrialSet& set, const StoredTrial& trial) {
  Statement insert(database_.get(), file_, "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(set.experiment).bind(set.name).bind(set.settings).bind(code()).bind(trial.number).bind(trial.label);
  insert.bind(row_text(trial.result)).bind(trial.seconds).step();
}

void ResultsStore::erase(const TrialSet& set, int from) {
  Statement remove(database_.get(), file_,
                   "DELETE FROM trials "
                   "WHERE experiment = ? AND trial_set = ? AND settings = ? AND code = ? AND number >= ?");
  remove.bind(set.experiment).bind(set.name).bind(set.settings).bind(code()).bind(from).step();
}

int ResultsStore::size() const {
  Statement count(database_.get(), file_, "SELECT COUNT(*) FROM trials");
  return count.step() ? count.integer(0) : 0;
}

std::string ResultsStore::fact(const std::string& name) const {
  Statement select(database_.get(), file_, "SELECT value FROM facts WHERE name = ?");
  return select.bind(name).step() ? select.column(0) : "";
}

void ResultsStore::set_fact(const std::string& name, const std::string& value) {
  Statement insert(database_.get(), file_, "INSERT OR REPLACE INTO facts VALUES (?, ?)");
  insert.bind(name).bind(value).step();
}

}  // namespace evengrad
