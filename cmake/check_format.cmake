# cmake -DCLANG_FORMAT=... -DROOT=... -P check_format.cmake
#
# Fails if clang-format would change any source. To mend: the command on top of .clang-format.
cmake_minimum_required(VERSION 3.25)

file(
  GLOB_RECURSE sources
  "${ROOT}/include/*.hpp"
  "${ROOT}/tests/*.hpp"
  "${ROOT}/tests/*.cpp"
  "${ROOT}/bench/*.hpp"
  "${ROOT}/bench/*.cpp"
  "${ROOT}/examples/*.hpp"
  "${ROOT}/examples/*.cpp"
)
if(NOT sources)
  message(FATAL_ERROR "No sources found under ${ROOT}")
endif()
execute_process(COMMAND "${CLANG_FORMAT}" --dry-run -Werror ${sources} RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "Some sources are not formatted; see the command on top of .clang-format")
endif()
