// What the guards of whole containers have in common whose readers take no lock: the thread is pinned while one lives, and
// lookups by way of it need not pin it each time.
#ifndef TANDEM_CELL_PINNED_VIEW_HPP
#define TANDEM_CELL_PINNED_VIEW_HPP

#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/live_guards.hpp>
#include <tandem/detail/misuse.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace tandem::cell {

// Empty by default, after reset(), and when moved from.
template <class Engine>
class pinned_view {
 protected:
  using types = engine_traits<Engine>;
  using element = typename types::element;
  using stored = typename element::value_type;

 public:
  using key_type = typename element::key_type;
  using mapped_type = typename element::mapped_type;
  using value_type = stored;
  using size_type = std::size_t;

  pinned_view() noexcept = default;
  explicit pinned_view(const Engine& engine)
      : pin_(engine.enter()), engine_(std::addressof(engine)), mark_(std::addressof(engine)) {}
  pinned_view(pinned_view&& other) noexcept
      : pin_(std::move(other.pin_)), engine_(std::exchange(other.engine_, nullptr)), mark_(other.mark_) {
    other.mark_.end();
  }
  pinned_view& operator=(pinned_view&& other) noexcept {
    if (this != std::addressof(other)) {
      reset();
      pin_ = std::move(other.pin_);
      engine_ = std::exchange(other.engine_, nullptr);
      mark_ = other.mark_;
      other.mark_.end();
    }
    return *this;
  }
  ~pinned_view() { reset(); }

  explicit operator bool() const noexcept { return engine_ != nullptr; }
  // Ends the guard.
  void reset() noexcept {
    if (engine_ == nullptr) return;
    pin_.end();
    mark_.end();
    std::exchange(engine_, nullptr)->tend_after_guard();
  }

  // ---- Lookups, as those of the container. Precondition: not empty.

  template <detail::key_for<types> Q = key_type, class F>
  size_type visit(const Q& k, F&& f) const {
    auto&& sought = detail::as_key<types>(k);
    return engine().look_pinned(cell::sought_by(engine(), sought), [&](const stored& x) { cell::call_visitor(f, x); });
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] bool contains(const Q& k) const {
    return visit(k, [](const stored&) {}) != 0;
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] std::optional<mapped_type> get(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    auto const seen = engine().see(cell::sought_by(engine(), sought));
    return seen ? std::optional<mapped_type>(seen.value().second) : std::optional<mapped_type>();
  }
  template <detail::key_for<types> Q = key_type, class F>
  auto read(const Q& k, F&& f) const {
    visit_result<decltype(cell::call_with_value<element>(f, std::declval<const stored&>()))> result;
    visit(k, [&](const stored& x) {
      result.set([&]() -> decltype(auto) { return cell::call_with_value<element>(f, x); });
    });
    return std::move(result).get();
  }

 protected:
  const Engine& engine() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (engine_ == nullptr) detail::misuse("an empty guard was used: look at its operator bool first");
    }
    return *engine_;
  }

 private:
  typename Engine::pin pin_;
  const Engine* engine_ = nullptr;
  [[no_unique_address]] detail::guard_mark mark_;
};

}  // namespace tandem::cell

#endif
