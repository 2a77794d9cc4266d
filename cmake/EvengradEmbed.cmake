# cmake -DNAME=report_page -DINPUT=report.html -DOUTPUT=report_page.cpp -P EvengradEmbed.cmake
# Makes evengrad::embedded::NAME of a text file; empty where the file is not there.
set(content "")
if(EXISTS "${INPUT}")
  file(READ "${INPUT}" content)
endif()
string(FIND "${content}" ")evengrad\"" end)
if(NOT end EQUAL -1)
  message(FATAL_ERROR "${INPUT} contains what ends a raw string")
endif()
file(WRITE "${OUTPUT}" "// Made of ${NAME} by cmake/EvengradEmbed.cmake.
#include <string_view>
#pragma GCC diagnostic ignored \"-Woverlength-strings\"
namespace evengrad::embedded {
extern const std::string_view ${NAME};
const std::string_view ${NAME} = R\"evengrad(${content})evengrad\";
}
")
