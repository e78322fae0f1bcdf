# Every header of the library by name: TANDEM_HEADERS.
#
# A header that exists and is not listed would not be installed, and nobody would notice until a user does. So the list is
# compared with the folder when this project itself is configured.
set(TANDEM_HEADERS
    include/tandem/cell_cache.hpp
    include/tandem/cell_index.hpp
    include/tandem/cell_map.hpp
    include/tandem/cell_set.hpp
    include/tandem/clocked_store.hpp
    include/tandem/codec.hpp
    include/tandem/concepts.hpp
    include/tandem/durable_store.hpp
    include/tandem/epoch.hpp
    include/tandem/eventual_map.hpp
    include/tandem/evmap.hpp
    include/tandem/fwd.hpp
    include/tandem/hash.hpp
    include/tandem/left_right.hpp
    include/tandem/options.hpp
    include/tandem/publisher.hpp
    include/tandem/sharded_map.hpp
    include/tandem/timed_store.hpp
    include/tandem/value_bag.hpp
    include/tandem/version.hpp
    include/tandem/cell/array.hpp
    include/tandem/cell/cache_table.hpp
    include/tandem/cell/container.hpp
    include/tandem/cell/element.hpp
    include/tandem/cell/evicted.hpp
    include/tandem/cell/flights.hpp
    include/tandem/cell/guards.hpp
    include/tandem/cell/holding.hpp
    include/tandem/cell/index_guards.hpp
    include/tandem/cell/index_table.hpp
    include/tandem/cell/indexing.hpp
    include/tandem/cell/match.hpp
    include/tandem/cell/pinned_view.hpp
    include/tandem/cell/published_slot.hpp
    include/tandem/cell/recency.hpp
    include/tandem/cell/replacing.hpp
    include/tandem/cell/sequential_map.hpp
    include/tandem/cell/shown_element.hpp
    include/tandem/cell/slot.hpp
    include/tandem/cell/storing.hpp
    include/tandem/cell/sync_policy.hpp
    include/tandem/cell/table.hpp
    include/tandem/cell/visiting.hpp
    include/tandem/cell/visitor.hpp
    include/tandem/detail/any_predicate.hpp
    include/tandem/detail/assume.hpp
    include/tandem/detail/bag_array.hpp
    include/tandem/detail/batched_lookup.hpp
    include/tandem/detail/byte_strings.hpp
    include/tandem/detail/folded_product.hpp
    include/tandem/detail/group_index.hpp
    include/tandem/detail/held_locks.hpp
    include/tandem/detail/keyed.hpp
    include/tandem/detail/live_guards.hpp
    include/tandem/detail/map_side.hpp
    include/tandem/detail/misuse.hpp
    include/tandem/detail/prefetch.hpp
    include/tandem/detail/read_result.hpp
    include/tandem/detail/stored_value.hpp
    include/tandem/store/bytes.hpp
    include/tandem/store/checkpoint.hpp
    include/tandem/store/command.hpp
    include/tandem/store/contents.hpp
    include/tandem/store/descriptor.hpp
    include/tandem/store/durable_info.hpp
    include/tandem/store/durable_options.hpp
    include/tandem/store/entry.hpp
    include/tandem/store/file_system.hpp
    include/tandem/store/histogram.hpp
    include/tandem/store/info.hpp
    include/tandem/store/lane.hpp
    include/tandem/store/lane_log.hpp
    include/tandem/store/newest.hpp
    include/tandem/store/recovery.hpp
    include/tandem/store/rounds.hpp
    include/tandem/store/schedule.hpp
    include/tandem/store/segment.hpp
    include/tandem/store/segment_reader.hpp
    include/tandem/store/segment_writer.hpp
    include/tandem/store/shards.hpp
    include/tandem/store/side_by_side.hpp
    include/tandem/store/snapshot.hpp
    include/tandem/store/stream.hpp
    include/tandem/store/ticker.hpp
    include/tandem/sync/atomic.hpp
    include/tandem/sync/backoff.hpp
    include/tandem/sync/cache_line.hpp
    include/tandem/sync/epoch.hpp
    include/tandem/sync/epoch_user.hpp
    include/tandem/sync/event.hpp
    include/tandem/sync/fence_choice.hpp
    include/tandem/sync/fences.hpp
    include/tandem/sync/pause.hpp
    include/tandem/sync/publication.hpp
    include/tandem/sync/release_pages.hpp
    include/tandem/sync/retire_list.hpp
    include/tandem/sync/striped_size.hpp
    include/tandem/sync/versioned_lock.hpp
    include/tandem/tandem.hpp
    include/tandem/tree/cursor.hpp
    include/tandem/tree/inner.hpp
    include/tandem/tree/leaf.hpp
    include/tandem/tree/tree.hpp
    include/tandem/tree_index.hpp
)

if(PROJECT_IS_TOP_LEVEL)
  file(GLOB_RECURSE _tandem_found RELATIVE "${PROJECT_SOURCE_DIR}" CONFIGURE_DEPENDS include/*)
  set(_tandem_unlisted ${_tandem_found})
  list(REMOVE_ITEM _tandem_unlisted ${TANDEM_HEADERS})
  if(_tandem_unlisted)
    list(JOIN _tandem_unlisted "\n  " _tandem_unlisted)
    message(FATAL_ERROR "Not listed in cmake/headers.cmake:\n  ${_tandem_unlisted}")
  endif()
  set(_tandem_missing ${TANDEM_HEADERS})
  list(REMOVE_ITEM _tandem_missing ${_tandem_found})
  if(_tandem_missing)
    list(JOIN _tandem_missing "\n  " _tandem_missing)
    message(FATAL_ERROR "Listed in cmake/headers.cmake, but not there:\n  ${_tandem_missing}")
  endif()
endif()
