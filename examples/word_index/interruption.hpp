// Ctrl-C as a question that the program asks when it suits it.
#ifndef WORD_INDEX_INTERRUPTION_HPP
#define WORD_INDEX_INTERRUPTION_HPP

namespace word_index {

// From now on the first Ctrl-C only makes interrupted() true. The second one ends the program as usual.
void notice_interruptions() noexcept;

bool interrupted() noexcept;

}  // namespace word_index

#endif
