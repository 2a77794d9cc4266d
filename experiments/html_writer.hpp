// The report as one HTML file that opens anywhere: a page (web/), built into this library, filled with one JSON
// document.
#pragma once

#include <string>
#include <string_view>

namespace evengrad {

/// The page that shows a document: that of `run --json` or `compare --json`, or a training report; the tables to
/// explore are added to it. docs/report.schema.json describes them. The same document gives the same bytes.
/// \throws Error naming the first thing by which the text is no such document, UsageError where this build has no page.
std::string to_html(std::string_view document);

/// \throws Error naming the first thing by which the text is none of these documents.
void check_document(std::string_view document);

/// Whether this build has the page. \throws UsageError, in require_page(), that says how to get one.
bool has_page();
void require_page();

/// The page with the JSON in the place of its one "{{document}}", so that no text in it can end the script element that
/// holds it. \throws Error for a page without that place or with two.
std::string fill_page(std::string_view page, std::string_view json);

}  // namespace evengrad
