# tandem::stores: tandem::tandem, and where the header of xxHash is (Debian: libxxhash-dev). For programs that use a store;
# the maps need nothing. There is no such target where the header is missing. Also part of the installed package.
find_path(TANDEM_XXHASH_INCLUDE_DIR xxhash.h DOC "Where xxhash.h is, which tandem's stores include")
mark_as_advanced(TANDEM_XXHASH_INCLUDE_DIR)

if(TANDEM_XXHASH_INCLUDE_DIR AND NOT TARGET tandem::stores)
  add_library(tandem::stores INTERFACE IMPORTED GLOBAL)
  target_link_libraries(tandem::stores INTERFACE tandem::tandem)
  target_include_directories(tandem::stores SYSTEM INTERFACE "${TANDEM_XXHASH_INCLUDE_DIR}")
endif()
