// The cells of a table, and what happens within one of them.
//
//   array    | header | line 0 | line 1 | ... | slots of cell 0 | slots of cell 1 | ...
//   line     lock and version | which slots hold an element | which tags went to overflow blocks | the first of these | 32 tags
//
// A line is 64 bytes: with one slot, what a lookup touches. (Without synchronization and with at most 16 slots it is 32 bytes,
// and does without the third part: a lookup then has half the tags to compare.) The upper bits of the hash choose the cell, so the cells of an
// array of any other size hold contiguous ranges of this one's; the lowest eight bits are the tag. (Whoever stands above and
// chooses tables by hash bits takes some from the middle.) A cell that is full goes on in overflow blocks of eight slots.
//
// Moving. `move_group` empties the smallest group of cells that makes up whole cells of the other array: one cell when the
// table grows, several that become one when it shrinks. It locks them, moves their elements, and closes them for good. Until
// then they are the ones that count for their hashes, and afterwards those in the other array are, so every key is at any
// time in exactly one place. Nobody touches a cell before it counts; it is therefore made only then, and a new array is not
// touched by its allocation.
//
// Where Options keep recency (recency.hpp) a line is 128 bytes: the second half has the stamps. Such cells have no overflow
// blocks: elements that do not fit when cells become one are evicted, the oldest first, and it is for the holder of the lock
// not to insert into a cell that is full.
//
// Overflow blocks stay with their cell until the array is freed: readers without a lock may be in them.
//
// All functions here that change a cell want its lock held, and none of them takes or releases locks, but `move_group`.
#ifndef TANDEM_CELL_ARRAY_HPP
#define TANDEM_CELL_ARRAY_HPP

#include <tandem/cell/evicted.hpp>
#include <tandem/cell/match.hpp>
#include <tandem/cell/recency.hpp>
#include <tandem/cell/slot.hpp>
#include <tandem/cell/sync_policy.hpp>
#include <tandem/detail/assume.hpp>
#include <tandem/detail/prefetch.hpp>
#include <tandem/sync/cache_line.hpp>
#include <tandem/sync/release_pages.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::cell {

inline constexpr std::size_t most_slots = 32;
inline constexpr std::size_t hash_bits = std::numeric_limits<std::size_t>::digits;

// The lowest eight bits.
constexpr tag tag_of(std::size_t hash) noexcept { return static_cast<tag>(hash & 0xff); }
// The next five: where in its cell an element would like to be.
constexpr unsigned home_of(std::size_t hash) noexcept { return static_cast<unsigned>(hash >> 8) % most_slots; }

template <class Element, class Allocator, class Sync, class Options>
class cell_array {
 public:
  using slot = typename slot_choice<Element, Allocator, Sync, Options::optimistic_reads>::type;
  using value_type = typename Element::value_type;
  // What retiring an element is about: see published_slot.hpp.
  using node = element_node<Element>;
  using retired = node*;
  template <class T>
  using word = typename Sync::template word<T>;
  // The values' own allocator; memory comes from it, rebound.
  using allocator_type = Allocator;

  static constexpr std::size_t slots = Options::slots;
  static constexpr std::size_t block_slots = std::min<std::size_t>(8, slots);
  static_assert(slots >= 1 && slots <= most_slots, "a cell has 1 to 32 slots");
  // The upper bits of the hash choose one of at least two cells.
  static constexpr std::size_t fewest_cells = 2;
  static constexpr std::uint32_t full = static_cast<std::uint32_t>((std::uint64_t{1} << slots) - 1);
  static constexpr std::uint32_t block_full = (std::uint32_t{1} << block_slots) - 1;

  struct block {
    word<std::uint64_t> tags{0};
    word<std::uint32_t> occupied{0};
    word<block*> next{nullptr};
    slot elements[block_slots];

    block() noexcept {
      for (slot& s : elements) slot::prepare(s);
    }
  };

  static constexpr bool small_line = !Sync::concurrent && slots <= most_slots / 2;
  using tags_type = std::conditional_t<small_line, half_tag_words, tag_words>;
  struct nothing {};
  using recent = typename recency_choice<Options, Sync, slots>::type;
  // How many cells may become one.
  static constexpr std::size_t most_merged = 4;

