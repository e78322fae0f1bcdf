# cmake -DMODE=... -DWORK=... -DCOMPILER=... ... -P run.cmake: one way to use the library from outside, see CMakeLists.txt.
cmake_minimum_required(VERSION 3.25)

set(project "${CMAKE_CURRENT_LIST_DIR}/project")
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")

set(configure
    "${CMAKE_COMMAND}"
    -S
    "${project}"
    -B
    "${WORK}"
    -G
    "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}"
    "-DCMAKE_CXX_FLAGS=${FLAGS}"
    -DCMAKE_BUILD_TYPE=Debug
)

# Runs the program, which prints the version of the headers that it was compiled with.
function(run_program program)
  execute_process(COMMAND "${program}" OUTPUT_VARIABLE output COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output STREQUAL "tandem ${VERSION}\n")
    message(FATAL_ERROR "Expected 'tandem ${VERSION}', got: ${output}")
  endif()
endfunction()

if(MODE STREQUAL "add_subdirectory")
  execute_process(COMMAND ${configure} "-DTANDEM_SOURCE=${TANDEM}" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${WORK}" COMMAND_ERROR_IS_FATAL ANY)
  run_program("${WORK}/consumer")
elseif(MODE STREQUAL "find_package")
  execute_process(COMMAND ${configure} "-DCMAKE_PREFIX_PATH=${PREFIX}" "-DWANTED=${WANTED}" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${WORK}" COMMAND_ERROR_IS_FATAL ANY)
  run_program("${WORK}/consumer")
elseif(MODE STREQUAL "refused")
  execute_process(
    COMMAND ${configure} "-DCMAKE_PREFIX_PATH=${PREFIX}" "-DWANTED=${WANTED}"
    RESULT_VARIABLE result
    OUTPUT_VARIABLE output
    ERROR_VARIABLE output
  )
  if(result EQUAL 0)
    message(FATAL_ERROR "find_package(tandem ${WANTED}) accepts version ${VERSION}")
  endif()
  # It must have been found and turned down, not overlooked.
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  if(NOT output MATCHES "tandemConfig.cmake, version: ${VERSION}")
    message(FATAL_ERROR "find_package(tandem ${WANTED}) failed for another reason than the version:\n${output}")
  endif()
elseif(MODE STREQUAL "pkg_config")
  set(ENV{PKG_CONFIG_PATH} "${PREFIX}/share/pkgconfig")
  execute_process(
    COMMAND "${PKG_CONFIG}" --cflags --libs tandem
    OUTPUT_VARIABLE needed
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
  )
  separate_arguments(needed NATIVE_COMMAND "${needed}")
  separate_arguments(FLAGS NATIVE_COMMAND "${FLAGS}")
  execute_process(
    COMMAND "${COMPILER}" ${FLAGS} ${STANDARD} "${project}/main.cpp" "${project}/other.cpp" -o "${WORK}/consumer" ${needed}
    COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY
  )
  run_program("${WORK}/consumer")
else()
  message(FATAL_ERROR "Unknown mode '${MODE}'")
endif()
