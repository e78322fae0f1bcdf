// The interface of cell_index's elements: what it shares with tree_index (replacing.hpp), and what goes over many of them. Documented
// in cell_index.hpp.
#ifndef TANDEM_CELL_INDEXING_HPP
#define TANDEM_CELL_INDEXING_HPP

#include <tandem/cell/index_guards.hpp>
#include <tandem/cell/index_table.hpp>
#include <tandem/cell/replacing.hpp>
#include <tandem/cell/storing.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>

#include <iterator>
#include <memory>
#include <utility>

namespace tandem::cell {

template <class Engine>
class indexing : public replacing<storing<Engine>, Engine> {
  using base = replacing<storing<Engine>, Engine>;

 protected:
  using base::engine_;
  using base::hashed;
  using base::judging;
  using base::showing;
  using typename base::called_from;
  using typename base::caller;
  using typename base::types;

 public:
  using base::cvisit;
  using base::visit;
  using typename base::key_type;
  using typename base::size_type;
  using typename base::value_type;
  using range_guard = index_range<Engine>;

  // A guard of everything: a forward range of const value_type&, or of const value_type where pairs are kept in words; and
  // lookups that cost less.
  [[nodiscard]] range_guard enter(caller where = caller::here()) const {
    called_from const place(where);
    return range_guard(engine_);
  }

  // f(element) for those of the keys in [first, last) that are there, in their order. Returns how many were. Faster than as many
  // visits: the thread is pinned once, and the memory that several lookups need is asked for together.
  template <std::forward_iterator It, class F>
  size_type visit(It first, It last, F&& f) const {
    auto const pinned = engine_.enter();
    return engine_.look_bulk(first, last, showing(f));
  }
  template <std::forward_iterator It, class F>
  size_type cvisit(It first, It last, F&& f) const {
    return visit(first, last, f);
  }

  // f(element) for each. Returns how many there were.
  template <class F>
  size_type visit_all(F&& f) const {
    auto const pinned = engine_.enter();
    size_type n = 0;
    engine_.scan([&](const value_type& x) {
      ++n;
      static_cast<void>(cell::call_visitor(f, x));
      return true;
    });
    return n;
  }
  template <class F>
  size_type cvisit_all(F&& f) const {
    return visit_all(f);
  }
  // While f(element) is true. Returns whether it was each time.
  template <class F>
  bool visit_while(F&& f) const {
    auto const pinned = engine_.enter();
    return engine_.scan([&](const value_type& x) { return static_cast<bool>(cell::call_visitor(f, x)); });
  }
  template <class F>
  bool cvisit_while(F&& f) const {
    return visit_while(f);
  }

  // These return how many were erased.
  // If pred(element) is true.
  template <detail::key_for<types> Q = key_type, class Predicate>
  size_type erase_if(const Q& k, Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.erase_if(hashed(sought), judging(pred));
  }
  // All elements for which pred(element) is true.
  template <class Predicate>
  size_type erase_if(Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    return engine_.erase_if(judging(pred));
  }
  void clear() noexcept { engine_.clear(); }

 protected:
  using base::base;
  constexpr indexing() = default;
  ~indexing() = default;

  // Readers may be looking at them.
  static constexpr bool moves_elements = false;
  static void move_elements(indexing& to, indexing& from) {
    from.visit_all([&](const value_type& x) { to.emplace(x); });
    from.clear();
  }

  static bool equal(const indexing& a, const indexing& b) {
    if (std::addressof(a) == std::addressof(b)) return true;
    if (a.size() != b.size()) return false;
    return a.visit_while([&](const value_type& x) {
      bool same = false;
      b.visit(x.first, [&](const value_type& y) { same = static_cast<bool>(x.second == y.second); });
      return same;
    });
  }
};

}  // namespace tandem::cell

#endif
