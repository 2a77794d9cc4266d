# (g++ 12 warns of correct std::string code with -Wrestrict and -Wmaybe-uninitialized: GCC bugs 105651, 105562.)
# Same seed, same bits: no multiply-add is fused unless the code says fma(), and no fast-math anywhere.
function(evengrad_flags target)
  target_compile_options(${target} PRIVATE -ffp-contract=off -fno-math-errno)
  if(EVENGRAD_STRICT)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
      -Wno-psabi "$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-maybe-uninitialized>" -Werror)
  endif()
endfunction()
