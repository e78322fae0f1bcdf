# tandem_sanitizers: an interface target that compiles and links with what TANDEM_SANITIZE lists, say "address;undefined" or
# "thread". The library is headers only, so whatever links this target has all of tandem instrumented. Findings end the
# program: a report that lets a test pass is not a report.
set(TANDEM_SANITIZE "" CACHE STRING "Sanitizers for tests and examples: empty, \"address;undefined\" or \"thread\"")

add_library(tandem_sanitizers INTERFACE)
if(TANDEM_SANITIZE)
  list(JOIN TANDEM_SANITIZE "," _tandem_sanitize)
  target_compile_options(
    tandem_sanitizers INTERFACE -fsanitize=${_tandem_sanitize} -fno-sanitize-recover=all -fno-omit-frame-pointer
  )
  target_link_options(tandem_sanitizers INTERFACE -fsanitize=${_tandem_sanitize})
endif()
