// Where the tests find things. Only paths.cpp knows the folders, so that the other tests compile to the same objects in
// every checkout.
#pragma once

#include <string>

namespace evengrad::test {

extern const std::string source_folder;   ///< of the checkout
extern const std::string program_folder;  ///< that holds the program `evengrad`

}  // namespace evengrad::test
