# tandem_warnings: an interface target with the warnings this project keeps itself free of. Link it PRIVATE, and only into
# tests, examples and benchmarks.
option(TANDEM_WARNINGS_AS_ERRORS "Treat warnings in this project's own programs as errors" OFF)

add_library(tandem_warnings INTERFACE)
if(MSVC)
  target_compile_options(tandem_warnings INTERFACE /W4 /permissive- $<$<BOOL:${TANDEM_WARNINGS_AS_ERRORS}>:/WX>)
else()
  target_compile_options(
    tandem_warnings
    INTERFACE -Wall
              -Wextra
              -Wpedantic
              -Wshadow
              -Wconversion
              -Wsign-conversion
              -Wno-psabi
              $<$<BOOL:${TANDEM_WARNINGS_AS_ERRORS}>:-Werror>
  )
endif()
