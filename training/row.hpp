// The result of a trial as the results store keeps it: numbers by name.
#pragma once

#include <evengrad/core/error.hpp>

#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace evengrad {

using RowValue = std::variant<double, std::string, std::vector<double>, std::vector<std::vector<double>>>;

/// Names and values, in the order of the result's fields.
using Row = std::vector<std::pair<std::string, RowValue>>;

/// Collects the fields of a result, see to_row().
class RowWriter {
 public:
  template <class T>
  void operator()(const char* name, const T& field) {
    if constexpr (std::is_arithmetic_v<T>) {
      row.emplace_back(name, static_cast<double>(field));
    } else {
      row.emplace_back(name, field);
    }
  }

  Row row;
};

/// Fills the fields of a result, see from_row().
class RowReader {
 public:
  explicit RowReader(const Row& row) : row_(row) {}

  template <class T>
  void operator()(const char* name, T& field) {
    if (next_ == row_.size() || row_[next_].first != name)
      throw Error(text("a stored result has no field '", name, "'"));
    using Stored = std::conditional_t<std::is_arithmetic_v<T>, double, T>;
    const RowValue& stored = row_[next_++].second;
    if (const auto* value = std::get_if<Stored>(&stored)) {
      field = static_cast<T>(*value);
    } else if (const auto* list = std::get_if<std::vector<double>>(&stored); list == nullptr || !list->empty()) {
      throw Error(text("the field '", name, "' of a stored result is of another type"));
    }  // an empty list of lists is stored as an empty list
  }

 private:
  const Row& row_;
  std::size_t next_ = 0;
};

/// What to_row() takes.
template <class Result>
concept Storable = requires(Result result, RowWriter& writer) {
  result.fields(writer);
}
|| std::is_arithmetic_v<Result> || std::is_same_v<Result, std::vector<double>>;

/// The row of a result: a number, a list of numbers, or a struct with
///
///     template <class Fields> void fields(Fields& f) { f("loss", loss); f("gradients", gradients); }
///
/// whose fields are numbers, strings, and lists (of lists) of double. Whole numbers beyond 2^53 do not survive.
template <Storable Result>
Row to_row(Result result) {
  RowWriter writer;
  if constexpr (requires { result.fields(writer); }) {
    result.fields(writer);
  } else {
    writer("value", result);
  }
  return std::move(writer.row);
}

/// The result of a row. \throws Error where the row is of another kind of result.
template <Storable Result>
Result from_row(const Row& row) {
  RowReader reader(row);
  Result result{};
  if constexpr (requires { result.fields(reader); }) {
    result.fields(reader);
  } else {
    reader("value", result);
  }
  return result;
}

}  // namespace evengrad
