# cmake -DPRINTS=<regular expression> -DEXIT=<code> -P run_program.cmake -- program argument...
#
# Runs the program, passes its output on, and fails unless it ends with that code and its output matches.
cmake_minimum_required(VERSION 3.25)

set(command)
set(collecting OFF)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(collecting)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(collecting ON)
  endif()
endforeach()

execute_process(
  COMMAND ${command}
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output
  ECHO_OUTPUT_VARIABLE ECHO_ERROR_VARIABLE
)
if(NOT result STREQUAL EXIT)
  message(FATAL_ERROR "Ended with: ${result}. Expected: ${EXIT}")
endif()
if(NOT output MATCHES "${PRINTS}")
  message(FATAL_ERROR "The output does not match '${PRINTS}'")
endif()