  struct alignas(small_line ? cache_line / 2 : cache_line) line {
    typename Sync::lock lock;
    word<std::uint32_t> occupied{0};
    // Where readers take no lock: how many elements of the cell and its blocks have been vacated, see published_slot.hpp.
    [[no_unique_address]] std::conditional_t<Sync::lock_free_reads, word<std::uint32_t>, nothing> erasures{};
    [[no_unique_address]] typename recent::clock clock{recent::beginning};
    word<block*> overflow{nullptr};
    // Bit tag % 64 for each tag that ever went to a block.
    [[no_unique_address]] std::conditional_t<small_line, nothing, word<std::uint64_t>> overflown{};
    word<std::uint64_t> tags[std::tuple_size_v<tags_type>];
    [[no_unique_address]] typename recent::stamps stamps{};
  };
  // (The words of a model checker are larger.)
  static_assert(recent::kept || sizeof(line) <= cache_line || sizeof(word<std::uint64_t>) != sizeof(std::uint64_t));

  // A cell: where it begins. Empty if there is no table.
  struct cell {
    line* at = nullptr;
    slot* elements = nullptr;
    explicit operator bool() const noexcept { return at != nullptr; }
  };

  // Where in a cell an element is. Two words, so that it travels in registers.
  struct place {
    slot* at = nullptr;
    block* in = nullptr;  // null: in the cell itself
    explicit operator bool() const noexcept { return at != nullptr; }
  };

  // ---- The array.

  // Throws: what the allocator throws; std::bad_array_new_length.
  static cell_array* make(const Allocator& allocator, std::size_t cells, cell_array* previous) {
    unit_allocator units(allocator);
    auto const memory = std::allocator_traits<unit_allocator>::allocate(units, units_for(cells));
    cell_array* const made = ::new (static_cast<void*>(std::to_address(memory))) cell_array(allocator, cells, previous);
    if (previous == nullptr) {
      for (std::size_t i = 0; i != cells; ++i) made->prepare(i);
    }
    return made;
  }

  // Frees the array. Its elements must be gone. `moving`: it still has its previous one.
  static void dispose(cell_array* a, bool moving) noexcept {
    Allocator const allocator = a->allocator_;
    for (std::size_t i = a->disposed_; i != a->cells_; ++i) {
      if (!moving || a->is_prepared(i)) a->free_blocks(a->lines()[i]);
    }
    a->destroy_memory(allocator);
  }

  // As above for one that nobody has seen.
  static void dispose_untouched(cell_array* a) noexcept { a->destroy_memory(Allocator(a->allocator_)); }
  // As above, a few cells at a time: returns whether it is done.
  static bool dispose_some(cell_array* a, std::size_t cells) noexcept {
    for (; cells != 0 && a->disposed_ != a->cells_; --cells) a->free_blocks(a->lines()[a->disposed_++]);
    if (a->disposed_ != a->cells_) return false;
    a->destroy_memory(Allocator(a->allocator_));
    return true;
  }

  std::size_t size() const noexcept { return cells_; }
  std::size_t index(std::size_t hash) const noexcept { return hash >> shift_; }
  cell operator[](std::size_t i) noexcept { return {lines() + i, elements_ + i * slots}; }
  cell at_hash(std::size_t hash) noexcept { return (*this)[index(hash)]; }
  // As at_hash(), and asks for the line of slots where the element is likely to be, before anybody knows, if the array is so large
  // that both are likely to be far away: then a lookup takes the time of one cache miss instead of two.
  cell approach(std::size_t hash) noexcept {
    cell const c = at_hash(hash);
    if (is_large()) {
      detail::prefetch_line(c.elements + first_of_line(hash));
      if constexpr (recent::kept) detail::prefetch_line(&c.at->stamps);
    }
    return c;
  }
  // Whether it is far away from the processor for the most part.
  bool is_large() const noexcept { return shift_ < hash_bits - large; }
  // How many bits of the hash choose the cell.
  unsigned index_bits() const noexcept { return static_cast<unsigned>(hash_bits) - shift_; }
  // The hashes of cell i begin here.
  std::size_t first_hash(std::size_t i) const noexcept { return i << shift_; }
  std::size_t bytes() const noexcept { return units_for(cells_) * sizeof(unit); }

  // The largest number of cells that can be asked for.
  static constexpr std::size_t most_cells() noexcept {
    return std::bit_floor((std::numeric_limits<std::size_t>::max() / 4) / (sizeof(line) + slots * sizeof(slot)));
  }

  // ---- Within a cell.

