# cmake -DBUILD=... -DPREFIX=... -P install.cmake
#
# Installs the build to a folder and then moves that folder to PREFIX: what was installed must not know where it was.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE "${PREFIX}" "${PREFIX}.before")
execute_process(
  COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}.before" COMMAND_ERROR_IS_FATAL ANY
)
file(RENAME "${PREFIX}.before" "${PREFIX}")
