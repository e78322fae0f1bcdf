#ifndef CONSUMER_OTHER_HPP
#define CONSUMER_OTHER_HPP

#include <tandem/evmap.hpp>

bool holds(const tandem::evmap<int, int>::reader& reader, int key, int value);

#endif
