// One side of an evmap: a sequential map from keys to bags, and the operations that bring it from one version to the next.
//
// Every operation is applied twice, once to each side. The first time it runs user code: it compares values, hashes them for
// a large bag, calls predicates; and records in itself what it found: the position of an element, the place in the index.
// The second time it replays that. The bags of one key receive the same edits on both sides, so their elements have the same
// positions (value_bag.hpp), and no value is compared, hashed or judged again. Positions are checked all the same, so that a
// user's equality that lies can make the sides differ, but not touch what is not there.
//
// Keys are looked up on both sides: by the hash that was computed when the operation was appended, and the user's equality.
//
// Values that are not small and trivially copyable live in one node to which the bags of both sides and the operation point;
// the node's count is plain, as the writer alone changes it. A removed value goes when the second side lets go of it.
//
// An operation that throws leaves its side and itself as they were, so a publish can go on where it stopped; with a few
// combinations of types it cannot promise that, see absorbs_strongly, and the side is then made anew from the other one.
#ifndef TANDEM_DETAIL_MAP_SIDE_HPP
#define TANDEM_DETAIL_MAP_SIDE_HPP

#include <tandem/detail/any_predicate.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/value_bag.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace tandem::detail {

// The types that an evmap<Key, Value, Options> is made of.
template <class Key, class Value, class Options>
struct map_types {
  using key = Key;
  using value = Value;
  using hasher = chosen_or<typename Options::hasher, hash<Key>>;
  using key_equal = chosen_or<typename Options::key_equal, equal_to<Key>>;
  using value_hasher = chosen_or<typename Options::value_hasher, hash<Value>>;
  using value_equal = chosen_or<typename Options::value_equal, equal_to<Value>>;
  using allocator = typename Options::allocator;
  using meta = typename Options::meta;

  struct bag_options : value_bag_options {
    using hasher = value_hasher;
    using equal = value_equal;
    using allocator = typename Options::allocator;
    using storage = shared_values;
  };
  using bag = value_bag<Value, bag_options>;
  using element = bag_access::element<bag>;

  using map_hash = keyed_hash<Key, hasher>;
  using map_equal = keyed_equal<Key, key_equal>;
  using map_allocator = typename std::allocator_traits<allocator>::template rebind_alloc<std::pair<const Key, bag>>;
  using map = typename Options::template map<Key, bag, map_hash, map_equal, map_allocator>;

  // What a side is made from.
  struct parts {
    meta initial{};
    hasher hash{};
    key_equal equal{};
    value_hasher hash_value{};
    value_equal equal_value{};
    allocator alloc{};
    std::size_t capacity = Options::capacity;

    bag make_bag() const { return bag(hash_value, equal_value, typename bag::allocator_type(alloc)); }
  };
};

// Whether an insertion that throws leaves the map as it was, also where it makes the map move its elements to a larger table:
// std::unordered_map does, and maps that say so.
template <class Map>
inline constexpr bool inserts_strongly = requires { requires Map::inserts_strongly; };
template <class Key, class T, class Hash, class Equal, class Allocator>
inline constexpr bool inserts_strongly<std::unordered_map<Key, T, Hash, Equal, Allocator>> = true;

template <class Types>
class map_side {
 public:
  using key = typename Types::key;
  using value = typename Types::value;
  using bag = typename Types::bag;
  using element = typename Types::element;
  using meta_type = typename Types::meta;
  using map_type = typename Types::map;
  using parts = typename Types::parts;

  // ---- Operations. `hash` is the key's; what the first application records has no initial value.

  struct key_op {
    key k;
    std::size_t hash;
  };
  struct insert : key_op {
    element e;
    bag_insertion place{};
  };
  struct assign : key_op {
    element e;
  };
  struct erase : key_op {};
  struct erase_value : key_op {
    value v;
    std::uint32_t position = bag_access::npos;
  };
  using positions = std::vector<std::uint32_t>;
  struct erase_values_if : key_op {
    any_predicate<const value&> pred;
    positions found{};
  };
  struct erase_all_if {
    struct in_key : key_op {
      positions found;
    };
    any_predicate<const key&, const value&> pred;
    std::vector<in_key> found{};
  };
  struct clear_bag : key_op {};
  struct clear_all {};
  struct reserve_bag : key_op {
    std::size_t more;
  };
  struct shrink_bag : key_op {};
  struct shrink_all {};
  struct set_meta {
    meta_type m;
  };

  using operation = std::variant<insert, assign, erase, erase_value, erase_values_if, erase_all_if, clear_bag,
                                 clear_all, reserve_bag, shrink_bag, shrink_all, set_meta>;

  // ---- As left_right's T.

  // Other tables that move their elements to a larger array lose some if a hash or a move throws half way. And a meta whose swap
  // throws is in neither of two states.
  static constexpr bool absorbs_strongly =
      std::is_nothrow_swappable_v<meta_type> &&
      (inserts_strongly<map_type> ||
       (noexcept(mixed(std::declval<const typename Types::hasher&>(), std::declval<const key&>())) &&
        std::is_nothrow_move_constructible_v<key>));

  explicit map_side(const parts& p)
      : map_(0, typename Types::map_hash(p.hash), typename Types::map_equal(p.equal),
             typename Types::map_allocator(p.alloc)),
        meta_(p.initial),
        empty_bag_(p.make_bag()) {
    if (p.capacity != 0) map_.reserve(p.capacity);
  }

