# The page of the HTML report, built by npm in web/, and the schema of what it shows become part of the library. Where
# there is no npm, a page that was built before is taken, else the library has none and says so when asked for a report.
find_program(EVENGRAD_NPM npm)
set(can_build_page OFF)
if(PROJECT_IS_TOP_LEVEL AND EVENGRAD_NPM AND EXISTS ${PROJECT_SOURCE_DIR}/web/package-lock.json)
  set(can_build_page ON)
endif()
option(EVENGRAD_BUILD_PAGE "Build the page of the HTML report with npm, which fetches what it needs" ${can_build_page})

set(page ${PROJECT_SOURCE_DIR}/web/dist/report.html)
if(EVENGRAD_BUILD_PAGE)
  set(web ${PROJECT_SOURCE_DIR}/web)
  set(fetched ${web}/node_modules/.package-lock.json)  # npm writes it last
  add_custom_command(OUTPUT ${fetched} DEPENDS ${web}/package.json ${web}/package-lock.json
    COMMAND ${EVENGRAD_NPM} ci --silent --no-audit --no-fund COMMAND ${CMAKE_COMMAND} -E touch ${fetched}
    WORKING_DIRECTORY ${web} COMMENT "Fetching what the report's page is built with" VERBATIM)
  file(GLOB_RECURSE page_sources CONFIGURE_DEPENDS ${web}/src/*)
  file(GLOB page_tools CONFIGURE_DEPENDS ${web}/*.mjs ${web}/*.json ${web}/*.html)
  add_custom_command(OUTPUT ${page} DEPENDS ${fetched} ${page_sources} ${page_tools}
    COMMAND ${EVENGRAD_NPM} run --silent build COMMAND ${CMAKE_COMMAND} -E touch ${page}
    WORKING_DIRECTORY ${web} COMMENT "Building the report's page" VERBATIM)
endif()

function(evengrad_embed name input)
  set(output ${PROJECT_BINARY_DIR}/embedded/${name}.cpp)
  set(depends ${PROJECT_SOURCE_DIR}/cmake/EvengradEmbed.cmake)
  if(EXISTS ${input} OR EVENGRAD_BUILD_PAGE)
    list(APPEND depends ${input})
  endif()
  add_custom_command(OUTPUT ${output} DEPENDS ${depends}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DINPUT=${input} -DOUTPUT=${output}
      -P ${PROJECT_SOURCE_DIR}/cmake/EvengradEmbed.cmake
    COMMENT "Embedding ${name}" VERBATIM)
  target_sources(evengrad PRIVATE ${output})
endfunction()
evengrad_embed(report_page ${page})
evengrad_embed(report_schema ${PROJECT_SOURCE_DIR}/docs/report.schema.json)
