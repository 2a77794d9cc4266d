#include "paths.hpp"

namespace evengrad::test {

const std::string source_folder = EVENGRAD_SOURCE_FOLDER;
const std::string program_folder = EVENGRAD_PROGRAM_FOLDER;

}  // namespace evengrad::test