  // The element with this hash for which matches(slot) is true: within the cell, and, where has_overflown says so, in its
  // blocks. Two functions, so that what matches() refers to can stay in registers; the second should be given its own.
  template <class Matches>
  [[gnu::always_inline]] static place find(cell c, std::size_t hash, Matches&& matches) {
    for (std::uint32_t left = candidates(c, hash); left != 0; left &= left - 1) {
      slot* const s = c.elements + std::countr_zero(left);
      if (matches(std::as_const(*s))) [[likely]] {
        detail::assume(s != nullptr);
        return {s, nullptr};
      }
    }
    return {};
  }
  // A bit for each slot of the cell itself that may hold an element with this hash.
  static std::uint32_t candidates(cell c, std::size_t hash) noexcept {
    std::uint32_t const equal = equal_tags(*c.at, tag_of(hash));
    return equal & occupied(c.at->occupied);
  }
  static bool has_overflown(cell c, std::size_t hash) noexcept {
    if constexpr (small_line) {
      return first_block(*c.at) != nullptr;
    } else {
      // order[overflown]: acquire load; pairs with [set_overflown]: as in [tags].
      return (c.at->overflown.load(std::memory_order_acquire) >> (hash % 64) & 1) != 0;
    }
  }
  template <class Matches>
  [[gnu::noinline]] static place find_in_blocks(cell c, std::size_t hash, Matches matches) {
    for (block* b = first_block(*c.at); b != nullptr; b = next_block(*b)) {
      std::uint32_t found = match_word(tags_of(*b), tag_of(hash)) & occupied(b->occupied);
      for (; found != 0; found &= found - 1) {
        unsigned const i = static_cast<unsigned>(std::countr_zero(found));
        if (matches(std::as_const(b->elements[i]))) return {b->elements + i, b};
      }
    }
    return {};
  }

  // Makes an element of `args` in a free slot. Throws what the constructor or the allocator throws; nothing has changed then.
  template <class... Args>
  place insert(Allocator& allocator, cell c, std::size_t hash, Args&&... args) const {
    std::uint32_t const free = ~c.at->occupied.load(std::memory_order_relaxed) & full;
    if (free != 0) {
      unsigned const i = nearest(free, hash);
      slot::make(allocator, c.elements[i], std::forward<Args>(args)...);
      return publish(*c.at, c.elements, i, hash);
    }
    block& b = block_with_room(allocator, *c.at);
    unsigned const i = first_free(b);
    slot::make(allocator, b.elements[i], std::forward<Args>(args)...);
    return publish(*c.at, b, i, hash);
  }

  // Whether the next element would go to a block.
  static bool is_full(const line& l) noexcept { return l.occupied.load(std::memory_order_relaxed) == full; }

