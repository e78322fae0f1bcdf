# What this project's own programs share: warnings, sanitizers and the functions that declare tests. Not for users.
include(cmake/warnings.cmake)
include(cmake/sanitizers.cmake)

if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(TANDEM_CCACHE ccache)
  mark_as_advanced(TANDEM_CCACHE)
  if(TANDEM_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${TANDEM_CCACHE}")
  endif()
endif()

# tandem_add_program(NAME name SOURCES source...): an executable of this project with the house's settings.
function(tandem_add_program)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES")
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE tandem::tandem tandem_warnings tandem_sanitizers)
  if(TARGET tandem::stores)
    target_link_libraries(${arg_NAME} PRIVATE tandem::stores)
  endif()
  set_target_properties(${arg_NAME} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# tandem_without_stores(list): takes the sources that need a store out of it, where these cannot be compiled.
function(tandem_without_stores list)
  if(TARGET tandem::stores)
    return()
  endif()
  set(kept ${${list}})
  list(FILTER kept EXCLUDE REGEX "timed_store|clocked_store|durable_store|segment_test|store_threads_test|simulated_files|session-store|lock-service|save-and-restore|sensor-gateway|tandem/store/|tandem/codec")
  if(NOT "${kept}" STREQUAL "${${list}}")
    message(WARNING "tandem: xxhash.h not found (Debian: libxxhash-dev): what needs a store is SKIPPED in ${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  set(${list} "${kept}" PARENT_SCOPE)
endfunction()

# tandem_add_test(NAME area SOURCES source... [LABELS label...] [TIMEOUT seconds] [SERIAL]): the executable tandem_<area> with one
# CTest per Catch2 test case, named "<area>.<test case>" and labelled with the area (or with LABELS).
function(tandem_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "SERIAL" "NAME;TIMEOUT" "SOURCES;LABELS")
  if(NOT arg_SOURCES)
    message(STATUS "tandem: no tests in area ${arg_NAME}")
    return()
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS ${arg_NAME})
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  tandem_add_program(NAME tandem_${arg_NAME} SOURCES ${arg_SOURCES})
  target_link_libraries(tandem_${arg_NAME} PRIVATE tandem_test_main)
  catch_discover_tests(
    tandem_${arg_NAME}
    TEST_PREFIX ${arg_NAME}.
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_SERIAL}
  )
endfunction()

option(TANDEM_FUZZERS "Build the fuzzers for libFuzzer, too: needs clang" OFF)

# tandem_add_fuzzer(NAME name SOURCES source...): a body as tests/fuzz/body.hpp says, with two drivers. The test fuzz.<name>, labelled
# fuzz, replays what is in corpus/<name> beside it, and changes of that. With TANDEM_FUZZERS, the program fuzz_<name> has libFuzzer
# and the address sanitizer; the test fuzzing.<name>, labelled fuzz-long, runs it for a minute, and what it finds worth keeping goes to the
# folder found/<name> of the build.
function(tandem_add_fuzzer)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES")
  set(corpus "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${arg_NAME}")
  tandem_add_program(NAME replay_${arg_NAME} SOURCES ${arg_SOURCES} "${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cpp")
  target_include_directories(replay_${arg_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  add_test(NAME fuzz.${arg_NAME} COMMAND replay_${arg_NAME} "${corpus}")
  set_tests_properties(fuzz.${arg_NAME} PROPERTIES LABELS fuzz TIMEOUT 120)
  if(NOT TANDEM_FUZZERS)
    return()
  endif()
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL Clang OR TANDEM_SANITIZE)
    message(FATAL_ERROR "TANDEM_FUZZERS needs clang, and TANDEM_SANITIZE empty: the fuzzers have their own")
  endif()
  tandem_add_program(NAME fuzz_${arg_NAME} SOURCES ${arg_SOURCES})
  target_include_directories(fuzz_${arg_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_options(
    fuzz_${arg_NAME} PRIVATE -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
  )
  target_link_options(fuzz_${arg_NAME} PRIVATE -fsanitize=fuzzer,address,undefined)
  set(found "${CMAKE_CURRENT_BINARY_DIR}/found/${arg_NAME}")
  file(MAKE_DIRECTORY "${found}")
  add_test(
    NAME fuzzing.${arg_NAME}
    COMMAND fuzz_${arg_NAME} -max_total_time=60 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "${found}" "${corpus}"
  )
  set_tests_properties(fuzzing.${arg_NAME} PROPERTIES LABELS fuzz-long TIMEOUT 300)
endfunction()

# tandem_add_run(NAME name PRINTS regex COMMAND target [argument...] [EXIT code]): a CTest labelled example that runs a program
# of ours and passes if it ends with that exit code (0) and its output matches. CTest's own PASS_REGULAR_EXPRESSION would
# ignore the exit code, and so a crash after the last line.
function(tandem_add_run)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;PRINTS;EXIT" "COMMAND")
  list(POP_FRONT arg_COMMAND target)
  if(NOT arg_EXIT)
    set(arg_EXIT 0)
  endif()
  add_test(
    NAME ${arg_NAME}
    COMMAND "${CMAKE_COMMAND}" "-DPRINTS=${arg_PRINTS}" "-DEXIT=${arg_EXIT}" -P "${PROJECT_SOURCE_DIR}/cmake/run_program.cmake"
            -- "$<TARGET_FILE:${target}>" ${arg_COMMAND}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
  )
  set_tests_properties(${arg_NAME} PROPERTIES LABELS example TIMEOUT 60)
endfunction()

# tandem_add_lint(NAME name PROGRAM path-or-NOTFOUND WHAT tool COMMAND command...): a check of the tree, labelled lint. Where
# the tool is missing, CTest reports the check as skipped; it never counts as passed.
function(tandem_add_lint)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;PROGRAM;WHAT" "COMMAND")
  if(NOT arg_PROGRAM)
    message(WARNING "tandem: ${arg_WHAT} not found: ${arg_NAME} will be SKIPPED")
    set(arg_COMMAND "${CMAKE_COMMAND}" -E echo "SKIPPED: ${arg_WHAT} not found")
  endif()
  add_test(NAME ${arg_NAME} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${arg_NAME} PROPERTIES LABELS lint TIMEOUT 60 SKIP_REGULAR_EXPRESSION "^SKIPPED: ")
endfunction()
