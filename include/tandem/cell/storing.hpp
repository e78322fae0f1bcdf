// What all cell containers and sharded_map have: what all containers have (holding.hpp), the table and its functions. Documented in
// visiting.hpp, and, for containers whose readers take no lock, in cell_index.hpp.
#ifndef TANDEM_CELL_STORING_HPP
#define TANDEM_CELL_STORING_HPP

#include <tandem/cell/holding.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>

#include <type_traits>

namespace tandem::cell {

template <class Engine>
class storing : public holding<Engine> {
  using base = holding<Engine>;

 protected:
  using base::engine_;
  using typename base::called_from;
  using typename base::caller;
  using typename base::element;
  using typename base::types;

 public:
  using typename base::key_type;
  using typename base::size_type;
  using hasher = typename types::hasher;
  using key_equal = typename types::key_equal;

  // ---- The table.

  [[nodiscard]] size_type max_size() const noexcept { return engine_.max_size(); }

  // Room for elements, used or not.
  [[nodiscard]] size_type bucket_count() const noexcept { return engine_.bucket_count(); }
  [[nodiscard]] float load_factor() const noexcept {
    size_type const room = bucket_count();
    return room == 0 ? 0.0F : static_cast<float>(this->size()) / static_cast<float>(room);
  }
  // The table decides by itself when it grows. Setting this has no effect.
  [[nodiscard]] float max_load_factor() const noexcept { return 1.0F; }
  void max_load_factor(float) noexcept {}
  [[nodiscard]] size_type max_load() const noexcept { return bucket_count(); }
  // Room for n elements.
  void reserve(size_type n, caller where = caller::here()) {
    called_from const place(where);
    engine_.reserve(n);
  }
  // Room for n elements, or for those that there are, if they are more; not much more room than that.
  void rehash(size_type n, caller where = caller::here()) {
    called_from const place(where);
    engine_.rehash(n);
  }

  [[nodiscard]] hasher hash_function() const { return engine_.hash_function(); }
  [[nodiscard]] key_equal key_eq() const { return engine_.key_eq(); }

 protected:
  using stored =
      typename std::conditional_t<std::is_void_v<typename element::mapped_type>, std::type_identity<key_type>,
                                  std::type_identity<typename element::mapped_type>>::type;

  using base::base;
  constexpr storing() = default;
  ~storing() = default;

  static void swap_engines(storing& a, storing& b) {
    called_from const place(caller::here());
    a.engine_.swap(b.engine_);
  }

  template <class Q>
  detail::prehashed<Q> hashed(const Q& k) const {
    return cell::with_hash(engine_, k);
  }
};

}  // namespace tandem::cell

#endif
