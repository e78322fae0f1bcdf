# Installs the headers, a CMake package (find_package(tandem)) and a pkg-config file. Everything is independent of the
# architecture and goes to share/; both descriptions find the headers relative to themselves, so the folder may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_tandem_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/tandem")
set(_tandem_pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(TARGETS tandem EXPORT tandem FILE_SET HEADERS)
install(EXPORT tandem NAMESPACE tandem:: FILE tandemTargets.cmake DESTINATION "${_tandem_package_dir}")

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/tandemConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/tandemConfig.cmake"
  INSTALL_DESTINATION "${_tandem_package_dir}"
  NO_SET_AND_CHECK_MACRO
)
# Before 1.0 every minor version may break, so 0.2 is no answer to a request for 0.1. From 1.0 on: SameMajorVersion.
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/tandemConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT
)

if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(TANDEM_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(TANDEM_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
cmake_path(ABSOLUTE_PATH _tandem_pkgconfig_dir BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE _tandem_pc_path)
file(RELATIVE_PATH TANDEM_PC_PREFIX "${_tandem_pc_path}" "${CMAKE_INSTALL_PREFIX}")
configure_file("${CMAKE_CURRENT_LIST_DIR}/tandem.pc.in" "${PROJECT_BINARY_DIR}/tandem.pc" @ONLY)

install(
  FILES "${PROJECT_BINARY_DIR}/tandemConfig.cmake" "${PROJECT_BINARY_DIR}/tandemConfigVersion.cmake"
  DESTINATION "${_tandem_package_dir}"
)
install(FILES "${CMAKE_CURRENT_LIST_DIR}/stores.cmake" DESTINATION "${_tandem_package_dir}" RENAME tandemStores.cmake)
install(FILES "${PROJECT_BINARY_DIR}/tandem.pc" DESTINATION "${_tandem_pkgconfig_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/tandem")
