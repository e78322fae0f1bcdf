// The epoch that a container uses, as a base: one that threads share, or one that is the container's own (epoch.hpp).
#ifndef TANDEM_SYNC_EPOCH_USER_HPP
#define TANDEM_SYNC_EPOCH_USER_HPP

#include <type_traits>

namespace tandem {

template <class Epoch, bool = std::is_empty_v<Epoch>>
class epoch_user {
 protected:
  using domain_type = typename Epoch::domain_type;
  static constexpr bool moves = true;
  static domain_type& domain() noexcept { return Epoch::domain(); }
  static typename domain_type::record& here() { return Epoch::here(); }
  static typename domain_type::record& here_if_any() noexcept { return Epoch::here_if_any(); }
};
template <class Epoch>
class epoch_user<Epoch, false> {
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

}  // namespace tandem

#endif
