include(CMakePackageConfigHelpers)

install(TARGETS evengrad EXPORT evengradTargets)
foreach(folder IN LISTS EVENGRAD_FOLDERS)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/evengrad
    FILES_MATCHING PATTERN "*.hpp")
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/evengrad.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/evengrad)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/evengrad)
install(EXPORT evengradTargets NAMESPACE evengrad:: DESTINATION ${config_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/evengradConfig.cmake.in
  ${PROJECT_BINARY_DIR}/evengradConfig.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/evengradConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/evengradConfig.cmake ${PROJECT_BINARY_DIR}/evengradConfigVersion.cmake
  DESTINATION ${config_dir})
