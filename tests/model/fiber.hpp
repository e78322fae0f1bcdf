// Stackful coroutines on one operating system thread, for the model checker.
//
// A fiber owns a stack that is reused for every body it runs. Switching is symmetric: whoever runs names its successor.
// On x86-64 ELF systems a switch is a dozen instructions; elsewhere it is swapcontext(3), which also saves the signal
// mask by a system call and is some fifty times slower.
//
// Exceptions may be thrown and caught inside a body, also with switches in between: the runtime's list of caught
// exceptions is kept per fiber. A body that leaks an exception terminates the program. A fiber that is abandoned in the
// middle of its body is never unwound: what its frames own is leaked. Address and thread sanitizer do not understand
// such stacks.
#ifndef TANDEM_TESTS_MODEL_FIBER_HPP
#define TANDEM_TESTS_MODEL_FIBER_HPP

#include <cstddef>
#include <cstdint>
#include <memory>

#if !(defined(__x86_64__) && defined(__ELF__))
#include <ucontext.h>
#endif

namespace tandem::model {

#if defined(__x86_64__) && defined(__ELF__)

// Pushes the callee-saved registers, leaves the stack pointer in *save and continues on the stack `load`.
extern "C" void tandem_model_switch(void** save, void* load);

// A group section, so that several translation units may contain this header. The flags words (mxcsr, x87) are not
// saved: nothing here changes them.
asm(R"(
  .pushsection .text.tandem_model_switch,"axG",@progbits,tandem_model_switch,comdat
  .weak tandem_model_switch
  .type tandem_model_switch,@function
tandem_model_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
  .size tandem_model_switch, .-tandem_model_switch
  .popsection
)");

class context {
 public:
  void prepare(std::byte* stack, std::size_t size, void (*entry)()) {
    // From the top: a null return address that ends backtraces, the entry point that the first switch returns to, and
    // six registers. At the entry the stack pointer is 8 modulo 16, as after a call.
    auto top = (reinterpret_cast<std::uintptr_t>(stack) + size) & ~std::uintptr_t{15};
    auto* words = reinterpret_cast<void**>(top) - 8;
    for (int i = 0; i < 8; ++i) words[i] = nullptr;
    words[6] = reinterpret_cast<void*>(entry);
    stack_pointer_ = words;
  }
  static void transfer(context& from, context& to) { tandem_model_switch(&from.stack_pointer_, to.stack_pointer_); }

 private:
  void* stack_pointer_ = nullptr;
};

#else

class context {
 public:
  void prepare(std::byte* stack, std::size_t size, void (*entry)()) {
    getcontext(&state_);
    state_.uc_stack.ss_sp = stack;
    state_.uc_stack.ss_size = size;
    state_.uc_link = nullptr;
    makecontext(&state_, entry, 0);
  }
  static void transfer(context& from, context& to) { swapcontext(&from.state_, &to.state_); }

 private:
  ucontext_t state_{};
};

#endif

struct exception_state {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

// The Itanium C++ ABI, section 2.2.2, fixes this function and what it returns. Only one of the two usual runtimes
// declares it.
extern "C" exception_state* tandem_model_exceptions() noexcept asm("__cxa_get_globals");

// The fiber that is default-constructed and never started stands for the stack of whoever switches away from it.
class fiber {
 public:
  // Makes the next switch to this fiber run body(argument) from the start; the body must not return.
  void start(void (*body)(void*) noexcept, void* argument) {
    if (!stack_) stack_ = std::make_unique_for_overwrite<std::byte[]>(stack_size);
    body_ = body;
    argument_ = argument;
    exceptions_ = {};
    context_.prepare(stack_.get(), stack_size, &enter);
  }

  static void transfer(fiber& from, fiber& to) {
    exception_state& exceptions = *tandem_model_exceptions();
    from.exceptions_ = exceptions;
    exceptions = to.exceptions_;
    arriving_ = &to;
    context::transfer(from.context_, to.context_);
  }

 private:
  static constexpr std::size_t stack_size = 256 * 1024;

  static void enter() {
    fiber& self = *arriving_;
    self.body_(self.argument_);
  }

  static inline fiber* arriving_ = nullptr;

  context context_;
  std::unique_ptr<std::byte[]> stack_;
  void (*body_)(void*) noexcept = nullptr;
  void* argument_ = nullptr;
  exception_state exceptions_;
};

}  // namespace tandem::model

#endif