  void absorb_first(operation& op, const map_side&) {
    std::visit([this](auto& o) { this->first(o); }, op);
  }
  void absorb_second(operation&& op, const map_side&) {
    std::visit([this](auto& o) { this->second(o); }, op);
  }
  void sync_with(const map_side& other) {
    map_type same(0, map_.hash_function(), map_.key_eq(), map_.get_allocator());
    same.reserve(other.map_.size());
    for (const auto& [k, b] : other.map_) same.try_emplace(k, bag_access::share(b));
    meta_type m(other.meta_);
    using std::swap;
    swap(meta_, m);
    swap(map_, same);
  }

  // ---- Reading.

  const map_type& map() const noexcept { return map_; }
  const meta_type& meta() const noexcept { return meta_; }

  template <class Q>
  const bag* find(const Q& k) const {
    auto const found = map_.find(k);
    return found == map_.end() ? nullptr : std::addressof(found->second);
  }

 private:
  // ---- First application: may run user code; throws before it changes anything.

  void first(insert& o) {
    bag* const b = bag_of(o);
    if (b == nullptr) {
      create(o, element(o.e));
    } else {
      bag_insertion place = bag_access::plan_insert(*b, o.e);
      bag_access::apply_insert(*b, element(o.e), place);
      o.place = std::move(place);
    }
  }
  void first(assign& o) { replace(o, element(o.e)); }
  void first(erase_value& o) {
    bag* const b = bag_of(o);
    o.position = b == nullptr ? bag_access::npos : bag_access::plan_erase_one(*b, o.v);
    second(o);
  }
  void first(erase_values_if& o) {
    bag* const b = bag_of(o);
    o.found = b == nullptr ? positions() : bag_access::plan_erase_if(*b, o.pred);
    second(o);
  }
  void first(erase_all_if& o) {
    std::vector<typename erase_all_if::in_key> found;
    for (const auto& [k, b] : map_) {
      auto here = [&pred = o.pred, &at = k](const value& v) { return pred(at, v); };
      if (positions p = bag_access::plan_erase_if(b, here); !p.empty()) {
        found.push_back({{k, map_.hash_function()(k)}, std::move(p)});
      }
    }
    o.found = std::move(found);
    second(o);
  }
  void first(set_meta& o) {
    meta_type m(o.m);
    exchange_meta(m);
  }
  void first(auto& o) { second(o); }  // the others have nothing to decide

  // ---- Second application: replays; may allocate, but runs no user code on values.

  void second(insert& o) {
    if (bag* const b = bag_of(o)) {
      bag_access::apply_insert(*b, std::move(o.e), o.place);
    } else {
      create(o, std::move(o.e));
    }
  }
  void second(assign& o) { replace(o, std::move(o.e)); }
  void second(erase& o) {
    if (auto const found = map_.find(prehashed<key>{o.k, o.hash}); found != map_.end()) map_.erase(found);
  }
  void second(erase_value& o) {
    if (bag* const b = bag_of(o)) bag_access::apply_erase(*b, o.position);
  }
  void second(erase_values_if& o) {
    if (bag* const b = bag_of(o)) bag_access::apply_erase(*b, o.found);
  }
  void second(erase_all_if& o) {
    // Look all of them up before the first change: a key's equality may throw.
    std::vector<bag*> bags;
    bags.reserve(o.found.size());
    for (const auto& in_key : o.found) bags.push_back(bag_of(in_key));
    for (std::size_t i = 0; i != bags.size(); ++i) {
      if (bags[i] != nullptr) bag_access::apply_erase(*bags[i], o.found[i].found);
    }
  }
  void second(clear_bag& o) { find_or_create(o).clear(); }
  void second(clear_all&) noexcept { map_.clear(); }
  void second(reserve_bag& o) {
    if (bag* const b = bag_of(o)) {
      b->reserve(b->size() + o.more);
    } else {
      bag fresh = empty_bag();
      fresh.reserve(o.more);
      make_entry(o, std::move(fresh));
    }
  }
  void second(shrink_bag& o) {
    if (bag* const b = bag_of(o)) bag_access::apply_shrink(*b);
  }
  void second(shrink_all&) noexcept {
    for (auto&& entry : map_) bag_access::apply_shrink(entry.second);
  }
  void second(set_meta& o) { exchange_meta(o.m); }

  // ---- Both.

  void exchange_meta(meta_type& m) {
    using std::swap;
    swap(meta_, m);
  }

  bag empty_bag() const { return bag_access::share(empty_bag_); }

  bag* bag_of(const key_op& o) {
    auto const found = map_.find(prehashed<key>{o.k, o.hash});
    return found == map_.end() ? nullptr : std::addressof(found->second);
  }

  // `e` is moved from only if nothing throws: the map does not touch what it is given before it has room for it.
  void create(const key_op& o, element&& e) {
    bag& fresh = make_entry(o, empty_bag());
    bag_access::apply_assign(fresh, std::move(e));
  }
  void replace(const key_op& o, element&& e) { bag_access::apply_assign(find_or_create(o), std::move(e)); }

  bag& find_or_create(const key_op& o) {
    bag* const b = bag_of(o);
    return b != nullptr ? *b : make_entry(o, empty_bag());
  }
  // Precondition: there is none with this key.
  bag& make_entry(const key_op& o, bag&& b) {
    if constexpr (requires { map_.try_emplace_hashed(o.hash, o.k, std::move(b)); }) {
      return map_.try_emplace_hashed(o.hash, o.k, std::move(b)).first->second;
    } else {
      return map_.try_emplace(o.k, std::move(b)).first->second;
    }
  }

  map_type map_;
  meta_type meta_;
  // Never filled: new bags are as it is, with its hash, equality and allocator.
  bag const empty_bag_;
};

}  // namespace tandem::detail

#endif
