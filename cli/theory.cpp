#include "emit.hpp"
#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/experiments/documents.hpp>

#include <cmath>
#include <iostream>
#include <regex>

namespace evengrad::cli {

namespace {

// f (solid) and f' (dotted) over [-4, 4], in braille: 2 x 4 points a character.
std::vector<std::string> plot(const Activation& f) {
  constexpr int columns = 50, rows = 11, width = 2 * columns, height = 4 * rows;
  constexpr double left = -4, right = 4;
  double low = -0.5, high = 1.2;
  std::vector<double> value, slope;
  for (int i = 0; i < width; ++i) {
    const double x = left + (right - left) * (i + 0.5) / width;
    value.push_back(f.value(x));
    slope.push_back(f.derivative(x));
    for (const double y : {value.back(), slope.back()}) {
      if (!std::isfinite(y)) continue;
      low = std::max(-4.0, std::min(low, y));
      high = std::min(4.0, std::max(high, y));
    }
  }
  std::vector<unsigned char> dots(columns * rows, 0);
  const auto set = [&](int x, int y) {
    constexpr unsigned char bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    if (x >= 0 && x < width && y >= 0 && y < height)
      dots[static_cast<std::size_t>(y / 4 * columns + x / 2)] |= bit[y % 4][x % 2];
  };
  const auto row_of = [&](double y) { return static_cast<int>(std::lround((high - y) / (high - low) * (height - 1))); };
  for (int i = 0; i < width; ++i) {
    if (i % 6 == 0) set(i, row_of(0));
    const double y = value[static_cast<std::size_t>(i)], d = slope[static_cast<std::size_t>(i)];
    if (std::isfinite(y) && y >= low && y <= high) {
      const int to = i + 1 < width && std::isfinite(value[static_cast<std::size_t>(i + 1)])
                         ? row_of(value[static_cast<std::size_t>(i + 1)])
                         : row_of(y);
      for (int r = std::min(row_of(y), to); r <= std::max(row_of(y), to); ++r) set(i, r);
    }
    if (i % 3 == 0 && std::isfinite(d)) set(i, row_of(d));
  }
  std::vector<std::string> lines;
  for (int r = 0; r < rows; ++r) {
    std::string line;
    for (int c = 0; c < columns; ++c) {
      const unsigned char code = dots[static_cast<std::size_t>(r * columns + c)];
      line += '\xe2';
      line += static_cast<char>(0xa0 | code >> 6);
      line += static_cast<char>(0x80 | (code & 0x3f));
    }
    char label[16];
    const bool labelled = r == 0 || r == rows - 1;
    std::snprintf(label, sizeof label, labelled ? "%6.2f " : "       ", r == 0 ? high : low);
    lines.push_back(label + line);
  }
  lines.push_back("       -4" + std::string(columns / 2 - 3, ' ') + "0" + std::string(columns / 2 - 3, ' ') +
                  "4    solid f, dotted f'");
  return lines;
}

void print_extremum(const char* what, const std::optional<Extremum>& extremum) {
  std::cout << "  " << what
            << (extremum ? text(significant(extremum->value, 8), " at x = ", significant(extremum->at, 8))
                         : "not attained")
            << '\n';
}

void print_gain(const char* name, const std::optional<double>& gain, const char* meaning) {
  char line[160];
  std::snprintf(line, sizeof line, "  %-14s %-12s %s\n", name, gain ? significant(*gain, 8).c_str() : "none", meaning);
  std::cout << line;
}

int theory(const std::string& given, const std::string& framework, const Global& global) {
  if (global.json && framework.empty()) {
    Json document = document_header();
    document.update(Json::parse(theory_json(given)));
    print_json(document);
    return 0;
  }
  const auto [f, named, formula, m, g, e, critical, regimes, repaired, recommended] = theory_of(given);
  if (!framework.empty()) {
    std::cout << emit_code(framework, f, recommended.init, recommended.reason);
    return 0;
  }

  std::cout << f.name() << "\n\n  f(x)  = " << formula << '\n';
  if (named) std::cout << "  f'(x) = " << formula_text(named->entry->info.derivative, *named) << '\n';
  if (named) {
    const std::string range = std::regex_replace(std::string(named->entry->info.range), std::regex("inf"), "∞");
    std::cout << "  range " << range << ", " << named->entry->info.source << '\n';
  }
  std::cout << '\n';
  for (const std::string& line : plot(f)) std::cout << "  " << line << '\n';

  std::cout << "\nExtrema\n";
  print_extremum("least value    ", e.value_min);
  print_extremum("largest value  ", e.value_max);
  print_extremum("least slope    ", e.derivative_min);
  print_extremum("largest slope  ", e.derivative_max);

  std::cout << "\nMoments for x ~ N(0, 1)\n  E[f] " << significant(m.mean, 10) << "   E[f^2] "
            << significant(m.second, 10) << "   Var f " << significant(m.variance, 10) << "   E[f'^2] "
            << significant(m.derivative_second, 10) << '\n';

  std::cout << "\nGains (weights get the standard deviation gain / sqrt(fan_in))\n";
  print_gain("second_moment", g.second_moment, "keeps the signal's mean square, 1 / sqrt(E[f^2])");
  print_gain("fixed_point", g.fixed_point, "the smallest s with E[f(s x)^2] = 1");
  print_gain("unit_variance", g.unit_variance, "makes the output's variance 1, 1 / std f");
  print_gain("backward", g.backward, "keeps the gradient's mean square, 1 / sqrt(E[f'^2])");
  print_gain("pytorch", g.pytorch, "torch.nn.init.calculate_gain");

  std::cout << "\nDeep nets (z = W f + b, Var W = sigma_w2 / fan_in, Var b = sigma_b2)\n";
  if (critical) {
    std::cout << "  critical at sigma_w2 = " << significant(critical->scales.weight, 9)
              << ", sigma_b2 = " << significant(critical->scales.bias, 9);
    if (critical->q) std::cout << ", q = " << significant(*critical->q, 9);
    std::cout << "  (" << to_string(critical->kind) << ")\n";
  } else {
    std::cout << "  no critical point";
    if (const auto edge = edge_without_bias(f))
      std::cout << "; a line chi1 = 1 begins at q = " << significant(*edge, 6);
    std::cout << '\n';
  }
  for (const auto& [scales, r] : regimes) {
    std::cout << "  sigma_w2 = " << scales.weight << (scales.weight == 1 ? " (lecun)" : " (he)   ") << ": "
              << describe(r) << '\n';
  }
  if (repaired) {
    std::cout << "  repaired: " << significant(repaired->a, 6) << " f(x) " << (repaired->b < 0 ? "- " : "+ ")
              << significant(std::abs(repaired->b), 6)
              << " keeps signal and gradient at sigma_w2 = 1; write normalized(" << f.name() << ")\n";
  }
  std::cout << "\nInitializer\n  " << recommended.init << ": " << recommended.reason << '\n';
  if (named) std::cout << "\nUses   " << named->entry->info.uses << "\nNotes  " << named->entry->info.notes << '\n';
  return 0;
}

}  // namespace

Command add_theory(CLI::App& program, Global& global) {
  CLI::App* app =
      program.add_subcommand("theory", "What follows from an activation: gains, critical point, initializer");
  auto given = std::make_shared<std::string>();
  app->add_option("ACTIVATION", *given, "A name (gelu, leaky_relu(0.2)) or a formula in x (\"x*tanh(exp(x))\")")
      ->required();
  auto framework = std::make_shared<std::string>();
  app->add_option("--emit", *framework, "Print code that initializes a net this way: pytorch, jax, keras, cpp");
  return {app, [given, framework, &global] { return theory(*given, *framework, global); }};
}

}  // namespace evengrad::cli
