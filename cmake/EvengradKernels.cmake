# Every file in a kernels folder is compiled once per instruction set. Inside, everything that depends on the set lives in
# a namespace named after it (core/lanes.hpp), so the copies never meet in the linker.
file(GLOB kernel_sources CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/core/kernels/*.cpp ${PROJECT_SOURCE_DIR}/activations/kernels/*.cpp
  ${PROJECT_SOURCE_DIR}/optim/kernels/*.cpp ${PROJECT_SOURCE_DIR}/training/kernels/*.cpp)

set(EVENGRAD_ISAS baseline)
if(EVENGRAD_DISPATCH AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT EMSCRIPTEN)
  list(APPEND EVENGRAD_ISAS avx2 avx512)
  target_compile_definitions(evengrad PRIVATE EVENGRAD_DISPATCH=1)
endif()
# -march=x86-64 first: where the user builds with -march=native, each set stays what its name says.
set(flags_baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT EMSCRIPTEN)
  set(flags_baseline -march=x86-64)
endif()
# -mtune=haswell: g++ 12 tuned for newer CPUs may split the multiply-add chains.
set(flags_avx2 -march=x86-64 -mavx2 -mfma -mtune=haswell)
set(flags_avx512 -march=x86-64 -mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx2 -mfma -mprefer-vector-width=512)

foreach(isa IN LISTS EVENGRAD_ISAS)
  add_library(evengrad_kernels_${isa} OBJECT ${kernel_sources})
  target_compile_features(evengrad_kernels_${isa} PRIVATE cxx_std_20)
  target_compile_options(evengrad_kernels_${isa} PRIVATE -O3 ${flags_${isa}})
  target_include_directories(evengrad_kernels_${isa} PRIVATE ${PROJECT_BINARY_DIR}/include)
  target_link_libraries(evengrad_kernels_${isa} PRIVATE Eigen3::Eigen)
  set_target_properties(evengrad_kernels_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_sources(evengrad PRIVATE $<TARGET_OBJECTS:evengrad_kernels_${isa}>)
  list(APPEND EVENGRAD_KERNEL_TARGETS evengrad_kernels_${isa})
endforeach()
