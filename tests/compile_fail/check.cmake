# cmake -DMODE=refused|control -DCOMPILER=... -DFLAGS=... -DSOURCE=... -P check.cmake
#
# refused: passes if SOURCE does not compile and the compiler's output matches the expression in SOURCE's first line.
# control: passes if SOURCE compiles when CONTROL is defined.
cmake_minimum_required(VERSION 3.25)

function(complain text)
  # Not as a FATAL_ERROR, which would wrap the compiler's lines.
  message("${SOURCE}\n${text}")
  message(FATAL_ERROR "Failed")
endfunction()

file(STRINGS "${SOURCE}" first_line LIMIT_COUNT 1)
if(NOT first_line MATCHES "^// expect: (.+)$")
  complain("The first line is not '// expect: <regular expression>'.")
endif()
set(expected "${CMAKE_MATCH_1}")

set(control)
if(MODE STREQUAL "control")
  set(control -DCONTROL)
endif()
# In English, whatever the user's language.
set(ENV{LC_ALL} C)
execute_process(
  COMMAND "${COMPILER}" ${FLAGS} ${control} -fsyntax-only "${SOURCE}"
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output
)

if(MODE STREQUAL "control")
  if(NOT result EQUAL 0)
    complain("It does not compile with CONTROL either, so its refusal proves nothing:\n${output}")
  endif()
elseif(result EQUAL 0)
  complain("It compiles, and must not. Expected: ${expected}")
elseif(NOT output MATCHES "${expected}")
  complain("It is refused for another reason. Expected: ${expected}\nSaid:\n${output}")
endif()
