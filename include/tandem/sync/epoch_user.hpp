// The epoch that a container uses, as a base: one that threads share, or one that is the container's own (epoch.hpp).
#ifndef TANDEM_SYNC_EPOCH_USER_HPP
#define TANDEM_SYNC_EPOCH_USER_HPP

#include <tandem/sync/epoch.hpp>

#include <type_traits>

namespace tandem {

template <class Epoch, bool = std::is_empty_v<Epoch>>
class epoch_of_user {
 protected:
  using domain_type = typename Epoch::domain_type;
  static constexpr bool moves = true;
  static domain_type& domain() noexcept { return Epoch::domain(); }
  static typename domain_type::record& here() { return Epoch::here(); }
  static typename domain_type::record& here_if_any() noexcept { return Epoch::here_if_any(); }
};
template <class Epoch>
class epoch_of_user<Epoch, false> {
 protected:
  using domain_type = typename Epoch::domain_type;
  // Readers who are pinned by one epoch must not find what is retired by another.
  static constexpr bool moves = false;
  domain_type& domain() const noexcept { return epoch_.domain(); }
  typename domain_type::record& here() const { return epoch_.here(); }
  typename domain_type::record& here_if_any() const noexcept { return epoch_.here_if_any(); }

 private:
  Epoch epoch_;
};

template <class Epoch>
class epoch_user : protected epoch_of_user<Epoch> {
  using base = epoch_of_user<Epoch>;

 protected:
  using typename base::domain_type;
  using pin = typename domain_type::pin;

  // Throws std::bad_alloc, at a thread's first call only.
  pin enter() const { return base::domain().enter(base::here()); }
  // The same, to be inlined where it matters.
  [[gnu::always_inline]] pin enter_quickly() const {
    auto& mine = base::here_if_any();
    if (domain_type::may_enter_lightly(mine)) [[likely]]
      return base::domain().enter_lightly(mine);
    return pin(begin());
  }

 private:
  [[gnu::noinline, gnu::cold]] typename domain_type::record* begin() const {
    auto& mine = base::here();
    base::domain().begin(mine);
    return &mine;
  }
};

}  // namespace tandem

#endif
