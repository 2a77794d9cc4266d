# The pages, built by npm in web/, and the schema of what the report's shows become part of the library. Where there is no
# npm, pages that were built before are taken, else the library has none and says so when asked for one. The playground
# also needs emscripten, which compiles the engine that it carries.
find_program(EVENGRAD_NPM npm)
find_program(EVENGRAD_EMCC em++)
set(toolchain /usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake)  # as in CMakePresets.json
set(can_build_page OFF)
if(PROJECT_IS_TOP_LEVEL AND EVENGRAD_NPM AND EXISTS ${PROJECT_SOURCE_DIR}/web/package-lock.json)
  set(can_build_page ON)
endif()
set(can_build_playground OFF)
if(can_build_page AND EVENGRAD_EMCC AND EXISTS ${toolchain})
  set(can_build_playground ON)
endif()
option(EVENGRAD_BUILD_PAGE "Build the pages with npm, which fetches what it needs" ${can_build_page})
option(EVENGRAD_BUILD_PLAYGROUND "Compile the engine of the playground with emscripten" ${can_build_playground})

set(web ${PROJECT_SOURCE_DIR}/web)
set(page ${web}/dist/report.html)
set(playground ${web}/dist/playground.html)
set(engine ${web}/dist/engine.wasm)
if(EVENGRAD_BUILD_PLAYGROUND)
  file(GLOB_RECURSE engine_sources CONFIGURE_DEPENDS ${web}/engine/*)
  foreach(folder IN LISTS EVENGRAD_FOLDERS)
    file(GLOB_RECURSE folder_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*)
    list(APPEND engine_sources ${folder_sources})
  endforeach()
  # A build of its own, in build/wasm whatever builds it: it compiles again what has changed.
  add_custom_command(OUTPUT ${engine} DEPENDS ${engine_sources} ${PROJECT_SOURCE_DIR}/CMakePresets.json
    COMMAND ${CMAKE_COMMAND} -E env --unset=CC --unset=CXX ${CMAKE_COMMAND} --preset wasm -Wno-dev
    COMMAND ${CMAKE_COMMAND} --build --preset wasm
    COMMAND ${CMAKE_COMMAND} -E make_directory ${web}/dist
    COMMAND ${CMAKE_COMMAND} -E copy ${PROJECT_SOURCE_DIR}/build/wasm/engine.wasm ${engine}
    COMMAND ${CMAKE_COMMAND} -E touch ${engine}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} COMMENT "Compiling the playground's engine to WebAssembly" VERBATIM)
endif()
if(EVENGRAD_BUILD_PAGE)
  set(fetched ${web}/node_modules/.package-lock.json)  # npm writes it last
  add_custom_command(OUTPUT ${fetched} DEPENDS ${web}/package.json ${web}/package-lock.json
    COMMAND ${EVENGRAD_NPM} ci --silent --no-audit --no-fund COMMAND ${CMAKE_COMMAND} -E touch ${fetched}
    WORKING_DIRECTORY ${web} COMMENT "Fetching what the pages are built with" VERBATIM)
  file(GLOB_RECURSE page_sources CONFIGURE_DEPENDS ${web}/src/*)
  file(GLOB page_tools CONFIGURE_DEPENDS ${web}/*.mjs ${web}/*.json)
  set(pages ${page})
  set(page_engine "")
  if(EVENGRAD_BUILD_PLAYGROUND)
    list(APPEND pages ${playground})
    set(page_engine ${engine})
  endif()
  add_custom_command(OUTPUT ${pages} DEPENDS ${fetched} ${page_sources} ${page_tools} ${page_engine}
    COMMAND ${EVENGRAD_NPM} run --silent build COMMAND ${CMAKE_COMMAND} -E touch ${pages}
    WORKING_DIRECTORY ${web} COMMENT "Building the pages" VERBATIM)
endif()

function(evengrad_embed name input)
  set(output ${PROJECT_BINARY_DIR}/embedded/${name}.cpp)
  set(depends ${PROJECT_SOURCE_DIR}/cmake/EvengradEmbed.cmake)
  if(EXISTS ${input} OR input IN_LIST pages)
    list(APPEND depends ${input})
  endif()
  add_custom_command(OUTPUT ${output} DEPENDS ${depends}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DINPUT=${input} -DOUTPUT=${output}
      -P ${PROJECT_SOURCE_DIR}/cmake/EvengradEmbed.cmake
    COMMENT "Embedding ${name}" VERBATIM)
  target_sources(evengrad PRIVATE ${output})
endfunction()
evengrad_embed(report_page ${page})
evengrad_embed(playground_page ${playground})
evengrad_embed(report_schema ${PROJECT_SOURCE_DIR}/docs/report.schema.json)
