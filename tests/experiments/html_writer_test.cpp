#include <evengrad/experiments/html_writer.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/experiments/json_writer.hpp>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <fstream>
#include <functional>
#include <sstream>

#include "reports.hpp"

namespace evengrad {
namespace {

using Json = nlohmann::json;

constexpr std::string_view begin = "<script type=\"application/json\" id=\"evengrad-report\">", end = "</script>";
const std::string page = "<!doctype html><body>" + std::string(begin) + "{{document}}" + std::string(end) + "</body>";

// What the page's script reads, up to the first end of a script element.
std::string embedded(const std::string& html) {
  const std::size_t from = html.find(begin) + begin.size();
  return html.substr(from, html.find(end, from) - from);
}

const std::vector<std::string> hostile = {"</script><script>alert(1)</script>",
                                          "<!--<script>",
                                          "]]>",
                                          "\"><img src=x onerror=alert(1)>",
                                          "&lt;&amp;&#60;",
                                          "\u2028 and \u2029",
                                          "'\"\\ \\u003c/script>",
                                          std::string("\0\x01\x1b\x7f\r\n", 6),
                                          "{{document}}",
                                          "\xff\xc0\xaf\xed\xa0\x80",
                                          std::string(1 << 20, '<')};

TEST(HtmlWriter, NoTextCanEndTheElementThatHoldsIt) {
  for (const std::string& words : hostile) {
    const std::string json = Json{{"words", words}, {words, 1}}.dump(-1, ' ', false, Json::error_handler_t::replace);
    const std::string html = fill_page(page, json);
    const std::string inside = embedded(html);
    EXPECT_EQ(html, page.substr(0, page.find("{{")) + inside + page.substr(page.find("}}") + 2));
    EXPECT_EQ(inside.find_first_of("<>&"), inside.npos);
    EXPECT_EQ(inside.find("\u2028"), inside.npos);
    EXPECT_EQ(inside.find("\u2029"), inside.npos);
    EXPECT_EQ(Json::parse(inside), Json::parse(json));
  }
}

TEST(HtmlWriter, APageHasOnePlaceForTheDocument) {
  EXPECT_THROW(fill_page("<p>nothing</p>", "{}"), Error);
  EXPECT_THROW(fill_page(page + page, "{}"), Error);
}

std::string report_with(const std::string& words) {
  Results results = sample_results();
  Report& report = results.experiments[0];
  for (std::string* field : {&report.name,
                             &report.title,
                             &report.question,
                             &report.answer,
                             &report.notes[0],
                             &report.claims[0].id,
                             &report.claims[0].statement,
                             &report.claims[0].source,
                             &report.claims[0].rule,
                             &report.claims[0].condition,
                             &report.claims[0].surprise,
                             &report.tables[0].name,
                             &report.tables[0].title,
                             &report.tables[0].columns[0],
                             &report.series[0].chart,
                             &report.series[0].name,
                             &report.series[0].x_label,
                             &report.series[0].y_label,
                             &report.heat_maps[0].name,
                             &report.heat_maps[0].title,
                             &report.heat_maps[0].rows[0],
                             &report.heat_maps[0].columns[0]}) {
    *field = words;
  }
  report.tables[0].rows[0][0] = words;
  return to_json(results);
}

TEST(HtmlWriter, HostileTextsComeBackFromTheRealPage) {
  if (!has_page()) GTEST_SKIP() << "this build has no page";
  const std::string harmless = to_html(report_with("harmless"));
  const auto scripts = [](const std::string& html) {
    int count = 0;
    for (std::size_t at = html.find("<script"); at != html.npos; at = html.find("<script", at + 1)) ++count;
    return count;
  };
  for (const std::string& words : hostile) {
    const std::string html = to_html(report_with(words));
    EXPECT_EQ(scripts(html), scripts(harmless));
    const Json document = Json::parse(embedded(html));
    const Json expected = Json::parse(report_with(words))["experiments"][0];
    EXPECT_EQ(document["experiments"][0]["claims"][0], expected["claims"][0]);
    EXPECT_EQ(document["experiments"][0]["heat_maps"], expected["heat_maps"]);
    EXPECT_EQ(document["experiments"][0]["title"], expected["title"]);
  }
}

TEST(HtmlWriter, ThePageHoldsTheDocumentAndTheExplorer) {
  if (!has_page()) GTEST_SKIP() << "this build has no page";
  const std::string html = to_html(to_json(sample_results()));
  EXPECT_EQ(to_html(to_json(sample_results())), html);
  Json document = Json::parse(embedded(html));
  EXPECT_GT(document["explorer"]["activations"].size(), 20u);
  document.erase("explorer");
  EXPECT_EQ(document, Json::parse(to_json(sample_results())));  // of few digits anyway
}

TEST(HtmlWriter, OtherTextsAreNoDocuments) {
  for (const std::string text : {"", "[", "null", "[]", "{}", "{\"kind\": 3}", "{\"kind\": \"walk\"}",
                                 "{\"kind\": \"run\"}", "{\"kind\": \"compare\"}", "{\"kind\": \"train\"}", "\xff"}) {
    EXPECT_THROW(check_document(text), Error) << text;
  }
  EXPECT_THROW(check_document(std::string(100'000, '[')), Error);
  const std::string whole = to_json(sample_results());
  EXPECT_NO_THROW(check_document(whole));
  for (std::size_t length = 0; length + 2 < whole.size(); length += 97) {
    EXPECT_THROW(check_document(whole.substr(0, length)), Error) << length;
  }
}

// Calls back with each node of the document, and after it the document is as it was.
void for_each_node(Json& node, const std::string& path, const std::function<void(Json&, const std::string&)>& visit) {
  visit(node, path);
  if (!node.is_structured()) return;
  for (auto& [key, item] : node.items()) for_each_node(item, path + "/" + key, visit);
}

// One fault anywhere is found, and where it is is said.
TEST(HtmlWriter, OneWrongNodeIsFoundAndNamed) {
  Json document = Json::parse(to_json(sample_results()));
  int faults = 0;
  for_each_node(document, "", [&](Json& node, const std::string& path) {
    if (path.empty()) return;
    Json right = std::move(node);
    for (const Json& wrong : {Json{{"a", 1}}, Json(true), Json::array({Json::object()})}) {
      if (wrong.type() == right.type() && !wrong.is_structured()) continue;
      node = wrong;
      ++faults;
      try {
        check_document(document.dump());
        ADD_FAILURE() << path << " may be " << wrong;
      } catch (const Error& error) {
        const std::string what = error.what();
        EXPECT_TRUE(path == "/kind" || what.find("at " + path) != what.npos) << path << ": " << what;
        EXPECT_EQ(what.find('\n'), what.npos);
      }
    }
    node = std::move(right);
  });
  EXPECT_GT(faults, 200);
}

TEST(HtmlWriter, AFieldTooManyOrTooFewIsFound) {
  Json document = Json::parse(to_json(sample_results()));
  for_each_node(document, "", [&](Json& node, const std::string& path) {
    if (!node.is_object()) return;
    const Json whole = node;
    for (const auto& item : whole.items()) {
      if (path.starts_with("/experiments/") && item.key() == "command") continue;  // may be missing there
      node.erase(item.key());
      EXPECT_THROW(check_document(document.dump()), Error) << path << " without " << item.key();
      node = whole;
    }
    node["more"] = 1;
    EXPECT_THROW(check_document(document.dump()), Error) << path;
    node = whole;
  });
}

}  // namespace
}  // namespace evengrad