  // The slot counts as empty from here on; the element is still there, for the caller to end.
  static void vacate(cell c, place p) noexcept {
    word<std::uint32_t>& w = p.in == nullptr ? c.at->occupied : p.in->occupied;
    set(w, w.load(std::memory_order_relaxed) & ~(std::uint32_t{1} << index_of(c, p)));
    if constexpr (Sync::lock_free_reads) {
      // order[erase]: release store; pairs with [erasures]: who sees the count does not see the slot occupied; and what comes
      //   into the slot later is seen with the count.
      c.at->erasures.store(c.at->erasures.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
  }
  // For readers without a lock: what they see of the cell's slots belongs together if this is the same before and after.
  static std::uint32_t erasures(cell c) noexcept {
    // order[erasures]: acquire load; pairs with [erase]: as there.
    return c.at->erasures.load(std::memory_order_acquire);
  }

  // ---- Recency, where it is kept.

  // The element is the most recent one of its cell from here on. Needs no lock.
  static void use(cell c, place p) noexcept {
    if constexpr (recent::kept) recent::use(c.at->clock, c.at->stamps, index_of(c, p));
  }
  // The element is an old one of its cell from here on: about so many others are older, and if there are no more than that it
  // is the most recent one. Precondition: older is not zero.
  static void join(cell c, place p, std::size_t older) noexcept {
    unsigned const i = index_of(c, p);
    std::uint32_t const others = c.at->occupied.load(std::memory_order_relaxed) & ~(std::uint32_t{1} << i);
    if (static_cast<std::size_t>(std::popcount(others)) <= older) return use(c, p);
    recent::join(c.at->stamps, i, others, older);
  }
  // Precondition: the cell is not empty.
  static place oldest(cell c) noexcept {
    return {c.elements + recent::oldest(c.at->clock, c.at->stamps, c.at->occupied.load(std::memory_order_relaxed)),
            nullptr};
  }
  // Makes an element of `args` where there was another, which is in `out` then: see insert().
  template <class Evicted, class... Args>
  static void supersede(Allocator& allocator, cell c, place p, std::size_t hash, Evicted& out, Args&&... args) {
    out.make_room(1);
    out.take(*p.at);
    try {
      slot::make(allocator, *p.at, std::forward<Args>(args)...);
    } catch (...) {
      out.give_back(*p.at);
      throw;
    }
    unsigned const i = index_of(c, p);
    set_tag(c.at->tags[i / 8], i, tag_of(hash));
  }

  // Calls f(place) for each element until it returns false; f may vacate it.
  template <class F>
  static bool for_each(cell c, F&& f) {
    for (std::uint32_t left = c.at->occupied.load(std::memory_order_relaxed); left != 0; left &= left - 1) {
      unsigned const i = static_cast<unsigned>(std::countr_zero(left));
      if (!f(place{c.elements + i, nullptr})) return false;
    }
    for (block* b = first_block(*c.at); b != nullptr; b = next_block(*b)) {
      for (std::uint32_t left = b->occupied.load(std::memory_order_relaxed); left != 0; left &= left - 1) {
        unsigned const i = static_cast<unsigned>(std::countr_zero(left));
        if (!f(place{b->elements + i, b})) return false;
      }
    }
    return true;
  }

  // Calls f(slot) for each element, for a reader without a lock.
  template <class F>
  static void for_each_seen(cell c, F&& f) {
    for (std::uint32_t left = occupied(c.at->occupied); left != 0; left &= left - 1)
      f(c.elements[std::countr_zero(left)]);
    for (block* b = first_block(*c.at); b != nullptr; b = next_block(*b)) {
      for (std::uint32_t left = occupied(b->occupied); left != 0; left &= left - 1)
        f(b->elements[std::countr_zero(left)]);
    }
  }

  // The first element of a cell, and the one after `p`. Empty if there is none.
  static place first(cell c) noexcept {
    if (slot* const s = first_of(c.elements, c.at->occupied, 0)) return {s, nullptr};
    return first_in_blocks(first_block(*c.at));
  }
  static place next(cell c, place p) noexcept {
    unsigned const i = index_of(c, p) + 1;
    if (p.in != nullptr) {
      if (slot* const s = first_of(p.in->elements, p.in->occupied, i)) return {s, p.in};
      return first_in_blocks(next_block(*p.in));
    }
    if (slot* const s = first_of(c.elements, c.at->occupied, i)) return {s, nullptr};
    return first_in_blocks(first_block(*c.at));
  }

  // Ends every element. Calls no user code but destructors.
  static std::size_t clear(Allocator& allocator, cell c) noexcept {
    std::size_t n = 0;
    for_each(c, [&](place p) {
      vacate(c, p);
      slot::destroy(allocator, *p.at);
      ++n;
      return true;
    });
    return n;
  }

  static void fetch_line(cell c) noexcept { detail::prefetch_line(c.at); }
  // Asks for the first slot that a lookup of this hash will look at.
  static void fetch_slot(cell c, std::size_t hash) noexcept {
    std::uint32_t const found = candidates(c, hash);
    if (found != 0) detail::prefetch_line(c.elements + std::countr_zero(found));
  }

  struct overflow_count {
    std::size_t blocks = 0;
    std::size_t elements = 0;
  };
  static overflow_count count_overflow(const line& l) noexcept {
    overflow_count n;
    for (const block* b = first_block(l); b != nullptr; b = next_block(*b)) {
      ++n.blocks;
      n.elements += static_cast<std::size_t>(std::popcount(b->occupied.load(std::memory_order_relaxed)));
    }
    return n;
  }
  static std::size_t count(const line& l) noexcept {
    return static_cast<std::size_t>(std::popcount(l.occupied.load(std::memory_order_relaxed))) +
           count_overflow(l).elements;
  }

  // ---- Moving to another array.

  // Valid while elements are being moved from it.
  cell_array* previous() const noexcept { return previous_; }
  // Whether cell i counts already, while elements are being moved here.
  bool is_prepared(std::size_t i) const noexcept {
    bool const shrinking = previous_->cells_ > cells_;
    std::size_t const source = shrinking ? i * (previous_->cells_ / cells_) : i / (cells_ / previous_->cells_);
    return previous_->is_closed(source);
  }
  bool is_closed(std::size_t i) const noexcept { return lines()[i].lock.is_shut(); }
  // Makes the cells to which nothing has been moved yet.
  void prepare_rest() noexcept {
    for (std::size_t i = 0; i != cells_; ++i) {
      if (!is_prepared(i)) prepare(i);
    }
  }
  // How many groups there are to move from the previous array.
  std::size_t groups() const noexcept { return std::min(cells_, previous_->cells_); }

  enum class moved { now, before, not_now };

  // Moves group g of this array to `to`. hash_of(slot) may throw, as may the allocator; then nothing has changed. `out` gets
  // what is evicted; if it will not have that, the group stays where it is.
  template <class HashOf, class Evicted>
  moved move_group(cell_array& to, std::size_t g, HashOf&& hash_of, Evicted& out) {
    std::size_t const sources = cells_ > to.cells_ ? cells_ / to.cells_ : 1;
    std::size_t const targets = cells_ > to.cells_ ? 1 : to.cells_ / cells_;
    group_lock locks(*this, g * sources, sources);
    if (locks.outcome() != lock_attempt::taken) {
      return locks.outcome() == lock_attempt::closed ? moved::before : moved::not_now;
    }
    std::size_t elements = 0;
    for (std::size_t i = 0; i != sources; ++i) elements += count(lines()[g * sources + i]);
    if constexpr (recent::kept) {
      if (elements > slots && sources != 1 && !out.make_room(elements - slots)) return moved::not_now;
    }
    // First everything that may throw: hashes and memory.
    hash_buffer hashes(allocator_, elements);
    std::size_t n = 0;
    for (std::size_t i = 0; i != sources; ++i) {
      for_each((*this)[g * sources + i], [&](place p) {
        hashes[n++] = hash_of(std::as_const(*p.at));
        return true;
      });
    }
    block_pool pool(allocator_, recent::kept ? 0 : elements);
    for (std::size_t t = 0; t != targets; ++t) to.prepare(g * targets + t);
    if constexpr (recent::kept) {
      if (sources != 1) {
        merge_by_age(to, g, sources, hashes, pool, out);
        locks.close();
        release_slots(g * sources, sources);
        return moved::now;
      }
      for (std::size_t t = 0; t != targets; ++t) {
        recent::set(to.lines()[g * targets + t].clock, lines()[g].clock.load(std::memory_order_relaxed));
      }
    }
    n = 0;
    for (std::size_t i = 0; i != sources; ++i) {
      for_each((*this)[g * sources + i], [&](place p) {
        std::size_t const hash = hashes[n++];
        // A hash that is another one than when the element came in would lead out of the group.
        std::size_t const target = std::clamp(to.index(hash), g * targets, (g + 1) * targets - 1);
        place const there = to.receive(to[target], hash, *p.at, pool);
        if constexpr (recent::kept) {
          stamp(to[target], there, lines()[g].stamps.of[index_of((*this)[g], p)].load(std::memory_order_relaxed));
        }
        return true;
      });
    }
    locks.close();
    if constexpr (!Sync::lock_free_reads) release_slots(g * sources, sources);
    return moved::now;
  }

  template <class HashOf>
  moved move_group(cell_array& to, std::size_t g, HashOf&& hash_of) {
    none_evicted none;
    return move_group(to, g, hash_of, none);
  }

  // For whoever moves elements here: which group is next, and how many are left.
  word<std::size_t> cursor{0};
  word<std::size_t> unmoved;
  // For whoever keeps arrays that wait to be freed.
  cell_array* next_retired = nullptr;
  std::uint64_t retired_at = 0;

 private:
  static constexpr std::size_t unit_size = std::max({no_sharing, alignof(line), alignof(slot)});
  struct alignas(unit_size) unit {
    std::byte bytes[unit_size];
  };
  using unit_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<unit>;
  using block_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<block>;

  cell_array(const Allocator& allocator, std::size_t cells, cell_array* previous) noexcept
      : unmoved(previous != nullptr ? std::min(cells, previous->cells_) : 0),
        cells_(cells),
        shift_(static_cast<unsigned>(hash_bits) - static_cast<unsigned>(std::countr_zero(cells))),
        elements_(reinterpret_cast<slot*>(reinterpret_cast<std::byte*>(this) + elements_offset(cells))),
        previous_(previous),
        allocator_(allocator) {}

  // Index bits of an array that is large: some hundred kilobytes.
  static constexpr std::size_t large = slots == most_slots ? 9 : 10;
  // Where the lines begin. (A function, as the class must be complete.)
  static constexpr std::size_t header_size() noexcept {
    return (sizeof(cell_array) + unit_size - 1) / unit_size * unit_size;
  }
  static constexpr std::size_t elements_offset(std::size_t cells) noexcept {
    std::size_t const end = header_size() + cells * sizeof(line);
    return (end + alignof(slot) - 1) / alignof(slot) * alignof(slot);
  }
  static constexpr std::size_t units_for(std::size_t cells) {
    if (cells > most_cells()) throw std::bad_array_new_length();
    return (elements_offset(cells) + cells * slots * sizeof(slot) + unit_size - 1) / unit_size;
  }

  line* lines() noexcept { return reinterpret_cast<line*>(reinterpret_cast<std::byte*>(this) + header_size()); }
  const line* lines() const noexcept { return const_cast<cell_array*>(this)->lines(); }

  void prepare(std::size_t i) noexcept {
    std::construct_at(lines() + i);
    for (std::size_t s = 0; s != slots; ++s) slot::prepare(elements_[i * slots + s]);
  }

  void destroy_memory(const Allocator& allocator) noexcept {
    std::size_t const n = units_for(cells_);
    unit* const memory = reinterpret_cast<unit*>(this);
    std::destroy_at(this);
    unit_allocator units(allocator);
    std::allocator_traits<unit_allocator>::deallocate(
        units, std::pointer_traits<typename std::allocator_traits<unit_allocator>::pointer>::pointer_to(*memory), n);
  }

  static block* new_block(const Allocator& allocator) {
    block_allocator blocks(allocator);
    return ::new (static_cast<void*>(std::to_address(std::allocator_traits<block_allocator>::allocate(blocks, 1))))
        block;
  }
  static void free_block(const Allocator& allocator, block* b) noexcept {
    block_allocator blocks(allocator);
    std::destroy_at(b);
    std::allocator_traits<block_allocator>::deallocate(
        blocks, std::pointer_traits<typename std::allocator_traits<block_allocator>::pointer>::pointer_to(*b), 1);
  }
  void free_blocks(line& l) noexcept {
    for (block* b = first_block(l); b != nullptr;) free_block(allocator_, std::exchange(b, next_block(*b)));
  }

  // ---- Words of a line that readers without the lock see, too.

  static std::uint32_t equal_tags(const line& l, tag wanted) noexcept {
    if constexpr (!Sync::concurrent || matches_shared<word<std::uint64_t>>) {
      return match_in_place(l.tags, wanted);
    } else {
      // Not a loop: an array that is filled word by word, and then read whole, waits for the stores.
      auto const word_at = [&l](std::size_t i) {
        // order[tags]: acquire load; pairs with [set_tags]: with a later writer's word comes the sight of its lock.
        return l.tags[i].load(std::memory_order_acquire);
      };
      return match(tag_words{word_at(0), word_at(1), word_at(2), word_at(3)}, wanted);
    }
  }
  static std::uint64_t tags_of(const block& b) noexcept {
    // order[block_tags]: acquire load; pairs with [set_tags]: as in [tags].
    return b.tags.load(std::memory_order_acquire);
  }
  static void set_tag(word<std::uint64_t>& tags, unsigned i, tag t) noexcept {
    unsigned const shift = i % 8 * 8;
    std::uint64_t const others = tags.load(std::memory_order_relaxed) & ~(std::uint64_t{0xff} << shift);
    // order[set_tags]: release store; pairs with [tags], [block_tags]: as there.
    tags.store(others | std::uint64_t{t} << shift, std::memory_order_release);
  }
  static std::uint32_t occupied(const word<std::uint32_t>& w) noexcept {
    // order[occupied]: acquire load; pairs with [set]: as in [tags].
    return w.load(std::memory_order_acquire);
  }
  static void set(word<std::uint32_t>& w, std::uint32_t bits) noexcept {
    // order[set]: release store; pairs with [occupied]: as in [tags].
    w.store(bits, std::memory_order_release);
  }
  static block* first_block(const line& l) noexcept {
    // order[first_block]: acquire load; pairs with [link_first]: the block is made.
    return l.overflow.load(std::memory_order_acquire);
  }
  static block* next_block(const block& b) noexcept {
    // order[next_block]: acquire load; pairs with [link_next]: the block is made.
    return b.next.load(std::memory_order_acquire);
  }
  // The first slot of the cache line in which the element with this hash would like to be.
  static constexpr unsigned first_of_line(std::size_t hash) noexcept {
    constexpr unsigned in_line =
        static_cast<unsigned>(std::bit_floor(std::max<std::size_t>(1, cache_line / sizeof(slot))));
    if constexpr (slots < most_slots / 2) {
      return 0;
    } else {
      return home_of(hash) % slots / in_line * in_line;
    }
  }
  // Where approach() will look, if that is free, or the next one. In a small array the first one, so that fewer lines are in use.
  unsigned nearest(std::uint32_t free, std::size_t hash) const noexcept {
    if (!is_large()) return static_cast<unsigned>(std::countr_zero(free));
    unsigned const home = first_of_line(hash);
    // Twice, so that the search goes round.
    std::uint64_t const round = free | std::uint64_t{free} << slots;
    return (home + static_cast<unsigned>(std::countr_zero(round >> home))) % slots;
  }

  static unsigned index_of(cell c, place p) noexcept {
    return static_cast<unsigned>(p.at - (p.in == nullptr ? c.elements : p.in->elements));
  }
  // The first slot that holds an element, from slot i on.
  static slot* first_of(slot* elements, const word<std::uint32_t>& occupied, unsigned i) noexcept {
    std::uint64_t const left = std::uint64_t{occupied.load(std::memory_order_relaxed)} >> i;
    return left == 0 ? nullptr : elements + i + std::countr_zero(left);
  }
  static place first_in_blocks(block* b) noexcept {
    for (; b != nullptr; b = next_block(*b)) {
      if (slot* const s = first_of(b->elements, b->occupied, 0)) return {s, b};
    }
    return {};
  }

  static place publish(line& l, slot* elements, unsigned i, std::size_t hash) noexcept {
    set_tag(l.tags[i / 8], i, tag_of(hash));
    set(l.occupied, l.occupied.load(std::memory_order_relaxed) | std::uint32_t{1} << i);
    return {elements + i, nullptr};
  }
  static place publish(line& l, block& b, unsigned i, std::size_t hash) noexcept {
    set_tag(b.tags, i, tag_of(hash));
    if constexpr (!small_line) {
      // order[set_overflown]: release store; pairs with [overflown]: as in [tags].
      l.overflown.store(l.overflown.load(std::memory_order_relaxed) | std::uint64_t{1} << (hash % 64),
                        std::memory_order_release);
    }
    set(b.occupied, b.occupied.load(std::memory_order_relaxed) | std::uint32_t{1} << i);
    return {b.elements + i, &b};
  }

  static bool has_room(const block& b) noexcept { return b.occupied.load(std::memory_order_relaxed) != block_full; }
  static unsigned first_free(const block& b) noexcept {
    return static_cast<unsigned>(std::countr_zero(~b.occupied.load(std::memory_order_relaxed)));
  }
  static block* last_block(const line& l) noexcept {
    block* last = nullptr;
    for (block* b = first_block(l); b != nullptr; b = next_block(*b)) last = b;
    return last;
  }
  static void append_block(line& l, block* last, block& b) noexcept {
    if (last == nullptr) {
      // order[link_first]: release store; pairs with [first_block]: as there.
      l.overflow.store(&b, std::memory_order_release);
    } else {
      // order[link_next]: release store; pairs with [next_block]: as there.
      last->next.store(&b, std::memory_order_release);
    }
  }
  [[gnu::noinline, gnu::cold]] static block& block_with_room(Allocator& allocator, line& l) {
    block* last = nullptr;
    for (block* b = first_block(l); b != nullptr; b = next_block(*b)) {
      if (has_room(*b)) return *b;
      last = b;
    }
    block* const made = new_block(allocator);
    append_block(l, last, *made);
    return *made;
  }

  // ---- Moving.

  // Takes the locks of some cells, all or none, without waiting.
  class group_lock {
   public:
    group_lock(cell_array& a, std::size_t first, std::size_t n) noexcept : first_(a.lines() + first) {
      for (; taken_ != n; ++taken_) {
        outcome_ = first_[taken_].lock.attempt();
        if (outcome_ != lock_attempt::taken) break;
      }
      if (outcome_ != lock_attempt::taken) release();
    }
    group_lock(const group_lock&) = delete;
    group_lock& operator=(const group_lock&) = delete;
    ~group_lock() { release(); }

    lock_attempt outcome() const noexcept { return outcome_; }
    void close() noexcept {
      while (taken_ != 0) first_[--taken_].lock.close();
    }

   private:
    void release() noexcept {
      while (taken_ != 0) first_[--taken_].lock.unlock_unchanged();
    }

    line* first_;
    std::size_t taken_ = 0;
    lock_attempt outcome_ = lock_attempt::taken;
  };

  // Hashes of a group's elements: in place, unless a bad hash function has put very many into one cell.
  class hash_buffer {
   public:
    hash_buffer(const Allocator& allocator, std::size_t n) : memory_(allocator), length_(n) {
      if (n > std::size(here_)) more_ = std::allocator_traits<size_allocator>::allocate(memory_, n);
    }
    hash_buffer(const hash_buffer&) = delete;
    hash_buffer& operator=(const hash_buffer&) = delete;
    ~hash_buffer() {
      if (length_ > std::size(here_)) std::allocator_traits<size_allocator>::deallocate(memory_, more_, length_);
    }
    std::size_t& operator[](std::size_t i) noexcept {
      return length_ > std::size(here_) ? *std::to_address(more_ + static_cast<std::ptrdiff_t>(i)) : here_[i];
    }

   private:
    using size_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<std::size_t>;
    size_allocator memory_;
    std::size_t length_;
    typename std::allocator_traits<size_allocator>::pointer more_{};
    std::size_t here_[2 * most_slots];
  };

  // Blocks for the worst case, that all elements go to one cell; those that are not used are freed.
  class block_pool {
   public:
    block_pool(const Allocator& allocator, std::size_t elements) : allocator_(allocator) {
      if (elements <= slots) return;
      try {
        for (std::size_t room = 0; room < elements - slots + block_slots; room += block_slots) {
          block* const b = new_block(allocator_);
          b->next.store(first_, std::memory_order_relaxed);
          first_ = b;
        }
      } catch (...) {
        free();
        throw;
      }
    }
    block_pool(const block_pool&) = delete;
    block_pool& operator=(const block_pool&) = delete;
    ~block_pool() { free(); }

    block& take() noexcept {
      block* const b = first_;
      first_ = b->next.load(std::memory_order_relaxed);
      b->next.store(nullptr, std::memory_order_relaxed);
      return *b;
    }

   private:
    void free() noexcept {
      while (first_ != nullptr) {
        block* const b = first_;
        first_ = b->next.load(std::memory_order_relaxed);
        free_block(allocator_, b);
      }
    }

    const Allocator& allocator_;
    block* first_ = nullptr;
  };

  // Of a cell that does not count yet, so the orders of publish() buy nothing here, and cost nothing either.
  place receive(cell c, std::size_t hash, slot& from, block_pool& pool) noexcept {
    std::uint32_t const free = ~c.at->occupied.load(std::memory_order_relaxed) & full;
    if (free != 0) {
      unsigned const i = nearest(free, hash);
      slot::relocate(c.elements[i], from);
      return publish(*c.at, c.elements, i, hash);
    }
    block* b = last_block(*c.at);
    if (b == nullptr || !has_room(*b)) {
      block& fresh = pool.take();
      append_block(*c.at, b, fresh);
      b = &fresh;
    }
    unsigned const i = first_free(*b);
    slot::relocate(b->elements[i], from);
    return publish(*c.at, *b, i, hash);
  }

  template <class Time>
  static void stamp(cell c, place p, Time t) noexcept {
    recent::set(c.at->stamps, index_of(c, p), t);
  }

  // Of several cells into one: as each has had about as many uses since, the one with fewer uses after its own is the more
  // recent element. Those that are too many go to `out`, the oldest of all first.
  template <class Evicted>
  void merge_by_age(cell_array& to, std::size_t g, std::size_t sources, hash_buffer& hashes, block_pool& pool,
                    Evicted& out) noexcept {
    using time = typename recent::time;
    struct candidate {
      time age;
      std::uint16_t number;
      slot* at;
    };
    std::array<candidate, most_merged * slots> found;
    std::size_t n = 0;
    for (std::size_t i = g * sources; i != (g + 1) * sources; ++i) {
      cell const c = (*this)[i];
      time const now = recent::now(c.at->clock, c.at->stamps);
      for_each(c, [&](place p) {
        found[n] = {recent::age(c.at->stamps, index_of(c, p), now), static_cast<std::uint16_t>(n), p.at};
        ++n;
        return true;
      });
    }
    std::sort(
        found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n),
        [](const candidate& a, const candidate& b) { return a.age != b.age ? a.age > b.age : a.number > b.number; });
    std::size_t const homeless = n > slots ? n - slots : 0;
    for (std::size_t i = 0; i != homeless; ++i) out.take(*found[i].at);
    cell const c = to[g];
    for (std::size_t i = homeless; i != n; ++i) {
      place const there = to.receive(c, hashes[found[i].number], *found[i].at, pool);
      stamp(c, there, static_cast<time>(i - homeless + 1));
    }
    recent::set(c.at->clock, static_cast<time>(n - homeless + 1));
  }

  // The slots of closed cells are never used again: lets the system have their pages, so that freeing a large array later is
  // not one long system call. The lines stay, for those who still look at them.
  void release_slots(std::size_t first, std::size_t n) noexcept {
    constexpr std::size_t stretch = 64;  // cells
    std::size_t const end = first + n;
    if (cells_ < 1024 || end % stretch != 0) return;
    std::size_t const begin = end - std::max(stretch, n);
    for (std::size_t i = begin; i != end; ++i) {
      if (!is_closed(i)) return;  // somebody held it when its turn came
    }
    release_pages(elements_ + begin * slots, elements_ + end * slots);
  }

  std::size_t const cells_;
  unsigned const shift_;
  slot* const elements_;
  cell_array* const previous_;
  std::size_t disposed_ = 0;
  [[no_unique_address]] Allocator allocator_;
};

}  // namespace tandem::cell

#endif
