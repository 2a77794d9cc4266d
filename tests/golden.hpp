// Reads the golden files of tests/golden, by other means than the library's.
#pragma once

#include "paths.hpp"

#include <evengrad/core/parameter.hpp>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace evengrad::golden {

inline std::string content(const std::string& name) {
  std::ifstream file(test::source_folder + "/tests/golden/" + name, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open the golden file " + name);
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

inline nlohmann::json json(const std::string& name) { return nlohmann::json::parse(content(name)); }

/// The tensors of a safetensors file by name, in double, flat. Integers (PyTorch's batch counts) are left out.
inline std::map<std::string, std::vector<double>> tensors(const std::string& name) {
  const std::string bytes = content(name);
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  std::map<std::string, std::vector<double>> result;
  const nlohmann::json header = nlohmann::json::parse(bytes.substr(8, length));
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__" || entry["dtype"] == "I64") continue;
    const bool wide = entry["dtype"] == "F64";
    const std::size_t begin = 8 + length + entry["data_offsets"][0].get<std::size_t>();
    const std::size_t end = 8 + length + entry["data_offsets"][1].get<std::size_t>();
    for (std::size_t at = begin; at < end; at += wide ? 8 : 4) {
      double d;
      float f;
      if (wide) {
        std::memcpy(&d, &bytes.at(at), 8);
      } else {
        std::memcpy(&f, &bytes.at(at), 4);
      }
      result[key].push_back(wide ? d : static_cast<double>(f));
    }
  }
  return result;
}

/// Copies every tensor of the file into the model. Throws where one is missing, left over, or of another size.
template <Real S, class Model>
void load(Model& model, const std::string& file) {
  auto values = tensors(file);
  model.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
    const auto found = values.find(path.str());
    if (found == values.end()) throw std::runtime_error(file + " has no " + path.str());
    if (static_cast<Index>(found->second.size()) != parameter.value.size()) {
      throw std::runtime_error(file + ": the size of " + path.str());
    }
    for (Index i = 0; i < parameter.value.size(); ++i) {
      parameter.value.data()[i] = static_cast<S>(found->second[static_cast<std::size_t>(i)]);
    }
    values.erase(found);
  });
  if (!values.empty()) throw std::runtime_error(file + ": nothing is called " + values.begin()->first);
}

/// The numbers of a CSV file below its header.
inline Matrix<double> csv(const std::string& name) {
  std::istringstream lines(content(name));
  std::string line;
  std::getline(lines, line);
  std::vector<std::vector<double>> rows;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(std::stod(cell));
  }
  Matrix<double> result(static_cast<Index>(rows.size()), static_cast<Index>(rows.at(0).size()));
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < rows[r].size(); ++c) result(static_cast<Index>(r), static_cast<Index>(c)) = rows[r][c];
  }
  return result;
}

}  // namespace evengrad::golden
