#include "other.hpp"

#include <tandem/tandem.hpp>

bool holds(const tandem::evmap<int, int>::reader& reader, int key, int value) { return reader.contains(key, value); }
