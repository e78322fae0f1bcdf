// The elements of a container, to be moved from. (As std::ranges::subrange over std::move_iterators, which Clang 14 cannot
// compile with the headers of GCC.)
#ifndef TANDEM_TESTS_SUPPORT_MOVING_HPP
#define TANDEM_TESTS_SUPPORT_MOVING_HPP

#include <iterator>

namespace tandem::test {

template <class Container>
class moving {
 public:
  explicit moving(Container& from) noexcept : from_(from) {}
  auto begin() const { return std::move_iterator(from_.begin()); }
  auto end() const { return std::move_iterator(from_.end()); }

 private:
  Container& from_;
};

}  // namespace tandem::test

#endif
